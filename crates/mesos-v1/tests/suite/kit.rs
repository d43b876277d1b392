//! A driver with somebody around it who speaks in short lines.

use std::{collections::BTreeSet, time::Duration};

use mesos_v1::{
    Mono,
    driver::{
        Answer, CallId, Config, Driver, Input, Leader, Notice, Output, Pace, Receipt, Request,
        RequestId, StateKind, Subscription,
    },
    proto::{
        AgentId, FrameworkId, FrameworkInfo, MasterInfo, Offer, OfferId, TaskId, TaskInfo,
        TaskState, TaskStatus,
        framework_info::{Capability, capability},
        offer::{self, Operation},
        scheduler::{Call, Event, event},
    },
    recordio,
};
use prost::Message as _;

/// A driver, and what came out of it since the last look.
pub(crate) struct Rig {
    pub(crate) driver: Driver,
    pub(crate) now: Mono,
    pub(crate) outputs: Vec<Output>,
    subscription: Subscription,
    /// The last call that was given out.
    pub(crate) call: CallId,
    /// The receipts that came with updates.
    pub(crate) receipts: Vec<Receipt>,
}

impl Rig {
    pub(crate) fn new(id: Option<&str>) -> Self {
        Self {
            driver: Driver::new(Config {
                info: info(),
                id: id.map(framework),
                seed: 7,
                pace: Pace::default(),
            }),
            now: Mono(1_000_000),
            outputs: Vec::new(),
            subscription: Subscription(1),
            call: CallId(0),
            receipts: Vec::new(),
        }
    }

    /// Brings a driver into a state. The framework is `F`, the master `m1:5050`; nothing is under way.
    pub(crate) fn at(kind: StateKind) -> Self {
        let id = (kind != StateKind::Storing).then_some("F");
        let mut rig = Self::new(id);
        let steps: &[fn(&mut Self)] = &[
            |rig| rig.give(Input::Start),
            |rig| rig.give(leader("m1:5050", None)),
            Self::hold,
            Self::accept_stream,
            |rig| rig.event(&subscribed("F")),
        ];
        let count = match kind {
            StateKind::Stopped => 0,
            StateKind::Detecting => 1,
            StateKind::Fencing => 2,
            StateKind::Connecting | StateKind::Backoff => 3,
            StateKind::AwaitSubscribed | StateKind::Fatal => 4,
            StateKind::Storing | StateKind::Subscribed | StateKind::Draining => 5,
        };
        for step in &steps[..count] {
            step(&mut rig);
        }
        match kind {
            StateKind::Backoff => rig.give(closed(rig.subscription())),
            StateKind::Fatal => rig.event(&error("Framework has been removed")),
            // The question about all tasks.
            StateKind::Subscribed => rig.answer(202, ""),
            StateKind::Draining => rig.give(Input::Stop),
            StateKind::Stopped
            | StateKind::Detecting
            | StateKind::Fencing
            | StateKind::Connecting
            | StateKind::AwaitSubscribed
            | StateKind::Storing => {}
        }
        assert_eq!(rig.driver.state(), kind);
        rig.outputs.clear();
        rig
    }

    /// A subscription with offers `O1` and `O2`.
    pub(crate) fn with_offers() -> Self {
        let mut rig = Self::at(StateKind::Subscribed);
        rig.event(&offers(&["O1", "O2"]));
        rig.outputs.clear();
        rig
    }

    /// A subscription whose launch of `t1` is under way.
    pub(crate) fn launching() -> Self {
        let mut rig = Self::with_offers();
        rig.give(Input::Request(launch(1, "O1", "t1")));
        rig.outputs.clear();
        rig
    }

    pub(crate) fn give(&mut self, input: Input) {
        self.driver.handle(self.now, input);
        while let Some(output) = self.driver.next_output() {
            match &output {
                Output::Send {
                    subscription, call, ..
                } => {
                    self.subscription = *subscription;
                    self.call = *call;
                }
                Output::CheckFence { subscription } | Output::Subscribe { subscription, .. } => {
                    self.subscription = *subscription;
                }
                Output::Tell(Notice::Update(update)) => self.receipts.push(update.receipt.clone()),
                Output::Detect
                | Output::Close { .. }
                | Output::StoreId { .. }
                | Output::EraseId
                | Output::Tell(_) => {}
            }
            self.outputs.push(output);
        }
    }

    pub(crate) fn wait(&mut self, wait: Duration) {
        self.now = self.now.after(wait);
    }

    pub(crate) fn tick_after(&mut self, wait: Duration) {
        self.wait(wait);
        self.give(Input::Tick);
    }

    /// The attempt that was spoken of last.
    pub(crate) fn subscription(&self) -> Subscription {
        self.subscription
    }

