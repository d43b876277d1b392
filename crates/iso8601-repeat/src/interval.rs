//! Repeating intervals: the value that the text stands for.

use crate::{Moment, ParseError, Period, Profile, Repetitions, parse};
use core::{fmt, str::FromStr};

/// A repeating interval as it was written: how often, from or to where, at which distance.
///
/// It is one of four forms, and holds no zone: [`schedule`](Self::schedule) puts it into one.
///
/// | Form | Meaning |
/// |---|---|
/// | `R5/2012-02-05T08:00:00Z/P1M` | five occurrences, the first at the start |
/// | `R5/P1M/2012-06-05T08:00:00Z` | five occurrences, the last at the end |
/// | `R5/2012-02-05T08:00:00Z/2012-02-05T09:30:00Z` | five occurrences, the first two as given, at their exact distance |
/// | `R5/P1M` | five occurrences, from an anchor that the schedule is told |
///
/// # Examples
///
/// ```
/// use iso8601_repeat::{RepeatingInterval, Repetitions};
///
/// let interval: RepeatingInterval = "R5/20120205T080000+08:00/P1M".parse()?;
/// assert_eq!(interval.repetitions(), Repetitions::Times(5));
/// assert_eq!(interval.period().unwrap().months(), 1);
/// assert_eq!(interval.to_string(), "R5/2012-02-05T08:00:00+08:00/P1M");
/// # Ok::<(), iso8601_repeat::ParseError>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct RepeatingInterval {
    repetitions: Repetitions,
    body: Body,
}

/// The four forms, and the one of Chronos.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Body {
    StartPeriod(Moment, Period),
    PeriodEnd(Period, Moment),
    StartEnd(Moment, Moment),
    Period(Period),
    /// An empty start, which stands for "now".
    NowPeriod(Period),
}

impl Body {
    /// Whether the occurrences would all fall together, as far as that can be said without a zone.
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Self::StartPeriod(_, period)
            | Self::PeriodEnd(period, _)
            | Self::Period(period)
            | Self::NowPeriod(period) => period.is_zero(),
            Self::StartEnd(start, end) => start.is_same_instant(end),
        }
    }
}

impl RepeatingInterval {
    pub(crate) const fn from_parts(repetitions: Repetitions, body: Body) -> Self {
        Self { repetitions, body }
    }

    /// Reads an interval in the given profile.
    ///
    /// # Errors
    ///
    /// When the whole text is not one repeating interval.
    ///
    /// # Examples
    ///
    /// ```
    /// use iso8601_repeat::{Profile, RepeatingInterval};
    ///
    /// let lax = RepeatingInterval::parse("R3/2012-2-5T8:00z/Pt1h", Profile::Chronos)?;
    /// assert_eq!(lax.to_string(), "R3/2012-02-05T08:00:00Z/PT1H");
    /// # Ok::<(), iso8601_repeat::ParseError>(())
    /// ```
    pub fn parse(text: &str, profile: Profile) -> Result<Self, ParseError> {
        parse::interval_text(text, profile)
    }

    /// Starts building an interval from parts.
    pub fn builder() -> IntervalBuilder {
        IntervalBuilder::default()
    }

    /// How many occurrences there are.
    pub const fn repetitions(&self) -> Repetitions {
        self.repetitions
    }

    /// The same interval with another number of occurrences.
    ///
    /// # Errors
    ///
    /// When a period of no length would repeat.
    pub fn with_repetitions(self, repetitions: Repetitions) -> Result<Self, BuildError> {
        if self.body.is_zero() && !repetitions.is_at_most_once() {
            return Err(BuildError::Zero);
        }
        Ok(Self {
            repetitions,
            ..self
        })
    }

    /// The start; `None` in the forms without one.
    pub const fn start(&self) -> Option<Moment> {
        match self.body {
            Body::StartPeriod(start, _) | Body::StartEnd(start, _) => Some(start),
            Body::PeriodEnd(..) | Body::Period(_) | Body::NowPeriod(_) => None,
        }
    }

    /// The end; `None` in the forms without one.
    pub const fn end(&self) -> Option<Moment> {
        match self.body {
            Body::PeriodEnd(_, end) | Body::StartEnd(_, end) => Some(end),
            Body::StartPeriod(..) | Body::Period(_) | Body::NowPeriod(_) => None,
        }
    }

    /// The period; `None` where start and end stand for it.
    pub const fn period(&self) -> Option<Period> {
        match self.body {
            Body::StartPeriod(_, period)
            | Body::PeriodEnd(period, _)
            | Body::Period(period)
            | Body::NowPeriod(period) => Some(period),
            Body::StartEnd(..) => None,
        }
    }

