//! When a job runs: repeating intervals and cron expressions, each in a time zone.
//!
//! Owns what was written, and its checks. `schedule::part` reads one of several schedules,
//! `schedule::targets` answers which instants they name together.

mod cron;
mod part;
mod targets;

use iso8601_repeat::{Gap, Moment, Overlap, Period, Profile, RepeatingInterval, Zone};
use thiserror::Error;

use self::part::interval_options;
pub(crate) use self::targets::PartTargets;
pub use self::{
    cron::{CronError, Field as CronField},
    part::SchedulePart,
    targets::Targets,
};
use crate::{Defaults, DstPolicy, Rare, Timestamp};

/// The schedule of a job: what was written, and what it means.
///
/// The text reads back as it was written; progress lives in
/// [`JobProgress`](crate::JobProgress). Two are equal when they were written the same.
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
///
/// # Examples: several schedules with an end
///
/// ```
/// use chronos_model::{JobSchedule, SchedulePart, Timestamp};
///
/// let parts = vec![
///     SchedulePart::cron("0 8 * * MON-FRI", "")?,
///     SchedulePart::interval("R/2026-01-03T10:00:00/P1W", "")?,
/// ];
/// let schedule = JobSchedule::from_parts(parts, "Europe/Berlin")?.with_end("2026-01-05T08:00:00")?;
/// let targets = schedule.targets("2026-01-02T00:00:00Z".parse().unwrap())?;
/// let mut named = Vec::new();
/// let mut next = targets.first();
/// while let Some(target) = next {
///     named.push(target.at.to_string());
///     next = targets.after(target.at);
/// }
/// // Friday, Saturday, and Monday: the end is still in.
/// assert_eq!(
///     named,
///     ["2026-01-02T07:00:00.000Z", "2026-01-03T09:00:00.000Z", "2026-01-05T07:00:00.000Z"]
/// );
/// # Ok::<(), chronos_model::JobScheduleError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JobSchedule {
    parts: Parts,
    terms: Rare<Terms>,
}

/// What many schedules go without.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Terms {
    zone: Option<Box<NamedZone>>,
    dst: DstPolicy,
    end: Option<End>,
}

impl Defaults for Terms {
    const DEFAULTS: &'static Self = &Self {
        zone: None,
        dst: DstPolicy {
            gap: Gap::Shift,
            overlap: Overlap::First,
        },
        end: None,
    };
}

// Nearly all jobs have one schedule, which needs no list.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Parts {
    One(SchedulePart),
    List(Box<List>),
}

/// Schedules that were written as a list, even of one.
#[derive(Clone, Debug, Eq, PartialEq)]
struct List {
    parts: Box<[SchedulePart]>,
    /// All texts in one.
    text: Box<str>,
}

/// A zone, and how it was written.
#[derive(Clone, Debug, Eq, PartialEq)]
struct NamedZone {
    text: Box<str>,
    zone: Zone,
}

impl NamedZone {
    /// Reads a zone, empty for none.
    fn parse(text: &str) -> Result<Option<Box<Self>>, JobScheduleError> {
        let named = |zone| {
            Box::new(Self {
                text: text.into(),
                zone,
            })
        };
        Ok(parse_zone(text)?.map(named))
    }

    fn text(named: Option<&Self>) -> &str {
        named.map_or("", |named| &named.text)
    }
}

/// The instant after which there are no targets.
#[derive(Clone, Debug, Eq, PartialEq)]
struct End {
    text: Box<str>,
    moment: Moment,
}

impl JobSchedule {
    /// Reads a schedule with what Chronos accepts, and its `scheduleTimeZone` (empty for none).
    ///
    /// # Errors
    ///
    /// [`JobScheduleError`], which says whether the schedule or the zone is at fault.
    pub fn parse(text: &str, zone_text: &str) -> Result<Self, JobScheduleError> {
        Self::single(SchedulePart::interval(text, "")?, zone_text)
    }

