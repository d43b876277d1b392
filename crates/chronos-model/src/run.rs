//! One run: an attempt to meet one target of one job.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{JobName, RunKey, Timestamp};

/// Everything that is remembered of one run, while it lives and after.
///
/// The record is written when the run is decided (`queued` or `starting`), and again when it ends;
/// what happens between is known from the agent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Run {
    /// Job, due time and attempt: what the task is called everywhere.
    pub key: RunKey,
    /// The instant that the schedule (or the operator, or the last parent) named.
    pub target: Timestamp,
    /// Why there is such a run at all.
    pub cause: RunCause,
    /// Arguments given with a run-now; `None` means those of the job.
    pub arguments: Option<String>,
    /// Where it stands.
    pub state: RunState,
    /// A retry does not start before this instant.
    pub not_before: Option<Timestamp>,
    /// How it ended; present exactly in [`RunState::Ended`].
    pub outcome: Option<Outcome>,
    /// What an operator should know: why it waits, why it was skipped, how it failed.
    pub reason: Option<String>,
    /// The exit status of the command.
    pub exit_code: Option<i32>,
    /// The agent it was given to.
    pub agent: Option<Arc<str>>,
    /// When the run was decided.
    pub created_at: Timestamp,
    /// When the task was seen to start.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Somebody asked to kill it.
    pub kill_requested: bool,
    /// Which completions of parents brought it about, or will have before it starts.
    pub parents: Option<Box<Generation>>,
    /// This record also stands for so many earlier targets, from this one on (see [`Covered`]).
    pub covers: Option<Covered>,
}

/// Completions of parents that belong together and bring about one run of a child.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Generation {
    /// The runs of the parents; a parent that was marked as successful has none.
    pub runs: Vec<RunKey>,
    /// From which completions of earlier jobs they come.
    pub lineage: Lineage,
}

/// From which completions of which earlier jobs something comes: the number that each of them had.
///
/// Only jobs with several children are in it: where ways part, they may meet again, and a child that
/// has two parents must not mix the third completion on one way with the second on the other.
pub type Lineage = BTreeMap<JobName, u64>;

/// Earlier targets with the same outcome, when there were too many for a record each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Covered {
    /// The first target that is covered.
    pub first: Timestamp,
    /// How many targets are covered, the one of the record not counted.
    pub count: u64,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RunState {
    /// It waits: for an offer that fits, for an earlier run, or for its retry delay.
    Queued,
    /// The intent to launch is written or being written; the agent has not reported yet.
    Starting,
    /// The agent reported that the command runs.
    Running,
    /// It is over and has an outcome.
    Ended,
}

impl RunState {
    /// All states, in order.
    pub const ALL: [Self; 4] = [Self::Queued, Self::Starting, Self::Running, Self::Ended];

    /// Returns the word used in JSON and in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Ended => "ended",
        }
    }

    /// Finds a state by its [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a run ended. Every target ends with exactly one of these.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// The command exited with zero.
    Succeeded,
    /// The command, or the attempt to run it, failed.
    Failed,
    /// It was killed on request.
    Killed,
    /// It was not run by a rule; the reason says which.
    Skipped,
    /// Its time passed while nobody could run it.
    Missed,
    /// A newer target of the job took its place while it waited.
    Superseded,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 6] = [
        Self::Succeeded,
        Self::Failed,
        Self::Killed,
        Self::Skipped,
        Self::Missed,
        Self::Superseded,
    ];

    /// Returns the word used in JSON and in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Killed => "killed",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
            Self::Superseded => "superseded",
        }
    }

    /// Finds an outcome by its [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What brought a run about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RunCause {
    /// A target of the job's schedule.
    Schedule,
    /// A target of the job's schedule that passed while nobody could run it, under `catchUp: all`.
    CatchUp,
    /// The job's parents completed.
    Parents,
    /// An operator asked for it.
    Manual,
    /// An operator asked for a target that had passed; children do not run for it.
    Backfill,
    /// The same, and children run for it; theirs have this cause too.
    BackfillWithChildren,
}

impl RunCause {
    /// All causes.
    pub const ALL: [Self; 6] = [
        Self::Schedule,
        Self::CatchUp,
        Self::Parents,
        Self::Manual,
        Self::Backfill,
        Self::BackfillWithChildren,
    ];

    /// Returns the word used in JSON and in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::CatchUp => "catchUp",
            Self::Parents => "parents",
            Self::Manual => "manual",
            Self::Backfill => "backfill",
            Self::BackfillWithChildren => "backfillWithChildren",
        }
    }

    /// Finds a cause by its [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

impl fmt::Display for RunCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
