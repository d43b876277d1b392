//! Runs of one job that would overlap.

use serde_json::json;

use crate::world::{World, instant};

fn every_second(world: &mut World, concurrent: bool) {
    world.put(json!({
        "name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1S", "concurrent": concurrent
    }));
}

#[test]
fn the_newest_overlapping_target_waits_and_takes_the_place_of_older_ones() {
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    every_second(&mut world, false);
    world.until("2030-01-01T00:00:04.500Z");
    assert_eq!(
        world.outcomes("a"),
        [
            "00:00:01 0 starting",
            "00:00:02 0 superseded",
            "00:00:03 0 superseded",
            "00:00:04 0 queued"
        ]
    );
    assert_eq!(
        world.waiting("a"),
        ["the job is not concurrent and ct:1893456001000:0:a: has not ended"]
    );
    assert_eq!(world.job("a").activity().to_string(), "1 running");
    world.succeed("a");
    assert_eq!(world.outcomes("a")[3], "00:00:04 0 starting");
}

#[test]
fn a_concurrent_job_overlaps_itself() {
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    every_second(&mut world, true);
    world.until("2030-01-01T00:00:03.500Z");
    assert_eq!(world.agent.running.len(), 3);
    assert_eq!(world.job("a").activity().to_string(), "3 running");
}

#[test]
fn a_concurrent_job_may_limit_how_its_runs_lie_together() {
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    world.put(json!({
        "name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1S", "concurrent": true,
        "constraints": [["hostname", "MAX_PER", "2"]]
    }));
    world.until("2030-01-01T00:00:03.500Z");
    assert_eq!(world.agent.running.len(), 2);
    assert_eq!(
        world.waiting("a"),
        ["no offer fits: 1 agent has reached 2 for each hostname"]
    );
    // The runs that go count after a restart too, and their ends do.
    world.crash();
    world.until("2030-01-01T00:00:03.900Z");
    assert_eq!(world.agent.running.len(), 2);
    world.succeed("a");
    assert_eq!(
        world.outcomes("a"),
        [
            "00:00:01 0 succeeded",
            "00:00:02 0 succeeded",
            "00:00:03 0 starting"
        ]
    );
    assert_eq!(world.waiting("a"), Vec::<String>::new());
}

#[test]
fn a_concurrent_job_that_fits_nowhere_keeps_a_bounded_number_waiting() {
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    world.put(json!({
        "name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1S", "concurrent": true, "cpus": 1000
    }));
    world.until("2030-01-01T00:10:00Z");
    let waiting = world
        .outcomes("a")
        .iter()
        .filter(|run| run.ends_with("queued"))
        .count();
    assert_eq!(waiting, chronos_core::WAITING_RUNS_MAX);
    assert_eq!(world.outcomes("a").len(), 600);
}

#[test]
fn what_fits_nowhere_holds_nobody_up_and_says_why() {
    // Case 112.
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "big", "command": "true", "schedule": "R1//P", "mem": 1e6, "highPriority": true}));
    world.put(json!({"name": "docker", "command": "true", "schedule": "R1//P", "container": {"type": "DOCKER", "image": "busybox"}}));
    world.put(json!({"name": "far", "command": "true", "schedule": "R1//P", "constraints": [["rack", "EQUALS", "r1"]]}));
    world.put(json!({"name": "small", "command": "true", "schedule": "R1//P"}));
    assert_eq!(world.outcomes("small"), ["00:00:00 0 starting"]);
    assert_eq!(
        world.waiting("big"),
        ["no offer fits: 1 offer lacks mem (needs 1000000, best 2432)"]
    );
    assert_eq!(
        world.waiting("docker"),
        ["no offer fits: 1 agent has no container runtime for DOCKER"]
    );
    assert_eq!(
        world.waiting("far"),
        ["no offer fits: 1 agent fails rack EQUALS r1"]
    );
    assert_eq!(world.job("big").activity().to_string(), "queued");
}

#[test]
fn high_priority_goes_first_and_the_rest_in_order() {
    // Case 113.
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.agent.slots = 1;
    world.put(json!({"name": "holder", "command": "true", "schedule": "R1//P"}));
    for (job, second, high) in [("late", 2, false), ("early", 1, false), ("high", 3, true)] {
        let schedule = format!("R1/2030-01-01T00:00:0{second}Z/P");
        world.put(
            json!({"name": job, "command": "true", "schedule": schedule, "highPriority": high}),
        );
    }
    world.until("2030-01-01T00:00:05Z");
    for job in ["holder", "high", "early", "late"] {
        assert_eq!(world.agent.running.first().unwrap().job.as_str(), job);
        world.succeed(job);
    }
}

#[test]
fn a_run_by_hand_of_a_busy_queued_or_disabled_job_is_recorded_as_skipped() {
    // Case 111.
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "busy", "command": "true", "schedule": "R1//P"}));
    world.put(json!({"name": "queued", "command": "true", "schedule": "R1//P", "cpus": 1000}));
    world.put(json!({"name": "off", "command": "true", "schedule": "R/2031-01-01T00:00:00Z/P1D", "disabled": true}));
    for (job, reason) in [
        (
            "busy",
            "the job is not concurrent and ct:1893456000000:0:busy: has not ended",
        ),
        (
            "queued",
            "the job is not concurrent and ct:1893456000000:0:queued: is queued",
        ),
        ("off", "the job is disabled"),
    ] {
        let key = world.run_now(job);
        let run = &world.store.runs[&key];
        assert_eq!(
            (run.outcome.unwrap().name(), run.reason.as_deref().unwrap()),
            ("skipped", reason)
        );
    }
}

#[test]
fn a_run_that_is_too_long_is_killed_and_has_failed() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P", "maxCompletionTime": 10, "retries": 0}));
    world.until("2030-01-01T00:00:09.999Z");
    assert_eq!(world.outcomes("a"), ["00:00:00 0 starting"]);
    world.until_instant(instant("2030-01-01T00:00:10Z"));
    assert_eq!(world.outcomes("a"), ["00:00:00 0 failed"]);
    assert_eq!(
        world.reasons("a"),
        ["ran longer than maxCompletionTime of 10 s"]
    );
}
