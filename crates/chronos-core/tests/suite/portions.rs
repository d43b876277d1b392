//! Thousands of runs of one job: what one write has no room for comes in several, and nothing is lost or twice
//! between them.

use std::sync::Arc;

use chronos_core::{Cascade, Command, Refusal, Reply};
use chronos_model::{Calendar, Outcome, RunCause, RunState};
use serde_json::{Value, json};

use crate::world::{World, instant, name};

/// What the strictest store takes, less a definition of the largest size.
const WRITE_BYTES_MAX: usize = 900 * 1024 - 512 * 1024;

fn line(limit: u32) -> Value {
    json!({
        "name": "a", "command": "true", "retries": 0, "catchUp": "all", "catchUpLimit": limit,
        "schedule": "R/2030-01-01T00:00:10Z/PT1S", "cpus": 99,
    })
}

// A world in which so many targets of a job passed while nobody was there; nothing is taken yet.
fn after_an_absence(seconds: i64) -> World {
    let mut world = World::new("2030-01-01T00:00:05Z");
    world.put(line(10_000));
    world.crash_at(instant("2030-01-01T00:00:09.500Z").plus_millis(seconds * 1_000));
    world
}

fn count(world: &World, state: RunState) -> usize {
    let runs = world.store.runs.values();
    runs.filter(|run| run.state == state).count()
}

#[test]
fn a_long_line_is_taken_in_portions() {
    let mut world = World::new("2030-01-01T00:00:05Z");
    world.put(line(10_000));
    world.slow_store = true;
    world.crash_at(instant("2030-01-01T00:50:09.500Z"));
    assert!(world.write());
    // A portion stands in one write with what says that it was taken.
    let stored = world.store.snapshot();
    let next = stored.jobs[0].progress.next.unwrap();
    assert_eq!(stored.active_runs.len(), 257);
    assert_eq!(
        next.at,
        instant("2030-01-01T00:00:10Z").plus_millis(257_000)
    );
    world.slow_store = false;
    while world.write() {}
    world.until_instant(world.now());
    assert_eq!(count(&world, RunState::Queued), 3_000);
    let runs = world.store.runs.values();
    assert!(runs.clone().all(|run| run.cause == RunCause::CatchUp));
    let largest = world.largest_write();
    assert!(largest < WRITE_BYTES_MAX, "{largest}");
    let targets: Vec<_> = runs.map(|run| run.target.millis()).collect();
    assert!(targets.is_sorted_by(|one, next| next - one == 1_000));
}

#[test]
fn the_last_of_a_line_is_not_left_alone() {
    let mut world = after_an_absence(258);
    world.until_instant(world.now());
    let runs = world.store.runs.values();
    assert_eq!(runs.clone().count(), 258);
    assert!(runs.clone().all(|run| run.cause == RunCause::CatchUp));
}

#[test]
fn a_crash_between_two_portions_loses_nothing() {
    for crash_after in 0..6 {
        let mut world = World::new("2030-01-01T00:00:05Z");
        world.put(line(10_000));
        world.slow_store = true;
        world.crash_at(instant("2030-01-01T00:20:09.500Z"));
        for _ in 0..crash_after {
            world.write();
        }
        world.crash();
        world.slow_store = false;
        while world.write() {}
        world.until_instant(world.now());
        assert_eq!(count(&world, RunState::Queued), 1_200, "{crash_after}");
        assert_eq!(world.store.runs.len(), 1_200, "{crash_after}");
    }
}

