//! Sections D, F, H and I: what is due, what waits, how it ends, and what it is called.

use chronos_core::{Cascade, Command, Notice, Settings, TaskState};
use chronos_model::Outcome;
use serde_json::{Value, json};

use crate::world::{World, instant, name};

fn put(world: &mut World, name: &str, schedule: &str, more: &Value) {
    let mut job = json!({"name": name, "command": "true", "schedule": schedule, "retries": 0});
    let fields = job.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    world.put(job);
}

#[test]
fn only_what_is_due_runs() {
    // Case 84.
    let mut world = World::new("2030-01-01T12:00:00Z");
    let cases = [
        ("past", "R5/2029-12-31T00:00:00Z/P1D", false, 1),
        ("rests", "R5/2029-12-31T00:00:00Z/P1D", true, 0),
        ("future", "R5/2031-01-01T00:00:00Z/P1D", false, 0),
    ];
    for (job, schedule, disabled, _) in cases {
        put(&mut world, job, schedule, &json!({"disabled": disabled}));
    }
    for (job, _, _, runs) in cases {
        assert_eq!(world.outcomes(job).len(), runs, "{job}");
    }
}

#[test]
fn what_came_first_starts_first() {
    // Case 85, where there is one place.
    for absent in [false, true] {
        let mut world = World::new("2030-01-01T00:00:00Z");
        world.agent.slots = 1;
        for (job, month) in [("b", "03"), ("d", "01"), ("a", "02")] {
            let schedule = format!("R1/2031-{month}-01T00:00:00Z/P1D");
            put(&mut world, job, &schedule, &json!({}));
        }
        put(&mut world, "c", "R1/2032-01-01T00:00:00Z/P1D", &json!({}));
        put(&mut world, "holder", "R1//P", &json!({}));
        if absent {
            world.set_clock(instant("2031-04-01T00:00:00Z"));
        } else {
            world.until("2031-04-01T00:00:00Z");
        }
        for job in ["holder", "d", "a", "b"] {
            assert_eq!(world.agent.running.first().unwrap().job.as_str(), job);
            world.succeed(job);
        }
        assert!(world.agent.running.is_empty(), "the fourth is not due");
    }
}

const OVERDUE: &str = "R1/2030-01-01T11:59:00Z/P1D";
const IN_AN_HOUR: &str = "R1/2030-01-01T13:00:00Z/P1D";

#[test]
fn sleeps_until_the_next_enabled_target() {
    // Case 86: jobs as schedule and whether disabled, and when something is to be done.
    type Jobs = &'static [(&'static str, bool)];
    let cases: [(Jobs, Option<&str>); 4] = [
        // What is overdue is taken at once; then the other one is next.
        (
            &[(OVERDUE, false), (IN_AN_HOUR, false)],
            Some("2030-01-01T13:00:00Z"),
        ),
        (
            &[(OVERDUE, true), (IN_AN_HOUR, false)],
            Some("2030-01-01T13:00:00Z"),
        ),
        (
            &[("R5/2030-01-01T14:00:00Z/P1D", false)],
            Some("2030-01-01T14:00:00Z"),
        ),
        (&[("R0/2030-01-01T12:00:00Z/P1D", false)], None),
    ];
    for (jobs, want) in cases {
        let mut world = World::new("2030-01-01T12:00:00Z");
        for (number, (schedule, disabled)) in jobs.iter().enumerate() {
            put(
                &mut world,
                &format!("j{number}"),
                schedule,
                &json!({"disabled": disabled}),
            );
        }
        let due = jobs.contains(&(OVERDUE, false));
        assert_eq!(world.agent.running.len(), usize::from(due), "{jobs:?}");
        let found = world.scheduler.deadline().wall;
        assert_eq!(found, want.map(instant), "{jobs:?}");
    }
}

#[test]
fn what_waits_for_a_job_goes_with_it() {
    // Case 105.
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.agent.slots = 1;
    put(&mut world, "holder", "R1//P", &json!({}));
    put(&mut world, "a", "R1//P", &json!({}));
    assert_eq!(world.job("a").activity().to_string(), "queued");
    world.delete("a", Cascade::Refuse).unwrap();
    assert_eq!(world.outcomes("a"), ["00:00:00 0 killed"]);
    world.succeed("holder");
    assert!(world.agent.running.is_empty());
    put(&mut world, "a", "R0//P", &json!({}));
    assert_eq!(world.job("a").activity().to_string(), "idle");
}

#[test]
fn states_in_the_words_of_chronos() {
    // Cases 88, 108, 109 and 147.
    let mut world = World::new("2030-01-01T00:00:00Z");
    // A scheduler that starts anew forgets the offer at hand.
    world.agent.slots = 0;
    world.crash();
    put(&mut world, "a", "R0//P", &json!({"concurrent": true}));
    let steps: [(&str, &str); 8] = [
        ("run", "queued"),
        ("offer", "1 running"),
        ("ok", "idle"),
        ("run", "1 running"),
        ("run", "2 running"),
        ("run", "3 running"),
        ("one fails", "2 running"),
        ("queue", "2 running"),
    ];
    for (number, (step, want)) in steps.into_iter().enumerate() {
        match step {
            "offer" => {
                world.agent.slots = 3;
                world.offer();
            }
            "ok" => world.succeed("a"),
            "run" => drop(world.run_now("a")),
            "one fails" => {
                let key = world.agent.running.first().unwrap().clone();
                world.finish_run(&key, TaskState::Failed);
            }
            "queue" => {
                world.agent.slots = 2;
                world.crash();
                world.run_now("a");
            }
            _ => panic!("{step}"),
        }
        let state = world.job("a").activity().to_string();
        assert_eq!(state, want, "step {number}: {step}");
    }
    assert_eq!(world.job("a").active_runs().count(), 3, "one of them waits");
}

