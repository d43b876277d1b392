//! Stories of more than one step.

use std::time::Duration;

use mesos_v1::{
    driver::{CallId, Input, Output, Request, RequestId, StateKind, Written, config::LANES_MAX},
    proto::{
        TaskState,
        scheduler::{Call, call::Type},
    },
};
use prost::Message as _;

use crate::kit::{Rig, answer, demand, leader, subscribed, task, update};

#[test]
fn an_ambiguous_launch_is_asked_about_after_the_fence() {
    let mut rig = Rig::launching();
    lose_call(&mut rig);
    let mut told = rig.said();
    rig.hold();
    rig.accept_stream();
    rig.event(&subscribed("F"));
    told += &rig.said();
    assert_eq!(told.matches("Ambiguous").count(), 1);
    assert!(
        told.ends_with("tell subscribed F\nsend RECONCILE t1"),
        "{told}"
    );
}

#[test]
fn what_was_recorded_too_late_is_acknowledged_in_the_next_subscription() {
    let mut rig = Rig::at(StateKind::Subscribed);
    rig.event(&update("t1", TaskState::TaskRunning, Some(1)));
    let late = rig.receipts[0].clone();
    rig.give(Input::Request(Request::Kill {
        task: task("t2"),
        policy: None,
    }));
    lose_call(&mut rig);
    resubscribe(&mut rig);
    rig.give(Input::Recorded(late));
    assert_eq!(
        rig.said(),
        "",
        "not with the stream of another subscription"
    );
    rig.event(&update("t1", TaskState::TaskRunning, Some(1)));
    let again = rig.receipts[1].clone();
    rig.give(Input::Recorded(again));
    assert_eq!(rig.said(), "tell t1 TASK_RUNNING\nsend ACKNOWLEDGE t1");
}

#[test]
fn acknowledgements_of_a_subscription_end_with_it() {
    let mut rig = Rig::at(StateKind::Subscribed);
    let tasks = 0..2 * LANES_MAX;
    for number in tasks.clone() {
        let id = format!("t{number}");
        rig.event(&update(&id, TaskState::TaskRunning, Some(1)));
    }
    for receipt in rig.receipts.clone() {
        rig.give(Input::Recorded(receipt));
    }
    let told = rig.said();
    assert_eq!(
        told.matches("send ACKNOWLEDGE").count(),
        LANES_MAX,
        "{told}"
    );
    let old = (rig.subscription(), rig.call);
    lose_call(&mut rig);
    rig.hold();
    rig.accept_stream();
    rig.event(&subscribed("F"));
    // What was under way on another lane is answered late: that makes room for nothing.
    rig.give(Input::CallAnswered {
        subscription: old.0,
        call: CallId(old.1.0 - 1),
        answer: answer(202, ""),
    });
    let told = rig.said();
    assert!(!told.contains("ACKNOWLEDGE"), "{told}");
    for number in tasks {
        rig.receipts.clear();
        let id = format!("t{number}");
        rig.event(&update(&id, TaskState::TaskRunning, Some(1)));
        let again = rig.receipts[0].clone();
        rig.give(Input::Recorded(again));
        rig.answer(202, "");
    }
    let told = rig.said();
    assert_eq!(
        told.matches("send ACKNOWLEDGE").count(),
        2 * LANES_MAX,
        "{told}"
    );
}

#[test]
fn renewing_in_a_row_waits() {
    let mut rig = Rig::launching();
    lose_call(&mut rig);
    assert_eq!(rig.driver.state(), StateKind::Fencing, "at once");
    rig.hold();
    rig.accept_stream();
    rig.event(&subscribed("F"));
    lose_call(&mut rig);
    assert_eq!(
        rig.driver.state(),
        StateKind::Backoff,
        "not again and again"
    );
    // A minute of peace makes it the first one again.
    rig.tick_after(Duration::from_secs(15));
    rig.give(leader("m1:5050", None));
    rig.hold();
    rig.accept_stream();
    rig.event(&subscribed("F"));
    rig.wait(Duration::from_secs(60));
    lose_call(&mut rig);
    assert_eq!(rig.driver.state(), StateKind::Fencing);
}

#[test]
fn waits_grow_and_are_bounded() {
    let mut rig = Rig::at(StateKind::Detecting);
    let mut longest = Duration::ZERO;
    for attempt in 0..200_u32 {
        let from = rig.now;
        rig.give(leader("m1:5050", None));
        rig.hold();
        let subscription = rig.subscription();
        rig.give(crate::kit::closed(subscription));
        let wait = rig.driver.deadline().expect("it waits").since(from);
        let bound = Duration::from_millis(500 << attempt.min(5));
        assert!(
            wait <= bound.min(Duration::from_secs(15)),
            "{attempt}: {wait:?}"
        );
        longest = longest.max(wait);
        rig.tick_after(wait);
        rig.outputs.clear();
    }
    assert!(longest > Duration::from_secs(12), "{longest:?}");
}

