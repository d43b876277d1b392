//! What comes out of the driver: instructions for the connection, and what the scheduler is told.

use std::fmt;

use super::{
    input::{CallId, Receipt, RequestId, Subscription},
    leader::Leader,
    refusal::Refusal,
};
use crate::{
    Mono,
    event::EventError,
    proto::{
        FrameworkId, InverseOffer, MasterInfo, Offer, OfferId, OperationStatus, TaskStatus,
        scheduler::event,
    },
    recordio::FrameError,
};

/// A connection for calls, one call at a time. Most are over the first one, because a master keeps their order there; the
/// others are for acknowledgements, when there are many. There are at most [`LANES_MAX`](super::config::LANES_MAX).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Lane(pub usize);

impl Lane {
    /// The one for calls that have an order.
    pub const FIRST: Self = Self(0);
}

/// An instruction.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Say who leads (`Input::Leader`), now and whenever it changes.
    Detect,
    /// Make sure, with the store, that we still lead; answer by `FenceHeld` or `FenceLost`.
    CheckFence {
        /// To be named in the answer.
        subscription: Subscription,
    },
    /// Open a connection and `SUBSCRIBE`.
    Subscribe {
        /// Whose answer it will be.
        subscription: Subscription,
        /// Where.
        leader: Leader,
        /// The body.
        body: Vec<u8>,
    },
    /// Send a call over a connection that is not that of the stream. The call before it on that lane was answered.
    Send {
        /// The subscription.
        subscription: Subscription,
        /// Which connection.
        lane: Lane,
        /// To be named in the answer.
        call: CallId,
        /// The header that ties it to the subscription.
        stream_id: String,
        /// The body.
        body: Vec<u8>,
    },
    /// Close the connections of this subscription; nothing that comes from them counts any more.
    Close {
        /// The subscription.
        subscription: Subscription,
    },
    /// Store the id before anything else; answer by `IdStored`.
    StoreId {
        /// To be named in the answer.
        subscription: Subscription,
        /// The id.
        id: FrameworkId,
    },
    /// Erase the id; answer by `IdErased`.
    EraseId,
    /// Tell the scheduler.
    Tell(Notice),
}

/// News for the scheduler.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// Subscribed. Offers may come; tasks are being asked about.
    Subscribed {
        /// Our id.
        framework: FrameworkId,
        /// Who leads.
        master: Option<Box<MasterInfo>>,
    },
    /// Not subscribed any more: all offers are void.
    Disconnected(Cause),
    /// Nobody leads, or nobody knows who.
    NoLeader,
    /// An attempt failed; the next one is not before `until`.
    Waiting {
        /// Why.
        cause: Cause,
        /// Until when.
        until: Mono,
    },
    /// The master does not want us. Tried again at `until`; without it, only when an operator says so.
    Refused {
        /// Why.
        refusal: Refusal,
        /// Until when.
        until: Option<Mono>,
    },
    /// We do not lead any more; everything is closed.
    Deposed,
    /// Offers to use.
    Offers(Vec<Offer>),
    /// An offer that does not stand any more.
    Rescinded(OfferId),
    /// News of a task.
    Update(Box<Update>),
    /// An agent that is gone, or an executor that ended.
    Failure(event::Failure),
    /// Bytes from an executor.
    Message(event::Message),
    /// Requests to leave agents.
    InverseOffers(Vec<InverseOffer>),
    /// Such a request does not stand any more.
    InverseRescinded(OfferId),
    /// News of an operation.
    OperationStatus(Box<OperationStatus>),
    /// What became of a request.
    Settled {
        /// The request.
        request: RequestId,
        /// What.
        outcome: Outcome,
    },
    /// All tasks that were asked about were answered.
    Reconciled,
    /// A record that is no event; tasks are asked about, in case it was an update.
    Undecodable(EventError),
    /// An event of a later version.
    UnknownEvent(i32),
    /// A call that the master finds wrong. A defect of ours.
    CallRefused {
        /// The status.
        status: u16,
        /// The answer.
        text: String,
    },
    /// The master refused what we said, and offer constraints were part of it: none are sent any more. Said again
    /// without them at once.
    ConstraintsRefused,
    /// So many calls wait that this one was dropped.
    QueueFull,
}

/// News of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// What was said.
    pub status: TaskStatus,
    /// To be given back by `Input::Recorded`, once its effect is durable.
    pub receipt: Receipt,
    /// The master says that the task never started, although its executor was heard of. It is an answer to another
    /// launch with the same id; the task is alive.
    pub doubtful: bool,
}

/// What became of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The master has it. For a launch that means: received. What happens is for updates to say.
    Received,
    /// It was not sent, and never will be.
    NotSent(NotSent),
    /// Perhaps the master has it. It is not sent again; tasks are asked about.
    Ambiguous,
    /// The master refused it. Tasks of a launch are asked about all the same.
    Refused {
        /// The status.
        status: u16,
        /// The answer.
        text: String,
    },
}

/// Why something was not sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotSent {
    /// There is no subscription.
    NotSubscribed,
    /// The subscription ended while it waited.
    Disconnected,
    /// One of the offers is not ours any more.
    StaleOffer,
    /// Too many calls wait.
    QueueFull,
    /// The driver stops.
    Stopping,
    /// The connection broke before anything was written.
    NotWritten,
}

/// Why there is no subscription.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// The connection did not come about, or is over.
    Closed(String),
    /// The answer to `SUBSCRIBE` does not open a stream.
    Answer {
        /// The status.
        status: u16,
        /// The begin of the body.
        text: String,
    },
    /// Too many redirects.
    Redirects,
    /// Something took too long; what it is.
    Timeout(&'static str),
    /// The stream is no sequence of records.
    Framing(FrameError),
    /// The first event is another one than `SUBSCRIBED`.
    Unexpected,
    /// The master said so, in words that nobody knows.
    Error(String),
    /// No byte for five heartbeats.
    Silence,
    /// A call may or may not have arrived. A new subscription voids it, whichever it was.
    AmbiguousCall,
    /// The master does not know the subscription any more.
    Unsubscribed {
        /// The status.
        status: u16,
        /// The answer.
        text: String,
    },
    /// Another master leads.
    NewLeader,
    /// More events than may wait came while the id was stored.
    Flood,
    /// On request.
    Stopped,
    /// The master refused us.
    Refused,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(why) => write!(f, "connection closed: {why}"),
            Self::Answer { status, text } => write!(f, "SUBSCRIBE was answered {status}: {text}"),
            Self::Redirects => f.write_str("too many redirects"),
            Self::Timeout(what) => write!(f, "{what} took too long"),
            Self::Framing(error) => write!(f, "{error}"),
            Self::Unexpected => f.write_str("the first event is not SUBSCRIBED"),
            Self::Error(text) => write!(f, "the master says: {text}"),
            Self::Silence => f.write_str("no heartbeat"),
            Self::AmbiguousCall => f.write_str("a call may or may not have arrived"),
            Self::Unsubscribed { status, text } => {
                write!(f, "the master does not know us any more ({status}): {text}")
            }
            Self::NewLeader => f.write_str("another master leads"),
            Self::Flood => f.write_str("too many events while the id was stored"),
            Self::Stopped => f.write_str("stopped"),
            Self::Refused => f.write_str("refused"),
        }
    }
}
