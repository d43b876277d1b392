//! Walking through the occurrences, one by one.

use super::{Schedule, steps::Target};
use crate::{
    Gap, Occurrence, Overlap,
    occurrence::{Seen, UnixTime},
    zone::{
        Place,
        offsets::{FixedOffsets, Offsets, PlainOffsets},
        table::Span,
    },
};
use core::iter::FusedIterator;

/// A place in a schedule, between two occurrences.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    schedule: Schedule,
    /// The step to evaluate next.
    step: i64,
    /// The step after which nothing comes.
    bound: i64,
    /// The step up to which steps may be taken quickly; below all of them while none may.
    quick_until: i64,
    /// The instant of the last step that fell into a gap; going back, of the last step.
    last: UnixTime,
    /// The other instant of the last step, in an overlap.
    twin: Option<(i64, UnixTime)>,
}

impl Walk {
    fn new(schedule: Schedule, step: i64, bound: i64) -> Self {
        let last = UnixTime {
            seconds: i64::MIN,
            nanoseconds: 0,
        };
        let mut walk = Self {
            schedule,
            step,
            bound,
            quick_until: i64::MIN,
            last,
            twin: None,
        };
        walk.settle();
        walk
    }

    /// Decides up to where steps may be taken quickly, whenever anything but the step has changed.
    fn settle(&mut self) {
        let is_plain = self.twin.is_none() && self.schedule.plain_from <= self.step;
        self.quick_until = if is_plain {
            self.bound.min(self.schedule.plain_until)
        } else {
            i64::MIN
        };
    }

    /// Before the first occurrence; at no place in a schedule without a beginning.
    pub(crate) fn from_first(schedule: Schedule) -> Self {
        let (lowest, highest) = schedule.range();
        let is_endless = schedule.from_end && !schedule.bounded;
        let bound = if is_endless {
            lowest.saturating_sub(1)
        } else {
            highest
        };
        Self::new(schedule, lowest, bound)
    }

    /// Before the first occurrence after an instant.
    pub(crate) fn after(schedule: Schedule, offsets: &mut impl Offsets, instant: UnixTime) -> Self {
        let (lowest, highest) = schedule.range();
        let behind = highest.saturating_add(1).max(lowest);
        let step = schedule.seek(offsets, instant).0.clamp(lowest, behind);
        let mut walk = Self::new(schedule, step, highest);
        if schedule.overlap == Overlap::Both {
            let lower = step.saturating_sub(1);
            let second = schedule.second_after(offsets, lower, instant);
            walk.twin = second.map(|second| (lower, second));
            walk.settle();
        }
        walk
    }

    /// Behind the last occurrence before an instant.
    fn before(schedule: Schedule, offsets: &mut impl Offsets, instant: UnixTime) -> Self {
        let (lowest, highest) = schedule.range();
        let after = schedule.seek(offsets, instant.just_before()).0;
        let step = after.saturating_sub(1).min(highest);
        let mut walk = Self::new(schedule, step, lowest);
        if schedule.overlap == Overlap::Both && lowest <= step {
            // Where the instant lies between the two of an overlap, only the first is before it.
            let target = schedule.evaluate(offsets, step);
            if let Some(target) = target.filter(|target| target.twin != 0) {
                if target.second() >= instant {
                    walk.twin = Some((step, target.at));
                    walk.step = step.saturating_sub(1);
                }
            }
        }
        walk
    }

    /// Steps forward where no clock change is near; `None` says nothing.
    ///
    /// It need not look at the step before: what a gap shifts stays near the gap.
    #[inline]
    pub(crate) fn forward_quickly(&mut self, span: &Span) -> Option<(i64, i64)> {
        let step = self.step;
        if self.quick_until < step {
            return None;
        }
        let seconds = self.schedule.quick_at(span, step)?;
        self.step = step.wrapping_add(1);
        Some((step, seconds))
    }

    /// Steps forward near a clock change, over steps of several parts, and to the end.
    pub(crate) fn forward_slowly(&mut self, offsets: &mut impl Offsets) -> Option<(i64, UnixTime)> {
        let next = match self.twin.take() {
            Some(twin) => Some(twin),
            None => self.forward_to_next(offsets),
        };
        self.settle();
        next
    }