    pub(crate) fn hold(&mut self) {
        let subscription = self.subscription();
        self.give(Input::FenceHeld { subscription });
    }

    pub(crate) fn accept_stream(&mut self) {
        let head = stream_head(self.subscription());
        self.give(head);
    }

    pub(crate) fn event(&mut self, event: &Event) {
        let data = data(self.subscription(), event);
        self.give(data);
    }

    pub(crate) fn answer(&mut self, status: u16, body: &str) {
        let input = Input::CallAnswered {
            subscription: self.subscription(),
            call: self.call,
            answer: answer(status, body),
        };
        self.give(input);
    }

    /// What came out since the last look, in short lines.
    pub(crate) fn said(&mut self) -> String {
        let lines: Vec<String> = self.outputs.drain(..).map(|output| line(&output)).collect();
        lines.join("\n")
    }
}

pub(crate) fn line(output: &Output) -> String {
    match output {
        Output::Detect => "detect".into(),
        Output::CheckFence { subscription } => format!("fence? {subscription}"),
        Output::Subscribe {
            subscription,
            leader,
            body,
        } => {
            let call = Call::decode(body.as_slice()).expect("a call");
            let id = call
                .framework_id
                .map_or_else(|| "new".into(), |id| id.value);
            format!("subscribe {subscription} {leader} {id}")
        }
        Output::Send {
            subscription,
            stream_id,
            body,
            ..
        } => {
            assert_eq!(*stream_id, format!("stream-{subscription}"));
            let call = Call::decode(body.as_slice()).expect("a call");
            assert_eq!(call.framework_id, Some(framework("F")));
            format!("send {}", describe(&call))
        }
        Output::Close { subscription } => format!("close {subscription}"),
        Output::StoreId { id, .. } => format!("store {}", id.value),
        Output::EraseId => "erase".into(),
        Output::Tell(notice) => format!("tell {}", told(notice)),
    }
}

fn describe(call: &Call) -> String {
    let mut words = vec![call.r#type().as_str_name().to_owned()];
    if let Some(accept) = &call.accept {
        words.extend(accept.offer_ids.iter().map(|id| id.value.clone()));
    }
    if let Some(decline) = &call.decline {
        words.extend(decline.offer_ids.iter().map(|id| id.value.clone()));
    }
    if let Some(acknowledge) = &call.acknowledge {
        words.push(acknowledge.task_id.value.clone());
    }
    if let Some(kill) = &call.kill {
        words.push(kill.task_id.value.clone());
    }
    if let Some(reconcile) = &call.reconcile {
        words.extend(
            reconcile
                .tasks
                .iter()
                .map(|task| task.task_id.value.clone()),
        );
    }
    if let Some(revive) = &call.revive {
        words.extend(revive.roles.clone());
    }
    if let Some(suppress) = &call.suppress {
        words.extend(suppress.roles.clone());
    }
    words.join(" ")
}

fn told(notice: &Notice) -> String {
    match notice {
        Notice::Subscribed { framework, .. } => format!("subscribed {}", framework.value),
        Notice::Disconnected(cause) => format!("disconnected: {cause}"),
        Notice::NoLeader => "no leader".into(),
        Notice::Waiting { cause, .. } => format!("waiting: {cause}"),
        Notice::Refused { refusal, .. } => format!("refused: {refusal}"),
        Notice::Deposed => "deposed".into(),
        Notice::Offers(offers) => format!("{} offers", offers.len()),
        Notice::Rescinded(offer) => format!("rescinded {}", offer.value),
        Notice::Update(update) => format!(
            "{} {}{}",
            update.status.task_id.value,
            update.status.state().as_str_name(),
            if update.doubtful { " (doubtful)" } else { "" }
        ),
        Notice::Settled { request, outcome } => format!("request {}: {outcome:?}", request.0),
        Notice::Reconciled => "reconciled".into(),
        Notice::Undecodable(error) => format!("undecodable: {error}"),
        Notice::UnknownEvent(number) => format!("unknown event {number}"),
        Notice::CallRefused { status, text } => format!("call refused: {status} {text}"),
        Notice::ConstraintsRefused => "constraints refused".into(),
        Notice::QueueFull => "queue full".into(),
        Notice::Failure(_) => "failure".into(),
        Notice::Message(_) => "message".into(),
        Notice::InverseOffers(_) => "inverse offers".into(),
        Notice::InverseRescinded(_) => "inverse offer rescinded".into(),
        Notice::OperationStatus(_) => "operation".into(),
    }
}

pub(crate) fn info() -> FrameworkInfo {
    FrameworkInfo {
        user: "root".into(),
        name: "cron".into(),
        roles: vec!["r1".into(), "r2".into()],
        capabilities: vec![Capability {
            r#type: Some(capability::Type::MultiRole.into()),
        }],
        ..FrameworkInfo::default()
    }
}

pub(crate) fn leader(authority: &str, id: Option<&str>) -> Input {
    Input::Leader(Leader {
        authority: authority.into(),
        id: id.map(Into::into),
    })
}

pub(crate) fn closed(subscription: Subscription) -> Input {
    Input::Closed {
        subscription,
        why: "reset".into(),
    }
}

pub(crate) fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.into(),
        ..Answer::default()
    }
}

