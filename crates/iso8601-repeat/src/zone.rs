//! Time zones by name, and fixed offsets.
//!
//! Owns [`Zone`]; chrono-tz stands behind it and never shows. How a clock reading becomes an instant is in
//! `zone::offsets`, the transition list in `zone::table`, Java's names in `zone::java`.

mod fold;
mod java;
pub(crate) mod offsets;
pub(crate) mod table;

use chrono::{DateTime, FixedOffset, Offset as _, Utc};
use chrono_tz::Tz;
use core::{fmt, str::FromStr};
use offsets::{Offsets as _, PlainOffsets};

/// A time zone: one of the IANA database by its name, or a fixed offset.
///
/// Names are case-sensitive, and an unknown one is an error. After the year 2099, where the compiled database ends,
/// the rules of 2099 go on for ever.
///
/// # Examples
///
/// ```
/// use iso8601_repeat::Zone;
///
/// let paris: Zone = "Europe/Paris".parse()?;
/// assert_eq!(paris.to_string(), "Europe/Paris");
/// assert!("europe/paris".parse::<Zone>().is_err());
/// assert!("PST".parse::<Zone>().is_err());
/// # Ok::<(), iso8601_repeat::UnknownZone>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Zone(pub(crate) Place);

/// Where a schedule lives.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Place {
    /// Seconds east of UTC.
    Fixed(i32),
    Named(Tz),
}

impl Place {
    /// UTC under its IANA names needs no database.
    pub(crate) fn simplest(self) -> Self {
        let is_utc = matches!(
            self,
            Self::Named(
                Tz::UTC | Tz::Etc__UTC | Tz::GMT | Tz::Etc__GMT | Tz::Etc__UCT | Tz::UCT | Tz::Zulu
            )
        );
        if is_utc { Self::Fixed(0) } else { self }
    }
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Place::Named(Tz::UTC));

    /// A zone that never changes its offset.
    pub const fn fixed(offset: FixedOffset) -> Self {
        Self(Place::Fixed(offset.local_minus_utc()))
    }

    /// The zone that Java and Joda-Time understand by an id; `None` for an id that Java does not know.
    ///
    /// Beside the IANA names these are the three-letter ids of old (`BST` is Dhaka, `IST` Kolkata, `EST` New York with
    /// daylight saving time), `Z`, and custom ids such as `GMT+3` and `GMT-03:30`. The Scala scheduler Chronos looked
    /// up its zones in this way, and took an unknown id for UTC without a word; here the caller decides.
    ///
    /// # Examples
    ///
    /// ```
    /// use iso8601_repeat::Zone;
    ///
    /// assert_eq!(Zone::from_java_id("BST").unwrap().to_string(), "Asia/Dhaka");
    /// assert_eq!(Zone::from_java_id("Europe/Paris"), Some("Europe/Paris".parse()?));
    /// assert_eq!(Zone::from_java_id("GMT+3").unwrap().to_string(), "+03:00");
    /// assert_eq!(Zone::from_java_id("Nowhere/Land"), None);
    /// # Ok::<(), iso8601_repeat::UnknownZone>(())
    /// ```
    pub fn from_java_id(id: &str) -> Option<Self> {
        java::zone(id)
    }

    /// The IANA name; `None` for a fixed offset.
    pub fn name(&self) -> Option<&'static str> {
        match self.0 {
            Place::Fixed(_) => None,
            Place::Named(tz) => Some(tz.name()),
        }
    }

    /// The offset in force at an instant, for printing an occurrence as people read it on the clock.
    ///
    /// # Examples
    ///
    /// ```
    /// use iso8601_repeat::Zone;
    ///
    /// let berlin: Zone = "Europe/Berlin".parse()?;
    /// assert_eq!(berlin.offset_at("2024-01-01T00:00:00Z".parse()?).to_string(), "+01:00");
    /// assert_eq!(berlin.offset_at("2124-07-01T00:00:00Z".parse()?).to_string(), "+02:00");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn offset_at(&self, instant: DateTime<Utc>) -> FixedOffset {
        let seconds = match self.0 {
            Place::Fixed(offset) => offset,
            Place::Named(tz) => PlainOffsets(tz).offset_at(instant.timestamp()),
        };
        // All offsets of the database are below a day.
        FixedOffset::east_opt(seconds).unwrap_or_else(|| Utc.fix())
    }

    /// The release of the IANA database behind the names, such as `2025b`.
    pub const fn database_version() -> &'static str {
        chrono_tz::IANA_TZDB_VERSION
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        match name.parse() {
            Ok(tz) => Ok(Self(Place::Named(tz))),
            Err(_) => Err(UnknownZone(())),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Place::Named(tz) => f.write_str(tz.name()),
            Place::Fixed(0) => f.write_str("Z"),
            Place::Fixed(offset) => {
                let sign = if offset < 0 { '-' } else { '+' };
                let (minutes, seconds) = (offset.unsigned_abs() / 60, offset.unsigned_abs() % 60);
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)?;
                if seconds > 0 {
                    write!(f, ":{seconds:02}")
                } else {
                    Ok(())
                }
            }
        }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The name is not in the IANA database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownZone(());

impl fmt::Display for UnknownZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the zone is not in the IANA database, whose names are like 'Europe/Paris'")
    }
}

impl core::error::Error for UnknownZone {}