#[test]
fn an_ended_task_is_not_asked_about_again() {
    let mut rig = Rig::launching();
    rig.answer(202, "");
    rig.event(&update("t1", TaskState::TaskFinished, Some(1)));
    let receipt = rig.receipts[0].clone();
    rig.give(Input::Recorded(receipt));
    rig.answer(202, "");
    rig.outputs.clear();
    rig.give(Input::Request(Request::Reconcile));
    assert_eq!(rig.said(), "tell reconciled\nsend RECONCILE");
}

#[test]
fn a_lost_task_is_asked_about_until_the_scheduler_gives_it_up() {
    let mut rig = Rig::launching();
    rig.answer(202, "");
    rig.event(&update("t1", TaskState::TaskLost, None));
    let receipt = rig.receipts[0].clone();
    rig.give(Input::Recorded(receipt));
    rig.outputs.clear();
    rig.give(Input::Request(Request::Reconcile));
    assert_eq!(rig.said(), "send RECONCILE t1");
    rig.answer(202, "");
    rig.answer(202, "");
    rig.outputs.clear();
    rig.give(Input::Request(Request::Unwatch { task: task("t1") }));
    assert_eq!(rig.said(), "tell reconciled");
}

#[test]
fn kills_survive_the_subscription() {
    let mut rig = Rig::at(StateKind::Detecting);
    rig.give(Input::Request(Request::Kill {
        task: task("t1"),
        policy: None,
    }));
    rig.give(leader("m1:5050", None));
    rig.hold();
    rig.accept_stream();
    rig.event(&subscribed("F"));
    assert!(rig.said().ends_with("send KILL t1"));
    rig.answer(202, "");
    assert_eq!(rig.said(), "send RECONCILE t1");
}

#[test]
fn suppressed_roles_go_with_subscribe_and_wanted_ones_are_revived() {
    let mut rig = Rig::at(StateKind::Fencing);
    rig.give(Input::Request(demand(&["r2"])));
    rig.hold();
    let Some(Output::Subscribe { body, .. }) = rig.outputs.last() else {
        panic!("it subscribes");
    };
    let call = Call::decode(body.as_slice()).expect("a call");
    assert_eq!(call.r#type(), Type::Subscribe);
    assert_eq!(call.subscribe.expect("it is one").suppressed_roles, ["r1"]);
    rig.accept_stream();
    rig.event(&subscribed("F"));
    rig.outputs.clear();
    rig.answer(202, "");
    // Filters of an earlier stream may have stayed.
    rig.answer(202, "");
    assert_eq!(rig.said(), "send REVIVE r2");
}

#[test]
fn a_new_id_is_used_even_if_it_could_not_be_stored_yet() {
    let mut rig = Rig::at(StateKind::Storing);
    let subscription = rig.subscription();
    rig.give(crate::kit::closed(subscription));
    rig.tick_after(Duration::from_secs(1));
    rig.give(leader("m1:5050", None));
    rig.hold();
    assert!(rig.said().ends_with("subscribe 2 m1:5050 F"));
    rig.accept_stream();
    rig.event(&subscribed("F"));
    assert_eq!(rig.said(), "store F", "it is stored before anything else");
}

#[test]
fn too_many_calls_are_refused_not_kept() {
    let mut rig = Rig::launching();
    for number in 0..mesos_v1::driver::config::QUEUE_LEN_MAX {
        let request = RequestId(number as u64);
        let info = Box::new(crate::kit::info());
        rig.give(Input::Request(Request::UpdateFramework { request, info }));
    }
    assert_eq!(rig.said(), "");
    rig.give(Input::Request(crate::kit::launch(7, "O2", "t2")));
    assert_eq!(rig.said(), "tell request 7: NotSent(QueueFull)");
}

fn lose_call(rig: &mut Rig) {
    let input = Input::CallLost {
        subscription: rig.subscription(),
        call: rig.call,
        written: Written::Perhaps,
    };
    rig.give(input);
}

fn resubscribe(rig: &mut Rig) {
    rig.hold();
    rig.accept_stream();
    rig.event(&subscribed("F"));
    // The kill and the questions are answered.
    for _call in 0..3 {
        rig.answer(202, "");
    }
    rig.outputs
        .retain(|output| matches!(output, Output::Subscribe { .. }));
    assert_eq!(rig.driver.state(), StateKind::Subscribed);
    rig.outputs.clear();
}
