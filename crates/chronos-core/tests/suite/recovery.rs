//! Crashes: what the store holds is enough.

use chronos_core::TaskState;
use serde_json::json;

use crate::world::{World, name};

#[test]
fn runs_that_went_on_are_found_again_and_nothing_starts_twice() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P"}));
    world.crash();
    assert_eq!(world.job("a").activity().to_string(), "1 running");
    world.succeed("a");
    assert_eq!(world.outcomes("a"), ["00:00:00 0 succeeded"]);
    world.crash();
    assert_eq!(world.outcomes("a"), ["00:00:00 0 succeeded"]);
}

#[test]
fn an_intent_that_never_reached_the_agent_is_launched_after_all() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R0//P"}));
    world.run_now("a");
    // The agent is made to know nothing, as if the launch had been lost with the daemon.
    let key = world.agent.running.pop_first().unwrap();
    world.agent.started.remove(&key);
    world.crash();
    assert!(world.agent.running.contains(&key));
    world.succeed("a");
    assert_eq!(world.outcomes("a"), ["00:00:00 0 succeeded"]);
}

#[test]
fn an_end_that_was_not_durable_is_told_again() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P"}));
    world.slow_store = true;
    world.finish("a", TaskState::Finished);
    world.slow_store = false;
    world.crash();
    assert_eq!(world.outcomes("a"), ["00:00:00 0 succeeded"]);
    assert_eq!(world.job("a").progress().success_count, 1);
}

#[test]
fn retries_and_what_waits_survive() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P", "retryDelay": 30}));
    world.fail("a");
    world.crash();
    assert_eq!(
        world.waiting("a"),
        ["retry 1 of 2 starts at 2030-01-01T00:00:30.000Z"]
    );
    world.until("2030-01-01T00:00:30Z");
    assert_eq!(world.agent.running.len(), 1);
}

#[test]
fn a_parents_completion_is_neither_forgotten_nor_counted_twice() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    for parent in ["a", "b"] {
        world.put(json!({"name": parent, "command": "true", "schedule": "R0//P"}));
    }
    world.put(json!({"name": "child", "command": "true", "parents": ["a", "b"]}));
    world.run_now("a");
    world.succeed("a");
    world.crash();
    assert_eq!(world.waiting("child"), ["waits for its parents: b"]);
    world.run_now("b");
    world.succeed("b");
    world.crash();
    world.succeed("child");
    world.crash();
    world.until("2030-01-02T00:00:00Z");
    assert_eq!(world.outcomes("child").len(), 1);
}

#[test]
fn a_kill_is_not_forgotten() {
    let mut world = World::new("2030-01-01T00:00:00Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R1//P"}));
    let key = world.agent.running.first().unwrap().clone();
    world.slow_store = true;
    world.send(chronos_core::Command::KillJob { job: name("a") });
    // The kill is durable, the call to the agent is lost with the daemon.
    world.store.runs.get_mut(&key).unwrap().kill_requested = true;
    world.slow_store = false;
    world.crash();
    assert_eq!(world.outcomes("a"), ["00:00:00 0 killed"]);
}