#[test]
fn the_last_status() {
    // Case 148; the ends are at one instant, unless there is a pause between them.
    for (ends, want) in [
        (&[][..], "fresh"),
        (&["fail"], "failure"),
        (&["ok"], "success"),
        (&["ok", "fail"], "failure"),
        (&["fail", "ok"], "failure"),
        (&["fail", "pause", "ok"], "success"),
        (&["ok", "pause", "fail"], "failure"),
    ] {
        let mut world = World::new("2030-01-01T00:00:00Z");
        put(&mut world, "a", "R0//P", &json!({}));
        take(&mut world, ends);
        assert_eq!(world.job("a").last_status().to_string(), want, "{ends:?}");
    }
}

// Runs of the job `a`, one for each word.
fn take(world: &mut World, ends: &[&str]) {
    for end in ends {
        if *end == "pause" {
            world.until_instant(world.now().plus_millis(1));
            continue;
        }
        world.run_now("a");
        match *end {
            "ok" => world.succeed("a"),
            "fail" => world.fail("a"),
            "lost" => world.finish("a", TaskState::Lost),
            "kill" => drop(world.command(Command::KillJob { job: name("a") })),
            _ => panic!("{end}"),
        }
    }
}

#[test]
fn counters_after_each_end() {
    // Cases 137, 140, 143, 144: successes, errors, errors since the last success.
    for (case, ends, want) in [
        (137, &["ok", "ok", "fail"][..], [2, 1, 1]),
        (140, &["fail", "fail"], [0, 2, 2]),
        (143, &["fail", "fail", "ok"], [1, 2, 0]),
        (144, &["fail", "kill"], [0, 1, 1]),
        (144, &["ok", "kill"], [1, 0, 0]),
        (144, &["lost"], [0, 1, 1]),
    ] {
        let mut world = World::new("2030-01-01T00:00:00Z");
        put(&mut world, "a", "R0//P", &json!({}));
        take(&mut world, ends);
        let progress = world.job("a").progress().clone();
        let found = [
            progress.success_count,
            progress.error_count,
            progress.errors_since_last_success,
        ];
        assert_eq!(found, want, "case {case}: {ends:?}");
        let has = |word: &str| ends.contains(&word);
        let failed = has("fail") || has("lost");
        let now = world.now();
        assert_eq!(progress.last_error, failed.then_some(now), "case {case}");
        assert_eq!(
            progress.last_success,
            has("ok").then_some(now),
            "case {case}"
        );
    }
}

#[test]
fn what_is_told_of_each_end() {
    // Cases 137, 140, 141: with how many failures in a row a job is disabled, and what is told.
    for (limit, ends, want) in [
        (
            0,
            &["ok", "ok", "fail"][..],
            &["succeeded", "succeeded", "failed"][..],
        ),
        (0, &["fail"; 4], &["failed"; 4]),
        (3, &["fail"; 3], &["failed", "failed", "failed", "disabled"]),
        (
            2,
            &["fail", "ok", "fail"],
            &["failed", "succeeded", "failed"],
        ),
    ] {
        let settings = Settings {
            disable_after_failures: limit,
            ..Settings::default()
        };
        let mut world = World::with_settings("2030-01-01T00:00:00Z", settings);
        put(&mut world, "a", "R0//P", &json!({}));
        take(&mut world, ends);
        let told = world.notices.iter().filter_map(|notice| {
            if let Notice::RunEnded { run } = notice {
                return run.outcome.map(Outcome::name);
            }
            matches!(notice, Notice::JobDisabled { .. }).then_some("disabled")
        });
        assert_eq!(told.collect::<Vec<_>>(), want, "after {limit}: {ends:?}");
        assert_eq!(world.job("a").spec().disabled, want.contains(&"disabled"));
    }
}

#[test]
fn no_end_leaves_a_run_behind() {
    // Case 145: what an agent tells, whether it was asked to kill, and what becomes of the run.
    for (state, killed, want, reason) in [
        (TaskState::Finished, false, "succeeded", None),
        (TaskState::Failed, false, "failed", Some("exit code 1")),
        (TaskState::Lost, false, "failed", None),
        (
            TaskState::Killed,
            false,
            "failed",
            Some("killed from outside"),
        ),
        (TaskState::Killed, true, "killed", Some("killed on request")),
        (TaskState::Lost, true, "failed", None),
    ] {
        let mut world = World::new("2030-01-01T00:00:00Z");
        put(&mut world, "a", "R1//P", &json!({}));
        if killed {
            world.agent.deaf = true;
            world.command(Command::KillJob { job: name("a") }).unwrap();
        }
        world.finish("a", state);
        let runs: Vec<_> = world.store.runs.values().collect();
        let outcome = runs[0].outcome.map(Outcome::name);
        assert_eq!(outcome, Some(want), "{state:?}, killed: {killed}");
        assert_eq!(
            runs[0].reason.as_deref(),
            reason,
            "{state:?}, killed: {killed}"
        );
        assert_eq!(world.job("a").activity().to_string(), "idle");
    }
}
