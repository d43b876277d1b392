//! When a job runs: a repeating interval in a time zone.

use std::time::Duration;

use chrono::TimeDelta;
use iso8601_repeat::{
    OffsetPolicy, Options, Profile, RepeatingInterval, Repetitions, Schedule, Zone,
};
use thiserror::Error;

use crate::{NextTarget, Timestamp};

/// The shortest period: one second, below which Chronos froze.
const PERIOD_MIN: Duration = Duration::from_secs(1);

/// The schedule of a job: what was written, and what it means.
///
/// The text reads back as it was written; progress lives in
/// [`JobProgress`](crate::JobProgress).
///
/// # Examples
///
/// ```
/// use chronos_model::{JobSchedule, Timestamp};
///
/// let schedule = JobSchedule::parse("R2/2017-05-04T13:00:00Z/P1D", "Europe/Paris")?;
/// let targets = schedule.targets(Timestamp::default())?;
/// // As in Chronos the zone wins over the offset: 13:00 on the clocks of Paris.
/// assert_eq!(targets.first().unwrap().at.to_string(), "2017-05-04T11:00:00.000Z");
/// assert_eq!(targets.remaining(targets.first().unwrap().at), Some(2));
/// # Ok::<(), chronos_model::JobScheduleError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JobSchedule {
    text: Box<str>,
    zone_text: Box<str>,
    interval: RepeatingInterval,
    zone: Option<Zone>,
}

impl JobSchedule {
    /// Reads a schedule with what Chronos accepts, and its `scheduleTimeZone` (empty for none).
    ///
    /// # Errors
    ///
    /// [`JobScheduleError`], which says whether the schedule or the zone is at fault.
    pub fn parse(text: &str, zone_text: &str) -> Result<Self, JobScheduleError> {
        let interval = RepeatingInterval::parse(text, Profile::Chronos).map_err(|error| {
            JobScheduleError::Syntax {
                problem: error.to_string(),
            }
        })?;
        let zone = parse_zone(zone_text)?;
        let schedule = Self {
            text: text.into(),
            zone_text: zone_text.into(),
            interval,
            zone,
        };
        schedule.check_period()?;
        // Whatever else cannot be evaluated shows with any anchor.
        schedule.targets(Timestamp::from_millis(0))?;
        Ok(schedule)
    }

    /// Checks a `scheduleTimeZone` alone (empty for none).
    ///
    /// # Errors
    ///
    /// [`JobScheduleError::Zone`] when nobody knows it.
    pub fn check_zone(zone_text: &str) -> Result<(), JobScheduleError> {
        parse_zone(zone_text).map(|_: Option<Zone>| ())
    }

