//! Schedules: an interval in a zone, ready to be asked.
//!
//! Owns the value and its making. `schedule::steps` evaluates and searches, `schedule::quick` does the same where no
//! clock change is near, `schedule::iter` walks.
//!
//! Occurrences are counted in *steps* from the anchor: 0 is the anchor, 1 the period after it, −1 the one before. The
//! public index of an occurrence is its step, less the step of the first one.

mod iter;
mod quick;
mod steps;

use crate::{
    Gap, Moment, Occurrence, OffsetPolicy, Options, Overlap, Period, RepeatingInterval,
    Repetitions,
    civil::{DAY, civil_from_days},
    interval::Body,
    occurrence::{Seen, UnixTime},
    zone::{
        Place, Zone,
        offsets::{FixedOffsets, Offsets, PlainOffsets, Resolved},
        table::Span,
    },
};
use chrono::{DateTime, Utc};
use core::fmt;

pub(crate) use iter::Walk;
pub use iter::{Backward, Forward};

/// A repeating interval in a zone, ready to be asked for its occurrences.
///
/// Every answer takes the same time whatever the distance, and nothing here panics: past chrono's range the answer is
/// `None`. The k-th occurrence is always reckoned from the anchor, never from the one before, so that nothing drifts:
/// years and months as one sum, clamped once to the end of the month; then days, on the local calendar; then the time
/// part, exact.
///
/// A schedule is a plain value of less than 96 bytes without borrows, locks or allocation.
///
/// # Examples
///
/// ```
/// use iso8601_repeat::{Options, RepeatingInterval};
///
/// let monthly: RepeatingInterval = "R/2017-01-31T02:30/P1M".parse()?;
/// let schedule = monthly.schedule(&Options::new().zone("Europe/Berlin".parse()?))?;
///
/// let next = schedule.next_after("2024-03-01T00:00:00Z".parse()?).unwrap();
/// assert_eq!(next.index, Some(86));
/// // 02:30 does not exist in Berlin on that Sunday; it moves by the hour that is missing.
/// assert_eq!(next.at.to_rfc3339(), "2024-03-31T01:30:00+00:00");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Schedule {
    /// Step 0 as an instant.
    anchor: UnixTime,
    /// Whole seconds of the exact part of a step.
    seconds: i64,
    /// The number of occurrences, `u64::MAX` and `bounded` unset for no end.
    count: u64,
    /// The steps that occur and are in range whatever the offset; none for steps of several parts.
    plain_from: i64,
    plain_until: i64,
    /// Step 0 on the local calendar: the day number, and the second of it.
    day: i32,
    second: i32,
    /// Step 0 on the local calendar: months since January of the year 0, and the day of the month.
    month: i32,
    /// Calendar months and days of a step, cut to where only step 0 is in range.
    months: u32,
    days: u32,
    /// Nanoseconds of the exact part of a step.
    nanoseconds: u32,
    place: Place,
    kind: Kind,
    day_of_month: u8,
    bounded: bool,
    /// Whether step 0 is the last occurrence, not the first.
    from_end: bool,
    /// Whether step 0 was given as an instant, which no policy moves.
    pinned: bool,
    gap: Gap,
    overlap: Overlap,
}

/// What a step is made of.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Kind {
    /// Whole seconds, perhaps none.
    Seconds,
    /// Exact time with a fraction of a second.
    Subsecond,
    /// Calendar parts, and other parts beside them.
    Mixed,
    /// Calendar days only.
    Days,
    /// Calendar months only.
    Months,
}

impl Kind {
    #[inline]
    const fn is_single_calendar_unit(self) -> bool {
        self as u8 >= Self::Days as u8
    }
}

impl RepeatingInterval {
    /// Puts the interval into a zone.
    ///
    /// # Errors
    ///
    /// When a start or end has no offset and no zone is given, when neither start nor end is in the text and no anchor
    /// is given, or when start and end change places or fall together once the zone is known.
    pub fn schedule(&self, options: &Options) -> Result<Schedule, ScheduleError> {
        Schedule::new(self, options)
    }
}

