//! The proleptic Gregorian calendar on plain integers.
//!
//! Owns the conversion between day numbers and dates. Day 0 is 1970-01-01. It knows nothing of zones, text or
//! policies. The two conversions are branch-free divisions by constants, because every step of a calendar schedule
//! goes through them.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "every sum is bounded by the year range that the callers check; the derivations stand beside the constants"
)]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "the biased values are positive and below 2^31 for every year in YEAR_MIN..=YEAR_MAX"
)]

/// The first year that every date of it fits chrono's `NaiveDate`.
pub(crate) const YEAR_MIN: i32 = -262_143;
/// The last year that every date of it fits chrono's `NaiveDate`.
pub(crate) const YEAR_MAX: i32 = 262_142;
/// Seconds in a civil day.
pub(crate) const DAY: i64 = 86_400;

/// A multiple of 400 years that makes every year of the range positive: 700 cycles.
const YEAR_BIAS: i32 = 280_000;
const MONTH_BIAS: i64 = YEAR_BIAS as i64 * 12;
/// From the biased 0000-03-01 to 1970-01-01: 700 cycles of 146,097 days and 719,468 days.
const DAY_BIAS: i32 = 700 * 146_097 + 719_468;

/// A date as it is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Civil {
    pub(crate) year: i32,
    /// 1 to 12.
    pub(crate) month: u32,
    /// 1 to 31.
    pub(crate) day: u32,
}

impl Civil {
    /// Months since January of the year 0.
    #[inline]
    pub(crate) const fn month_index(self) -> i32 {
        self.year * 12 + self.month as i32 - 1
    }
}

/// The day number of a date whose year lies in `YEAR_MIN - 1..=YEAR_MAX + 1`.
#[inline]
pub(crate) const fn days_from_civil(year: i32, month: u32, day: u32) -> i32 {
    let early = (month <= 2) as u32;
    let y = (year + YEAR_BIAS) as u32 - early;
    // Months counted from March: 979 * m - 2919 over 32 is the number of days before month m (Neri and Schneider).
    let m = month + 12 * early;
    let century = y / 100;
    let before_year = 1461 * y / 4 - century + century / 4;
    let before_month = (979 * m - 2919) / 32;
    (before_year + before_month + day - 1) as i32 - DAY_BIAS
}

/// The date of a day number, and the days since the first of March on or before it.
#[inline]
pub(crate) const fn civil_from_days(days: i32) -> (Civil, u32) {
    let n1 = 4 * (days + DAY_BIAS) as u32 + 3;
    let century = n1 / 146_097;
    let n2 = (n1 % 146_097) | 3;
    let p2 = 2_939_745 * n2 as u64;
    let year_of_century = (p2 >> 32) as u32;
    let since_march = (p2 as u32) / 2_939_745 / 4;
    let n3 = 2141 * since_march + 197_913;
    let late = since_march >= 306;
    let civil = Civil {
        year: (100 * century + year_of_century + late as u32) as i32 - YEAR_BIAS,
        month: (n3 >> 16) - if late { 12 } else { 0 },
        day: (n3 & 0xFFFF) / 2141 + 1,
    };
    (civil, since_march)
}

/// The day number of a day in a month, which is cut to the end of the month; `None` beyond the range.
///
/// The month is given as a count of months since January of the year 0.
#[inline]
pub(crate) const fn day_in_month(months: i64, day: u32) -> Option<i32> {
    if months < YEAR_MIN as i64 * 12 || YEAR_MAX as i64 * 12 + 11 < months {
        return None;
    }
    Some(day_in_month_in_range(months, day))
}

/// The same for a month that is known to be in range.
#[inline]
pub(crate) const fn day_in_month_in_range(months: i64, day: u32) -> i32 {
    // Counted from March, so that the day that a leap year adds comes last.
    let biased = (months + MONTH_BIAS - 2) as u32;
    let (year, month) = (biased / 12, biased % 12);
    let day = if day > 28 {
        let length = if month == 11 {
            28 + is_leap_year(year as i32 + 1) as u32
        } else {
            // From January down to March: 31, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31.
            30 + ((0b110_1011_0101 >> month) & 1)
        };
        if day < length { day } else { length }
    } else {
        day
    };
    // As in `days_from_civil`, where March is 3.
    let century = year / 100;
    let before_year = 1461 * year / 4 - century + century / 4;
    let before_month = (979 * month + 18) / 32;
    (before_year + before_month + day - 1) as i32 - DAY_BIAS
}

/// The day number of a day of a year, the first being 0.
#[inline]
pub(crate) const fn days_from_ordinal0(year: i32, ordinal0: u32) -> i32 {
    // From 0001-01-01 to 1970-01-01 there are 719,162 days.
    const BIAS: i32 = 700 * 146_097 + 719_162;
    let before = (year + YEAR_BIAS - 1) as u32;
    let century = before / 100;
    (1461 * before / 4 - century + century / 4 + ordinal0) as i32 - BIAS
}

