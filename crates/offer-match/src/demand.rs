//! What tasks want.

use std::sync::Arc;

use resources::{Constraint, Resources, Scalar};

/// What one task wants; tasks of one job usually want the same.
///
/// # Examples
///
/// ```
/// use offer_match::Demand;
/// use resources::{Constraint, Operator, Resources};
///
/// let demand = Demand {
///     constraints: vec![Constraint::new("rack", Operator::Unique, "")?],
///     group: Some("my-job".into()),
///     ports: 1,
///     ..Demand::new(Resources::new("0.5".parse()?, "512".parse()?, "100".parse()?))
/// };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Demand {
    /// How much of the three scalars that every task uses.
    pub resources: Resources,
    /// How many GPUs; whole ones, or Mesos refuses the task.
    pub gpus: Scalar,
    /// How many ports, whichever.
    pub ports: u32,
    /// Ports that have to be these.
    pub fixed_ports: Vec<u16>,
    /// Other scalars, by name.
    pub others: Vec<(Arc<str>, Scalar)>,
    /// Conditions on the agent, all of which must hold.
    pub constraints: Vec<Constraint>,
    /// Things the agent must be able to do, by name, such as `container runtime DOCKER`.
    pub abilities: Vec<&'static str>,
    /// The allocation roles it may use, the preferred one first; empty for any.
    pub roles: Vec<Arc<str>>,
    /// The tasks among which `UNIQUE`, `MAX_PER` and `GROUP_BY` count, such as those of one job.
    pub group: Option<Arc<str>>,
    /// Data that some agents have fetched already ([`Matcher::fetched`]); those are tried first.
    ///
    /// [`Matcher::fetched`]: crate::Matcher::fetched
    pub affinity: Option<Arc<str>>,
    /// How long it will run, which matters on agents that are about to be unavailable.
    pub lasts: Lasts,
    /// It may run on resources that can be taken back; those are then the only ones it uses.
    pub revocable: bool,
}

impl Demand {
    /// Makes a demand for resources alone.
    pub fn new(resources: Resources) -> Self {
        Self {
            resources,
            ..Self::default()
        }
    }

    // Equal demands written in another order are one.
    pub(crate) fn normal(&self) -> Self {
        let mut normal = self.clone();
        normal.constraints.sort_unstable();
        normal.constraints.dedup();
        normal.abilities.sort_unstable();
        normal.abilities.dedup();
        normal.fixed_ports.sort_unstable();
        normal.fixed_ports.dedup();
        normal.others.sort_unstable();
        if self
            .constraints
            .iter()
            .all(|constraint| constraint.spread().is_none())
        {
            normal.group = None;
        }
        normal
    }
}

/// How long a task will run.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Lasts {
    /// Nobody knows; [`Policy::unknown_lasts_millis`] is assumed.
    ///
    /// [`Policy::unknown_lasts_millis`]: crate::Policy::unknown_lasts_millis
    #[default]
    Unknown,
    /// At most so many milliseconds, by its limit or its history.
    Millis(i64),
    /// It does not mind being ended by maintenance.
    Indifferent,
}

/// A demand that a [`Matcher`] knows; equal demands have the same.
///
/// [`Matcher`]: crate::Matcher
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DemandId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// A task in the queue.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Waiting {
    /// Which task: the caller's number, one for each task that waits. Breaks ties, the lower one first.
    pub id: u64,
    /// A number of the caller's that comes back with the placement, such as where it keeps the task.
    pub tag: u32,
    /// Its priority; higher goes first ([`Policy::priority_millis`] says by how much).
    ///
    /// [`Policy::priority_millis`]: crate::Policy::priority_millis
    pub priority: i32,
    /// Since when it waits, in milliseconds of the caller's clock.
    pub since: i64,
}

/// The place of a task in the queue; needed to take it out again.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Ticket {
    pub(crate) rank: i64,
    pub(crate) id: u64,
    pub(crate) since: i64,
    pub(crate) class: u32,
    pub(crate) tag: u32,
}

impl Ticket {
    /// Returns since when the task waits.
    pub const fn since(&self) -> i64 {
        self.since
    }

    /// Returns the caller's number of the task.
    pub const fn id(&self) -> u64 {
        self.id
    }
}
