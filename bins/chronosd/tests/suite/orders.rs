//! What people ask of a daemon: run, kill, delete.

use std::thread;

use serde_json::json;

use crate::{
    client::{after, by_hand},
    daemon::Daemon,
    home::Home,
    patience::wait_for,
};

#[test]
fn a_run_by_hand_takes_arguments() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let mut job = by_hand("greet", "echo hello");
    job["arguments"] = json!(["world"]);
    daemon.create(&job);
    daemon.run_now("greet");
    let own = daemon.wait_outcome("greet", "succeeded");
    daemon
        .put("/v1/scheduler/job/greet?arguments=moon%20%22and%20stars%22")
        .check_no_content();
    let run = wait_for("a second run", || {
        let runs = daemon.runs("greet");
        (runs.len() == 2 && runs[0]["outcome"] == "succeeded").then(|| runs[0].clone())
    });
    assert_eq!(run["arguments"], "moon \"and stars\"");
    assert_eq!(
        (&run["cause"], &own["arguments"]),
        (&json!("manual"), &json!(null))
    );
    for (run, said) in [(own, "hello world\n"), (run, "hello moon and stars\n")] {
        let id = run["id"].as_str().unwrap();
        assert_eq!(
            daemon.get(&format!("/v1/scheduler/runs/{id}/log")).body,
            said
        );
    }
    daemon.stop();
}

#[test]
fn a_kill_ends_the_command_and_all_that_it_started() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let stubborn = format!(
        "trap '' TERM; ({beat}) & {until}",
        beat = home.until("never").replace(
            "sleep 0.02",
            &format!("{}; sleep 0.02", home.append("beats", "beat"))
        ),
        until = home.until("never")
    );
    let mut job = by_hand("stubborn", &stubborn);
    job["retries"] = json!(3);
    daemon.create(&job);
    daemon.run_now("stubborn");
    wait_for("it beats", || {
        (!home.lines("beats").is_empty()).then_some(())
    });
    daemon
        .delete("/v1/scheduler/task/kill/stubborn")
        .check_no_content();
    let run = daemon.wait_outcome("stubborn", "killed");
    let beats = home.lines("beats").len();
    daemon
        .delete(&format!(
            "/v1/scheduler/runs/{}",
            run["id"].as_str().unwrap()
        ))
        .check_error(409, "id");
    let job = daemon.job("stubborn");
    assert_eq!(
        (&job["errorCount"], &job["state"]),
        (&json!(0), &json!("idle"))
    );
    assert_eq!(
        daemon.runs("stubborn").len(),
        1,
        "what was killed is not tried again"
    );
    // Another run as a clock: meanwhile nothing beats.
    daemon.create(&by_hand("clock", "sleep 0.3"));
    daemon.run_now("clock");
    daemon.wait_outcome("clock", "succeeded");
    assert_eq!(home.lines("beats").len(), beats);
    daemon.stop();
}

#[test]
fn a_job_with_children_is_deleted_only_on_request() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let wait = home.until("may-end");
    daemon.create(&by_hand("parent", &wait));
    daemon.create(&after(&["parent"], "child", "true"));
    daemon.create(&after(&["child"], "grandchild", "true"));
    let refused = daemon.delete("/v1/scheduler/job/parent");
    refused.check_error(409, "children");
    assert!(refused.body.contains("child"), "{}", refused.body);
    assert_eq!(daemon.job_names(), ["child", "grandchild", "parent"]);
    daemon
        .delete("/v1/scheduler/job/child?cascade=reparent")
        .check_no_content();
    assert_eq!(daemon.job("grandchild")["parents"], json!(["parent"]));
    daemon.run_now("parent");
    let run = daemon.wait_running("parent");
    daemon
        .delete("/v1/scheduler/job/parent?cascade=delete")
        .check_no_content();
    assert!(daemon.job_names().is_empty());
    // Its run is killed, and found by its id still.
    let id = run["id"].as_str().unwrap();
    wait_for("the run ends", || {
        (daemon.run(id)["outcome"] == "killed").then_some(())
    });
    daemon.stop();
}

// A store takes only so much in one commit.
#[test]
fn thousands_of_runs_and_large_definitions_end_no_term() {
    let home = Home::new();
    let daemon = Daemon::start_with(&home, &["--agent_cpus=0.1"]);
    let mut line = by_hand("line", "true");
    line["cpus"] = json!(1);
    line["schedule"] = json!("R/2020-01-01T00:00:00Z/PT1M");
    line["catchUp"] = json!("all");
    line["catchUpLimit"] = json!(2_000);
    line["overlap"] = json!("allow");
    daemon.create(&line);
    wait_for("all of the line waits", || {
        (daemon.json("/health")["queued"] == 2_000).then_some(())
    });
    daemon
        .delete("/v1/scheduler/task/kill/line")
        .check_no_content();
    let large = |number: usize| {
        let mut job = by_hand(&format!("large-{number}"), "true");
        let variable =
            |number| json!({ "name": format!("V{number}"), "value": "x".repeat(45_000) });
        job["environmentVariables"] = (0..9).map(variable).collect();
        job
    };
    thread::scope(|scope| {
        for number in 0..8 {
            let daemon = &daemon;
            scope.spawn(move || daemon.create(&large(number)));
        }
    });
    assert_eq!(daemon.job_names().len(), 9);
    let ended = daemon.stop();
    let over = "term is over; starting anew from the store";
    assert!(ended.log.iter().all(|line| line["message"] != over));
}
