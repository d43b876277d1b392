//! What masters are told about agents that need not be offered.

use mesos_v1::{
    driver::{
        Input, Notice, Output, Request, RequestId, StateKind,
        config::{BACKOFF_MAX, QUEUE_LEN_MAX},
    },
    proto::scheduler::{
        AttributeConstraint, Call, OfferConstraints, attribute_constraint as part,
        call::Type,
        offer_constraints::{RoleConstraints, role_constraints::Group},
    },
};
use prost::Message as _;

use crate::kit::{Rig, demand, error, leader, subscribed_by};

// Conditions `a exists`, by role; one letter a group, a blank for an empty group.
fn constraints(roles: &[(&str, &str)]) -> OfferConstraints {
    let condition = |name: char| AttributeConstraint {
        selector: part::Selector {
            selector: Some(part::selector::Selector::AttributeName(name.into())),
        },
        predicate: part::Predicate {
            predicate: Some(part::predicate::Predicate::Exists(
                part::predicate::Exists {},
            )),
        },
    };
    let group = |name: char| Group {
        attribute_constraints: (name != ' ').then(|| condition(name)).into_iter().collect(),
    };
    let role = |(role, groups): &(&str, &str)| {
        let groups = groups.chars().map(group).collect();
        ((*role).to_owned(), RoleConstraints { groups })
    };
    OfferConstraints {
        role_constraints: roles.iter().map(role).collect(),
    }
}

fn constrain(roles: &[(&str, &str)]) -> Input {
    let constraints = constraints(roles);
    Input::Request(Request::Constrain { constraints })
}

