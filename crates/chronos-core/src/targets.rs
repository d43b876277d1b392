//! The targets of schedules: which are due, which were missed, which is next.

use chronos_model::{
    CatchUp, JobName, JobProgress, NextTarget, Outcome, RunCause, RunKey, Targets, Timestamp,
};

use crate::{
    Notice, Scheduler,
    job::{Job, end, new_run},
    scheduler::Timer,
    settings::MISSED_RECORDS_MAX,
};

/// Why targets before the newest one were not run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Passed {
    /// Nobody was there.
    Down,
    /// The job was disabled.
    Disabled,
}

impl Scheduler {
    /// A timer for a job's next target went off.
    pub(crate) fn targets_due(&mut self, name: &JobName, at: Timestamp) {
        let Some(job) = self.jobs.get(name) else {
            return;
        };
        // Timers are not taken back when a job changes; one that is not for the next target is stale.
        if job.next_target().is_some_and(|next| next.at == at) {
            self.take_targets(name, Passed::Down);
        }
    }

    /// Accounts for all targets up to now: one run for the newest, a record for the others.
    pub(crate) fn take_targets(&mut self, name: &JobName, passed: Passed) {
        let now = self.now.wall;
        let Some(job) = self.jobs.get(name).cloned() else {
            return;
        };
        let (Some(next), Some(targets)) = (
            job.next_target().filter(|next| next.at <= now),
            &job.targets,
        ) else {
            return self.arm(name);
        };
        let CatchUp::Latest = job.spec.catch_up else {
            return;
        };
        let newest = targets
            .at_or_before(now)
            .filter(|newest| newest.index > next.index)
            .unwrap_or(next);
        self.record_passed(&job, targets, next, newest, passed);
        let following = targets
            .at(newest.index.saturating_add(1))
            .filter(|following| following.at > newest.at);
        let following = following.or_else(|| targets.after(newest.at));
        self.change_progress(name, |progress| progress.next = following);
        self.run_target(&job, newest);
        self.arm(name);
    }

    /// Sets the timer for a job's next target.
    pub(crate) fn arm(&mut self, name: &JobName) {
        if let Some(next) = self.jobs.get(name).and_then(|job| job.next_target()) {
            self.timers.insert((next.at, Timer::Target(name.clone())));
        }
    }

    fn run_target(&mut self, job: &Job, target: NextTarget) {
        let now = self.now.wall;
        let name = job.spec.name.clone();
        let key = RunKey {
            job: name,
            due: job.due_of_target(target.at),
            attempt: 0,
        };
        let mut run = new_run(key, target.at, RunCause::Schedule, now);
        let late = now.millis_since(target.at);
        if let Some(epsilon) = job
            .spec
            .epsilon
            .as_ref()
            .filter(|epsilon| late > epsilon.millis)
        {
            let reason = format!("{late} ms late, more than epsilon {}", epsilon.text);
            end(&mut run, Outcome::Skipped, Some(reason), now);
        }
        self.add_run(run);
    }

    // The last ones get a record each, as many as there may be; the first of these covers the rest.
    fn record_passed(
        &mut self,
        job: &Job,
        targets: &Targets,
        first: NextTarget,
        newest: NextTarget,
        passed: Passed,
    ) {
        let count = newest.index.saturating_sub(first.index);
        if count == 0 {
            return;
        }
        let from = newest.index.saturating_sub(count.min(MISSED_RECORDS_MAX));
        let mut covers = from.checked_sub(first.index).filter(|&covered| covered > 0);
        for index in from..newest.index {
            let Some(target) = targets.at(index) else {
                continue;
            };
            let covered = covers.take().map(|count| chronos_model::Covered {
                first: first.at,
                count,
            });
            self.record_one_passed(job, target.at, newest.at, passed, covered);
        }
        self.notice(Notice::TargetsMissed {
            job: job.spec.name.clone(),
            count,
            first: first.at,
        });
    }

    fn record_one_passed(
        &mut self,
        job: &Job,
        target: Timestamp,
        newest: Timestamp,
        passed: Passed,
        covers: Option<chronos_model::Covered>,
    ) {
        let key = RunKey {
            job: job.spec.name.clone(),
            due: job.due_of_target(target),
            attempt: 0,
        };
        let mut run = new_run(key, target, RunCause::Schedule, self.now.wall);
        let (outcome, reason) = match passed {
            Passed::Down => (
                Outcome::Missed,
                format!("nobody could run it in time; {newest} runs instead"),
            ),
            Passed::Disabled => (Outcome::Skipped, "the job was disabled".to_owned()),
        };
        end(&mut run, outcome, Some(reason), self.now.wall);
        run.covers = covers;
        self.add_run(run);
    }
}

/// Finds the first target of a job that is created now: the newest one that has passed, if any.
pub(crate) fn first_target(targets: &Targets, now: Timestamp) -> Option<NextTarget> {
    targets.at_or_before(now).or_else(|| targets.at(0))
}

/// Finds the first target after the schedule of a job was changed.
///
/// The schedule starts anew from now: targets before the change were never its own. One that has
/// none left is taken as Chronos' way of saying "once, now".
pub(crate) fn first_target_after_change(
    targets: &Targets,
    now: Timestamp,
    at_anchor: bool,
) -> Option<NextTarget> {
    if at_anchor {
        return first_target(targets, now);
    }
    targets.after(now).or_else(|| first_target(targets, now))
}

/// Notes that due times up to now may be taken by runs under another definition.
pub(crate) fn raise_due_floor(progress: &mut JobProgress) {
    progress.due_floor = progress.due_floor.max(progress.due_max);
}
