//! Uniform waits out of a seed: equal seeds wait alike, and different schedulers do not.

use std::time::Duration;

/// A stream of numbers that look random (`SplitMix64`, whose constants these are).
#[derive(Clone, Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A wait from nothing to `longest`, both included.
    pub(super) fn up_to(&mut self, longest: Duration) -> Duration {
        let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX - 1);
        Duration::from_millis(self.next() % (longest + 1))
    }

    /// A wait of `middle`, a tenth more or less.
    pub(super) fn about(&mut self, middle: Duration) -> Duration {
        let tenth = middle / 10;
        tenth * 9 + self.up_to(tenth * 2)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// `first` doubled `attempt` times, and never more than `longest`.
pub(super) fn doubled(first: Duration, attempt: u32, longest: Duration) -> Duration {
    first
        .checked_mul(2_u32.checked_pow(attempt).unwrap_or(u32::MAX))
        .map_or(longest, |wait| wait.min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_in_their_bounds() {
        let (mut some, mut other) = (Jitter::new(7), Jitter::new(7));
        let longest = Duration::from_millis(500);
        let waits: Vec<_> = (0..1_000).map(|_| some.up_to(longest)).collect();
        assert!(waits.iter().all(|wait| *wait <= longest));
        assert!(waits.iter().any(|wait| *wait > longest * 9 / 10));
        assert!(waits.iter().any(|wait| *wait < longest / 10));
        assert!(waits.iter().all(|wait| *wait == other.up_to(longest)));
        let hour = Duration::from_secs(3_600);
        assert!(some.about(hour) >= hour * 9 / 10 && some.about(hour) <= hour * 11 / 10);
        assert_eq!(some.up_to(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn doubles_up_to_the_longest() {
        let wait = |attempt| doubled(Duration::from_millis(500), attempt, Duration::from_secs(15));
        assert_eq!(wait(0), Duration::from_millis(500));
        assert_eq!(wait(3), Duration::from_secs(4));
        assert_eq!(wait(5), Duration::from_secs(15));
        assert_eq!(wait(u32::MAX), Duration::from_secs(15));
    }
}
