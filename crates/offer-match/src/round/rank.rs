//! In which order rows are tried.
//!
//! The pressure on a row is how much the waiting demands compete for it: for each set of conditions
//! that allows the row, the demand for the set by the capacity of all agents that it allows. Rows with
//! little pressure and little that is free go first, so that tasks without conditions do not fill the few
//! agents that others need, and large ones stay free for large tasks. Demands without conditions do not
//! count: they press on all alike.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions are below the number of rows, and sums of weights are bounded beside them"
)]

use crate::{
    Fitness, Ticket,
    amounts::{Amounts, log, misfit},
    bits::{Bits, WORD, ones},
    facts::{Facts, class::Brief, condition::Set},
};

/// How many sets of conditions count, those with the most demand: keeps the order cheap however many
/// jobs have conditions of their own, each of which weighs next to nothing.
const SETS_MAX: usize = 512;

/// A demand as large as the capacity.
const WHOLE: u64 = 1 << 20;

/// Finds the order of rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranker {
    /// The rows of the round with their keys, in order.
    order: Vec<(u64, u32)>,
    pressure: Vec<u64>,
    demands: Vec<i64>,
    /// The words of the candidates that are not empty.
    words: Vec<(usize, u64)>,
    /// Of those, the rows that a set allows.
    allowed: Vec<u64>,
    /// In a round with few tasks: the sets that press, each with its weight.
    few: Vec<(u32, u64)>,
}

impl Ranker {
    /// Returns the rows in order, each with how much is competed for it.
    pub(crate) fn ranked(&self) -> impl ExactSizeIterator<Item = (u32, u32)> {
        let level = |slot: u32| u32::try_from(level(self.pressure[slot as usize])).unwrap_or(0);
        self.order.iter().map(move |&(_, slot)| (slot, level(slot)))
    }

    /// Orders the rows of a round.
    pub(crate) fn rank(&mut self, facts: &mut Facts, candidates: &Bits) {
        self.pressure.clear();
        // Whole words of them.
        let len = facts.rows.len().next_multiple_of(WORD);
        self.pressure.resize(len, 0);
        if facts.policy.fitness != Fitness::Spread {
            self.press(facts, candidates);
        }
        self.order.clear();
        for slot in candidates.iter() {
            let row = &facts.rows[slot];
            let first = match facts.policy.fitness {
                Fitness::Pack => place(level(self.pressure[slot]), row.spare),
                Fitness::Spread => u64::from(u32::MAX - row.spare),
            };
            let key = first << 32 | u64::from(row.ordinal);
            self.order
                .push((key, u32::try_from(slot).unwrap_or(u32::MAX)));
        }
        self.order.sort_unstable();
    }

    fn press(&mut self, facts: &mut Facts, candidates: &Bits) {
        let bar = self.bar(facts);
        let words = candidates.words().iter().copied().enumerate();
        self.words.clear();
        self.words.extend(words.filter(|(_, word)| *word != 0));
        for set in 0..u32::try_from(facts.sets.bound()).unwrap_or(u32::MAX) {
            let counts = |set: &Set| set.demand >= bar && set.selective;
            if !facts.sets.get(set).is_some_and(counts) {
                continue;
            }
            let Some(weight) = weight(facts, set) else {
                continue;
            };
            let conditions = facts.sets.key(set).map_or(&[][..], |key| &**key);
            self.allowed.clear();
            self.allowed
                .extend(self.words.iter().map(|&(_, word)| word));
            for &condition in conditions {
                let rows = facts.conditions[condition].rows.words();
                for (allowed, &(index, _)) in self.allowed.iter_mut().zip(&self.words) {
                    *allowed &= rows.get(index).copied().unwrap_or(0);
                }
            }
            for (&allowed, &(index, _)) in self.allowed.iter().zip(&self.words) {
                let rows = self.pressure[index * WORD..].first_chunk_mut::<WORD>();
                if let Some(rows) = rows {
                    ones(allowed).for_each(|bit| rows[bit % WORD] += weight);
                }
            }
        }
    }

    /// Finds what presses when few tasks wait.
    pub(crate) fn press_few<'a>(
        &mut self,
        facts: &mut Facts,
        tasks: impl Iterator<Item = &'a Ticket>,
    ) {
        self.few.clear();
        for task in tasks {
            let set = facts.briefs[task.class as usize].set;
            let known = self.few.iter().any(|(known, _)| *known == set);
            if !known && facts.sets[set].selective && facts.sets[set].demand > 0 {
                let weight = weight(facts, set);
                self.few.extend(weight.map(|weight| (set, weight)));
            }
        }
    }

    /// Returns the pressure on a row when few tasks wait.
    pub(crate) fn pressure_of_few(&self, facts: &Facts, slot: u32) -> u64 {
        let presses = |set: u32| {
            facts.sets.key(set).is_some_and(|conditions| {
                let holds = |&condition: &u32| facts.conditions[condition].rows.get(slot as usize);
                conditions.iter().all(holds)
            })
        };
        let pressing = self.few.iter().filter(|(set, _)| presses(*set));
        pressing.map(|(_, weight)| weight).sum()
    }

    // The least demand that counts. Sets with equal demand count all or none, so that the order in
    // which they were made known does not matter.
    fn bar(&mut self, facts: &Facts) -> i64 {
        self.demands.clear();
        self.demands.extend(
            facts
                .sets
                .iter()
                .filter(|(_, set)| set.selective && set.demand > 0)
                .map(|(_, set)| set.demand),
        );
        if self.demands.len() <= SETS_MAX {
            return 1;
        }
        let (_, bar, _) = self
            .demands
            .select_nth_unstable_by(SETS_MAX, |one, two| two.cmp(one));
        *bar + 1
    }
}

// The demand for a set by the capacity of the agents that it allows, if there are any.
fn weight(facts: &mut Facts, set: u32) -> Option<u64> {
    let capacity = facts.capacity(set);
    let demand = u64::try_from(facts.sets[set].demand).unwrap_or(0);
    // Sums stay far below 2^64: at most 2^13 weights.
    let weight = demand.saturating_mul(WHOLE).checked_div(capacity)?;
    Some(weight.min(1 << 40))
}

/// Returns where a row comes in the order: by what is free there, times the square of the pressure.
///
/// What is free counts by octaves only, so that among the first rows are some with more memory and some with
/// more cpus, whatever machines there are.
pub(crate) fn place(level: u64, spare: u32) -> u64 {
    level * 64 + (log(spare.into()) + 16) / 64 * 64
}

/// Returns how badly a task fits a row, weighted in the same way.
pub(crate) fn remains(level: u64, have: &Amounts, brief: &Brief) -> u64 {
    level * 64 + misfit(have, &brief.need, brief.lean)
}

// Half powers of two: a small difference in pressure does not outweigh a good fit.
pub(crate) fn level(pressure: u64) -> u64 {
    match pressure.checked_ilog2() {
        None => 0,
        Some(0) => 1,
        Some(log) => u64::from(log) * 2 + (pressure >> (log - 1) & 1) + 1,
    }
}
