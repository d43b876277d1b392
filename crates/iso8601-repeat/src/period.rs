//! Periods: the distance between two occurrences.
//!
//! Owns the value, its spelling and its printing. Reading stands in `parse::period`, arithmetic in `schedule`.

use crate::{ParseError, Profile, parse};
use core::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    time::Duration,
};

/// The distance between two occurrences: months, days and an exact time, which never mix.
///
/// A month is not thirty days and a day is not 24 hours where clocks change, so the three are kept apart. Within each
/// part the units have fixed ratios, and periods compare equal when their parts do: `P1Y` is `P12M` and `P1W` is
/// `P7D`, but `PT24H` is not `P1D`. Printing gives the units back as they were written.
///
/// A fraction may stand at the last unit. A fraction of an hour, a minute or a second is exact; a day or a week with
/// a fraction is that many times 24 hours of exact time, so `P1.5D` is `PT36H`. A fraction of a month or a year has
/// no agreed meaning and is refused.
///
/// # Examples
///
/// ```
/// use iso8601_repeat::Period;
///
/// let period: Period = "P1Y2M3W4DT5H6M7.5S".parse()?;
/// assert_eq!((period.months(), period.days()), (14, 25));
/// assert_eq!((period.seconds(), period.nanoseconds()), (18_367, 500_000_000));
/// assert_eq!(period.to_string(), "P1Y2M3W4DT5H6M7.5S");
///
/// assert_eq!("P1Y".parse::<Period>()?, "P12M".parse()?);
/// assert_ne!("P1D".parse::<Period>()?, "PT24H".parse()?);
/// # Ok::<(), iso8601_repeat::ParseError>(())
/// ```
#[derive(Clone, Copy, Default)]
pub struct Period {
    pub(crate) minutes: u64,
    pub(crate) seconds: u64,
    pub(crate) years: u32,
    pub(crate) months: u32,
    pub(crate) weeks: u32,
    pub(crate) days: u32,
    pub(crate) hours: u32,
    /// Billionths of the unit that `fraction_of` names.
    pub(crate) fraction: u32,
    pub(crate) fraction_of: Unit,
}

/// The unit that carries the fraction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Unit {
    #[default]
    Second,
    Minute,
    Hour,
    Day,
    Week,
}

impl Unit {
    const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 604_800,
        }
    }
}

/// Billionths in a whole.
pub(crate) const BILLION: u32 = 1_000_000_000;

#[expect(
    clippy::arithmetic_side_effects,
    reason = "u32 counts times at most 604,800 and u64 counts below 10^10 times 60 stay below 2^63"
)]
impl Period {
    /// The period of no length.
    pub const ZERO: Self = Self {
        minutes: 0,
        seconds: 0,
        years: 0,
        months: 0,
        weeks: 0,
        days: 0,
        hours: 0,
        fraction: 0,
        fraction_of: Unit::Second,
    };

    /// The biggest count of minutes or seconds: ten digits.
    ///
    /// Other units end at `u32::MAX`, which is beyond the range of dates for all of them.
    pub const TIME_COUNT_MAX: u64 = 9_999_999_999;

    /// Reads a period in the given profile.
    ///
    /// # Errors
    ///
    /// When the whole text is not one period.
    pub fn parse(text: &str, profile: Profile) -> Result<Self, ParseError> {
        parse::period_text(text, profile)
    }

    /// Sets the years.
    #[must_use]
    pub const fn with_years(mut self, years: u32) -> Self {
        self.years = years;
        self
    }

    /// Sets the months that are written beside the years.
    #[must_use]
    pub const fn with_months(mut self, months: u32) -> Self {
        self.months = months;
        self
    }

    /// Sets the weeks.
    #[must_use]
    pub const fn with_weeks(mut self, weeks: u32) -> Self {
        self.weeks = weeks;
        self
    }

    /// Sets the days that are written beside the weeks.
    #[must_use]
    pub const fn with_days(mut self, days: u32) -> Self {
        self.days = days;
        self
    }

    /// Sets the hours.
    #[must_use]
    pub const fn with_hours(mut self, hours: u32) -> Self {
        self.hours = hours;
        self
    }

    /// Sets the minutes; counts beyond [`TIME_COUNT_MAX`](Self::TIME_COUNT_MAX) are cut to it.
    #[must_use]
    pub const fn with_minutes(mut self, minutes: u64) -> Self {
        self.minutes = if minutes < Self::TIME_COUNT_MAX {
            minutes
        } else {
            Self::TIME_COUNT_MAX
        };
        self
    }

    /// Sets the seconds; counts beyond [`TIME_COUNT_MAX`](Self::TIME_COUNT_MAX) are cut to it.
    #[must_use]
    pub const fn with_seconds(mut self, seconds: u64) -> Self {
        self.seconds = if seconds < Self::TIME_COUNT_MAX {
            seconds
        } else {
            Self::TIME_COUNT_MAX
        };
        self
    }

    /// Sets the fraction of a second, in nanoseconds, and drops any other fraction.
    ///
    /// Values of a second and more are cut to 999,999,999.
    #[must_use]
    pub const fn with_nanoseconds(mut self, nanoseconds: u32) -> Self {
        self.fraction = if nanoseconds < BILLION {
            nanoseconds
        } else {
            BILLION - 1
        };
        self.fraction_of = Unit::Second;
        self
    }

    /// The calendar months, twelve for each year.
    pub const fn months(&self) -> u64 {
        self.years as u64 * 12 + self.months as u64
    }