pub(crate) fn stream_head(subscription: Subscription) -> Input {
    Input::Head {
        subscription,
        answer: Answer {
            status: 200,
            stream_id: Some(format!("stream-{subscription}")),
            ..Answer::default()
        },
    }
}

pub(crate) fn data(subscription: Subscription, event: &Event) -> Input {
    let mut bytes = Vec::new();
    recordio::encode(&event.encode_to_vec(), &mut bytes);
    Input::Data {
        subscription,
        bytes: bytes.into(),
    }
}

pub(crate) fn raw(subscription: Subscription, bytes: &'static [u8]) -> Input {
    Input::Data {
        subscription,
        bytes: bytes.into(),
    }
}

pub(crate) fn subscribed(id: &str) -> Event {
    subscribed_to(id, None)
}

/// By a master of this version.
pub(crate) fn subscribed_by(id: &str, version: &str) -> Event {
    subscribed_to(id, Some(version.to_owned()))
}

fn subscribed_to(id: &str, version: Option<String>) -> Event {
    Event {
        r#type: Some(event::Type::Subscribed.into()),
        subscribed: Some(event::Subscribed {
            framework_id: framework(id),
            heartbeat_interval_seconds: Some(15.0),
            master_info: Some(MasterInfo {
                id: "M1".into(),
                version,
                ..MasterInfo::default()
            }),
        }),
        ..Event::default()
    }
}

pub(crate) fn heartbeat() -> Event {
    Event {
        r#type: Some(event::Type::Heartbeat.into()),
        ..Event::default()
    }
}

pub(crate) fn error(text: &str) -> Event {
    Event {
        r#type: Some(event::Type::Error.into()),
        error: Some(event::Error {
            message: text.into(),
        }),
        ..Event::default()
    }
}

pub(crate) fn offers(ids: &[&str]) -> Event {
    let offers = ids
        .iter()
        .map(|id| Offer {
            id: offer_id(id),
            agent_id: agent("S1"),
            ..Offer::default()
        })
        .collect();
    Event {
        r#type: Some(event::Type::Offers.into()),
        offers: Some(event::Offers { offers }),
        ..Event::default()
    }
}

pub(crate) fn rescind(id: &str) -> Event {
    Event {
        r#type: Some(event::Type::Rescind.into()),
        rescind: Some(event::Rescind {
            offer_id: offer_id(id),
        }),
        ..Event::default()
    }
}

pub(crate) fn agent_failed(id: &str) -> Event {
    Event {
        r#type: Some(event::Type::Failure.into()),
        failure: Some(event::Failure {
            agent_id: Some(agent(id)),
            ..event::Failure::default()
        }),
        ..Event::default()
    }
}

/// An update of an agent, or of the master when it has no uuid.
pub(crate) fn update(id: &str, state: TaskState, uuid: Option<u8>) -> Event {
    let status = TaskStatus {
        task_id: task(id),
        state: state.into(),
        agent_id: Some(agent("S1")),
        uuid: uuid.map(|byte| vec![byte; 16]),
        ..TaskStatus::default()
    };
    Event {
        r#type: Some(event::Type::Update.into()),
        update: Some(event::Update { status }),
        ..Event::default()
    }
}

pub(crate) fn launch(request: u64, offer: &str, id: &str) -> Request {
    Request::Launch {
        request: RequestId(request),
        offers: vec![offer_id(offer)],
        operations: vec![Operation {
            r#type: Some(offer::operation::Type::Launch.into()),
            launch: Some(offer::operation::Launch {
                task_infos: vec![TaskInfo {
                    task_id: task(id),
                    agent_id: agent("S1"),
                    ..TaskInfo::default()
                }],
            }),
            ..Operation::default()
        }],
        refuse_seconds: 1.0,
    }
}

pub(crate) fn demand(roles: &[&str]) -> Request {
    let roles: BTreeSet<String> = roles.iter().map(|role| (*role).to_owned()).collect();
    Request::Demand { roles }
}

pub(crate) fn framework(id: &str) -> FrameworkId {
    FrameworkId { value: id.into() }
}

pub(crate) fn agent(id: &str) -> AgentId {
    AgentId { value: id.into() }
}

pub(crate) fn task(id: &str) -> TaskId {
    TaskId { value: id.into() }
}

pub(crate) fn offer_id(id: &str) -> OfferId {
    OfferId { value: id.into() }
}
