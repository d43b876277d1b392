//! When the readings of a cron expression come true in a zone, through all changes of its clocks.
//!
//! Near a change, instants belong to *passes*: stretches in which the clock runs by one offset.
//!
//! ```text
//!             the change
//! old offset ─────┤            until the change; less what comes again, if the second time counts
//! new offset      ├─────────   from the change on; less what came before, if the first time counts
//! old offset      ├──┤         readings that the change left out, later by the length of the gap
//! ```
//!
//! Far from a change there is one pass. An expression that means "every so often" (`*/15 * * * *`)
//! follows elapsed time, as Vixie cron has it: it runs in both passes of a repeated hour, and nothing
//! is moved out of a gap.

use iso8601_repeat::{Gap, Overlap};

use super::{Cron, Fields};
use crate::{
    DstPolicy, Timestamp,
    wall_clock::{Change, DAY, HOUR, NEAR, WallClock},
};

/// How far from an instant a target is taken at once where no change is [`NEAR`].
const REACH: i64 = DAY + HOUR;

/// No offset reaches it; only such as are written (`GMT+23:59`) come close.
const OFFSET_MAX: i64 = DAY;

/// How far to look for a target, in seconds: 48 years, for what comes every 40 years at the least
/// often. Beyond that a change of clocks leaves every target out.
const SEARCH_MAX: i64 = 48 * 366 * DAY;

/// A count looks at so many seconds at once: with [`NEAR`] on both sides less than the week in which
/// Gaza changes its clocks twice.
const BLOCK: i64 = 2 * DAY;

/// A count looks at so many blocks: 130 years of them take a few milliseconds.
const BLOCKS_MAX: u32 = 24_000;

/// The targets of an expression in a zone, from the anchor on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CronTargets {
    fields: Fields,
    is_interval: bool,
    clock: WallClock,
    dst: DstPolicy,
    /// The first second that may be one.
    from: i64,
}

impl CronTargets {
    /// Puts an expression into a zone; what it names before the anchor is none of its targets.
    pub(in crate::schedule) fn new(
        cron: &Cron,
        clock: WallClock,
        dst: DstPolicy,
        anchor: Timestamp,
    ) -> Self {
        let second = anchor.millis().div_euclid(1000);
        let is_whole = anchor.millis().rem_euclid(1000) == 0;
        Self {
            fields: cron.fields,
            is_interval: cron.is_interval,
            clock,
            dst,
            from: second.saturating_add(i64::from(!is_whole)),
        }
    }

    /// Returns the clock it goes by.
    pub(crate) const fn clock(&self) -> WallClock {
        self.clock
    }

    /// Finds the first target after a second.
    pub(crate) fn after(&self, second: i64) -> Option<i64> {
        let mut after = second.max(self.from.saturating_sub(1));
        let end = after.saturating_add(SEARCH_MAX);
        while after < end {
            if let Some(change) = self.change_near(after, after) {
                let until = change.at.saturating_add(NEAR);
                let passes = self.passes(change).into_iter().flatten();
                let found = passes.filter_map(|pass| pass.next(&self.fields, after, until));
                if let Some(found) = found.min() {
                    return Some(found);
                }
                after = until;
                continue;
            }
            let offset = self.clock.offset_at(after);
            let reading = self
                .fields
                .next(after.saturating_add(offset).saturating_add(1))?;
            let found = reading.saturating_sub(offset);
            let reached = after.saturating_add(REACH);
            if found <= reached {
                return Some(found);
            }
            // Nothing is named up to there, whatever the offset will be.
            after = reached.max(reading.saturating_sub(OFFSET_MAX).saturating_sub(1));
        }
        None
    }

    /// Finds the last target at or before a second.
    pub(crate) fn at_or_before(&self, second: i64) -> Option<i64> {
        let mut until = second;
        let end = until.saturating_sub(SEARCH_MAX).max(self.from);
        while until >= end {
            if let Some(change) = self.change_near(until, until) {
                let from = change.at.saturating_sub(NEAR);
                let passes = self.passes(change).into_iter().flatten();
                let found = passes.filter_map(|pass| pass.prev(&self.fields, from, until));
                if let Some(found) = found.max() {
                    return (found >= self.from).then_some(found);
                }
                until = from.saturating_sub(1);
                continue;
            }
            let offset = self.clock.offset_at(until);
            let reading = self.fields.prev(until.saturating_add(offset))?;
            let found = reading.saturating_sub(offset);
            let reached = until.saturating_sub(REACH);
            if found >= reached {
                return (found >= self.from).then_some(found);
            }
            until = reached.min(reading.saturating_add(OFFSET_MAX));
        }
        None
    }

