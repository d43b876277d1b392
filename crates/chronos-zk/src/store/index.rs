//! What is in the tree, without the values: enough to know beforehand what the servers will say.
//!
//! Only the leader writes, so it knows which nodes there are and their versions. A commit is checked
//! against that, turned into the parts of one write, and counted as done while it is on its way, so
//! that the next one can follow at once. When a write turns out otherwise, the index is thrown away and
//! read again.

mod plan;

use std::collections::{HashMap, HashSet};

use chronos_model::{CalendarName, JobName, Revision, RunKey, RunState, Write};
use chronos_store::CommitError;

use self::plan::Plan;
use super::{encoded::Encoded, ring::Rings};
use crate::{
    session::Op,
    tree::{Kind, Tree},
};

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Index {
    tree: Tree,
    history: usize,
    pub(super) jobs: HashMap<JobName, Known>,
    pub(super) active: HashSet<RunKey>,
    pub(super) calendars: HashSet<CalendarName>,
    pub(super) framework: bool,
    pub(super) dirs: HashSet<(Kind, u32)>,
}

/// What is known of a job; zero and `false` where there is no node.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Known {
    pub(super) spec: Revision,
    pub(super) progress: Revision,
    pub(super) tomb: bool,
    pub(super) ring: bool,
}

impl Index {
    pub(super) fn new(tree: Tree, history: usize) -> Self {
        Self {
            tree,
            history,
            jobs: HashMap::new(),
            active: HashSet::new(),
            calendars: HashSet::new(),
            framework: false,
            dirs: HashSet::new(),
        }
    }

    /// Returns the jobs whose rings must be known before the writes can be planned.
    pub(super) fn rings_wanted<'a>(
        &self,
        writes: impl Iterator<Item = &'a Write>,
        rings: &Rings,
    ) -> HashSet<&'a JobName> {
        let mut wanted = HashSet::new();
        for write in writes {
            if let Write::PutRun(run) = write
                && run.state == RunState::Ended
                && !rings.is_known(&run.key.job)
                && self.known(&run.key.job).ring
            {
                wanted.insert(&run.key.job);
            }
        }
        wanted
    }

    /// Turns a commit into the parts of a write and counts it as done; a refused one changes nothing.
    pub(super) fn plan(
        &mut self,
        rings: &mut Rings,
        writes: &[Write],
        encoded: Vec<Encoded>,
    ) -> Result<Vec<Op>, CommitError> {
        Plan::new(self, rings).make(writes, encoded)
    }

    fn known(&self, job: &JobName) -> Known {
        self.jobs.get(job).copied().unwrap_or_default()
    }

    fn put(&mut self, job: &JobName, known: Known) {
        if known == Known::default() {
            self.jobs.remove(job);
        } else {
            self.jobs.insert(job.clone(), known);
        }
    }
}
