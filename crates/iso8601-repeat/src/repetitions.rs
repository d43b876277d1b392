//! How often an interval repeats.

use core::fmt;

/// The number of occurrences of a repeating interval.
///
/// `Rn` stands for **n** occurrences in all, the anchor included; `R` alone has no end.
///
/// # Examples
///
/// ```
/// use iso8601_repeat::{RepeatingInterval, Repetitions};
///
/// let five: RepeatingInterval = "R5/2012-02-05T08:00:00Z/P1M".parse()?;
/// assert_eq!(five.repetitions(), Repetitions::Times(5));
/// let endless: RepeatingInterval = "R/2012-02-05T08:00:00Z/P1M".parse()?;
/// assert_eq!(endless.repetitions(), Repetitions::Unbounded);
/// # Ok::<(), iso8601_repeat::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Repetitions {
    /// Exactly this many occurrences; zero is an empty schedule.
    Times(u64),
    /// No end.
    #[default]
    Unbounded,
}

impl Repetitions {
    /// The number of occurrences, `None` where there is no end.
    pub const fn times(self) -> Option<u64> {
        match self {
            Self::Times(count) => Some(count),
            Self::Unbounded => None,
        }
    }

    /// Whether at most one occurrence is asked for, so that the length of the period does not matter.
    pub(crate) const fn is_at_most_once(self) -> bool {
        matches!(self, Self::Times(0 | 1))
    }
}

impl fmt::Display for Repetitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(count) => write!(f, "R{count}"),
            Self::Unbounded => f.write_str("R"),
        }
    }
}

impl From<Option<u64>> for Repetitions {
    fn from(times: Option<u64>) -> Self {
        times.map_or(Self::Unbounded, Self::Times)
    }
}
