//! Evaluating a step and finding one.
//!
//! Occurrences never fall with the step, so that "the first step after an instant" has one answer. It is guessed by
//! division, evaluated, and corrected by its neighbours; the guess is off by three at most, whatever the distance.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "instants lie within 2^43 seconds and steps within 2^63; products that can grow are checked or in 128 bits"
)]

use super::{Kind, Schedule};
use crate::{
    Gap, Occurrence, Overlap,
    civil::{DAY, day_in_month},
    occurrence::{Seen, UnixTime},
    zone::offsets::{Offsets, Resolved},
};
use chrono::{DateTime, Utc};

/// A step as an instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) at: UnixTime,
    /// Seconds to the second instant of an overlap under [`Overlap::Both`], else 0.
    pub(super) twin: i64,
    /// Whether the clock reading does not exist.
    pub(super) in_gap: bool,
}

impl Target {
    /// A target that no clock change touches.
    #[inline]
    const fn plain(at: UnixTime) -> Self {
        Self {
            at,
            twin: 0,
            in_gap: false,
        }
    }

    /// The second instant of an overlap, or the only one.
    #[inline]
    pub(super) const fn second(&self) -> UnixTime {
        self.at.plus_seconds(self.twin)
    }
}

/// A calendar step beyond this leaves chrono's range whatever the period, which is a day at least.
const CALENDAR_STEP_MAX: u64 = 1 << 29;

/// No day of chrono's range is further from 1970; the calendar functions take somewhat more.
const DAY_MAX: u64 = 100_000_000;

/// No step lies beyond this, so that one more is still a number.
const STEP_MAX: i64 = i64::MAX - 1;

/// The mean Gregorian month in seconds: 146,097 days over 4,800.
const MONTH_MEAN: i64 = 2_629_746;

/// Two instants whose clock readings by unrelated offsets differ by more than this are in the same order.
///
/// Offsets differ by 32 hours at most, and a gap moves a reading by 24 hours at most.
const ORDER_SAFE: i64 = 3 * DAY;

impl Schedule {
    /// The lowest and the highest step that occur.
    ///
    /// Steps end before 2^63, which only periods below two microseconds reach within chrono's range.
    #[inline]
    pub(super) fn range(&self) -> (i64, i64) {
        if self.count == 0 {
            return (0, -1);
        }
        let span = i64::try_from(self.count - 1)
            .unwrap_or(STEP_MAX)
            .min(STEP_MAX);
        match (self.from_end, self.bounded) {
            (false, _) => (0, span),
            (true, true) => (-span, 0),
            (true, false) => (-STEP_MAX, 0),
        }
    }