    /// Counts the targets after `after` and up to `until`, as far as [`BLOCKS_MAX`] reaches.
    pub(crate) fn count_between(&self, after: i64, until: i64) -> u64 {
        let mut after = after.max(self.from.saturating_sub(1));
        let mut count = 0_u64;
        for _ in 0..BLOCKS_MAX {
            if after >= until {
                break;
            }
            let mut end = until.min(after.saturating_add(BLOCK));
            let in_block = if let Some(change) = self.change_near(after, end) {
                end = until.min(change.at.saturating_add(NEAR));
                self.count_near(change, after, end)
            } else {
                let offset = self.clock.offset_at(after);
                let reading = |at: i64| at.saturating_add(offset);
                self.fields.count(reading(after), reading(end))
            };
            count = count.saturating_add(in_block);
            after = end;
        }
        count
    }

    fn count_near(&self, change: Change, after: i64, until: i64) -> u64 {
        let [old, new, moved] = self.passes(change);
        let counted = [old, new].into_iter().flatten().fold(0_u64, |count, pass| {
            count.saturating_add(pass.count(&self.fields, after, until))
        });
        // What is moved out of the gap may meet what is named there; there are not many.
        let mut at = after;
        let mut alone = 0_u64;
        while let Some(found) = moved.and_then(|pass| pass.next(&self.fields, at, until)) {
            let reading = found.saturating_add(change.after);
            alone = alone.saturating_add(u64::from(!self.fields.contains(reading)));
            at = found;
        }
        counted.saturating_add(alone)
    }

    fn change_near(&self, from: i64, until: i64) -> Option<Change> {
        self.clock
            .change_between(from.saturating_sub(NEAR), until.saturating_add(NEAR))
    }

    /// The passes around a change: by the old offset, by the new one, and out of the gap.
    fn passes(&self, change: Change) -> [Option<Pass>; 3] {
        let Change { at, before, after } = change;
        let jump = change.jump();
        let mut old = Pass {
            from: i64::MIN,
            until: at.saturating_sub(1),
            offset: before,
        };
        let mut new = Pass {
            from: at,
            until: i64::MAX,
            offset: after,
        };
        if self.is_interval {
            return [Some(old), Some(new), None];
        }
        if jump < 0 {
            match self.dst.overlap {
                Overlap::First => new.from = at.saturating_sub(jump),
                Overlap::Second => old.until = old.until.saturating_add(jump),
                Overlap::Both => {}
            }
        }
        let moved = (jump > 0 && self.dst.gap == Gap::Shift).then(|| Pass {
            from: at,
            until: at.saturating_add(jump).saturating_sub(1),
            offset: before,
        });
        [Some(old), Some(new), moved]
    }
}

/// A stretch of instants, both ends included, at which the clock is taken to run by one offset.
#[derive(Clone, Copy, Debug)]
struct Pass {
    from: i64,
    until: i64,
    offset: i64,
}

impl Pass {
    /// Finds the first target after `after` and up to `until`.
    fn next(self, fields: &Fields, after: i64, until: i64) -> Option<i64> {
        let from = self.from.max(after.saturating_add(1));
        let found = fields
            .next(from.saturating_add(self.offset))?
            .saturating_sub(self.offset);
        (found <= self.until.min(until)).then_some(found)
    }

    /// Finds the last target up to `until` and not before `from`.
    fn prev(self, fields: &Fields, from: i64, until: i64) -> Option<i64> {
        let until = self.until.min(until);
        let found = fields
            .prev(until.saturating_add(self.offset))?
            .saturating_sub(self.offset);
        (found >= self.from.max(from)).then_some(found)
    }

    /// Counts the targets after `after` and up to `until`.
    fn count(self, fields: &Fields, after: i64, until: i64) -> u64 {
        let after = after.max(self.from.saturating_sub(1));
        let until = until.min(self.until);
        if until <= after {
            return 0;
        }
        let reading = |at: i64| at.saturating_add(self.offset);
        fields.count(reading(after), reading(until))
    }
}
