//! Who depends on whom: the graph holds the jobs that have parents or children, and nobody else.

use std::{collections::BTreeSet, sync::Arc};

use chronos_model::JobName;
use job_graph::GraphError;

use crate::{Refusal, Scheduler};

impl Scheduler {
    /// Says whether a job may have these parents: they exist, and close no cycle.
    pub(crate) fn check_parents(
        &mut self,
        name: &JobName,
        parents: &BTreeSet<JobName>,
    ) -> Result<(), Refusal> {
        let is_unknown = |parent: &&JobName| *parent != name && !self.jobs.contains(parent);
        let unknown: Vec<JobName> = parents.iter().filter(is_unknown).cloned().collect();
        if !unknown.is_empty() {
            return Err(invalid_parents(&GraphError::UnknownParents {
                parents: unknown,
            }));
        }
        self.make_nodes(parents.iter().filter(|&parent| parent != name));
        self.graph
            .check(name, parents)
            .map_err(|error| invalid_parents(&error))
    }

    /// Gives a job the parents of its definition, which were checked, in place of those it had.
    pub(crate) fn link(&mut self, name: &JobName) {
        let Some(spec) = self.jobs.get(name).map(|job| Arc::clone(&job.spec)) else {
            return;
        };
        if spec.parents().is_empty() && !self.graph.contains(name) {
            return;
        }
        self.make_nodes(spec.parents());
        let old = self.graph.parents(name);
        let linked = self
            .graph
            .insert(name.clone(), spec.parents().iter().cloned());
        debug_assert!(linked.is_ok(), "the parents were checked");
        for parent in old.iter().chain(spec.parents()) {
            self.count_children(parent);
        }
    }

    /// Takes a job that has no children out of the graph.
    pub(crate) fn unlink(&mut self, name: &JobName) {
        let parents = self.graph.parents(name);
        let removed = self.graph.remove(name);
        debug_assert!(removed.is_ok(), "a job with children is not removed");
        for parent in &parents {
            self.count_children(parent);
        }
    }

    /// Returns the jobs that depend on one directly.
    pub(crate) fn children(&self, name: &JobName) -> Vec<JobName> {
        match self.jobs.get(name) {
            Some(job) if !job.has_children => Vec::new(),
            Some(_) | None => self.graph.children(name),
        }
    }

    fn make_nodes<'a>(&mut self, names: impl IntoIterator<Item = &'a JobName>) {
        for name in names {
            if !self.graph.contains(name) {
                let made = self.graph.insert(name.clone(), []);
                debug_assert!(made.is_ok(), "a node without parents closes no cycle");
            }
        }
    }

    fn count_children(&mut self, name: &JobName) {
        let has_children = !self.graph.children(name).is_empty();
        let known = self.jobs.get(name).map(|job| job.has_children);
        if known.is_some_and(|known| known != has_children) {
            self.change_job(name, |job| job.has_children = has_children);
        }
    }
}

fn invalid_parents(error: &GraphError<JobName>) -> Refusal {
    Refusal::Invalid {
        field: "parents",
        problem: error.to_string(),
    }
}
