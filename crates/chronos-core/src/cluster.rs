//! The words in which the scheduler and whatever runs its tasks speak.
//!
//! They are those of Mesos, because Mesos is the larger of the two: this machine is a cluster of one
//! agent and goes the same way.

use std::{fmt, sync::Arc};

use chronos_model::{ContainerKind, JobSpec, RunKey, Timestamp};
use offer_match::OfferConstraint;
use resources::{Attributes, Ranges, Resources, Scalar};

/// The name of an offer, given by whoever makes it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OfferId(pub Arc<str>);

impl fmt::Display for OfferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an agent.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AgentId(pub Arc<str>);

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an agent would give to tasks. It is used once: by a launch or a decline.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// The offer.
    pub id: OfferId,
    /// Whose it is.
    pub agent: AgentId,
    /// The agent's host.
    pub hostname: Arc<str>,
    /// How much.
    pub resources: Resources,
    /// What the agent says of itself.
    pub attributes: Arc<Attributes>,
    /// What the agent can do.
    pub abilities: Abilities,
    /// The role to which it was allocated, where the cluster has roles. Offers of one agent are used together
    /// if it is the same.
    pub role: Option<Arc<str>>,
}

/// What an agent has and can do beyond running commands.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Abilities {
    /// How many GPUs are in the offer.
    pub gpus: Scalar,
    /// The ports that are in the offer.
    pub ports: Arc<Ranges>,
    /// The containers it can run.
    pub containers: Vec<ContainerKind>,
    /// It fetches files into the sandbox.
    pub fetch: bool,
    /// It runs custom executors.
    pub executors: bool,
    /// When it cannot do anything, as far as that was announced.
    pub away: Option<Away>,
    /// The region of those who make the offers, as far as it is known: what does not name a region keeps to it. Where
    /// the agent is itself, its attribute `@region` says.
    pub home_region: Option<Arc<str>>,
}

/// When an agent is away for maintenance.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Away {
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` for good.
    pub until: Option<Timestamp>,
}

/// Which launch of a run a task is.
///
/// A run that was dropped is launched again, and then it is another task: a cluster must not take word
/// of the one for word of the other. It is when the run was put off to, which the store keeps.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Launch(pub Option<Timestamp>);

/// A task that a cluster was given, perhaps.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Launched {
    /// The run.
    pub key: RunKey,
    /// Which launch of it.
    pub launch: Launch,
    /// The agent that it was for.
    pub agent: Option<AgentId>,
}

/// One task: a run, ready to be started on an agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Which run it is; prints as the task id.
    pub key: RunKey,
    /// Which launch of it.
    pub launch: Launch,
    /// What the schedule named.
    pub target: Timestamp,
    /// The job, as it was when the run was decided to start.
    pub spec: Arc<JobSpec>,
    /// Arguments that replace those of the job.
    pub arguments: Option<String>,
    /// The runs of the parents that brought it about.
    pub parent_runs: Vec<RunKey>,
}

/// A fact from the cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum ClusterEvent {
    /// Offers to use.
    Offers(Vec<Offer>),
    /// An offer that no longer stands.
    Rescinded(OfferId),
    /// News of a task.
    Update(TaskUpdate),
}

/// News of a task. A terminal one is repeated until it is acknowledged, over restarts too.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TaskUpdate {
    /// The task.
    pub key: RunKey,
    /// Which launch of it, if the cluster tells them apart.
    pub launch: Option<Launch>,
    /// The agent that has it.
    pub agent: AgentId,
    /// Where it stands.
    pub state: TaskState,
    /// The exit status of the command, when it exited.
    pub exit_code: Option<i32>,
    /// What the agent says about it.
    pub message: Option<String>,
    /// When the command started, as far as known.
    pub started_at: Option<Timestamp>,
    /// When the task got into `state`.
    pub at: Timestamp,
}

/// Where a task stands, in Mesos' words.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum TaskState {
    /// The agent has it; the command does not run yet.
    Starting,
    /// The command runs.
    Running,
    /// Nobody can reach its agent now. It may run, or have ended; the agent may come back and say so.
    Unreachable,
    /// The command exited with zero.
    Finished,
    /// The command, or the attempt to run it, failed.
    Failed,
    /// It was killed on request.
    Killed,
    /// Nobody can say what became of it, and it does not run any more.
    Lost,
    /// It was never started and never will be; the same run may be launched again.
    Dropped,
}

impl TaskState {
    /// Whether nothing can follow.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Starting | Self::Running | Self::Unreachable => false,
            Self::Finished | Self::Failed | Self::Killed | Self::Lost | Self::Dropped => true,
        }
    }
}

/// An instruction to the cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum ClusterCall {
    /// Starts tasks with what offers give.
    Launch {
        /// The offers, all of one agent, used up by this.
        offers: Vec<OfferId>,
        /// The tasks.
        tasks: Vec<Task>,
    },
    /// Gives an offer back.
    Decline {
        /// The offer.
        offer: OfferId,
    },
    /// Ends a task; answered by a terminal update.
    Kill {
        /// The task.
        key: RunKey,
    },
    /// A terminal update is recorded durably and need not be repeated.
    Acknowledge {
        /// The task.
        key: RunKey,
    },
    /// Asks where these tasks stand; each is answered by an update, `Dropped` for one that the
    /// cluster knows nothing of and will never start.
    Reconcile {
        /// The tasks.
        tasks: Vec<Launched>,
    },
    /// Says whether offers are wanted from now on; said again, also those that were declined. Only with
    /// [`Settings::returns_offers`](crate::Settings::returns_offers).
    Want {
        /// Whether.
        offers: bool,
    },
    /// Says which agents need be offered from now on: those for which all of some group holds; with no group
    /// any. Only with [`Settings::constrains_offers`](crate::Settings::constrains_offers).
    Constrain {
        /// The groups.
        groups: Vec<Vec<OfferConstraint>>,
    },
}
