//! Completions of parents that belong together.

use chronos_core::{Command, Launch, Task, TaskState};
use chronos_model::{RunKey, Timestamp};
use serde_json::{Value, json};

use crate::world::{World, name, spec};

fn root(world: &mut World, name: &str) {
    world.put(json!({"name": name, "command": "true", "schedule": "R0//P", "retries": 0}));
}

fn child(world: &mut World, name: &str, parents: &[&str], more: &Value) {
    let mut job = json!({"name": name, "command": "true", "parents": parents, "retries": 0});
    let fields = job.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    world.put(job);
}

fn running(world: &World) -> Vec<String> {
    let keys = world.agent.running.iter();
    keys.map(|key| key.job.to_string()).collect()
}

fn run_ok(world: &mut World, job: &str) {
    world.run_now(job);
    world.succeed(job);
}

/// `p` with the children `c1` and `c2`, and `e` after both.
fn diamond(more: &Value) -> World {
    let mut world = World::new("2030-01-01T00:00:00Z");
    root(&mut world, "p");
    child(&mut world, "c1", &["p"], &json!({}));
    child(&mut world, "c2", &["p"], &json!({}));
    child(&mut world, "e", &["c1", "c2"], more);
    world
}

#[test]
fn a_child_never_mixes_two_generations_of_a_common_ancestor() {
    // Case 132 (mesos/chronos#543): cycle 2 loses c2, and in cycle 3 c2 is the faster one.
    let mut world = diamond(&json!({}));
    run_ok(&mut world, "p");
    world.succeed("c1");
    world.succeed("c2");
    world.succeed("e");

    run_ok(&mut world, "p");
    world.succeed("c1");
    world.fail("c2");
    assert!(running(&world).is_empty());

    run_ok(&mut world, "p");
    world.succeed("c2");
    assert_eq!(running(&world), ["c1"], "c1 has not done cycle 3 yet");
    assert_eq!(world.waiting("e"), ["waits for its parents: c1"]);
    world.crash();
    assert_eq!(running(&world), ["c1"]);
    world.succeed("c1");
    assert_eq!(running(&world), ["e"]);
    world.succeed("e");
    assert_eq!(world.outcomes("e").len(), 2);
}

#[test]
fn a_slow_parent_finds_the_completion_that_goes_with_its_own() {
    let mut world = diamond(&json!({}));
    run_ok(&mut world, "p");
    world.succeed("c1");
    // c2 is still at cycle 1 while c1 does cycle 2.
    run_ok(&mut world, "p");
    world.succeed("c1");
    world.crash();
    world.succeed("c2");
    assert_eq!(running(&world), ["c2", "e"], "cycle 1 is complete");
    world.succeed("e");
    world.succeed("c2");
    assert_eq!(running(&world), ["e"], "and then cycle 2");
    world.succeed("e");
    assert_eq!(world.outcomes("e").len(), 2);
}

#[test]
fn repeating_a_failed_parent_by_hand_completes_its_generation() {
    for by_mark in [false, true] {
        let mut world = diamond(&json!({}));
        run_ok(&mut world, "p");
        world.succeed("c1");
        world.fail("c2");
        world.crash();
        if by_mark {
            world
                .command(Command::MarkSuccess { job: name("c2") })
                .unwrap();
        } else {
            run_ok(&mut world, "c2");
        }
        assert_eq!(running(&world), ["e"], "by mark: {by_mark}");
    }
}

#[test]
fn a_shortcut_waits_for_the_long_way() {
    // e depends on p directly and by way of c.
    let mut world = World::new("2030-01-01T00:00:00Z");
    root(&mut world, "p");
    child(&mut world, "c", &["p"], &json!({}));
    child(&mut world, "e", &["p", "c"], &json!({}));
    for cycle in 1..=3 {
        run_ok(&mut world, "p");
        assert_eq!(running(&world), ["c"], "cycle {cycle}");
        world.succeed("c");
        assert_eq!(running(&world), ["e"], "cycle {cycle}");
        world.succeed("e");
    }
}

