//! What is stored, as readers see it, where no scheduler runs: the picture of a daemon that follows.
//!
//! It decides nothing and knows no offers, so it does not say why a run waits; all else is what the leader
//! wrote.

use std::sync::Arc;

use chronos_model::{JobName, JobRecord, Quarantined, Run, RunKey, Snapshot, Timestamp};

use crate::{Mono, Now, Scheduler, Settings, View, job::Job};

/// What is stored, kept up to date by whoever reads the store.
#[derive(Debug)]
pub struct Picture(Scheduler);

/// A record does not fit the others that are known; all have to be read again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Misfit;

impl Picture {
    /// Takes all there is.
    pub fn new(snapshot: Snapshot) -> Self {
        let now = Now {
            wall: Timestamp::default(),
            mono: Mono(0),
        };
        Self(Scheduler::recovered(Settings::default(), now, snapshot))
    }

    /// Creates or replaces a job; its runs stay.
    ///
    /// # Errors
    ///
    /// [`Misfit`]: the job names a calendar that is not known, or cannot be used.
    pub fn put_job(&mut self, record: JobRecord) -> Result<(), Misfit> {
        let scheduler = &mut self.0;
        let name = record.spec.name.clone();
        if scheduler.check_calendars(&record.spec).is_err() {
            return Err(Misfit);
        }
        let exclusions = scheduler.exclusions(&record.spec);
        let mut job = Job::from_record(record, exclusions).map_err(|_error| Misfit)?;
        if let Some(old) = scheduler.jobs.get(&name) {
            job.runs = old.runs.clone();
            job.has_children = old.has_children;
        }
        scheduler.jobs.insert(Arc::new(job));
        // Unusable when it was last read, and mended since.
        let is_it = |record: &Quarantined| record.key == name.as_str();
        if scheduler.quarantined.iter().any(is_it) {
            Arc::make_mut(&mut scheduler.quarantined).retain(|record| !is_it(record));
        }
        Ok(())
    }

    /// Removes a job.
    pub fn remove_job(&mut self, name: &JobName) {
        self.0.jobs.remove(name);
    }

    /// Creates or replaces a run that has not ended; one of a job that is not known is not shown.
    pub fn put_run(&mut self, run: Run) {
        let name = run.key.job.clone();
        self.0
            .change_job(&name, |job| job.runs.insert(Arc::new(run)));
    }

    /// Removes a run, which has ended.
    pub fn remove_run(&mut self, key: &RunKey) {
        self.0.change_job(&key.job, |job| {
            job.runs.remove((key.due, key.attempt));
        });
    }

    /// Returns what readers get, as of an instant.
    pub fn view(&self, at: Timestamp) -> View {
        View {
            at,
            ..self.0.view()
        }
    }
}
