//! What truly happened, in order, written down by those to whom it happened.
//!
//! Operators note what they asked and were told, agents what they started and what ended, the store
//! what it carried out. The scheduler's own opinion is nowhere in it but as writes that the store has.

use std::{fmt, sync::Arc};

use chronos_core::{Command, Job, Notice, Refusal, Reply, RequestId, Task, TaskState};
use chronos_model::{RunKey, Timestamp, Write};

use crate::{clock::Moment, store::Store};

/// Everything that is known of one simulation.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// What happened, in order.
    pub facts: Vec<(Moment, Fact)>,
    /// The store at the end.
    pub store: Store,
    /// The jobs as the last leader saw them at the end.
    pub last_view: Vec<Arc<Job>>,
    /// The jobs as one who starts from the store at the end sees them.
    pub fresh_view: Vec<Arc<Job>>,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Fact {
    /// An act of the script is done.
    Act(usize),
    /// A new leader starts from the store.
    Elected {
        /// Its term.
        term: u64,
        /// Its machine.
        node: usize,
    },
    /// A scheduler is gone.
    Gone {
        /// Its term.
        term: u64,
        /// Why.
        why: &'static str,
    },
    /// A scheduler stands still.
    Paused(u64),
    /// A scheduler goes on.
    Resumed(u64),
    /// An operator asks.
    Asked {
        /// Under which name.
        request: RequestId,
        /// What.
        command: Command,
    },
    /// An operator is told.
    Answered {
        /// What was asked.
        request: RequestId,
        /// The answer.
        reply: Result<Reply, Refusal>,
    },
    /// The store has carried out writes.
    Committed {
        /// The term of who wrote.
        term: u64,
        /// What the clock of who wrote showed when it decided.
        wall: Timestamp,
        /// The writes.
        writes: Vec<Write>,
    },
    /// The store has refused writes of an older term.
    Fenced(u64),
    /// The cluster has taken a launch.
    Launched {
        /// The term of who launched.
        term: u64,
        /// The latest that any leader's clock has shown by now.
        wall_max: Timestamp,
        /// The task.
        task: Box<Task>,
    },
    /// The cluster has taken a request to end a task.
    KillAsked(RunKey),
    /// A command begins.
    Began(RunKey),
    /// A command ends, or will never begin.
    Ended {
        /// Which one.
        key: RunKey,
        /// How.
        how: TaskState,
    },
    /// The scheduler tells.
    Told(Notice),
    /// Somebody broke a rule of the interface.
    Breach {
        /// Whose rule.
        of: Rule,
        /// What happened.
        what: String,
    },
    /// The faults are over.
    Healed,
    /// The quiet time after them is over; from now on everything is brought to its end.
    Closing {
        /// What the leader's clock shows.
        wall: Timestamp,
    },
}

/// Whose rules can be broken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rule {
    /// The store's: revisions follow one another, what has ended is not written again.
    Store,
    /// The cluster's: an offer is used once, and for no more than it holds.
    Offers,
    /// The scheduler's own invariants.
    State,
}

impl Evidence {
    /// Notes that something happened.
    pub fn note(&mut self, at: Moment, fact: Fact) {
        self.facts.push((at, fact));
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Act(index) => write!(f, "act #{index}"),
            Self::Elected { term, node } => write!(f, "term {term} begins on node {node}"),
            Self::Gone { term, why } => write!(f, "term {term} is gone: {why}"),
            Self::Paused(term) => write!(f, "term {term} stands still"),
            Self::Resumed(term) => write!(f, "term {term} goes on"),
            Self::Asked { request, command } => ask(f, *request, command),
            Self::Answered { request, reply } => write!(f, "answer {}: {reply:?}", request.0),
            Self::Committed { term, wall, writes } => {
                write!(f, "term {term} at {wall} writes")?;
                writes.iter().try_for_each(|write| describe(f, write))
            }
            Self::Fenced(term) => write!(f, "term {term} is refused by the store"),
            Self::Launched { term, task, .. } => write!(f, "term {term} launches {}", task.key),
            Self::KillAsked(key) => write!(f, "kill {key}"),
            Self::Began(key) => write!(f, "{key} begins"),
            Self::Ended { key, how } => write!(f, "{key} ends: {how:?}"),
            Self::Told(notice) => write!(f, "notice: {notice:?}"),
            Self::Breach { of, what } => write!(f, "breach of {of:?}: {what}"),
            Self::Healed => f.write_str("all faults are over"),
            Self::Closing { wall } => write!(f, "the quiet time is over at {wall}"),
        }
    }
}

fn ask(f: &mut fmt::Formatter<'_>, request: RequestId, command: &Command) -> fmt::Result {
    if let Command::Put { spec, .. } = command {
        let document = serde_json::Value::from(spec.to_stored_json());
        return write!(f, "ask {}: put {document}", request.0);
    }
    write!(f, "ask {}: {command:?}", request.0)
}

fn describe(f: &mut fmt::Formatter<'_>, write: &Write) -> fmt::Result {
    match write {
        Write::PutSpec { spec, expected } => write!(f, " [definition {} {expected}]", spec.name),
        Write::PutProgress { job, progress, .. } => {
            let next = progress.next.map(|next| next.at.to_string());
            write!(f, " [progress {job} next {}]", next.unwrap_or_default())
        }
        Write::DeleteJob { job, .. } => write!(f, " [delete {job}]"),
        Write::PutRun(run) => {
            write!(f, " [run {} target {} {}", run.key, run.target, run.state)?;
            if let Some(outcome) = run.outcome {
                write!(f, " {outcome} {:?}", run.reason.as_deref().unwrap_or(""))?;
            }
            f.write_str("]")
        }
        Write::PutCalendar(calendar) => write!(f, " [calendar {}]", calendar.name()),
        Write::DeleteCalendar(name) => write!(f, " [no calendar {name}]"),
        Write::Forget { job } => write!(f, " [forget {job}]"),
        Write::PutFrameworkId(Some(id)) => write!(f, " [framework {id}]"),
        Write::PutFrameworkId(None) => f.write_str(" [no framework]"),
    }
}