impl Schedule {
    /// Puts an interval into a zone; the same as [`RepeatingInterval::schedule`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn new(interval: &RepeatingInterval, options: &Options) -> Result<Self, ScheduleError> {
        let repetitions = interval.repetitions();
        let (anchor, period, from_end) = match *interval.body() {
            Body::StartPeriod(start, period) => (Anchor::of(start, options)?, period, false),
            Body::PeriodEnd(period, end) => (Anchor::of(end, options)?, period, true),
            Body::Period(period) | Body::NowPeriod(period) => {
                let anchor = options.anchor.ok_or(ScheduleError::AnchorNeeded)?;
                (
                    Anchor::at(
                        anchor.into(),
                        options.zone.map_or(Place::Fixed(0), |zone| zone.0),
                    ),
                    period,
                    false,
                )
            }
            Body::StartEnd(start, end) => return Self::between(start, end, repetitions, options),
        };
        let mut schedule = Self::anchored(&anchor, repetitions, options);
        schedule.from_end = from_end;
        schedule.take_period(&period);
        schedule.check(repetitions)
    }

    /// Start and end: the step is the exact time between them.
    fn between(
        start: Moment,
        end: Moment,
        repetitions: Repetitions,
        options: &Options,
    ) -> Result<Self, ScheduleError> {
        let (start, end) = (Anchor::of(start, options)?, Anchor::of(end, options)?);
        let mut schedule = Self::anchored(&start, repetitions, options);
        // Both lie within chrono's range, some 2^43 seconds.
        let borrow = end.instant.nanoseconds < start.instant.nanoseconds;
        let whole = end
            .instant
            .seconds
            .wrapping_sub(start.instant.seconds)
            .wrapping_sub(i64::from(borrow));
        let carried = end
            .instant
            .nanoseconds
            .wrapping_add(if borrow { 1_000_000_000 } else { 0 });
        if whole < 0 {
            return Err(ScheduleError::EndBeforeStart);
        }
        schedule.seconds = whole;
        schedule.nanoseconds = carried.wrapping_sub(start.instant.nanoseconds);
        schedule.pinned = true;
        schedule.check(repetitions)
    }

    fn anchored(anchor: &Anchor, repetitions: Repetitions, options: &Options) -> Self {
        let Anchor {
            instant,
            local,
            place,
            pinned,
        } = *anchor;
        // A clock reading of chrono's range: the day number fits.
        let day = i32::try_from(local.div_euclid(DAY)).unwrap_or(i32::MAX);
        let civil = civil_from_days(day).0;
        Self {
            anchor: instant,
            seconds: 0,
            count: repetitions.times().unwrap_or(u64::MAX),
            plain_from: 1,
            plain_until: 0,
            day,
            second: i32::try_from(local.rem_euclid(DAY)).unwrap_or(0),
            month: civil.month_index(),
            months: 0,
            days: 0,
            nanoseconds: 0,
            place,
            kind: Kind::Seconds,
            day_of_month: u8::try_from(civil.day).unwrap_or(1),
            bounded: repetitions.times().is_some(),
            from_end: false,
            pinned,
            gap: options.gap,
            overlap: options.overlap,
        }
    }

    fn take_period(&mut self, period: &Period) {
        self.months = u32::try_from(period.months()).unwrap_or(u32::MAX);
        self.days = u32::try_from(period.days()).unwrap_or(u32::MAX);
        self.seconds = i64::try_from(period.seconds()).unwrap_or(i64::MAX);
        self.nanoseconds = period.nanoseconds();
    }

    fn check(mut self, repetitions: Repetitions) -> Result<Self, ScheduleError> {
        let is_exact = self.months == 0 && self.days == 0;
        let has_time = self.seconds != 0 || self.nanoseconds != 0;
        self.kind = match (self.months, self.days, has_time) {
            (0, 0, _) if self.nanoseconds != 0 => Kind::Subsecond,
            (0, 0, _) => Kind::Seconds,
            (0, _, false) => Kind::Days,
            (_, 0, false) => Kind::Months,
            _ => Kind::Mixed,
        };
        if is_exact && !has_time && !repetitions.is_at_most_once() {
            return Err(ScheduleError::Zero);
        }
        (self.plain_from, self.plain_until) = self.plain_range();
        Ok(self)
    }

    /// The zone in whose calendar it runs, which is a fixed offset where the text alone fixes it.
    pub const fn zone(&self) -> Zone {
        Zone(self.place)
    }

    /// The instant at a second, with the fraction of the anchor.
    #[inline]
    pub(crate) const fn instant_of(&self, seconds: i64) -> UnixTime {
        UnixTime {
            seconds,
            nanoseconds: self.anchor.nanoseconds,
        }
    }

    /// The stretch that needs no database: all time at a fixed offset, none in a zone.
    #[inline]
    pub(crate) const fn own_span(&self) -> Span {
        match self.place {
            Place::Fixed(offset) => Span::fixed(offset),
            Place::Named(_) => Span::EMPTY,
        }
    }

    pub(crate) const fn place(&self) -> Place {
        self.place
    }

    /// How many occurrences it has.
    pub const fn repetitions(&self) -> Repetitions {
        if self.bounded {
            Repetitions::Times(self.count)
        } else {
            Repetitions::Unbounded
        }
    }

    /// The k-th occurrence, the first being 0.
    ///
    /// Indices reach 2⁶³ from the anchor, which only a period below two microseconds can come to. `None` past the last one, past chrono's range, for an index that falls into a gap under [`Gap::Skip`], and
    /// always in a schedule that has an end but no beginning. Two indices may give one instant, on a day that a zone
    /// left out.
    ///
    /// # Examples
    ///
    /// ```
    /// use iso8601_repeat::{Options, RepeatingInterval};
    ///
    /// let endless: RepeatingInterval = "R/2000-01-01T00:00:00Z/PT1S".parse()?;
    /// let schedule = endless.schedule(&Options::new())?;
    /// let far = schedule.occurrence(1_000_000_000_000).unwrap();
    /// assert_eq!(far.to_string(), "+33688-09-26 01:46:40 UTC");
    /// assert_eq!(schedule.occurrence(u64::MAX), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn occurrence(&self, index: u64) -> Option<DateTime<Utc>> {
        match self.place {
            Place::Fixed(offset) => self.occurrence_with(&mut FixedOffsets(offset), index),
            Place::Named(tz) => self.occurrence_with(&mut PlainOffsets(tz), index),
        }
    }

    /// The first occurrence strictly after an instant.
    #[inline]
    pub fn next_after(&self, instant: DateTime<Utc>) -> Option<Occurrence> {
        let (mut seen, instant) = Seen::of(instant);
        match self.quick_next(&self.own_span(), instant) {
            Some((step, seconds)) => self.occurrence_near(&mut seen, step, seconds),
            None => self.next_slowly(instant),
        }
    }

    #[inline(never)]
    fn next_slowly(&self, instant: UnixTime) -> Option<Occurrence> {
        match self.place {
            Place::Fixed(offset) => self.next_with(&mut FixedOffsets(offset), instant),
            Place::Named(tz) => self.next_with(&mut PlainOffsets(tz), instant),
        }
    }

    /// The first occurrence strictly after an instant, as [`next_after`](Self::next_after), in bare seconds.
    pub fn next_unix_after(&self, instant: UnixTime) -> Option<UnixTime> {
        let instant = instant.clamped();
        if let Some((_, seconds)) = self.quick_next(&self.own_span(), instant) {
            return Some(self.instant_of(seconds));
        }
        let next = match self.place {
            Place::Fixed(offset) => self.next_step(&mut FixedOffsets(offset), instant),
            Place::Named(tz) => self.next_step(&mut PlainOffsets(tz), instant),
        };
        next.map(|(_, at)| at)
    }

    /// The last occurrence strictly before an instant.
    pub fn prev_before(&self, instant: DateTime<Utc>) -> Option<Occurrence> {
        match self.place {
            Place::Fixed(offset) => self.prev_with(&mut FixedOffsets(offset), instant.into()),
            Place::Named(tz) => self.prev_with(&mut PlainOffsets(tz), instant.into()),
        }
    }

    /// How many indices have their occurrence in `(after, until]`.
    ///
    /// It counts indices, in constant time: an index that [`Gap::Skip`] leaves out counts at the instant to which it
    /// would have moved, [`Overlap::Both`] counts once, at the first instant, and two indices at one instant count
    /// twice. Under the default policies it is the number of steps of the iterator, but for days that a zone left out.
    ///
    /// # Examples
    ///
    /// ```
    /// use iso8601_repeat::{Options, RepeatingInterval};
    ///
    /// let daily: RepeatingInterval = "R/2017-03-01T00:00:00Z/P1D".parse()?;
    /// let schedule = daily.schedule(&Options::new())?;
    /// let missed = schedule.count_between("2017-03-01T00:00:00Z".parse()?, "2017-03-13T00:00:05Z".parse()?);
    /// assert_eq!(missed, 12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count_between(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> u64 {
        match self.place {
            Place::Fixed(offset) => {
                self.count_with(&mut FixedOffsets(offset), after.into(), until.into())
            }
            Place::Named(tz) => self.count_with(&mut PlainOffsets(tz), after.into(), until.into()),
        }
    }

    /// The first occurrence; `None` for an empty schedule and for one without a beginning.
    pub fn first(&self) -> Option<Occurrence> {
        match self.place {
            Place::Fixed(offset) => self.first_with(&mut FixedOffsets(offset)),
            Place::Named(tz) => self.first_with(&mut PlainOffsets(tz)),
        }
    }

    /// The last occurrence; `None` for an empty schedule and for one without an end.
    pub fn last(&self) -> Option<Occurrence> {
        match self.place {
            Place::Fixed(offset) => self.last_with(&mut FixedOffsets(offset)),
            Place::Named(tz) => self.last_with(&mut PlainOffsets(tz)),
        }
    }

    /// All occurrences from the first one on; nothing for a schedule without a beginning.
    ///
    /// Instants are strictly rising: two indices at one instant come once, with the lower index.
    pub fn iter(&self) -> Forward {
        Forward::from_first(*self)
    }

    /// The occurrences strictly after an instant, rising.
    pub fn after(&self, instant: DateTime<Utc>) -> Forward {
        Forward::after(*self, instant.into())
    }

    /// The occurrences strictly before an instant, falling.
    ///
    /// # Examples
    ///
    /// ```
    /// use iso8601_repeat::{Options, RepeatingInterval};
    ///
    /// let until: RepeatingInterval = "R/P1M/2017-05-31T00:00:00Z".parse()?;
    /// let schedule = until.schedule(&Options::new())?;
    /// let days: Vec<_> = schedule
    ///     .before("2017-05-31T00:00:00Z".parse()?)
    ///     .take(3)
    ///     .map(|occurrence| occurrence.at.date_naive().to_string())
    ///     .collect();
    /// assert_eq!(days, ["2017-04-30", "2017-03-31", "2017-02-28"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn before(&self, instant: DateTime<Utc>) -> Backward {
        Backward::before(*self, instant.into())
    }
}

