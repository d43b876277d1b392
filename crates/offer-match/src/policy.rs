//! What the caller decides about deciding.

use std::sync::Arc;

/// The settings of a [`Matcher`](crate::Matcher); all times are milliseconds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Which agent a task gets; [`Fitness::Pack`] by default.
    pub fitness: Fitness,
    /// How much waiting one step of priority is worth; ten minutes (600,000) by default.
    ///
    /// A task of priority 1 goes before one of priority 0 that came at most so much earlier, so a busy
    /// high priority delays the others and never starves them. [`Self::STRICT`] makes priority absolute.
    pub priority_millis: i64,
    /// Who may use agents with GPUs; [`Gpus::Restricted`] by default.
    pub gpus: Gpus,
    /// Whether the offers of one agent to one role are used together, as by default. Where a launch can name one offer
    /// only, they are not; then those of one agent are tried in the order in which they came.
    pub combine: bool,
    /// The region to which tasks without a constraint on `@region` keep; `None` for any, as by default; the empty one
    /// for any until [`Matcher::set_home_region`](crate::Matcher::set_home_region) names it. An agent that does not
    /// say where it is, is in it.
    pub home_region: Option<Arc<str>>,
    /// The roles of the framework: those of which [`Advice`](crate::Advice) and
    /// [`OfferConstraints`](crate::OfferConstraints) speak. `*` alone by default.
    pub roles: Vec<Arc<str>>,
    /// How long a task is assumed to run of which nobody knows; ten minutes (600,000) by default.
    pub unknown_lasts_millis: i64,
    /// How long a task waits, overtaken by others, before an agent is kept free for it; a minute (60,000) by
    /// default.
    pub keep_after_millis: i64,
    /// How long an agent is kept for a task before the next one is tried; ten minutes (600,000) by default.
    pub keep_millis: i64,
    /// How many agents in a thousand may be kept at once, 60 by default; one always may, unless this is zero.
    pub keep_permille: u16,
}

impl Policy {
    /// For [`Self::priority_millis`]: no waiting outweighs priority (34 years for each step).
    pub const STRICT: i64 = 1 << 40;
}

impl Default for Policy {
    /// Packs; a step of priority is worth ten minutes; keeps 6 % of the agents after a minute.
    fn default() -> Self {
        Self {
            fitness: Fitness::Pack,
            priority_millis: 600_000,
            gpus: Gpus::Restricted,
            combine: true,
            home_region: None,
            roles: vec![resources::ANY_ROLE.into()],
            unknown_lasts_millis: 600_000,
            keep_after_millis: 60_000,
            keep_millis: 600_000,
            keep_permille: 60,
        }
    }
}

/// Which agent a task gets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Fitness {
    /// The one that it fits best, weighted by how much the waiting constraints compete for it.
    ///
    /// Agents are tried in the order of what is free there at the beginning of the round (by octaves), times
    /// the square of the competition. Of the first four that have room the task gets the one with the least
    /// remainder, weighted alike, where it counts against a task that it leaves cpus and memory less even than
    /// they were. So agents fill up one after the other, and those that others need, and the large ones, stay
    /// free.
    #[default]
    Pack,
    /// Agents with the larger dominant share of free resources go first, and each task goes to the
    /// agent after the one that got the task before.
    Spread,
}

/// Who may use agents with GPUs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Gpus {
    /// Only tasks that want GPUs, also while all of an agent's GPUs are in use.
    #[default]
    Restricted,
    /// Every task.
    Shared,
}
