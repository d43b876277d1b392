//! What is stored, and the writes that change it.
//!
//! The scheduler decides on writes, the stores carry them out; both know only these values. How they
//! look on disk or in ZooKeeper is each store's own affair.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    Calendar, CalendarName, Defaults, FrameworkId, Generation, JobName, JobSpec, Lineage, Rare,
    Run, RunKey, Timestamp,
};

/// The version of a stored value: one more with each write.
pub type Revision = u64;

/// A job as it is stored: what the user wrote, and how far it has come.
///
/// The two have revisions of their own, so that an edit never fights a counter.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRecord {
    /// What the user wrote.
    pub spec: Arc<JobSpec>,
    /// The version of `spec`; 1 when it was created.
    pub spec_revision: Revision,
    /// How far it has come.
    pub progress: JobProgress,
    /// The version of `progress`; 1 when it was created.
    pub progress_revision: Revision,
}

/// How far a job has come: all that must survive a crash besides its runs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct JobProgress {
    /// When the job was created.
    pub created_at: Timestamp,
    /// Where a schedule without a start is anchored.
    pub anchor: Timestamp,
    /// The first target without a durable record; `None` when there is none (used up, or a
    /// dependent job).
    pub next: Option<NextTarget>,
    /// The latest due time given to a run so far, which keeps the next ones unique.
    pub due_max: Option<Timestamp>,
    /// How often the job has completed, in whatever way; the number of the newest completion.
    pub completed: u64,
    /// Runs that succeeded.
    pub success_count: u64,
    /// Runs that failed for good, after their retries.
    pub error_count: u64,
    /// Failures since the last success.
    pub errors_since_last_success: u64,
    /// When a run last succeeded.
    pub last_success: Option<Timestamp>,
    /// When a run last failed for good.
    pub last_error: Option<Timestamp>,
    /// What ties it to other jobs, to earlier definitions and to files.
    pub links: Links,
}

/// What ties the progress of a job to others: many jobs have none of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct JobLinks {
    /// A target at or before this instant gets a later due time, because an earlier definition (or an
    /// earlier job of this name) may have used its own.
    pub due_floor: Option<Timestamp>,
    /// Runs due up to this instant belong to earlier jobs of this name.
    pub due_birth: Option<Timestamp>,
    /// The newest completions, oldest first: as many as its children may still need.
    pub completions: Vec<Completion>,
    /// For each parent, the number of the newest completion that is used up.
    pub consumed: BTreeMap<JobName, u64>,
    /// The parents' completions that the newest run came from; a run by hand repeats it.
    pub generation: Option<Box<Generation>>,
    /// Where the definition comes from, when a folder of job files owns it.
    pub source: Option<JobSource>,
}

/// The [`JobLinks`] of a job.
pub type Links = Rare<JobLinks>;

impl Defaults for JobLinks {
    const DEFAULTS: &'static Self = &Self {
        due_floor: None,
        due_birth: None,
        completions: Vec::new(),
        consumed: BTreeMap::new(),
        generation: None,
        source: None,
    };
}

/// One completion of a job, for its children to count.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Completion {
    /// Its number, one more than the one before.
    pub number: u64,
    /// What it was.
    pub kind: CompletionKind,
    /// The run, `None` when it was marked as successful by hand.
    pub run: Option<RunKey>,
    /// From which completions of earlier jobs it comes, itself included.
    pub lineage: Lineage,
}

/// How a job completed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CompletionKind {
    /// With success, or by a mark, or by a failure that counts as one (`softError`).
    Success,
    /// With a failure that no attempt follows.
    Failure,
    /// Killed on request.
    Killed,
}

impl CompletionKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Success, Self::Failure, Self::Killed];

    /// Returns the word used in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Killed => "killed",
        }
    }

    /// Finds a kind by its [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A target that is still to come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NextTarget {
    /// How many targets of the schedule come before it.
    pub index: u64,
    /// Its instant.
    pub at: Timestamp,
}

/// The file from which a job came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JobSource {
    /// The file, relative to the folder.
    pub file: String,
    /// A fingerprint of the definition in it, so that an unchanged file changes nothing.
    pub digest: u64,
}

/// What is left of a deleted job, so that a later job of that name gives no id twice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tomb {
    /// When the job was deleted.
    pub deleted_at: Timestamp,
    /// The latest due time it had given to a run.
    pub due_max: Option<Timestamp>,
}

/// One change to the store.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Creates or replaces a definition.
    PutSpec {
        /// The new definition.
        spec: Arc<JobSpec>,
        /// The revision it replaces; zero when the job must not exist.
        expected: Revision,
    },
    /// Creates or replaces the progress of a job.
    PutProgress {
        /// The job.
        job: JobName,
        /// The new progress.
        progress: Arc<JobProgress>,
        /// The revision it replaces; zero when there must be none.
        expected: Revision,
    },
    /// Removes definition and progress, and leaves a tomb. Its runs stay.
    DeleteJob {
        /// The job.
        job: JobName,
        /// The revision of the definition that is removed.
        expected: Revision,
        /// What is left.
        tomb: Tomb,
    },
    /// Creates or replaces a run.
    PutRun(Arc<Run>),
    /// Creates or replaces a calendar.
    PutCalendar(Arc<Calendar>),
    /// Removes a calendar; nothing happens when there is none.
    DeleteCalendar(CalendarName),
    /// Removes the tomb and all ended runs of a job that no longer exists.
    Forget {
        /// The job.
        job: JobName,
    },
    /// Keeps the name that a Mesos master gave to this framework, or with `None` forgets it, so that
    /// the next leader subscribes as a new one.
    PutFrameworkId(Option<FrameworkId>),
}

impl Write {
    /// Returns the job it concerns, `None` when it concerns none.
    pub fn job(&self) -> Option<&JobName> {
        match self {
            Self::PutSpec { spec, .. } => Some(&spec.name),
            Self::PutProgress { job, .. } | Self::DeleteJob { job, .. } | Self::Forget { job } => {
                Some(job)
            }
            Self::PutRun(run) => Some(&run.key.job),
            Self::PutCalendar(_) | Self::DeleteCalendar(_) | Self::PutFrameworkId(_) => None,
        }
    }
}

/// Everything that a new leader needs: one consistent picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// All jobs, by name.
    pub jobs: Vec<JobRecord>,
    /// All runs that have not ended, by key.
    pub active_runs: Vec<Run>,
    /// All calendars.
    pub calendars: Vec<Arc<Calendar>>,
    /// The deleted jobs that are still remembered.
    pub tombs: BTreeMap<JobName, Tomb>,
    /// The name that a Mesos master gave to this framework; `None` before the first time.
    pub framework_id: Option<FrameworkId>,
    /// Records that could not be read: they are kept and shown, never dropped or fatal.
    pub quarantined: Vec<Quarantined>,
}

/// A stored record that cannot be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quarantined {
    /// What it is called in the store.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Which ended runs to return, newest first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunQuery {
    /// The job.
    pub job: JobName,
    /// Only runs older than this one; `None` starts at the newest.
    pub before: Option<RunKey>,
    /// At most so many.
    pub limit: usize,
}