#[test]
fn independent_parents_count_as_chronos_did() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    for parent in ["a", "b"] {
        root(&mut world, parent);
    }
    child(&mut world, "e", &["a", "b"], &json!({}));
    run_ok(&mut world, "a");
    run_ok(&mut world, "a");
    run_ok(&mut world, "b");
    world.succeed("e");
    run_ok(&mut world, "b");
    assert!(
        running(&world).is_empty(),
        "the first completion of a was used up with the second"
    );
}

#[test]
fn when_all_are_done_it_does_not_matter_how() {
    let mut world = diamond(&json!({"dependencyRule": "allDone"}));
    for (first, second) in [
        (TaskState::Finished, TaskState::Failed),
        (TaskState::Failed, TaskState::Failed),
        (TaskState::Lost, TaskState::Finished),
    ] {
        run_ok(&mut world, "p");
        world.finish("c1", first);
        assert_eq!(running(&world), ["c2"]);
        world.finish("c2", second);
        assert_eq!(running(&world), ["e"], "{first:?} {second:?}");
        world.succeed("e");
    }
}

#[test]
fn a_killed_parent_is_done_and_neither_a_success_nor_a_failure() {
    for (rule, runs) in [
        ("allDone", true),
        ("anyFailure", false),
        ("anySuccess", false),
        ("allSuccess", false),
    ] {
        let mut world = World::new("2030-01-01T00:00:00Z");
        root(&mut world, "p");
        child(&mut world, "e", &["p"], &json!({"dependencyRule": rule}));
        world.run_now("p");
        world.command(Command::KillJob { job: name("p") }).unwrap();
        assert_eq!(!running(&world).is_empty(), runs, "{rule}");
    }
}

#[test]
fn any_success_is_enough_and_makes_one_run_for_each_generation() {
    let mut world = diamond(&json!({"dependencyRule": "anySuccess"}));
    for (first, second, runs) in [
        (TaskState::Finished, TaskState::Finished, true),
        (TaskState::Failed, TaskState::Finished, true),
        (TaskState::Finished, TaskState::Failed, true),
        (TaskState::Failed, TaskState::Failed, false),
        (TaskState::Failed, TaskState::Finished, true),
    ] {
        let before = world.outcomes("e").len();
        run_ok(&mut world, "p");
        world.finish("c1", first);
        world.crash();
        world.finish("c2", second);
        if runs {
            world.succeed("e");
        }
        let after = world.outcomes("e").len();
        assert_eq!(after - before, usize::from(runs), "{first:?} {second:?}");
        assert!(running(&world).is_empty());
    }
}

#[test]
fn any_failure_calls_once_for_each_generation() {
    let mut world = diamond(&json!({"dependencyRule": "anyFailure"}));
    for (first, second, runs) in [
        (TaskState::Finished, TaskState::Finished, 0),
        (TaskState::Failed, TaskState::Failed, 1),
        (TaskState::Finished, TaskState::Failed, 1),
    ] {
        let before = world.outcomes("e").len();
        run_ok(&mut world, "p");
        world.finish("c1", first);
        world.finish("c2", second);
        if runs > 0 {
            world.succeed("e");
        }
        assert_eq!(
            world.outcomes("e").len() - before,
            runs,
            "{first:?} {second:?}"
        );
    }
}

#[test]
fn a_parent_that_is_skipped_in_one_generation_is_not_missed_in_the_next() {
    // anySuccess used up "the next completion of c2", which never came in that generation.
    let mut world = diamond(&json!({"dependencyRule": "anySuccess"}));
    let rest =
        json!({"name": "c2", "command": "true", "parents": ["p"], "disabled": true, "retries": 0});
    world.put(rest);
    run_ok(&mut world, "p");
    world.succeed("c1");
    world.succeed("e");
    world.put(json!({"name": "c2", "command": "true", "parents": ["p"], "retries": 0}));
    run_ok(&mut world, "p");
    world.fail("c1");
    world.succeed("c2");
    assert_eq!(running(&world), ["e"]);
}

#[test]
fn a_child_is_told_of_the_runs_of_its_parents() {
    let mut world = diamond(&json!({}));
    run_ok(&mut world, "p");
    world.succeed("c1");
    world
        .command(Command::MarkSuccess { job: name("c2") })
        .unwrap();
    world.command(Command::KillJob { job: name("c2") }).unwrap();
    let run = world
        .store
        .runs
        .values()
        .find(|run| run.key.job.as_str() == "e");
    let parents = run.unwrap().parents.clone().unwrap();
    let told: Vec<&str> = parents.runs.iter().map(|key| key.job.as_str()).collect();
    assert_eq!(told, ["c1"], "a mark has no run");
    let retried = world.job("e").active_runs().next().unwrap().parents.clone();
    assert_eq!(retried, Some(parents));
}

