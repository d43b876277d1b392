//! The tasks that the scheduler and the masters still have to hear of.

use std::collections::{BTreeMap, BTreeSet};

use chronos_core::{AgentId, Launch};
use chronos_model::{RunKey, Timestamp};
use mesos_v1::{Mono, driver::Receipt, proto::TaskId};

use crate::task_id;

/// Receipts of one task that wait to be given: the agent repeats an end until it is acknowledged, and only the last copy
/// belongs to the subscription that stands.
const RECEIPTS_MAX: usize = 4;

/// A task, from its launch until its end is on record.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) launch: Launch,
    pub(crate) agent: Option<AgentId>,
    /// What Mesos calls it, when that is another name than we would give: Chronos wrote arguments into it.
    other_name: Option<TaskId>,
    /// An agent has spoken of it.
    pub(crate) heard: bool,
    /// When it was first seen to run.
    pub(crate) started_at: Option<Timestamp>,
    /// The scheduler was told of its end.
    pub(crate) over: bool,
    /// The master would not have the call that launched it; what it said.
    pub(crate) refused: Option<String>,
    /// To be given once its end is on record.
    receipts: Vec<Receipt>,
    /// It is out of reach, and lost from this moment on.
    lost_at: Option<Mono>,
}

/// All of them: one launch of a run at a time.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    all: BTreeMap<RunKey, Tracked>,
    out_of_reach: BTreeSet<(Mono, RunKey)>,
}

impl Tracked {
    pub(crate) fn keep(&mut self, receipt: Receipt) {
        if self.receipts.len() == RECEIPTS_MAX {
            self.receipts.remove(0);
        }
        self.receipts.push(receipt);
    }

    /// Mesos calls it so.
    pub(crate) fn is_called(&mut self, key: &RunKey, name: &TaskId) {
        let is_other = name.value != task_id(key, self.launch);
        self.other_name = is_other.then(|| name.clone());
    }

    /// What Mesos calls it.
    pub(crate) fn name(&self, key: &RunKey) -> TaskId {
        self.other_name.clone().unwrap_or_else(|| TaskId {
            value: task_id(key, self.launch),
        })
    }

    pub(crate) fn take_receipts(&mut self) -> Vec<Receipt> {
        std::mem::take(&mut self.receipts)
    }
}

impl Tasks {
    /// Takes a task up. One of the same launch that is known stays as it is.
    pub(crate) fn add(
        &mut self,
        key: &RunKey,
        launch: Launch,
        agent: Option<AgentId>,
    ) -> &mut Tracked {
        let other = self
            .all
            .get(key)
            .is_some_and(|known| known.launch != launch);
        if other {
            self.remove(key);
        }
        self.all.entry(key.clone()).or_insert_with(|| Tracked {
            launch,
            agent,
            other_name: None,
            heard: false,
            started_at: None,
            over: false,
            refused: None,
            receipts: Vec::new(),
            lost_at: None,
        })
    }

    pub(crate) fn get(&self, key: &RunKey) -> Option<&Tracked> {
        self.all.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &RunKey) -> Option<&mut Tracked> {
        self.all.get_mut(key)
    }

    pub(crate) fn remove(&mut self, key: &RunKey) -> Option<Tracked> {
        self.back(key);
        self.all.remove(key)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many are out of reach.
    pub(crate) fn out_of_reach(&self) -> usize {
        self.out_of_reach.len()
    }

    /// All that are not over.
    pub(crate) fn open(&self) -> Vec<RunKey> {
        let open = self.all.iter().filter(|(_, task)| !task.over);
        open.map(|(key, _)| key.clone()).collect()
    }

    /// A task is out of reach, and lost from a moment on. One that is so already keeps its moment.
    pub(crate) fn away(&mut self, key: &RunKey, lost_at: Mono) {
        if let Some(task) = self.all.get_mut(key).filter(|task| task.lost_at.is_none()) {
            task.lost_at = Some(lost_at);
            self.out_of_reach.insert((lost_at, key.clone()));
        }
    }

    /// A task is in reach, or over.
    pub(crate) fn back(&mut self, key: &RunKey) {
        let task = self.all.get_mut(key);
        if let Some(at) = task.and_then(|task| task.lost_at.take()) {
            self.out_of_reach.remove(&(at, key.clone()));
        }
    }

    /// None of those out of reach is lost before this moment.
    pub(crate) fn bear_until(&mut self, at: Mono) {
        while let Some((early, key)) = self.out_of_reach.first().cloned() {
            if early >= at {
                return;
            }
            self.back(&key);
            self.away(&key, at);
        }
    }

    /// When the next one is lost.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.out_of_reach.first().map(|(at, _)| *at)
    }

    /// Takes out the next one that was out of reach for too long.
    pub(crate) fn next_lost(&mut self, now: Mono) -> Option<RunKey> {
        let (at, key) = self.out_of_reach.first()?.clone();
        if at > now {
            return None;
        }
        self.back(&key);
        Some(key)
    }
}
