//! Windows of a day, perhaps over midnight, perhaps on some weekdays only.

use super::weekday_bit;
use crate::wall_clock::DAY;

/// Seconds of a minute.
const MINUTE: i64 = 60;

/// 24:00, which is no beginning.
pub(super) const DAY_END: u16 = 24 * 60;

/// From one minute of a day up to another, which is not in it any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Window {
    /// Minutes of the day.
    pub(super) from: u16,
    /// Minutes of the same day, or of the next one when it is not later; up to 24:00.
    pub(super) to: u16,
    /// The weekdays on which it begins, as bits from Monday.
    pub(super) weekdays: u8,
}

impl Window {
    /// Returns the reading at which the window ends that a second of a day is in.
    pub(super) fn end_of(self, day: i64, second: i64) -> Option<i64> {
        let from = i64::from(self.from).saturating_mul(MINUTE);
        let to = i64::from(self.to).saturating_mul(MINUTE);
        let begins_on = |day: i64| self.weekdays & weekday_bit(day) != 0;
        let on = |day: i64| day.saturating_mul(DAY).saturating_add(to);
        let yesterday = day.saturating_sub(1);
        if from < to {
            let is_in = from <= second && second < to && begins_on(day);
            is_in.then(|| on(day))
        } else if from <= second && begins_on(day) {
            Some(on(day.saturating_add(1)))
        } else {
            (second < to && begins_on(yesterday)).then(|| on(day))
        }
    }
}

/// Reads `06:00`, up to `24:00`, as minutes of the day.
pub(super) fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let is_time = minute < 60 && (hour < 24 || (hour == 24 && minute == 0));
    is_time.then(|| hour.saturating_mul(60).saturating_add(minute))
}

/// Writes minutes of a day.
pub(super) fn time(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}