    /// Reads a cron expression, and its `scheduleTimeZone` (empty for UTC).
    ///
    /// Its first target is the first one at or after the anchor.
    ///
    /// # Errors
    ///
    /// [`JobScheduleError`], which says whether the expression or the zone is at fault.
    ///
    /// # Examples
    ///
    /// ```
    /// use chronos_model::JobSchedule;
    ///
    /// let schedule = JobSchedule::parse_cron("30 2 * * *", "Europe/Berlin")?;
    /// let targets = schedule.targets("2026-03-28T12:00:00Z".parse().unwrap())?;
    /// // 02:30 does not exist on that day; it moves by the hour that is missing, to 03:30.
    /// assert_eq!(targets.first().unwrap().at.to_string(), "2026-03-29T01:30:00.000Z");
    ///
    /// let error = JobSchedule::parse_cron("0 25 * * *", "").unwrap_err();
    /// assert!(error.to_string().starts_with("the hour \"25\" is wrong"));
    /// # Ok::<(), chronos_model::JobScheduleError>(())
    /// ```
    pub fn parse_cron(text: &str, zone_text: &str) -> Result<Self, JobScheduleError> {
        Self::single(SchedulePart::cron(text, "")?, zone_text)
    }

    /// Puts several schedules together; `zone_text` is for those without a zone of their own.
    ///
    /// # Errors
    ///
    /// [`JobScheduleError`] when the zone is unknown or there is no schedule at all.
    pub fn from_parts(parts: Vec<SchedulePart>, zone_text: &str) -> Result<Self, JobScheduleError> {
        if parts.is_empty() {
            return Err(JobScheduleError::Empty);
        }
        let texts: Vec<&str> = parts.iter().map(SchedulePart::text).collect();
        let text = texts.join(" and ").into();
        let parts = parts.into();
        Self::new(Parts::List(Box::new(List { parts, text })), zone_text)
    }

    fn single(part: SchedulePart, zone_text: &str) -> Result<Self, JobScheduleError> {
        Self::new(Parts::One(part), zone_text)
    }

    fn new(parts: Parts, zone_text: &str) -> Result<Self, JobScheduleError> {
        let terms = Terms {
            zone: NamedZone::parse(zone_text)?,
            ..Terms::default()
        };
        let terms = terms.into();
        let schedule = Self { parts, terms };
        // Whatever cannot be evaluated shows with any anchor.
        schedule.targets(Timestamp::from_millis(0))?;
        Ok(schedule)
    }

    /// Says what becomes of local times that a change of clocks leaves out or repeats.
    #[must_use]
    pub fn with_dst(mut self, dst: DstPolicy) -> Self {
        if dst != self.terms.dst {
            self.terms.dst = dst;
        }
        self
    }

    /// Ends the schedule: the instant itself may be a target, nothing after it is.
    ///
    /// It is read like the start of a schedule, in the zone of the job: with a `scheduleTimeZone` an
    /// offset in it does not count.
    ///
    /// # Errors
    ///
    /// [`JobScheduleError::End`] when the text is no instant.
    pub fn with_end(mut self, text: &str) -> Result<Self, JobScheduleError> {
        let error = |problem: String| JobScheduleError::End { problem };
        let moment =
            Moment::parse(text, Profile::Chronos).map_err(|problem| error(problem.to_string()))?;
        self.terms.end = Some(End {
            text: text.into(),
            moment,
        });
        if self.end_at().is_none() {
            return Err(error("is beyond the range of instants".to_owned()));
        }
        Ok(self)
    }

    /// Checks a `scheduleTimeZone` alone (empty for none).
    ///
    /// # Errors
    ///
    /// [`JobScheduleError::Zone`] when nobody knows it.
    pub fn check_zone(zone_text: &str) -> Result<(), JobScheduleError> {
        parse_zone(zone_text).map(|_: Option<Zone>| ())
    }

