//! Calendars: named dates, weekdays and windows that schedules leave out.
//!
//! Owns the value and its question: until when is an instant left out? Reading and writing stand in
//! `calendar::json`, all calendars of one job together in `calendar::exclusions`.

mod date;
mod exclusions;
mod json;
mod window;

use std::{fmt, str::FromStr};

use iso8601_repeat::Zone;

pub use self::exclusions::{Allowed, Exclusions};
use self::{date::Dates, window::Window};
use crate::{
    JobName, JobNameError, Timestamp,
    wall_clock::{DAY, WallClock},
};

/// All days of a week, as bits from Monday.
const ALL_WEEKDAYS: u8 = 0b111_1111;

/// The name of a calendar; it follows the rules of job names.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CalendarName(JobName);

impl CalendarName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for CalendarName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CalendarName {
    type Err = JobNameError;

    fn from_str(text: &str) -> Result<Self, JobNameError> {
        text.parse().map(Self)
    }
}

/// Times at which the jobs that name it do not start.
///
/// Whole days by date or weekday, and windows of days, all on the clocks of one zone. See
/// [`from_json`](Self::from_json) for what is written.
///
/// # Examples
///
/// ```
/// use chronos_model::Calendar;
/// use serde_json::json;
///
/// let nights = Calendar::from_json(&json!({
///     "name": "nights",
///     "zone": "Europe/Berlin",
///     "windows": [{"from": "22:00", "to": "06:00"}],
/// }))
/// .unwrap();
/// let until = nights.excluded_until("2026-01-01T21:30:00Z".parse()?).unwrap();
/// assert_eq!(until.to_string(), "2026-01-02T05:00:00.000Z");
/// assert_eq!(nights.excluded_until(until), None);
/// # Ok::<(), chronos_model::TimestampError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Calendar {
    name: CalendarName,
    description: String,
    zone_text: String,
    zone: Zone,
    dates: Dates,
    weekdays: u8,
    windows: Vec<Window>,
}

impl Calendar {
    /// Returns the name.
    pub const fn name(&self) -> &CalendarName {
        &self.name
    }

    /// Returns what it is for.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Returns an instant after `at` up to which all is left out, `None` when `at` is not left out.
    ///
    /// What is left out may go on from there, for another reason: ask again.
    pub fn excluded_until(&self, at: Timestamp) -> Option<Timestamp> {
        let second = at.millis().div_euclid(1000);
        let clock = WallClock(self.zone);
        let reading = clock.reading_at(second);
        let end = self.excluded_reading(reading)?;
        let until = clock.comes_to(end, second);
        // A clock that is put back may come out of what is left out at its beginning.
        let soon = until.min(second.saturating_add(DAY.saturating_mul(2)));
        let until = match clock.change_between(second, soon) {
            Some(change) if change.jump() < 0 => change.at,
            Some(_) | None => until,
        };
        Some(Timestamp::from_millis(until.saturating_mul(1000)))
    }

    /// Returns the reading up to which a reading is left out.
    fn excluded_reading(&self, reading: i64) -> Option<i64> {
        let (day, second) = (reading.div_euclid(DAY), reading.rem_euclid(DAY));
        let midnight = |day: i64| day.saturating_mul(DAY);
        if let Some(last) = self.dates.last_of(day) {
            return Some(midnight(last.saturating_add(1)));
        }
        if self.weekdays & weekday_bit(day) != 0 {
            return Some(midnight(day.saturating_add(1)));
        }
        let ends = self
            .windows
            .iter()
            .filter_map(|window| window.end_of(day, second));
        ends.max()
    }

    /// Whether nothing is ever let through: all days of a week, or all days of a year.
    fn excludes_everything(&self) -> bool {
        self.dates.are_all_of_a_year() || (0..7).all(|day| self.excludes_day(day))
    }

    /// Whether weekdays and windows leave no minute of a day; windows begin and end with minutes.
    fn excludes_day(&self, day: i64) -> bool {
        let mut second = if self.weekdays & weekday_bit(day) == 0 {
            0
        } else {
            DAY
        };
        while second < DAY {
            let ends = self
                .windows
                .iter()
                .filter_map(|window| window.end_of(day, second));
            match ends.max() {
                Some(end) => second = end.saturating_sub(day.saturating_mul(DAY)),
                None => return false,
            }
        }
        true
    }
}

/// The bit of a day's weekday, from Monday; day 0 is 1970-01-01, a Thursday.
const fn weekday_bit(day: i64) -> u8 {
    1 << day.saturating_add(3).rem_euclid(7)
}
