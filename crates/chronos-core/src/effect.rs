//! What goes out: instructions as plain data.

use chronos_model::{CalendarName, JobName, RunKey, Write};
use thiserror::Error;

use crate::{ClusterCall, Notice, PersistId, RequestId};

/// One instruction to the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Make these writes durable, after all earlier ones, and answer with
    /// [`Input::Persisted`](crate::Input::Persisted). When that cannot be, the scheduler must be
    /// dropped and built anew from the store.
    Persist {
        /// Under which name to answer.
        request: PersistId,
        /// The writes.
        writes: Vec<Write>,
    },
    /// Answer a command. What it changed is durable by now.
    Reply {
        /// Which one.
        request: RequestId,
        /// The answer.
        reply: Result<Reply, Refusal>,
    },
    /// Tell the cluster.
    Cluster(ClusterCall),
    /// Tell whoever listens: logs, metrics, notifications.
    Notice(Notice),
}

/// The answer to a command that was carried out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// A job was created.
    Created,
    /// A job was replaced.
    Updated,
    /// It is done.
    Done,
    /// A run was recorded, be it only as skipped.
    Run(RunKey),
    /// So many runs were recorded, oldest first.
    Runs(Vec<RunKey>),
}

/// Why a command is not carried out. Nothing changed.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such job.
    #[error("unknown job {0}")]
    UnknownJob(JobName),
    /// There is no such run, or it has ended.
    #[error("no active run {0}")]
    UnknownRun(RunKey),
    /// A field does not fit the other jobs.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no such calendar.
    #[error("unknown calendar {0}")]
    UnknownCalendar(CalendarName),
    /// Jobs name the calendar that is to be deleted.
    #[error("calendar {calendar} is used by jobs")]
    CalendarInUse {
        /// The calendar.
        calendar: CalendarName,
        /// All of them.
        jobs: Vec<JobName>,
    },
    /// Other jobs depend on the one to be deleted.
    #[error("job {job} has children")]
    HasChildren {
        /// The job.
        job: JobName,
        /// All of them.
        children: Vec<JobName>,
    },
}
