//! Overlap, back-off, limits of time, jitter and priority, as jobs ask for them.

use chronos_core::{Command, KILL_AGAIN_MILLIS, Notice, TaskState};
use chronos_model::Timestamp;
use serde_json::{Value, json};

use crate::world::{World, instant, name};

fn every_ten_seconds(policy: &Value) -> World {
    let mut world = World::new("2030-01-01T00:00:05Z");
    let mut job = json!({
        "name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:10Z/PT10S", "retries": 0
    });
    job.as_object_mut()
        .unwrap()
        .extend(policy.as_object().unwrap().clone());
    world.put(job);
    world
}

#[test]
fn each_policy_has_its_answer_to_an_overlap() {
    let cases: [(Value, &[&str]); 7] = [
        (
            json!({"overlap": "skip"}),
            &["10 0 starting", "20 0 skipped", "30 0 skipped"],
        ),
        (
            json!({"overlap": "queueOne"}),
            &["10 0 starting", "20 0 superseded", "30 0 queued"],
        ),
        (
            json!({"overlap": "queueAll"}),
            &["10 0 starting", "20 0 queued", "30 0 queued"],
        ),
        (
            json!({"overlap": "queueAll", "overlapLimit": 1}),
            &["10 0 starting", "20 0 queued", "30 0 skipped"],
        ),
        (
            json!({"overlap": "replace"}),
            &["10 0 killed", "20 0 killed", "30 0 starting"],
        ),
        (
            json!({"overlap": "allow"}),
            &["10 0 starting", "20 0 starting", "30 0 starting"],
        ),
        (
            json!({"overlap": "allow", "overlapLimit": 2}),
            &["10 0 starting", "20 0 starting", "30 0 queued"],
        ),
    ];
    for (policy, want) in cases {
        let mut world = every_ten_seconds(&policy);
        world.until("2030-01-01T00:00:35Z");
        let want: Vec<String> = want.iter().map(|run| format!("00:00:{run}")).collect();
        assert_eq!(world.outcomes("a"), want, "{policy}");
    }
}

#[test]
fn a_run_that_is_replaced_says_by_what() {
    let mut world = every_ten_seconds(&json!({"overlap": "replace", "retries": 3}));
    world.until("2030-01-01T00:00:20Z");
    assert_eq!(
        world.reasons("a"),
        ["the newer target 2030-01-01T00:00:20.000Z replaces it"]
    );
    let progress = world.job("a").progress().clone();
    assert_eq!(
        (progress.error_count, progress.success_count),
        (0, 0),
        "no failure, no retry"
    );
}

#[test]
fn a_line_gives_way_to_no_replacement() {
    let mut world = every_ten_seconds(&json!({"overlap": "replace", "catchUp": "all"}));
    world.set_clock(instant("2030-01-01T00:00:40.500Z"));
    world.until("2030-01-01T00:00:50Z");
    for _ in 0..5 {
        world.succeed("a");
    }
    let outcomes = world.outcomes("a");
    assert_eq!(outcomes.len(), 5);
    assert!(
        outcomes.iter().all(|run| run.ends_with("succeeded")),
        "{outcomes:?}"
    );
}

#[test]
fn with_jitter_a_run_is_late_from_its_own_start() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({
        "name": "a", "command": "true", "schedule": "R/2030-01-01T01:00:00Z/PT2H", "jitter": 3600, "cpus": 1000
    }));
    let told = |world: &World| {
        let mut notices = world.notices.iter();
        notices.any(|notice| matches!(notice, Notice::TargetLate { .. }))
    };
    while world.store.runs.is_empty() {
        world.step();
    }
    let start = world.now();
    assert!(
        start.millis_since(instant("2030-01-01T01:00:00Z")) > 300_000,
        "a start to speak of"
    );
    world.until_instant(start.plus_millis(300_000));
    assert!(!told(&world));
    world.until_instant(start.plus_millis(300_001));
    assert!(told(&world));
}

