//! A run outlives the daemon, and what became of it is not lost.

use std::fs;

use serde_json::{Value, json};

use crate::{client::by_hand, daemon::Daemon, home::Home, patience::wait_for};

/// A run that goes on until it may end, and then fails with 7.
fn begin(home: &Home, daemon: &Daemon) -> Value {
    let command = format!(
        "{}; {}; exit 7",
        home.append("begun", "$mesos_task_id $PPID"),
        home.until("may-end")
    );
    daemon.create(&by_hand("long", &command));
    daemon.run_now("long");
    wait_for("the command has begun", || {
        (!home.lines("begun").is_empty()).then_some(())
    });
    let run = daemon.wait_running("long");
    assert!(run["startedAt"].is_string(), "{run}");
    run
}

// What the command said at its start: once, whatever happens.
fn begun(home: &Home) -> (String, String) {
    let lines = home.lines("begun");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let (id, pid) = lines[0].split_once(' ').unwrap();
    (id.to_owned(), pid.to_owned())
}

fn check_failed_once(home: &Home, daemon: &Daemon, before: &Value) {
    let run = daemon.wait_outcome("long", "failed");
    assert_eq!(run["exitCode"], 7, "{run}");
    for field in ["id", "startedAt", "agent"] {
        assert_eq!(run[field], before[field], "{run}");
    }
    assert_eq!(daemon.runs("long").len(), 1);
    assert_eq!(daemon.job("long")["errorCount"], 1);
    assert_eq!(run["id"], begun(home).0);
}

/// Whether a process has ended; one that nobody has waited for counts.
fn has_ended(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| &rest[..1]);
    matches!(state, None | Some("Z" | "X"))
}

#[test]
fn a_run_goes_on_without_the_daemon_and_is_found_again() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let before = begin(&home, &daemon);
    daemon.kill9();
    for _ in 0..2 {
        let daemon = Daemon::start(&home);
        assert_eq!(daemon.wait_running("long"), before);
        daemon.kill9();
    }
    let daemon = Daemon::start(&home);
    assert_eq!(daemon.wait_running("long"), before);
    home.touch("may-end");
    check_failed_once(&home, &daemon, &before);
    daemon.stop();
}

#[test]
fn a_run_that_ends_without_the_daemon_is_told_of_once_with_its_exit_code() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let before = begin(&home, &daemon);
    daemon.kill9();
    home.touch("may-end");
    let (_, supervisor) = begun(&home);
    wait_for("the run ends", || has_ended(&supervisor).then_some(()));
    let daemon = Daemon::start(&home);
    check_failed_once(&home, &daemon, &before);
    daemon.kill9();
    // Told of once: the next one has nothing to add.
    let daemon = Daemon::start(&home);
    check_failed_once(&home, &daemon, &before);
    daemon.stop();
}

#[test]
fn a_run_of_a_daemon_before_can_be_killed() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let before = begin(&home, &daemon);
    daemon.kill9();
    let daemon = Daemon::start(&home);
    let id = before["id"].as_str().unwrap();
    daemon
        .delete(&format!("/v1/scheduler/runs/{id}"))
        .check_no_content();
    let run = daemon.wait_outcome("long", "killed");
    assert_eq!(run["startedAt"], before["startedAt"]);
    let (_, supervisor) = begun(&home);
    wait_for("the run ends", || has_ended(&supervisor).then_some(()));
    assert_eq!(daemon.job("long")["errorCount"], 0);
    daemon.stop();
}

#[test]
fn what_was_asked_for_before_a_crash_is_done_once_after_it() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let names: Vec<String> = (0..20).map(|number| format!("job-{number}")).collect();
    for name in &names {
        daemon.create(&by_hand(name, &home.append("ran", "$CHRONOS_JOB_NAME")));
    }
    for name in &names {
        daemon.run_now(name);
    }
    daemon.kill9();
    let daemon = Daemon::start(&home);
    for name in &names {
        daemon.wait_outcome(name, "succeeded");
        assert_eq!(daemon.runs(name).len(), 1, "{name}");
    }
    let mut ran = home.lines("ran");
    ran.sort();
    let mut names = names;
    names.sort();
    assert_eq!(ran, names);
    daemon.stop();
}

#[test]
fn a_kill_that_was_answered_is_not_forgotten_in_a_crash() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    begin(&home, &daemon);
    daemon
        .delete("/v1/scheduler/task/kill/long")
        .check_no_content();
    daemon.kill9();
    let daemon = Daemon::start(&home);
    daemon.wait_outcome("long", "killed");
    let (_, supervisor) = begun(&home);
    wait_for("the run ends", || has_ended(&supervisor).then_some(()));
    daemon.stop();
}

#[test]
fn a_retry_waits_through_a_crash() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let command = format!(
        "{}; [ $CHRONOS_JOB_RUN_ATTEMPT = 1 ]",
        home.append("ran", "$mesos_task_id")
    );
    let mut job = by_hand("second-chance", &command);
    job["retries"] = json!(1);
    job["retryDelay"] = json!(2);
    daemon.create(&job);
    daemon.run_now("second-chance");
    let failed = daemon.wait_outcome("second-chance", "failed");
    let retry = daemon.wait_run("second-chance", "state", "queued");
    daemon.kill9();
    let daemon = Daemon::start(&home);
    let succeeded = daemon.wait_outcome("second-chance", "succeeded");
    assert_eq!(
        (&succeeded["id"], &succeeded["attempt"]),
        (&retry["id"], &json!(1))
    );
    assert!(
        succeeded["startedAt"].as_str() >= retry["notBefore"].as_str(),
        "{succeeded} {retry}"
    );
    let ids = [&failed["id"], &succeeded["id"]].map(|id| id.as_str().unwrap());
    assert_eq!(home.lines("ran"), ids);
    assert_eq!(daemon.job("second-chance")["errorCount"], 0);
    daemon.stop();
}

#[test]
fn a_time_limit_holds_through_a_crash() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let mut job = by_hand("slow", &home.until("never"));
    job["maxCompletionTime"] = json!(2);
    daemon.create(&job);
    daemon.run_now("slow");
    let before = daemon.wait_running("slow");
    daemon.kill9();
    let daemon = Daemon::start(&home);
    let run = daemon.wait_outcome("slow", "failed");
    assert_eq!(run["reason"], "ran longer than maxCompletionTime of 2 s");
    assert_eq!(run["startedAt"], before["startedAt"]);
    daemon.stop();
}
