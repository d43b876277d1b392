//! What tasks want.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use resources::{Constraint, Resources, Scalar};

use crate::{DiskDemand, disks::Wish};

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
    /// Other scalars, by name; what is named twice is the sum.
    pub others: Vec<(Arc<str>, Scalar)>,
    /// Conditions on the agent, all of which must hold.
    pub constraints: Vec<Constraint>,
    /// Things the agent must be able to do, by name, such as `container runtime DOCKER`.
    pub abilities: Vec<Cow<'static, str>>,
    /// The allocation roles it may use, the preferred one first; empty for any.
    pub roles: Vec<Arc<str>>,
    /// The tasks among which `UNIQUE`, `MAX_PER` and `GROUP_BY` count, such as those of one job; needed with such a
    /// constraint, and else of no effect.
    pub group: Option<Arc<str>>,
    /// Data that some agents have fetched already ([`Matcher::fetched`]); those are tried first.
    ///
    /// [`Matcher::fetched`]: crate::Matcher::fetched
    pub affinity: Option<Arc<str>>,
    /// How long it will run, which matters on agents that are about to be unavailable.
    pub lasts: Lasts,
    /// It may run on resources that can be taken back; those are then the only ones it uses.
    pub revocable: bool,
    /// Disks with a source, beside the space of the root disk in [`resources`](Self::resources): each is some of one
    /// entry, or all of it, as its [`kind`](DiskDemand::kind) is. Of those that suffice it gets a reserved one before
    /// one that is not, then the smallest, unless its other disks could not be had then. An agent on which 256 were
    /// tried in vain counts as one without.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use offer_match::{Demand, DiskDemand, DiskKind, Offer, Policy, Waiting, match_once};
    /// use resources::{Attributes, Disk, DiskSource, Identity, Parcel, Parcels, Resources};
    ///
    /// let wanted = Demand {
    ///     disks: vec![DiskDemand::new(DiskKind::Mount, "1000".parse()?)],
    ///     ..Demand::new(Resources::new("1".parse()?, "128".parse()?, "10".parse()?))
    /// };
    /// let amount = Resources::new("8".parse()?, "4096".parse()?, "900".parse()?);
    /// let mut parcels = Parcels::plain(&amount, &Arc::default());
    /// for (root, size) in [("/ssd1", "500"), ("/ssd2", "4000"), ("/ssd3", "2000")] {
    ///     let source = Some(DiskSource::Mount { root: Some(root.into()) });
    ///     let disk = Some(Disk { source, ..Disk::default() });
    ///     let identity = Identity { disk, ..Identity::default() };
    ///     parcels.add(Parcel::scalar("disk", size.parse()?, &Arc::new(identity)));
    /// }
    /// let offer = Offer {
    ///     supply: parcels.into(),
    ///     ..Offer::plain("offer-1", "agent-1", &amount, Attributes::new("node-1", []))
    /// };
    /// let tasks = (0..3).map(|id| (wanted.clone(), Waiting { id, ..Waiting::default() }));
    /// let matcher = match_once(Policy::default(), tasks, [offer], 0);
    ///
    /// // The first gets all of the smallest that suffices, the second the other one.
    /// let launches = matcher.plan().launches();
    /// let taken = launches[0].tasks.iter().map(|task| task.parcels.to_string());
    /// assert_eq!(taken.collect::<Vec<_>>(), [
    ///     "cpus(*):1; disk(*):10; disk(*):2000; mem(*):128",
    ///     "cpus(*):1; disk(*):10; disk(*):4000; mem(*):128",
    /// ]);
    /// let why = matcher.explain_demand(&wanted).to_string();
    /// assert_eq!(why, "1 offer lacks a MOUNT disk (needs 1000, best 500)");
    /// # Ok::<(), resources::ScalarError>(())
    /// ```
    pub disks: Vec<DiskDemand>,
    /// Persistent volumes, by their ids. It goes to an agent that has all of them, and gets each as it was offered.
    ///
    /// No agent is found for more than 256 disks and volumes in all.
    ///
    /// One task has a volume at a time, unless the volume is shared: then any number have, each with the same entry.
    /// An id says nothing of the agent; where two agents have volumes with the same id, a constraint may tell which.
    pub volumes: Vec<Arc<str>>,
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
        normal.sum_up_others();
        for disk in &mut normal.disks {
            // Of a disk that may be divided there is no smaller part.
            disk.size = disk.size.max(Scalar::from_thousandths(1));
        }
        normal.disks.sort_unstable();
        normal.volumes.sort_unstable();
        normal.volumes.dedup();
        if self
            .constraints
            .iter()
            .all(|constraint| constraint.spread().is_none())
        {
            normal.group = None;
        }
        normal
    }

    // Each name once, with the sum; those with a place of their own are put there.
    fn sum_up_others(&mut self) {
        let mut sums: BTreeMap<Arc<str>, Scalar> = BTreeMap::new();
        for (name, amount) in std::mem::take(&mut self.others) {
            let sum = match &*name {
                "cpus" => &mut self.resources.cpus,
                "mem" => &mut self.resources.mem,
                "disk" => &mut self.resources.disk,
                "gpus" => &mut self.gpus,
                _ => sums.entry(name).or_default(),
            };
            *sum = sum.plus(amount.max(Scalar::ZERO));
        }
        self.others = sums.into_iter().collect();
    }

    /// Returns what it asks for that differs from agent to agent, in the order in which it is given out.
    pub(crate) fn wishes(&self) -> Box<[Wish]> {
        if self.volumes.is_empty() && self.disks.is_empty() {
            return Box::default();
        }
        let volumes = self.volumes.iter().cloned().map(Wish::Volume);
        let disks = self.disks.iter().cloned().map(Wish::Disk);
        volumes.chain(disks).collect()
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
    /// A number of the caller's that comes back with the placement ([`LaunchedTask::tag`], [`Batch::tasks`]), such
    /// as where it keeps the task.
    ///
    /// [`LaunchedTask::tag`]: crate::LaunchedTask::tag
    /// [`Batch::tasks`]: crate::Batch::tasks
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
