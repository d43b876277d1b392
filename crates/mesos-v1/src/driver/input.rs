//! What goes into the driver: facts of the connection, answers of the caller, requests of the scheduler.

use std::{collections::BTreeSet, fmt};

use bytes::Bytes;

use super::{answer::Answer, leader::Leader};
use crate::proto::{
    AgentId, FrameworkInfo, KillPolicy, OfferId, TaskId, TaskStatus, offer::Operation,
    scheduler::OfferConstraints,
};

/// One attempt to subscribe, and all that belongs to it. What comes from an older one is void.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Subscription(pub u64);

impl fmt::Display for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One call that was given out to be sent.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CallId(pub u64);

/// A request whose outcome the scheduler wants to know; the number is its own.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestId(pub u64);

/// A fact.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// We lead; go.
    Start,
    /// Close in an orderly way. Tasks go on, for `failover_timeout`.
    Stop,
    /// This master leads.
    Leader(Leader),
    /// No master leads, or nobody knows.
    NoLeader,
    /// We still lead: the answer to `Output::CheckFence` with the same subscription.
    FenceHeld {
        /// The one that was asked about.
        subscription: Subscription,
    },
    /// We do not lead any more.
    FenceLost,
    /// The head of the answer to `SUBSCRIBE` is there; with its body, when it is not a stream.
    Head {
        /// The attempt.
        subscription: Subscription,
        /// The answer.
        answer: Answer,
    },
    /// Bytes of the stream.
    Data {
        /// The subscription.
        subscription: Subscription,
        /// The bytes, as they came.
        bytes: Bytes,
    },
    /// The connection of `SUBSCRIBE` did not come about, or is over.
    Closed {
        /// The subscription.
        subscription: Subscription,
        /// Why, for people.
        why: String,
    },
    /// A call was answered.
    CallAnswered {
        /// The subscription.
        subscription: Subscription,
        /// The call.
        call: CallId,
        /// The answer.
        answer: Answer,
    },
    /// A call was not answered.
    CallLost {
        /// The subscription.
        subscription: Subscription,
        /// The call.
        call: CallId,
        /// How far it got.
        written: Written,
    },
    /// The id of the framework is stored.
    IdStored {
        /// The subscription that brought it.
        subscription: Subscription,
    },
    /// The id of the framework is erased, and what ran under it is on record as lost.
    IdErased,
    /// What an update means is on record.
    Recorded(Receipt),
    /// The scheduler wants something.
    Request(Request),
    /// It is later; see `Driver::deadline`. Too early does no harm.
    Tick,
}

/// How much of a call left this machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Written {
    /// Nothing, for certain.
    Nothing,
    /// Perhaps all of it: the master may have carried it out.
    Perhaps,
}

/// Says which update is meant, and what to tell the agent once it is on record.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    pub(super) subscription: Subscription,
    pub(super) task: TaskId,
    /// No task will come back from this state.
    pub(super) ended: bool,
    /// Without data and text: what is needed to acknowledge it. None when nobody waits for that.
    pub(super) acknowledgement: Option<Box<TaskStatus>>,
}

impl Receipt {
    /// Returns whether an acknowledgement follows.
    pub fn wants_acknowledgement(&self) -> bool {
        self.acknowledgement.is_some()
    }
}