#[test]
fn the_runs_of_the_parents_are_in_the_environment() {
    let key = |job: &str, due: i64| RunKey {
        job: name(job),
        due: Timestamp::from_millis(due),
        attempt: 0,
    };
    for (parent_runs, want) in [
        (vec![], None),
        (
            vec![key("job #1", 1000), key("b", 2000)],
            Some("ct:1000:0:job #1:,ct:2000:0:b:"),
        ),
    ] {
        let now = Timestamp::from_millis(5000);
        let job = json!({
            "name": "e", "command": "true", "parents": ["job #1", "b"],
            "environmentVariables": [{"name": "CHRONOS_PARENT_RUNS", "value": "own"}]
        });
        let task = Task {
            launch: Launch::default(),
            key: key("e", 5000),
            target: now,
            spec: spec(job, now).into(),
            arguments: None,
            parent_runs,
        };
        let environment = task.environment("host");
        let found = environment
            .iter()
            .find(|(name, _)| name == "CHRONOS_PARENT_RUNS")
            .map(|(_, value)| value.as_str());
        assert_eq!(found, want.or(Some("own")));
    }
}

#[test]
fn both_a_time_and_parents() {
    let mut world = World::new("2030-01-01T05:00:00Z");
    root(&mut world, "extract");
    let report = json!({
        "name": "report", "command": "true", "schedule": "R/2030-01-01T06:00:00Z/P1D",
        "parents": ["extract"], "scheduleAndParents": true, "retries": 0
    });
    world.put(report);
    // The parents come first: the time is waited for.
    run_ok(&mut world, "extract");
    assert!(running(&world).is_empty());
    world.until("2030-01-01T06:00:00Z");
    assert_eq!(running(&world), ["report"]);
    world.succeed("report");
    // The time comes first: the parents are waited for.
    world.until("2030-01-02T06:00:00Z");
    assert!(running(&world).is_empty());
    assert_eq!(world.waiting("report"), ["waits for its parents: extract"]);
    world.crash();
    run_ok(&mut world, "extract");
    assert_eq!(running(&world), ["report"]);
    world.succeed("report");
    // A completion counts once, and a second day without parents takes the place of the first.
    world.until("2030-01-04T06:00:00Z");
    assert!(running(&world).is_empty());
    run_ok(&mut world, "extract");
    world.succeed("report");
    assert_eq!(
        world.outcomes("report"),
        [
            "06:00:00 0 succeeded",
            "01-02T06:00:00 0 succeeded",
            "01-03T06:00:00 0 superseded",
            "01-04T06:00:00 0 succeeded"
        ]
    );
}

#[test]
fn deleting_the_parents_of_a_job_with_both_leaves_it_its_time() {
    let mut world = World::new("2030-01-01T05:00:00Z");
    root(&mut world, "extract");
    world.put(json!({
        "name": "report", "command": "true", "schedule": "R/2030-01-01T06:00:00Z/P1D",
        "parents": ["extract"], "scheduleAndParents": true
    }));
    world
        .delete("extract", chronos_core::Cascade::Reparent)
        .unwrap();
    world.until("2030-01-01T06:00:00Z");
    assert_eq!(running(&world), ["report"]);
}

#[test]
fn a_run_that_waits_for_parents_survives_losing_them() {
    let mut world = World::new("2030-01-01T05:00:00Z");
    root(&mut world, "extract");
    let job = |parents: bool| {
        let mut job =
            json!({"name": "report", "command": "true", "schedule": "R/2030-01-01T06:00:00Z/P1D"});
        if parents {
            job["parents"] = json!(["extract"]);
            job["scheduleAndParents"] = true.into();
        }
        job
    };
    world.put(job(true));
    world.until("2030-01-01T06:00:00Z");
    assert!(running(&world).is_empty());
    world.put(job(false));
    assert_eq!(running(&world), ["report"]);
}
