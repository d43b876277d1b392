//! The picture that readers get: immutable, and cheap to take.

use std::{collections::BTreeMap, sync::Arc};

use chronos_model::{Calendar, CalendarName, JobName, Quarantined, Timestamp};

use crate::{Offer, audit::AuditReport, job::Job, jobs::JobList, queue::Waits};

/// Everything a reader may want to know, as of one instant.
#[derive(Clone, Debug)]
pub struct View {
    pub(crate) at: Timestamp,
    pub(crate) jobs: JobList,
    pub(crate) waits: Waits,
    pub(crate) queued: usize,
    pub(crate) offers: Vec<Arc<Offer>>,
    pub(crate) quarantined: Arc<Vec<Quarantined>>,
    pub(crate) calendars: BTreeMap<CalendarName, Arc<Calendar>>,
    pub(crate) audit: AuditReport,
}

impl View {
    /// Returns the picture before anything is known.
    pub fn empty() -> Self {
        Self {
            at: Timestamp::default(),
            jobs: JobList::new(),
            waits: Waits::default(),
            queued: 0,
            offers: Vec::new(),
            quarantined: Arc::default(),
            calendars: BTreeMap::new(),
            audit: AuditReport::default(),
        }
    }

    /// Returns when it was taken.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns all jobs, by name.
    pub fn jobs(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.jobs.values()
    }

    /// Returns how many jobs there are.
    pub fn job_count(&self) -> usize {
        self.jobs.len()
    }

    /// Finds a job.
    pub fn job(&self, name: &JobName) -> Option<&Arc<Job>> {
        self.jobs.get(name)
    }

    /// Returns how many runs could start if an offer fitted.
    pub const fn queued(&self) -> usize {
        self.queued
    }

    /// Returns the offers at hand.
    pub fn offers(&self) -> &[Arc<Offer>] {
        &self.offers
    }

    /// Returns all calendars, by name.
    pub fn calendars(&self) -> impl ExactSizeIterator<Item = &Arc<Calendar>> {
        self.calendars.values()
    }

    /// Finds a calendar.
    pub fn calendar(&self, name: &CalendarName) -> Option<&Arc<Calendar>> {
        self.calendars.get(name)
    }

    /// Returns what the self-audit has done in this term.
    pub const fn audit(&self) -> AuditReport {
        self.audit
    }

    /// Returns the stored records that cannot be used.
    pub fn quarantined(&self) -> &[Quarantined] {
        &self.quarantined
    }
}
