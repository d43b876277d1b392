//! Commands, and when they are answered.

use chronos_core::{Cascade, Command, Refusal, Reply, TaskState};
use serde_json::json;

use crate::world::{World, name, spec};

#[test]
fn answers_only_when_the_change_is_durable() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.slow_store = true;
    let job = spec(
        json!({"name": "a", "command": "true", "schedule": "R1//P"}),
        world.now(),
    );
    let request = world.send(Command::Put {
        spec: job.into(),
        source: None,
    });
    assert_eq!(world.reply(request), None);
    assert!(
        world.agent.running.is_empty(),
        "nothing is launched before its intent is durable"
    );
    while world.write() {}
    assert_eq!(world.reply(request), Some(Ok(Reply::Created)));
    assert_eq!(world.agent.running.len(), 1);
}

#[test]
fn a_run_that_is_killed_before_its_intent_is_durable_never_starts() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R0//P"}));
    world.offer_room(1);
    world.slow_store = true;
    world.send(Command::Run {
        job: name("a"),
        arguments: None,
    });
    world.send(Command::KillJob { job: name("a") });
    while world.write() {}
    assert!(world.agent.started.is_empty());
    let open: Vec<_> = world.agent.open.iter().map(ToString::to_string).collect();
    assert_eq!(open, ["offer-3"], "both offers were given back");
    assert_eq!(world.outcomes("a"), ["00:00:00 0 killed"]);
    world.offer();
    world.slow_store = false;
    world.run_now("a");
    assert_eq!(world.agent.running.len(), 1, "the offer was given back");
}

#[test]
fn unknown_jobs_are_refused() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    let job = name("nobody");
    for command in [
        Command::Run {
            job: job.clone(),
            arguments: None,
        },
        Command::MarkSuccess { job: job.clone() },
        Command::KillJob { job: job.clone() },
        Command::Delete {
            job: job.clone(),
            cascade: Cascade::Refuse,
        },
    ] {
        assert_eq!(
            world.command(command),
            Err(Refusal::UnknownJob(job.clone()))
        );
    }
}

// What few jobs set stands behind pointers; a million plain jobs must not get it by running or by an edit.
#[test]
fn a_plain_job_stays_small() {
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    let job = json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1S"});
    world.put(job.clone());
    world.until("2030-01-01T00:00:01Z");
    world.finish("a", TaskState::Finished);
    world.put(job);
    let job = world.job("a");
    assert_eq!(job.progress().completed, 1);
    assert!(job.progress().links.is_untouched());
    assert!(job.spec().policies.is_untouched() && job.spec().details.is_untouched());
}

#[test]
fn deleting_a_job_kills_its_runs_and_ends_what_waits() {
    let mut world = World::new("2030-01-01T00:00:00.500Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1S"}));
    world.until("2030-01-01T00:00:02Z");
    world.delete("a", Cascade::Refuse).unwrap();
    world.until("2030-01-01T00:00:10Z");
    assert_eq!(
        world.outcomes("a"),
        ["00:00:01 0 killed", "00:00:02 0 killed"]
    );
    assert!(world.view().job(&name("a")).is_none());
}

#[test]
fn the_end_of_a_deleted_jobs_run_counts_for_no_later_job_of_its_name() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.slow_store = true;
    let job = json!({"name": "a", "command": "true", "schedule": "R0//P"});
    let put = |world: &World| Command::Put {
        spec: spec(job.clone(), world.now()).into(),
        source: None,
    };
    let command = put(&world);
    world.send(command);
    world.send(Command::Run {
        job: name("a"),
        arguments: None,
    });
    while world.write() {}
    let key = world.agent.running.first().unwrap().clone();
    world.send(Command::Delete {
        job: name("a"),
        cascade: Cascade::Refuse,
    });
    let command = put(&world);
    world.send(command);
    world.finish_run(&key, TaskState::Finished);
    while world.write() {}
    assert_eq!(world.job("a").progress().success_count, 0);
}

#[test]
fn a_deleted_job_is_forgotten_in_time() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P"}));
    world.succeed("a");
    world.delete("a", Cascade::Refuse).unwrap();
    world.until("2030-01-30T00:00:00Z");
    assert_eq!(world.store.runs.len(), 1, "its history stays for a while");
    world.until("2030-02-01T00:00:00Z");
    assert!(world.store.runs.is_empty());
}

#[test]
fn an_edit_of_a_job_from_a_file_leaves_it_with_its_file() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    let job = |command: &str| {
        spec(
            json!({"name": "a", "command": command, "schedule": "R0//P"}),
            "2030-01-01T00:00:00Z".parse().unwrap(),
        )
    };
    let source = Some(chronos_model::JobSource {
        file: "jobs.yaml".to_owned(),
        digest: 7,
    });
    world
        .command(Command::Put {
            spec: job("one").into(),
            source: source.clone(),
        })
        .unwrap();
    world
        .command(Command::Put {
            spec: job("two").into(),
            source: None,
        })
        .unwrap();
    assert_eq!(world.job("a").progress().links.source, source);
    assert_eq!(&*world.job("a").spec().command, "two");
}
