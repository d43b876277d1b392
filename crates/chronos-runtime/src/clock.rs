//! The only place that reads clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use chronos_core::{Mono, Now};
use chronos_model::Timestamp;

/// The clocks of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// Starts counting monotonic time from now.
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// Reads both clocks.
    pub fn now(&self) -> Now {
        Now {
            wall: wall(),
            mono: Mono(millis(self.origin.elapsed().as_millis())),
        }
    }
}

/// Reads the wall clock.
pub(crate) fn wall() -> Timestamp {
    timestamp(SystemTime::now())
}

/// Takes a reading of the wall clock as a timestamp.
pub(crate) fn timestamp(at: SystemTime) -> Timestamp {
    let since = at
        .duration_since(UNIX_EPOCH)
        .map(|since| i64::try_from(since.as_millis()));
    match since {
        Ok(Ok(millis)) => Timestamp::from_millis(millis),
        // Before 1970 or after the year 292,000,000: no schedule lives there.
        Ok(Err(_)) | Err(_) => Timestamp::default(),
    }
}

fn millis(millis: u128) -> u64 {
    u64::try_from(millis).unwrap_or(u64::MAX)
}