#[test]
fn a_replacement_waits_until_the_other_has_ended() {
    let mut world = every_ten_seconds(&json!({"overlap": "replace"}));
    world.until("2030-01-01T00:00:10Z");
    world.agent.deaf = true;
    world.until("2030-01-01T00:00:20Z");
    assert_eq!(
        world.outcomes("a"),
        ["00:00:10 0 starting", "00:00:20 0 queued"]
    );
    world.finish("a", TaskState::Killed);
    assert_eq!(
        world.outcomes("a"),
        ["00:00:10 0 killed", "00:00:20 0 starting"]
    );
}

#[test]
fn skip_counts_a_retry_that_waits_as_still_going() {
    let mut world = every_ten_seconds(&json!({"overlap": "skip", "retries": 1, "retryDelay": 15}));
    world.until("2030-01-01T00:00:10Z");
    world.fail("a");
    world.until("2030-01-01T00:00:20Z");
    assert_eq!(world.outcomes("a")[2], "00:00:20 0 skipped");
    world.until("2030-01-01T00:00:25Z");
    world.succeed("a");
    world.until("2030-01-01T00:00:30Z");
    assert_eq!(world.outcomes("a")[3], "00:00:30 0 starting");
}

#[test]
fn a_line_is_worked_off_in_order() {
    let mut world =
        every_ten_seconds(&json!({"overlap": "queueAll", "retries": 1, "retryDelay": 1}));
    world.until("2030-01-01T00:00:30Z");
    world.fail("a");
    assert!(world.agent.running.is_empty(), "the retry keeps its place");
    world.until("2030-01-01T00:00:31Z");
    world.succeed("a");
    world.succeed("a");
    world.succeed("a");
    assert_eq!(
        world.outcomes("a"),
        [
            "00:00:10 0 failed",
            "00:00:10 1 succeeded",
            "00:00:20 0 succeeded",
            "00:00:30 0 succeeded"
        ]
    );
}

#[test]
fn retries_back_off_up_to_their_cap() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({
        "name": "a", "command": "true", "schedule": "R1//P", "retries": 5,
        "retryDelay": 10, "retryBackoff": "exponential", "retryDelayMax": 60
    }));
    let mut delays = Vec::new();
    for _ in 0..5 {
        world.fail("a");
        let at = world
            .job("a")
            .active_runs()
            .next()
            .unwrap()
            .not_before
            .unwrap();
        delays.push(at.millis_since(world.now()) / 1000);
        world.until_instant(at);
    }
    assert_eq!(delays, [10, 20, 40, 60, 60]);
}

#[test]
fn a_delay_is_not_changed_by_a_clock_that_is_set() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P", "retryDelay": 30}));
    world.fail("a");
    world.turn_clock(instant("2029-12-31T12:00:00Z"));
    world.until("2029-12-31T12:00:29Z");
    assert!(world.agent.running.is_empty());
    world.until("2029-12-31T12:00:30Z");
    assert_eq!(world.agent.running.len(), 1);
}

#[test]
fn a_time_limit_is_not_changed_by_a_clock_that_is_set() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P", "maxCompletionTime": 60, "retries": 0}));
    world.turn_clock(instant("2030-01-01T12:00:00Z"));
    world.until("2030-01-01T12:00:59Z");
    assert_eq!(world.outcomes("a"), ["00:00:00 0 starting"]);
    world.until("2030-01-01T12:01:00Z");
    assert_eq!(world.outcomes("a"), ["00:00:00 0 failed"]);
}

#[test]
fn a_time_limit_goes_on_after_a_crash() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P", "maxCompletionTime": 60, "retries": 0}));
    world.until("2030-01-01T00:00:40Z");
    world.crash();
    world.until("2030-01-01T00:00:59Z");
    assert_eq!(world.outcomes("a"), ["00:00:00 0 starting"]);
    world.until("2030-01-01T00:01:00Z");
    assert_eq!(
        world.reasons("a"),
        ["ran longer than maxCompletionTime of 60 s"]
    );
}

