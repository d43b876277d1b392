//! The offset changes of one zone as a list.
//!
//! chrono-tz answers what the offset is at an instant, but not how long it stays. Owns the list that is learned by
//! asking, and the search in it.

use super::{
    Place, Zone,
    fold::{KNOWN_UNTIL, fold},
    offsets::{NEAR, Offsets, PlainOffsets},
};
use alloc::{boxed::Box, vec::Vec};
use chrono_tz::Tz;

/// The offset changes of one zone, for schedules that are asked often.
///
/// Building one takes about a quarter of a millisecond and a few kilobytes; share it between all schedules of the zone
/// and put it into a [`Stepper`](crate::Stepper). It is plain data without locks. Instants before 1970 are answered
/// by the compiled database directly, those after 2099 from the list.
#[derive(Clone, Debug)]
pub struct ZoneTable {
    tz: Option<Tz>,
    first: i32,
    /// When it changes and to what, from `KNOWN_FROM` to `KNOWN_UNTIL`.
    changes: Box<[(i64, i32)]>,
}

/// A stretch of time with one offset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) from: i64,
    pub(crate) until: i64,
    /// The part of it that is not near its ends, where a clock reading is one instant by this offset.
    calm_from: i64,
    calm_len: u64,
    pub(crate) offset: i32,
}

impl Span {
    /// The stretch that holds nothing.
    pub(crate) const EMPTY: Self = Self::new(0, 0, 0);

    pub(crate) const fn new(from: i64, until: i64, offset: i32) -> Self {
        let calm_from = from.saturating_add(NEAR);
        let calm_len = until.saturating_sub(NEAR).saturating_sub(calm_from);
        Self {
            from,
            until,
            calm_from,
            calm_len: if calm_len < 0 {
                0
            } else {
                calm_len.unsigned_abs()
            },
            offset,
        }
    }

    /// The stretch of an offset that never changes.
    #[inline]
    pub(crate) const fn fixed(offset: i32) -> Self {
        Self::new(i64::MIN / 4, i64::MAX / 4, offset)
    }

    /// Whether no change is near.
    #[inline]
    #[expect(
        clippy::cast_sign_loss,
        reason = "what is before becomes bigger than any length"
    )]
    pub(crate) const fn is_calm(&self, utc: i64) -> bool {
        (utc.wrapping_sub(self.calm_from) as u64) < self.calm_len
    }

    #[inline]
    pub(crate) const fn contains(&self, utc: i64) -> bool {
        self.from <= utc && utc < self.until
    }
}

/// The list begins with 1970.
const KNOWN_FROM: i64 = 0;

/// No zone changes its offset twice within this time.
///
/// The shortest stretch in the database is 6 days and 23 hours (Boa Vista, Noronha and Recife in October 2000, Gaza
/// in 2040), so that two equal offsets this far apart have no other between them. The test suite holds the database
/// to it.
const STRIDE: i64 = 6 * 86_400;

impl ZoneTable {
    /// Learns the changes of a zone.
    pub fn new(zone: &Zone) -> Self {
        match zone.0.simplest() {
            Place::Fixed(offset) => Self {
                tz: None,
                first: offset,
                changes: Box::default(),
            },
            Place::Named(tz) => Self::learn(tz),
        }
    }

    fn learn(tz: Tz) -> Self {
        let mut offsets = PlainOffsets(tz);
        let first = offsets.offset_at(KNOWN_FROM);
        let mut changes = Vec::new();
        let (mut from, mut offset) = (KNOWN_FROM, first);
        while from < KNOWN_UNTIL {
            let until = from.saturating_add(STRIDE).min(KNOWN_UNTIL);
            // What follows the last known second belongs to the fold.
            let next = offsets.offset_at(until.min(KNOWN_UNTIL.saturating_sub(1)));
            if next != offset {
                changes.push((change_between(&mut offsets, from, until, next), next));
            }
            (from, offset) = (until, next);
        }
        Self {
            tz: Some(tz),
            first,
            changes: changes.into_boxed_slice(),
        }
    }

    /// Whether this is the list of a place.
    pub(crate) fn is_of(&self, place: Tz) -> bool {
        self.tz == Some(place)
    }

    pub(super) fn tz(&self) -> Tz {
        self.tz.unwrap_or(Tz::UTC)
    }

    /// The stretch around an instant; `None` before the list.
    #[inline(never)]
    pub(super) fn span_at(&self, utc: i64) -> Option<Span> {
        if utc < KNOWN_FROM {
            return None;
        }
        let Some(fold) = fold(utc) else {
            return Some(self.listed(utc));
        };
        let span = self.listed(utc.wrapping_sub(fold.back));
        let from = span.from.saturating_add(fold.back).max(fold.from);
        let until = span.until.saturating_add(fold.back).min(fold.until);
        Some(Span::new(from, until, span.offset))
    }

    fn listed(&self, utc: i64) -> Span {
        let after = self.changes.partition_point(|(at, _)| *at <= utc);
        let before = after
            .checked_sub(1)
            .and_then(|index| self.changes.get(index));
        let (from, offset) = before.copied().unwrap_or((KNOWN_FROM, self.first));
        let until = self.changes.get(after).map_or(KNOWN_UNTIL, |(at, _)| *at);
        Span::new(from, until, offset)
    }
}

/// The first second of the one change in `(from, until]`.
fn change_between(offsets: &mut PlainOffsets, from: i64, until: i64, next: i32) -> i64 {
    let (mut old, mut new) = (from, until);
    while new.wrapping_sub(old) > 1 {
        let middle = old.saturating_add(new.saturating_sub(old) / 2);
        if offsets.offset_at(middle) == next {
            new = middle;
        } else {
            old = middle;
        }
    }
    new
}
