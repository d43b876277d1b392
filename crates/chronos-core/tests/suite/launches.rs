//! Launches that a cluster drops, forgets, or loses sight of.

use chronos_core::TaskState;
use chronos_model::RunState;
use serde_json::json;

use crate::cluster::Shared;

#[test]
fn a_dropped_launch_is_told_apart_from_the_next_one() {
    let mut shared = Shared::new("R1/2030-01-01T00:00:01Z/PT1H");
    shared.after(1_000);
    shared.offer("one", 1);
    shared.told();
    shared.update(0, TaskState::Dropped, None);
    assert_eq!(shared.told(), "acknowledge");
    // It is told again before the next launch, and after it.
    shared.update(0, TaskState::Dropped, None);
    assert_eq!(shared.told(), "acknowledge");
    shared.update(0, TaskState::Running, None);
    assert_eq!(shared.told(), "kill", "it runs after all");
    shared.offer("two", 1);
    assert_eq!(shared.told(), "launch on two");
    assert_eq!(shared.launched[0].0, shared.launched[1].0, "the same run");
    assert_ne!(shared.launched[0].1, shared.launched[1].1);
    for state in [TaskState::Dropped, TaskState::Failed] {
        shared.update(0, state, None);
        assert_eq!(shared.told(), "acknowledge");
    }
    shared.update(0, TaskState::Running, None);
    assert_eq!(shared.told(), "");
    assert_eq!(shared.state(), Some((RunState::Starting, None)));
    // From the second time on it waits a little.
    shared.update(1, TaskState::Dropped, None);
    shared.told();
    shared.offer("three", 1);
    assert_eq!(shared.told(), "");
    // It was put off twice at one instant, so by one millisecond more.
    shared.after(1_001);
    assert_eq!(shared.told(), "launch on three");
    shared.update(2, TaskState::Finished, None);
    assert_eq!(shared.told(), "acknowledge");
}

#[test]
fn a_run_that_began_and_was_forgotten_is_not_begun_again() {
    let mut shared = Shared::new("R1/2030-01-01T00:00:01Z/PT1H");
    shared.after(1_000);
    shared.offer("one", 1);
    shared.update(0, TaskState::Running, None);
    shared.told();
    shared.update(0, TaskState::Dropped, Some("task unknown to the agent"));
    assert_eq!(shared.told(), "acknowledge");
    assert_eq!(shared.state(), None, "it has no retries");
}

#[test]
fn a_run_that_began_before_a_crash_and_was_forgotten_is_not_begun_again() {
    // A short while after it was launched nobody can tell; then it is on record.
    for (ran, again) in [(1_000, true), (61_000, false)] {
        let mut shared = Shared::new("R1/2030-01-01T00:00:01Z/PT1H");
        shared.after(1_000);
        shared.offer("one", 1);
        shared.update(0, TaskState::Running, None);
        shared.after(ran);
        shared.crash();
        shared.offer("two", 1);
        assert!(
            shared
                .told()
                .ends_with("reconcile, want false, decline two")
        );
        shared.update(0, TaskState::Dropped, None);
        let state = shared.state().map(|(state, _)| state);
        assert_eq!(state, again.then_some(RunState::Queued), "after {ran} ms");
    }
}

#[test]
fn that_a_run_began_is_written_when_it_is_not_over_soon() {
    let once = "R1/2030-01-01T00:00:01Z/PT1H";
    let mut shared = Shared::new(once);
    shared.put(&json!({ "name": "short", "schedule": once }));
    shared.after(1_000);
    shared.offer("one", 1);
    shared.offer("two", 1);
    assert_eq!(shared.launched.len(), 2);
    shared.update(0, TaskState::Running, None);
    shared.after(1_000);
    shared.update(1, TaskState::Running, None);
    shared.update(1, TaskState::Finished, None);
    shared.written.clear();
    shared.after(58_999);
    assert_eq!(shared.written, []);
    shared.after(1);
    // Where it stands is for its agent to say.
    assert_eq!(shared.written, [(RunState::Starting, true)]);
    shared.after(3_600_000);
    assert_eq!(shared.written.len(), 1, "once");
    assert_eq!(shared.scheduler.deadline().mono, None);
}

#[test]
fn an_unreachable_task_may_come_back() {
    let mut shared = Shared::new("R1/2030-01-01T00:00:01Z/PT1H");
    shared.after(1_000);
    shared.offer("one", 1);
    shared.update(0, TaskState::Running, None);
    shared.told();
    shared.update(0, TaskState::Unreachable, Some("no ping"));
    let reason = Some("agent out of reach: no ping".to_owned());
    assert_eq!(shared.state(), Some((RunState::Running, reason)));
    shared.update(0, TaskState::Running, None);
    assert_eq!(
        shared.state(),
        Some((RunState::Running, None)),
        "it is back"
    );
    shared.update(0, TaskState::Unreachable, Some("no ping"));
    shared.update(0, TaskState::Lost, Some("away for too long"));
    assert_eq!(shared.told(), "acknowledge");
    assert_eq!(shared.state(), None);
}
