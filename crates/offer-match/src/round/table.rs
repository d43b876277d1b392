//! The rows of one round, in the order in which they are tried.
//!
//! Amounts are put into steps of a quarter of an octave, and for each step of cpus, memory and disk there
//! are bits for the rows that have at least so much. So the rows that may be large enough for a task are
//! the bits that are set in all three and in the mask of its conditions, 64 rows at a time; each of those
//! bit sets has a summary, so empty words are passed over 64 at a time. Only rows whose bit is set
//! everywhere are compared exactly.
//!
//! Within a round what is free only shrinks: bits are only ever cleared, and a class never has to look at
//! a row twice.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions are below the number of rows, which fits into memory"
)]

use crate::{
    amounts::{Amounts, STEPPED, STEPS, Steps, add, fits, steps, subtract},
    bits::{WORD, ones},
    facts::Facts,
};

/// No position, no mask.
pub(crate) const NONE: u32 = u32::MAX;

/// A row, in one line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Place {
    /// What is left, exactly.
    pub(crate) have: Amounts,
    /// How long a task may run there.
    pub(crate) room: i64,
    /// Which row it is.
    pub(crate) slot: u32,
    /// How much is competed for it.
    pub(crate) level: u32,
    steps: Steps,
    /// How often something was taken.
    pub(crate) taken: u32,
}

/// The rows of a round with what is left of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) places: Vec<Place>,
    // The row at each position, once more: together they are small.
    slots: Vec<u32>,
    /// The position of each row.
    positions: Vec<u32>,
    conditions: Vec<u32>,
    sets: Vec<u32>,
    // Bit sets over positions, each behind a summary of its words that are not empty: first one for each
    // step of each amount, then those of conditions.
    words: Vec<u64>,
    summary_len: usize,
    set_len: usize,
    /// The mask of the rows that changed since the last round.
    pub(crate) changed: u32,
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) need: &'a Amounts,
    pub(crate) steps: Steps,
    /// The mask of the conditions.
    pub(crate) mask: u32,
    /// Another mask, or the same.
    pub(crate) also: u32,
}

