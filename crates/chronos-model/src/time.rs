//! Wall-clock instants, to the millisecond.

use std::{fmt, str::FromStr};

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
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Makes an instant from milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Cuts an instant to the millisecond at or before it.
    pub fn from_utc(instant: DateTime<Utc>) -> Self {
        Self(instant.timestamp_millis())
    }

    /// Returns the instant for chrono, or `None` outside its range (262,000 years either way).
    pub fn to_utc(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.0)
    }

    /// Returns the instant so many milliseconds later (earlier when negative).
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Returns the milliseconds from `earlier` to this instant, negative when it is later.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_utc() {
            Some(instant) => f.write_str(&instant.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => write!(f, "{} ms", self.0),
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
