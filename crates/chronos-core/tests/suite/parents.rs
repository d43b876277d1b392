//! Dependent jobs.

use chronos_core::{Cascade, Command, Refusal};
use serde_json::json;

use crate::world::{World, name};

fn world_of(edges: &[(&str, &[&str])]) -> World {
    let mut world = World::new("2030-01-01T00:00:00Z");
    for (job, parents) in edges {
        let job = if parents.is_empty() {
            json!({"name": job, "command": "true", "schedule": "R0//P", "retries": 0})
        } else {
            json!({"name": job, "command": "true", "parents": parents, "retries": 0})
        };
        world.put(job);
    }
    world
}

fn run_ok(world: &mut World, job: &str) {
    world.run_now(job);
    world.succeed(job);
}

fn running(world: &World) -> Vec<String> {
    world
        .agent
        .running
        .iter()
        .map(|key| key.job.to_string())
        .collect()
}

#[test]
fn a_chain_runs_in_order() {
    let mut world = world_of(&[
        ("a", &[]),
        ("b", &["a"]),
        ("c", &["b"]),
        ("d", &["c"]),
        ("e", &["d"]),
    ]);
    world.run_now("a");
    for job in ["a", "b", "c", "d", "e"] {
        assert_eq!(running(&world), [job]);
        world.succeed(job);
    }
    assert!(running(&world).is_empty());
}

#[test]
fn a_graph_of_chronos_own_tests_runs_as_there() {
    // Case 118.
    let mut world = world_of(&[
        ("a", &[]),
        ("b", &["a"]),
        ("c", &["a"]),
        ("d", &["b"]),
        ("e", &["b", "c"]),
    ]);
    let mut step = |job: &str, want: &[&str]| {
        if !running(&world).contains(&job.to_owned()) {
            world.run_now(job);
        }
        let before = running(&world);
        world.succeed(job);
        let new: Vec<String> = running(&world)
            .into_iter()
            .filter(|job| !before.contains(job))
            .collect();
        assert_eq!(new, want, "after {job}");
    };
    step("a", &["b", "c"]);
    step("b", &["d"]);
    step("c", &["e"]);
    step("d", &[]);
    step("e", &[]);
    step("a", &["b", "c"]);
    step("c", &[]);
    step("b", &["d", "e"]);
}

#[test]
fn a_failing_middle_stops_the_chain_and_says_so_until_it_is_marked_or_run_again() {
    for by_mark in [true, false] {
        let mut world = world_of(&[("a", &[]), ("b", &["a"]), ("c", &["b"])]);
        run_ok(&mut world, "a");
        world.fail("b");
        world.until("2030-01-01T00:10:00Z");
        assert!(running(&world).is_empty());
        assert_eq!(world.job("b").last_status().to_string(), "failure");
        assert_eq!(world.waiting("c"), ["waits for its parents: b"]);
        if by_mark {
            world
                .command(Command::MarkSuccess { job: name("b") })
                .unwrap();
        } else {
            run_ok(&mut world, "b");
        }
        assert_eq!(running(&world), ["c"]);
        assert_eq!(world.job("b").progress().errors_since_last_success, 0);
    }
}

#[test]
fn marking_a_success_takes_the_place_of_a_retry() {
    let mut world = world_of(&[("a", &[])]);
    world.put(json!({"name": "b", "command": "true", "parents": ["a"], "retries": 5}));
    world.put(json!({"name": "c", "command": "true", "parents": ["b"]}));
    run_ok(&mut world, "a");
    world.fail("b");
    world
        .command(Command::MarkSuccess { job: name("b") })
        .unwrap();
    assert_eq!(running(&world), ["c"]);
    world.until("2030-01-01T01:00:00Z");
    assert_eq!(
        world.outcomes("b"),
        ["00:00:00 0 failed", "00:00:00 1 superseded"]
    );
}

#[test]
fn counts_completions_as_chronos_did() {
    // Case 126.
    let mut world = world_of(&[
        ("j1", &[]),
        ("j2", &[]),
        ("j3", &[]),
        ("j4", &["j1", "j2"]),
        ("j5", &["j1", "j2", "j3"]),
        ("j6", &["j4", "j5", "j1"]),
    ]);
    for _ in 0..2 {
        run_ok(&mut world, "j1");
        run_ok(&mut world, "j2");
        world.succeed("j4");
    }
    run_ok(&mut world, "j3");
    world.succeed("j5");
    world.succeed("j6");
    let counts = ["j4", "j5", "j6"].map(|job| world.outcomes(job).len());
    assert_eq!(counts, [2, 1, 1]);
}

