//! Tasks that want the same.

use std::sync::Arc;

use resources::Scalar;

use crate::{
    amounts::{Amounts, Steps},
    disks::Wish,
};

/// What a round reads of every demand, in one line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Brief {
    pub(crate) need: Amounts,
    /// How long it runs.
    pub(crate) lasts: i64,
    /// The last set of conditions that is tried, which allows the most.
    pub(crate) set: u32,
    /// How many tasks wait.
    pub(crate) waiting: u32,
    pub(crate) steps: Steps,
    /// Nothing but this set, amounts and time decides.
    pub(crate) plain: bool,
    pub(crate) woken: bool,
    /// Nobody holds it but the tasks that wait.
    pub(crate) orphan: bool,
    /// How much more it takes of cpus or memory than of the other.
    pub(crate) lean: u8,
}

/// The rest of it.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    /// What is tried, one after the other: sets of conditions.
    pub(crate) stages: Vec<u32>,
    pub(crate) fixed_ports: Vec<u16>,
    pub(crate) others: Vec<(Arc<str>, Scalar)>,
    /// Disks with a source, and volumes.
    pub(crate) wishes: Box<[Wish]>,
    pub(crate) spreads: Vec<u32>,
    pub(crate) group: Option<Arc<str>>,
    pub(crate) generation: u32,
}
