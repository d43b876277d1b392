//! Waiting for what will come, for as long as is sensible.

use std::{
    thread,
    time::{Duration, Instant},
};

/// When a test that waits is wrong: far above what anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until there is something; panics with what was awaited when nothing comes.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_at_most(PATIENCE, what, look)
}

/// Waits as long as is said.
#[track_caller]
pub(crate) fn wait_at_most<T>(
    patience: Duration,
    what: &str,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < patience, "waited in vain: {what}");
        thread::sleep(PAUSE);
    }
}