impl IntoIterator for &Schedule {
    type IntoIter = Forward;
    type Item = Occurrence;

    fn into_iter(self) -> Forward {
        self.iter()
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let anchor = self.anchor.datetime();
        let period = (self.months, self.days, self.seconds, self.nanoseconds);
        f.debug_struct("Schedule")
            .field("repetitions", &self.repetitions())
            .field("anchor", &anchor)
            .field("months_days_seconds_nanoseconds", &period)
            .field("from_end", &self.from_end)
            .field("zone", &self.zone())
            .field("gap", &self.gap)
            .field("overlap", &self.overlap)
            .finish_non_exhaustive()
    }
}

/// Step 0 in a place.
#[derive(Clone, Copy)]
struct Anchor {
    instant: UnixTime,
    /// The clock reading in seconds.
    local: i64,
    place: Place,
    pinned: bool,
}

impl Anchor {
    /// Puts a moment of the text into the zone of the options.
    fn of(moment: Moment, options: &Options) -> Result<Self, ScheduleError> {
        let zone = match (options.zone, moment.offset_seconds()) {
            (Some(zone), _) => Some(zone),
            (None, None) => Some(options.fallback_zone.ok_or(ScheduleError::ZoneNeeded)?),
            (None, Some(_)) => None,
        };
        let clock = moment.local_datetime().and_utc();
        let (local, nanoseconds) = (clock.timestamp(), clock.timestamp_subsec_nanos());
        let at = |seconds: i64| UnixTime {
            seconds,
            nanoseconds,
        };
        let anchor = match (zone, moment.offset_seconds()) {
            (None, offset) => {
                let offset = offset.unwrap_or(0);
                let instant = at(local.wrapping_sub(i64::from(offset)));
                Self {
                    instant,
                    local,
                    place: Place::Fixed(offset),
                    pinned: true,
                }
            }
            (Some(zone), Some(offset)) if options.offset_policy == OffsetPolicy::KeepInstant => {
                Self::at(at(local.wrapping_sub(i64::from(offset))), zone.0)
            }
            (Some(zone), _) => {
                let place = zone.0.simplest();
                let seconds = match (resolve_in(place, local), options.overlap) {
                    (Resolved::Two(_, second), Overlap::Second) => second,
                    (Resolved::One(only) | Resolved::Gap(only) | Resolved::Two(only, _), _) => only,
                };
                Self {
                    instant: at(seconds),
                    local,
                    place,
                    pinned: false,
                }
            }
        };
        if anchor.instant.is_in_range() {
            Ok(anchor)
        } else {
            Err(ScheduleError::OutOfRange)
        }
    }

