//! Which readings of a clock a cron expression names.
//!
//! On the local calendar alone: no zone, no change of clocks. One bit for each value, so that the
//! next reading is found by counting zeros, whatever the expression.

use chrono::{Datelike, NaiveDate};

use crate::wall_clock::{DAY, HOUR};

/// The most years between two readings: a fifth Monday of February comes every 28 years, and after
/// 40 where 2100, which has no leap day, lies between.
const YEARS_MAX: i32 = 41;

/// Months of a year.
const MONTHS: u32 = 12;

/// The values of each field, as bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Fields {
    pub(super) seconds: u64,
    pub(super) minutes: u64,
    pub(super) hours: u64,
    pub(super) months: u64,
    pub(super) days: Days,
}

/// The days of a month, by their number and by their weekday.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Days {
    /// Days by number.
    pub(super) numbers: u64,
    /// Days by number, moved to the nearest of Monday to Friday in the month (`15W`).
    pub(super) nearest: u64,
    /// The last day (`L`).
    pub(super) last: bool,
    /// The last of Monday to Friday (`LW`).
    pub(super) last_workday: bool,
    /// Weekdays, from Sunday.
    pub(super) weekdays: u64,
    /// Weekdays that count on their first, second, … occurrence in the month only (`MON#1`).
    pub(super) nth: [u64; 5],
    /// Weekdays that count on their last occurrence in the month only (`5L`).
    pub(super) last_of: u64,
    /// The field of day numbers is `*`, so that weekdays alone decide.
    pub(super) any_number: bool,
    /// The field of weekdays is `*`, so that numbers alone decide.
    pub(super) any_weekday: bool,
}

impl Fields {
    /// Finds the first reading at or after `from`, in seconds of the local calendar.
    pub(crate) fn next(&self, from: i64) -> Option<i64> {
        let (date, second) = split(from)?;
        if self.has_date(date)
            && let Some(second) = self.next_second(second)
        {
            return join(date, second);
        }
        let mut month = Month::of(date);
        let mut days = self.days_of(month) & above(date.day());
        for _ in 0..months_max() {
            if let Some(day) = lowest(days) {
                return join(month.date(day)?, self.next_second(0)?);
            }
            month = month.following();
            days = self.days_of(month);
        }
        None
    }

    /// Finds the last reading at or before `until`.
    pub(crate) fn prev(&self, until: i64) -> Option<i64> {
        let (date, second) = split(until)?;
        if self.has_date(date)
            && let Some(second) = self.prev_second(second)
        {
            return join(date, second);
        }
        let mut month = Month::of(date);
        let mut days = self.days_of(month) & !above(date.day().saturating_sub(1));
        for _ in 0..months_max() {
            if let Some(day) = highest(days) {
                return join(month.date(day)?, self.prev_second(DAY)?);
            }
            month = month.preceding();
            days = self.days_of(month);
        }
        None
    }

    /// Counts the readings after `after` and up to `until`; meant for a few days or months.
    pub(crate) fn count(&self, after: i64, until: i64) -> u64 {
        let (Some((first, second)), Some((last, until))) = (split(after), split(until)) else {
            return 0;
        };
        if last < first {
            return 0;
        }
        let part = |date, second| {
            if self.has_date(date) {
                self.seconds_up_to(second)
            } else {
                0
            }
        };
        // All of the days before the last one, and what of the last and the first does not count.
        let mut days = 0_u64;
        let mut month = Month::of(first);
        let end = Month::of(last);
        while month <= end {
            let mut listed = self.days_of(month);
            if month == Month::of(first) {
                listed &= above(first.day().saturating_sub(1));
            }
            if month == end {
                listed &= !above(last.day().saturating_sub(1));
            }
            days = days.saturating_add(u64::from(listed.count_ones()));
            month = month.following();
        }
        days.saturating_mul(self.seconds_up_to(DAY))
            .saturating_add(part(last, until))
            .saturating_sub(part(first, second))
    }

