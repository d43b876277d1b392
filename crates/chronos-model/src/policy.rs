//! What a job does when things do not go by the clock: late, too many at once, failed, after parents.
//!
//! Each policy is one enum with its words for JSON; every default is what Chronos 3 did.

use iso8601_repeat::{Gap, Overlap as Repeated};

use crate::{
    Defaults, Rare,
    limits::{CATCH_UP_LIMIT_DEFAULT, OVERLAP_LIMIT_DEFAULT},
};

/// The policies of a job that many leave at their defaults.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct JobPolicies {
    /// Seconds before an extra attempt; `None` takes the daemon's `--failure_retry`.
    pub retry_delay_secs: Option<u64>,
    /// How the delay grows with the attempts.
    pub retry_backoff: RetryBackoff,
    /// Seconds after which a run is killed; zero for never.
    pub max_completion_time_secs: u64,
    /// Seconds within which a launched run must be seen to run, else it is killed and has failed;
    /// zero for no limit.
    pub start_timeout_secs: u64,
    /// A target starts up to so many seconds late: always as late, by a hash of job and target.
    pub jitter_secs: u64,
    /// What to do about targets that nobody could run at their time.
    pub catch_up: CatchUp,
}

/// The [`JobPolicies`] of a job.
pub type Policies = Rare<JobPolicies>;

impl Defaults for JobPolicies {
    const DEFAULTS: &'static Self = &Self {
        retry_delay_secs: None,
        retry_backoff: RetryBackoff::Fixed,
        max_completion_time_secs: 0,
        start_timeout_secs: 0,
        jitter_secs: 0,
        catch_up: CatchUp::Latest,
    };
}

/// What to do about targets that passed while nobody could run them, or before the job was created.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CatchUp {
    /// One run for the newest of them, as Chronos 3 does.
    #[default]
    Latest,
    /// A run for each of the newest `limit`, oldest first.
    All {
        /// At most so many; what is older is recorded as missed.
        limit: u32,
    },
    /// No run; all of them are recorded as missed.
    None,
}

impl CatchUp {
    /// All policies, with their default bounds.
    pub const ALL: [Self; 3] = [
        Self::Latest,
        Self::All {
            limit: CATCH_UP_LIMIT_DEFAULT,
        },
        Self::None,
    ];

    /// Returns the word used in job JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::All { .. } => "all",
            Self::None => "none",
        }
    }
}

/// What happens to a run that is due while another run of the job has not ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Overlap {
    /// It is recorded as skipped.
    Skip,
    /// It waits and takes the place of an older one that waits: Chronos' `concurrent: false`.
    #[default]
    QueueOne,
    /// It waits in line; when `limit` wait already it is recorded as skipped.
    QueueAll {
        /// At most so many wait.
        limit: u32,
    },
    /// The run that is going is killed, and this one takes its place.
    Replace,
    /// It starts beside the others: Chronos' `concurrent: true`.
    Allow {
        /// At most so many at once; `None` for no bound.
        limit: Option<u32>,
    },
}

impl Overlap {
    /// All policies, with their default bounds.
    pub const ALL: [Self; 5] = [
        Self::Skip,
        Self::QueueOne,
        Self::QueueAll {
            limit: OVERLAP_LIMIT_DEFAULT,
        },
        Self::Replace,
        Self::Allow { limit: None },
    ];

    /// Returns the word used in job JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::QueueOne => "queueOne",
            Self::QueueAll { .. } => "queueAll",
            Self::Replace => "replace",
            Self::Allow { .. } => "allow",
        }
    }

    /// Returns how many runs may be with agents at once, `None` for no bound.
    pub const fn at_once(self) -> Option<u32> {
        match self {
            Self::Skip | Self::QueueOne | Self::QueueAll { .. } | Self::Replace => Some(1),
            Self::Allow { limit } => limit,
        }
    }
}

/// How the delay before an extra attempt grows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RetryBackoff {
    /// It is the same each time.
    #[default]
    Fixed,
    /// It doubles with each attempt.
    Exponential {
        /// It grows no longer than this many seconds.
        delay_max_secs: u64,
    },
}

impl RetryBackoff {
    /// Returns the word used in job JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Exponential { .. } => "exponential",
        }
    }

    /// Returns the delay before `attempt` (1 for the first extra one) in milliseconds, where the
    /// first delay is `first_millis`.
    ///
    /// # Examples
    ///
    /// ```
    /// use chronos_model::RetryBackoff;
    ///
    /// let backoff = RetryBackoff::Exponential { delay_max_secs: 300 };
    /// let delays: Vec<_> = (1..=5).map(|attempt| backoff.delay_millis(60_000, attempt)).collect();
    /// assert_eq!(delays, [60_000, 120_000, 240_000, 300_000, 300_000]);
    /// assert_eq!(RetryBackoff::Fixed.delay_millis(60_000, 5), 60_000);
    /// ```
    pub fn delay_millis(self, first_millis: i64, attempt: u32) -> i64 {
        match self {
            Self::Fixed => first_millis,
            Self::Exponential { delay_max_secs } => {
                let cap = i64::try_from(delay_max_secs)
                    .unwrap_or(i64::MAX)
                    .saturating_mul(1000);
                let doubled = 1_i64
                    .checked_shl(attempt.saturating_sub(1))
                    .filter(|&factor| factor > 0)
                    .unwrap_or(i64::MAX);
                // A cap below the first delay must not shorten it.
                first_millis
                    .saturating_mul(doubled)
                    .min(cap.max(first_millis))
            }
        }
    }
}

/// What must have become of the parents for a child to run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ParentRule {
    /// Every parent has succeeded.
    #[default]
    AllSuccess,
    /// Every parent has ended, however.
    AllDone,
    /// One parent has succeeded.
    AnySuccess,
    /// One parent has failed for good.
    AnyFailure,
}

impl ParentRule {
    /// All rules.
    pub const ALL: [Self; 4] = [
        Self::AllSuccess,
        Self::AllDone,
        Self::AnySuccess,
        Self::AnyFailure,
    ];

    /// Returns the word used in job JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AllSuccess => "allSuccess",
            Self::AllDone => "allDone",
            Self::AnySuccess => "anySuccess",
            Self::AnyFailure => "anyFailure",
        }
    }
}

/// What becomes of local times that a change of clocks leaves out or repeats.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct DstPolicy {
    /// A local time that does not exist.
    pub gap: Gap,
    /// A local time that comes twice.
    pub overlap: Repeated,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backs_off_without_overflow() {
        let backoff = RetryBackoff::Exponential {
            delay_max_secs: 3600,
        };
        for (first, attempt, want) in [
            (1000, 1, 1000),
            (1000, 2, 2000),
            (1000, 12, 2_048_000),
            (1000, 13, 3_600_000),
            (1000, 64, 3_600_000),
            (1000, u32::MAX, 3_600_000),
            (0, 10, 0),
            (7_200_000, 3, 7_200_000),
        ] {
            assert_eq!(backoff.delay_millis(first, attempt), want, "{attempt}");
        }
    }
}