    /// An instant in a place.
    fn at(instant: UnixTime, place: Place) -> Self {
        let place = place.simplest();
        let offset = match place {
            Place::Fixed(offset) => offset,
            Place::Named(tz) => PlainOffsets(tz).offset_at(instant.seconds),
        };
        Self {
            instant,
            local: instant.seconds.wrapping_add(i64::from(offset)),
            place,
            pinned: true,
        }
    }
}

fn resolve_in(place: Place, local: i64) -> Resolved {
    match place {
        Place::Fixed(offset) => FixedOffsets(offset).resolve(local),
        Place::Named(tz) => PlainOffsets(tz).resolve(local),
    }
}

/// Why an interval makes no schedule.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ScheduleError {
    /// A start or end has no offset, and no zone was given.
    ZoneNeeded,
    /// The text names neither start nor end, and no anchor was given.
    AnchorNeeded,
    /// In this zone the end is before the start.
    EndBeforeStart,
    /// In this zone start and end are one instant, which cannot repeat.
    Zero,
    /// The start or end is beyond the range of instants.
    OutOfRange,
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ZoneNeeded => "a start or end without an offset needs a zone",
            Self::AnchorNeeded => "an interval without start and end needs an anchor",
            Self::EndBeforeStart => "the end is before the start in this zone",
            Self::Zero => "a period of no length cannot repeat",
            Self::OutOfRange => "the start or end is beyond the range of instants",
        })
    }
}

impl core::error::Error for ScheduleError {}
