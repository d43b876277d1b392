//! The calls of one subscription: those that wait, in the order in which they go, and those that are under way.
//!
//! A master carries out the calls of one connection in their order, and calls of two connections in any. So all that
//! launches, asks, kills and declines goes over one connection, one call at a time. Acknowledgements have no order among
//! each other, nor with other calls: an agent has one update of a task out at a time. They are three of four calls, so
//! there are further connections for them, used when those before are busy. Two of the same task are never under way
//! together.

use std::collections::BTreeMap;

use super::{
    config::{CALL_WAIT, LANES_MAX, QUEUE_LEN_MAX},
    input::{CallId, RequestId},
    output::Lane,
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
    /// Its place within its rank, once it has one.
    place: u64,
}

impl Queued {
    pub(super) fn new(what: What, call: &Call) -> Self {
        Self {
            what,
            body: call::body(call),
            again: false,
            place: 0,
        }
    }
}

/// What a call is for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    Teardown(RequestId),
    /// The end of a task is on record.
    AcknowledgeEnd(TaskId),
    /// Other news of a task.
    Acknowledge(TaskId),
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
            Self::AcknowledgeEnd(_) => 1,
            Self::Acknowledge(_) => 2,
            Self::Kill => 3,
            Self::Launch(_) | Self::Reconcile => 4,
            Self::Decline => 5,
            Self::Other | Self::Constrain | Self::UpdateFramework(_) => 6,
        }
    }

    /// Goes out even when the driver is to stop.
    pub(super) const fn is_owed(&self) -> bool {
        match self {
            Self::Teardown(_) | Self::AcknowledgeEnd(_) | Self::Acknowledge(_) | Self::Kill => true,
            Self::Launch(_)
            | Self::Reconcile
            | Self::Decline
            | Self::Other
            | Self::Constrain
            | Self::UpdateFramework(_) => false,
        }
    }

    /// The task whose news it acknowledges.
    const fn acknowledges(&self) -> Option<&TaskId> {
        match self {
            Self::AcknowledgeEnd(task) | Self::Acknowledge(task) => Some(task),
            Self::Teardown(_)
            | Self::Kill
            | Self::Launch(_)
            | Self::Reconcile
            | Self::Decline
            | Self::Other
            | Self::Constrain
            | Self::UpdateFramework(_) => None,
        }
    }
}

/// Rank and place.
type Waiting = BTreeMap<(u8, u64), Queued>;

/// The calls of one subscription.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Calls {
    /// What goes over the first lane only.
    ordered: Waiting,
    acknowledgements: Waiting,
    /// Counts what was put in, for the order within a rank.
    seen: u64,
    under_way: BTreeMap<Lane, UnderWay>,
}

/// A call that waits for its answer.
#[derive(Clone, Debug, PartialEq)]
struct UnderWay {
    id: CallId,
    call: Queued,
    until: Mono,
}

impl Calls {
    /// Puts a call behind those of its rank; false when too many wait.
    pub(super) fn push(&mut self, mut call: Queued) -> bool {
        if self.is_full() {
            return false;
        }
        self.seen += 1;
        call.place = self.seen;
        self.insert(call);
        true
    }

    fn insert(&mut self, call: Queued) {
        let waiting = if call.what.acknowledges().is_some() {
            &mut self.acknowledgements
        } else {
            &mut self.ordered
        };
        waiting.insert((call.what.rank(), call.place), call);
    }

    pub(super) fn is_full(&self) -> bool {
        self.ordered.len() + self.acknowledgements.len() >= QUEUE_LEN_MAX
    }

    /// Takes out a call that can be sent now, and says over which lane.
    pub(super) fn start(&mut self, id: CallId, now: Mono) -> Option<(Lane, &[u8])> {
        let (lane, call) = self.take_next()?;
        let until = now.after(CALL_WAIT);
        let started = self.under_way.entry(lane);
        let started = started.or_insert(UnderWay { id, call, until });
        Some((lane, &started.call.body))
    }

