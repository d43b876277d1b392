//! The targets of schedules: which are due, which were missed, which is next.
//!
//! The cursor of a job (`progress.next`) is its first target without a durable record. Its timer goes
//! off when something is to be done about it: at the start of the first target from the cursor on that
//! no calendar leaves out.

use chronos_model::{
    Allowed, CatchUp, Covered, JobName, JobProgress, NextTarget, Outcome, RunCause, RunKey,
    Timestamp,
};

use crate::{
    Mutant, Notice, Scheduler,
    job::{Job, end, new_run},
    jobs::JobNumber,
    settings::{MISSED_RECORDS_MAX, PROMPT_MILLIS, TAKEN_MAX},
};

/// Why targets before the newest one were not run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Passed {
    /// Nobody was there.
    Down,
    /// The job was disabled.
    Disabled,
}

/// A target that has passed, and what becomes of it.
struct Taken {
    at: Timestamp,
    fate: Fate,
    covers: Option<Covered>,
}

enum Fate {
    Run(RunCause),
    End(Outcome, String),
}

impl Scheduler {
    /// A timer for a job's next target went off.
    pub(crate) fn targets_due(&mut self, number: JobNumber, at: Timestamp) {
        // Timers are not taken back when a job changes; one that is not for the next target is stale.
        let Some(job) = self.jobs.at(number).filter(|job| job.wake == Some(at)) else {
            return;
        };
        let name = job.spec.name.clone();
        self.jobs.turn_to(number);
        self.take_targets(&name, Passed::Down);
    }

    /// Accounts for all targets that have come: each is run or gets a record of why not.
    pub(crate) fn take_targets(&mut self, name: &JobName, passed: Passed) {
        let early = i64::from(self.has_bug(Mutant::EarlyByASecond)).saturating_mul(1000);
        let now = self.now.wall.plus_millis(early);
        let Some(job) = self.jobs.get(name) else {
            return;
        };
        let due = job.next_target().and_then(|next| {
            let (newest, following) = job.newest_started(next.at, now)?;
            Some((next.at, newest, following))
        });
        let Some((first, newest, mut following)) = due else {
            return self.arm(name);
        };
        // Mostly there is one, which needs no list.
        let one = (first == newest && job.exclusions.is_empty())
            .then(|| job.take_newest(newest, now, passed, 1));
        let mut several = match one {
            Some(_) => Vec::new(),
            None => job.take(first, newest, now, passed),
        };
        // Those of a disabled job are never many, and would be taken for missed ones later.
        let rest = passed == Passed::Down && leave_rest(&mut several);
        if rest && let Some(last) = several.last() {
            following = job.following(last.at);
        }
        if self.has_bug(Mutant::ForgetsTarget) {
            following = following.and_then(|lost| job.following(lost.at));
        }
        self.change_job(name, |job| {
            job.progress_mut().next = following;
            job.wake = job.next_wake();
        });
        self.changes_of(name).progress = true;
        if rest {
            self.unfinished.push(name.clone());
        } else {
            self.set_timer(name);
        }
        self.tell_of_missed(name, one.as_slice());
        self.tell_of_missed(name, &several);
        if let Some(one) = one {
            return self.record_taken(name, one);
        }
        self.in_bulk(|scheduler| {
            for taken in several {
                scheduler.record_taken(name, taken);
            }
        });
    }

    /// Sets the timers of jobs of which one input did not take all targets that have come: for at once.
    pub(crate) fn go_on_with_targets(&mut self) {
        let unfinished = std::mem::take(&mut self.unfinished);
        for name in &unfinished {
            self.set_timer(name);
        }
        self.unfinished = unfinished;
    }

    /// Sets the timer for a job's next target.
    pub(crate) fn arm(&mut self, name: &JobName) {
        let Some(job) = self.jobs.get(name) else {
            return;
        };
        let wake = job.next_wake();
        if job.wake != wake {
            self.change_job(name, |job| job.wake = wake);
        }
        self.set_timer(name);
    }