    /// Whether a reading is named.
    pub(crate) fn contains(&self, reading: i64) -> bool {
        split(reading).is_some_and(|(date, second)| {
            self.has_date(date) && self.next_second(second) == Some(second)
        })
    }

    fn has_date(&self, date: NaiveDate) -> bool {
        self.days_of(Month::of(date)) & bit(date.day()) != 0
    }

    /// The days of a month that are named.
    fn days_of(&self, month: Month) -> u64 {
        if self.months & bit(month.number) == 0 {
            return 0;
        }
        self.days.of(month)
    }

    fn next_second(&self, from: i64) -> Option<i64> {
        let [hour, minute, second] = clock(from)?;
        let at_hour = self.hours & bit(hour) != 0;
        let at_minute = at_hour && self.minutes & bit(minute) != 0;
        let seconds = self.seconds & !below(second);
        if at_minute && let Some(second) = lowest(seconds) {
            return Some(of_day(hour, minute, second));
        }
        if at_hour && let Some(minute) = lowest(self.minutes & above(minute)) {
            return Some(of_day(hour, minute, lowest(self.seconds)?));
        }
        let hour = lowest(self.hours & above(hour))?;
        Some(of_day(hour, lowest(self.minutes)?, lowest(self.seconds)?))
    }

    fn prev_second(&self, until: i64) -> Option<i64> {
        let [hour, minute, second] = clock(until.min(DAY.saturating_sub(1)))?;
        let at_hour = self.hours & bit(hour) != 0;
        let at_minute = at_hour && self.minutes & bit(minute) != 0;
        let seconds = self.seconds & !above(second);
        if at_minute && let Some(second) = highest(seconds) {
            return Some(of_day(hour, minute, second));
        }
        if at_hour && let Some(minute) = highest(self.minutes & below(minute)) {
            return Some(of_day(hour, minute, highest(self.seconds)?));
        }
        let hour = highest(self.hours & below(hour))?;
        Some(of_day(hour, highest(self.minutes)?, highest(self.seconds)?))
    }

    /// Counts the readings of a day up to a second of it.
    fn seconds_up_to(&self, second: i64) -> u64 {
        let ones = |bits: u64| u64::from(bits.count_ones());
        let (per_hour, per_minute) = (
            ones(self.minutes).saturating_mul(ones(self.seconds)),
            ones(self.seconds),
        );
        let Some([hour, minute, second]) = clock(second) else {
            return ones(self.hours).saturating_mul(per_hour);
        };
        let mut count = ones(self.hours & below(hour)).saturating_mul(per_hour);
        if self.hours & bit(hour) != 0 {
            let minutes = ones(self.minutes & below(minute)).saturating_mul(per_minute);
            count = count.saturating_add(minutes);
            if self.minutes & bit(minute) != 0 {
                count = count.saturating_add(ones(self.seconds & !above(second)));
            }
        }
        count
    }
}

impl Days {
    fn of(&self, month: Month) -> u64 {
        let (length, first) = month.shape();
        let all = !below(1) & !above(length);
        if self.any_number && self.any_weekday {
            return all;
        }
        let mut named = 0;
        for day in 1..=length {
            let weekday = weekday_of(first, day);
            let by_number = !self.any_number && self.has_number(day, weekday, length);
            let by_weekday = !self.any_weekday && self.has_weekday(day, weekday, length);
            if by_number || by_weekday {
                named |= bit(day);
            }
        }
        named
    }

    fn has_number(&self, day: u32, weekday: u32, length: u32) -> bool {
        let is_last = day == length;
        let workday = (1..=5).contains(&weekday);
        // A Friday is the last workday when no more than a weekend follows.
        let is_last_workday =
            workday && (is_last || (weekday == 5 && day.saturating_add(2) >= length));
        self.numbers & bit(day) != 0
            || self.last && is_last
            || self.last_workday && is_last_workday
            || workday && self.is_nearest(day, weekday, length)
    }

