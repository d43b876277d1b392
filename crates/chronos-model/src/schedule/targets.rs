//! The instants that a schedule names, any of which is found at once.

use chrono::{DateTime, TimeDelta, Utc};
use iso8601_repeat::{Occurrence, Repetitions, Schedule};

use super::cron::CronTargets;
use crate::{JobName, NextTarget, Timestamp, jitter_millis, wall_clock::WallClock};

/// The targets of a schedule, any of which is found at once, whatever the distance.
///
/// All parts together, in the order of time, up to the end. An instant that two parts name is one
/// target. Calendars are not asked here; see [`Exclusions`](crate::Exclusions).
#[derive(Clone, Debug)]
pub struct Targets {
    parts: Parts,
    end: Option<Timestamp>,
}

// Nearly all jobs have one schedule, which needs no list.
#[derive(Clone, Debug)]
pub(super) enum Parts {
    One(PartTargets),
    Many(Box<[PartTargets]>),
}

impl Targets {
    pub(super) const fn new(parts: Parts, end: Option<Timestamp>) -> Self {
        Self { parts, end }
    }

    fn parts(&self) -> &[PartTargets] {
        match &self.parts {
            Parts::One(part) => std::slice::from_ref(part),
            Parts::Many(parts) => parts,
        }
    }

    /// Returns the first target.
    pub fn first(&self) -> Option<NextTarget> {
        self.earliest(PartTargets::first)
    }

    /// Returns the first target after `instant`.
    pub fn after(&self, instant: Timestamp) -> Option<NextTarget> {
        self.earliest(|part| part.after(instant))
    }

    /// Returns the last target at or before `instant`.
    pub fn at_or_before(&self, instant: Timestamp) -> Option<NextTarget> {
        let instant = self.before_end(instant);
        let found = self
            .parts()
            .iter()
            .filter_map(|part| part.at_or_before(instant));
        found
            .max_by_key(|target| target.at)
            .map(|target| self.with_index(target))
    }

    /// Returns how many targets there are after `after` and up to `until`.
    ///
    /// Each part is counted alone: an instant that two parts name counts twice. Where clocks are
    /// changed, a part that is an interval counts as
    /// [`Schedule::count_between`](iso8601_repeat::Schedule::count_between) does; a cron expression
    /// counts exactly, but no further than 130 years.
    pub fn count_between(&self, after: Timestamp, until: Timestamp) -> u64 {
        let until = self.before_end(until);
        let counts = self
            .parts()
            .iter()
            .map(|part| part.count_between(after, until));
        counts.fold(0, u64::saturating_add)
    }

    /// Returns how many targets there are from `from` on, `None` for no end.
    ///
    /// They are counted as by [`count_between`](Self::count_between).
    pub fn remaining(&self, from: Timestamp) -> Option<u64> {
        if let Some(end) = self.end {
            return Some(self.count_between(from.plus_millis(-1), end));
        }
        let counts = self.parts().iter().map(|part| part.remaining(from));
        counts
            .into_iter()
            .try_fold(0_u64, |sum, count| Some(sum.saturating_add(count?)))
    }

    /// Returns when a target of `job` starts: up to `jitter_secs` later, but before the one that
    /// follows, so that starts never change places.
    ///
    /// # Examples
    ///
    /// ```
    /// use chronos_model::{JobName, JobSchedule, Timestamp};
    ///
    /// let job: JobName = "report".parse().unwrap();
    /// let targets = JobSchedule::parse("R/2026-01-01T00:00:00Z/PT10S", "")?.targets(Timestamp::default())?;
    /// let first = targets.first().unwrap().at;
    /// assert_eq!(targets.start_of(&job, first, 0), first);
    /// // A minute would be wider than the ten seconds up to the next one.
    /// assert!(targets.start_of(&job, first, 60) < targets.after(first).unwrap().at);
    /// # Ok::<(), chronos_model::JobScheduleError>(())
    /// ```
    pub fn start_of(&self, job: &JobName, target: Timestamp, jitter_secs: u64) -> Timestamp {
        if jitter_secs == 0 {
            return target;
        }
        let gap = self.after(target).map_or(u64::MAX, |following| {
            u64::try_from(following.at.millis_since(target).saturating_sub(1)).unwrap_or(0)
        });
        let width = gap.min(jitter_secs.saturating_mul(1000));
        let late = jitter_millis(job, target, width);
        target.plus_millis(i64::try_from(late).unwrap_or(i64::MAX))
    }

    /// Whether an instant is a target.
    pub(crate) fn contains(&self, at: Timestamp) -> bool {
        self.at_or_before(at).is_some_and(|target| target.at == at)
    }