    fn set_timer(&mut self, name: &JobName) {
        let is_forgotten = |at: Timestamp| {
            self.has_bug(Mutant::ForgetsTimer) && at.millis_since(self.now.wall) > 86_400_000
        };
        let Some(number) = self.jobs.number(name) else {
            return;
        };
        let wake = self.jobs.at(number).and_then(|job| job.wake);
        if let Some(at) = wake.filter(|&at| !is_forgotten(at)) {
            self.timers.insert((at, number));
        }
    }

    fn record_taken(&mut self, name: &JobName, taken: Taken) {
        let now = self.now.wall;
        let Some(job) = self.jobs.get(name) else {
            return;
        };
        let key = RunKey {
            job: name.clone(),
            due: job.due_of_target(taken.at),
            attempt: 0,
        };
        let late = now.millis_since(job.start_of(taken.at));
        let too_late = job
            .spec
            .details
            .epsilon
            .as_ref()
            .filter(|epsilon| late > epsilon.millis)
            .map(|epsilon| format!("{late} ms late, more than epsilon {}", epsilon.text));
        let mut run = match taken.fate {
            Fate::Run(cause) => new_run(key, taken.at, cause, now),
            Fate::End(..) => new_run(key, taken.at, RunCause::Schedule, now),
        };
        run.covers = taken.covers;
        match (taken.fate, too_late) {
            (Fate::Run(_), None) => {}
            (Fate::Run(_), Some(reason)) => end(&mut run, Outcome::Skipped, Some(reason), now),
            (Fate::End(outcome, reason), _) => end(&mut run, outcome, Some(reason), now),
        }
        self.add_run(run);
    }

    fn tell_of_missed(&mut self, job: &JobName, taken: &[Taken]) {
        let missed = |taken: &&Taken| matches!(taken.fate, Fate::End(Outcome::Missed, _));
        let count = taken.iter().filter(missed).fold(0_u64, |count, taken| {
            let covered = taken.covers.map_or(0, |covers| covers.count);
            count.saturating_add(covered).saturating_add(1)
        });
        let first = taken.iter().find(missed);
        if let Some(first) = first {
            let first = first.covers.map_or(first.at, |covers| covers.first);
            self.notice(Notice::TargetsMissed {
                job: job.clone(),
                count,
                first,
            });
        }
    }
}

impl Job {
    /// Returns when a target starts: with jitter later than its time, always by as much.
    pub(crate) fn start_of(&self, target: Timestamp) -> Timestamp {
        match &self.targets {
            Some(targets) => {
                targets.start_of(&self.spec.name, target, self.spec.policies.jitter_secs)
            }
            None => target,
        }
    }