#[test]
fn an_order_to_kill_is_repeated_until_it_is_heard() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P"}));
    world.agent.deaf = true;
    world.command(Command::KillJob { job: name("a") }).unwrap();
    world.until_instant(world.now().plus_millis(3 * KILL_AGAIN_MILLIS));
    assert_eq!(world.agent.kills, 4);
    world.agent.deaf = false;
    world.until_instant(world.now().plus_millis(KILL_AGAIN_MILLIS));
    assert_eq!(world.outcomes("a"), ["00:00:00 0 killed"]);
    world.until_instant(world.now().plus_millis(3 * KILL_AGAIN_MILLIS));
    assert_eq!(world.agent.kills, 5, "and not after that");
}

#[test]
fn a_task_that_never_runs_is_killed_and_has_failed() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.agent.stuck = true;
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P", "startTimeout": 20, "retryDelay": 5, "retries": 1}));
    world.until("2030-01-01T00:00:19Z");
    assert_eq!(world.outcomes("a"), ["00:00:00 0 starting"]);
    world.until("2030-01-01T00:00:20Z");
    assert_eq!(
        world.outcomes("a"),
        ["00:00:00 0 failed", "00:00:00 1 queued"]
    );
    assert_eq!(
        world.reasons("a"),
        ["did not start within startTimeout of 20 s"]
    );
    world.agent.stuck = false;
    world.until("2030-01-01T00:10:00Z");
    world.succeed("a");
    assert_eq!(world.outcomes("a")[1], "00:00:00 1 succeeded");
}

#[test]
fn a_run_that_is_launched_again_has_its_whole_time_to_start() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.agent.stuck = true;
    world.agent.slots = 1;
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P", "startTimeout": 20}));
    world.until("2030-01-01T00:00:15Z");
    let key = world.agent.running.first().unwrap().clone();
    world.agent.started.remove(&key);
    world.finish("a", TaskState::Dropped);
    assert_eq!(world.agent.running.len(), 1, "launched again");
    world.until("2030-01-01T00:00:34Z");
    assert_eq!(world.outcomes("a"), ["00:00:00 0 starting"]);
    world.until("2030-01-01T00:00:35Z");
    assert_eq!(world.outcomes("a")[0], "00:00:00 0 failed");
}

#[test]
fn a_run_that_has_ended_leaves_no_alarm_behind() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({
        "name": "a", "command": "true", "schedule": "R1//P", "startTimeout": 60,
        "maxCompletionTime": 86_400, "retryDelay": 3600, "retries": 1
    }));
    world.fail("a");
    assert!(world.scheduler.deadline().mono.is_some(), "the retry");
    world.command(Command::KillJob { job: name("a") }).unwrap();
    assert_eq!(world.scheduler.deadline().mono, None);
}

#[test]
fn jitter_starts_later_never_earlier_and_always_alike() {
    let starts = |jitter: u64| -> Vec<(Timestamp, i64)> {
        let mut world = every_ten_seconds(&json!({"jitter": jitter}));
        let mut starts = Vec::new();
        for _ in 0..50 {
            while world.agent.running.is_empty() {
                world.step();
            }
            let key = world.agent.running.first().unwrap().clone();
            let run = &world.store.runs[&key];
            starts.push((run.target, world.now().millis_since(run.target)));
            world.succeed("a");
        }
        starts
    };
    let first = starts(5);
    assert_eq!(first, starts(5));
    assert!(first.iter().all(|(_, late)| (0..=5000).contains(late)));
    assert!(
        first.iter().any(|(_, late)| *late > 3000),
        "spread out: {first:?}"
    );
    // A width over the period never lets a target overtake the next.
    let wide = starts(3600);
    assert!(
        wide.iter().all(|(_, late)| (0..10_000).contains(late)),
        "{wide:?}"
    );
    let targets: Vec<Timestamp> = wide.iter().map(|&(target, _)| target).collect();
    assert!(
        targets
            .windows(2)
            .all(|pair| pair[1].millis_since(pair[0]) == 10_000)
    );
}

