//! What holds whatever happens, in random histories.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use mesos_v1::{
    driver::{
        Answer, CallId, Input, Lane, Output, Receipt, Refusal, Request, StateKind, Subscription,
        Written, config::LANES_MAX,
    },
    proto::{
        TaskState,
        scheduler::{Call, call::Type},
    },
};
use proptest::prelude::*;
use prost::Message as _;

use crate::kit::{
    Rig, agent_failed, answer, closed, data, demand, error, heartbeat, launch, leader, offers, raw,
    rescind, stream_head, subscribed, task, update,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn hold_in_every_history(
        id in any::<bool>(),
        steps in prop::collection::vec((0_u8..40, any::<u8>(), 0_u64..40_000), 1..120),
    ) {
        let mut world = World::new(id);
        for (what, which, wait) in steps {
            // Most things follow each other at once.
            let wait = if which % 4 == 0 { wait } else { 0 };
            world.rig.wait(Duration::from_millis(wait));
            world.step(what, which);
        }
        world.heal();
    }
}

/// A driver, and an observer of what it says.
struct World {
    rig: Rig,
    next_offer: u64,
    next_task: u64,
    next_request: u64,
    /// The attempt that was asked about and allowed.
    fenced: Option<Subscription>,
    /// The connection that is open.
    open: Option<Subscription>,
    /// By lane; with the task whose news it acknowledges.
    under_way: BTreeMap<Lane, (CallId, Option<String>)>,
    /// Offers, by the subscription that they came with.
    offered: BTreeMap<String, Subscription>,
    launched: BTreeSet<String>,
    recorded: BTreeSet<(String, Vec<u8>, Subscription)>,
    receipts: Vec<(Receipt, String, Vec<u8>, Subscription)>,
    stored: bool,
    leads: bool,
    banned: bool,
}

impl World {
    fn new(id: bool) -> Self {
        Self {
            rig: Rig::new(id.then_some("F")),
            next_offer: 0,
            next_task: 0,
            next_request: 0,
            fenced: None,
            open: None,
            under_way: BTreeMap::new(),
            offered: BTreeMap::new(),
            launched: BTreeSet::new(),
            recorded: BTreeSet::new(),
            receipts: Vec::new(),
            stored: id,
            leads: false,
            banned: false,
        }
    }

    fn step(&mut self, what: u8, which: u8) {
        // Most facts are of the attempt at hand, some of the one before.
        let current = self.rig.subscription();
        let subscription = if which % 16 == 1 {
            Subscription(current.0.saturating_sub(1))
        } else {
            current
        };
        // Half of the time the next thing that goes well, so that histories get far.
        if which.is_multiple_of(2)
            && let Some(input) = self.what_goes_well()
        {
            return self.give(input);
        }
        let input = match what {
            0..=2 => self.start(),
            3 => Input::Stop,
            4..=6 => leader("m1:5050", Some("M1")),
            7 => leader("m2:5050", Some("M2")),
            8..=10 => self.hold(subscription),
            11 => Input::FenceLost,
            12..=14 => stream_head(subscription),
            15 => Input::Head {
                subscription,
                answer: bad_answer(which),
            },
            16..=18 => data(subscription, &subscribed("F")),
            19 | 20 => self.offers(subscription),
            21 => data(subscription, &rescind(&format!("O{}", self.next_offer))),
            22 | 23 => Self::update(subscription, which),
            24 => data(subscription, &heartbeat()),
            25 => data(
                subscription,
                &error(TEXTS[usize::from(which) % TEXTS.len()]),
            ),
            26 => closed(subscription),
            27 => raw(subscription, b"x"),
            28 | 29 => self.answered(subscription, which, answer(202, "")),
            30 => self.answered(subscription, which, bad_answer(which)),
            31 => self.lost(subscription, which),
            32 => Input::IdStored { subscription },
            33 => self.record(which),
            34 => Input::Request(demand(if which.is_multiple_of(2) {
                &["r1"]
            } else {
                &[]
            })),
            35 | 36 => self.launch(which),
            37 => Input::Request(Request::Kill {
                task: task(&format!("t{which}")),
                policy: None,
            }),
            38 => data(subscription, &agent_failed("S1")),
            _ => Input::Tick,
        };
        self.give(input);
    }

    fn start(&mut self) -> Input {
        self.leads = true;
        Input::Start
    }

    fn hold(&mut self, subscription: Subscription) -> Input {
        self.fenced = Some(subscription);
        Input::FenceHeld { subscription }
    }