    /// Returns when something is to be done about the next target, `None` for never.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        let next = self.next_target()?.at;
        let targets = self.targets.as_ref()?;
        if self.exclusions.is_empty() {
            return Some(self.start_of(next));
        }
        match self.exclusions.first_allowed(targets, next.plus_millis(-1)) {
            Allowed::At(target) => Some(self.start_of(target.at)),
            Allowed::NotWithin(at) => Some(at.max(self.start_of(next))),
            // Nothing of it will ever run, and that is written down when its time has passed.
            Allowed::None => Some(
                self.exclusions
                    .excluded_until(next)
                    .map_or(next, |(end, _)| end)
                    .max(self.start_of(next)),
            ),
        }
    }

    /// Returns the next target that no calendar leaves out, as far as anybody can see.
    pub fn next_run(&self) -> Option<Timestamp> {
        let next = self.next_target()?.at;
        let targets = self.targets.as_ref()?;
        if self.exclusions.is_empty() {
            return Some(next);
        }
        match self.exclusions.first_allowed(targets, next.plus_millis(-1)) {
            Allowed::At(target) => Some(target.at),
            Allowed::NotWithin(_) | Allowed::None => None,
        }
    }

    fn following(&self, target: Timestamp) -> Option<NextTarget> {
        self.targets.as_ref()?.after(target)
    }

    // The newest target from `first` on whose start has come, and the one that follows. Mostly it is the
    // first itself, so the one after it is looked for and nothing else.
    fn newest_started(
        &self,
        first: Timestamp,
        now: Timestamp,
    ) -> Option<(Timestamp, Option<NextTarget>)> {
        if self.start_of(first) > now {
            return None;
        }
        let following = self.following(first);
        if following.is_none_or(|following| following.at > now) {
            return Some((first, following));
        }
        // Starts never change places, so of those that have passed the newest target has the newest start,
        // and only it may have a start that has not come.
        let targets = self.targets.as_ref()?;
        let mut newest = targets.at_or_before(now)?.at;
        if self.start_of(newest) > now {
            newest = targets.at_or_before(newest.plus_millis(-1))?.at;
        }
        Some((newest, self.following(newest)))
    }

    // What becomes of the targets from `first` up to `newest`, oldest first.
    fn take(
        &self,
        first: Timestamp,
        newest: Timestamp,
        now: Timestamp,
        passed: Passed,
    ) -> Vec<Taken> {
        let mut taken = Vec::new();
        let first = self.take_excluded(first, newest, &mut taken);
        let Some(first) = first else {
            return taken;
        };
        if first == newest {
            taken.push(self.take_newest(newest, now, passed, 1));
            return taken;
        }
        self.take_several(first, newest, now, passed, &mut taken);
        taken
    }

    // The targets that calendars leave out, as long as nothing else is before them: one record for each
    // stretch. Returns the first target that is left.
    fn take_excluded(
        &self,
        first: Timestamp,
        newest: Timestamp,
        taken: &mut Vec<Taken>,
    ) -> Option<Timestamp> {
        let targets = self.targets.as_ref()?;
        let mut first = first;
        while let Some((end, calendar)) = self.exclusions.excluded_until(first) {
            let last = targets
                .at_or_before(end.plus_millis(-1).min(newest))
                .map_or(first, |last| last.at);
            let before = targets.count_between(first.plus_millis(-1), last.plus_millis(-1));
            taken.push(Taken {
                at: last,
                fate: left_out(calendar),
                covers: (before > 0).then_some(Covered {
                    first,
                    count: before,
                }),
            });
            first = targets
                .after(last)
                .map(|next| next.at)
                .filter(|&at| at <= newest)?;
        }
        Some(first)
    }

    fn take_newest(&self, at: Timestamp, now: Timestamp, passed: Passed, runs: usize) -> Taken {
        let prompt = now.millis_since(self.start_of(at)) <= PROMPT_MILLIS;
        let fate = match self.spec.policies.catch_up {
            CatchUp::All { .. } if runs > 1 => Fate::Run(RunCause::CatchUp),
            CatchUp::Latest | CatchUp::All { .. } => Fate::Run(RunCause::Schedule),
            CatchUp::None if prompt && passed == Passed::Down => Fate::Run(RunCause::Schedule),
            CatchUp::None => not_run(passed, None),
        };
        Taken {
            at,
            fate,
            covers: None,
        }
    }

    // The last ones get a record each, as many as there may be; the first of these covers the rest.
    fn take_several(
        &self,
        first: Timestamp,
        newest: Timestamp,
        now: Timestamp,
        passed: Passed,
        taken: &mut Vec<Taken>,
    ) {
        let Some(targets) = &self.targets else {
            return;
        };
        let runs_max = match (self.spec.policies.catch_up, passed) {
            (CatchUp::All { limit }, Passed::Down) => u64::from(limit),
            (CatchUp::All { .. } | CatchUp::Latest | CatchUp::None, _) => 1,
        };
        let records_max = MISSED_RECORDS_MAX.saturating_add(runs_max);
        let mut last_ones: Vec<(Timestamp, Option<&chronos_model::CalendarName>)> = Vec::new();
        let mut at = Some(newest);
        while let Some(target) = at.filter(|&at| at >= first) {
            let excluded = self.exclusions.excluded_until(target);
            last_ones.push((target, excluded.map(|(_, calendar)| calendar)));
            if u64::try_from(last_ones.len()).is_ok_and(|len| len >= records_max) {
                break;
            }
            at = targets
                .at_or_before(target.plus_millis(-1))
                .map(|before| before.at);
        }
        let oldest = last_ones.last().map_or(newest, |&(at, _)| at);
        let covered = targets.count_between(first.plus_millis(-1), oldest.plus_millis(-1));
        let mut covers = (covered > 0).then_some(Covered {
            first,
            count: covered,
        });
        let allowed = last_ones.iter().filter(|(_, out)| out.is_none()).count();
        let runs_max = usize::try_from(runs_max).unwrap_or(usize::MAX);
        let runs = allowed.min(runs_max);
        let mut not_run_yet = allowed.saturating_sub(runs);
        let newest_allowed = last_ones.iter().find(|(_, out)| out.is_none());
        let instead = newest_allowed.map(|&(at, _)| at).filter(|&at| {
            let fate = self.take_newest(at, now, passed, runs).fate;
            matches!(fate, Fate::Run(_))
        });
        for &(at, excluded) in last_ones.iter().rev() {
            let mut one = match excluded {
                Some(calendar) => Taken {
                    at,
                    fate: left_out(calendar),
                    covers: None,
                },
                None if not_run_yet > 0 => {
                    not_run_yet = not_run_yet.saturating_sub(1);
                    Taken {
                        at,
                        fate: not_run(passed, instead),
                        covers: None,
                    }
                }
                None => self.take_newest(at, now, passed, runs),
            };
            // A run may be tried again, and its record is none of others.
            if covers.is_some() && matches!(one.fate, Fate::End(..)) {
                one.covers = covers.take();
            }
            taken.push(one);
        }
    }
}

