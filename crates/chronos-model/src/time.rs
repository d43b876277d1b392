//! Wall-clock instants, to the millisecond.

use std::{fmt, num::NonZeroU64, str::FromStr};

use chrono::{DateTime, SecondsFormat, Utc};
use thiserror::Error;

/// An instant on the wall clock, in milliseconds since 1970-01-01T00:00:00Z.
///
/// Milliseconds are what Chronos keeps everywhere: in task ids, in `lastSuccess`, in schedules.
/// Timeouts are not measured with it, because the wall clock may jump.
///
/// # Examples
///
/// ```
/// use chronos_model::Timestamp;
///
/// let instant: Timestamp = "2014-03-08T16:57:17.507Z".parse()?;
/// assert_eq!(instant.millis(), 1_394_297_837_507);
/// assert_eq!(instant.to_string(), "2014-03-08T16:57:17.507Z");
/// # Ok::<(), chronos_model::TimestampError>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(NonZeroU64);

// The milliseconds are kept with their first bit flipped: in the same order, and zero is the one instant
// that nobody can mean. So an instant that may be missing takes no more room than one that is there.
const FLIP: u64 = 1 << 63;

impl Timestamp {
    /// Makes an instant from milliseconds since the epoch.
    ///
    /// The least number of all stands for the one after it: both are 292 million years ago.
    pub const fn from_millis(millis: i64) -> Self {
        match NonZeroU64::new(u64::from_ne_bytes(millis.to_ne_bytes()) ^ FLIP) {
            Some(flipped) => Self(flipped),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// Returns the milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        i64::from_ne_bytes((self.0.get() ^ FLIP).to_ne_bytes())
    }

    /// Cuts an instant to the millisecond at or before it.
    pub fn from_utc(instant: DateTime<Utc>) -> Self {
        Self::from_millis(instant.timestamp_millis())
    }

    /// Returns the instant for chrono, or `None` outside its range (262,000 years either way).
    pub fn to_utc(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.millis())
    }

    /// Returns the instant so many milliseconds later (earlier when negative).
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self::from_millis(self.millis().saturating_add(millis))
    }

    /// Returns the milliseconds from `earlier` to this instant, negative when it is later.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.millis().saturating_sub(earlier.millis())
    }
}

impl Default for Timestamp {
    fn default() -> Self {
        Self::from_millis(0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timestamp").field(&self.millis()).finish()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_utc() {
            Some(instant) => f.write_str(&instant.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => write!(f, "{} ms", self.millis()),
        }
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        DateTime::parse_from_rfc3339(text)
            .map(|instant| Self::from_utc(instant.with_timezone(&Utc)))
            .map_err(|_error: chrono::ParseError| TimestampError {
                found: text.to_owned(),
            })
    }
}

/// A text that is no instant.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{found:?} is no instant; expected RFC 3339 such as 2014-03-08T16:57:17.507Z")]
pub struct TimestampError {
    /// The text.
    pub found: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_and_needs_no_room_to_be_missing() {
        let millis = [i64::MIN + 1, -1, 0, 1, i64::MAX];
        assert!(
            millis
                .map(Timestamp::from_millis)
                .is_sorted_by(|a, b| a < b)
        );
        for millis in millis {
            assert_eq!(Timestamp::from_millis(millis).millis(), millis);
        }
        assert_eq!(Timestamp::from_millis(i64::MIN).millis(), i64::MIN + 1);
        assert_eq!(Timestamp::default().millis(), 0);
        assert_eq!(size_of::<Option<Timestamp>>(), size_of::<i64>());
    }
}
