//! Conversions from and to jiff.

use crate::{Moment, Occurrence, Period, Zone, zone::Place};
use chrono::DateTime;
use core::fmt;
use jiff::{Span, Timestamp, tz::TimeZone};

/// The value has no counterpart on the other side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(docsrs, doc(cfg(feature = "jiff")))]
pub struct JiffError(&'static str);

impl fmt::Display for JiffError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for JiffError {}

#[cfg_attr(docsrs, doc(cfg(feature = "jiff")))]
impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        let seconds = at.as_nanosecond().div_euclid(1_000_000_000);
        let nanoseconds = at.as_nanosecond().rem_euclid(1_000_000_000);
        // jiff's years -9999 to 9999 lie within chrono's.
        let parts = (i64::try_from(seconds), u32::try_from(nanoseconds));
        let instant = match parts {
            (Ok(seconds), Ok(nanoseconds)) => DateTime::from_timestamp(seconds, nanoseconds),
            _ => None,
        };
        instant.unwrap_or_default().into()
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "jiff")))]
impl TryFrom<Occurrence> for Timestamp {
    type Error = JiffError;

    /// Fails past jiff's year 9999.
    fn try_from(occurrence: Occurrence) -> Result<Self, JiffError> {
        let at = occurrence.at;
        let nanoseconds = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(i32::MAX);
        match Self::new(at.timestamp(), nanoseconds) {
            Ok(timestamp) => Ok(timestamp),
            Err(_) => Err(JiffError("the instant is beyond the range of jiff")),
        }
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "jiff")))]
impl TryFrom<Period> for Span {
    type Error = JiffError;

    /// Keeps months, days and exact time apart; fails beyond jiff's limits.
    fn try_from(period: Period) -> Result<Self, JiffError> {
        let part = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let span = Self::new()
            .try_months(part(period.months()))
            .and_then(|span| span.try_days(part(period.days())))
            .and_then(|span| span.try_seconds(part(period.seconds())))
            .and_then(|span| span.try_nanoseconds(i64::from(period.nanoseconds())));
        match span {
            Ok(span) => Ok(span),
            Err(_) => Err(JiffError("the period is beyond the limits of jiff")),
        }
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "jiff")))]
impl TryFrom<Span> for Period {
    type Error = JiffError;

    /// Fails for a negative span, and for units beyond the limits of a period.
    fn try_from(span: Span) -> Result<Self, JiffError> {
        let count = |part: i64| u64::try_from(part);
        let small = |part: i64| u32::try_from(part);
        let subseconds = i128::from(span.get_milliseconds())
            .saturating_mul(1_000_000)
            .saturating_add(i128::from(span.get_microseconds()).saturating_mul(1_000))
            .saturating_add(i128::from(span.get_nanoseconds()));
        let carried = i64::try_from(subseconds.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
        let parts = (
            small(span.get_years().into()),
            small(span.get_months().into()),
            small(span.get_weeks().into()),
            small(span.get_days().into()),
            small(span.get_hours().into()),
            count(span.get_minutes()),
            count(span.get_seconds().saturating_add(carried)),
            u32::try_from(subseconds.rem_euclid(1_000_000_000)),
        );
        match parts {
            (
                Ok(years),
                Ok(months),
                Ok(weeks),
                Ok(days),
                Ok(hours),
                Ok(minutes),
                Ok(seconds),
                Ok(nanoseconds),
            ) if !span.is_negative()
                && minutes <= Self::TIME_COUNT_MAX
                && seconds <= Self::TIME_COUNT_MAX =>
            {
                Ok(Self::ZERO
                    .with_years(years)
                    .with_months(months)
                    .with_weeks(weeks)
                    .with_days(days)
                    .with_hours(hours)
                    .with_minutes(minutes)
                    .with_seconds(seconds)
                    .with_nanoseconds(nanoseconds))
            }
            _ => Err(JiffError(
                "the span is negative or beyond the limits of a period",
            )),
        }
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "jiff")))]
impl TryFrom<&TimeZone> for Zone {
    type Error = JiffError;

    /// Takes a zone by its IANA name, or a fixed offset.
    fn try_from(zone: &TimeZone) -> Result<Self, JiffError> {
        if let Some(name) = zone.iana_name() {
            return match name.parse() {
                Ok(zone) => Ok(zone),
                Err(_) => Err(JiffError("the zone is not in the compiled database")),
            };
        }
        match zone.to_fixed_offset() {
            Ok(offset) => Ok(Self(Place::Fixed(offset.seconds()))),
            Err(_) => Err(JiffError("the zone has neither a name nor a fixed offset")),
        }
    }
}