    /// Checks that the first target is not before `start_min`.
    ///
    /// # Errors
    ///
    /// [`JobScheduleError::Start`] when it is.
    pub fn check_start(
        &self,
        anchor: Timestamp,
        start_min: Timestamp,
    ) -> Result<(), JobScheduleError> {
        match self.targets(anchor)?.first() {
            Some(first) if first.at < start_min => Err(JobScheduleError::Start {
                found: first.at,
                start_min,
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Returns the schedule as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the zone as it was written, empty for none.
    pub fn zone_text(&self) -> &str {
        &self.zone_text
    }

    /// Returns how many targets there are, `None` for no end.
    pub fn repetitions(&self) -> Option<u64> {
        match self.interval.repetitions() {
            Repetitions::Unbounded => None,
            Repetitions::Times(times) => Some(times),
        }
    }

    /// Whether there is no start in the text, so that it counts from the job's anchor.
    pub fn starts_at_anchor(&self) -> bool {
        self.interval.start().is_none()
    }

    /// Returns the targets, counted from `anchor` where the text has no start.
    ///
    /// # Errors
    ///
    /// [`JobScheduleError::Evaluation`] when the interval has no targets that can be computed.
    pub fn targets(&self, anchor: Timestamp) -> Result<Targets, JobScheduleError> {
        let mut options = match self.zone {
            Some(zone) => Options::new()
                .zone(zone)
                .offset_policy(OffsetPolicy::KeepLocal),
            // Chronos reads a start without an offset in the JVM's zone, which is UTC on servers.
            None => Options::new().fallback_zone(Zone::UTC),
        };
        if let Some(anchor) = anchor.to_utc() {
            options = options.anchor(anchor);
        }
        self.interval
            .schedule(&options)
            .map(Targets)
            .map_err(|error| JobScheduleError::Evaluation {
                problem: error.to_string(),
            })
    }

    // A zero period is Chronos' way of saying "once" (`R1//P`) or "never" (`R0//PT0M`).
    fn check_period(&self) -> Result<(), JobScheduleError> {
        let few = matches!(self.repetitions(), Some(0 | 1));
        let Some(period) = self.interval.period() else {
            return Ok(());
        };
        if few || period.length_min() >= PERIOD_MIN {
            return Ok(());
        }
        Err(JobScheduleError::Period {
            zero: period.is_zero(),
        })
    }
}

// Java's lookup was silent about what it did not know; ours is not.
fn parse_zone(text: &str) -> Result<Option<Zone>, JobScheduleError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse::<Zone>()
        .ok()
        .filter(|_| !is_java_short_id(text))
        .or_else(|| Zone::from_java_id(text))
        .map(Some)
        .ok_or_else(|| JobScheduleError::Zone {
            found: text.to_owned(),
        })
}

// `EST`, `MST` and `HST` are fixed offsets in the IANA database and zones with summer time in Joda.
fn is_java_short_id(text: &str) -> bool {
    text.len() == 3 && Zone::from_java_id(text).is_some()
}

/// The targets of a schedule, any of which is found at once.
#[derive(Clone, Debug)]
pub struct Targets(Schedule);

impl Targets {
    /// Returns the first target.
    pub fn first(&self) -> Option<NextTarget> {
        self.0.occurrence(0).map(|at| NextTarget {
            index: 0,
            at: Timestamp::from_utc(at),
        })
    }

    /// Returns when a target of `job` starts: up to `jitter_secs` later, but before the one that follows.
    pub fn start_of(&self, job: &crate::JobName, target: Timestamp, jitter_secs: u64) -> Timestamp {
        if jitter_secs == 0 {
            return target;
        }
        let gap = self.after(target).map_or(u64::MAX, |following| {
            u64::try_from(following.at.millis_since(target).saturating_sub(1)).unwrap_or(0)
        });
        let width = gap.min(jitter_secs.saturating_mul(1000));
        let late = crate::jitter_millis(job, target, width);
        target.plus_millis(i64::try_from(late).unwrap_or(i64::MAX))
    }

    /// Returns how many targets there are after `after` and up to `until`.
    pub fn count_between(&self, after: Timestamp, until: Timestamp) -> u64 {
        let edges = after
            .plus_millis(1)
            .to_utc()
            .zip(until.plus_millis(1).to_utc());
        edges.map_or(0, |(after, until)| {
            let before = |instant: chrono::DateTime<chrono::Utc>| {
                instant
                    .checked_sub_signed(TimeDelta::nanoseconds(1))
                    .unwrap_or(instant)
            };
            self.0.count_between(before(after), before(until))
        })
    }

    /// Returns how many targets there are from `from` on, `None` for no end.
    pub fn remaining(&self, from: Timestamp) -> Option<u64> {
        let Repetitions::Times(times) = self.0.repetitions() else {
            return None;
        };
        let passed = self.at_or_before(from.plus_millis(-1));
        Some(passed.map_or(times, |passed| {
            times.saturating_sub(passed.index).saturating_sub(1)
        }))
    }

    /// Returns the first target after `instant`.
    pub fn after(&self, instant: Timestamp) -> Option<NextTarget> {
        // Targets are cut to the millisecond, so one is later exactly when it is not before the next
        // millisecond; asking from one nanosecond before that finds it.
        let from = instant
            .plus_millis(1)
            .to_utc()?
            .checked_sub_signed(TimeDelta::nanoseconds(1))?;
        self.0.next_after(from).map(target)
    }

    /// Returns the last target at or before `instant`.
    pub fn at_or_before(&self, instant: Timestamp) -> Option<NextTarget> {
        self.0
            .prev_before(instant.plus_millis(1).to_utc()?)
            .map(target)
    }
}

fn target(occurrence: iso8601_repeat::Occurrence) -> NextTarget {
    NextTarget {
        index: occurrence.index.unwrap_or(u64::MAX),
        at: Timestamp::from_utc(occurrence.at),
    }
}

/// Why a schedule cannot be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum JobScheduleError {
    /// The text is no repeating interval.
    #[error("{problem}")]
    Syntax {
        /// What is wrong, and where.
        problem: String,
    },
    /// The zone is not known.
    #[error(
        "unknown time zone {found:?}; use a name of the IANA database such as \"Europe/Paris\""
    )]
    Zone {
        /// What was written.
        found: String,
    },
    /// The period is zero or shorter than a second.
    #[error("{}", if *.zero { "the period is zero; only R0 and R1 may have such a period" } else { "the period is shorter than one second" })]
    Period {
        /// It is zero.
        zero: bool,
    },
    /// The first target is too early.
    #[error("the first run would be at {found}, before {start_min}")]
    Start {
        /// The first target.
        found: Timestamp,
        /// The earliest that is accepted.
        start_min: Timestamp,
    },
    /// The interval has no targets that can be computed.
    #[error("{problem}")]
    Evaluation {
        /// What is wrong.
        problem: String,
    },
}
