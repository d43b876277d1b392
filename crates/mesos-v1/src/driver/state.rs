//! The states of the driver, and what belongs to one subscription.

use std::{collections::VecDeque, time::Duration};

use super::{input::Subscription, leader::Leader, offers::Offers, queue::Calls, refusal::Refusal};
use crate::{Mono, event::Event, proto::MasterInfo, recordio::Decoder};

/// Where the driver stands.
///
/// ```text
///   Stopped ─► Detecting ─► Fencing ─► Connecting ─► AwaitSubscribed ─► Storing ─► Subscribed ─► Draining
///                  ▲            ▲           │               │        (a new id)       │             │
///                  └── Backoff ◄┴───────────┴───────────────┴──────────┴──────────────┘             ▼
///                                                 Fatal (from any of them)                       Stopped
/// ```
#[derive(Debug)]
pub(super) enum State {
    /// Before the start, after the end, or not the leader.
    Stopped,
    /// Nobody said yet which master leads.
    Detecting {
        /// When it is told that there is none.
        tell_at: Mono,
    },
    /// Waiting to try again.
    Backoff {
        until: Mono,
        /// Whom to try; if none, detect.
        leader: Option<Leader>,
    },
    /// Making sure that we lead, before `SUBSCRIBE`.
    Fencing { try_: Try },
    /// `SUBSCRIBE` is under way.
    Connecting { try_: Try },
    /// There is a stream, and no event yet.
    AwaitSubscribed { session: Box<Session>, until: Mono },
    /// Subscribed with a new id, which is being stored; events wait.
    Storing {
        session: Box<Session>,
        held: VecDeque<Event>,
        master: Option<Box<MasterInfo>>,
        until: Mono,
    },
    /// Subscribed.
    Subscribed { session: Box<Session> },
    /// What is owed goes out, then the stream is closed.
    Draining { session: Box<Session>, until: Mono },
    /// The master does not want us.
    Fatal {
        refusal: Refusal,
        /// When to try again; if none, an operator has to say so.
        until: Option<Mono>,
        /// The id is being erased.
        erasing: bool,
    },
}

/// An attempt to subscribe.
#[derive(Clone, Debug)]
pub(super) struct Try {
    pub(super) subscription: Subscription,
    pub(super) leader: Leader,
    /// Redirects that were followed.
    pub(super) redirects: u32,
    pub(super) until: Mono,
}

/// One subscription. What is in it ends with it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) subscription: Subscription,
    pub(super) leader: Leader,
    pub(super) stream_id: String,
    pub(super) decoder: Decoder,
    /// When the last byte came.
    pub(super) heard_at: Mono,
    /// Since when the rest of a record is waited for.
    pub(super) cut_since: Option<Mono>,
    /// How long it may be silent.
    pub(super) silence: Duration,
    /// Since when it stands.
    pub(super) since: Mono,
    pub(super) calls: Calls,
    pub(super) offers: Offers,
    /// Another master is said to lead, since then.
    pub(super) newcomer: Option<(Leader, Mono)>,
}

/// The kinds of states, for tables, logs and metrics.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum StateKind {
    /// Before the start, after the end, or not the leader.
    Stopped,
    /// Nobody said yet which master leads.
    Detecting,
    /// Waiting to try again.
    Backoff,
    /// Making sure that we lead, before `SUBSCRIBE`.
    Fencing,
    /// `SUBSCRIBE` is under way.
    Connecting,
    /// There is a stream, and no event yet.
    AwaitSubscribed,
    /// Subscribed with a new id, which is being stored.
    Storing,
    /// Subscribed.
    Subscribed,
    /// What is owed goes out, then the stream is closed.
    Draining,
    /// The master does not want us.
    Fatal,
}

impl StateKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Stopped,
        Self::Detecting,
        Self::Backoff,
        Self::Fencing,
        Self::Connecting,
        Self::AwaitSubscribed,
        Self::Storing,
        Self::Subscribed,
        Self::Draining,
        Self::Fatal,
    ];
}

impl State {
    pub(super) const fn kind(&self) -> StateKind {
        match self {
            Self::Stopped => StateKind::Stopped,
            Self::Detecting { .. } => StateKind::Detecting,
            Self::Backoff { .. } => StateKind::Backoff,
            Self::Fencing { .. } => StateKind::Fencing,
            Self::Connecting { .. } => StateKind::Connecting,
            Self::AwaitSubscribed { .. } => StateKind::AwaitSubscribed,
            Self::Storing { .. } => StateKind::Storing,
            Self::Subscribed { .. } => StateKind::Subscribed,
            Self::Draining { .. } => StateKind::Draining,
            Self::Fatal { .. } => StateKind::Fatal,
        }
    }

    /// When time alone changes something, apart from what tasks and demand wait for.
    pub(super) fn deadline(&self) -> Option<Mono> {
        match self {
            Self::Stopped => None,
            Self::Detecting { tell_at } => Some(*tell_at),
            Self::Backoff { until, .. }
            | Self::AwaitSubscribed { until, .. }
            | Self::Draining { until, .. } => Some(*until),
            Self::Fencing { try_ } | Self::Connecting { try_ } => Some(try_.until),
            Self::Storing { session, until, .. } => Some((*until).min(session.silent_at())),
            Self::Subscribed { session } => session.deadline(),
            Self::Fatal { until, .. } => *until,
        }
    }
}

impl Session {
    /// When the stream counts as dead.
    pub(super) fn silent_at(&self) -> Mono {
        self.heard_at.after(self.silence)
    }

    /// When a record that does not become whole makes the stream useless: nothing comes after it.
    pub(super) fn cut_at(&self) -> Option<Mono> {
        Some(self.cut_since?.after(super::config::RECORD_WAIT))
    }

    fn deadline(&self) -> Option<Mono> {
        let newcomer = self
            .newcomer
            .as_ref()
            .map(|(_leader, since)| since.after(super::config::NEW_LEADER_HOLDS));
        [
            Some(self.silent_at()),
            self.cut_at(),
            self.calls.until(),
            self.offers.deadline(),
            newcomer,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
