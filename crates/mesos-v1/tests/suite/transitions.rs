//! Every transition of the driver, and that there are no others.

mod answers;
mod before;
mod ending;
mod standing;

use std::{collections::BTreeSet, time::Duration};

use mesos_v1::driver::{
    Answer, CallId, Input, InputKind as In, Request, RequestId, StateKind as At, Subscription,
    Written,
};
use mesos_v1::proto::TaskState;

use crate::kit::{
    Rig, agent_failed, answer, closed, data, demand, error, heartbeat, launch, leader, offer_id,
    offers, raw, rescind, stream_head, subscribed, task, update,
};

const ONE: Subscription = Subscription(1);

/// In a state, after a while, a fact leads to another state and to these lines.
struct Case {
    rig: Rig,
    after: Duration,
    input: Input,
    to: At,
    says: &'static str,
}

#[test]
fn every_transition_is_as_listed() {
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for mut case in all() {
        let from = case.rig.driver.state();
        seen.insert((from, case.input.kind()));
        let what = format!("{from:?} after {:?}: {:?}", case.after, case.input);
        case.rig.wait(case.after);
        case.rig.give(case.input);
        let (said, to) = (case.rig.said(), case.rig.driver.state());
        if said != case.says || to != case.to {
            wrong.push(format!(
                "{what}\n{to:?}: {said}\nand not {:?}: {}\n",
                case.to, case.says
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let listed: BTreeSet<(At, In)> = LISTED.iter().copied().collect();
    let missing: Vec<_> = listed.difference(&seen).collect();
    assert!(missing.is_empty(), "listed and not tried: {missing:?}");
    let extra: Vec<_> = seen.difference(&listed).collect();
    assert!(extra.is_empty(), "tried and not listed: {extra:?}");
}

#[test]
fn what_is_not_listed_changes_nothing() {
    for from in At::ALL {
        for kind in In::ALL {
            if LISTED.contains(&(from, kind)) {
                continue;
            }
            let mut rig = Rig::at(from);
            rig.give(sample(kind));
            assert_eq!(rig.said(), "", "{from:?}, {kind:?}");
            assert_eq!(rig.driver.state(), from, "{from:?}, {kind:?}");
        }
    }
}

#[test]
fn facts_of_an_older_subscription_change_nothing() {
    for from in At::ALL {
        for kind in [
            In::FenceHeld,
            In::Head,
            In::Data,
            In::Closed,
            In::CallAnswered,
            In::CallLost,
            In::IdStored,
        ] {
            // The first attempt is over, the second one has come as far as the first.
            let mut rig = Rig::at(At::Backoff);
            rig.tick_after(Duration::from_secs(20));
            rig.give(leader("m1:5050", None));
            let steps: [fn(&mut Rig); 3] = [Rig::hold, Rig::accept_stream, |rig| {
                rig.event(&subscribed("F"));
            }];
            let count = match from {
                At::Fencing => 0,
                At::Connecting => 1,
                At::AwaitSubscribed => 2,
                At::Subscribed => 3,
                At::Stopped
                | At::Detecting
                | At::Backoff
                | At::Storing
                | At::Draining
                | At::Fatal => continue,
            };
            for step in &steps[..count] {
                step(&mut rig);
            }
            rig.outputs.clear();
            rig.give(sample(kind));
            assert_eq!(rig.said(), "", "{from:?}, {kind:?}");
            assert_eq!(rig.driver.state(), from, "{from:?}, {kind:?}");
        }
    }
}

/// The pairs that do something.
const LISTED: &[(At, In)] = &[
    (At::Stopped, In::Start),
    (At::Stopped, In::Request),
    (At::Detecting, In::Stop),
    (At::Detecting, In::FenceLost),
    (At::Detecting, In::Leader),
    (At::Detecting, In::Request),
    (At::Detecting, In::Tick),
    (At::Backoff, In::Stop),
    (At::Backoff, In::FenceLost),
    (At::Backoff, In::Request),
    (At::Backoff, In::Tick),
    (At::Fencing, In::Stop),
    (At::Fencing, In::FenceHeld),
    (At::Fencing, In::FenceLost),
    (At::Fencing, In::Request),
    (At::Fencing, In::Tick),
    (At::Connecting, In::Stop),
    (At::Connecting, In::FenceLost),
    (At::Connecting, In::Head),
    (At::Connecting, In::Closed),
    (At::Connecting, In::Request),
    (At::Connecting, In::Tick),
    (At::AwaitSubscribed, In::Stop),
    (At::AwaitSubscribed, In::FenceLost),
    (At::AwaitSubscribed, In::Data),
    (At::AwaitSubscribed, In::Closed),
    (At::AwaitSubscribed, In::Request),
    (At::AwaitSubscribed, In::Tick),
    (At::Storing, In::Stop),
    (At::Storing, In::FenceLost),
    (At::Storing, In::Data),
    (At::Storing, In::Closed),
    (At::Storing, In::IdStored),
    (At::Storing, In::Request),
    (At::Storing, In::Tick),
    (At::Subscribed, In::Stop),
    (At::Subscribed, In::Leader),
    (At::Subscribed, In::NoLeader),
    (At::Subscribed, In::FenceLost),
    (At::Subscribed, In::Data),
    (At::Subscribed, In::Closed),
    (At::Subscribed, In::CallAnswered),
    (At::Subscribed, In::CallLost),
    (At::Subscribed, In::Recorded),
    (At::Subscribed, In::Request),
    (At::Subscribed, In::Tick),
    (At::Draining, In::FenceLost),
    (At::Draining, In::Data),
    (At::Draining, In::Closed),
    (At::Draining, In::CallAnswered),
    (At::Draining, In::CallLost),
    (At::Draining, In::Recorded),
    (At::Draining, In::Request),
    (At::Draining, In::Tick),
    (At::Fatal, In::Stop),
    (At::Fatal, In::FenceLost),
    (At::Fatal, In::IdErased),
    (At::Fatal, In::Request),
    (At::Fatal, In::Tick),
];

/// A fact of each kind, of the first attempt.
fn sample(kind: In) -> Input {
    match kind {
        In::Start => Input::Start,
        In::Stop => Input::Stop,
        In::Leader => leader("m2:5050", Some("M2")),
        In::NoLeader => Input::NoLeader,
        In::FenceHeld => Input::FenceHeld { subscription: ONE },
        In::FenceLost => Input::FenceLost,
        In::Head => stream_head(ONE),
        In::Data => data(ONE, &error("Framework has been removed")),
        In::Closed => closed(ONE),
        In::CallAnswered => Input::CallAnswered {
            subscription: ONE,
            call: CallId(1),
            answer: answer(403, ""),
        },
        In::CallLost => Input::CallLost {
            subscription: ONE,
            call: CallId(1),
            written: Written::Perhaps,
        },
        In::IdStored => Input::IdStored { subscription: ONE },
        In::IdErased => Input::IdErased,
        In::Recorded => {
            let mut rig = Rig::at(At::Subscribed);
            rig.event(&update("t1", TaskState::TaskRunning, Some(1)));
            Input::Recorded(rig.receipts[0].clone())
        }
        In::Request => Input::Request(Request::Retry),
        In::Tick => Input::Tick,
    }
}

fn all() -> Vec<Case> {
    [
        before::all(),
        standing::all(),
        answers::all(),
        ending::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn case(rig: Rig, input: Input, to: At, says: &'static str) -> Case {
    after(0, rig, input, to, says)
}

fn after(millis: u64, rig: Rig, input: Input, to: At, says: &'static str) -> Case {
    Case {
        rig,
        after: Duration::from_millis(millis),
        input,
        to,
        says,
    }
}