    /// The calendar days, seven for each week, less those of a unit with a fraction, which are exact time.
    pub const fn days(&self) -> u64 {
        let weeks = if self.has_fraction_of(Unit::Week) {
            0
        } else {
            self.weeks as u64
        };
        let days = if self.has_fraction_of(Unit::Day) {
            0
        } else {
            self.days as u64
        };
        weeks * 7 + days
    }

    /// The whole seconds of the exact time.
    pub const fn seconds(&self) -> u64 {
        let weeks = if self.has_fraction_of(Unit::Week) {
            self.weeks as u64
        } else {
            0
        };
        let days = if self.has_fraction_of(Unit::Day) {
            self.days as u64
        } else {
            0
        };
        // At most 604,800 * (10^9 - 1) billionths, which is below 2^50.
        let fraction = self.fraction as u64 * self.fraction_of.seconds() / BILLION as u64;
        weeks * 604_800
            + days * 86_400
            + self.hours as u64 * 3_600
            + self.minutes * 60
            + self.seconds
            + fraction
    }

    /// The nanoseconds beside the whole seconds, below 10⁹.
    #[expect(clippy::cast_possible_truncation, reason = "a remainder of 10^9 fits")]
    pub const fn nanoseconds(&self) -> u32 {
        (self.fraction as u64 * self.fraction_of.seconds() % BILLION as u64) as u32
    }

    /// Whether the period has no length at all.
    pub const fn is_zero(&self) -> bool {
        self.years == 0
            && self.months == 0
            && self.weeks == 0
            && self.days == 0
            && self.hours == 0
            && self.minutes == 0
            && self.seconds == 0
            && self.fraction == 0
    }

    /// Whether the period has no months and no days, so that it is the same span of time everywhere.
    pub const fn is_exact(&self) -> bool {
        self.months() == 0 && self.days() == 0
    }

    /// A length that the period never falls below: months of 28 days, days of 24 hours.
    ///
    /// Clock changes are not looked at: the day on which clocks go forward counts as a whole one.
    ///
    /// # Examples
    ///
    /// A caller that cannot run more than once in a second refuses what is shorter:
    ///
    /// ```
    /// use iso8601_repeat::Period;
    /// use std::time::Duration;
    ///
    /// let second = Duration::from_secs(1);
    /// assert!("PT0.5S".parse::<Period>()?.length_min() < second);
    /// assert!("PT1S".parse::<Period>()?.length_min() >= second);
    /// assert_eq!("P1M".parse::<Period>()?.length_min(), 28 * 24 * 3_600 * second);
    /// # Ok::<(), iso8601_repeat::ParseError>(())
    /// ```
    pub const fn length_min(&self) -> Duration {
        // At most 5.6e10 months of 2.4e6 s, 3.5e10 days of 8.6e4 s and 1.9e13 s: below 2^58.
        let seconds = (self.months() * 28 + self.days()) * 86_400 + self.seconds();
        Duration::new(seconds, self.nanoseconds())
    }

    const fn has_fraction_of(&self, unit: Unit) -> bool {
        self.fraction != 0 && self.fraction_of as u8 == unit as u8
    }

    fn key(&self) -> (u64, u64, u64, u32) {
        (
            self.months(),
            self.days(),
            self.seconds(),
            self.nanoseconds(),
        )
    }

    fn fmt_unit(
        &self,
        f: &mut fmt::Formatter<'_>,
        count: u64,
        unit: Option<Unit>,
        letter: char,
    ) -> fmt::Result {
        let fraction = match unit {
            Some(unit) if self.has_fraction_of(unit) => self.fraction,
            _ => 0,
        };
        if count == 0 && fraction == 0 {
            return Ok(());
        }
        write!(f, "{count}")?;
        fmt_fraction(f, fraction)?;
        write!(f, "{letter}")
    }
}

/// Prints billionths as a point and the digits that matter, or nothing.
pub(crate) fn fmt_fraction(f: &mut fmt::Formatter<'_>, billionths: u32) -> fmt::Result {
    if billionths == 0 {
        return Ok(());
    }
    let (mut digits, mut width) = (billionths, 9_usize);
    while digits % 10 == 0 {
        digits /= 10;
        width = width.saturating_sub(1);
    }
    write!(f, ".{digits:0width$}")
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("PT0S");
        }
        f.write_str("P")?;
        self.fmt_unit(f, self.years.into(), None, 'Y')?;
        self.fmt_unit(f, self.months.into(), None, 'M')?;
        self.fmt_unit(f, self.weeks.into(), Some(Unit::Week), 'W')?;
        self.fmt_unit(f, self.days.into(), Some(Unit::Day), 'D')?;
        let time_fraction =
            self.fraction != 0 && !matches!(self.fraction_of, Unit::Day | Unit::Week);
        if self.hours != 0 || self.minutes != 0 || self.seconds != 0 || time_fraction {
            f.write_str("T")?;
        }
        self.fmt_unit(f, self.hours.into(), Some(Unit::Hour), 'H')?;
        self.fmt_unit(f, self.minutes, Some(Unit::Minute), 'M')?;
        self.fmt_unit(f, self.seconds, Some(Unit::Second), 'S')
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Period {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text, Profile::Iso)
    }
}

impl PartialEq for Period {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Period {}

impl Hash for Period {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl From<Duration> for Period {
    /// An exact period; whole seconds beyond [`Period::TIME_COUNT_MAX`] are cut to it.
    fn from(duration: Duration) -> Self {
        Self::ZERO
            .with_seconds(duration.as_secs())
            .with_nanoseconds(duration.subsec_nanos())
    }
}
