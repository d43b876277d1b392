//! What is done to the world, as plain data: operators' commands and faults, each at its moment.
//!
//! A script says everything that is not chance. So it can be printed, cut down and played again.

use std::fmt;

use chronos_model::Timestamp;
use serde_json::Value;

use crate::clock::Moment;

/// All acts of one simulation.
#[derive(Clone, Debug)]
pub struct Script {
    /// What chance is drawn from.
    pub seed: u64,
    /// What the clocks show when the world begins.
    pub start: Timestamp,
    /// How long the acts last; afterwards everything heals.
    pub length: Moment,
    /// The machines that may lead.
    pub nodes: usize,
    /// The agents, and for how many tasks of the usual size each has room.
    pub agents: Vec<u64>,
    /// How often in a thousand messages one is lost, doubled or late, faults aside.
    pub noise: u64,
    /// The acts, by moment.
    pub acts: Vec<(Moment, Act)>,
}

/// One act.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// An operator asks for something.
    Operator(Order),
    /// Something breaks, or is taken away.
    Fault(Fault),
}

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Create a job, or replace its definition.
    Put(Value),
    /// Delete a job.
    Delete {
        /// The job.
        job: String,
        /// `refuse`, `reparent` or `delete`.
        cascade: chronos_core::Cascade,
    },
    /// Run a job now.
    Run {
        /// The job.
        job: String,
        /// Arguments instead of its own.
        arguments: Option<String>,
    },
    /// Mark a job as successful.
    Mark(String),
    /// Run past targets of a job once more. Milliseconds.
    Backfill {
        /// The job.
        job: String,
        /// How long ago the range begins.
        back: u64,
        /// How long it is.
        length: u64,
        /// Whether the jobs that depend on it run too.
        with_children: bool,
    },
    /// Create or replace a calendar.
    PutCalendar(Value),
    /// Delete a calendar.
    DeleteCalendar(String),
    /// Kill all runs of a job.
    Kill(String),
    /// Kill the oldest run of a job that an agent has.
    KillOne(String),
    /// Kill the run that the agents have had for longest.
    KillOldest,
}

/// What breaks. Lengths are in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The leader dies; its machine starts it again after a while.
    Crash {
        /// After how long.
        down: u64,
    },
    /// The leader stands still, as under SIGSTOP, and goes on later.
    Pause {
        /// For how long.
        length: u64,
    },
    /// Another machine takes over while the old leader stands still; it goes on later, not knowing.
    Takeover {
        /// When the old leader goes on.
        asleep: u64,
    },
    /// Another machine takes over while the old leader works on.
    Usurp,
    /// The wall clock of a machine is set.
    ClockStep {
        /// Which machine.
        node: usize,
        /// By how much; negative is back.
        by: i64,
    },
    /// The wall clock of a machine runs faster or slower from now on.
    ClockDrift {
        /// Which machine.
        node: usize,
        /// Microseconds a second.
        ppm: i64,
    },
    /// Writes take long.
    StoreSlow {
        /// For how long.
        length: u64,
        /// How long at most a write takes.
        delay: u64,
    },
    /// No write is carried out or answered.
    StoreGone {
        /// For how long.
        length: u64,
    },
    /// The next write is carried out, and nobody hears of it: its leader must begin anew.
    StoreUnknown,
    /// The next write is not carried out: its leader must begin anew.
    StoreRefuses,
    /// An agent loses power; its tasks are gone.
    AgentCrash {
        /// Which agent.
        agent: usize,
        /// For how long.
        down: u64,
    },
    /// An agent cannot be reached; its tasks go on.
    AgentCut {
        /// Which agent.
        agent: usize,
        /// For how long.
        length: u64,
    },
    /// No agent makes offers.
    OffersWithheld {
        /// For how long.
        length: u64,
    },
    /// All offers at hand are taken back.
    OffersRescinded,
    /// Messages from and to agents are lost.
    Lossy {
        /// For how long.
        length: u64,
        /// How many of a hundred.
        percent: u64,
    },
    /// Messages come late, and not in order.
    Laggy {
        /// For how long.
        length: u64,
        /// How late at most.
        delay: u64,
    },
    /// Tasks do not hear that they are to end.
    Deaf {
        /// For how long.
        length: u64,
    },
}

impl Fault {
    /// Returns how long it lasts, zero for one that is over at once.
    pub const fn length(&self) -> u64 {
        match *self {
            Self::Crash { down } | Self::AgentCrash { down, .. } => down,
            Self::Takeover { asleep } => asleep,
            Self::Pause { length }
            | Self::StoreSlow { length, .. }
            | Self::StoreGone { length }
            | Self::AgentCut { length, .. }
            | Self::OffersWithheld { length }
            | Self::Lossy { length, .. }
            | Self::Laggy { length, .. }
            | Self::Deaf { length } => length,
            Self::Usurp
            | Self::ClockStep { .. }
            | Self::ClockDrift { .. }
            | Self::StoreUnknown
            | Self::StoreRefuses
            | Self::OffersRescinded => 0,
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator(Order::Put(document)) => write!(f, "operator: put {document}"),
            Self::Operator(order) => write!(f, "operator: {order:?}"),
            Self::Fault(fault) => write!(f, "fault: {fault:?}"),
        }
    }
}

impl Script {
    /// Returns the script with only these of its acts, by their index.
    #[must_use]
    pub fn keep(&self, kept: &[usize]) -> Self {
        let acts = kept.iter().filter_map(|&index| self.acts.get(index));
        Self {
            acts: acts.cloned().collect(),
            ..self.clone()
        }
    }
}
