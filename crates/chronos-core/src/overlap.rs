//! Runs of one job that would overlap: which start, which wait, which give way.

use std::sync::Arc;

use chronos_model::{Outcome, Overlap, Run, RunCause, RunState, Timestamp};

use crate::{
    Scheduler,
    job::{Job, end, occupies},
    settings::WAITING_RUNS_MAX,
};

impl Scheduler {
    /// Decides what the policy of the job makes of a new run: it may end it, or make others give way.
    pub(crate) fn admit(&mut self, run: &mut Run) {
        let others = self
            .jobs
            .get(&run.key.job)
            .filter(|job| !job.runs.is_empty());
        let Some(job) = others.filter(|_| !waits_in_line(run.cause)).cloned() else {
            return;
        };
        let by_hand = run.cause == RunCause::Manual;
        match job.spec.overlap {
            Overlap::Skip if by_hand => {}
            Overlap::Skip => {
                if let Some(other) = job.active_runs().next() {
                    let reason = format!("{} has not ended, and overlap is skip", other.key);
                    end(run, Outcome::Skipped, Some(reason), self.now.wall);
                }
            }
            Overlap::QueueOne => self.supersede_waiting(&job, run),
            Overlap::QueueAll { limit } => {
                let waiting = job.waiting().count();
                if waiting >= usize::try_from(limit).unwrap_or(usize::MAX) {
                    let reason = format!("{waiting} runs wait already, as many as overlapLimit");
                    end(run, Outcome::Skipped, Some(reason), self.now.wall);
                }
            }
            Overlap::Replace => {
                self.supersede_waiting(&job, run);
                let reason = format!("the newer target {} replaces it", run.target);
                // A line of catch-up or backfill is worked off: what is in it gives way to nobody.
                let gives_way = |run: &&Arc<Run>| occupies(run) && !waits_in_line(run.cause);
                for other in job.active_runs().filter(gives_way) {
                    self.kill_run(&other.key, &reason);
                }
            }
            Overlap::Allow { .. } => {
                let waiting = job.waiting().count();
                if waiting >= WAITING_RUNS_MAX
                    && let Some(oldest) = job.waiting().find(|other| !waits_in_line(other.cause))
                {
                    self.supersede(oldest, &superseded_by(run));
                }
            }
        }
    }

    // A newer run takes the place of older ones that wait. What an operator asked for is not dropped
    // because a schedule's time came; by hand, anything that waits for its delay gives way.
    fn supersede_waiting(&mut self, job: &Job, newer: &Run) {
        let gives_way = |run: &Run| {
            coalesces(job, run) || (newer.cause == RunCause::Manual && !waits_in_line(run.cause))
        };
        for run in job.waiting().filter(|run| gives_way(run)) {
            self.supersede(run, &superseded_by(newer));
        }
    }

    /// Ends a waiting run because another one takes its place.
    pub(crate) fn supersede(&mut self, run: &Run, reason: &str) {
        self.end_run(&run.key, Outcome::Superseded, Some(reason.to_owned()));
        self.nothing_follows(run);
    }

    /// Says why a run by hand does not start or wait, as Chronos: it does not overlap, does not queue
    /// behind itself, and does not run a disabled job. A retry that waits for its delay gives way.
    pub(crate) fn why_not_now(&self, job: &Job) -> Option<String> {
        if job.spec.disabled {
            return Some("the job is disabled".to_owned());
        }
        match job.spec.overlap {
            Overlap::Allow { .. } | Overlap::Replace | Overlap::QueueAll { .. } => None,
            Overlap::Skip | Overlap::QueueOne => {
                if let Some(occupant) = job.occupant() {
                    return Some(format!(
                        "the job is not concurrent and {} has not ended",
                        occupant.key
                    ));
                }
                let queued = job.waiting().find(|run| self.queue.contains(&run.key))?;
                Some(format!(
                    "the job is not concurrent and {} is queued",
                    queued.key
                ))
            }
        }
    }
}

impl Job {
    /// Returns how many further runs may go to agents, `None` for no bound.
    pub(crate) fn places_free(&self) -> Option<usize> {
        let places = usize::try_from(self.spec.overlap.at_once()?).unwrap_or(usize::MAX);
        let taken = self.runs.values().filter(|run| occupies(run)).count();
        Some(places.saturating_sub(taken))
    }

    /// Returns a run that holds a place that another one would need.
    pub(crate) fn occupant(&self) -> Option<&Arc<Run>> {
        if self.places_free() != Some(0) {
            return None;
        }
        self.active_runs().find(|run| occupies(run))
    }

    /// Whether a run that waits for its delay keeps those behind it waiting too.
    pub(crate) fn keeps_its_place(&self, run: &Run) -> bool {
        let in_line = matches!(self.spec.overlap, Overlap::QueueAll { .. } | Overlap::Skip);
        run.state == RunState::Queued && (in_line || waits_in_line(run.cause))
    }
}

/// Whether runs of this cause wait for one another, oldest first, whatever the policy says.
pub(crate) const fn waits_in_line(cause: RunCause) -> bool {
    match cause {
        RunCause::CatchUp | RunCause::Backfill | RunCause::BackfillWithChildren => true,
        RunCause::Schedule | RunCause::Parents | RunCause::Manual => false,
    }
}

/// Whether a waiting run gives way to a newer target.
pub(crate) fn coalesces(job: &Job, run: &Run) -> bool {
    let newest_only = matches!(job.spec.overlap, Overlap::QueueOne | Overlap::Replace);
    newest_only && matches!(run.cause, RunCause::Schedule | RunCause::Parents)
}

pub(crate) fn superseded_by(newer: &Run) -> String {
    let target: Timestamp = newer.target;
    format!("the newer target {target} runs instead")
}
