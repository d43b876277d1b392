//! Rules of `docs/semantics.md` that stand between two features.

use std::sync::Arc;

use chronos_core::{Cascade, Command};
use chronos_model::Calendar;
use serde_json::{Value, json};

use crate::world::{World, instant, name};

fn put(world: &mut World, name: &str, fields: &Value) {
    let mut job = json!({"name": name, "command": "true", "retries": 0});
    let more = fields.as_object().unwrap().clone();
    job.as_object_mut().unwrap().extend(more);
    world.put(job);
}

fn root(world: &mut World, name: &str) {
    put(world, name, &json!({"schedule": "R0//P"}));
}

fn run_ok(world: &mut World, job: &str) {
    world.run_now(job);
    world.succeed(job);
}

#[test]
fn what_meets_a_line_of_catch_up_does_as_its_policy_says() {
    let cases: [(&str, &str); 3] = [
        ("queueOne", "00:00:40 0 queued"),
        ("queueAll", "00:00:40 0 queued"),
        ("skip", "00:00:40 0 skipped"),
    ];
    for (overlap, want) in cases {
        let mut world = World::new("2030-01-01T00:00:05Z");
        let schedule = "R/2030-01-01T00:00:10Z/PT10S";
        let fields = json!({"schedule": schedule, "catchUp": "all", "overlap": overlap});
        put(&mut world, "a", &fields);
        world.set_clock(instant("2030-01-01T00:00:35Z"));
        world.until("2030-01-01T00:00:40Z");
        assert_eq!(
            world.outcomes("a"),
            [
                "00:00:10 0 starting",
                "00:00:20 0 queued",
                "00:00:30 0 queued",
                want
            ],
            "{overlap}"
        );
    }
}

#[test]
fn a_run_by_hand_of_a_busy_job_does_as_its_policy_says() {
    let cases: [(Value, &[&str]); 6] = [
        (json!({"overlap": "skip"}), &["starting", "skipped"]),
        (json!({"overlap": "queueOne"}), &["starting", "skipped"]),
        (json!({"overlap": "queueAll"}), &["starting", "queued"]),
        (json!({"overlap": "replace"}), &["killed", "starting"]),
        (json!({"overlap": "allow"}), &["starting", "starting"]),
        (
            json!({"overlap": "allow", "overlapLimit": 1}),
            &["starting", "queued"],
        ),
    ];
    for (policy, want) in cases {
        let mut world = World::new("2030-01-01T00:00:00Z");
        let mut fields = json!({"schedule": "R0//P"});
        let policy_fields = policy.as_object().unwrap().clone();
        fields.as_object_mut().unwrap().extend(policy_fields);
        put(&mut world, "a", &fields);
        world.run_now("a");
        world.run_now("a");
        let ends: Vec<String> = world
            .outcomes("a")
            .iter()
            .map(|run| run.rsplit(' ').next().unwrap().to_owned())
            .collect();
        assert_eq!(ends, want, "{policy}");
    }
}

#[test]
fn a_calendar_holds_neither_runs_by_hand_nor_children() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    let closed = json!({"name": "closed", "dates": ["2030-01-01/2030-01-02"]});
    let closed = Arc::new(Calendar::from_json(&closed).unwrap());
    world.command(Command::PutCalendar(closed)).unwrap();
    let daily = "R/2030-01-01T06:00:00Z/P1D";
    put(
        &mut world,
        "a",
        &json!({"schedule": daily, "calendar": "closed"}),
    );
    put(&mut world, "child", &json!({"parents": ["a"]}));
    run_ok(&mut world, "a");
    world.succeed("child");
    world.until("2030-01-03T06:00:00Z");
    assert_eq!(
        world.outcomes("a"),
        [
            "00:00:00 0 succeeded",
            "01-02T06:00:00 0 skipped",
            "01-03T06:00:00 0 starting"
        ]
    );
    let refused = world.command(Command::Backfill {
        job: name("a"),
        from: instant("2030-01-01T06:00:00Z"),
        to: instant("2030-01-02T06:00:00Z"),
        with_children: false,
    });
    let problem = refused.unwrap_err().to_string();
    assert!(problem.contains("no target"), "{problem}");
}

#[test]
fn a_child_of_fast_parents_coalesces_unless_it_queues_all() {
    for (overlap, runs) in [("queueOne", 2), ("queueAll", 4)] {
        let mut world = World::new("2030-01-01T00:00:00Z");
        root(&mut world, "p");
        put(
            &mut world,
            "c",
            &json!({"parents": ["p"], "overlap": overlap}),
        );
        for _ in 0..4 {
            run_ok(&mut world, "p");
        }
        while !world.agent.running.is_empty() {
            world.succeed("c");
        }
        let done = world.job("c").progress().success_count;
        assert_eq!(done, runs, "{overlap}");
    }
}

