//! What happened, for whoever listens: logs, metrics, notifications.

use std::sync::Arc;

use chronos_model::{JobName, Run, RunKey, Timestamp};

/// Something worth telling. The scheduler itself logs nothing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// A job was created.
    JobCreated {
        /// The job.
        job: JobName,
        /// Its first target.
        next: Option<Timestamp>,
    },
    /// The definition of a job was replaced.
    JobUpdated {
        /// The job.
        job: JobName,
        /// Its next target.
        next: Option<Timestamp>,
    },
    /// A job was deleted.
    JobDeleted {
        /// The job.
        job: JobName,
    },
    /// A job was disabled by the scheduler itself.
    JobDisabled {
        /// The job.
        job: JobName,
        /// Why.
        reason: String,
    },
    /// A record in the store cannot be used; it is left alone.
    Quarantined {
        /// What it is called.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// A run is given to an agent.
    RunLaunched {
        /// The run.
        key: RunKey,
        /// Milliseconds since it was due or ready.
        late_millis: i64,
    },
    /// A run ended; the run says how.
    RunEnded {
        /// The run.
        run: Arc<Run>,
    },
    /// A run failed and will be tried again.
    RetryScheduled {
        /// The next attempt.
        key: RunKey,
        /// Not before this instant.
        at: Timestamp,
    },
    /// Targets passed while nobody could run them.
    TargetsMissed {
        /// The job.
        job: JobName,
        /// How many.
        count: u64,
        /// The first of them.
        first: Timestamp,
    },
    /// A run starts, or waits, later than the job's `epsilon` or the daemon's limit allows.
    TargetLate {
        /// The run.
        key: RunKey,
        /// Milliseconds since it was due.
        late_millis: i64,
        /// Whether it starts now; else it still waits.
        started: bool,
    },
    /// The self-audit found something that did not agree, and repaired it.
    AuditFound {
        /// The job.
        job: JobName,
        /// What was wrong.
        finding: String,
    },
    /// A task runs that no record knows; it is killed.
    UnknownTask {
        /// The task.
        key: RunKey,
    },
}
