//! The years after the compiled zone database.
//!
//! chrono-tz lists transitions up to the end of 2099 and has no rules for what follows. All rules in force then depend
//! on month, day and weekday only, so that a later year has the offsets of any year with the same weekdays. Owns the
//! choice of that year.

use crate::civil::{DAY, civil_from_days, days_from_civil};

/// The first second that chrono-tz knows nothing of: 2100-01-01 in UTC, or on the clock.
pub(super) const KNOWN_UNTIL: i64 = days_from_civil(2100, 1, 1) as i64 * DAY;

/// The firsts of March, by weekday from Thursday, that begin a year like any other.
///
/// A year from March to February has the weekdays of every other year that begins with the same one; its 29th of
/// February falls to the March that follows, which has the same offset. The eleven such years between 2088 and 2099
/// begin with all seven weekdays. Earlier ones will not do: up to 2087 the database lists exceptions (Morocco and
/// Palestine change their clocks for Ramadan).
#[expect(
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    reason = "a remainder of 7 of a later day than 1970 is an index of 7; a mistake would not compile"
)]
const MARCHES: [i32; 7] = {
    let mut marches = [0; 7];
    let mut year = 2088;
    while year < 2099 {
        let march = days_from_civil(year, 3, 1);
        marches[(march % 7) as usize] = march;
        year += 1;
    }
    marches
};

/// A stretch of later days, and how far back the days lie that stand for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fold {
    /// Seconds to go back.
    pub(super) back: i64,
    /// The year from March on in which this holds.
    pub(super) from: i64,
    pub(super) until: i64,
}

/// Where to look for a second, in UTC or on the clock, that chrono-tz does not know.
#[inline]
pub(super) fn fold(seconds: i64) -> Option<Fold> {
    if seconds < KNOWN_UNTIL {
        None
    } else {
        Some(fold_later(seconds))
    }
}

#[expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    reason = "positive seconds up to some hours beyond chrono's range make positive day numbers below 2^27; a remainder of 7 is an index of 7"
)]
fn fold_later(seconds: i64) -> Fold {
    let days = (seconds / DAY) as i32;
    let march = days - civil_from_days(days).1 as i32;
    let back = march - MARCHES[(march % 7) as usize];
    Fold {
        back: i64::from(back) * DAY,
        from: i64::from(march) * DAY,
        until: i64::from(march + 365) * DAY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_later_day_has_a_day_with_its_weekday_and_date() {
        assert!(fold(KNOWN_UNTIL - 1).is_none());
        let first = days_from_civil(2100, 1, 1);
        for days in first..first + 400 * 366 {
            let fold = fold(i64::from(days) * DAY + 1).unwrap();
            let like = days - i32::try_from(fold.back / DAY).unwrap();
            assert_eq!(days % 7, like % 7);
            let (this, that) = (civil_from_days(days).0, civil_from_days(like).0);
            assert!((2088..=2099).contains(&that.year));
            if (this.month, this.day) != (2, 29) {
                assert_eq!((this.month, this.day), (that.month, that.day));
            }
        }
    }
}
