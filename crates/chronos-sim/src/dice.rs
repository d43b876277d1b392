//! Randomness that replays: all of it comes from the seed and from the name of what is decided.
//!
//! What becomes of a task or a message is drawn from a hash of the seed and its name, not from one
//! stream. So a script from which an act was taken away leaves the fate of everything else as it was,
//! and a failing script can be made smaller.

use fastrand::Rng;

/// A source of decisions.
#[derive(Clone, Debug)]
pub struct Dice(Rng);

impl Dice {
    /// Makes the dice of a seed for one purpose.
    pub fn new(seed: u64, purpose: &str) -> Self {
        Self::of(seed, purpose, 0)
    }

    /// Makes the dice that decide on one thing among many: `name` says which, `count` the how-manieth
    /// time.
    pub fn of(seed: u64, name: &str, count: u64) -> Self {
        let bytes = name.bytes().chain(count.to_le_bytes());
        // FNV-1a; `Rng` mixes what it is seeded with.
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64 ^ seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(Rng::with_seed(hash))
    }

    /// Returns a number from `low` up to and including `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.u64(low..=high.max(low))
    }

    /// Returns a number from `low` up to and including `high`.
    pub fn signed(&mut self, low: i64, high: i64) -> i64 {
        self.0.i64(low..=high.max(low))
    }

    /// Returns an index below `len`, zero when there is nothing to choose from.
    pub fn index(&mut self, len: usize) -> usize {
        if len == 0 { 0 } else { self.0.usize(..len) }
    }

    /// Says yes in so many of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.0.u64(..100) < percent
    }

    /// Picks one.
    ///
    /// # Panics
    ///
    /// When there is nothing to pick from.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }

    /// Returns a number whose logarithm is uniform, so that small ones are as likely as large ones.
    pub fn spread(&mut self, low: u64, high: u64) -> u64 {
        let (low_bits, high_bits) = (64 - low.leading_zeros(), 64 - high.leading_zeros());
        let bits = self.0.u32(low_bits..=high_bits.max(low_bits));
        let top = 1_u64.checked_shl(bits).map_or(u64::MAX, |top| top - 1);
        self.between(low, top.min(high))
    }
}
