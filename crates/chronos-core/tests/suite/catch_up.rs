//! Targets that passed while nobody could run them, and those before a job was created.

use chronos_model::RunCause;
use serde_json::{Value, json};

use crate::world::{World, instant};

fn job(policy: &Value) -> Value {
    let mut job = json!({
        "name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:10Z/PT10S"
    });
    let (Some(job_fields), Some(policy)) = (job.as_object_mut(), policy.as_object()) else {
        unreachable!("both are objects");
    };
    job_fields.extend(policy.clone());
    job
}

/// A job that was created in time, and looked at again after 45 seconds in which nobody was there.
fn after_an_absence(policy: &Value) -> World {
    let mut world = World::new("2030-01-01T00:00:05Z");
    world.put(job(policy));
    world.set_clock(instant("2030-01-01T00:00:50.500Z"));
    world
}

#[test]
fn each_policy_has_its_answer_to_an_absence() {
    let missed = |times: &[&str]| -> Vec<String> {
        times
            .iter()
            .map(|time| format!("00:00:{time} 0 missed"))
            .collect()
    };
    let cases = [
        (
            json!({}),
            vec!["10", "20", "30", "40"],
            vec!["50 0 starting"],
        ),
        (
            json!({"catchUp": "none"}),
            vec!["10", "20", "30", "40"],
            vec!["50 0 starting"],
        ),
        (
            json!({"catchUp": "all"}),
            vec![],
            vec![
                "10 0 starting",
                "20 0 queued",
                "30 0 queued",
                "40 0 queued",
                "50 0 queued",
            ],
        ),
        (
            json!({"catchUp": "all", "catchUpLimit": 2}),
            vec!["10", "20", "30"],
            vec!["40 0 starting", "50 0 queued"],
        ),
        (
            json!({"catchUp": "all", "catchUpLimit": 2, "concurrent": true}),
            vec!["10", "20", "30"],
            vec!["40 0 starting", "50 0 starting"],
        ),
    ];
    for (policy, gone, rest) in cases {
        let world = after_an_absence(&policy);
        let mut want = missed(&gone);
        want.extend(rest.iter().map(|run| format!("00:00:{run}")));
        assert_eq!(world.outcomes("a"), want, "{policy}");
    }
}

#[test]
fn without_catch_up_what_is_late_is_missed_and_the_next_target_runs() {
    let mut world = World::new("2030-01-01T00:00:05Z");
    world.put(job(
        &json!({"catchUp": "none", "schedule": "R/2030-01-01T00:00:10Z/PT1M"}),
    ));
    world.set_clock(instant("2030-01-01T00:01:20.001Z"));
    assert_eq!(
        world.outcomes("a"),
        ["00:00:10 0 missed", "00:01:10 0 missed"]
    );
    assert_eq!(
        world.reasons("a"),
        vec!["nobody could run it in time, and catchUp is none"; 2]
    );
    world.until("2030-01-01T00:02:10Z");
    assert_eq!(world.outcomes("a")[2], "00:02:10 0 starting");
}

#[test]
fn catch_up_runs_one_after_another_and_newer_targets_wait_behind() {
    let mut world = after_an_absence(&json!({"catchUp": "all"}));
    world.until("2030-01-01T00:01:00Z");
    let mut order = Vec::new();
    while let Some(key) = world.agent.running.first().cloned() {
        assert_eq!(world.agent.running.len(), 1, "one at a time");
        order.push(key.due.to_string());
        world.succeed("a");
    }
    let seconds: Vec<&str> = order.iter().map(|due| &due[17..19]).collect();
    assert_eq!(seconds, ["10", "20", "30", "40", "50", "00"]);
    assert!(
        world
            .outcomes("a")
            .iter()
            .all(|run| run.ends_with("succeeded"))
    );
}

#[test]
fn catch_up_survives_a_crash_in_its_middle() {
    let mut world = after_an_absence(&json!({"catchUp": "all"}));
    world.succeed("a");
    world.crash();
    let causes: Vec<RunCause> = world.job("a").active_runs().map(|run| run.cause).collect();
    assert_eq!(causes, vec![RunCause::CatchUp; 4]);
    for _ in 0..4 {
        world.succeed("a");
    }
    assert_eq!(world.outcomes("a").len(), 5);
}

#[test]
fn a_failed_catch_up_run_is_tried_again_before_the_next_in_line() {
    let mut world = after_an_absence(&json!({"catchUp": "all", "retryDelay": 3}));
    world.fail("a");
    assert!(world.agent.running.is_empty(), "the line waits");
    world.until("2030-01-01T00:00:53.500Z");
    assert_eq!(world.agent.running.first().unwrap().attempt, 1);
}

#[test]
fn a_start_in_the_past_is_caught_up_with_by_the_same_policy() {
    let start = json!({"schedule": "R/2029-12-31T23:59:10Z/PT20S"});
    let cases: [(Value, &[&str]); 4] = [
        (json!({}), &["00:00:10 0 starting"]),
        (json!({"catchUp": "none"}), &[]),
        (
            json!({"catchUp": "all", "catchUpLimit": 2}),
            &["12-31T23:59:50 0 queued", "00:00:10 0 queued"],
        ),
        (
            json!({"catchUp": "all"}),
            &[
                "12-31T23:59:10 0 queued",
                "12-31T23:59:30 0 queued",
                "12-31T23:59:50 0 queued",
                "00:00:10 0 queued",
            ],
        ),
    ];
    for (policy, want) in cases {
        let mut world = World::new("2030-01-01T00:00:15Z");
        if want.len() > 1 {
            world.agent.slots = 0;
        }
        let mut document = job(&start);
        document
            .as_object_mut()
            .unwrap()
            .extend(policy.as_object().unwrap().clone());
        world.crash();
        world.put(document);
        let got: Vec<String> = world
            .outcomes("a")
            .iter()
            .map(|run| run.replace("2029-", ""))
            .collect();
        assert_eq!(got, want, "{policy}");
    }
}

#[test]
fn an_absence_beyond_the_limit_costs_a_bounded_number_of_records() {
    let mut world = World::new("2030-01-01T00:00:05Z");
    world.put(job(&json!({
        "catchUp": "all", "catchUpLimit": 3, "schedule": "R/2030-01-01T00:00:10Z/PT1S"
    })));
    world.set_clock(instant("2030-01-02T00:00:10.500Z"));
    let runs: Vec<_> = world.store.runs.values().collect();
    assert_eq!(runs.len(), 259);
    let covers = runs[0]
        .covers
        .expect("the oldest stands for those before it");
    assert_eq!(covers.first, instant("2030-01-01T00:00:10Z"));
    assert_eq!(covers.count + 259, 86_401, "every target is in one record");
    let active = runs.iter().filter(|run| run.outcome.is_none()).count();
    assert_eq!(active, 3);
}

#[test]
fn epsilon_skips_the_old_ones_of_a_catch_up() {
    let world = after_an_absence(&json!({"catchUp": "all", "epsilon": "PT15S"}));
    assert_eq!(
        world.outcomes("a"),
        [
            "00:00:10 0 skipped",
            "00:00:20 0 skipped",
            "00:00:30 0 skipped",
            "00:00:40 0 starting",
            "00:00:50 0 queued"
        ]
    );
}