/// What the scheduler wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Use offers. The record of each run has to be durable before.
    Launch {
        /// To be named in the outcome.
        request: RequestId,
        /// Offers of one agent and one role.
        offers: Vec<OfferId>,
        /// What to do with them.
        operations: Vec<Operation>,
        /// For how long the rest is not wanted.
        refuse_seconds: f64,
    },
    /// Give offers back.
    Decline {
        /// The offers.
        offers: Vec<OfferId>,
        /// For how long they are not wanted.
        refuse_seconds: f64,
    },
    /// The task is to end; repeated until it has.
    Kill {
        /// The task.
        task: TaskId,
        /// How, if not as the task says.
        policy: Option<KillPolicy>,
    },
    /// The task is one of ours, from an earlier life: ask about it.
    Watch {
        /// The task.
        task: TaskId,
        /// Its agent, when it is known.
        agent: Option<AgentId>,
    },
    /// Nothing about the task is of interest any more.
    Unwatch {
        /// The task.
        task: TaskId,
    },
    /// Exactly these roles want offers; the others none. A state, not an event: repeating it is free.
    Demand {
        /// The roles.
        roles: BTreeSet<String>,
    },
    /// Offers of agents for which these do not hold are of no use. A state like `Demand`; masters before 1.11 are
    /// not told, and what a master would not take is left out.
    Constrain {
        /// By role; a role that is not named takes any agent.
        constraints: OfferConstraints,
    },
    /// Offers that were declined are wanted again.
    Refresh,
    /// Ask about all tasks now.
    Reconcile,
    /// Answer requests to leave agents.
    AgreeToLeave {
        /// The inverse offers.
        offers: Vec<OfferId>,
    },
    /// Remove the framework and kill its tasks. An operator's wish, never part of stopping.
    Teardown {
        /// To be named in the outcome.
        request: RequestId,
    },
    /// Change what we say of ourselves.
    UpdateFramework {
        /// To be named in the outcome.
        request: RequestId,
        /// All of it, without the id.
        info: Box<FrameworkInfo>,
    },
    /// Try again although we were refused.
    Retry,
    /// Give up the id of a framework that was removed, and become a new one.
    ForgetFramework,
}

/// The kinds of facts, for tables and logs.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "they are those of `Input`")]
pub enum InputKind {
    Start,
    Stop,
    Leader,
    NoLeader,
    FenceHeld,
    FenceLost,
    Head,
    Data,
    Closed,
    CallAnswered,
    CallLost,
    IdStored,
    IdErased,
    Recorded,
    Request,
    Tick,
}

impl InputKind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Start,
        Self::Stop,
        Self::Leader,
        Self::NoLeader,
        Self::FenceHeld,
        Self::FenceLost,
        Self::Head,
        Self::Data,
        Self::Closed,
        Self::CallAnswered,
        Self::CallLost,
        Self::IdStored,
        Self::IdErased,
        Self::Recorded,
        Self::Request,
        Self::Tick,
    ];
}

impl Input {
    /// Returns what kind of fact it is.
    pub const fn kind(&self) -> InputKind {
        match self {
            Self::Start => InputKind::Start,
            Self::Stop => InputKind::Stop,
            Self::Leader(_) => InputKind::Leader,
            Self::NoLeader => InputKind::NoLeader,
            Self::FenceHeld { .. } => InputKind::FenceHeld,
            Self::FenceLost => InputKind::FenceLost,
            Self::Head { .. } => InputKind::Head,
            Self::Data { .. } => InputKind::Data,
            Self::Closed { .. } => InputKind::Closed,
            Self::CallAnswered { .. } => InputKind::CallAnswered,
            Self::CallLost { .. } => InputKind::CallLost,
            Self::IdStored { .. } => InputKind::IdStored,
            Self::IdErased => InputKind::IdErased,
            Self::Recorded(_) => InputKind::Recorded,
            Self::Request(_) => InputKind::Request,
            Self::Tick => InputKind::Tick,
        }
    }

    /// The attempt it belongs to, when it belongs to one.
    pub(super) const fn subscription(&self) -> Option<Subscription> {
        match self {
            Self::FenceHeld { subscription }
            | Self::Head { subscription, .. }
            | Self::Data { subscription, .. }
            | Self::Closed { subscription, .. }
            | Self::CallAnswered { subscription, .. }
            | Self::CallLost { subscription, .. }
            | Self::IdStored { subscription } => Some(*subscription),
            Self::Start
            | Self::Stop
            | Self::Leader(_)
            | Self::NoLeader
            | Self::FenceLost
            | Self::IdErased
            | Self::Recorded(_)
            | Self::Request(_)
            | Self::Tick => None,
        }
    }
}