    /// Reads a zone alone, UTC when it is empty.
    pub(crate) fn zone(zone_text: &str) -> Result<Zone, JobScheduleError> {
        parse_zone(zone_text).map(|zone| zone.unwrap_or(Zone::UTC))
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

    /// Returns the schedule as it was written; several are joined by "and", for people.
    pub fn text(&self) -> &str {
        match &self.parts {
            Parts::One(part) => part.text(),
            Parts::List(list) => &list.text,
        }
    }

    /// Returns the zone as it was written, empty for none.
    pub fn zone_text(&self) -> &str {
        NamedZone::text(self.terms.zone.as_deref())
    }

    /// Returns the schedules it consists of; at least one.
    pub fn parts(&self) -> &[SchedulePart] {
        match &self.parts {
            Parts::One(part) => std::slice::from_ref(part),
            Parts::List(list) => &list.parts,
        }
    }

    /// Whether it was written as a list, even of one.
    pub const fn is_list(&self) -> bool {
        matches!(self.parts, Parts::List(_))
    }

    /// Returns what becomes of local times that a change of clocks leaves out or repeats.
    pub fn dst(&self) -> DstPolicy {
        self.terms.dst
    }

    /// Returns the end as it was written.
    pub fn end_text(&self) -> Option<&str> {
        self.terms.end.as_ref().map(|end| &*end.text)
    }

    /// Returns the last instant that may be a target, `None` for no end.
    pub fn end_at(&self) -> Option<Timestamp> {
        let End { moment, .. } = *self.terms.end.as_ref()?;
        let interval = RepeatingInterval::builder()
            .times(1)
            .start(moment)
            .period(Period::ZERO)
            .build()
            .ok()?;
        // An end always is: a reading that does not exist moves on, one that comes twice may count twice.
        let dst = DstPolicy {
            gap: Gap::Shift,
            overlap: match self.terms.dst.overlap {
                Overlap::First => Overlap::First,
                Overlap::Second | Overlap::Both => Overlap::Second,
            },
        };
        let schedule = interval
            .schedule(&interval_options(self.own_zone(), dst))
            .ok()?;
        schedule.occurrence(0).map(Timestamp::from_utc)
    }

    /// Returns how many targets there are, `None` for no end.
    ///
    /// They are counted for each part, and without the end of the whole: an endless schedule with an
    /// `endTime` says `None` too, because its number depends on when it began.
    pub fn repetitions(&self) -> Option<u64> {
        let counts = self.parts().iter().map(SchedulePart::repetitions);
        counts
            .into_iter()
            .try_fold(0_u64, |sum, count| Some(sum.saturating_add(count?)))
    }

    /// Whether there is a part without a start, so that it counts from the job's anchor.
    pub fn starts_at_anchor(&self) -> bool {
        self.parts().iter().any(SchedulePart::starts_at_anchor)
    }

    /// Returns the targets, counted from `anchor` where a part has no start.
    ///
    /// # Errors
    ///
    /// [`JobScheduleError::Evaluation`] when an interval has no targets that can be computed.
    pub fn targets(&self, anchor: Timestamp) -> Result<Targets, JobScheduleError> {
        let (zone, dst) = (self.own_zone(), self.terms.dst);
        let parts = match &self.parts {
            Parts::One(part) => targets::Parts::One(part.targets(zone, dst, anchor)?),
            Parts::List(list) => {
                let parts = list.parts.iter();
                let parts = parts.map(|part| part.targets(zone, dst, anchor));
                targets::Parts::Many(parts.collect::<Result<_, _>>()?)
            }
        };
        Ok(Targets::new(parts, self.end_at()))
    }

    fn own_zone(&self) -> Option<Zone> {
        self.terms.zone.as_ref().map(|named| named.zone)
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
    /// The text is no cron expression.
    #[error(transparent)]
    Cron(#[from] CronError),
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
    /// The end is no instant.
    #[error("{problem}")]
    End {
        /// What is wrong, and where.
        problem: String,
    },
    /// There is not one schedule.
    #[error("is empty; name at least one schedule")]
    Empty,
    /// The interval has no targets that can be computed.
    #[error("{problem}")]
    Evaluation {
        /// What is wrong.
        problem: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_without_terms_has_the_defaults() {
        assert_eq!(*Terms::DEFAULTS, Terms::default());
    }
}
