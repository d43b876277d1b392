//! Failures: tried again, counted, softened.

use chronos_core::{Settings, TaskState};
use serde_json::json;

use crate::world::World;

#[test]
fn a_failed_run_is_tried_again_after_its_delay_as_often_as_it_says() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P", "retries": 2, "retryDelay": 30}));
    world.fail("a");
    assert_eq!(
        world.outcomes("a"),
        ["00:00:00 0 failed", "00:00:00 1 queued"]
    );
    assert_eq!(
        world.waiting("a"),
        ["retry 1 of 2 starts at 2030-01-01T00:00:30.000Z"]
    );
    assert_eq!(
        world.job("a").progress().error_count,
        0,
        "a failed attempt is not yet a failed run"
    );
    world.until("2030-01-01T00:00:29.999Z");
    assert!(world.agent.running.is_empty());
    world.until("2030-01-01T00:00:30Z");
    world.fail("a");
    world.until("2030-01-01T00:01:00Z");
    world.fail("a");
    world.until("2030-01-02T00:00:00Z");
    assert_eq!(
        world.outcomes("a"),
        [
            "00:00:00 0 failed",
            "00:00:00 1 failed",
            "00:00:00 2 failed"
        ]
    );
    // Case 140.
    let progress = world.job("a").progress().clone();
    assert_eq!(
        (progress.error_count, progress.errors_since_last_success),
        (1, 1)
    );
    assert_eq!(
        progress.last_error.unwrap().to_string(),
        "2030-01-01T00:01:00.000Z"
    );
}

#[test]
fn the_daemons_delay_counts_where_the_job_has_none() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P"}));
    world.fail("a");
    world.until("2030-01-01T00:00:59.999Z");
    assert!(world.agent.running.is_empty());
    world.until("2030-01-01T00:01:00Z");
    assert_eq!(world.agent.running.len(), 1);
}

#[test]
fn retries_are_counted_per_run_whatever_happened_before() {
    // Case 139.
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1H", "retries": 1, "retryDelay": 1}));
    for hour in 0..2 {
        world.until(&format!("2030-01-01T0{hour}:00:01Z"));
        world.fail("a");
        world.until(&format!("2030-01-01T0{hour}:00:02Z"));
        world.fail("a");
    }
    assert_eq!(world.outcomes("a").len(), 4);
    assert_eq!(world.job("a").progress().error_count, 2);
}

#[test]
fn success_of_any_attempt_counts() {
    // Case 143.
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P", "retryDelay": 1}));
    world.fail("a");
    world.until("2030-01-01T00:00:01Z");
    world.succeed("a");
    let progress = world.job("a").progress().clone();
    assert_eq!((progress.success_count, progress.error_count), (1, 0));
    assert_eq!(world.job("a").last_status().to_string(), "success");
}

#[test]
fn counters_as_chronos_kept_them() {
    // Case 137: two finishes, then a failure.
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1S", "retries": 0}));
    for (second, state) in [
        (1, TaskState::Finished),
        (2, TaskState::Finished),
        (3, TaskState::Lost),
    ] {
        world.until(&format!("2030-01-01T00:00:0{second}Z"));
        world.finish("a", state);
    }
    let progress = world.job("a").progress().clone();
    assert_eq!((progress.success_count, progress.error_count), (2, 1));
}

#[test]
fn a_killed_run_counts_nothing_and_is_not_tried_again() {
    // Case 144.
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P"}));
    world.put(json!({"name": "child", "command": "true", "parents": ["a"]}));
    world
        .command(chronos_core::Command::KillJob {
            job: crate::world::name("a"),
        })
        .unwrap();
    world.until("2030-01-02T00:00:00Z");
    assert_eq!(world.outcomes("a"), ["00:00:00 0 killed"]);
    let progress = world.job("a").progress().clone();
    assert_eq!((progress.success_count, progress.error_count), (0, 0));
    assert!(world.outcomes("child").is_empty());
}

#[test]
fn too_many_failures_disable_a_job_when_the_operator_says_so() {
    // Case 141.
    let settings = Settings {
        disable_after_failures: 3,
        ..Settings::default()
    };
    let mut world = World::with_settings("2030-01-01T00:00:00.500Z", settings);
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1S", "retries": 0}));
    for second in 1..=3 {
        assert!(!world.job("a").spec().disabled);
        world.until(&format!("2030-01-01T00:00:0{second}Z"));
        world.fail("a");
    }
    assert!(world.job("a").spec().disabled);
}

#[test]
fn a_failing_task_never_enables_a_job_that_was_disabled_meanwhile() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    let job = |disabled: bool| json!({"name": "a", "command": "true", "schedule": "R/2029-01-01T00:00:00Z/P1D", "disabled": disabled});
    world.put(job(false));
    world.put(job(true));
    world.fail("a");
    assert!(world.job("a").spec().disabled);
    world.until("2030-01-05T00:00:00Z");
    assert_eq!(
        world.outcomes("a"),
        ["00:00:00 0 failed"],
        "no retry and no target of a disabled job"
    );
}

#[test]
fn a_retry_gives_way_to_a_newer_target_and_to_a_run_by_hand() {
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT10S", "retryDelay": 60}));
    world.until("2030-01-01T00:00:01Z");
    world.fail("a");
    world.until("2030-01-01T00:00:11Z");
    world.fail("a");
    let by_hand = world.run_now("a");
    assert!(world.agent.running.contains(&by_hand));
    assert_eq!(
        world.outcomes("a"),
        [
            "00:00:01 0 failed",
            "00:00:01 1 superseded",
            "00:00:11 0 failed",
            "00:00:11 1 superseded",
            "00:00:11 0 starting"
        ]
    );
    assert_eq!(
        world.job("a").progress().error_count,
        2,
        "a failure that nothing follows counts"
    );
}

#[test]
fn arguments_of_a_run_by_hand_stay_with_its_retries() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R0//P", "retryDelay": 1}));
    let arguments = Some("--day 3; rm x".to_owned());
    world
        .command(chronos_core::Command::Run {
            job: crate::world::name("a"),
            arguments,
        })
        .unwrap();
    world.fail("a");
    world.until("2030-01-01T00:00:01Z");
    let kept: Vec<_> = world
        .store
        .runs
        .values()
        .map(|run| run.arguments.clone().unwrap())
        .collect();
    assert_eq!(
        kept,
        ["--day 3 rm x", "--day 3 rm x"],
        "case 97: without semicolons"
    );
}