// Leaves of a long line what one write has no room for, to be taken next; returns whether there is any. The
// last target of a line waits in it as well, so it is not left alone.
fn leave_rest(taken: &mut Vec<Taken>) -> bool {
    let Some(rest) = taken.len().checked_sub(TAKEN_MAX).filter(|&rest| rest > 0) else {
        return false;
    };
    let alone = usize::from(rest == 1);
    taken.truncate(TAKEN_MAX.saturating_sub(alone));
    true
}

fn left_out(calendar: &chronos_model::CalendarName) -> Fate {
    Fate::End(
        Outcome::Skipped,
        format!("left out by the calendar {calendar}"),
    )
}

fn not_run(passed: Passed, instead: Option<Timestamp>) -> Fate {
    match (passed, instead) {
        (Passed::Disabled, _) => Fate::End(Outcome::Skipped, "the job was disabled".to_owned()),
        (Passed::Down, Some(instead)) => Fate::End(
            Outcome::Missed,
            format!("nobody could run it in time; {instead} runs instead"),
        ),
        (Passed::Down, None) => Fate::End(
            Outcome::Missed,
            "nobody could run it in time, and catchUp is none".to_owned(),
        ),
    }
}

impl Job {
    /// Finds the first target of a job that is created now: what its policy makes of those that have
    /// passed.
    pub(crate) fn first_target(&self, now: Timestamp) -> Option<NextTarget> {
        let targets = self.targets.as_ref()?;
        // Whoever asks for an end that has passed does not ask for a run.
        if self.has_ended(now) {
            return None;
        }
        match self.spec.policies.catch_up {
            CatchUp::Latest => targets.at_or_before(now).or_else(|| targets.first()),
            CatchUp::None => targets.after(now.plus_millis(-1)),
            CatchUp::All { limit } => {
                let mut first = targets.at_or_before(now);
                for _ in 1..limit {
                    let Some(found) = first else {
                        break;
                    };
                    match targets.at_or_before(found.at.plus_millis(-1)) {
                        Some(before) => first = Some(before),
                        None => break,
                    }
                }
                first.or_else(|| targets.first())
            }
        }
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        let schedule = self.spec.schedule();
        schedule
            .and_then(chronos_model::JobSchedule::end_at)
            .is_some_and(|end| end < now)
    }

    /// Finds the first target after the schedule of a job was changed.
    ///
    /// The schedule starts anew from now: targets before the change were never its own. One that has
    /// none left is taken as Chronos' way of saying "once, now".
    pub(crate) fn first_target_after_change(&self, now: Timestamp) -> Option<NextTarget> {
        let at_anchor = self
            .spec
            .schedule()
            .is_some_and(chronos_model::JobSchedule::starts_at_anchor);
        if at_anchor {
            return self.first_target(now);
        }
        let later = self.targets.as_ref()?.after(now);
        later.or_else(|| self.first_target(now))
    }
}

/// Notes that due times up to now may be taken by runs under another definition.
pub(crate) fn raise_due_floor(progress: &mut JobProgress) {
    if progress.due_max > progress.links.due_floor {
        progress.links.due_floor = progress.due_max;
    }
}
