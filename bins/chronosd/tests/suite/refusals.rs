//! Bad input over a real connection: an error that names the field, and nothing changes.

use crate::{
    client::{after, by_hand},
    daemon::Daemon,
    home::Home,
};

const ISO8601: &str = "/v1/scheduler/iso8601";

const DEPENDENCY: &str = "/v1/scheduler/dependency";

/// A daemon with two jobs, and how they read.
fn start(home: &Home) -> (Daemon, String) {
    let daemon = Daemon::start(home);
    daemon.create(&by_hand("there", "true"));
    daemon.create(&after(&["there"], "child", "true"));
    let before = daemon.get("/v1/scheduler/jobs").body;
    (daemon, before)
}

#[track_caller]
fn check_unchanged(daemon: Daemon, before: &str) {
    assert_eq!(daemon.get("/v1/scheduler/jobs").body, before);
    daemon.stop();
}

#[test]
fn documents_that_are_wrong_are_refused_by_field() {
    let home = Home::new();
    let (daemon, before) = start(&home);
    daemon.post(ISO8601, "{").check_error(400, "body");
    daemon.post(ISO8601, "[]").check_error(400, "job");
    for (fields, field) in [
        (r#""command":"true""#, "name"),
        (r#""name":"a/b","command":"true""#, "name"),
        (r#""name":"a""#, "command"),
        (
            r#""name":"a","command":"true","schedule":"soon""#,
            "schedule",
        ),
        (
            r#""name":"a","command":"true","schedule":"R//PT0S""#,
            "schedule",
        ),
        (
            r#""name":"a","command":"true","scheduleTimeZone":"Mars/Base""#,
            "scheduleTimeZone",
        ),
        (r#""name":"a","command":"true","cpus":"many""#, "cpus"),
        (
            r#""name":"a","command":"true","disabled":"maybe""#,
            "disabled",
        ),
    ] {
        let document = format!("{{{fields}}}");
        daemon.post(ISO8601, &document).check_error(400, field);
    }
    for (name, parent, field) in [
        ("a", "nobody", "parents"),
        ("there", "there", "parents[0]"),
        ("there", "child", "parents"),
    ] {
        let document = after(&[parent], name, "true").to_string();
        daemon.post(DEPENDENCY, &document).check_error(400, field);
    }
    check_unchanged(daemon, &before);
}

#[test]
fn bodies_that_are_too_large_or_of_another_type_are_refused() {
    let home = Home::new();
    let (daemon, before) = start(&home);
    let job = by_hand("a", "true").to_string();
    let text = ("Content-Type", "text/plain");
    daemon
        .ask("POST", ISO8601, &[text], &job)
        .check_error(415, "body");
    let large = by_hand("a", &"x".repeat(2 * 1024 * 1024)).to_string();
    daemon.post(ISO8601, &large).check_error(413, "body");
    check_unchanged(daemon, &before);
}

#[test]
fn what_is_not_there_is_named() {
    let home = Home::new();
    let (daemon, before) = start(&home);
    daemon
        .put("/v1/scheduler/job/nobody")
        .check_error(400, "name");
    daemon
        .get("/v1/scheduler/job/nobody/runs")
        .check_error(404, "name");
    daemon
        .get("/v1/scheduler/runs/ct:1:0:there:")
        .check_error(404, "id");
    daemon
        .get("/v1/scheduler/job/there/runs?limit=none")
        .check_error(400, "limit");
    assert_eq!(daemon.get("/v1/nowhere").status, 404);
    assert_eq!(daemon.delete("/ping").status, 405);
    let evil = ("Host", "evil.example");
    assert_eq!(daemon.ask("GET", "/ping", &[evil], "").status, 403);
    check_unchanged(daemon, &before);
}
