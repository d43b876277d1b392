//! A schedule with a memory.
//!
//! Owns the joining of a schedule with the transition list of its zone and the last stretch that was looked at.

use crate::{
    Occurrence, Schedule, ZoneTable,
    occurrence::{Seen, UnixTime},
    schedule::Walk,
    zone::{
        Place,
        offsets::{FixedOffsets, PlainOffsets, TableOffsets},
        table::Span,
    },
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

/// A schedule with the transition list of its zone and a memory of the last stretch of it.
///
/// It gives the same answers as the [`Schedule`] alone, several times faster in a zone that changes its clocks, and
/// walks as an iterator from the first occurrence or from where [`seek`](Self::seek) puts it. The caller owns it:
/// there are no locks and no global state. A table of another zone is not used, and the answers are still right.
///
/// # Examples
///
/// ```
/// use iso8601_repeat::{Options, RepeatingInterval, Stepper, Zone, ZoneTable};
///
/// let berlin: Zone = "Europe/Berlin".parse()?;
/// let table = ZoneTable::new(&berlin);
/// let monthly: RepeatingInterval = "R/2017-01-31T02:30/P1M".parse()?;
///
/// let mut stepper = Stepper::new(monthly.schedule(&Options::new().zone(berlin))?, &table);
/// stepper.seek("2017-02-01T00:00:00Z".parse()?);
/// let days: Vec<_> = stepper.take(3).map(|occurrence| occurrence.at.to_rfc3339()).collect();
/// assert_eq!(days, ["2017-02-28T01:30:00+00:00", "2017-03-31T00:30:00+00:00", "2017-04-30T00:30:00+00:00"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stepper<'t> {
    walk: Walk,
    table: &'t ZoneTable,
    /// The stretch that was looked at last; at a fixed offset all time.
    memory: Span,
    source: Source,
    /// The date of the last quick step, from which the next is made.
    seen: Seen,
}

/// Where the offsets come from.
#[derive(Clone, Copy, Debug)]
enum Source {
    Fixed(i32),
    Table,
    Plain(Tz),
}

/// Runs `$body` with the offsets of the stepper.
macro_rules! with_offsets {
    ($self:ident, $offsets:ident => $body:expr) => {
        match $self.source {
            Source::Table => {
                let $offsets = &mut TableOffsets {
                    table: $self.table,
                    memory: &mut $self.memory,
                };
                $body
            }
            Source::Fixed(offset) => {
                let $offsets = &mut FixedOffsets(offset);
                $body
            }
            Source::Plain(tz) => {
                let $offsets = &mut PlainOffsets(tz);
                $body
            }
        }
    };
}

impl<'t> Stepper<'t> {
    /// Joins a schedule and the table of its zone, before the first occurrence.
    pub fn new(schedule: Schedule, table: &'t ZoneTable) -> Self {
        let source = match schedule.place() {
            Place::Fixed(offset) => Source::Fixed(offset),
            Place::Named(tz) if table.is_of(tz) => Source::Table,
            Place::Named(tz) => Source::Plain(tz),
        };
        Self {
            walk: Walk::from_first(schedule),
            table,
            memory: schedule.own_span(),
            source,
            seen: Seen::EPOCH,
        }
    }

    /// The schedule.
    pub const fn schedule(&self) -> &Schedule {
        self.walk.schedule()
    }

    /// The first occurrence strictly after an instant. It does not move the iterator.
    #[inline]
    pub fn next_after(&mut self, instant: DateTime<Utc>) -> Option<Occurrence> {
        let (mut seen, instant) = Seen::of(instant);
        let schedule = self.walk.schedule();
        if let Some((step, seconds)) = schedule.quick_next(&self.memory, instant) {
            return schedule.occurrence_near(&mut seen, step, seconds);
        }
        let (step, at) = self.next_step_slowly(instant)?;
        self.walk.schedule().occurrence_at(step, at)
    }

    /// The first occurrence strictly after an instant, in bare seconds. It does not move the iterator.
    #[inline]
    pub fn next_unix_after(&mut self, instant: UnixTime) -> Option<UnixTime> {
        let instant = instant.clamped();
        let schedule = self.walk.schedule();
        if let Some((_, seconds)) = schedule.quick_next(&self.memory, instant) {
            return Some(schedule.instant_of(seconds));
        }
        self.next_step_slowly(instant).map(|(_, at)| at)
    }

    /// The same after a look into the table, near a clock change, and for steps of several parts.
    #[inline(never)]
    fn next_step_slowly(&mut self, instant: UnixTime) -> Option<(i64, UnixTime)> {
        with_offsets!(self, offsets => self.walk.schedule().next_step(offsets, instant))
    }

    /// Moves the iterator on, as `next`, and gives the bare seconds.
    #[inline]
    pub fn next_unix(&mut self) -> Option<UnixTime> {
        match self.walk.forward_quickly(&self.memory) {
            Some((_, seconds)) => Some(self.walk.schedule().instant_of(seconds)),
            None => self.advance_slowly().map(|(_, at)| at),
        }
    }

    #[inline(never)]
    fn advance_slowly(&mut self) -> Option<(i64, UnixTime)> {
        with_offsets!(self, offsets => self.walk.forward_slowly(offsets))
    }

    /// The last occurrence strictly before an instant. It does not move the iterator.
    pub fn prev_before(&mut self, instant: DateTime<Utc>) -> Option<Occurrence> {
        with_offsets!(self, offsets => self.walk.schedule().prev_with(offsets, instant.into()))
    }

    /// The k-th occurrence, as [`Schedule::occurrence`].
    pub fn occurrence(&mut self, index: u64) -> Option<DateTime<Utc>> {
        with_offsets!(self, offsets => self.walk.schedule().occurrence_with(offsets, index))
    }

    /// How many indices have their occurrence in `(after, until]`, as [`Schedule::count_between`].
    pub fn count_between(&mut self, after: DateTime<Utc>, until: DateTime<Utc>) -> u64 {
        with_offsets!(self, offsets => self.walk.schedule().count_with(offsets, after.into(), until.into()))
    }

    /// Moves the iterator before the first occurrence strictly after an instant.
    pub fn seek(&mut self, instant: DateTime<Utc>) {
        let schedule = *self.walk.schedule();
        let instant = UnixTime::from(instant);
        self.walk = with_offsets!(self, offsets => Walk::after(schedule, offsets, instant));
    }
}

impl Iterator for Stepper<'_> {
    type Item = Occurrence;

    #[inline]
    fn next(&mut self) -> Option<Occurrence> {
        if let Some((step, seconds)) = self.walk.forward_quickly(&self.memory) {
            let schedule = self.walk.schedule();
            return schedule.occurrence_near(&mut self.seen, step, seconds);
        }
        let (step, at) = self.advance_slowly()?;
        self.walk.schedule().occurrence_at(step, at)
    }
}
