//! What will happen, in the order of its moments.

use std::{cmp::Reverse, collections::BinaryHeap};

use chronos_core::{ClusterEvent, PersistId, TaskState};
use chronos_model::RunKey;

use crate::clock::Moment;

/// Something that will happen.
#[derive(Debug)]
pub(super) enum Happening {
    /// An act of the script.
    Act(usize),
    /// A machine starts a scheduler.
    Elect { node: usize },
    /// A leader connects to the cluster.
    Subscribe { term: u64 },
    /// A leader looks at its clock.
    Wake { term: u64 },
    /// A leader looks after all of its jobs.
    Audit { term: u64 },
    /// A scheduler that stood still goes on.
    Resume { term: u64 },
    /// The store takes the oldest writes of a leader.
    Write { term: u64 },
    /// The store's answer reaches a leader.
    Written { term: u64, request: PersistId },
    /// News reach whoever leads. `about` is the task and which of its launches, if it is about one.
    News {
        about: Option<(RunKey, u64)>,
        events: Vec<ClusterEvent>,
    },
    /// An agent may have something to offer.
    Offer { agent: usize },
    /// A launch reaches its agent.
    Begin { key: RunKey, serial: u64 },
    /// A command ends.
    End {
        key: RunKey,
        serial: u64,
        how: TaskState,
    },
    /// A request to end a task reaches its agent.
    Kill { key: RunKey, serial: u64 },
    /// The end of a task is told (again).
    Repeat {
        key: RunKey,
        serial: u64,
        times: u32,
    },
    /// An agent can be reached again.
    Back { agent: usize },
}

/// What will happen. Of what happens at one moment, that comes first which was noted first.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
    count: u64,
}

#[derive(Debug)]
struct Entry {
    at: Moment,
    order: u64,
    what: Happening,
}

impl Agenda {
    pub(super) fn add(&mut self, at: Moment, what: Happening) {
        self.count += 1;
        self.heap.push(Reverse(Entry {
            at,
            order: self.count,
            what,
        }));
    }

    /// Takes what happens next, unless that is after `end`.
    pub(super) fn next(&mut self, end: Moment) -> Option<(Moment, Happening)> {
        if self.heap.peek()?.0.at > end {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.what))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Entry {}