// The calls that came out since the last look: their types, and what they say of agents.
fn told(rig: &mut Rig) -> Vec<(Type, Option<OfferConstraints>)> {
    let call = |output: Output| {
        let (Output::Subscribe { body, .. } | Output::Send { body, .. }) = output else {
            return None;
        };
        let call = Call::decode(body.as_slice()).expect("a call");
        let subscribe = call.subscribe.as_ref().map(|it| &it.offer_constraints);
        let update = call.update_framework.as_ref();
        let update = update.map(|it| &it.offer_constraints);
        let constraints = subscribe.or(update).cloned().flatten();
        Some((call.r#type(), constraints))
    };
    rig.outputs.drain(..).filter_map(call).collect()
}

// Subscribed to a master of this version; the questions are answered.
fn subscribed(version: &str) -> Rig {
    let mut rig = Rig::at(StateKind::AwaitSubscribed);
    rig.event(&subscribed_by("F", version));
    rig.answer(202, "");
    rig.outputs.clear();
    rig
}

fn resubscribe(rig: &mut Rig, version: &str) {
    rig.tick_after(BACKOFF_MAX);
    rig.give(leader("m1:5050", None));
    rig.hold();
    rig.accept_stream();
    rig.event(&subscribed_by("F", version));
}

#[test]
fn a_master_is_told_once_and_all_of_it() {
    let mut rig = subscribed("1.11.0");
    rig.give(Input::Request(demand(&["r1"])));
    rig.answer(202, "");
    rig.outputs.clear();
    rig.give(constrain(&[("r1", "ab")]));
    let want = constraints(&[("r1", "ab")]);
    let Some(Output::Send { body, .. }) = rig.outputs.first() else {
        panic!("a call: {:?}", rig.outputs);
    };
    let call = Call::decode(body.as_slice()).unwrap();
    let update = call.update_framework.unwrap();
    assert_eq!(update.framework_info.id, call.framework_id);
    assert_eq!(
        update.framework_info.name, "cron",
        "all of it is said again"
    );
    assert_eq!(update.suppressed_roles, ["r2"], "and what is suppressed");
    assert_eq!(update.offer_constraints, Some(want));
    rig.outputs.clear();
    rig.answer(200, "");
    rig.give(constrain(&[("r1", "ab")]));
    assert_eq!(told(&mut rig), [], "a state, told once");
    rig.give(constrain(&[]));
    assert_eq!(told(&mut rig), [(Type::UpdateFramework, None)]);
}

#[test]
fn a_revival_comes_after_the_constraints() {
    let mut rig = subscribed("1.11.0");
    rig.give(Input::Request(demand(&["r1"])));
    rig.give(constrain(&[("r1", "a")]));
    rig.wait(BACKOFF_MAX);
    rig.give(Input::Request(Request::Refresh));
    let mut types = Vec::new();
    for _ in 0..4 {
        types.extend(told(&mut rig).into_iter().map(|(kind, _)| kind));
        rig.answer(202, "");
    }
    assert_eq!(types, [Type::Revive, Type::UpdateFramework, Type::Revive]);
}

#[test]
fn older_masters_are_told_by_subscribe_only_which_they_pass_over() {
    for version in ["1.10.0", "1.0.4", "nonsense"] {
        let mut rig = subscribed(version);
        rig.give(constrain(&[("r1", "a")]));
        assert_eq!(told(&mut rig), [], "{version}");
        rig.event(&error("the moon is full"));
        // It was not told, so it is not that.
        assert!(!rig.said().contains("constraints"), "{version}");
        rig.tick_after(BACKOFF_MAX * 2);
        resubscribe(&mut rig, "1.11.0");
        let first = told(&mut rig).swap_remove(0);
        let want = constraints(&[("r1", "a")]);
        assert_eq!(first, (Type::Subscribe, Some(want)), "{version}");
    }
}

#[test]
fn what_finds_no_room_is_told_later() {
    let mut rig = subscribed("1.11.0");
    rig.give(Input::Request(Request::Reconcile));
    let info = || Box::new(crate::kit::info());
    for number in 0..QUEUE_LEN_MAX as u64 {
        let (request, info) = (RequestId(number), info());
        rig.give(Input::Request(Request::UpdateFramework { request, info }));
    }
    rig.outputs.clear();
    rig.give(constrain(&[("r1", "a")]));
    rig.give(Input::Request(demand(&["r1"])));
    // One goes, and then there is room for one; both are the last.
    for _ in 0..QUEUE_LEN_MAX + 2 {
        rig.answer(202, "");
    }
    let want = constraints(&[("r1", "a")]);
    let told = told(&mut rig);
    assert!(told.contains(&(Type::UpdateFramework, Some(want))));
    let revived = told.iter().filter(|(kind, _)| *kind == Type::Revive);
    assert_eq!(revived.count(), 1);
}

#[test]
fn a_role_that_is_given_up_is_not_named() {
    let mut rig = subscribed("1.11.0");
    rig.give(constrain(&[("r1", "a"), ("r2", "b")]));
    rig.answer(200, "");
    rig.outputs.clear();
    let mut info = crate::kit::info();
    info.roles.retain(|role| role == "r2");
    let (request, info) = (RequestId(1), Box::new(info));
    rig.give(Input::Request(Request::UpdateFramework { request, info }));
    let want = constraints(&[("r2", "b")]);
    assert_eq!(told(&mut rig), [(Type::UpdateFramework, Some(want))]);
}

#[test]
fn what_a_master_would_not_take_is_left_out() {
    let mut rig = subscribed("1.11.0");
    rig.give(constrain(&[("r1", ""), ("r2", "a "), ("not ours", "a")]));
    assert_eq!(told(&mut rig), []);
    rig.give(constrain(&[("r1", "a"), ("r2", "a ")]));
    let want = constraints(&[("r1", "a")]);
    assert_eq!(told(&mut rig), [(Type::UpdateFramework, Some(want))]);
}

#[test]
fn a_master_that_refuses_them_is_told_none_any_more() {
    let gave_up = |rig: &mut Rig| {
        let said = |output: &Output| *output == Output::Tell(Notice::ConstraintsRefused);
        assert!(rig.outputs.iter().any(said));
        rig.outputs.clear();
        if rig.driver.state() == StateKind::Fencing {
            rig.hold();
        } else {
            rig.tick_after(BACKOFF_MAX);
            rig.give(leader("m1:5050", None));
            rig.hold();
        }
        assert_eq!(told(rig), [(Type::Subscribe, None)]);
        rig.accept_stream();
        rig.event(&subscribed_by("F", "1.11.0"));
        rig.give(constrain(&[("r1", "b")]));
        rig.answer(202, "");
        rig.answer(202, "");
        let kinds: Vec<_> = told(rig).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [Type::Reconcile], "never again");
    };
    // The call alone.
    let mut rig = subscribed("1.11.0");
    rig.give(constrain(&[("r1", "a")]));
    rig.answer(
        400,
        "'UpdateFramework.offer_constraints' are not valid: too big",
    );
    gave_up(&mut rig);
    // A whole subscription.
    for text in [
        "Offer constraints are not valid: too big",
        "the moon is full",
    ] {
        let mut rig = Rig::at(StateKind::Fencing);
        rig.give(constrain(&[("r1", "a")]));
        rig.hold();
        rig.accept_stream();
        rig.event(&error(text));
        assert_eq!(rig.driver.state(), StateKind::Backoff);
        gave_up(&mut rig);
    }
    // What has nothing to do with them stays what it was.
    let mut rig = Rig::at(StateKind::Fencing);
    rig.give(constrain(&[("r1", "a")]));
    rig.hold();
    rig.accept_stream();
    rig.event(&error("Framework has been removed"));
    assert_eq!(rig.driver.state(), StateKind::Fatal);
    assert!(!rig.said().contains("constraints"));
}