/// The day number and the second of the day of a count of seconds within a few days of chrono's range.
///
/// The bias makes it positive, since a signed division costs twice as much.
#[inline]
pub(crate) const fn day_and_second(seconds: i64) -> (i32, u32) {
    const BIAS: i64 = DAY_BIAS as i64 * DAY;
    let biased = (seconds + BIAS) as u64;
    let (day, second) = (biased / DAY as u64, biased % DAY as u64);
    (day as i32 - DAY_BIAS, second as u32)
}

/// The whole days of the seconds between two instants of chrono's range, rounded down.
#[inline]
pub(crate) const fn whole_days(distance: i64) -> i64 {
    const BIAS: i64 = 1 << 30;
    ((distance + BIAS * DAY) as u64 / DAY as u64) as i64 - BIAS
}

/// The year of a day number, and the day of that year, from 1.
#[inline]
pub(crate) const fn ordinal_from_days(days: i32) -> (i32, u32) {
    let n1 = 4 * (days + DAY_BIAS) as u32 + 3;
    let century = n1 / 146_097;
    let p2 = 2_939_745 * ((n1 % 146_097) | 3) as u64;
    let since_march = (p2 as u32) / 2_939_745 / 4;
    let march_year = (100 * century + (p2 >> 32) as u32) as i32 - YEAR_BIAS;
    if since_march >= 306 {
        (march_year + 1, since_march - 305)
    } else {
        (
            march_year,
            since_march + 60 + is_leap_year(march_year) as u32,
        )
    }
}

/// Whether the year has a 29th of February.
#[inline]
pub(crate) const fn is_leap_year(year: i32) -> bool {
    let century = year % 100 == 0;
    year & (if century { 15 } else { 3 }) == 0
}

/// The number of days in a month.
#[inline]
pub(crate) const fn days_in_month(year: i32, month: u32) -> u32 {
    if month == 2 {
        28 + is_leap_year(year) as u32
    } else {
        // The months 4, 6, 9 and 11 have an even number of bits set among the first and the fourth.
        0b1_1110 | (month ^ (month >> 3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Datelike, NaiveDate};

    #[test]
    fn agrees_with_chrono_on_every_day_of_1600_years() {
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)
            .unwrap()
            .num_days_from_ce();
        let mut date = NaiveDate::from_ymd_opt(1599, 12, 25).unwrap();
        while date.year() < 3200 {
            let days = date.num_days_from_ce() - epoch;
            let civil = Civil {
                year: date.year(),
                month: date.month(),
                day: date.day(),
            };
            assert_eq!(days_from_civil(civil.year, civil.month, civil.day), days);
            let months = i64::from(civil.month_index());
            assert_eq!(day_in_month(months, civil.day), Some(days));
            let (back, since_march) = civil_from_days(days);
            assert_eq!(back, civil);
            let march = civil.year - i32::from(civil.month < 3);
            assert_eq!(since_march as i32, days - days_from_civil(march, 3, 1));
            assert_eq!(days_from_ordinal0(date.year(), date.ordinal0()), days);
            date = date.succ_opt().unwrap();
        }
    }

    #[test]
    fn agrees_with_chrono_at_the_ends_of_its_range() {
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)
            .unwrap()
            .num_days_from_ce();
        for date in [NaiveDate::MIN, NaiveDate::MAX] {
            let days = date.num_days_from_ce() - epoch;
            assert_eq!(days_from_civil(date.year(), date.month(), date.day()), days);
            let civil = Civil {
                year: date.year(),
                month: date.month(),
                day: date.day(),
            };
            assert_eq!(civil_from_days(days).0, civil);
            assert_eq!(days_from_ordinal0(date.year(), date.ordinal0()), days);
            for second in [-DAY, -1, 0, 1, DAY - 1, DAY] {
                let seconds = i64::from(days) * DAY + second;
                let split = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
                let (day, rest) = day_and_second(seconds);
                assert_eq!((i64::from(day), i64::from(rest)), split);
                assert_eq!(whole_days(2 * seconds), (2 * seconds).div_euclid(DAY));
            }
        }
    }

    #[test]
    fn months_end_with_the_range_of_years() {
        let (first, last) = (i64::from(YEAR_MIN) * 12, i64::from(YEAR_MAX) * 12 + 11);
        assert_eq!(
            day_in_month(first, 31),
            Some(days_from_civil(YEAR_MIN, 1, 31))
        );
        assert_eq!(
            day_in_month(last, 31),
            Some(days_from_civil(YEAR_MAX, 12, 31))
        );
        assert_eq!(day_in_month(first - 1, 31), None);
        assert_eq!(day_in_month(last + 1, 31), None);
    }

    #[test]
    fn knows_the_lengths_of_months() {
        for year in -400..2800 {
            for month in 1..=12 {
                let last = (28..=31)
                    .rev()
                    .find_map(|day| NaiveDate::from_ymd_opt(year, month, day));
                assert_eq!(days_in_month(year, month), last.unwrap().day());
                let months = i64::from(year) * 12 + i64::from(month) - 1;
                let by_number = days_from_civil(year, month, last.unwrap().day());
                assert_eq!(day_in_month(months, 31), Some(by_number));
            }
        }
    }
}