#[test]
fn thousands_are_ended_at_once() {
    type Act<'a> = &'a dyn Fn(&mut World) -> Result<Reply, Refusal>;

    let delete = Command::Delete {
        job: name("a"),
        cascade: Cascade::Refuse,
    };
    let mut disabled = line(10_000);
    disabled["disabled"] = true.into();
    let cases: [(Act<'_>, Outcome); 3] = [
        (
            &|world| world.command(Command::KillJob { job: name("a") }),
            Outcome::Killed,
        ),
        (&|world| world.command(delete.clone()), Outcome::Killed),
        (&|world| world.try_put(disabled.clone()), Outcome::Skipped),
    ];
    for (act, outcome) in cases {
        let mut world = after_an_absence(2_000);
        world.until_instant(world.now());
        act(&mut world).unwrap();
        let runs = world.store.runs.values();
        assert_eq!(runs.clone().count(), 2_000, "{outcome:?}");
        assert!(runs.clone().all(|run| run.outcome == Some(outcome)));
        let largest = world.largest_write();
        assert!(largest < WRITE_BYTES_MAX, "{outcome:?}: {largest}");
    }
}

// Whoever asked hears of it when all of it is durable, not before.
#[test]
fn an_answer_waits_for_the_last_write() {
    let mut world = after_an_absence(2_000);
    world.until_instant(world.now());
    world.slow_store = true;
    let request = world.send(Command::KillJob { job: name("a") });
    let mut writes = 0;
    while world.reply(request).is_none() {
        assert!(world.write(), "it is answered");
        writes += 1;
    }
    assert!(writes > 5, "{writes}");
    assert!(!world.write());
    // A crash on the way leaves a part of them, each with its end or as it was.
    let mut world = after_an_absence(2_000);
    world.until_instant(world.now());
    world.slow_store = true;
    world.send(Command::Delete {
        job: name("a"),
        cascade: Cascade::Refuse,
    });
    world.write();
    world.write();
    world.crash();
    world.slow_store = false;
    while world.write() {}
    assert!(count(&world, RunState::Queued) > 1_000);
    assert!(
        world.job("a").runs().count() > 1_000,
        "the job is there still"
    );
    world.delete("a", Cascade::Refuse).unwrap();
    assert_eq!(count(&world, RunState::Queued), 0);
}

#[test]
fn a_backfill_of_a_thousand_is_written_in_parts() {
    let mut world = World::new("2030-01-01T00:00:05Z");
    let mut job = line(1);
    job["catchUp"] = "none".into();
    job.as_object_mut().unwrap().remove("catchUpLimit");
    world.put(job);
    world.set_clock(instant("2030-01-01T02:00:00.500Z"));
    let reply = world.command(Command::Backfill {
        job: name("a"),
        from: instant("2030-01-01T00:00:10Z"),
        to: instant("2030-01-01T00:16:49Z"),
        with_children: false,
    });
    let Ok(Reply::Runs(keys)) = reply else {
        panic!("{reply:?}");
    };
    assert_eq!(keys.len(), 1_000);
    let there = |key| world.store.runs.contains_key(key);
    assert!(keys.iter().all(there));
    let largest = world.largest_write();
    assert!(largest < WRITE_BYTES_MAX, "{largest}");
}

#[test]
fn the_end_of_thousands_may_start_thousands() {
    let mut world = after_an_absence(2_000);
    world.put(json!({
        "name": "child", "command": "true", "retries": 0, "parents": ["a"], "cpus": 99,
        "dependencyRule": "allDone", "overlap": "allow",
    }));
    world.until_instant(world.now());
    world.command(Command::KillJob { job: name("a") }).unwrap();
    let of = |world: &World, job| {
        let runs = world.store.runs.values();
        runs.filter(|run| run.key.job == name(job)).count()
    };
    assert_eq!((of(&world, "a"), of(&world, "child")), (2_000, 2_000));
    let largest = world.largest_write();
    assert!(largest < WRITE_BYTES_MAX, "{largest}");
}

// The rest of a portion would be taken as what was missed.
#[test]
fn what_came_while_a_job_was_disabled_is_never_taken_for_missed() {
    let mut world = World::new("2030-01-01T00:00:05Z");
    for (calendar, date) in [("first", "2030-01-01"), ("second", "2030-01-02")] {
        let json = json!({ "name": calendar, "dates": [date] });
        let calendar = Arc::new(Calendar::from_json(&json).unwrap());
        world.command(Command::PutCalendar(calendar)).unwrap();
    }
    let mut job = json!({
        "name": "a", "command": "true", "retries": 0, "schedule": "R/2030-01-01T00:01:00Z/PT1M",
        "calendar": ["first", "second"], "disabled": true,
    });
    world.put(job.clone());
    world.set_clock(instant("2030-01-03T06:00:30Z"));
    job["disabled"] = false.into();
    world.put(job);
    world.until_instant(world.now());
    let runs = world.store.runs.values();
    let ended: Vec<_> = runs.filter_map(|run| run.outcome).collect();
    assert_eq!(ended.len(), 257, "a stretch of calendars, and the others");
    assert!(ended.iter().all(|outcome| *outcome == Outcome::Skipped));
}