    fn forward_to_next(&mut self, offsets: &mut impl Offsets) -> Option<(i64, UnixTime)> {
        while self.step <= self.bound {
            let step = self.step;
            let Some(target) = self.schedule.evaluate(offsets, step) else {
                self.bound = step.saturating_sub(1);
                return None;
            };
            self.step = step.wrapping_add(1);
            if self.is_left_out(&target) {
                continue;
            }
            if target.twin != 0 {
                self.twin = Some((step, target.second()));
            }
            // What a gap shifts may fall upon the next step.
            self.last = target.at;
            return Some((step, target.at));
        }
        None
    }

    /// Steps backward.
    fn backward(&mut self, offsets: &mut impl Offsets) -> Option<Occurrence> {
        if let Some((step, at)) = self.twin.take() {
            self.last = at;
            return self.schedule.occurrence_at(step, at);
        }
        while self.bound <= self.step {
            let step = self.step;
            let Some(target) = self.schedule.evaluate(offsets, step) else {
                self.bound = step.saturating_add(1);
                return None;
            };
            self.step = step.saturating_sub(1);
            if self.is_left_out(&target) {
                continue;
            }
            if target.twin != 0 {
                self.twin = Some((step, target.at));
            }
            self.last = target.second();
            return self.schedule.occurrence_at(step, target.second());
        }
        None
    }

    /// A second step at the instant just given, or one that the policy skips.
    fn is_left_out(&self, target: &Target) -> bool {
        self.last == target.at || (target.in_gap && self.schedule.gap == Gap::Skip)
    }

    #[inline]
    pub(crate) const fn schedule(&self) -> &Schedule {
        &self.schedule
    }
}

/// The occurrences of a schedule, rising. See [`Schedule::iter`] and [`Schedule::after`].
#[derive(Clone, Debug)]
pub struct Forward {
    walk: Walk,
    span: Span,
    /// The date of the last quick step, from which the next is made.
    seen: Seen,
}

impl Forward {
    pub(super) fn from_first(schedule: Schedule) -> Self {
        Self::new(Walk::from_first(schedule))
    }

    pub(super) fn after(schedule: Schedule, instant: UnixTime) -> Self {
        Self::new(match schedule.place {
            Place::Fixed(offset) => Walk::after(schedule, &mut FixedOffsets(offset), instant),
            Place::Named(tz) => Walk::after(schedule, &mut PlainOffsets(tz), instant),
        })
    }

    fn new(walk: Walk) -> Self {
        Self {
            span: walk.schedule.own_span(),
            seen: Seen::EPOCH,
            walk,
        }
    }

    #[inline(never)]
    fn next_slowly(&mut self) -> Option<Occurrence> {
        let (step, at) = match self.walk.schedule.place {
            Place::Fixed(offset) => self.walk.forward_slowly(&mut FixedOffsets(offset)),
            Place::Named(tz) => self.walk.forward_slowly(&mut PlainOffsets(tz)),
        }?;
        self.walk.schedule.occurrence_at(step, at)
    }
}

impl Iterator for Forward {
    type Item = Occurrence;

    #[inline]
    fn next(&mut self) -> Option<Occurrence> {
        match self.walk.forward_quickly(&self.span) {
            Some((step, seconds)) => {
                let schedule = &self.walk.schedule;
                schedule.occurrence_near(&mut self.seen, step, seconds)
            }
            None => self.next_slowly(),
        }
    }
}

impl FusedIterator for Forward {}

/// The occurrences of a schedule, falling. See [`Schedule::before`].
#[derive(Clone, Debug)]
pub struct Backward(Walk);

impl Backward {
    pub(super) fn before(schedule: Schedule, instant: UnixTime) -> Self {
        Self(match schedule.place {
            Place::Fixed(offset) => Walk::before(schedule, &mut FixedOffsets(offset), instant),
            Place::Named(tz) => Walk::before(schedule, &mut PlainOffsets(tz), instant),
        })
    }
}

impl Iterator for Backward {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        match self.0.schedule.place {
            Place::Fixed(offset) => self.0.backward(&mut FixedOffsets(offset)),
            Place::Named(tz) => self.0.backward(&mut PlainOffsets(tz)),
        }
    }
}

impl FusedIterator for Backward {}
