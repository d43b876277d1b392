//! Targets: due, missed, skipped, used up, changed.

use chronos_core::Command;
use chronos_model::Outcome;
use serde_json::json;

use crate::world::{World, instant, name};

#[test]
fn runs_at_each_target_once() {
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:02Z/PT2S"}));
    for second in [2, 4, 6] {
        world.until(&format!("2030-01-01T00:00:0{second}.001Z"));
        world.succeed("a");
    }
    assert_eq!(
        world.outcomes("a"),
        [
            "00:00:02 0 succeeded",
            "00:00:04 0 succeeded",
            "00:00:06 0 succeeded"
        ]
    );
    assert_eq!(world.job("a").progress().success_count, 3);
    assert_eq!(
        world.job("a").next_target().unwrap().at,
        instant("2030-01-01T00:00:08Z")
    );
}

#[test]
fn a_new_job_with_a_start_in_the_past_runs_its_newest_target_at_once_and_no_other() {
    // Cases 4, 5, 48 (ours), 89.
    let cases = [
        ("R/2017-05-04T02:58:00Z/PT24H", "2030-01-01T02:58:00Z"),
        ("R10/2029-12-25T00:00:00Z/P1D", "2030-01-01T00:00:00Z"),
        ("R10/2029-12-01T00:00:00Z/P1D", "2029-12-10T00:00:00Z"),
        ("R1/2010-01-01T00:00:00Z/P1D", "2010-01-01T00:00:00Z"),
        ("R1//P", "2030-01-01T12:00:00Z"),
        ("R3//PT10S", "2030-01-01T12:00:00Z"),
    ];
    for (schedule, target) in cases {
        let mut world = World::new("2030-01-01T12:00:00Z");
        world.put(json!({"name": "a", "command": "true", "schedule": schedule}));
        let runs: Vec<_> = world.store.runs.values().map(|run| run.target).collect();
        assert_eq!(runs, [instant(target)], "{schedule}");
    }
}

#[test]
fn a_target_in_the_future_is_waited_for() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-02T00:00:00Z/P1D"}));
    world.until("2030-01-01T23:59:59.999Z");
    assert!(world.store.runs.is_empty());
    world.until("2030-01-02T00:00:00Z");
    assert_eq!(world.outcomes("a"), ["01-02T00:00:00 0 starting"]);
}

#[test]
fn a_job_without_schedule_and_parents_runs_once_now() {
    // Case 185.
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true"}));
    world.succeed("a");
    world.until("2030-01-03T00:00:00Z");
    assert_eq!(world.outcomes("a"), ["00:00:00 0 succeeded"]);
}

#[test]
fn what_was_missed_while_nobody_was_there_is_written_down() {
    let mut world = World::new("2030-01-01T00:00:01Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:02Z/PT2S"}));
    world.set_clock(instant("2030-01-01T00:00:07Z"));
    assert_eq!(
        world.outcomes("a"),
        [
            "00:00:02 0 missed",
            "00:00:04 0 missed",
            "00:00:06 0 starting"
        ]
    );
}

#[test]
fn a_long_absence_costs_a_bounded_number_of_records_and_hides_nothing() {
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1S"}));
    world.set_clock(instant("2030-01-02T00:00:00Z"));
    let missed: Vec<_> = world
        .store
        .runs
        .values()
        .filter(|run| run.outcome == Some(Outcome::Missed))
        .collect();
    assert_eq!(missed.len(), 256);
    let covered: u64 = missed
        .iter()
        .filter_map(|run| run.covers)
        .map(|covers| covers.count)
        .sum();
    assert_eq!(
        covered + 256 + 1,
        24 * 60 * 60,
        "every second of the day has one outcome"
    );
    assert_eq!(
        missed[0].covers.unwrap().first,
        instant("2030-01-01T00:00:01Z")
    );
}

#[test]
fn a_wall_clock_that_goes_back_runs_nothing_twice() {
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1S"}));
    world.until("2030-01-01T00:00:02Z");
    world.succeed("a");
    world.set_clock(instant("2029-12-31T00:00:00Z"));
    world.until("2030-01-01T00:00:02.500Z");
    assert_eq!(
        world.outcomes("a"),
        ["00:00:01 0 succeeded", "00:00:02 0 starting"].map(str::to_owned)
    );
}

#[test]
fn a_finite_job_is_used_up_and_then_disabled() {
    // Cases 14 and 62 of the complaints: retries and runs by hand take nothing from `Rn`.
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R2/2030-01-01T00:00:01Z/PT1M", "retryDelay": 1}));
    world.until("2030-01-01T00:00:01Z");
    world.fail("a");
    world.until("2030-01-01T00:00:02Z");
    world.succeed("a");
    assert_eq!(world.job("a").targets_remaining(), Some(1));
    world.run_now("a");
    world.succeed("a");
    assert_eq!(world.job("a").targets_remaining(), Some(1));
    world.until("2030-01-01T00:01:01Z");
    world.succeed("a");
    assert_eq!(world.job("a").targets_remaining(), Some(0));
    assert!(world.job("a").spec().disabled);
    world.until("2030-02-01T00:00:00Z");
    assert_eq!(world.store.runs.len(), 4);
}

