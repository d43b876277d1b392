//! What the operator sets, and the bounds that nobody does.

/// Settings of the scheduler.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Milliseconds before a failed run is tried again, where the job does not say (`--failure_retry`).
    pub failure_retry_millis: i64,
    /// Failures in a row after which a job is disabled; zero for never (`--disable_after_failures`).
    pub disable_after_failures: u64,
}

impl Default for Settings {
    /// Chronos' own: a minute, never.
    fn default() -> Self {
        Self {
            failure_retry_millis: 60_000,
            disable_after_failures: 0,
        }
    }
}

/// How many missed targets of one job get a record of their own at one time.
///
/// Four minutes of a job that runs each second. The ones before them share a record, which says how many
/// they are, so that a job of every second that was down for a year costs as many writes as one that was
/// down for five minutes.
pub const MISSED_RECORDS_MAX: u64 = 256;

/// How many runs of one concurrent job may wait.
///
/// Beyond it the oldest is superseded: a job that fits nowhere must not fill the memory.
pub const WAITING_RUNS_MAX: usize = 128;

/// How long a deleted job is remembered, in milliseconds: 30 days, above any retention of history
/// and sandboxes, after which an id that is given again collides with nothing.
pub const TOMB_MILLIS: i64 = 30 * 24 * 60 * 60 * 1000;
