//! The master with its agents: streams, tasks, updates until they are acknowledged.

use std::collections::BTreeMap;

use crate::weakness::{Weak, Weakness};

/// A task: the target that it is for, and whether it has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Task {
    pub(crate) target: usize,
    pub(crate) ended: bool,
}

/// What somebody asks of the master, on a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Call {
    Launch {
        task: u64,
        target: usize,
    },
    /// Is the task known?
    Reconcile {
        task: u64,
    },
    Acknowledge {
        task: u64,
    },
}

#[derive(Debug)]
pub(crate) struct Master {
    weak: Weak,
    /// The newest stream, and whose it is.
    pub(crate) stream: Option<(u64, usize)>,
    next_stream: u64,
    pub(crate) tasks: BTreeMap<u64, Task>,
    /// How often each target was run.
    pub(crate) runs: BTreeMap<usize, u32>,
    pub(crate) unacknowledged: Vec<u64>,
}

impl Master {
    pub(crate) const fn new(weak: Weak) -> Self {
        Self {
            weak,
            stream: None,
            next_stream: 0,
            tasks: BTreeMap::new(),
            runs: BTreeMap::new(),
            unacknowledged: Vec::new(),
        }
    }

    /// Gives a new stream to a daemon, which ends the one before.
    pub(crate) fn subscribe(&mut self, daemon: usize) -> u64 {
        self.next_stream += 1;
        self.stream = Some((self.next_stream, daemon));
        self.next_stream
    }

    /// Whether a call on this stream is carried out.
    pub(crate) fn takes(&self, stream: u64) -> bool {
        self.weak.has(Weakness::NoStreamFence)
            || self.stream.is_some_and(|(newest, _)| newest == stream)
    }

    /// Starts a task; says whether it did.
    pub(crate) fn launch(&mut self, task: u64, target: usize) -> bool {
        if self.tasks.contains_key(&task) {
            return false;
        }
        let new = Task {
            target,
            ended: false,
        };
        self.tasks.insert(task, new);
        *self.runs.entry(target).or_default() += 1;
        true
    }

    pub(crate) fn end(&mut self, task: u64) {
        if let Some(found) = self.tasks.get_mut(&task) {
            found.ended = true;
            self.unacknowledged.push(task);
        }
    }
}
