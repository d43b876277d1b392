//! One answer of a schedule, and the inner form of instants.

use crate::civil::{DAY, day_and_second, days_from_ordinal0, ordinal_from_days};
use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, Timelike as _, Utc};

/// One occurrence of a schedule.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Occurrence {
    /// The position from the first occurrence, which is 0; `None` where there is no first one.
    pub index: Option<u64>,
    /// When it is.
    pub at: DateTime<Utc>,
}

/// An instant as seconds since 1970-01-01 UTC.
///
/// For loops in which the making of a date would be most of the work: a [`DateTime`] costs more than the arithmetic that
/// leads to it.
///
/// # Examples
///
/// ```
/// use iso8601_repeat::{Options, RepeatingInterval, UnixTime};
///
/// let hourly: RepeatingInterval = "R/1970-01-01T00:00:00Z/PT1H".parse()?;
/// let schedule = hourly.schedule(&Options::new())?;
/// let next = schedule.next_unix_after(UnixTime { seconds: 7_200, nanoseconds: 0 }).unwrap();
/// assert_eq!(next, UnixTime { seconds: 10_800, nanoseconds: 0 });
/// assert_eq!(next.datetime().unwrap().to_string(), "1970-01-01 03:00:00 UTC");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UnixTime {
    /// Whole seconds, negative before 1970.
    pub seconds: i64,
    /// Nanoseconds after that second, below 10⁹.
    pub nanoseconds: u32,
}

/// The first and the last second of chrono's range.
pub(crate) const SECONDS_MIN: i64 = DateTime::<Utc>::MIN_UTC.timestamp();
pub(crate) const SECONDS_MAX: i64 = DateTime::<Utc>::MAX_UTC.timestamp();

impl UnixTime {
    /// Whether chrono can hold it.
    #[inline]
    pub(crate) const fn is_in_range(self) -> bool {
        SECONDS_MIN <= self.seconds && self.seconds <= SECONDS_MAX
    }

    /// The date and time; `None` beyond chrono's range, or for nanoseconds of a second and more.
    #[inline]
    pub fn datetime(self) -> Option<DateTime<Utc>> {
        if !self.is_in_range() || self.nanoseconds > 999_999_999 {
            return None;
        }
        let (day, second) = day_and_second(self.seconds);
        let time = NaiveTime::from_num_seconds_from_midnight_opt(second, self.nanoseconds)?;
        Some(date_of(day)?.and_time(time).and_utc())
    }

    /// The same instant, or the nearest to it that orders alike among those in range.
    #[inline]
    pub(crate) fn clamped(self) -> Self {
        Self {
            seconds: self.seconds.clamp(SECONDS_MIN.wrapping_sub(1), SECONDS_MAX),
            nanoseconds: self.nanoseconds.min(999_999_999),
        }
    }

    /// The instant one nanosecond before.
    #[inline]
    pub(crate) const fn just_before(self) -> Self {
        match self.nanoseconds.checked_sub(1) {
            Some(nanoseconds) => Self {
                nanoseconds,
                ..self
            },
            None => Self {
                seconds: self.seconds.wrapping_sub(1),
                nanoseconds: 999_999_999,
            },
        }
    }

    #[inline]
    pub(crate) const fn plus_seconds(self, seconds: i64) -> Self {
        Self {
            seconds: self.seconds.wrapping_add(seconds),
            ..self
        }
    }
}

impl From<DateTime<Utc>> for UnixTime {
    /// A leap second is the last nanosecond of the second before it.
    #[inline]
    fn from(at: DateTime<Utc>) -> Self {
        Seen::of(at).1
    }
}

/// The date of a day number.
#[inline]
fn date_of(day: i32) -> Option<NaiveDate> {
    let (year, ordinal) = ordinal_from_days(day);
    NaiveDate::from_yo_opt(year, ordinal)
}

/// A date with its day number at hand, from which other dates of its year are cheap to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    date: NaiveDate,
    day: i32,
}

impl Seen {
    /// 1970-01-01.
    pub(crate) const EPOCH: Self = Self {
        date: DateTime::<Utc>::UNIX_EPOCH.naive_utc().date(),
        day: 0,
    };

    /// The date of an instant, and the instant.
    #[inline]
    pub(crate) fn of(instant: DateTime<Utc>) -> (Self, UnixTime) {
        let (date, time) = (instant.naive_utc().date(), instant.naive_utc().time());
        let day = days_from_ordinal0(date.year(), date.ordinal0());
        let second = i64::from(time.num_seconds_from_midnight());
        let at = UnixTime {
            seconds: i64::from(day).wrapping_mul(DAY).wrapping_add(second),
            // A leap second is the last nanosecond of the second before it.
            nanoseconds: time.nanosecond().min(999_999_999),
        };
        (Self { date, day }, at)
    }

    /// The date and time of an instant in chrono's range, whose date is seen now.
    #[inline]
    pub(crate) fn datetime(&mut self, at: UnixTime) -> Option<DateTime<Utc>> {
        let (day, second) = day_and_second(at.seconds);
        let ahead = day.wrapping_sub(self.day);
        // What is no day of that year is refused.
        let ordinal = self.date.ordinal().wrapping_add_signed(ahead);
        let date = match self.date.with_ordinal(ordinal) {
            Some(date) => date,
            None => far_date(day)?,
        };
        *self = Self { date, day };
        let time = NaiveTime::from_num_seconds_from_midnight_opt(second, at.nanoseconds)?;
        Some(date.and_time(time).and_utc())
    }
}

/// The date of a day number in another year, which is rare enough to stay out of the way.
#[cold]
#[inline(never)]
fn far_date(day: i32) -> Option<NaiveDate> {
    date_of(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_chrono() {
        let steps = [
            SECONDS_MIN,
            SECONDS_MIN + 1,
            -1,
            0,
            1,
            SECONDS_MAX - 1,
            SECONDS_MAX,
        ];
        let spread = (0..100_000).map(|i| SECONDS_MIN + i * (SECONDS_MAX / 50_000) - i % 7);
        let years = (0..200_000).map(|i| -62_000_000_000 + i * 777_777);
        for seconds in steps.into_iter().chain(spread).chain(years) {
            let instant = UnixTime {
                seconds,
                nanoseconds: 5,
            };
            assert_eq!(
                instant.datetime(),
                DateTime::from_timestamp(seconds, 5),
                "{seconds}"
            );
            let datetime = instant.datetime().unwrap();
            assert_eq!(UnixTime::from(datetime), instant);
            let (mut seen, _) = Seen::of(datetime);
            for days in [-400, -40, -1, 0, 1, 40, 400] {
                let other = instant.plus_seconds(days * DAY);
                if other.is_in_range() {
                    assert_eq!(seen.datetime(other), other.datetime(), "{seconds} {days}");
                }
            }
        }
        for seconds in [SECONDS_MIN - 1, SECONDS_MAX + 1] {
            assert_eq!(
                UnixTime {
                    seconds,
                    nanoseconds: 5
                }
                .datetime(),
                None
            );
        }
    }
}
