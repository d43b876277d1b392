//! Tasks that want the same.

use std::sync::Arc;

use resources::Scalar;

use crate::amounts::{Amounts, CPUS, DISK, MEM};

/// Classes with the same set of conditions and about the same size: where the smallest that such a
/// class may be does not fit, none of them does, so a round searches for it once.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Family {
    pub(crate) set: u32,
    /// Whether it is a wide one, by powers of two, or a narrow one within it, by quarters of them.
    pub(crate) wide: bool,
    /// The step at or below what is needed of cpus, memory and disk.
    pub(crate) size: [u8; 3],
}

/// No family.
pub(crate) const NONE: u32 = u32::MAX;

/// Everything about a demand that a round reads.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    pub(crate) need: Amounts,
    /// What is tried, one after the other: sets of conditions.
    pub(crate) stages: Vec<u32>,
    /// The wide and the narrow family of the class in each stage.
    pub(crate) families: Vec<[u32; 2]>,
    /// How long it runs.
    pub(crate) lasts: i64,
    /// How much it counts in comparisons of demand.
    pub(crate) size: u32,
    pub(crate) fixed_ports: Vec<u16>,
    pub(crate) others: Vec<(Arc<str>, Scalar)>,
    pub(crate) spreads: Vec<u32>,
    pub(crate) group: Option<Arc<str>>,
    pub(crate) generation: u32,
    /// How many tasks wait.
    pub(crate) waiting: u32,
    pub(crate) woken: bool,
}

impl Class {
    /// Returns the set that allows the most.
    pub(crate) fn broad(&self) -> u32 {
        self.stages.last().copied().unwrap_or_default()
    }
}

impl Family {
    /// Returns the family of a demand.
    pub(crate) fn of(set: u32, need: &Amounts, wide: bool) -> Self {
        let step = |amount: i64| {
            let Some(log) = amount.checked_ilog2().filter(|&log| log >= 2) else {
                return 0;
            };
            let quarter = if wide {
                0
            } else {
                amount >> log.saturating_sub(2) & 3
            };
            u8::try_from(i64::from(log).saturating_mul(4).saturating_add(quarter)).unwrap_or(0)
        };
        Self {
            set,
            wide,
            size: [step(need[CPUS]), step(need[MEM]), step(need[DISK])],
        }
    }

    /// Returns the least that a member may need.
    pub(crate) fn least(self) -> Amounts {
        let amount = |step: u8| {
            if step == 0 {
                return 0;
            }
            let (log, quarter) = (u32::from(step / 4), i64::from(step % 4));
            quarter.saturating_add(4) << log.saturating_sub(2)
        };
        let mut least = [0; 5];
        for (column, step) in [CPUS, MEM, DISK].into_iter().zip(self.size) {
            least[column] = amount(step);
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_a_family_is_at_or_below_every_member_and_near() {
        for amount in (0..4096).chain([1 << 40, (1 << 40) - 1, i64::MAX / 4]) {
            let need = [amount, amount, amount, 7, 7];
            for wide in [true, false] {
                let least = Family::of(0, &need, wide).least();
                assert!(least[CPUS] <= amount && least[3..] == [0; 2]);
                let near = if wide { 2 } else { 1 };
                assert!(amount < 4 || amount / least[CPUS] <= near, "{amount}");
            }
        }
    }
}
