//! Dependent jobs: when the completions of their parents make them run.
//!
//! Each job counts its completions (its generation), and each dependent job remembers which generation
//! of each parent its last run used up. It is ready when every parent is ahead of that. Nothing is
//! written to a child when a parent ends, so a crash in between forgets nothing: readiness is seen
//! again from what is stored.

use std::sync::Arc;

use chronos_model::{JobName, Outcome, RunCause, RunKey, Timestamp, Trigger};

use crate::{
    Scheduler,
    job::{Job, end, new_run},
};

impl Scheduler {
    /// A job completed in a way that counts for its children.
    pub(crate) fn completed(&mut self, parent: &JobName, at: Timestamp) {
        self.change_progress(parent, |progress| {
            progress.generation = progress.generation.saturating_add(1);
        });
        for child in self.graph.children(parent) {
            self.run_if_ready(&child, at);
        }
    }

    /// Runs a dependent job when all its parents have completed since its last run.
    pub(crate) fn run_if_ready(&mut self, name: &JobName, target: Timestamp) {
        let Some(job) = self.jobs.get(name).cloned() else {
            return;
        };
        if !matches!(job.spec.trigger, Trigger::Parents(_))
            || !self.pending_parents(&job).is_empty()
        {
            return;
        }
        self.consume_parents(name);
        let key = RunKey {
            job: name.clone(),
            due: job.due_of_moment(target),
            attempt: 0,
        };
        let mut run = new_run(key, target, RunCause::Parents, self.now.wall);
        if job.spec.disabled {
            end(
                &mut run,
                Outcome::Skipped,
                Some("the job is disabled".to_owned()),
                self.now.wall,
            );
        }
        self.add_run(run);
    }

    /// Returns the parents that have not completed since the last run of the job.
    pub(crate) fn pending_parents(&self, job: &Job) -> Vec<JobName> {
        pending_parents(job, |name| self.jobs.get(name))
    }

    /// Uses up what the parents have completed so far.
    pub(crate) fn consume_parents(&mut self, name: &JobName) {
        let Some(job) = self.jobs.get(name) else {
            return;
        };
        let generations: Vec<_> = job
            .spec
            .parents()
            .iter()
            .map(|parent| (parent.clone(), self.generation(parent)))
            .collect();
        self.change_progress(name, |progress| {
            progress.consumed = generations.into_iter().collect();
        });
    }

    pub(crate) fn generation(&self, name: &JobName) -> u64 {
        self.jobs.get(name).map_or(0, |job| job.progress.generation)
    }
}

/// Returns the parents that have not completed since the last run of a job.
pub(crate) fn pending_parents<'a>(
    job: &Job,
    find: impl Fn(&JobName) -> Option<&'a Arc<Job>>,
) -> Vec<JobName> {
    let ahead = |parent: &JobName| {
        let consumed = job.progress.consumed.get(parent).copied().unwrap_or(0);
        find(parent).is_some_and(|parent| parent.progress.generation > consumed)
    };
    job.spec
        .parents()
        .iter()
        .filter(|parent| !ahead(parent))
        .cloned()
        .collect()
}