#[test]
fn a_soft_error_lets_the_children_go_on() {
    // Case 123.
    let mut world = world_of(&[("j1", &[])]);
    world.put(json!({"name": "j2", "command": "true", "schedule": "R0//P", "retries": 0, "softError": true}));
    world.put(json!({"name": "j3", "command": "true", "parents": ["j1", "j2"]}));
    run_ok(&mut world, "j1");
    world.run_now("j2");
    world.fail("j2");
    assert_eq!(running(&world), ["j3"]);
    let progress = world.job("j2").progress().clone();
    assert_eq!((progress.success_count, progress.error_count), (0, 1));
}

#[test]
fn a_disabled_child_is_passed_over() {
    // Case 121.
    let mut world = world_of(&[("j1", &[]), ("j2", &["j1"])]);
    world.put(json!({"name": "j3", "command": "true", "parents": ["j1"], "disabled": true}));
    run_ok(&mut world, "j1");
    assert_eq!(running(&world), ["j2"]);
    assert_eq!(world.outcomes("j3"), ["00:00:00 0 skipped"]);
    world.put(json!({"name": "j3", "command": "true", "parents": ["j1"]}));
    assert_eq!(
        running(&world),
        ["j2"],
        "being enabled is no completion of a parent"
    );
}

#[test]
fn changed_parents_count_from_the_change() {
    // Case 125.
    let mut world = world_of(&[("j1", &[]), ("j2", &[]), ("j3", &[]), ("j5", &["j1", "j2"])]);
    run_ok(&mut world, "j3");
    world.put(json!({"name": "j5", "command": "true", "parents": ["j1", "j2", "j3"]}));
    run_ok(&mut world, "j1");
    run_ok(&mut world, "j2");
    assert!(running(&world).is_empty());
    assert_eq!(world.waiting("j5"), ["waits for its parents: j3"]);
    run_ok(&mut world, "j3");
    assert_eq!(running(&world), ["j5"]);
}

#[test]
fn a_scheduled_job_becomes_a_dependent_one_and_back() {
    // Case 131.
    let mut world = world_of(&[("p", &[])]);
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:10Z/PT10S"}));
    world.put(json!({"name": "a", "command": "true", "parents": ["p"]}));
    world.until("2030-01-01T00:01:00Z");
    assert!(world.outcomes("a").is_empty());
    run_ok(&mut world, "p");
    world.succeed("a");
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:10Z/PT10S"}));
    run_ok(&mut world, "p");
    assert!(running(&world).is_empty());
    world.until("2030-01-01T00:01:10Z");
    assert_eq!(running(&world), ["a"]);
}

#[test]
fn cycles_and_unknown_parents_are_refused_before_anything_changes() {
    let mut world = world_of(&[("a", &[]), ("b", &["a"]), ("c", &["b"])]);
    let cases = [
        (
            json!({"name": "a", "command": "x", "parents": ["c"]}),
            "would close the cycle a -> b -> c -> a",
        ),
        (
            json!({"name": "a", "command": "x", "parents": ["b"]}),
            "would close the cycle a -> b -> a",
        ),
        (
            json!({"name": "z", "command": "x", "parents": ["y", "a", "x"]}),
            "unknown parents: x, y",
        ),
    ];
    for (job, problem) in cases {
        let refused = world.try_put(job).unwrap_err();
        assert_eq!(
            refused,
            Refusal::Invalid {
                field: "parents",
                problem: problem.to_owned()
            }
        );
    }
    assert_eq!(&*world.job("a").spec().command, "true");
}

#[test]
fn a_job_with_children_is_deleted_only_as_asked() {
    // Cases 135 and 136.
    let build = || world_of(&[("a", &[]), ("b", &[]), ("d", &["a", "b"]), ("c", &["d"])]);
    let parents = |world: &World, job: &str| {
        world
            .job(job)
            .spec()
            .parents()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let mut world = build();
    let refused = world.delete("d", Cascade::Refuse).unwrap_err();
    assert_eq!(
        refused,
        Refusal::HasChildren {
            job: name("d"),
            children: vec![name("c")]
        }
    );

    world.delete("d", Cascade::Reparent).unwrap();
    assert_eq!(parents(&world, "c"), ["a", "b"]);

    let mut world = build();
    world.delete("a", Cascade::Reparent).unwrap();
    assert_eq!(parents(&world, "d"), ["b"]);
    world.delete("b", Cascade::Reparent).unwrap();
    assert_eq!(
        world.job("d").spec().schedule().unwrap().text(),
        "R0//P",
        "it takes over the schedule"
    );

    let mut world = build();
    world.delete("a", Cascade::Delete).unwrap();
    let left: Vec<String> = world
        .view()
        .jobs()
        .map(|job| job.spec().name.to_string())
        .collect();
    assert_eq!(left, ["b"]);
}
