//! From clock readings to instants and back.
//!
//! Owns the meaning of gaps and overlaps: a reading in a gap is read with the offset before it, an overlap gives both
//! instants, and the policies choose later.

use super::{
    fold::fold,
    table::{Span, ZoneTable},
};
use chrono::{DateTime, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;

/// The instants that a clock reading stands for, in seconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Resolved {
    /// The usual case.
    One(i64),
    /// Clocks went back: the first and the second time.
    Two(i64, i64),
    /// Clocks went forward over it: the instant by the offset before the gap.
    Gap(i64),
}

/// No offset change is seen from further away than this: offsets lie within ±16 h, and changes within 24 h.
pub(crate) const NEAR: i64 = 26 * 3_600;

/// A source of offsets.
pub(crate) trait Offsets {
    /// Seconds east of UTC at an instant.
    fn offset_at(&mut self, utc: i64) -> i32;

    /// The instant of a clock reading, where the source sees at once that there is just one.
    fn plainly(&mut self, local: i64) -> Option<i64>;

    /// The instants of a clock reading.
    fn resolve(&mut self, local: i64) -> Resolved;

    /// The stretch of one offset around an instant, where the source knows it.
    fn span_at(&mut self, utc: i64) -> Option<Span>;
}

/// An offset that never changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FixedOffsets(pub(crate) i32);

impl Offsets for FixedOffsets {
    #[inline]
    fn offset_at(&mut self, _: i64) -> i32 {
        self.0
    }

    #[inline]
    fn plainly(&mut self, local: i64) -> Option<i64> {
        Some(local.wrapping_sub(i64::from(self.0)))
    }

    #[inline]
    fn resolve(&mut self, local: i64) -> Resolved {
        Resolved::One(local.wrapping_sub(i64::from(self.0)))
    }

    #[inline]
    fn span_at(&mut self, _: i64) -> Option<Span> {
        Some(Span::fixed(self.0))
    }
}

/// chrono-tz alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainOffsets(pub(crate) Tz);

/// The date and time of a second; beyond chrono's range, which only offsets lead to, its first or last.
fn naive(seconds: i64) -> NaiveDateTime {
    let instant = DateTime::from_timestamp(seconds, 0);
    instant
        .unwrap_or(if seconds < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
        .naive_utc()
}

impl Offsets for PlainOffsets {
    fn offset_at(&mut self, utc: i64) -> i32 {
        let utc = fold(utc).map_or(utc, |fold| utc.wrapping_sub(fold.back));
        self.0
            .offset_from_utc_datetime(&naive(utc))
            .fix()
            .local_minus_utc()
    }

    #[inline]
    fn plainly(&mut self, _: i64) -> Option<i64> {
        None
    }

    fn resolve(&mut self, local: i64) -> Resolved {
        let back = fold(local).map_or(0, |fold| fold.back);
        let at = |offset: i32| local.wrapping_sub(i64::from(offset));
        match self
            .0
            .offset_from_local_datetime(&naive(local.wrapping_sub(back)))
        {
            chrono::LocalResult::Single(offset) => {
                Resolved::One(at(offset.fix().local_minus_utc()))
            }
            chrono::LocalResult::Ambiguous(one, other) => {
                let (one, other) = (
                    at(one.fix().local_minus_utc()),
                    at(other.fix().local_minus_utc()),
                );
                Resolved::Two(one.min(other), one.max(other))
            }
            chrono::LocalResult::None => {
                Resolved::Gap(at(self.offset_at(local.wrapping_sub(NEAR))))
            }
        }
    }

    #[inline]
    fn span_at(&mut self, _: i64) -> Option<Span> {
        None
    }
}

/// A transition list with a memory of the last stretch.
#[derive(Debug)]
pub(crate) struct TableOffsets<'a> {
    pub(crate) table: &'a ZoneTable,
    pub(crate) memory: &'a mut Span,
}

impl TableOffsets<'_> {
    fn plain(&self) -> PlainOffsets {
        PlainOffsets(self.table.tz())
    }

    /// The instant by the remembered offset, if no change is near it.
    #[inline]
    fn remembered(&self, local: i64) -> Option<i64> {
        let utc = local.wrapping_sub(i64::from(self.memory.offset));
        self.memory.is_calm(utc).then_some(utc)
    }

    /// The same after a look into the list.
    #[inline(never)]
    fn looked_up(&mut self, local: i64) -> Option<i64> {
        self.span_at(local)?;
        self.remembered(local)
    }

    /// A reading that may be near a change: compares the offsets on both sides.
    fn resolve_near(&mut self, local: i64) -> Resolved {
        let sides = (
            self.span_at(local.wrapping_sub(NEAR)),
            self.span_at(local.wrapping_add(NEAR)),
        );
        let (Some(before), Some(after)) = sides else {
            return self.plain().resolve(local);
        };
        let by_before = local.wrapping_sub(i64::from(before.offset));
        let by_after = local.wrapping_sub(i64::from(after.offset));
        if before.offset == after.offset {
            return Resolved::One(by_before);
        }
        match (by_before < after.from, by_after >= after.from) {
            (true, true) => Resolved::Two(by_before, by_after),
            (false, false) => Resolved::Gap(by_before),
            (true, false) => Resolved::One(by_before),
            (false, true) => Resolved::One(by_after),
        }
    }
}

impl Offsets for TableOffsets<'_> {
    #[inline]
    fn offset_at(&mut self, utc: i64) -> i32 {
        match self.span_at(utc) {
            Some(span) => span.offset,
            None => self.plain().offset_at(utc),
        }
    }

    #[inline]
    fn plainly(&mut self, local: i64) -> Option<i64> {
        match self.remembered(local) {
            Some(utc) => Some(utc),
            None => self.looked_up(local),
        }
    }

    #[inline(never)]
    fn resolve(&mut self, local: i64) -> Resolved {
        self.resolve_near(local)
    }

    #[inline]
    fn span_at(&mut self, utc: i64) -> Option<Span> {
        if !self.memory.contains(utc) {
            *self.memory = self.table.span_at(utc)?;
        }
        Some(*self.memory)
    }
}
