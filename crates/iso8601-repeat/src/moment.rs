//! Moments: a date and a clock reading, with or without an offset.
//!
//! Owns the value and its printing. Reading stands in `parse::moment`; turning a moment into an instant needs a zone
//! and stands in `schedule`.

use crate::{ParseError, Profile, parse, period::fmt_fraction};
use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime, NaiveTime, Timelike, Utc};
use core::{fmt, str::FromStr};

/// A date and a clock reading as they were written, with or without an offset from UTC.
///
/// The offset belongs to the value: without a zone, the calendar of a schedule is the one at that offset.
///
/// # Examples
///
/// ```
/// use iso8601_repeat::Moment;
///
/// let moment: Moment = "20120205T080000+08:00".parse()?;
/// assert_eq!(moment.to_string(), "2012-02-05T08:00:00+08:00");
/// assert_eq!(moment.instant().unwrap().to_rfc3339(), "2012-02-05T00:00:00+00:00");
///
/// let local: Moment = "2012-W05-7".parse()?;
/// assert_eq!(local.to_string(), "2012-02-05T00:00:00");
/// assert_eq!(local.instant(), None);
/// # Ok::<(), iso8601_repeat::ParseError>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Moment {
    local: NaiveDateTime,
    /// Seconds east of UTC, or `LOCAL`.
    offset: i32,
}

/// The mark of a moment without an offset; no offset reaches a day.
const LOCAL: i32 = i32::MIN;

impl Moment {
    /// A moment without an offset.
    ///
    /// A leap second is read as the second before it.
    pub fn local(local: NaiveDateTime) -> Self {
        Self {
            local: without_leap_second(local),
            offset: LOCAL,
        }
    }

    /// A moment at an offset, `None` when the offset is not of whole minutes, which the text could not carry.
    ///
    /// A leap second is read as the second before it.
    pub fn with_offset(local: NaiveDateTime, offset: FixedOffset) -> Option<Self> {
        let seconds = offset.local_minus_utc();
        (seconds % 60 == 0).then(|| Self {
            local: without_leap_second(local),
            offset: seconds,
        })
    }

    /// Puts checked parts together.
    #[inline]
    pub(crate) const fn from_parts(local: NaiveDateTime, offset: Option<i32>) -> Self {
        Self {
            local,
            offset: match offset {
                Some(seconds) => seconds,
                None => LOCAL,
            },
        }
    }

    /// Reads a moment in the given profile.
    ///
    /// # Errors
    ///
    /// When the whole text is not one date with or without a time and an offset.
    pub fn parse(text: &str, profile: Profile) -> Result<Self, ParseError> {
        parse::moment_text(text, profile)
    }

    /// The date and the clock reading.
    pub const fn local_datetime(&self) -> NaiveDateTime {
        self.local
    }

    /// The offset, `None` where none is written.
    pub fn offset(&self) -> Option<FixedOffset> {
        self.offset_seconds().and_then(FixedOffset::east_opt)
    }

    /// The offset in seconds east of UTC.
    #[inline]
    pub(crate) const fn offset_seconds(&self) -> Option<i32> {
        if self.offset == LOCAL {
            None
        } else {
            Some(self.offset)
        }
    }

    /// Whether this moment is before another, as far as that can be said without a zone.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        match (self.instant(), other.instant()) {
            (Some(this), Some(other)) => this < other,
            _ => self.offset == other.offset && self.local < other.local,
        }
    }

    /// Whether the two moments are one instant, as far as that can be said without a zone.
    pub(crate) fn is_same_instant(&self, other: &Self) -> bool {
        self == other
            || self
                .instant()
                .is_some_and(|instant| Some(instant) == other.instant())
    }

    /// The instant that a moment with an offset names; `None` without one, or beyond chrono's range.
    pub fn instant(&self) -> Option<DateTime<Utc>> {
        self.local
            .checked_sub_offset(self.offset()?)
            .map(|utc| utc.and_utc())
    }
}

fn without_leap_second(local: NaiveDateTime) -> NaiveDateTime {
    match local.nanosecond().checked_sub(1_000_000_000) {
        Some(nanoseconds) => local.with_nanosecond(nanoseconds).unwrap_or(local),
        None => local,
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = (self.local.date(), self.local.time());
        match date.year() {
            year @ 0..=9999 => write!(f, "{year:04}")?,
            year => write!(f, "{year:+07}")?,
        }
        let (month, day) = (date.month(), date.day());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        write!(f, "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        fmt_fraction(f, time.nanosecond())?;
        match self.offset_seconds() {
            None => Ok(()),
            Some(0) => f.write_str("Z"),
            Some(seconds) => {
                let sign = if seconds < 0 { '-' } else { '+' };
                let minutes = seconds.unsigned_abs() / 60;
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Moment {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text, Profile::Iso)
    }
}

impl From<DateTime<Utc>> for Moment {
    fn from(instant: DateTime<Utc>) -> Self {
        Self {
            local: without_leap_second(instant.naive_utc()),
            offset: 0,
        }
    }
}

impl From<NaiveDateTime> for Moment {
    fn from(local: NaiveDateTime) -> Self {
        Self::local(local)
    }
}

impl From<chrono::NaiveDate> for Moment {
    fn from(date: chrono::NaiveDate) -> Self {
        Self::local(date.and_time(NaiveTime::MIN))
    }
}