    /// Whether the text names neither start nor end, so that a schedule has to be told an anchor.
    pub const fn needs_anchor(&self) -> bool {
        matches!(self.body, Body::Period(_) | Body::NowPeriod(_))
    }

    /// Whether a start or an end stands there without an offset, so that a schedule has to be told a zone.
    pub fn needs_zone(&self) -> bool {
        [self.start(), self.end()]
            .into_iter()
            .flatten()
            .any(|moment| moment.offset_seconds().is_none())
    }

    pub(crate) const fn body(&self) -> &Body {
        &self.body
    }
}

impl fmt::Display for RepeatingInterval {
    /// Prints the canonical text: extended format, calendar dates, whole times, units as they were written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repetitions = self.repetitions;
        match &self.body {
            Body::StartPeriod(start, period) => write!(f, "{repetitions}/{start}/{period}"),
            Body::PeriodEnd(period, end) => write!(f, "{repetitions}/{period}/{end}"),
            Body::StartEnd(start, end) => write!(f, "{repetitions}/{start}/{end}"),
            Body::Period(period) => write!(f, "{repetitions}/{period}"),
            Body::NowPeriod(period) => write!(f, "{repetitions}//{period}"),
        }
    }
}

impl fmt::Debug for RepeatingInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RepeatingInterval {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text, Profile::Iso)
    }
}

/// Builds a [`RepeatingInterval`] from parts instead of text.
///
/// # Examples
///
/// ```
/// use chrono::NaiveDate;
/// use iso8601_repeat::{Period, RepeatingInterval};
///
/// let start = NaiveDate::from_ymd_opt(2017, 1, 31).unwrap().and_hms_opt(2, 30, 0).unwrap();
/// let interval = RepeatingInterval::builder()
///     .times(12)
///     .start(start)
///     .period(Period::ZERO.with_months(1))
///     .build()?;
/// assert_eq!(interval.to_string(), "R12/2017-01-31T02:30:00/P1M");
/// # Ok::<(), iso8601_repeat::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct IntervalBuilder {
    repetitions: Repetitions,
    start: Option<Moment>,
    end: Option<Moment>,
    period: Option<Period>,
}

impl IntervalBuilder {
    /// Sets the number of occurrences; unbounded by default.
    #[must_use]
    pub const fn repetitions(mut self, repetitions: Repetitions) -> Self {
        self.repetitions = repetitions;
        self
    }

    /// Sets a bounded number of occurrences.
    #[must_use]
    pub const fn times(self, times: u64) -> Self {
        self.repetitions(Repetitions::Times(times))
    }

    /// Sets the start.
    #[must_use]
    pub fn start(mut self, start: impl Into<Moment>) -> Self {
        self.start = Some(start.into());
        self
    }

    /// Sets the end.
    #[must_use]
    pub fn end(mut self, end: impl Into<Moment>) -> Self {
        self.end = Some(end.into());
        self
    }

    /// Sets the period.
    #[must_use]
    pub const fn period(mut self, period: Period) -> Self {
        self.period = Some(period);
        self
    }

    /// Puts the parts together.
    ///
    /// # Errors
    ///
    /// When the parts make none of the four forms, the end is before the start, or a period of no length repeats.
    pub fn build(self) -> Result<RepeatingInterval, BuildError> {
        let body = match (self.start, self.period, self.end) {
            (Some(start), Some(period), None) => Body::StartPeriod(start, period),
            (None, Some(period), Some(end)) => Body::PeriodEnd(period, end),
            (Some(start), None, Some(end)) if end.is_before(&start) => {
                return Err(BuildError::EndBeforeStart);
            }
            (Some(start), None, Some(end)) => Body::StartEnd(start, end),
            (None, Some(period), None) => Body::Period(period),
            (Some(_), Some(_), Some(_)) => return Err(BuildError::Overdetermined),
            (_, None, _) => return Err(BuildError::Underdetermined),
        };
        RepeatingInterval {
            repetitions: Repetitions::Times(0),
            body,
        }
        .with_repetitions(self.repetitions)
    }
}

/// Why parts make no repeating interval.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum BuildError {
    /// Start, end and period were all given.
    Overdetermined,
    /// Two of start, end and period are needed, or the period alone.
    Underdetermined,
    /// The end is before the start.
    EndBeforeStart,
    /// A period of no length repeats.
    Zero,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overdetermined => "start, end and period are all given, one is too many",
            Self::Underdetermined => "two of start, end and period are needed, or the period alone",
            Self::EndBeforeStart => "the end is before the start",
            Self::Zero => "a period of no length cannot repeat",
        })
    }
}

impl core::error::Error for BuildError {}