    // Acknowledgements go before launches, over any lane: so launches do not outrun the news of them.
    fn take_next(&mut self) -> Option<(Lane, Queued)> {
        let is_free = |lane: &Lane| !self.under_way.contains_key(lane);
        let first = Some(Lane::FIRST).filter(is_free);
        let other = (1..LANES_MAX).map(Lane).find(is_free);
        let acknowledgement = self.next_acknowledgement();
        let ordered = self.ordered.first_key_value().map(|(place, _call)| *place);
        if let (Some(lane), Some(place)) = (first, ordered)
            && acknowledgement.is_none_or(|other| place < other)
        {
            return Some((lane, self.ordered.remove(&place)?));
        }
        let lane = if ordered.is_some() {
            other.or(first)
        } else {
            first.or(other)
        };
        let (lane, place) = lane.zip(acknowledgement)?;
        Some((lane, self.acknowledgements.remove(&place)?))
    }

    fn next_acknowledgement(&self) -> Option<(u8, u64)> {
        let is_under_way = |call: &Queued| {
            let task = call.what.acknowledges();
            let mut others = self.under_way.values();
            others.any(|other| other.call.what.acknowledges() == task)
        };
        let mut waiting = self.acknowledgements.iter();
        let (place, _call) = waiting.find(|(_place, call)| !is_under_way(call))?;
        Some(*place)
    }

    fn lane_of(&self, id: CallId) -> Option<Lane> {
        let mut under_way = self.under_way.iter();
        let (lane, _call) = under_way.find(|(_lane, under_way)| under_way.id == id)?;
        Some(*lane)
    }

    /// Whether this call is under way.
    pub(super) fn is_under_way(&self, id: CallId) -> bool {
        self.lane_of(id).is_some()
    }

    /// Takes out the call that was answered or lost; none when it is another one than was meant.
    pub(super) fn end(&mut self, id: CallId) -> Option<Queued> {
        let lane = self.lane_of(id)?;
        Some(self.under_way.remove(&lane)?.call)
    }

    /// Puts a call back where it was.
    pub(super) fn put_back(&mut self, mut call: Queued) {
        call.again = true;
        self.insert(call);
    }

    /// Until when the first of the calls under way may take.
    pub(super) fn until(&self) -> Option<Mono> {
        let untils = self.under_way.values().map(|under_way| under_way.until);
        untils.min()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.ordered.is_empty() && self.acknowledgements.is_empty() && self.under_way.is_empty()
    }

    /// Takes out what waits and is not owed to anybody.
    pub(super) fn take_optional(&mut self) -> Vec<Queued> {
        let (owed, optional) = std::mem::take(&mut self.ordered)
            .into_iter()
            .partition(|(_place, call)| call.what.is_owed());
        self.ordered = owed;
        BTreeMap::into_values(optional).collect()
    }

