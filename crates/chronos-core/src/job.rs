//! One job in memory: its definition, its progress, its runs.

use std::sync::Arc;

use chronos_model::{
    Exclusions, JobProgress, JobRecord, JobScheduleError, JobSpec, NextTarget, Outcome, Revision,
    Run, RunKey, RunState, Targets, Timestamp,
};

use crate::run_list::Runs;

/// A job, as the scheduler knows it and as readers see it.
#[derive(Clone, Debug)]
pub struct Job {
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) spec_revision: Revision,
    pub(crate) progress: Arc<JobProgress>,
    pub(crate) progress_revision: Revision,
    pub(crate) targets: Option<Targets>,
    /// The job's calendars.
    pub(crate) exclusions: Exclusions,
    /// What the timer of the next target is set to.
    pub(crate) wake: Option<Timestamp>,
    /// Whether other jobs depend on it.
    pub(crate) has_children: bool,
    /// Those that have not ended, and those whose end is not durable yet.
    pub(crate) runs: Runs,
}

impl Job {
    /// Takes a job from its stored record.
    pub(crate) fn from_record(
        record: JobRecord,
        exclusions: Exclusions,
    ) -> Result<Self, JobScheduleError> {
        let targets = match record.spec.schedule() {
            Some(schedule) => Some(schedule.targets(record.progress.anchor)?),
            None => None,
        };
        let JobRecord {
            spec,
            spec_revision,
            progress,
            progress_revision,
        } = record;
        Ok(Self {
            spec,
            spec_revision,
            progress: Arc::new(progress),
            progress_revision,
            targets,
            exclusions,
            wake: None,
            has_children: false,
            runs: Runs::new(),
        })
    }

    /// Returns the definition.
    pub fn spec(&self) -> &Arc<JobSpec> {
        &self.spec
    }

    /// Returns how far the job has come.
    pub fn progress(&self) -> &JobProgress {
        &self.progress
    }

    pub(crate) fn progress_mut(&mut self) -> &mut JobProgress {
        Arc::make_mut(&mut self.progress)
    }

    /// Returns the version of the definition.
    pub const fn spec_revision(&self) -> Revision {
        self.spec_revision
    }

    /// Returns the next target of the schedule, `None` while the job is disabled.
    pub fn next_target(&self) -> Option<NextTarget> {
        self.progress.next.filter(|_| !self.spec.disabled)
    }

    /// Returns how many targets are left, `None` for no end and for dependent jobs.
    pub fn targets_remaining(&self) -> Option<u64> {
        let targets = self.targets.as_ref()?;
        match self.progress.next {
            Some(next) => targets.remaining(next.at),
            None => Some(0),
        }
    }

    /// Returns its runs, oldest first: those that have not ended, and some that just did.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = &Arc<Run>> {
        self.runs.values()
    }

    /// Returns one of its [`runs`](Self::runs).
    pub fn run(&self, key: &RunKey) -> Option<&Arc<Run>> {
        self.runs.get((key.due, key.attempt))
    }

    /// Returns the runs that have not ended, oldest first.
    pub fn active_runs(&self) -> impl DoubleEndedIterator<Item = &Arc<Run>> {
        self.runs
            .values()
            .filter(|run| run.state != RunState::Ended)
    }

    /// Returns what the job does now, in Chronos' words.
    ///
    /// As there, a job that runs counts as running even when a further run waits.
    pub fn activity(&self) -> Activity {
        let running = self.active_runs().filter(|run| occupies(run)).count();
        match running {
            0 if self.active_runs().next().is_some() => Activity::Queued,
            0 => Activity::Idle,
            _ => Activity::Running(running),
        }
    }

    /// Returns how the last finished run ended, in Chronos' words.
    pub fn last_status(&self) -> LastStatus {
        match (self.progress.last_success, self.progress.last_error) {
            (None, None) => LastStatus::Fresh,
            (Some(_), None) => LastStatus::Success,
            (Some(success), Some(error)) if success > error => LastStatus::Success,
            (None | Some(_), Some(_)) => LastStatus::Failure,
        }
    }

    /// Returns the runs that wait, oldest first.
    pub(crate) fn waiting(&self) -> impl DoubleEndedIterator<Item = &Arc<Run>> {
        self.runs
            .values()
            .filter(|run| run.state == RunState::Queued)
    }

    /// Finds a due time for a run of this target of the schedule.
    pub(crate) fn due_of_target(&self, target: Timestamp) -> Timestamp {
        match self.progress.links.due_floor {
            Some(floor) if target <= floor => self
                .progress
                .due_max
                .unwrap_or(floor)
                .max(floor)
                .plus_millis(1),
            _ => target,
        }
    }

    /// Finds a due time for a run that no schedule named: this instant, or the first one after it
    /// that is neither used nor ever will be by the schedule.
    pub(crate) fn due_of_moment(&self, now: Timestamp) -> Timestamp {
        let floor = self.progress.due_max.max(self.progress.links.due_floor);
        let mut due = floor.map_or(now, |floor| now.max(floor.plus_millis(1)));
        // Targets are at least a second apart (or there is only one), so one step is enough.
        let target = self
            .targets
            .as_ref()
            .and_then(|targets| targets.at_or_before(due));
        if target.is_some_and(|target| target.at == due) {
            due = due.plus_millis(1);
        }
        due
    }
}

/// Whether a run holds the job's place: it was given to an agent and has not ended.
pub(crate) fn occupies(run: &Run) -> bool {
    match run.state {
        RunState::Starting | RunState::Running => true,
        RunState::Queued | RunState::Ended => false,
    }
}

/// What a job does now; prints as Chronos' `state`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Activity {
    /// Nothing.
    Idle,
    /// A run waits.
    Queued,
    /// So many runs are with agents.
    Running(usize),
}

impl std::fmt::Display for Activity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Idle => f.write_str("idle"),
            Self::Queued => f.write_str("queued"),
            Self::Running(count) => write!(f, "{count} running"),
        }
    }
}

/// How the last finished run ended; prints as Chronos' `status`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LastStatus {
    /// None has ended.
    Fresh,
    /// It succeeded.
    Success,
    /// It failed for good.
    Failure,
}

impl std::fmt::Display for LastStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fresh => "fresh",
            Self::Success => "success",
            Self::Failure => "failure",
        })
    }
}

/// Makes the record of a run that is decided now.
pub(crate) fn new_run(
    key: RunKey,
    target: Timestamp,
    cause: chronos_model::RunCause,
    now: Timestamp,
) -> Run {
    Run {
        key,
        target,
        cause,
        arguments: None,
        state: RunState::Queued,
        not_before: None,
        outcome: None,
        reason: None,
        exit_code: None,
        agent: None,
        created_at: now,
        started_at: None,
        ended_at: None,
        kill_requested: false,
        parents: None,
        covers: None,
    }
}

/// Gives a run its end.
pub(crate) fn end(run: &mut Run, outcome: Outcome, reason: Option<String>, at: Timestamp) {
    run.state = RunState::Ended;
    run.outcome = Some(outcome);
    run.reason = reason;
    run.ended_at = Some(at);
    run.not_before = None;
}
