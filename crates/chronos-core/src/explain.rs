//! Why a job does not run now, and what comes next: the question that operators ask most.

use std::fmt;

use chronos_model::{CalendarName, JobName, Run, RunCause, RunKey, RunState, Timestamp, Trigger};

use crate::{View, generation::pending, job::Job, parents::awaits_parents};

/// How many reasons are given for one job: a screen or two; the runs behind wait for the same ones.
const REASONS_MAX: usize = 100;

/// Why something does not run now.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Waiting {
    /// The job is disabled.
    Disabled,
    /// These parents have not completed since the last run, or not from the same ancestors.
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
    /// As many runs as may be at once have not ended.
    Overlap {
        /// How many may be at once.
        at_once: u32,
        /// The earliest of them.
        key: RunKey,
    },
    /// Other runs of the job are before this one in line.
    Line {
        /// The run in front.
        key: RunKey,
        /// Why there is a line.
        cause: RunCause,
    },
    /// No offer fits.
    Offer {
        /// Why, by count.
        why: String,
    },
    /// All targets of the schedule have passed.
    UsedUp,
}

impl Waiting {
    /// Returns a word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Parents { .. } => "parents",
            Self::Retry { .. } => "retry",
            Self::Overlap { .. } => "overlap",
            Self::Line { .. } => "line",
            Self::Offer { .. } => "offer",
            Self::UsedUp => "usedUp",
        }
    }
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
            Self::Overlap {
                at_once: 0 | 1,
                key,
            } => {
                write!(f, "the job is not concurrent and {key} has not ended")
            }
            Self::Overlap { at_once, key } => write!(
                f,
                "as many runs as overlapLimit allows have not ended: {at_once}, {key} the first of them"
            ),
            Self::Line { key, cause } => write!(f, "waits in line behind {key} ({cause})"),
            Self::Offer { why } => write!(f, "no offer fits: {why}"),
            Self::UsedUp => f.write_str("all its targets have passed"),
        }
    }
}

/// The whole answer for one job.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// Why it does not run now, for each run that waits, or for the job; none when nothing holds it.
    pub reasons: Vec<Waiting>,
    /// The runs that are with agents.
    pub running: Vec<RunKey>,
    /// The next target, when there is one.
    pub next: Option<NextRun>,
}

/// The next target of a job.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NextRun {
    /// The target that the schedule names.
    pub target: Timestamp,
    /// When it starts, with jitter.
    pub start: Timestamp,
    /// An earlier target that a calendar leaves out, and the calendar.
    pub left_out: Option<(Timestamp, CalendarName)>,
    /// It also waits for these parents.
    pub parents: Vec<JobName>,
}

impl View {
    /// Says why a run of a job waits, `None` when it does not.
    pub fn why_run_waits(&self, job: &Job, run: &Run) -> Option<Waiting> {
        self.why_waits(job, run, &Places::of(job))
    }

    fn why_waits(&self, job: &Job, run: &Run, places: &Places<'_>) -> Option<Waiting> {
        if run.state != RunState::Queued {
            return None;
        }
        if let Some(misses) = self.waits.get(&run.key) {
            return Some(Waiting::Offer {
                why: misses.to_string(),
            });
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
        if let Some(occupant) = places.occupant {
            return Some(Waiting::Overlap {
                at_once: job.spec.overlap.at_once().unwrap_or(1),
                key: occupant.key.clone(),
            });
        }
        if let Some(front) = places.front.filter(|front| front.key != run.key) {
            return Some(Waiting::Line {
                key: front.key.clone(),
                cause: front.cause,
            });
        }
        Some(Waiting::Offer {
            why: "no offers at hand".to_owned(),
        })
    }

    /// Says why a job does not run now: for each waiting run, or because of its parents, or itself.
    pub fn why_waiting(&self, job: &Job) -> Vec<Waiting> {
        let places = Places::of(job);
        let waiting = job
            .active_runs()
            .filter_map(|run| self.why_waits(job, run, &places));
        let runs: Vec<Waiting> = waiting.take(REASONS_MAX).collect();
        if !runs.is_empty() {
            return runs;
        }
        if job.spec.disabled {
            return vec![Waiting::Disabled];
        }
        let busy = job.active_runs().next().is_some();
        match &job.spec.trigger {
            _ if busy => Vec::new(),
            Trigger::Parents(_) => self.pending(job).into_iter().collect(),
            Trigger::Schedule(_) | Trigger::Both { .. } => Vec::new(),
        }
    }

    /// Says why a job does not run now and what comes next.
    pub fn explain(&self, job: &Job) -> Explanation {
        let mut reasons = self.why_waiting(job);
        let scheduled = job.spec.schedule().is_some();
        let idle = job.active_runs().next().is_none();
        if reasons.is_empty() && idle && scheduled && job.next_target().is_none() {
            reasons.push(Waiting::UsedUp);
        }
        let running = job
            .active_runs()
            .filter(|run| crate::job::occupies(run))
            .map(|run| run.key.clone());
        Explanation {
            reasons,
            running: running.collect(),
            next: self.next_run(job),
        }
    }

    fn next_run(&self, job: &Job) -> Option<NextRun> {
        let target = job.next_run()?;
        let left_out = job.next_target().map(|next| next.at).and_then(|next| {
            let (_, calendar) = job.exclusions.excluded_until(next)?;
            Some((next, calendar.clone()))
        });
        let parents = match &job.spec.trigger {
            Trigger::Both { .. } => pending(job, |name| self.jobs.get(name)),
            Trigger::Schedule(_) | Trigger::Parents(_) => Vec::new(),
        };
        Some(NextRun {
            target,
            start: job.start_of(target),
            left_out,
            parents,
        })
    }

    fn pending(&self, job: &Job) -> Option<Waiting> {
        let parents = pending(job, |name| self.jobs.get(name));
        (!parents.is_empty()).then_some(Waiting::Parents { parents })
    }
}

/// The runs of a job that others wait for, looked for once.
struct Places<'a> {
    /// Holds the place that another one would need.
    occupant: Option<&'a Run>,
    /// The first in line, where only some may run at once.
    front: Option<&'a Run>,
}

impl<'a> Places<'a> {
    fn of(job: &'a Job) -> Self {
        let bounded = job.places_free().is_some();
        Self {
            occupant: job.occupant().map(|run| &**run),
            front: job.waiting().next().filter(|_| bounded).map(|run| &**run),
        }
    }
}
