//! How the tasks of a group lie over the values of an attribute.

use std::sync::Arc;

use resources::Spread;

use super::column::{ABSENT, Column};

/// Which rule, for whom.
pub(crate) type SpreadKey = (Arc<str>, Arc<str>, Spread);

/// A rule with its counts.
#[derive(Clone, Debug)]
pub(crate) struct SpreadState {
    pub(crate) column: u32,
    /// How many tasks are on agents with a value, sorted by value.
    counts: Vec<(u32, u32)>,
    total: u32,
    /// The limit when the last round looked.
    pub(crate) seen: u32,
    /// The classes that obey it.
    pub(crate) classes: Vec<u32>,
}

impl SpreadState {
    pub(crate) const fn new(column: u32) -> Self {
        Self {
            column,
            counts: Vec::new(),
            total: 0,
            seen: 0,
            classes: Vec::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.counts.clear();
        self.total = 0;
    }

    /// Makes room, so that a round does not have to.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.counts.reserve(more);
    }

    pub(crate) fn allows(&self, rule: Spread, column: &Column, value: u32) -> bool {
        value != ABSENT && self.count(value) < self.limit(rule, column)
    }

    fn count(&self, value: u32) -> u32 {
        self.counts
            .binary_search_by_key(&value, |(known, _)| *known)
            .map_or(0, |place| self.counts[place].1)
    }

    pub(crate) fn limit(&self, rule: Spread, column: &Column) -> u32 {
        match rule {
            Spread::AtMost(limit) => limit,
            Spread::Evenly(groups) => {
                let groups = groups.unwrap_or_else(|| column.distinct());
                self.total
                    .checked_div(groups)
                    .map_or(1, |each| each.saturating_add(1))
            }
        }
    }

    /// Counts a task that is not there any more.
    pub(crate) fn count_out(&mut self, value: u32) {
        let known = self
            .counts
            .binary_search_by_key(&value, |(known, _)| *known);
        if let Ok(place) = known {
            self.counts[place].1 = self.counts[place].1.saturating_sub(1);
            self.total = self.total.saturating_sub(1);
        }
    }

    /// Counts tasks; `true` when the limit rose, so that values which were full are not any more.
    pub(crate) fn count_in(&mut self, rule: Spread, column: &Column, value: u32, n: u32) -> bool {
        let before = self.limit(rule, column);
        self.total = self.total.saturating_add(n);
        match self
            .counts
            .binary_search_by_key(&value, |(known, _)| *known)
        {
            Ok(place) => self.counts[place].1 = self.counts[place].1.saturating_add(n),
            Err(place) => self.counts.insert(place, (value, n)),
        }
        self.limit(rule, column) > before
    }
}