#[test]
fn after_its_last_target_failed_a_finite_job_stays_enabled() {
    // Case 92.
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P", "retries": 0}));
    world.fail("a");
    let job = world.job("a");
    assert!(!job.spec().disabled);
    assert_eq!(
        (job.targets_remaining(), job.progress().error_count),
        (Some(0), 1)
    );
}

#[test]
fn a_job_that_never_repeats_runs_by_hand_as_often_as_one_likes() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R0//PT0M"}));
    for _ in 0..2 {
        world.run_now("a");
        world.succeed("a");
    }
    assert_eq!(world.outcomes("a").len(), 2);
    assert!(!world.job("a").spec().disabled);
}

#[test]
fn an_unchanged_schedule_keeps_its_progress() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    let job = |command: &str| json!({"name": "a", "command": command, "schedule": "R/2029-01-01T00:00:00Z/PT1H"});
    world.put(job("one"));
    world.succeed("a");
    world.put(job("two"));
    world.until("2030-01-01T00:59:59Z");
    assert_eq!(
        world.outcomes("a").len(),
        1,
        "the target that ran does not run again"
    );
    assert_eq!(
        world.job("a").progress().success_count,
        1,
        "counters survive an update"
    );
    world.until("2030-01-01T01:00:00Z");
    assert_eq!(world.outcomes("a").len(), 2);
}

#[test]
fn a_changed_schedule_starts_anew_from_now() {
    let mut world = World::new("2030-01-01T00:30:00Z");
    let job = |schedule: &str| json!({"name": "a", "command": "true", "schedule": schedule});
    world.put(job("R/2030-01-02T00:00:00Z/P1D"));
    world.put(job("R/2029-01-01T00:00:00Z/PT1H"));
    assert!(
        world.store.runs.is_empty(),
        "what passed before the change is not its own"
    );
    world.until("2030-01-01T01:00:00Z");
    assert_eq!(world.outcomes("a"), ["01:00:00 0 starting"]);
    world.succeed("a");
    world.put(job("R1/2029-01-01T00:00:00Z/PT1H"));
    assert_eq!(
        world.outcomes("a").len(),
        2,
        "R1 in the past says: once, now"
    );
}

#[test]
fn a_disabled_job_rests_and_runs_once_when_enabled_again() {
    // Case 90.
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    let job = |disabled: bool| json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1S", "disabled": disabled});
    world.put(job(true));
    world.until("2030-01-01T00:00:04.500Z");
    assert!(world.store.runs.is_empty());
    assert_eq!(world.waiting("a"), ["the job is disabled"]);
    world.put(job(false));
    assert_eq!(
        world.outcomes("a"),
        [
            "00:00:01 0 skipped",
            "00:00:02 0 skipped",
            "00:00:03 0 skipped",
            "00:00:04 0 starting"
        ]
    );
}

#[test]
fn a_target_later_than_its_epsilon_is_skipped() {
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1H", "epsilon": "PT5S"}));
    world.set_clock(instant("2030-01-01T00:00:06.001Z"));
    assert_eq!(world.outcomes("a"), ["00:00:01 0 skipped"]);
    assert_eq!(world.reasons("a"), ["5001 ms late, more than epsilon PT5S"]);
}

#[test]
fn ids_are_given_once_even_when_a_job_is_deleted_and_created_again() {
    let mut world = World::new("2030-01-01T00:30:00Z");
    let job = json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:00Z/PT1H"});
    world.put(job.clone());
    world.succeed("a");
    world.delete("a", chronos_core::Cascade::Refuse).unwrap();
    world.crash();
    world.put(job);
    let keys: Vec<String> = world.store.runs.keys().map(ToString::to_string).collect();
    assert_eq!(keys.len(), 2, "{keys:?}");
    let targets: Vec<_> = world.store.runs.values().map(|run| run.target).collect();
    assert_eq!(targets[0], targets[1]);
}

#[test]
fn runs_by_hand_in_one_millisecond_have_ids_of_their_own() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1S", "concurrent": true}));
    for _ in 0..1500 {
        world
            .command(Command::Run {
                job: name("a"),
                arguments: None,
            })
            .unwrap();
    }
    world.until("2030-01-01T00:00:05Z");
    let scheduled = world
        .store
        .runs
        .values()
        .filter(|run| run.cause == chronos_model::RunCause::Schedule);
    assert!(
        scheduled.clone().all(|run| run.key.due == run.target),
        "targets keep their own due times"
    );
    assert_eq!(scheduled.count(), 5);
}
