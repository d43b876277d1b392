//! One of the schedules of a job: an interval or a cron expression, perhaps in a zone of its own.

use std::time::Duration;

use iso8601_repeat::{OffsetPolicy, Options, Profile, RepeatingInterval, Repetitions, Zone};

use super::{
    JobScheduleError, NamedZone, PartTargets,
    cron::{Cron, CronTargets},
};
use crate::{DstPolicy, Timestamp, wall_clock::WallClock};

/// The shortest period: one second, below which Chronos froze.
const PERIOD_MIN: Duration = Duration::from_secs(1);

/// One of the schedules of a job.
///
/// # Examples
///
/// ```
/// use chronos_model::SchedulePart;
///
/// let part = SchedulePart::cron("*/15 9-17 * * MON-FRI", "America/New_York")?;
/// assert!(part.is_cron());
/// assert_eq!(part.zone_text(), "America/New_York");
/// assert_eq!(SchedulePart::interval("R5//PT10M", "")?.repetitions(), Some(5));
/// # Ok::<(), chronos_model::JobScheduleError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SchedulePart {
    rule: Rule,
    zone: Option<Box<NamedZone>>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Rule {
    /// The text of an interval, which was read once. Reading it again when somebody asks takes a quarter of
    /// a microsecond; to keep what was read would take more room than the text, in every job.
    Interval(Box<str>),
    Cron(Box<Cron>),
}

impl SchedulePart {
    /// Reads a repeating interval with what Chronos accepts, and a zone (empty for the job's).
    ///
    /// # Errors
    ///
    /// [`JobScheduleError`], which says whether the interval or the zone is at fault.
    pub fn interval(text: &str, zone_text: &str) -> Result<Self, JobScheduleError> {
        check_period(&read(text)?)?;
        Self::new(Rule::Interval(text.into()), zone_text)
    }

    /// Reads a cron expression of five fields, or of six with the second first, and a zone (empty for
    /// the job's, or UTC).
    ///
    /// # Errors
    ///
    /// [`JobScheduleError`], which says whether the expression or the zone is at fault.
    pub fn cron(text: &str, zone_text: &str) -> Result<Self, JobScheduleError> {
        let cron = Cron::parse(text)?;
        Self::new(Rule::Cron(Box::new(cron)), zone_text)
    }

    fn new(rule: Rule, zone_text: &str) -> Result<Self, JobScheduleError> {
        Ok(Self {
            rule,
            zone: NamedZone::parse(zone_text)?,
        })
    }

    /// Returns what was written.
    pub fn text(&self) -> &str {
        match &self.rule {
            Rule::Interval(text) => text,
            Rule::Cron(cron) => &cron.text,
        }
    }

    /// Returns its own zone as it was written, empty for none.
    pub fn zone_text(&self) -> &str {
        NamedZone::text(self.zone.as_deref())
    }

    /// Whether it is a cron expression.
    pub const fn is_cron(&self) -> bool {
        matches!(self.rule, Rule::Cron(_))
    }

    /// Returns how many targets there are, `None` for no end.
    pub fn repetitions(&self) -> Option<u64> {
        match &self.rule {
            Rule::Interval(text) => read(text).ok()?.repetitions().times(),
            Rule::Cron(_) => None,
        }
    }

    /// Whether it has no start of its own, so that it counts from the job's anchor.
    pub fn starts_at_anchor(&self) -> bool {
        match &self.rule {
            Rule::Interval(text) => read(text).is_ok_and(|interval| interval.start().is_none()),
            Rule::Cron(_) => true,
        }
    }

    /// Returns its targets; `zone` is the one of the job.
    pub(super) fn targets(
        &self,
        zone: Option<Zone>,
        dst: DstPolicy,
        anchor: Timestamp,
    ) -> Result<PartTargets, JobScheduleError> {
        let zone = self.zone.as_ref().map(|named| named.zone).or(zone);
        match &self.rule {
            Rule::Interval(text) => {
                let interval = read(text)?;
                let mut options = interval_options(zone, dst);
                if let Some(anchor) = anchor.to_utc() {
                    options = options.anchor(anchor);
                }
                let schedule = interval.schedule(&options);
                schedule
                    .map(PartTargets::Interval)
                    .map_err(|error| JobScheduleError::Evaluation {
                        problem: error.to_string(),
                    })
            }
            Rule::Cron(cron) => {
                let clock = WallClock(zone.unwrap_or(Zone::UTC));
                let targets = CronTargets::new(cron, clock, dst, anchor);
                Ok(PartTargets::Cron(Box::new(targets)))
            }
        }
    }
}

fn read(text: &str) -> Result<RepeatingInterval, JobScheduleError> {
    RepeatingInterval::parse(text, Profile::Chronos).map_err(|error| JobScheduleError::Syntax {
        problem: error.to_string(),
    })
}

/// How Chronos reads an instant in a zone.
pub(super) fn interval_options(zone: Option<Zone>, dst: DstPolicy) -> Options {
    let options = match zone {
        Some(zone) => Options::new()
            .zone(zone)
            .offset_policy(OffsetPolicy::KeepLocal),
        // Chronos reads a start without an offset in the JVM's zone, which is UTC on servers.
        None => Options::new().fallback_zone(Zone::UTC),
    };
    options.gap(dst.gap).overlap(dst.overlap)
}

// A zero period is Chronos' way of saying "once" (`R1//P`) or "never" (`R0//PT0M`).
fn check_period(interval: &RepeatingInterval) -> Result<(), JobScheduleError> {
    let few = matches!(interval.repetitions(), Repetitions::Times(0 | 1));
    let Some(period) = interval.period() else {
        return Ok(());
    };
    if few || period.length_min() >= PERIOD_MIN {
        return Ok(());
    }
    Err(JobScheduleError::Period {
        zero: period.is_zero(),
    })
}