    fn offers(&mut self, subscription: Subscription) -> Input {
        self.next_offer += 1;
        let id = format!("O{}", self.next_offer);
        let event = offers(&[&id]);
        self.offered.insert(id, subscription);
        data(subscription, &event)
    }

    fn update(subscription: Subscription, which: u8) -> Input {
        let state = [
            TaskState::TaskRunning,
            TaskState::TaskFinished,
            TaskState::TaskLost,
        ][usize::from(which) % 3];
        data(
            subscription,
            &update(
                &format!("t{}", which % 8),
                state,
                (!which.is_multiple_of(5)).then_some(which),
            ),
        )
    }

    // One of the calls under way is over; or one that is not, which says nothing.
    fn over(&mut self, subscription: Subscription, which: u8) -> CallId {
        let lanes: Vec<Lane> = self.under_way.keys().copied().collect();
        if Some(subscription) != self.open || lanes.is_empty() {
            return self.rig.call;
        }
        let lane = lanes[usize::from(which) / 2 % lanes.len()];
        let (call, _task) = self.under_way.remove(&lane).expect("it is one of them");
        call
    }

    fn answered(&mut self, subscription: Subscription, which: u8, answer: Answer) -> Input {
        Input::CallAnswered {
            subscription,
            call: self.over(subscription, which),
            answer,
        }
    }

    fn lost(&mut self, subscription: Subscription, which: u8) -> Input {
        let written = if which.is_multiple_of(2) {
            Written::Nothing
        } else {
            Written::Perhaps
        };
        Input::CallLost {
            subscription,
            call: self.over(subscription, which),
            written,
        }
    }

    fn record(&mut self, which: u8) -> Input {
        if self.receipts.is_empty() {
            return Input::Tick;
        }
        let at = usize::from(which) % self.receipts.len();
        let (receipt, task, uuid, subscription) = self.receipts.swap_remove(at);
        self.recorded.insert((task, uuid, subscription));
        Input::Recorded(receipt)
    }

    fn launch(&mut self, which: u8) -> Input {
        self.next_task += 1;
        self.next_request += 1;
        // Sometimes one that was used, or is of an older subscription.
        let offer = self.next_offer.saturating_sub(u64::from(which % 3));
        Input::Request(launch(
            self.next_request,
            &format!("O{offer}"),
            &format!("t{}", self.next_task),
        ))
    }

    fn give(&mut self, input: Input) {
        if matches!(input, Input::Stop) {
            // It may have been stopped already; then nothing comes of it.
            self.banned |= self.rig.driver.state() == StateKind::Stopped;
        }
        if matches!(input, Input::FenceLost) {
            self.leads = false;
        }
        if matches!(input, Input::Start) && self.rig.driver.state() == StateKind::Stopped {
            self.banned = false;
        }
        if matches!(
            input,
            Input::Request(Request::Retry | Request::ForgetFramework)
        ) {
            self.banned = false;
        }
        let before = self.rig.outputs.len();
        self.rig.give(input);
        let said: Vec<Output> = self.rig.outputs[before..].to_vec();
        for output in &said {
            self.observe(output);
        }
        if matches!(
            self.rig.driver.refusal(),
            Some(Refusal::Removed | Refusal::FailedOver)
        ) {
            self.banned = true;
        }
        if self.rig.driver.state() == StateKind::Subscribed {
            assert!(
                self.rig.driver.deadline().is_some(),
                "somebody watches the stream"
            );
        }
        // What was said is kept short, but for the last attempt.
        let len = self.rig.outputs.len();
        if len > 400 {
            self.rig.outputs.drain(..len - 200);
        }
    }