impl Table {
    /// Empties the table.
    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.slots.clear();
        self.positions.clear();
    }

    /// Returns what is left of a row, if it is in the table.
    pub(crate) fn left_in(&self, slot: u32) -> Option<Amounts> {
        let position = *self.positions.get(slot as usize)?;
        self.places.get(position as usize).map(|place| place.have)
    }

    /// Returns where a row is that is in the table.
    pub(crate) fn position(&self, slot: u32) -> usize {
        self.positions[slot as usize] as usize
    }

    /// Fills the table with rows in their order, each with how much is competed for it.
    pub(crate) fn build(
        &mut self,
        facts: &Facts,
        order: impl ExactSizeIterator<Item = (u32, u32)>,
        now: i64,
    ) {
        self.clear();
        self.positions.resize(facts.rows.len(), NONE);
        let blocks = order.len().div_ceil(WORD);
        self.summary_len = blocks.div_ceil(WORD);
        self.set_len = self.summary_len + blocks;
        self.words.clear();
        self.words.resize(STEPPED * STEPS * self.set_len, 0);
        for (position, (slot, level)) in order.enumerate() {
            let row = &facts.rows[slot as usize];
            self.positions[slot as usize] = u32::try_from(position).unwrap_or(NONE);
            let steps = steps(&row.whole);
            self.slots.push(slot);
            self.places.push(Place {
                have: row.whole,
                room: row.room(now),
                slot,
                level,
                steps,
                taken: 0,
            });
            for (dimension, step) in steps.into_iter().enumerate() {
                let set = self.step_set(dimension, step.into());
                let at = set + self.summary_len + position / WORD;
                self.words[at] |= 1 << (position % WORD);
            }
        }
        self.accumulate();
        self.conditions.clear();
        self.conditions.resize(facts.conditions.bound(), NONE);
        self.sets.clear();
        self.sets.resize(facts.sets.bound(), NONE);
        self.changed = self.changed_mask(facts);
    }

    // Who has a step has all below it.
    fn accumulate(&mut self) {
        for dimension in 0..STEPPED {
            for step in (0..STEPS).rev() {
                let from = self.step_set(dimension, step);
                if step + 1 < STEPS {
                    let (low, high) = self.words.split_at_mut(from + self.set_len);
                    for (low, high) in low[from..].iter_mut().zip(high) {
                        *low |= *high;
                    }
                }
                self.summarize(from);
            }
        }
    }

    const fn step_set(&self, dimension: usize, step: usize) -> usize {
        (dimension * STEPS + step) * self.set_len
    }

    /// Takes from a row.
    pub(crate) fn take(&mut self, position: usize, need: &Amounts) {
        let place = &mut self.places[position];
        subtract(&mut place.have, need);
        place.taken += 1;
        let after = steps(&place.have);
        let before = std::mem::replace(&mut place.steps, after);
        let (block, bit) = (position / WORD, 1 << (position % WORD));
        for (dimension, (&after, &before)) in after.iter().zip(&before).enumerate() {
            let mut set = self.step_set(dimension, after.into());
            for _ in after..before {
                set += self.set_len;
                let word = &mut self.words[set + self.summary_len + block];
                *word &= !bit;
                if *word == 0 {
                    self.words[set + block / WORD] &= !(1 << (block % WORD));
                }
            }
        }
    }

    /// Gives back to a row what was taken from it.
    pub(crate) fn give(&mut self, position: usize, need: &Amounts) {
        let place = &mut self.places[position];
        add(&mut place.have, need);
        place.taken += 1;
        let after = steps(&place.have);
        let before = std::mem::replace(&mut place.steps, after);
        let (block, bit) = (position / WORD, 1 << (position % WORD));
        for (dimension, (&after, &before)) in after.iter().zip(&before).enumerate() {
            let mut set = self.step_set(dimension, before.into());
            for _ in before..after {
                set += self.set_len;
                self.words[set + self.summary_len + block] |= bit;
                self.words[set + block / WORD] |= 1 << (block % WORD);
            }
        }
    }

    /// Shows rows at or after a position, in order, that are allowed and large enough, until `take` wants
    /// no more.
    #[inline]
    pub(crate) fn search(
        &self,
        wanted: Wanted<'_>,
        from: usize,
        mut take: impl FnMut(usize, &Place) -> bool,
    ) {
        let [cpus, mem, disk] = wanted.steps;
        let sets = [
            wanted.mask as usize,
            wanted.also as usize,
            self.step_set(0, cpus.into()),
            self.step_set(1, mem.into()),
            self.step_set(2, disk.into()),
        ];
        // All of one length, which the compiler sees: so one bound is checked and not each.
        let len = self.set_len;
        let sets = sets.map(|set| &self.words[set..][..len]);
        let all = |index: usize| sets.iter().fold(!0, |all, set| all & set[index]);
        let first = from / WORD;
        let mut index = first / WORD;
        if index >= self.summary_len {
            return;
        }
        let mut summary = all(index) & (!0 << (first % WORD));
        loop {
            while summary == 0 {
                index += 1;
                if index >= self.summary_len {
                    return;
                }
                summary = all(index);
            }
            let block = index * WORD + summary.trailing_zeros() as usize;
            summary &= summary - 1;
            let mut rows = all(self.summary_len + block);
            if block == first {
                rows &= !0 << (from % WORD);
            }
            let rows = ones(rows).map(|bit| block * WORD + bit);
            for position in rows {
                let place = &self.places[position];
                if fits(wanted.need, &place.have) && !take(position, place) {
                    return;
                }
            }
        }
    }

    /// Returns the mask of a set of conditions.
    pub(crate) fn set_mask(&mut self, facts: &Facts, set: u32) -> u32 {
        let known = self.sets[set as usize];
        if known != NONE {
            return known;
        }
        let conditions = facts.sets.key(set).map_or(&[][..], |key| &**key);
        for &condition in conditions {
            self.condition_mask(facts, condition);
        }
        let mask = self.fresh_mask(!0);
        for &condition in conditions {
            let other = self.conditions[condition as usize] as usize;
            let (others, own) = self.words.split_at_mut(mask);
            for (own, other) in own.iter_mut().zip(&others[other..]).skip(self.summary_len) {
                *own &= *other;
            }
        }
        self.summarize(mask);
        let mask = u32::try_from(mask).unwrap_or(NONE);
        self.sets[set as usize] = mask;
        mask
    }

    fn condition_mask(&mut self, facts: &Facts, condition: u32) {
        if self.conditions[condition as usize] != NONE {
            return;
        }
        let mask = self.fresh_mask(0);
        let rows = facts.conditions[condition].rows.words();
        let words = &mut self.words[mask + self.summary_len..];
        for (&rows, positions) in rows.iter().zip(self.positions.chunks(WORD)) {
            for bit in ones(rows) {
                let position = positions.get(bit).copied().unwrap_or(NONE);
                // Rows that are not here have no position.
                if let Some(word) = words.get_mut(position as usize / WORD) {
                    *word |= 1 << (position as usize % WORD);
                }
            }
        }
        self.conditions[condition as usize] = u32::try_from(mask).unwrap_or(NONE);
    }

    fn changed_mask(&mut self, facts: &Facts) -> u32 {
        let mask = self.empty_mask();
        for &slot in &facts.changed {
            let position = self.positions.get(slot as usize).copied();
            if let Some(position) = position.filter(|position| *position != NONE) {
                self.allow(mask, position as usize);
            }
        }
        mask
    }

    /// Makes a mask that allows no row.
    pub(crate) fn empty_mask(&mut self) -> u32 {
        u32::try_from(self.fresh_mask(0)).unwrap_or(NONE)
    }

    /// Lets a mask allow a row.
    pub(crate) fn allow(&mut self, mask: u32, position: usize) {
        let (mask, block) = (mask as usize, position / WORD);
        self.words[mask + self.summary_len + block] |= 1 << (position % WORD);
        self.words[mask + block / WORD] |= 1 << (block % WORD);
    }

    fn fresh_mask(&mut self, word: u64) -> usize {
        let mask = self.words.len();
        self.words.resize(mask + self.set_len, word);
        mask
    }

    fn summarize(&mut self, set: usize) {
        let (summary, words) = self.words[set..set + self.set_len].split_at_mut(self.summary_len);
        for (summary, words) in summary.iter_mut().zip(words.chunks(WORD)) {
            let bits = words.iter().enumerate();
            *summary = bits.fold(0, |bits, (bit, word)| bits | u64::from(*word != 0) << bit);
        }
    }
}

