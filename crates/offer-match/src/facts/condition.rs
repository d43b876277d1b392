//! Conditions on agents, evaluated when an agent or a condition is new and never in a round.

use std::{borrow::Cow, sync::Arc};

use resources::Constraint;

use crate::{bits::Bits, disks::Wish};

/// What is asked of an agent.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum ConditionKey {
    Ability(Cow<'static, str>),
    Constraint(Constraint),
    /// In the region to which tasks keep that name none.
    Local,
    WithGpus,
    WithoutGpus,
    Revocable(bool),
    Role(Arc<str>),
    /// It would have these disks and volumes if nobody used any, as far as was seen.
    Wishes(Box<[Wish]>),
    /// The agent has fetched this data.
    Fetched(Arc<str>),
}

/// A condition with its answers.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// The attribute that a constraint looks at.
    pub(crate) column: Option<u32>,
    /// The answers by the number of the attribute's value.
    pub(crate) values: Bits,
    /// The answers by row.
    pub(crate) rows: Bits,
}

/// Conditions that hold together.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    /// Whether it tells agents apart that most demands do not.
    pub(crate) selective: bool,
    /// How much is waiting for it.
    pub(crate) demand: i64,
    /// How much there is of agents that it allows, as of `capacity_age`.
    pub(crate) capacity: u64,
    pub(crate) capacity_age: u64,
}