    /// The public index of a step in range.
    #[inline]
    #[expect(
        clippy::cast_sign_loss,
        reason = "the sum of the count and a step above its negative"
    )]
    pub(super) fn index_of(&self, step: i64) -> Option<u64> {
        match (self.from_end, self.bounded) {
            (false, _) => Some(step as u64),
            (true, true) => Some((self.count - 1).wrapping_add(step as u64)),
            (true, false) => None,
        }
    }

    #[inline]
    pub(crate) fn occurrence_at(&self, step: i64, at: UnixTime) -> Option<Occurrence> {
        Some(Occurrence {
            index: self.index_of(step),
            at: at.datetime()?,
        })
    }

    /// The same near the date that was seen last.
    #[inline]
    pub(crate) fn occurrence_near(
        &self,
        seen: &mut Seen,
        step: i64,
        seconds: i64,
    ) -> Option<Occurrence> {
        Some(Occurrence {
            index: self.index_of(step),
            at: seen.datetime(self.instant_of(seconds))?,
        })
    }

    /// A step as an instant; `None` beyond chrono's range.
    #[inline]
    pub(super) fn evaluate(&self, offsets: &mut impl Offsets, step: i64) -> Option<Target> {
        match self.kind {
            Kind::Seconds => self.seconds_at(step).map(Target::plain),
            Kind::Subsecond => self.subsecond_at(step).map(Target::plain),
            Kind::Days | Kind::Months | Kind::Mixed => self.calendar_at(offsets, step),
        }
    }

    #[inline]
    pub(super) fn seconds_at(&self, step: i64) -> Option<UnixTime> {
        let seconds = self
            .anchor
            .seconds
            .checked_add(step.checked_mul(self.seconds)?)?;
        let at = UnixTime {
            seconds,
            ..self.anchor
        };
        at.is_in_range().then_some(at)
    }

    /// The same in nanoseconds, which need 128 bits.
    fn subsecond_at(&self, step: i64) -> Option<UnixTime> {
        let ahead = i128::from(step).checked_mul(self.step_nanoseconds())?;
        let nanoseconds = ahead.checked_add(i128::from(self.anchor.nanoseconds))?;
        let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
        let at = UnixTime {
            seconds: self.anchor.seconds.checked_add(seconds)?,
            nanoseconds: u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).ok()?,
        };
        at.is_in_range().then_some(at)
    }

    /// The exact part of a step, below 2^75.
    fn step_nanoseconds(&self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanoseconds)
    }

    #[inline]
    fn calendar_at(&self, offsets: &mut impl Offsets, step: i64) -> Option<Target> {
        if step == 0 && self.pinned {
            return Some(Target::plain(self.anchor));
        }
        let local = self.local_at(step)?;
        let mut target = match offsets.plainly(local) {
            Some(seconds) => Target::plain(UnixTime {
                seconds,
                ..self.anchor
            }),
            None => self.choose(offsets.resolve(local)),
        };
        if self.kind == Kind::Mixed {
            target.at = self.plus_time(target.at, step)?;
        }
        target.at.is_in_range().then_some(target)
    }

    /// Applies the policy for overlaps.
    fn choose(&self, resolved: Resolved) -> Target {
        let (seconds, twin, in_gap) = match (resolved, self.overlap) {
            (Resolved::One(only), _) => (only, 0, false),
            (Resolved::Two(first, second), Overlap::Both) => (first, second - first, false),
            (Resolved::Two(first, _), Overlap::First) => (first, 0, false),
            (Resolved::Two(_, second), Overlap::Second) => (second, 0, false),
            (Resolved::Gap(shifted), _) => (shifted, 0, true),
        };
        Target {
            at: UnixTime {
                seconds,
                ..self.anchor
            },
            twin,
            in_gap,
        }
    }

    /// The clock reading of a calendar step in seconds, before its time part.
    #[inline]
    fn local_at(&self, step: i64) -> Option<i64> {
        if step.unsigned_abs() > CALENDAR_STEP_MAX {
            return None;
        }
        let mut day = i64::from(self.day);
        if self.kind != Kind::Days {
            // Below 2^29 * 2^32.
            let month = i64::from(self.month) + i64::from(self.months) * step;
            day = i64::from(day_in_month(month, self.day_of_month.into())?);
        }
        if self.kind != Kind::Months {
            // Below 2^29 * 2^32.
            day += i64::from(self.days) * step;
        }
        if day.unsigned_abs() > DAY_MAX {
            return None;
        }
        Some(day * DAY + i64::from(self.second))
    }

    /// Adds the exact part of a calendar step.
    fn plus_time(&self, at: UnixTime, step: i64) -> Option<UnixTime> {
        let ahead = self.seconds.checked_mul(step)?;
        // Below 10^9 * 2^29.
        let nanoseconds = i64::from(at.nanoseconds) + i64::from(self.nanoseconds) * step;
        let carried = ahead.checked_add(nanoseconds.div_euclid(1_000_000_000))?;
        Some(UnixTime {
            seconds: at.seconds.checked_add(carried)?,
            nanoseconds: u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).ok()?,
        })
    }

    /// The lowest step after an instant, without regard to the count, and its target if it was evaluated.
    #[inline]
    pub(super) fn seek(
        &self,
        offsets: &mut impl Offsets,
        instant: UnixTime,
    ) -> (i64, Option<Target>) {
        match self.kind {
            Kind::Seconds => (self.seek_seconds(instant), None),
            Kind::Subsecond => (self.seek_subsecond(instant), None),
            Kind::Days | Kind::Months | Kind::Mixed => self.seek_calendar(offsets, instant),
        }
    }

    #[inline]
    fn seek_seconds(&self, instant: UnixTime) -> i64 {
        let borrow = i64::from(instant.nanoseconds < self.anchor.nanoseconds);
        let elapsed = instant.seconds - self.anchor.seconds - borrow;
        // No period: step 0 is all there is.
        elapsed
            .checked_div_euclid(self.seconds)
            .unwrap_or_else(|| elapsed.signum().min(0))
            + 1
    }

    /// The same in nanoseconds, which need 128 bits; a step too far away is the last number.
    fn seek_subsecond(&self, instant: UnixTime) -> i64 {
        let whole = i128::from(instant.seconds - self.anchor.seconds) * 1_000_000_000;
        let elapsed = whole + i128::from(instant.nanoseconds) - i128::from(self.anchor.nanoseconds);
        let step = elapsed.div_euclid(self.step_nanoseconds()) + 1;
        i64::try_from(step).unwrap_or(if step < 0 { i64::MIN } else { i64::MAX })
    }

    #[inline]
    fn seek_calendar(
        &self,
        offsets: &mut impl Offsets,
        instant: UnixTime,
    ) -> (i64, Option<Target>) {
        let (mut step, lower_is_passed) = self.guess(offsets, instant);
        let mut target = self.calendar_at(offsets, step);
        if is_after(target, step, instant) {
            // Beyond the range, where clock readings end before instants do, the one before may be out of it as well.
            if lower_is_passed && target.is_some() {
                return (step, target);
            }
            loop {
                let lower = self.calendar_at(offsets, step - 1);
                if !is_after(lower, step - 1, instant) {
                    return (step, target);
                }
                (step, target) = (step - 1, lower);
            }
        }
        loop {
            step += 1;
            target = self.calendar_at(offsets, step);
            if is_after(target, step, instant) {
                return (step, target);
            }
        }
    }

    /// The step that is probably the first after an instant, and whether the one before it is surely passed.
    #[inline]
    fn guess(&self, offsets: &mut impl Offsets, instant: UnixTime) -> (i64, bool) {
        if self.kind == Kind::Mixed {
            // Below 2^32 * (2^22 + 2^17) + 2^44.
            let mean =
                i64::from(self.months) * MONTH_MEAN + i64::from(self.days) * DAY + self.seconds;
            return (
                (instant.seconds - self.anchor.seconds).div_euclid(mean) + 1,
                false,
            );
        }
        let seconds = self.whole_seconds(instant);
        if let Some(span) = offsets.span_at(instant.seconds) {
            let step = self.first_local_after(seconds + i64::from(span.offset));
            return (step, span.is_calm(instant.seconds));
        }
        // The offset of the anchor will do, if the step before is far enough away.
        let anchor_local = i64::from(self.day) * DAY + i64::from(self.second);
        let local = seconds + (anchor_local - self.anchor.seconds);
        let step = self.first_local_after(local);
        let is_far = self.kind == Kind::Months
            && self
                .local_at(step - 1)
                .is_some_and(|lower| local - lower > ORDER_SAFE);
        (step, is_far)
    }

    pub(crate) fn occurrence_with(
        &self,
        offsets: &mut impl Offsets,
        index: u64,
    ) -> Option<DateTime<Utc>> {
        if index >= self.count || (self.from_end && !self.bounded) {
            return None;
        }
        let step = if self.from_end {
            -i64::try_from(self.count - 1 - index).ok()?
        } else {
            i64::try_from(index).ok()?
        };
        let target = self.evaluate(offsets, step)?;
        if target.in_gap && self.gap == Gap::Skip {
            None
        } else {
            target.at.datetime()
        }
    }

    #[inline]
    pub(crate) fn next_with(
        &self,
        offsets: &mut impl Offsets,
        instant: UnixTime,
    ) -> Option<Occurrence> {
        let (step, at) = self.next_step(offsets, instant)?;
        self.occurrence_at(step, at)
    }

    /// The first step that occurs after an instant, and when.
    #[inline]
    pub(crate) fn next_step(
        &self,
        offsets: &mut impl Offsets,
        instant: UnixTime,
    ) -> Option<(i64, UnixTime)> {
        let (lowest, highest) = self.range();
        let (mut step, mut known) = self.seek(offsets, instant);
        if step < lowest {
            (step, known) = (lowest, None);
        }
        if self.overlap == Overlap::Both {
            let lower = step.min(highest + 1) - 1;
            if let Some(second) = self.second_after(offsets, lower, instant) {
                return Some((lower, second));
            }
        }
        while step <= highest {
            let target = match known.take() {
                Some(target) => target,
                None => self.evaluate(offsets, step)?,
            };
            if !target.in_gap || self.gap == Gap::Shift {
                return Some((step, target.at));
            }
            step += 1;
        }
        None
    }

    /// The second instant of a step in an overlap, if it is after `instant`.
    pub(super) fn second_after(
        &self,
        offsets: &mut impl Offsets,
        step: i64,
        instant: UnixTime,
    ) -> Option<UnixTime> {
        if step < self.range().0 {
            return None;
        }
        let target = self.evaluate(offsets, step)?;
        let second = target.second();
        (target.twin != 0 && second > instant).then_some(second)
    }

    pub(crate) fn prev_with(
        &self,
        offsets: &mut impl Offsets,
        instant: UnixTime,
    ) -> Option<Occurrence> {
        let (lowest, highest) = self.range();
        let after = self.seek(offsets, instant.just_before()).0;
        let mut step = after.saturating_sub(1).min(highest);
        while lowest <= step {
            let target = self.evaluate(offsets, step)?;
            if !target.in_gap || self.gap == Gap::Shift {
                let second = target.second();
                return self.occurrence_at(step, if second < instant { second } else { target.at });
            }
            step -= 1;
        }
        None
    }

    pub(crate) fn count_with(
        &self,
        offsets: &mut impl Offsets,
        after: UnixTime,
        until: UnixTime,
    ) -> u64 {
        let (lowest, highest) = self.range();
        if until <= after || highest < lowest {
            return 0;
        }
        let mut first_after = |at| self.seek(offsets, at).0.clamp(lowest, highest + 1);
        let (from, to) = (first_after(after), first_after(until));
        // At most 2^64, where the count ends.
        to.saturating_sub(from).unsigned_abs()
    }

    pub(super) fn first_with(&self, offsets: &mut impl Offsets) -> Option<Occurrence> {
        let (mut step, highest) = self.range();
        if self.from_end && !self.bounded {
            return None;
        }
        while step <= highest {
            let target = self.evaluate(offsets, step)?;
            if !target.in_gap || self.gap == Gap::Shift {
                return self.occurrence_at(step, target.at);
            }
            step += 1;
        }
        None
    }

    pub(super) fn last_with(&self, offsets: &mut impl Offsets) -> Option<Occurrence> {
        let (lowest, mut step) = self.range();
        if !self.from_end && !self.bounded {
            return None;
        }
        while lowest <= step {
            let target = self.evaluate(offsets, step)?;
            if !target.in_gap || self.gap == Gap::Shift {
                return self.occurrence_at(step, target.second());
            }
            step -= 1;
        }
        None
    }
}

/// Whether a step is after an instant; beyond chrono's range its sign tells.
#[inline]
fn is_after(target: Option<Target>, step: i64, instant: UnixTime) -> bool {
    target.map_or(step > 0, |target| target.at > instant)
}