#[test]
fn what_was_missing_may_be_taken_away() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    let setup = |world: &mut World| {
        root(world, "p");
        root(world, "q");
        put(world, "c", &json!({"parents": ["p", "q"]}));
        run_ok(world, "p");
        assert!(world.agent.running.is_empty());
    };
    setup(&mut world);
    put(&mut world, "c", &json!({"parents": ["p"]}));
    world.succeed("c");
    world.delete("c", Cascade::Refuse).unwrap();
    setup(&mut world);
    let any = json!({"parents": ["p", "q"], "dependencyRule": "anySuccess"});
    put(&mut world, "c", &any);
    world.succeed("c");
    world.delete("c", Cascade::Refuse).unwrap();
    setup(&mut world);
    world.delete("q", Cascade::Reparent).unwrap();
    world.succeed("c");
}

#[test]
fn a_parent_that_is_too_far_ahead_counts_its_older_completions_as_one() {
    // Two generations more than are remembered.
    let ahead = chronos_core::COMPLETIONS_MAX + 2;
    for (fast, slow) in [("c1", "c2"), ("c2", "c1")] {
        let mut world = World::new("2030-01-01T00:00:00Z");
        root(&mut world, "p");
        for job in [fast, slow] {
            let fields = json!({"parents": ["p"], "overlap": "queueAll"});
            put(&mut world, job, &fields);
        }
        let both = json!({"parents": [fast, slow], "overlap": "queueAll"});
        put(&mut world, "e", &both);
        for _ in 0..ahead {
            run_ok(&mut world, "p");
            world.succeed(fast);
        }
        for _ in 0..3 {
            world.succeed(slow);
        }
        let runs = world.outcomes("e").len();
        assert_eq!(runs, 1, "{fast} is ahead: the first three make one run");
        for _ in 3..ahead {
            world.succeed(slow);
        }
        let runs = world.outcomes("e").len();
        assert_eq!(runs, chronos_core::COMPLETIONS_MAX, "{fast} is ahead");
    }
}

#[test]
fn a_backfill_takes_nothing_from_the_schedule_and_counts_as_any_run() {
    let mut world = World::new("2030-01-10T12:00:00Z");
    let schedule = "R20/2030-01-01T00:00:00Z/P1D";
    put(
        &mut world,
        "a",
        &json!({"schedule": schedule, "retries": 1, "retryDelay": 5}),
    );
    world.succeed("a");
    let left = world.job("a").targets_remaining();
    let backfill = Command::Backfill {
        job: name("a"),
        from: instant("2030-01-03T00:00:00Z"),
        to: instant("2030-01-04T00:00:00Z"),
        with_children: false,
    };
    world.command(backfill).unwrap();
    world.fail("a");
    assert!(world.agent.running.is_empty(), "the line waits");
    world.until("2030-01-10T12:00:05Z");
    world.succeed("a");
    world.succeed("a");
    let job = world.job("a");
    assert_eq!(job.targets_remaining(), left);
    assert_eq!(job.progress().success_count, 3);
}

#[test]
fn a_mark_uses_up_what_the_parents_completed() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    root(&mut world, "p");
    root(&mut world, "q");
    put(&mut world, "c", &json!({"parents": ["p", "q"]}));
    run_ok(&mut world, "p");
    world
        .command(Command::MarkSuccess { job: name("c") })
        .unwrap();
    run_ok(&mut world, "q");
    assert!(world.agent.running.is_empty(), "p's completion is used up");
    run_ok(&mut world, "p");
    world.succeed("c");
}

#[test]
fn a_failure_whose_retry_is_skipped_counts_and_completes() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    let job = |disabled: bool| json!({"schedule": "R/2030-01-01T00:00:00Z/P1D", "retries": 2, "disabled": disabled});
    put(&mut world, "a", &job(false));
    put(
        &mut world,
        "c",
        &json!({"parents": ["a"], "dependencyRule": "allDone"}),
    );
    world.fail("a");
    put(&mut world, "a", &job(true));
    assert_eq!(
        world.outcomes("a"),
        ["00:00:00 0 failed", "00:00:00 1 skipped"]
    );
    assert_eq!(world.job("a").progress().error_count, 1);
    assert_eq!(world.outcomes("c"), ["00:00:00 0 starting"]);
}