    /// What is left when the subscription ends: what was never sent, and what may have arrived.
    pub(super) fn dissolve(self) -> (Vec<Queued>, Vec<Queued>) {
        let waiting = self.ordered.into_values();
        let waiting = waiting.chain(self.acknowledgements.into_values());
        let under_way = self.under_way.into_values();
        (
            waiting.collect(),
            under_way.map(|under_way| under_way.call).collect(),
        )
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
            What::Teardown(RequestId(9)),
            What::UpdateFramework(RequestId(8)),
        ] {
            assert!(calls.push(queued(what)));
        }
        let mut order = Vec::new();
        for number in 0.. {
            let id = CallId(number);
            let Some((lane, _body)) = calls.start(id, Mono(0)) else {
                break;
            };
            assert_eq!(lane, Lane::FIRST);
            assert_eq!(calls.start(CallId(99), Mono(0)), None, "one at a time");
            assert_eq!(calls.end(CallId(99)), None, "the one that was meant");
            order.push(calls.end(id).expect("it is under way").what);
        }
        let want = [
            What::Teardown(RequestId(9)),
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
    fn acknowledgements_go_first_over_all_lanes_and_others_over_the_first() {
        let mut calls = Calls::default();
        let start = |calls: &mut Calls, id| {
            let (lane, _body) = calls.start(CallId(id), Mono(id))?;
            Some(lane.0)
        };
        let end = |calls: &mut Calls, id| calls.end(CallId(id)).expect("under way").what;
        // Alone: over the first lane, as all else.
        calls.push(queued(What::Acknowledge(task(1))));
        assert_eq!(start(&mut calls, 1), Some(0));
        calls.push(queued(What::AcknowledgeEnd(task(2))));
        assert_eq!(start(&mut calls, 2), Some(1));
        end(&mut calls, 1);
        // With something that needs the first one: beside it.
        calls.push(queued(What::Kill));
        calls.push(queued(What::Acknowledge(task(3))));
        assert_eq!(start(&mut calls, 3), Some(2));
        assert_eq!(start(&mut calls, 4), Some(0));
        assert_eq!(end(&mut calls, 4), What::Kill);
        // Many of them: over all, and what needs the first one waits.
        calls.push(queued(What::Kill));
        for number in 10..10 + LANES_MAX {
            calls.push(queued(What::Acknowledge(task(number))));
        }
        let mut lanes = Vec::new();
        while let Some(lane) = start(&mut calls, 10 + lanes.len() as u64) {
            lanes.push(lane);
        }
        let others = (3..LANES_MAX).chain([0]).collect::<Vec<_>>();
        assert_eq!(lanes, others);
        assert_eq!(calls.until(), Some(Mono(2).after(CALL_WAIT)), "the oldest");
        let last = 9 + lanes.len() as u64;
        end(&mut calls, last);
        calls.push(queued(What::Teardown(RequestId(1))));
        assert_eq!(start(&mut calls, 100), Some(0));
        assert_eq!(end(&mut calls, 100), What::Teardown(RequestId(1)));
        let (waiting, under_way) = calls.dissolve();
        assert_eq!((waiting.len(), under_way.len()), (3, LANES_MAX - 1));
    }

    #[test]
    fn two_acknowledgements_of_a_task_are_not_under_way_together() {
        let mut calls = Calls::default();
        for number in [1, 1, 2] {
            calls.push(queued(What::Acknowledge(task(number))));
        }
        assert!(calls.start(CallId(0), Mono(0)).is_some());
        assert!(calls.start(CallId(1), Mono(0)).is_some());
        assert_eq!(calls.start(CallId(2), Mono(0)), None);
        let other = calls.end(CallId(1)).expect("under way").what;
        assert_eq!(other, What::Acknowledge(task(2)));
        assert_eq!(calls.start(CallId(2), Mono(0)), None);
        calls.end(CallId(0)).expect("under way");
        assert!(calls.start(CallId(2), Mono(0)).is_some());
    }

    #[test]
    fn what_was_not_written_keeps_its_place() {
        let mut calls = Calls::default();
        for number in [1, 2, 3] {
            calls.push(queued(What::Acknowledge(task(number))));
        }
        for id in [0, 1] {
            assert!(calls.start(CallId(id), Mono(0)).is_some());
        }
        for id in [1, 0] {
            let lost = calls.end(CallId(id)).expect("under way");
            calls.put_back(lost);
        }
        let mut order = Vec::new();
        for id in 2..5 {
            assert!(calls.start(CallId(id), Mono(0)).is_some());
            let call = calls.end(CallId(id)).expect("under way");
            order.push((call.what, call.again));
        }
        let want = [(1, true), (2, true), (3, false)];
        let want = want.map(|(number, again)| (What::Acknowledge(task(number)), again));
        assert_eq!(order, want);
    }

    #[test]
    fn does_not_grow_without_end() {
        let mut calls = Calls::default();
        for number in 0..QUEUE_LEN_MAX {
            let what = if number.is_multiple_of(2) {
                What::Kill
            } else {
                What::Acknowledge(task(number))
            };
            assert!(calls.push(queued(what)));
        }
        assert!(!calls.push(queued(What::Kill)));
    }

    fn task(number: usize) -> TaskId {
        TaskId {
            value: format!("t{number}"),
        }
    }

    fn queued(what: What) -> Queued {
        Queued::new(what, &Call::default())
    }
}
