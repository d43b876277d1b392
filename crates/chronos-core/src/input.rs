//! What comes in: facts and commands, and the two clocks they are stamped with.

use std::sync::Arc;

use chronos_model::{Calendar, CalendarName, JobName, JobSource, JobSpec, RunKey, Timestamp};

use crate::ClusterEvent;

/// A reading of both clocks, taken together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Now {
    /// Wall time: what schedules are written in. It may jump, and it may jump backwards.
    pub wall: Timestamp,
    /// Time since an arbitrary origin: what timeouts are measured in. It never goes back.
    pub mono: Mono,
}

/// A reading of a clock that never goes back, in milliseconds since an arbitrary origin.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Mono(pub u64);

/// The name of a question, under which its reply comes back.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct RequestId(pub u64);

/// The name of a write, under which its completion comes back.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct PersistId(pub u64);

/// One fact for the scheduler.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Time passed. One too many does nothing.
    Tick,
    /// Somebody wants something.
    Command {
        /// Where the reply goes.
        request: RequestId,
        /// What is wanted.
        command: Command,
    },
    /// News from the cluster.
    Cluster(ClusterEvent),
    /// A write is durable.
    Persisted(PersistId),
    /// Look after the next so many jobs: whether timers, queue and runs agree with what is stored.
    Audit {
        /// How many at most; a round begins anew after the last.
        jobs: usize,
    },
}

/// What somebody wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Creates a job, or replaces its definition.
    Put {
        /// The definition.
        spec: Arc<JobSpec>,
        /// The file it comes from, if one owns it.
        source: Option<JobSource>,
    },
    /// Deletes a job and kills its runs.
    Delete {
        /// The job.
        job: JobName,
        /// What happens to the jobs that depend on it.
        cascade: Cascade,
    },
    /// Runs a job now, besides its schedule or parents.
    Run {
        /// The job.
        job: JobName,
        /// Arguments instead of the job's own.
        arguments: Option<String>,
    },
    /// Counts a success that nobody saw, and lets the children go on.
    MarkSuccess {
        /// The job.
        job: JobName,
    },
    /// Kills all runs of a job.
    KillJob {
        /// The job.
        job: JobName,
    },
    /// Kills one run.
    KillRun {
        /// The run.
        key: RunKey,
    },
    /// Runs targets that have passed, oldest first.
    Backfill {
        /// The job.
        job: JobName,
        /// The first instant.
        from: Timestamp,
        /// The last instant; both are included.
        to: Timestamp,
        /// Whether the jobs that depend on it run too.
        with_children: bool,
    },
    /// Creates or replaces a calendar.
    PutCalendar(Arc<Calendar>),
    /// Deletes a calendar that no job names.
    DeleteCalendar(CalendarName),
}

/// What happens to the children of a job that is deleted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Cascade {
    /// The deletion is refused while there are any.
    #[default]
    Refuse,
    /// They take the place of the deleted job: its parents, or its schedule when it had none and
    /// they have no other parent.
    Reparent,
    /// They are deleted too, and theirs.
    Delete,
}
