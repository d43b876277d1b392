//! Time that never goes back.

use std::time::Duration;

/// A reading of the monotonic clock: milliseconds since an origin of the caller's choice.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Mono(pub u64);

impl Mono {
    /// Returns the instant that lies `wait` later; the end of time when it does not fit.
    ///
    /// # Examples
    ///
    /// ```
    /// use mesos_v1::Mono;
    /// use std::time::Duration;
    ///
    /// assert_eq!(Mono(5).after(Duration::from_secs(1)), Mono(1_005));
    /// ```
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(wait))
    }

    /// Returns how long ago `earlier` was; nothing when it was later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}