    /// Whether `15W` and the like mean this day.
    fn is_nearest(&self, day: u32, weekday: u32, length: u32) -> bool {
        let meant =
            |number: u32| number >= 1 && number <= length && self.nearest & bit(number) != 0;
        let before = |days: u32| day.checked_sub(days).is_some_and(meant);
        let after = |days: u32| meant(day.saturating_add(days));
        // On Friday also for the Saturday after it, or for a Sunday on which the month ends; on Monday
        // also for the Sunday before it, or for a Saturday on which the month begins.
        meant(day)
            || weekday == 5 && (after(1) || (day.saturating_add(2) == length && after(2)))
            || weekday == 1 && (before(1) || (day == 3 && before(2)))
    }

    fn has_weekday(&self, day: u32, weekday: u32, length: u32) -> bool {
        let nth = day.saturating_sub(1) / 7;
        let nth = usize::try_from(nth).ok().and_then(|nth| self.nth.get(nth));
        self.weekdays & bit(weekday) != 0
            || nth.is_some_and(|nth| nth & bit(weekday) != 0)
            || self.last_of & bit(weekday) != 0 && day.saturating_add(7) > length
    }
}

/// A month of a year; from 1.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Month {
    year: i32,
    number: u32,
}

impl Month {
    fn of(date: NaiveDate) -> Self {
        Self {
            year: date.year(),
            number: date.month(),
        }
    }

    fn following(self) -> Self {
        match self.number {
            MONTHS => Self {
                year: self.year.saturating_add(1),
                number: 1,
            },
            number => Self {
                number: number.saturating_add(1),
                ..self
            },
        }
    }

    fn preceding(self) -> Self {
        match self.number {
            1 => Self {
                year: self.year.saturating_sub(1),
                number: MONTHS,
            },
            number => Self {
                number: number.saturating_sub(1),
                ..self
            },
        }
    }

    fn date(self, day: u32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(self.year, self.number, day)
    }

    /// Its number of days, and the weekday of its first one, from Sunday.
    fn shape(self) -> (u32, u32) {
        self.date(1).map_or((0, 0), |first| {
            let length = u32::from(first.num_days_in_month());
            (length, first.weekday().num_days_from_sunday())
        })
    }
}

const fn months_max() -> u32 {
    YEARS_MAX.unsigned_abs().saturating_mul(MONTHS)
}

const fn weekday_of(first: u32, day: u32) -> u32 {
    first.saturating_add(day).saturating_sub(1) % 7
}

const fn bit(value: u32) -> u64 {
    1 << (value & 63)
}

const fn below(value: u32) -> u64 {
    bit(value).saturating_sub(1)
}

const fn above(value: u32) -> u64 {
    !(below(value) | bit(value))
}

fn lowest(bits: u64) -> Option<u32> {
    (bits != 0).then(|| bits.trailing_zeros())
}

fn highest(bits: u64) -> Option<u32> {
    bits.checked_ilog2()
}

/// A second of the local calendar as its date and the second of that.
fn split(reading: i64) -> Option<(NaiveDate, i64)> {
    let days = i32::try_from(reading.div_euclid(DAY)).ok()?;
    Some((NaiveDate::from_epoch_days(days)?, reading.rem_euclid(DAY)))
}

fn join(date: NaiveDate, second: i64) -> Option<i64> {
    i64::from(date.to_epoch_days())
        .checked_mul(DAY)?
        .checked_add(second)
}

/// A second of a day as hour, minute and second; `None` past its end.
fn clock(second: i64) -> Option<[u32; 3]> {
    let second = u32::try_from(second).ok()?;
    (second < 86_400).then_some([second / 3600, second / 60 % 60, second % 60])
}

fn of_day(hour: u32, minute: u32, second: u32) -> i64 {
    i64::from(hour)
        .saturating_mul(HOUR)
        .saturating_add(i64::from(minute).saturating_mul(60))
        .saturating_add(i64::from(second))
}
