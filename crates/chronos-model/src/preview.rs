//! The next targets of a schedule as people want to see them before they save it.

use chrono::{FixedOffset, SecondsFormat};
use iso8601_repeat::{Gap, Zone};

use crate::{
    CalendarName, DstPolicy, Exclusions, JobName, JobSchedule, JobScheduleError, Timestamp,
    limits::PREVIEW_LEN_MAX,
    wall_clock::{NEAR, WallClock},
};

/// What is asked: a job that need not exist.
#[derive(Clone, Copy, Debug)]
pub struct Preview<'a> {
    /// When it would run.
    pub schedule: &'a JobSchedule,
    /// What its calendars leave out.
    pub exclusions: &'a Exclusions,
    /// Its name, on which jitter depends.
    pub job: &'a JobName,
    /// Its jitter.
    pub jitter_secs: u64,
    /// Where a schedule without a start counts from: now, for a job that does not exist.
    pub anchor: Timestamp,
}

/// One target of a preview.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PreviewedTarget {
    /// The target.
    pub at: Timestamp,
    /// When the run would start: later by the jitter.
    pub start: Timestamp,
    /// The target on the clocks of the zone that names it, with the offset; RFC 3339.
    pub local: String,
    /// The clocks have been changed since the target before it in the same zone.
    pub clock_change: Option<ClockChange>,
    /// What became of the local time that the schedule names.
    pub reading: LocalReading,
    /// The calendar that leaves it out.
    pub excluded_by: Option<CalendarName>,
}

/// A change of clocks between two targets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClockChange {
    /// The offset before, in seconds east of UTC.
    pub from_secs: i32,
    /// The offset after it.
    pub to_secs: i32,
}

/// What became of the local time that a schedule names.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LocalReading {
    /// It is there once, or for the first time.
    #[default]
    Plain,
    /// The clocks left it out; the target is later by as much.
    Shifted,
    /// The clocks show it for the second time.
    Second,
}

impl LocalReading {
    /// Returns the word used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Shifted => "shifted",
            Self::Second => "second",
        }
    }
}

impl Preview<'_> {
    /// Lists the targets from `from` on, those that are left out among them: at most `count`, and
    /// never more than [`PREVIEW_LEN_MAX`].
    ///
    /// # Errors
    ///
    /// As [`JobSchedule::targets`].
    ///
    /// # Examples
    ///
    /// ```
    /// use chronos_model::{Exclusions, JobSchedule, LocalReading, Preview};
    ///
    /// let now = "2026-03-27T12:00:00Z".parse().unwrap();
    /// let preview = Preview {
    ///     schedule: &JobSchedule::parse_cron("30 2 * * *", "Europe/Berlin")?,
    ///     exclusions: &Exclusions::default(),
    ///     job: &"backup".parse().unwrap(),
    ///     jitter_secs: 0,
    ///     anchor: now,
    /// };
    /// let listed = preview.list(now, 3)?;
    /// let local: Vec<_> = listed.iter().map(|target| target.local.as_str()).collect();
    /// assert_eq!(
    ///     local,
    ///     ["2026-03-28T02:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"]
    /// );
    /// assert_eq!(listed[1].reading, LocalReading::Shifted);
    /// assert_eq!(listed[1].clock_change.map(|change| change.to_secs), Some(7200));
    /// # Ok::<(), chronos_model::JobScheduleError>(())
    /// ```
    pub fn list(
        &self,
        from: Timestamp,
        count: usize,
    ) -> Result<Vec<PreviewedTarget>, JobScheduleError> {
        let targets = self.schedule.targets(self.anchor)?;
        // What is no target where readings that do not exist are left out, was moved.
        let dst = DstPolicy {
            gap: Gap::Skip,
            ..self.schedule.dst()
        };
        let unmoved = self.schedule.clone().with_dst(dst).targets(self.anchor)?;
        let mut offsets = Vec::new();
        let mut listed = Vec::new();
        let mut after = from.plus_millis(-1);
        while listed.len() < count.min(PREVIEW_LEN_MAX)
            && let Some(target) = targets.after(after)
        {
            let at = target.at;
            let clock = targets.clock_of(at).unwrap_or(WallClock(Zone::UTC));
            let excluded = self.exclusions.excluded_until(at);
            listed.push(PreviewedTarget {
                at,
                start: targets.start_of(self.job, at, self.jitter_secs),
                local: local(clock, at),
                clock_change: note_offset(&mut offsets, clock, at),
                reading: if !unmoved.contains(at) {
                    LocalReading::Shifted
                } else if is_second(clock, at) {
                    LocalReading::Second
                } else {
                    LocalReading::Plain
                },
                excluded_by: excluded.map(|(_, name)| name.clone()),
            });
            after = at;
        }
        Ok(listed)
    }
}

fn offset_secs(clock: WallClock, at: Timestamp) -> i32 {
    let offset = clock.offset_at(second(at));
    i32::try_from(offset).unwrap_or_default()
}

fn local(clock: WallClock, at: Timestamp) -> String {
    let offset = FixedOffset::east_opt(offset_secs(clock, at));
    match at.to_utc().zip(offset) {
        Some((instant, offset)) => instant
            .with_timezone(&offset)
            .to_rfc3339_opts(SecondsFormat::AutoSi, false),
        None => at.to_string(),
    }
}

/// Remembers the offset in a zone and says whether it was another one before.
fn note_offset(
    offsets: &mut Vec<(WallClock, i32)>,
    clock: WallClock,
    at: Timestamp,
) -> Option<ClockChange> {
    let now = offset_secs(clock, at);
    let known = offsets.iter_mut().find(|(known, _)| *known == clock);
    let Some((_, known)) = known else {
        offsets.push((clock, now));
        return None;
    };
    let before = std::mem::replace(known, now);
    (before != now).then_some(ClockChange {
        from_secs: before,
        to_secs: now,
    })
}

/// Whether the clock has been put back over what it reads.
fn is_second(clock: WallClock, at: Timestamp) -> bool {
    let at = second(at);
    clock
        .change_between(at.saturating_sub(NEAR), at)
        .is_some_and(|change| at < change.at.saturating_sub(change.jump()))
}

const fn second(at: Timestamp) -> i64 {
    at.millis().div_euclid(1000)
}