    fn observe(&mut self, output: &Output) {
        match output {
            Output::Subscribe {
                subscription, body, ..
            } => {
                assert_eq!(self.fenced, Some(*subscription), "asked before");
                assert!(self.leads, "only the leader subscribes");
                assert!(!self.banned, "not wanted, and nobody said to try again");
                assert_eq!(self.open, None, "one connection");
                let call = Call::decode(body.as_slice()).expect("a call");
                let inside = call.subscribe.expect("it is one").framework_info.id;
                assert_eq!(call.framework_id, inside, "in both places or none");
                assert_eq!(inside.is_some(), self.stored, "the id, once there is one");
                self.open = Some(*subscription);
                self.under_way.clear();
            }
            Output::Close { subscription } => {
                if self.open == Some(*subscription) {
                    self.open = None;
                    self.under_way.clear();
                }
            }
            Output::Send {
                subscription,
                lane,
                call,
                stream_id,
                body,
            } => {
                assert_eq!(self.open, Some(*subscription), "over an open connection");
                assert_eq!(*stream_id, format!("stream-{subscription}"));
                let said = Call::decode(body.as_slice()).expect("a call");
                let task = said.acknowledge.as_ref();
                let task = task.map(|it| it.task_id.value.clone());
                assert!(lane.0 < LANES_MAX, "no more connections than that");
                assert!(
                    *lane == Lane::FIRST || task.is_some(),
                    "others keep their order"
                );
                let mut others = self.under_way.values();
                let twice = task.is_some() && others.any(|(_call, other)| *other == task);
                assert!(!twice, "one of a task at a time");
                let before = self.under_way.insert(*lane, (*call, task));
                assert_eq!(before, None, "one at a time");
                self.sent(*subscription, &said);
            }
            Output::StoreId { .. } => self.stored = true,
            Output::EraseId => self.stored = false,
            Output::Tell(mesos_v1::driver::Notice::Update(update)) => {
                let uuid = update.status.uuid.clone().unwrap_or_default();
                let subscription = self.open.expect("it came over a connection");
                let task = update.status.task_id.value.clone();
                self.receipts
                    .push((update.receipt.clone(), task, uuid, subscription));
            }
            Output::CheckFence { .. } | Output::Detect | Output::Tell(_) => {}
        }
    }

    fn sent(&mut self, subscription: Subscription, call: &Call) {
        if let Some(acknowledge) = &call.acknowledge {
            let told = (
                acknowledge.task_id.value.clone(),
                acknowledge.uuid.clone(),
                subscription,
            );
            assert!(
                self.recorded.contains(&told),
                "on record before it is acknowledged"
            );
        }
        let accepted = call.accept.iter().flat_map(|accept| &accept.offer_ids);
        let declined = call.decline.iter().flat_map(|decline| &decline.offer_ids);
        for offer in accepted.chain(declined) {
            let from = self.offered.remove(&offer.value);
            if call.r#type() == Type::Accept {
                assert_eq!(from, Some(subscription), "used once, in its subscription");
            }
        }
        if let Some(accept) = &call.accept {
            for operation in &accept.operations {
                for task in &operation.launch.as_ref().expect("a launch").task_infos {
                    assert!(
                        self.launched.insert(task.task_id.value.clone()),
                        "sent once"
                    );
                }
            }
        }
    }

    /// From now on all goes well: it must subscribe.
    fn heal(&mut self) {
        if self.banned || self.rig.driver.state() == StateKind::Stopped || !self.leads {
            return;
        }
        for _round in 0..400 {
            // What was held back while the id was stored may have been the end: then only an operator helps.
            if self.banned || self.rig.driver.state() == StateKind::Subscribed {
                return;
            }
            if let Some(input) = self.what_goes_well() {
                self.give(input);
                continue;
            }
            let Some(at) = self.rig.driver.deadline() else {
                panic!("nothing ends {:?}", self.rig.driver.state());
            };
            let wait = at.since(self.rig.now);
            assert!(wait <= Duration::from_secs(300), "for ever is too long");
            self.rig.wait(wait);
            self.give(Input::Tick);
            if self.rig.driver.state() == StateKind::Stopped {
                return;
            }
        }
        panic!("it does not come to rest: {:?}", self.rig.driver.state());
    }

    /// What the world answers when all goes well; nothing, when only time helps.
    fn what_goes_well(&mut self) -> Option<Input> {
        let subscription = self.rig.subscription();
        Some(match self.rig.driver.state() {
            StateKind::Detecting => leader("m1:5050", Some("M1")),
            StateKind::Fencing => self.hold(subscription),
            StateKind::Connecting => stream_head(subscription),
            StateKind::AwaitSubscribed => data(subscription, &subscribed("F")),
            StateKind::Storing => Input::IdStored { subscription },
            StateKind::Stopped
            | StateKind::Subscribed
            | StateKind::Backoff
            | StateKind::Draining
            | StateKind::Fatal => return None,
        })
    }
}

const TEXTS: [&str; 4] = [
    "Framework has been removed",
    "Framework failed over",
    "Roles { r1 } are not present in the master's --roles",
    "something else",
];

fn bad_answer(which: u8) -> Answer {
    match which % 6 {
        0 => answer(403, "Framework is not subscribed"),
        1 => answer(400, "Framework cannot be found"),
        2 => answer(400, "Failed to validate"),
        3 => answer(401, ""),
        4 => answer(503, "No leader elected"),
        _ => Answer {
            location: Some("//m2:5050/master/api/v1/scheduler".into()),
            ..answer(307, "")
        },
    }
}
