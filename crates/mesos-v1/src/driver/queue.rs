//! The calls of one subscription: those that wait, in the order in which they go, and the one that is under way.
//!
//! A master carries out the calls of one connection in their order, and calls of two connections in any. So there is one
//! connection, and one call on it at a time.

use std::collections::BTreeMap;

use super::{
    config::{CALL_WAIT, QUEUE_LEN_MAX},
    input::{CallId, RequestId},
};
use crate::{
    Mono, call,
    proto::{AgentId, OfferId, TaskId, scheduler::Call},
};

/// A call, and what is to be known of it when it is answered or lost.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Queued {
    pub(super) what: What,
    pub(super) body: Vec<u8>,
    /// It was lost once before a byte was written.
    pub(super) again: bool,
}

impl Queued {
    pub(super) fn new(what: What, call: &Call) -> Self {
        Self {
            what,
            body: call::body(call),
            again: false,
        }
    }
}

/// What a call is for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    Teardown(RequestId),
    AcknowledgeEnd,
    Acknowledge,
    Kill,
    Launch(Launch),
    Reconcile,
    Decline,
    /// `SUPPRESS`, `REVIVE`, inverse offers.
    Other,
    /// `UPDATE_FRAMEWORK` with other offer constraints.
    Constrain,
    UpdateFramework(RequestId),
}

/// An `ACCEPT`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Launch {
    pub(super) request: RequestId,
    pub(super) offers: Vec<OfferId>,
    pub(super) tasks: Vec<(TaskId, AgentId)>,
    pub(super) refuse_seconds: f64,
}

impl What {
    /// Who goes first. Launches and questions share a rank: a question that overtook the launch of its task would be
    /// answered with "no such task".
    const fn rank(&self) -> u8 {
        match self {
            Self::Teardown(_) => 0,
            Self::AcknowledgeEnd => 1,
            Self::Acknowledge => 2,
            Self::Kill => 3,
            Self::Launch(_) | Self::Reconcile => 4,
            Self::Decline => 5,
            Self::Other | Self::Constrain | Self::UpdateFramework(_) => 6,
        }
    }

    /// Goes out even when the driver is to stop.
    pub(super) const fn is_owed(&self) -> bool {
        match self {
            Self::Teardown(_) | Self::AcknowledgeEnd | Self::Acknowledge | Self::Kill => true,
            Self::Launch(_)
            | Self::Reconcile
            | Self::Decline
            | Self::Other
            | Self::Constrain
            | Self::UpdateFramework(_) => false,
        }
    }
}

/// The calls of one subscription.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Calls {
    waiting: BTreeMap<(u8, u64), Queued>,
    /// Counts what was put in, for the order within a rank.
    seen: u64,
    under_way: Option<UnderWay>,
}

/// The call that waits for its answer.
#[derive(Clone, Debug, PartialEq)]
struct UnderWay {
    id: CallId,
    call: Queued,
    until: Mono,
}

impl Calls {
    /// Puts a call behind those of its rank; false when too many wait.
    pub(super) fn push(&mut self, call: Queued) -> bool {
        if self.is_full() {
            return false;
        }
        self.seen += 1;
        self.waiting.insert((call.what.rank(), self.seen), call);
        true
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= QUEUE_LEN_MAX
    }

    /// Takes out the next call to send, when none is under way.
    pub(super) fn start(&mut self, id: CallId, now: Mono) -> Option<&[u8]> {
        if self.under_way.is_some() {
            return None;
        }
        let (_place, call) = self.waiting.pop_first()?;
        let until = now.after(CALL_WAIT);
        let started = self.under_way.insert(UnderWay { id, call, until });
        Some(&started.call.body)
    }

    /// Whether this is the call under way.
    pub(super) fn is_under_way(&self, id: CallId) -> bool {
        self.under_way
            .as_ref()
            .is_some_and(|under_way| under_way.id == id)
    }

    /// Takes out the call that was answered or lost; none when it is another one than was meant.
    pub(super) fn end(&mut self, id: CallId) -> Option<Queued> {
        let ended = self.under_way.take_if(|under_way| under_way.id == id)?;
        Some(ended.call)
    }

    /// Puts a call in front of all others of its rank: it was there before.
    pub(super) fn put_back(&mut self, mut call: Queued) {
        call.again = true;
        self.waiting.insert((call.what.rank(), 0), call);
    }

    /// Until when the call under way may take.
    pub(super) fn until(&self) -> Option<Mono> {
        self.under_way.as_ref().map(|under_way| under_way.until)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_none()
    }

    /// Takes out what waits and is not owed to anybody.
    pub(super) fn take_optional(&mut self) -> Vec<Queued> {
        let (owed, optional) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_place, call)| call.what.is_owed());
        self.waiting = owed;
        BTreeMap::into_values(optional).collect()
    }

    /// What is left when the subscription ends: what was never sent, and what may have arrived.
    pub(super) fn dissolve(self) -> (Vec<Queued>, Option<Queued>) {
        let waiting = self.waiting.into_values().collect();
        (waiting, self.under_way.map(|under_way| under_way.call))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_by_rank_and_then_by_age() {
        let mut calls = Calls::default();
        let launch = |number| {
            What::Launch(Launch {
                request: RequestId(number),
                offers: Vec::new(),
                tasks: Vec::new(),
                refuse_seconds: 0.0,
            })
        };
        for what in [
            What::Other,
            What::Decline,
            What::Reconcile,
            launch(1),
            What::Reconcile,
            launch(2),
            What::Kill,
            What::Acknowledge,
            What::AcknowledgeEnd,
            What::Teardown(RequestId(9)),
            What::UpdateFramework(RequestId(8)),
        ] {
            assert!(calls.push(queued(what)));
        }
        let mut order = Vec::new();
        for number in 0.. {
            let id = CallId(number);
            if calls.start(id, Mono(0)).is_none() {
                break;
            }
            assert_eq!(calls.start(CallId(99), Mono(0)), None, "one at a time");
            assert_eq!(calls.end(CallId(99)), None, "the one that was meant");
            order.push(calls.end(id).expect("it is under way").what);
        }
        let want = [
            What::Teardown(RequestId(9)),
            What::AcknowledgeEnd,
            What::Acknowledge,
            What::Kill,
            What::Reconcile,
            launch(1),
            What::Reconcile,
            launch(2),
            What::Decline,
            What::Other,
            What::UpdateFramework(RequestId(8)),
        ];
        assert_eq!(order, want);
        assert!(calls.is_idle());
    }

    #[test]
    fn what_was_not_written_keeps_its_place() {
        let mut calls = Calls::default();
        calls.push(queued(What::Kill));
        assert!(calls.start(CallId(0), Mono(0)).is_some());
        let first = calls.end(CallId(0)).expect("under way");
        calls.push(queued(What::Kill));
        calls.put_back(first);
        assert!(calls.start(CallId(1), Mono(0)).is_some());
        assert!(calls.end(CallId(1)).expect("under way").again);
    }

    #[test]
    fn does_not_grow_without_end() {
        let mut calls = Calls::default();
        for _ in 0..QUEUE_LEN_MAX {
            assert!(calls.push(queued(What::Kill)));
        }
        assert!(!calls.push(queued(What::Kill)));
    }

    fn queued(what: What) -> Queued {
        Queued::new(what, &Call::default())
    }
}
