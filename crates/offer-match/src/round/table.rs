//! The rows of one round, in the order in which they are tried.
//!
//! Within a round what is free only shrinks. So a block's largest amounts may be out of date and are
//! never too small, and a class never has to look at a row twice.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions are below the number of rows, which fits into memory"
)]

use crate::{
    amounts::{Amounts, Filter, JOINTS, fits, fits_filter, have_filter, joint, subtract},
    bits::{WORD, ones},
    facts::Facts,
};

/// No position, no mask.
pub(crate) const NONE: u32 = u32::MAX;

/// How many rows cost less one by one.
const FEW: u32 = 8;

/// How many searches in vain cost about as much as finding the maxima of a block again.
const VAIN_MAX: u8 = 10;

/// How many rows are compared at a time.
const GROUP: usize = 16;
const GROUP_MASK: u64 = 0xFFFF;

/// How many blocks share one entry of the upper level.
const SPAN: usize = 16;

/// The rows of a round with what is left of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// The row at each position.
    pub(crate) slots: Vec<u32>,
    /// What is left, exactly.
    pub(crate) have: Vec<Amounts>,
    /// How long a task may run there.
    pub(crate) room: Vec<i64>,
    /// Where a task may not run for long, and the longest of these times.
    limited: Vec<u32>,
    longest: i64,
    /// The position of each row.
    pub(crate) positions: Vec<u32>,
    blocks: Vec<[[i32; WORD]; 5]>,
    // How often a block was searched in vain since its maxima may be out of date; zero: they are not.
    stale: Vec<u8>,
    maxima: Vec<Filter>,
    upper: Vec<Filter>,
    top: Filter,
    conditions: Vec<u32>,
    sets: Vec<u32>,
    // Masks over positions, each behind a summary of its words that are not empty.
    masks: Vec<u64>,
    summary_len: usize,
    mask_len: usize,
    changed: u32,
}

