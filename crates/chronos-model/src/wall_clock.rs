//! The clock on the wall of a zone: what it reads, when it is changed, when it comes to a reading.
//!
//! In whole seconds since 1970, of UTC and of the local calendar alike. What a reading that is left
//! out or comes twice means to a schedule is the schedule's affair.

use chrono::{DateTime, Utc};
use iso8601_repeat::Zone;

/// Seconds of an hour.
pub(crate) const HOUR: i64 = 3600;

/// Seconds of a day.
pub(crate) const DAY: i64 = 24 * HOUR;

/// Further than this from an instant, no change of clocks has a say in what is read there: clocks
/// jump by a day at most, on both sides, and an hour is to spare.
pub(crate) const NEAR: i64 = 2 * DAY + 2 * HOUR;

/// The clock of one zone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct WallClock(pub(crate) Zone);

/// A change of a clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Change {
    /// The first second under the new offset.
    pub(crate) at: i64,
    /// The offset before, in seconds east of UTC.
    pub(crate) before: i64,
    /// The offset from then on.
    pub(crate) after: i64,
}

impl Change {
    /// By how many seconds the clock jumps: forward over a gap, or back (negative).
    pub(crate) const fn jump(&self) -> i64 {
        self.after.saturating_sub(self.before)
    }
}

impl WallClock {
    /// Returns the offset at an instant, in seconds east of UTC.
    pub(crate) fn offset_at(self, instant: i64) -> i64 {
        // Beyond chrono's range the rules of its last years hold.
        let instant = DateTime::from_timestamp(instant, 0).unwrap_or(if instant < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        });
        i64::from(self.0.offset_at(instant).local_minus_utc())
    }

    /// Returns what the clock reads at an instant.
    pub(crate) fn reading_at(self, instant: i64) -> i64 {
        instant.saturating_add(self.offset_at(instant))
    }

    /// Finds a change after `after` and up to `until`.
    ///
    /// Of two changes that undo each other nothing is seen, so the stretch must be shorter than what
    /// lies between changes; since 1970 that is a week at the least (in Gaza, in October 2040).
    pub(crate) fn change_between(self, after: i64, until: i64) -> Option<Change> {
        let before = self.offset_at(after);
        if before == self.offset_at(until) {
            return None;
        }
        let (mut old, mut new) = (after, until);
        while new.saturating_sub(old) > 1 {
            let middle = old.midpoint(new);
            if self.offset_at(middle) == before {
                old = middle;
            } else {
                new = middle;
            }
        }
        Some(Change {
            at: new,
            before,
            after: self.offset_at(new),
        })
    }

    /// Finds the first instant after `after` at which the clock shows `reading`, or has just jumped
    /// over it. It must read less at `after`.
    pub(crate) fn comes_to(self, reading: i64, after: i64) -> i64 {
        let about = reading.saturating_sub(self.offset_at(after));
        let from = after.max(about.saturating_sub(NEAR));
        let by_old = reading.saturating_sub(self.offset_at(from));
        match self.change_between(from, about.saturating_add(NEAR)) {
            Some(change) if by_old >= change.at => {
                reading.saturating_sub(change.after).max(change.at)
            }
            Some(_) | None => by_old,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn clock(zone: &str) -> WallClock {
        WallClock(zone.parse().unwrap())
    }

    fn seconds(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().millis() / 1000
    }

    #[test]
    fn finds_changes() {
        for (zone, from, until, want) in [
            (
                "Europe/Berlin",
                "2026-03-28T00:00:00Z",
                "2026-03-30T00:00:00Z",
                Some(("2026-03-29T01:00:00Z", 3600)),
            ),
            (
                "America/New_York",
                "2026-10-31T00:00:00Z",
                "2026-11-02T00:00:00Z",
                Some(("2026-11-01T06:00:00Z", -3600)),
            ),
            (
                "Australia/Lord_Howe",
                "2026-10-01T00:00:00Z",
                "2026-10-06T00:00:00Z",
                Some(("2026-10-03T15:30:00Z", 1800)),
            ),
            (
                "Pacific/Apia",
                "2011-12-29T00:00:00Z",
                "2011-12-31T00:00:00Z",
                Some(("2011-12-30T10:00:00Z", 86_400)),
            ),
            (
                "Europe/Berlin",
                "2026-05-01T00:00:00Z",
                "2026-05-30T00:00:00Z",
                None,
            ),
        ] {
            let change = clock(zone).change_between(seconds(from), seconds(until));
            let got = change.map(|change| (change.at, change.jump()));
            assert_eq!(got, want.map(|(at, jump)| (seconds(at), jump)), "{zone}");
        }
    }

    // Second by second: nothing before it reads as much, and it does.
    #[test]
    fn comes_to_readings_around_changes() {
        for (zone, change) in [
            ("Europe/Berlin", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", "2026-10-25T01:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
            ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
            ("America/Havana", "2026-11-01T05:00:00Z"),
        ] {
            let clock = clock(zone);
            let change = seconds(change);
            for start in (change - 2 * HOUR..change + 2 * HOUR).step_by(1201) {
                for ahead in (1..4 * HOUR).step_by(1803) {
                    let reading = clock.reading_at(start) + ahead;
                    let want = (start + 1..start + DAY).find(|&at| clock.reading_at(at) >= reading);
                    assert_eq!(
                        Some(clock.comes_to(reading, start)),
                        want,
                        "{zone} {start} {ahead}"
                    );
                }
            }
        }
    }
}
