//! What a schedule is told beside the text: zone, policies, anchor.

use crate::Zone;
use chrono::{DateTime, Utc};
use core::{fmt, str::FromStr};

/// How an interval becomes a [`Schedule`](crate::Schedule): zone, policies and anchor.
///
/// # Examples
///
/// ```
/// use iso8601_repeat::{Gap, Options, RepeatingInterval};
///
/// let daily: RepeatingInterval = "R/2017-03-25T02:30/P1D".parse()?;
/// let options = Options::new().zone("Europe/Paris".parse()?).gap(Gap::Skip);
/// let schedule = daily.schedule(&options)?;
/// // On the 26th the clock goes from 02:00 to 03:00.
/// let days: Vec<_> = schedule.iter().take(2).map(|occurrence| occurrence.at.to_rfc3339()).collect();
/// assert_eq!(days, ["2017-03-25T01:30:00+00:00", "2017-03-27T00:30:00+00:00"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub(crate) zone: Option<Zone>,
    pub(crate) fallback_zone: Option<Zone>,
    pub(crate) offset_policy: OffsetPolicy,
    pub(crate) gap: Gap,
    pub(crate) overlap: Overlap,
    pub(crate) anchor: Option<DateTime<Utc>>,
}

impl Options {
    /// No zone, no anchor, the default policies.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the zone in whose calendar the schedule runs.
    ///
    /// Without one, the calendar is that of the offset in the text.
    #[must_use]
    pub const fn zone(mut self, zone: Zone) -> Self {
        self.zone = Some(zone);
        self
    }

    /// Sets the zone for a text that has no offset, in case no [`zone`](Self::zone) is set.
    ///
    /// It never touches a text with an offset.
    #[must_use]
    pub const fn fallback_zone(mut self, zone: Zone) -> Self {
        self.fallback_zone = Some(zone);
        self
    }

    /// Sets what happens when there is both a zone and an offset in the text.
    #[must_use]
    pub const fn offset_policy(mut self, policy: OffsetPolicy) -> Self {
        self.offset_policy = policy;
        self
    }

    /// Sets what happens to a clock reading that does not exist because clocks go forward over it.
    #[must_use]
    pub const fn gap(mut self, gap: Gap) -> Self {
        self.gap = gap;
        self
    }

    /// Sets which instant is meant by a clock reading that comes twice because clocks go back.
    #[must_use]
    pub const fn overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// Sets the anchor of an interval that names neither start nor end, or has an empty start.
    #[must_use]
    pub const fn anchor(mut self, anchor: DateTime<Utc>) -> Self {
        self.anchor = Some(anchor);
        self
    }
}

/// What wins when there is both a zone and an offset in the text.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum OffsetPolicy {
    /// The instant: `13:00-04:00` in Los Angeles is nine in the morning there.
    #[default]
    KeepInstant,
    /// The clock reading: `13:00-04:00` in Los Angeles is one in the afternoon there, and the offset is dropped.
    ///
    /// This is what the Scala scheduler Chronos does.
    KeepLocal,
}

/// What happens to a clock reading that does not exist because clocks go forward over it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Gap {
    /// It moves forward by the length of the gap: 02:30 becomes 03:30 on that day, and on that day only.
    #[default]
    Shift,
    /// It does not occur, though it keeps its index and consumes its count.
    Skip,
}

/// Which instant is meant by a clock reading that comes twice because clocks go back.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Overlap {
    /// The first one.
    #[default]
    First,
    /// The second one.
    Second,
    /// Both, with the same index and at the cost of one count.
    Both,
}

/// Prints and reads a policy by its words.
macro_rules! words {
    ($type:ident, $($value:ident => $word:literal),+; $expected:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$value => $word),+
                })
            }
        }

        impl FromStr for $type {
            type Err = UnknownPolicy;

            fn from_str(word: &str) -> Result<Self, UnknownPolicy> {
                match word {
                    $($word => Ok(Self::$value),)+
                    _ => Err(UnknownPolicy($expected)),
                }
            }
        }
    };
}

words!(OffsetPolicy, KeepInstant => "instant", KeepLocal => "local"; "'instant' or 'local'");
words!(Gap, Shift => "shift", Skip => "skip"; "'shift' or 'skip'");
words!(Overlap, First => "first", Second => "second", Both => "both"; "'first', 'second' or 'both'");

/// The word is no policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownPolicy(&'static str);

impl fmt::Display for UnknownPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.0)
    }
}

impl core::error::Error for UnknownPolicy {}