#[test]
fn what_has_waited_long_goes_before_a_newcomer_of_high_priority() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.agent.slots = 1;
    world.put(json!({"name": "holder", "command": "true", "schedule": "R1//P"}));
    world.put(json!({"name": "old", "command": "true", "schedule": "R1//P"}));
    for (job, time) in [("early", "00:09:00"), ("late", "00:11:00")] {
        let schedule = format!("R1/2030-01-01T{time}Z/P");
        world.put(
            json!({"name": job, "command": "true", "schedule": schedule, "highPriority": true}),
        );
    }
    world.until("2030-01-01T00:12:00Z");
    for job in ["holder", "early", "old", "late"] {
        assert_eq!(world.agent.running.first().unwrap().job.as_str(), job);
        world.succeed(job);
    }
}

#[test]
fn somebody_is_told_once_of_a_run_that_is_late() {
    let mut world =
        every_ten_seconds(&json!({"cpus": 1000, "overlap": "queueAll", "epsilon": "PT30S"}));
    world.until("2030-01-01T00:00:45Z");
    let late = |world: &World| {
        let notices = world.notices.iter();
        let late = notices.filter_map(|notice| {
            let Notice::TargetLate {
                key,
                late_millis,
                started,
            } = notice
            else {
                return None;
            };
            Some((key.due.to_string(), *late_millis, *started))
        });
        late.collect::<Vec<_>>()
    };
    assert_eq!(
        late(&world),
        [("2030-01-01T00:00:10.000Z".to_owned(), 30_001, false)]
    );

    // One that is decided too late to begin with is told of when it starts.
    let mut world = World::new("2030-01-01T00:00:05Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:10Z/P1D"}));
    world.set_clock(instant("2030-01-01T00:05:10.001Z"));
    assert_eq!(
        late(&world),
        [("2030-01-01T00:00:10.000Z".to_owned(), 300_001, true)]
    );
}

#[test]
fn no_target_comes_after_the_end() {
    let mut world = every_ten_seconds(&json!({"endTime": "2030-01-01T00:00:30Z"}));
    world.until("2030-01-01T01:00:00Z");
    world.succeed("a");
    world.succeed("a");
    assert_eq!(world.outcomes("a").len(), 3);
    assert_eq!(world.job("a").next_target(), None);
    assert!(
        world.job("a").spec().disabled,
        "used up, like any schedule with an end"
    );
}

#[test]
fn an_end_that_has_passed_runs_nothing() {
    let mut world = every_ten_seconds(&json!({}));
    let ended = json!({
        "name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:10Z/PT10S",
        "endTime": "2030-01-01T00:00:15Z"
    });
    world.until("2030-01-01T00:00:10Z");
    world.succeed("a");
    world.until("2030-01-01T00:00:18Z");
    world.put(ended.clone());
    world.delete("a", chronos_core::Cascade::Refuse).unwrap();
    world.put(ended);
    world.until("2030-01-02T00:00:00Z");
    assert_eq!(world.outcomes("a"), ["00:00:10 0 succeeded"]);
}

#[test]
fn one_job_may_have_several_schedules_and_cron() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({
        "name": "a", "command": "true", "concurrent": true,
        "schedules": [{"cron": "0 6 * * *"}, "R/2030-01-01T12:00:00Z/PT12H", {"cron": "0 0 2 1 *"}]
    }));
    world.until("2030-01-02T12:00:00Z");
    let times: Vec<String> = world
        .outcomes("a")
        .iter()
        .map(|run| run.replace(" 0 starting", ""))
        .collect();
    assert_eq!(
        times,
        [
            "06:00:00",
            "12:00:00",
            "01-02T00:00:00",
            "01-02T06:00:00",
            "01-02T12:00:00"
        ]
    );
}
