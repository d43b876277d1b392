//! Tasks that want the same.

use std::sync::Arc;

use resources::Scalar;

use crate::amounts::{Amounts, Filter};

/// Everything about a demand that a round reads.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    pub(crate) need: Amounts,
    pub(crate) filter: Filter,
    /// What is tried, one after the other: sets of conditions.
    pub(crate) stages: Vec<u32>,
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
    /// As of which state of the rows it was seen to fit nowhere.
    pub(crate) exhausted: u64,
    pub(crate) woken: bool,
}

impl Class {
    /// Returns the set that allows the most.
    pub(crate) fn broad(&self) -> u32 {
        self.stages.last().copied().unwrap_or_default()
    }
}
