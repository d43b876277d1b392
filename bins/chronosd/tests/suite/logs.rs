//! What a run prints, while it prints it.

use crate::{client::by_hand, daemon::Daemon, home::Home};

fn path(id: &str, query: &str) -> String {
    format!("/v1/scheduler/runs/{id}/log{query}")
}

#[test]
fn a_log_is_read_in_parts_and_followed_to_its_end() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let command = format!(
        "echo one; echo oops >&2; {}; echo two; {}; echo three",
        home.until("second"),
        home.until("third")
    );
    daemon.create(&by_hand("talker", &command));
    daemon.run_now("talker");
    let run = daemon.wait_running("talker");
    let id = run["id"].as_str().unwrap();

    let mut all = daemon.open(&path(id, "?follow=true"));
    assert_eq!(all.next().as_deref(), Some("one"));
    let mut errors = daemon.open(&path(id, "?stream=stderr&follow=true"));
    assert_eq!(errors.next().as_deref(), Some("oops"));
    let part = daemon.get(&path(id, "?offset=1"));
    assert_eq!(part.body, "ne\n");
    assert_eq!(
        (part.header("x-log-size"), part.header("x-log-ended")),
        ("4", "false")
    );
    assert_eq!(daemon.get(&path(id, "?offset=4")).body, "");

    // From here on only what is new.
    let mut rest = daemon.open(&path(id, "?offset=4&follow=true"));
    home.touch("second");
    assert_eq!(all.next().as_deref(), Some("two"));
    assert_eq!(rest.next().as_deref(), Some("two"));
    home.touch("third");
    assert_eq!(all.collect::<Vec<_>>(), ["three"]);
    assert_eq!(rest.collect::<Vec<_>>(), ["three"]);
    assert_eq!(errors.next(), None);

    daemon.wait_outcome("talker", "succeeded");
    let whole = daemon.get(&path(id, ""));
    assert_eq!(whole.body, "one\ntwo\nthree\n");
    assert_eq!(
        (whole.header("x-log-size"), whole.header("x-log-ended")),
        ("14", "true")
    );
    assert_eq!(daemon.get(&path(id, "?stream=stderr")).body, "oops\n");
    daemon
        .get(&path(id, "?stream=stdin"))
        .check_error(400, "stream");
    assert_eq!(daemon.get(&path("ct:1:0:talker:", "")).status, 404);
    daemon.stop();
}

#[test]
fn a_log_is_followed_from_before_its_run_starts_and_read_after_a_restart() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let first = format!("echo first; {}", home.until("may-end"));
    let mut job = by_hand("turns", &first);
    daemon.create(&job);
    daemon.run_now("turns");
    let running = daemon.wait_running("turns");
    // Its next target comes while the first run goes on, and waits for it.
    job["schedule"] = "R1//PT1S".into();
    job["command"] = "echo second".into();
    daemon.create(&job);
    let queued = daemon.wait_run("turns", "state", "queued");
    let reason = queued["reason"].as_str().unwrap();
    assert!(reason.contains(running["id"].as_str().unwrap()), "{reason}");
    let id = queued["id"].as_str().unwrap();
    let log = daemon.open(&path(id, "?follow=true"));
    home.touch("may-end");
    assert_eq!(log.collect::<Vec<_>>(), ["second"]);
    daemon.kill9();
    let daemon = Daemon::start(&home);
    assert_eq!(daemon.get(&path(id, "")).body, "second\n");
    daemon.stop();
}