    /// Returns the clock of the part that names a target, `None` when none does.
    pub(crate) fn clock_of(&self, at: Timestamp) -> Option<WallClock> {
        let mut parts = self.parts().iter();
        parts
            .find(|part| part.at_or_before(at).is_some_and(|target| target.at == at))
            .map(PartTargets::clock)
    }

    fn earliest(&self, find: impl Fn(&PartTargets) -> Option<NextTarget>) -> Option<NextTarget> {
        let found = self.parts().iter().filter_map(find);
        found
            .min_by_key(|target| target.at)
            .filter(|target| self.end.is_none_or(|end| target.at <= end))
            .map(|target| self.with_index(target))
    }

    fn before_end(&self, instant: Timestamp) -> Timestamp {
        self.end.map_or(instant, |end| end.min(instant))
    }

    /// Counts the targets of all parts that come before it; a single part knows.
    fn with_index(&self, target: NextTarget) -> NextTarget {
        let Parts::Many(parts) = &self.parts else {
            return target;
        };
        let before = target.at.plus_millis(-1);
        let passed = parts.iter().map(|part| match part {
            PartTargets::Interval(_) => part
                .at_or_before(before)
                .map_or(0, |last| last.index.saturating_add(1)),
            PartTargets::Cron(_) => 0,
        });
        NextTarget {
            index: passed.fold(0, u64::saturating_add),
            at: target.at,
        }
    }
}

/// The targets of one part.
#[derive(Clone, Debug)]
pub(crate) enum PartTargets {
    Interval(Schedule),
    /// In a box, because it is the larger one and the rarer.
    Cron(Box<CronTargets>),
}

impl PartTargets {
    fn first(&self) -> Option<NextTarget> {
        match self {
            Self::Interval(schedule) => schedule
                .next_after(DateTime::<Utc>::MIN_UTC)
                .map(occurrence),
            Self::Cron(cron) => cron.after(i64::MIN).map(cron_target),
        }
    }

    fn after(&self, instant: Timestamp) -> Option<NextTarget> {
        match self {
            Self::Interval(schedule) => {
                // Targets are cut to the millisecond, so one is later exactly when it is not before the
                // next millisecond; asking from one nanosecond before that finds it.
                let from = just_before(instant.plus_millis(1))?;
                schedule.next_after(from).map(occurrence)
            }
            Self::Cron(cron) => cron.after(second(instant)).map(cron_target),
        }
    }

    fn at_or_before(&self, instant: Timestamp) -> Option<NextTarget> {
        match self {
            Self::Interval(schedule) => schedule
                .prev_before(instant.plus_millis(1).to_utc()?)
                .map(occurrence),
            Self::Cron(cron) => cron.at_or_before(second(instant)).map(cron_target),
        }
    }

    fn count_between(&self, after: Timestamp, until: Timestamp) -> u64 {
        match self {
            Self::Interval(schedule) => {
                let edges =
                    just_before(after.plus_millis(1)).zip(just_before(until.plus_millis(1)));
                edges.map_or(0, |(after, until)| schedule.count_between(after, until))
            }
            Self::Cron(cron) => cron.count_between(second(after), second(until)),
        }
    }

    fn remaining(&self, from: Timestamp) -> Option<u64> {
        let Self::Interval(schedule) = self else {
            return None;
        };
        let Repetitions::Times(times) = schedule.repetitions() else {
            return None;
        };
        let passed = self.at_or_before(from.plus_millis(-1));
        Some(passed.map_or(times, |passed| {
            times.saturating_sub(passed.index).saturating_sub(1)
        }))
    }

    fn clock(&self) -> WallClock {
        match self {
            Self::Interval(schedule) => WallClock(schedule.zone()),
            Self::Cron(cron) => cron.clock(),
        }
    }
}

fn just_before(instant: Timestamp) -> Option<DateTime<Utc>> {
    instant
        .to_utc()?
        .checked_sub_signed(TimeDelta::nanoseconds(1))
}

fn occurrence(occurrence: Occurrence) -> NextTarget {
    NextTarget {
        index: occurrence.index.unwrap_or(u64::MAX),
        at: Timestamp::from_utc(occurrence.at),
    }
}

const fn second(instant: Timestamp) -> i64 {
    instant.millis().div_euclid(1000)
}

// The targets of a cron expression have no numbers.
const fn cron_target(second: i64) -> NextTarget {
    NextTarget {
        index: 0,
        at: Timestamp::from_millis(second.saturating_mul(1000)),
    }
}