#[cfg(test)]
mod tests {
    use resources::{Attributes, Resources, Scalar};

    use crate::{Demand, Matcher, Offer, Policy, Waiting};

    #[test]
    fn what_is_taken_and_given_back_leaves_no_trace() {
        let amount = |units: i64| {
            Resources::new(
                Scalar::from_units(units),
                Scalar::from_units(units),
                Scalar::ZERO,
            )
        };
        let mut matcher = Matcher::new(Policy::default());
        for agent in 0..200 {
            let name = format!("agent-{agent}");
            let attributes = Attributes::new(&name, []);
            matcher.offer(Offer::plain(
                name.as_str(),
                name.as_str(),
                &amount(agent),
                attributes,
            ));
        }
        let demand = matcher.demand(&Demand::new(amount(1000)));
        for id in 0..10 {
            matcher.enqueue(
                demand,
                Waiting {
                    id,
                    ..Waiting::default()
                },
            );
        }
        matcher.round(0);
        let before = &matcher.round.table;
        let mut table = before.clone();
        for position in 0..200 {
            let all = before.places[position].have;
            table.take(position, &all);
            assert!(all[0] == 0 || table.words != before.words, "{position}");
            table.give(position, &all);
            assert_eq!(table.words, before.words, "{position}");
            assert_eq!(table.places[position].have, all);
        }
        // All at once, so that whole words become empty and are filled again.
        for position in 0..200 {
            table.take(position, &before.places[position].have);
        }
        for position in 0..200 {
            table.give(position, &before.places[position].have);
        }
        assert_eq!(table.words, before.words);
    }
}
