//! Random histories with crashes: every target has exactly one outcome, whatever happens.

use std::collections::BTreeMap;

use chronos_core::{Command, TaskState};
use chronos_model::{Outcome, RunCause, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use crate::world::{World, instant, name};

#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    Jump(i64),
    End { which: usize, ok: bool },
    RunNow(usize),
    Mark(usize),
    Kill(usize),
    Write,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1_i64..3000).prop_map(Step::Wait),
        1 => (-5000_i64..20_000).prop_map(Step::Jump),
        6 => (0_usize..8, prop::bool::weighted(0.8)).prop_map(|(which, ok)| Step::End { which, ok }),
        1 => (0_usize..4).prop_map(Step::RunNow),
        1 => (0_usize..4).prop_map(Step::Mark),
        1 => (0_usize..4).prop_map(Step::Kill),
        6 => Just(Step::Write),
        1 => Just(Step::Crash),
    ]
}

const JOBS: [&str; 4] = ["plain", "concurrent", "child", "finite"];

fn world(slow: bool, slots: usize) -> World {
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    world.agent.slots = slots;
    world.put(json!({"name": "plain", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1S", "retries": 1, "retryDelay": 2}));
    world.put(json!({"name": "concurrent", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT2S", "concurrent": true, "retryDelay": 1}));
    world.put(json!({"name": "child", "command": "true", "parents": ["plain"]}));
    world.put(
        json!({"name": "finite", "command": "true", "schedule": "R5/2030-01-01T00:00:01Z/PT3S"}),
    );
    world.slow_store = slow;
    world
}

fn take(world: &mut World, step: Step) {
    match step {
        Step::Wait(millis) => world.until_instant(world.now().plus_millis(millis)),
        Step::Jump(millis) => world.set_clock(world.now().plus_millis(millis)),
        Step::End { which, ok } => {
            let count = world.agent.running.len();
            let Some(key) = world
                .agent
                .running
                .iter()
                .nth(which % count.max(1))
                .cloned()
            else {
                return;
            };
            world.finish_run(
                &key,
                if ok {
                    TaskState::Finished
                } else {
                    TaskState::Failed
                },
            );
        }
        Step::RunNow(job) => drop(world.send(Command::Run {
            job: name(JOBS[job]),
            arguments: None,
        })),
        Step::Mark(job) => drop(world.send(Command::MarkSuccess {
            job: name(JOBS[job]),
        })),
        Step::Kill(job) => drop(world.send(Command::KillJob {
            job: name(JOBS[job]),
        })),
        Step::Write => drop(world.write()),
        Step::Crash => world.crash(),
    }
}

/// Lets everything that is under way come to its end.
fn settle(world: &mut World) {
    world.slow_store = false;
    while world.write() {}
    world.agent.slots = 1000;
    for job in JOBS {
        // Disabled: no further targets.
        let mut document = serde_json::Value::Object(world.job(job).spec().to_stored_json());
        document["disabled"] = true.into();
        world.put(document);
    }
    for _ in 0..20 {
        while let Some(key) = world.agent.running.first().cloned() {
            world.finish_run(&key, TaskState::Finished);
        }
        world.offer();
    }
}

fn every_target_has_one_outcome(
    world: &World,
    job: &str,
    start: &str,
    period_millis: i64,
    count: Option<usize>,
) {
    let mut finals: BTreeMap<Timestamp, Vec<(u32, Option<Outcome>)>> = BTreeMap::new();
    for run in world
        .store
        .runs
        .values()
        .filter(|run| run.key.job.as_str() == job && run.cause == RunCause::Schedule)
    {
        finals
            .entry(run.target)
            .or_default()
            .push((run.key.attempt, run.outcome));
        if let Some(covers) = run.covers {
            for covered in 0..i64::try_from(covers.count).unwrap() {
                finals
                    .entry(covers.first.plus_millis(covered * period_millis))
                    .or_default()
                    .push((0, run.outcome));
            }
        }
    }
    let next = world.job(job).progress().next;
    let mut target = instant(start);
    for _ in 0..count.unwrap_or(usize::MAX) {
        if next.is_some_and(|next| next.at <= target) {
            break;
        }
        let attempts = finals.remove(&target);
        let attempts = attempts.unwrap_or_else(|| {
            panic!(
                "{job} has no record of {target}\n{}",
                world.trace.join("\n")
            )
        });
        for (position, (attempt, outcome)) in attempts.iter().enumerate() {
            assert_eq!(
                usize::try_from(*attempt).unwrap(),
                position,
                "{job} {target}"
            );
            assert!(
                outcome.is_some(),
                "{job} {target} attempt {attempt} has not ended"
            );
            let last = position + 1 == attempts.len();
            assert!(
                last || *outcome == Some(Outcome::Failed),
                "{job} {target}: only a failure is tried again"
            );
        }
        target = target.plus_millis(period_millis);
    }
    assert!(
        finals.is_empty(),
        "{job} ran for what is no target: {finals:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_target_ends_in_exactly_one_outcome(
        slow in any::<bool>(),
        slots in 1_usize..6,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut world = world(slow, slots);
        for step in steps {
            take(&mut world, step);
        }
        settle(&mut world);
        every_target_has_one_outcome(&world, "plain", "2030-01-01T00:00:01Z", 1000, None);
        every_target_has_one_outcome(&world, "concurrent", "2030-01-01T00:00:01Z", 2000, None);
        every_target_has_one_outcome(&world, "finite", "2030-01-01T00:00:01Z", 3000, Some(5));
        for job in JOBS {
            let job = world.job(job);
            prop_assert_eq!(job.active_runs().count(), 0);
        }
    }
}
