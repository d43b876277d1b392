//! Section G: what the completion of one job leads to.

use chronos_core::{Cascade, Command, Refusal};
use serde_json::{Value, json};

use crate::world::{World, name};

/// A job: its name, its parents, and further fields as JSON.
type Job = (&'static str, &'static [&'static str], &'static str);

struct Story {
    case: &'static str,
    jobs: &'static [Job],
    /// What happens (`a ok`, `a fails`, `a marked`), and which jobs start by that.
    steps: &'static [(&'static str, &'static [&'static str])],
    /// In the end: a job's successes, errors, and errors since the last success.
    counters: &'static [(&'static str, [u64; 3])],
}

const STORIES: &[Story] = &[
    Story {
        case: "118",
        jobs: &[
            ("a", &[], "{}"),
            ("b", &["a"], "{}"),
            ("c", &["a"], "{}"),
            ("d", &["b"], "{}"),
            ("e", &["b", "c"], "{}"),
        ],
        steps: &[
            ("a ok", &["b", "c"]),
            ("b ok", &["d"]),
            ("c ok", &["e"]),
            ("d ok", &[]),
            ("e ok", &[]),
            ("a ok", &["b", "c"]),
            ("c ok", &[]),
            ("b ok", &["d", "e"]),
        ],
        counters: &[],
    },
    Story {
        case: "121",
        jobs: &[
            ("j1", &[], "{}"),
            ("j2", &["j1"], "{}"),
            ("j3", &["j1"], r#"{"disabled": true}"#),
            ("j4", &["j2"], "{}"),
        ],
        steps: &[("j1 ok", &["j2"]), ("j2 ok", &["j4"])],
        counters: &[("j3", [0, 0, 0])],
    },
    Story {
        case: "122",
        jobs: &[
            ("j1", &[], "{}"),
            ("j2", &[], "{}"),
            ("j3", &["j1"], "{}"),
            ("j4", &["j1", "j2"], "{}"),
            ("j5", &["j1", "j2", "j3"], "{}"),
        ],
        steps: &[("j1 ok", &["j3"]), ("j2 ok", &["j4"]), ("j3 ok", &["j5"])],
        counters: &[],
    },
    Story {
        case: "123",
        jobs: &[
            ("j1", &[], "{}"),
            ("j2", &[], r#"{"softError": true}"#),
            ("j3", &["j1", "j2"], "{}"),
        ],
        steps: &[("j1 ok", &[]), ("j2 fails", &["j3"])],
        counters: &[("j2", [0, 1, 1])],
    },
    Story {
        case: "126",
        jobs: &[
            ("j1", &[], "{}"),
            ("j2", &[], "{}"),
            ("j3", &[], "{}"),
            ("j4", &["j1", "j2"], "{}"),
            ("j5", &["j1", "j2", "j3"], "{}"),
            ("j6", &["j1", "j4", "j5"], "{}"),
        ],
        steps: &[
            ("j1 ok", &[]),
            ("j2 ok", &["j4"]),
            ("j4 ok", &[]),
            ("j1 ok", &[]),
            ("j2 ok", &["j4"]),
            ("j4 ok", &[]),
            ("j3 ok", &["j5"]),
            ("j5 ok", &["j6"]),
        ],
        counters: &[("j4", [2, 0, 0]), ("j5", [1, 0, 0])],
    },
    Story {
        case: "127",
        jobs: &[
            ("j1", &[], "{}"),
            ("j3", &[], "{}"),
            ("child", &["j1", "j3"], "{}"),
        ],
        steps: &[("j1 fails", &[]), ("j3 ok", &[]), ("j1 marked", &["child"])],
        counters: &[("j1", [1, 1, 0])],
    },
    Story {
        case: "132",
        jobs: &[
            ("p", &[], "{}"),
            ("c1", &["p"], "{}"),
            ("c2", &["p"], "{}"),
            ("e", &["c1", "c2"], "{}"),
        ],
        steps: &[
            ("p ok", &["c1", "c2"]),
            ("c1 ok", &[]),
            ("c2 ok", &["e"]),
            ("e ok", &[]),
            ("p ok", &["c1", "c2"]),
            ("c1 ok", &[]),
            ("c2 fails", &[]),
            ("p ok", &["c1", "c2"]),
            ("c2 ok", &[]),
            ("c1 ok", &["e"]),
        ],
        counters: &[("e", [1, 0, 0])],
    },
];

fn world_of(jobs: &[Job]) -> World {
    let mut world = World::new("2030-01-01T00:00:00Z");
    for (name, parents, more) in jobs {
        let mut job = json!({"name": name, "command": "true", "retries": 0});
        let fields = job.as_object_mut().unwrap();
        if parents.is_empty() {
            fields.insert("schedule".to_owned(), "R0//P".into());
        } else {
            fields.insert("parents".to_owned(), json!(parents));
        }
        let more: Value = serde_json::from_str(more).unwrap();
        fields.extend(more.as_object().unwrap().clone());
        world.put(job);
    }
    world
}

fn running(world: &World) -> Vec<String> {
    let keys = world.agent.running.iter();
    keys.map(|key| key.job.to_string()).collect()
}

fn step(world: &mut World, step: &str) {
    let (job, what) = step.split_once(' ').unwrap();
    if what == "marked" {
        let job = name(job);
        world.command(Command::MarkSuccess { job }).unwrap();
        return;
    }
    if !running(world).contains(&job.to_owned()) {
        world.run_now(job);
    }
    match what {
        "ok" => world.succeed(job),
        "fails" => world.fail(job),
        _ => panic!("{step}"),
    }
}

#[test]
fn what_completes_makes_the_children_run() {
    for story in STORIES {
        let mut world = world_of(story.jobs);
        for (what, starts) in story.steps {
            let case = format!("case {}: {what}", story.case);
            world.until_instant(world.now().plus_millis(1000));
            let before = running(&world);
            step(&mut world, what);
            let new: Vec<_> = running(&world)
                .into_iter()
                .filter(|job| !before.contains(job))
                .collect();
            assert_eq!(new, *starts, "{case}");
            for child in new {
                let run = world.job(&child);
                let run = run.active_runs().next().unwrap();
                assert_eq!(run.target, world.now(), "{case}: when the parent completed");
            }
        }
        for (job, counters) in story.counters {
            let progress = world.job(job).progress().clone();
            let found = [
                progress.success_count,
                progress.error_count,
                progress.errors_since_last_success,
            ];
            assert_eq!(found, *counters, "case {}: {job}", story.case);
        }
    }
}

#[test]
fn edges_and_what_keeps_them() {
    let mut world = world_of(&[
        ("a", &[], "{}"),
        ("b", &["a"], "{}"),
        ("c", &["a"], "{}"),
        ("d", &["b", "c"], "{}"),
    ]);
    let children = |world: &mut World, job: &str| match world.delete(job, Cascade::Refuse) {
        Err(Refusal::HasChildren { children, .. }) => children,
        other => panic!("{other:?}"),
    };
    // Case 117: an edge from each parent.
    assert_eq!(children(&mut world, "b"), [name("d")]);
    assert_eq!(children(&mut world, "c"), [name("d")]);
    // Case 119: a new definition.
    world.put(json!({"name": "c", "command": "new", "parents": ["a"]}));
    assert_eq!(children(&mut world, "a"), [name("b"), name("c")]);
    assert_eq!(children(&mut world, "c"), [name("d")]);
    assert_eq!(&*world.job("c").spec().command, "new");
}

#[test]
fn changed_parents_keep_the_counters() {
    // Case 125.
    let mut world = world_of(&[
        ("j1", &[], "{}"),
        ("j2", &[], "{}"),
        ("j3", &[], "{}"),
        ("j5", &["j1", "j2"], "{}"),
    ]);
    for what in ["j1 ok", "j2 ok", "j5 ok"] {
        step(&mut world, what);
    }
    world.put(json!({"name": "j5", "command": "true", "parents": ["j1", "j2", "j3"]}));
    for what in ["j1 ok", "j2 ok"] {
        step(&mut world, what);
        assert!(running(&world).is_empty(), "{what}");
    }
    step(&mut world, "j3 ok");
    assert_eq!(running(&world), ["j5"]);
    world.succeed("j5");
    assert_eq!(world.job("j5").progress().success_count, 2);
}

#[test]
fn disabled_jobs_do_and_count_nothing() {
    // Case 130.
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "parent", "command": "true", "schedule": "R/2030-01-01T00:00:10Z/PT10S", "disabled": true}));
    world.put(json!({"name": "child", "command": "true", "parents": ["parent"], "disabled": true}));
    world.until("2030-01-01T00:01:00Z");
    assert!(world.store.runs.is_empty());
    for job in ["parent", "child"] {
        let progress = world.job(job).progress().clone();
        let counters = (progress.success_count, progress.error_count);
        assert_eq!(counters, (0, 0), "{job}");
        assert_eq!((progress.last_success, progress.last_error), (None, None));
    }
}
