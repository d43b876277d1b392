//! The picture that readers get: immutable, and cheap to take.

use std::{collections::BTreeMap, fmt, sync::Arc};

use chronos_model::{
    Calendar, CalendarName, JobName, Quarantined, Run, RunKey, RunState, Timestamp,
};

use crate::{
    Offer,
    audit::AuditReport,
    generation::pending,
    job::{Job, Jobs},
    parents::awaits_parents,
    queue::Waits,
};

/// Everything a reader may want to know, as of one instant.
#[derive(Clone, Debug)]
pub struct View {
    pub(crate) at: Timestamp,
    pub(crate) jobs: Jobs,
    pub(crate) waits: Waits,
    pub(crate) queued: usize,
    pub(crate) offers: Vec<Offer>,
    pub(crate) quarantined: Arc<Vec<Quarantined>>,
    pub(crate) calendars: BTreeMap<CalendarName, Arc<Calendar>>,
    pub(crate) audit: AuditReport,
}

impl View {
    /// Returns the picture before anything is known.
    pub fn empty() -> Self {
        Self {
            at: Timestamp::default(),
            jobs: Jobs::new(),
            waits: Waits::new(),
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
    pub fn jobs(&self) -> impl ExactSizeIterator<Item = &Arc<Job>> {
        self.jobs.values()
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
    pub fn offers(&self) -> &[Offer] {
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

    /// Says why a run of a job waits, `None` when it does not.
    pub fn why_run_waits(&self, job: &Job, run: &Run) -> Option<Waiting> {
        if run.state != RunState::Queued {
            return None;
        }
        if let Some(at) = run.not_before.filter(|&at| at > self.at) {
            return Some(Waiting::Retry {
                attempt: run.key.attempt,
                retries: job.spec.retries,
                at,
            });
        }
        if awaits_parents(job, run) {
            return Some(Waiting::Parents {
                parents: pending(job, |name| self.jobs.get(name)),
            });
        }
        if let Some(occupant) = job.occupant() {
            return Some(Waiting::Overlap {
                key: occupant.key.clone(),
            });
        }
        let misses = self.waits.get(&run.key);
        Some(Waiting::Offer {
            why: misses.map_or_else(|| "no offers at hand".to_owned(), ToString::to_string),
        })
    }

    /// Says why a job does not run now: for each waiting run, or because of its parents, or itself.
    pub fn why_waiting(&self, job: &Job) -> Vec<Waiting> {
        let runs: Vec<Waiting> = job
            .active_runs()
            .filter_map(|run| self.why_run_waits(job, run))
            .collect();
        if !runs.is_empty() {
            return runs;
        }
        if job.spec.disabled {
            return vec![Waiting::Disabled];
        }
        let busy = job.active_runs().next().is_some();
        let parents = pending(job, |name| self.jobs.get(name));
        if busy || parents.is_empty() {
            return Vec::new();
        }
        vec![Waiting::Parents { parents }]
    }
}

/// Why something does not run now.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Waiting {
    /// The job is disabled.
    Disabled,
    /// These parents have not completed since the last run.
    Parents {
        /// All of them.
        parents: Vec<JobName>,
    },
    /// A failed run is tried again later.
    Retry {
        /// Which attempt waits.
        attempt: u32,
        /// How many extra attempts there may be.
        retries: u32,
        /// Not before this instant.
        at: Timestamp,
    },
    /// An earlier run has not ended and the job is not concurrent.
    Overlap {
        /// The earlier run.
        key: RunKey,
    },
    /// No offer fits.
    Offer {
        /// Why, by count.
        why: String,
    },
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("the job is disabled"),
            Self::Parents { parents } => {
                let names: Vec<String> = parents.iter().map(ToString::to_string).collect();
                write!(f, "waits for its parents: {}", names.join(", "))
            }
            Self::Retry {
                attempt,
                retries,
                at,
            } => write!(f, "retry {attempt} of {retries} starts at {at}"),
            Self::Overlap { key } => write!(f, "the job is not concurrent and {key} has not ended"),
            Self::Offer { why } => write!(f, "no offer fits: {why}"),
        }
    }
}
