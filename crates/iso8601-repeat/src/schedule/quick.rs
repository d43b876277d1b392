//! The short way to a step: for steps of one part, in whole seconds, away from clock changes.
//!
//! Owns what most questions and steps go through. It says nothing where it is not sure, and `schedule::steps` answers.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "steps are checked against the plain range first, which keeps all sums within chrono's range"
)]

use super::{Kind, Schedule};
use crate::{
    civil::{
        DAY, YEAR_MAX, YEAR_MIN, civil_from_days, day_and_second, day_in_month_in_range,
        days_in_month, whole_days,
    },
    occurrence::{SECONDS_MAX, SECONDS_MIN, UnixTime},
    zone::table::Span,
};
use core::cmp::Ordering;

/// The range without a step.
const NO_STEPS: (i64, i64) = (1, 0);

impl Schedule {
    /// The steps that occur and are in range whatever the offset, for steps of one part in whole seconds.
    pub(super) fn plain_range(&self) -> (i64, i64) {
        // The unit, and the range in it, less two days, which are more than any offset.
        let (first, last, unit) = match self.kind {
            Kind::Seconds => (
                SECONDS_MIN - self.anchor.seconds,
                SECONDS_MAX - self.anchor.seconds,
                self.seconds,
            ),
            Kind::Days => (
                SECONDS_MIN / DAY + 2 - i64::from(self.day),
                SECONDS_MAX / DAY - 2 - i64::from(self.day),
                i64::from(self.days),
            ),
            Kind::Months => (
                i64::from((YEAR_MIN + 1) * 12 - self.month),
                i64::from(YEAR_MAX * 12 - 1 - self.month),
                i64::from(self.months),
            ),
            Kind::Subsecond | Kind::Mixed => return NO_STEPS,
        };
        let (lowest, highest) = self.range();
        // Rounded towards zero, which is inwards as long as step 0 is within.
        match (first.checked_div(unit), last.checked_div(unit)) {
            (Some(first_step), Some(last_step)) if first <= 0 && 0 <= last => {
                (first_step.max(lowest), last_step.min(highest))
            }
            _ => NO_STEPS,
        }
    }

    /// The seconds of a step of the plain range, where no clock change is near; `None` says nothing.
    #[inline]
    pub(super) fn quick_at(&self, span: &Span, step: i64) -> Option<i64> {
        let day = match self.kind {
            Kind::Seconds => return Some(self.anchor.seconds + step * self.seconds),
            Kind::Days => i64::from(self.day) + i64::from(self.days) * step,
            Kind::Months => {
                let month = i64::from(self.month) + i64::from(self.months) * step;
                i64::from(day_in_month_in_range(month, self.day_of_month.into()))
            }
            Kind::Subsecond | Kind::Mixed => return None,
        };
        // A pinned anchor that no change is near is what its clock reading says, too.
        let seconds = day * DAY + i64::from(self.second) - i64::from(span.offset);
        span.is_calm(seconds).then_some(seconds)
    }

    /// The first step after an instant and its seconds, where no clock change is near; `None` says nothing.
    #[inline]
    pub(crate) fn quick_next(&self, span: &Span, instant: UnixTime) -> Option<(i64, i64)> {
        if self.kind == Kind::Seconds {
            self.quick_next_exact(instant)
        } else {
            self.quick_next_calendar(span, instant)
        }
    }

    #[inline]
    fn quick_next_exact(&self, instant: UnixTime) -> Option<(i64, i64)> {
        let elapsed = self.whole_seconds(instant) - self.anchor.seconds;
        let step = self.plain_step(elapsed.checked_div_euclid(self.seconds)? + 1)?;
        Some((step, self.anchor.seconds + step * self.seconds))
    }

    #[inline]
    fn quick_next_calendar(&self, span: &Span, instant: UnixTime) -> Option<(i64, i64)> {
        if !self.kind.is_single_calendar_unit() || !span.is_calm(instant.seconds) {
            return None;
        }
        let local = self.whole_seconds(instant) + i64::from(span.offset);
        let step = self.plain_step(self.first_local_after(local))?;
        Some((step, self.quick_at(span, step)?))
    }

    /// An instant in whole seconds, which decide, since all steps share the fraction of the anchor.
    #[inline]
    pub(super) fn whole_seconds(&self, instant: UnixTime) -> i64 {
        instant.seconds - i64::from(instant.nanoseconds < self.anchor.nanoseconds)
    }

    /// A step, if it is one of the plain range.
    #[inline]
    fn plain_step(&self, step: i64) -> Option<i64> {
        (self.plain_from <= step && step <= self.plain_until).then_some(step)
    }

    /// The first step whose clock reading is after `local`; months or days only.
    #[inline]
    pub(super) fn first_local_after(&self, local: i64) -> i64 {
        if self.kind == Kind::Days {
            let anchor = i64::from(self.day) * DAY + i64::from(self.second);
            return divide(whole_days(local - anchor), self.days) + 1;
        }
        let (day, second) = day_and_second(local);
        let civil = civil_from_days(day).0;
        let ahead = i64::from(civil.month_index() - self.month);
        let months = i64::from(self.months);
        let step = divide(ahead, self.months);
        if step * months != ahead {
            return step + 1;
        }
        let day_of_month = u32::from(self.day_of_month).min(days_in_month(civil.year, civil.month));
        let is_ahead = match day_of_month.cmp(&civil.day) {
            Ordering::Less => false,
            Ordering::Equal => i64::from(self.second) > i64::from(second),
            Ordering::Greater => true,
        };
        if is_ahead { step } else { step + 1 }
    }
}

/// Rounds down. Most schedules come each day or month, and a division takes longer than all else here.
#[inline]
fn divide(distance: i64, period: u32) -> i64 {
    if period == 1 {
        distance
    } else {
        distance.div_euclid(i64::from(period))
    }
}