impl Table {
    /// Empties the table.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.positions.clear();
    }

    /// Returns what is left of a row, if it is in the table.
    pub(crate) fn left_in(&self, slot: u32) -> Option<Amounts> {
        let position = *self.positions.get(slot as usize)?;
        self.have.get(position as usize).copied()
    }

    /// Fills the table with rows in their order.
    pub(crate) fn build(&mut self, facts: &Facts, order: &[(u64, u32)], now: i64) {
        self.clear();
        self.have.clear();
        self.room.clear();
        self.limited.clear();
        self.longest = i64::MIN;
        self.positions.resize(facts.rows.len(), NONE);
        self.blocks.clear();
        self.blocks
            .resize(order.len().div_ceil(WORD), [[-1; WORD]; 5]);
        for (position, &(_, slot)) in order.iter().enumerate() {
            let row = &facts.rows[slot as usize];
            self.positions[slot as usize] = u32::try_from(position).unwrap_or(NONE);
            self.slots.push(slot);
            self.have.push(row.whole);
            let room = row.room(now);
            self.room.push(room);
            if room != i64::MAX {
                self.limited.push(u32::try_from(position).unwrap_or(NONE));
                self.longest = self.longest.max(room);
            }
            self.store(position, &have_filter(&row.whole));
        }
        let blocks = self.blocks.len();
        self.stale.clear();
        self.stale.resize(blocks, 0);
        self.maxima.clear();
        self.maxima.resize(blocks, [-1; 16]);
        self.upper.clear();
        self.upper.resize(blocks.div_ceil(SPAN), [-1; 16]);
        for block in 0..blocks {
            self.maxima[block] = self.block_maxima(block);
        }
        for upper in 0..self.upper.len() {
            self.upper[upper] = self.upper_maxima(upper);
        }
        self.top = largest(&self.upper);
        self.masks.clear();
        self.conditions.clear();
        self.conditions.resize(facts.conditions.bound(), NONE);
        self.sets.clear();
        self.sets.resize(facts.sets.bound(), NONE);
        self.mask_len = blocks;
        self.summary_len = blocks.div_ceil(WORD);
        self.changed = self.changed_mask(facts);
    }

    /// Whether tasks may run for long everywhere.
    pub(crate) fn is_boundless(&self) -> bool {
        self.limited.is_empty()
    }

    /// Whether some block may have a row that is large enough.
    pub(crate) fn may_fit(&self, need: &Filter) -> bool {
        fits_filter(need, &self.top)
    }

    /// Whether a row is large enough.
    pub(crate) fn fits(&self, position: usize, need: &Amounts) -> bool {
        fits(need, &self.have[position])
    }

    /// Takes from a row.
    pub(crate) fn take(&mut self, position: usize, need: &Amounts) {
        subtract(&mut self.have[position], need);
        let filter = have_filter(&self.have[position]);
        self.store(position, &filter);
        let stale = &mut self.stale[position / WORD];
        *stale = (*stale).max(1);
    }

    fn store(&mut self, position: usize, filter: &Filter) {
        let block = &mut self.blocks[position / WORD];
        for (column, amount) in block.iter_mut().zip(filter) {
            column[position % WORD] = *amount;
        }
    }

    fn block_maxima(&self, block: usize) -> Filter {
        let columns = &self.blocks[block];
        let mut maxima = [0; 16];
        for (top, column) in maxima.iter_mut().zip(columns) {
            *top = column.iter().fold(-1, |top, &one| one.max(top));
        }
        let [cpus, mem, disk, ..] = columns;
        for (top, (of_disk, ratio)) in maxima[5..].iter_mut().zip(JOINTS) {
            let other = if of_disk { disk } else { mem };
            *top = cpus.iter().zip(other).fold(-1, |top, (&cpus, &other)| {
                joint(cpus, other, ratio).max(top)
            });
        }
        maxima
    }

    fn upper_maxima(&self, upper: usize) -> Filter {
        let from = upper * SPAN;
        let to = (from + SPAN).min(self.maxima.len());
        largest(&self.maxima[from..to])
    }

    /// Returns the first row at or after a position that a mask allows, that is large enough, and to
    /// which `agrees` has no objection.
    pub(crate) fn search(
        &mut self,
        need: (&Filter, &Amounts),
        mask: u32,
        (from, only_changed): (usize, bool),
        mut agrees: impl FnMut(usize, &Self) -> bool,
    ) -> Option<usize> {
        let (filter, need) = need;
        let mut block = from / WORD;
        let mut within = !0_u64 << (from % WORD);
        let mut span = usize::MAX;
        loop {
            let next = self.next_block(mask, block)?;
            if next != block {
                block = next;
                within = !0;
            }
            if block / SPAN != span {
                span = block / SPAN;
                if !fits_filter(filter, &self.upper[span]) {
                    block = (span + 1) * SPAN;
                    within = !0;
                    continue;
                }
            }
            if fits_filter(filter, &self.maxima[block]) {
                let mut allowed = self.mask_word(mask, block) & within;
                if only_changed {
                    allowed &= self.mask_word(self.changed, block);
                }
                if allowed != 0 {
                    for group in 0..WORD / GROUP {
                        let rows = allowed >> (group * GROUP) & GROUP_MASK;
                        for bit in ones(self.compare(block, group, filter, rows)) {
                            let position = block * WORD + group * GROUP + bit;
                            if fits(need, &self.have[position]) && agrees(position, self) {
                                return Some(position);
                            }
                        }
                    }
                    match self.stale[block] {
                        0 => {}
                        VAIN_MAX => self.tighten(block),
                        vain => self.stale[block] = vain + 1,
                    }
                }
            }
            block += 1;
            within = !0;
        }
    }

    /// Returns the first row within bounds that [`search`](Self::search) would find, of those where a task
    /// may not run for long; a search for whole families leaves them out.
    pub(crate) fn search_limited(
        &self,
        (need, lasts): (&Amounts, i64),
        mask: u32,
        (from, to): (usize, usize),
        agrees: impl Fn(usize, &Self) -> bool,
    ) -> Option<usize> {
        if lasts > self.longest {
            return None;
        }
        let within = self.limited.iter().map(|&position| position as usize);
        within
            .skip_while(|position| *position < from)
            .take_while(|position| *position < to)
            .find(|&position| {
                self.mask_word(mask, position / WORD) >> (position % WORD) & 1 == 1
                    && fits(need, &self.have[position])
                    && agrees(position, self)
            })
    }

    // A block without a fitting row passed the test of its maxima: they are out of date.
    fn tighten(&mut self, block: usize) {
        self.stale[block] = 0;
        self.maxima[block] = self.block_maxima(block);
        let upper = block / SPAN;
        self.upper[upper] = self.upper_maxima(upper);
        self.top = largest(&self.upper);
    }

    // Which rows of a group may be large enough, as bits. A difference below zero has its highest bit set,
    // and so has the union of differences if one of them is. Sixteen rows at a time become vector code, and
    // most of the time none of them will do; few are left to the exact comparison.
    fn compare(&self, block: usize, group: usize, filter: &Filter, rows: u64) -> u64 {
        if rows.count_ones() <= FEW {
            return rows;
        }
        let [cpus, mem, disk, ..] = &self.blocks[block];
        let column = |column: &[i32; WORD]| column.as_chunks::<GROUP>().0[group];
        let (cpus, mem, disk) = (column(cpus), column(mem), column(disk));
        let mut lacks = [0_i32; GROUP];
        for (lacks, ((cpus, mem), disk)) in lacks.iter_mut().zip(cpus.iter().zip(mem).zip(disk)) {
            *lacks = cpus.wrapping_sub(filter[0])
                | mem.wrapping_sub(filter[1])
                | disk.wrapping_sub(filter[2]);
        }
        if lacks.iter().fold(-1, |all, lacks| all & lacks) < 0 {
            return 0;
        }
        let fitting = lacks.iter().enumerate().fold(0, |bits, (bit, lacks)| {
            bits | u64::from((!lacks).cast_unsigned() >> 31) << bit
        });
        fitting & rows
    }

    fn mask_word(&self, mask: u32, block: usize) -> u64 {
        self.masks[mask as usize + self.summary_len + block]
    }

    fn next_block(&self, mask: u32, from: usize) -> Option<usize> {
        if from >= self.mask_len {
            return None;
        }
        let summary = &self.masks[mask as usize..mask as usize + self.summary_len];
        let mut index = from / WORD;
        let mut word = summary[index] & (!0 << (from % WORD));
        while word == 0 {
            index += 1;
            word = *summary.get(index)?;
        }
        Some(index * WORD + word.trailing_zeros() as usize)
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
            let other = self.conditions[condition as usize];
            for block in 0..self.mask_len {
                let word = self.mask_word(other, block);
                self.masks[mask as usize + self.summary_len + block] &= word;
            }
        }
        self.summarize(mask);
        self.sets[set as usize] = mask;
        mask
    }

    fn condition_mask(&mut self, facts: &Facts, condition: u32) {
        if self.conditions[condition as usize] != NONE {
            return;
        }
        let rows = &facts.conditions[condition].rows;
        let mask = self.fresh_mask(0);
        for slot in rows.iter() {
            self.allow(mask, slot);
        }
        self.conditions[condition as usize] = mask;
    }

    fn changed_mask(&mut self, facts: &Facts) -> u32 {
        let mask = self.fresh_mask(0);
        for &slot in &facts.changed {
            self.allow(mask, slot as usize);
        }
        self.summarize(mask);
        mask
    }

    fn allow(&mut self, mask: u32, slot: usize) {
        let position = self.positions.get(slot).copied().unwrap_or(NONE);
        if position != NONE {
            let position = position as usize;
            let word = mask as usize + self.summary_len + position / WORD;
            self.masks[word] |= 1 << (position % WORD);
        }
    }

    fn fresh_mask(&mut self, word: u64) -> u32 {
        let mask = self.masks.len();
        self.masks.resize(mask + self.summary_len, 0);
        self.masks
            .resize(mask + self.summary_len + self.mask_len, word);
        u32::try_from(mask).unwrap_or(NONE)
    }

    fn summarize(&mut self, mask: u32) {
        for block in 0..self.mask_len {
            if self.mask_word(mask, block) != 0 {
                self.masks[mask as usize + block / WORD] |= 1 << (block % WORD);
            }
        }
    }
}

fn largest(all: &[Filter]) -> Filter {
    let mut top = [-1; 16];
    for one in all {
        for (top, one) in top.iter_mut().zip(one) {
            *top = (*top).max(*one);
        }
    }
    top
}
