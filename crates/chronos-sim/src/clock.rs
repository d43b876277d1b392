//! True time, which nobody in the world can read, and the clocks of machines, which drift and jump.

use std::fmt;

use chronos_model::Timestamp;

/// An instant of true time: milliseconds since the world began.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(pub u64);

impl Moment {
    /// Returns the instant so many milliseconds later.
    #[must_use]
    pub const fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Returns the milliseconds since `earlier`, zero when it is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0 / 1000, self.0 % 1000);
        let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
        let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "d{days:02} {hours:02}:{minutes:02}:{seconds:02}.{millis:03}"
        )
    }
}

/// The wall clock of one machine.
#[derive(Clone, Debug)]
pub struct Clock {
    base: Timestamp,
    since: Moment,
    drift_ppm: i64,
}

impl Clock {
    /// Makes a clock that shows `base` when the world begins, and gains `drift_ppm` microseconds a
    /// second.
    pub const fn new(base: Timestamp, drift_ppm: i64) -> Self {
        Self {
            base,
            since: Moment(0),
            drift_ppm,
        }
    }

    /// Returns what it shows.
    pub fn wall(&self, at: Moment) -> Timestamp {
        self.base
            .plus_millis(drifted(at.since(self.since), self.drift_ppm))
    }

    /// Sets it forwards or back.
    pub fn step(&mut self, at: Moment, millis: i64) {
        self.base = self.wall(at).plus_millis(millis);
        self.since = at;
    }

    /// Makes it run faster or slower from now on.
    pub fn drift(&mut self, at: Moment, drift_ppm: i64) {
        self.step(at, 0);
        self.drift_ppm = drift_ppm;
    }

    /// Returns when it will show `wall` (about: one who wakes then looks again).
    pub fn moment_of(&self, at: Moment, wall: Timestamp) -> Moment {
        let wait = wall.millis_since(self.wall(at)).max(0);
        at.plus(undrifted(wait, self.drift_ppm))
    }
}

/// Returns how far a clock with this drift gets in so many true milliseconds.
pub fn drifted(millis: u64, drift_ppm: i64) -> i64 {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    millis.saturating_add(millis.saturating_mul(drift_ppm) / 1_000_000)
}

/// Returns how many true milliseconds a clock with this drift needs, at least.
pub fn undrifted(millis: i64, drift_ppm: i64) -> u64 {
    let needed = i128::from(millis) * 1_000_000 / i128::from(1_000_000 + drift_ppm);
    u64::try_from(needed).unwrap_or(0)
}
