//! The end of a daemon that is asked to end.

use std::{thread, time::Duration};

use rustix::process::Signal;

use crate::{client::by_hand, daemon::Daemon, home::Home, patience::wait_for};

/// How long an end may take: two seconds each for open answers and the agent, and a busy machine.
const END_MAX: Duration = Duration::from_secs(10);

#[test]
fn ends_well_and_soon_on_each_polite_signal() {
    let home = Home::new();
    for (signal, name) in [
        (Signal::TERM, "SIGTERM"),
        (Signal::INT, "SIGINT"),
        (Signal::HUP, "SIGHUP"),
    ] {
        let process = Daemon::start(&home).into_process();
        process.signal(signal);
        let ended = process.wait();
        assert_eq!(ended.status.code(), Some(0), "{:#?}", ended.log);
        assert!(ended.took < END_MAX, "{:?}", ended.took);
        assert!(ended.log.iter().any(|line| line["signal"] == name));
    }
}

#[test]
fn runs_go_on_while_it_ends_and_are_picked_up() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let beat = home.append("beats", "beat");
    let until = home
        .until("may-end")
        .replace("sleep 0.02", &format!("{beat}; sleep 0.02"));
    daemon.create(&by_hand(
        "long",
        &format!("echo begun; {until}; echo ended"),
    ));
    daemon.run_now("long");
    let before = daemon.wait_running("long");
    // One who follows the log does not hold the end up.
    let id = before["id"].as_str().unwrap();
    let mut log = daemon.open(&format!("/v1/scheduler/runs/{id}/log?follow=true"));
    assert_eq!(log.next().as_deref(), Some("begun"));
    let ended = daemon.stop();
    assert!(ended.took < END_MAX, "{:?}", ended.took);
    drop(log);
    let beats = home.lines("beats").len();
    wait_for("the run goes on", || {
        (home.lines("beats").len() > beats + 5).then_some(())
    });
    let daemon = Daemon::start(&home);
    assert_eq!(daemon.wait_running("long"), before);
    home.touch("may-end");
    let run = daemon.wait_outcome("long", "succeeded");
    assert_eq!(
        (&run["id"], &run["startedAt"]),
        (&before["id"], &before["startedAt"])
    );
    assert_eq!(daemon.runs("long").len(), 1);
    let log = daemon.get(&format!("/v1/scheduler/runs/{id}/log"));
    assert_eq!(log.body, "begun\nended\n");
    daemon.stop();
}

#[test]
fn what_was_answered_is_there_whatever_the_end() {
    let home = Home::new();
    let ends: [fn(Daemon); 2] = [Daemon::kill9, |daemon| drop(daemon.stop())];
    for (round, end) in ends.into_iter().enumerate() {
        let daemon = Daemon::start(&home);
        thread::scope(|scope| {
            for part in 0..4 {
                let daemon = &daemon;
                scope.spawn(move || {
                    for number in 0..10 {
                        let name = format!("job-{round}-{part}-{number}");
                        daemon.create(&by_hand(&name, "true"));
                    }
                });
            }
        });
        end(daemon);
        let daemon = Daemon::start(&home);
        assert_eq!(daemon.job_names().len(), 40 * (round + 1));
        daemon.stop();
    }
}
