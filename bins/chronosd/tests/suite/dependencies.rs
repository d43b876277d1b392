//! Jobs that run after others.

use serde_json::Value;

use crate::{
    client::{after, by_hand},
    daemon::Daemon,
    home::Home,
};

fn step(home: &Home) -> String {
    home.append("order", "$CHRONOS_JOB_NAME")
}

// When a run began and when it ended, as texts that sort as instants do.
fn span(daemon: &Daemon, job: &str) -> (String, String) {
    let runs = daemon.runs(job);
    assert_eq!(runs.len(), 1, "{runs:#?}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&runs[0]["startedAt"]), text(&runs[0]["endedAt"]))
}

#[test]
fn a_chain_of_five_runs_in_order() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let names = ["e1", "d2", "c3", "b4", "a5"];
    daemon.create(&by_hand("e1", &step(&home)));
    for pair in names.windows(2) {
        daemon.create(&after(&pair[..1], pair[1], &step(&home)));
    }
    assert_eq!(daemon.waiting("a5"), "waits for its parents: b4");
    for round in 1..=2 {
        daemon.run_now("e1");
        crate::patience::wait_for("the last of the chain", || {
            (daemon.job("a5")["successCount"] == round).then_some(())
        });
        let order = home.lines("order");
        assert_eq!(order, names.repeat(round), "round {round}");
    }
    for name in names {
        assert_eq!(daemon.runs(name).len(), 2, "{name}");
    }
    daemon.stop();
}

#[test]
fn a_diamond_joins_once_both_sides_are_done() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let gated = |gate: &str| format!("{}; {}", home.until(gate), step(&home));
    daemon.create(&by_hand("top", &step(&home)));
    daemon.create(&after(&["top"], "left", &gated("left-may")));
    daemon.create(&after(&["top"], "right", &gated("right-may")));
    daemon.create(&after(&["left", "right"], "bottom", &step(&home)));
    daemon.run_now("top");
    // Both sides at the same time.
    daemon.wait_running("left");
    daemon.wait_running("right");
    home.touch("left-may");
    daemon.wait_outcome("left", "succeeded");
    assert_eq!(daemon.waiting("bottom"), "waits for its parents: right");
    assert!(daemon.runs("bottom").is_empty());
    home.touch("right-may");
    daemon.wait_outcome("bottom", "succeeded");
    assert_eq!(home.lines("order"), ["top", "left", "right", "bottom"]);
    let (began, _) = span(&daemon, "bottom");
    for side in ["left", "right"] {
        let (side_began, ended) = span(&daemon, side);
        assert!(span(&daemon, "top").1 <= side_began, "{side}");
        assert!(ended <= began, "{side}");
    }
    daemon.stop();
}

/// A chain whose middle fails as long as there is a file.
fn broken_chain(home: &Home) -> Daemon {
    let daemon = Daemon::start(home);
    home.touch("broken");
    let file = home.file("broken");
    let middle = format!("[ ! -e '{}' ] && {}", file.display(), step(home));
    daemon.create(&by_hand("first", &step(home)));
    daemon.create(&after(&["first"], "middle", &middle));
    daemon.create(&after(&["middle"], "last", &step(home)));
    daemon.run_now("first");
    let failed = daemon.wait_outcome("middle", "failed");
    assert_eq!(failed["exitCode"], 1, "{failed}");
    assert_eq!(home.lines("order"), ["first"]);
    assert_eq!(daemon.job("middle")["status"], "failure");
    assert_eq!(daemon.job("middle")["errorCount"], 1);
    assert_eq!(daemon.job("last")["status"], "fresh");
    assert_eq!(daemon.waiting("last"), "waits for its parents: middle");
    assert!(daemon.runs("last").is_empty());
    daemon
}

#[test]
fn a_chain_stops_at_what_fails_and_goes_on_when_that_is_marked_as_done() {
    let home = Home::new();
    let daemon = broken_chain(&home);
    // It does not go on by itself, not even after a restart.
    daemon.kill9();
    let daemon = Daemon::start(&home);
    assert_eq!(daemon.waiting("last"), "waits for its parents: middle");
    let answer = daemon.put("/v1/scheduler/job/success/middle");
    assert_eq!(
        (answer.status, &*answer.body),
        (200, "marked job middle as successful: true")
    );
    daemon.wait_outcome("last", "succeeded");
    assert_eq!(home.lines("order"), ["first", "last"]);
    assert_eq!(daemon.job("middle")["status"], "success");
    daemon.stop();
}

#[test]
fn a_chain_stops_at_what_fails_and_goes_on_when_that_is_mended_and_run_again() {
    let home = Home::new();
    let daemon = broken_chain(&home);
    home.remove("broken");
    daemon.run_now("middle");
    daemon.wait_outcome("last", "succeeded");
    assert_eq!(home.lines("order"), ["first", "middle", "last"]);
    assert_eq!(daemon.runs("middle").len(), 2);
    assert_eq!(daemon.runs("first").len(), 1);
    daemon.stop();
}
