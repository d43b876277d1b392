//! What a job is: the definition that a user writes.

use std::collections::BTreeSet;

use resources::{Resources, Scalar};

use crate::{Details, JobName, JobSchedule, Overlap, ParentRule, Policies};

/// The definition of a job, checked.
///
/// Holding one proves that every field was read and validated; see [`JobSpec::from_json`](crate::JobSpec::from_json).
/// The fields are those of Chronos 3, the ones of 2.x that still mean something, and ours.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSpec {
    /// Unique name.
    pub name: JobName,
    /// The command line, or the program when `shell` is false.
    pub command: Box<str>,
    /// Whether `command` is given to `/bin/sh -c`.
    pub shell: bool,
    /// Extra attempts after a failed one.
    pub retries: u32,
    /// What one task takes: cores, megabytes of memory, megabytes of disk.
    pub resources: Resources,
    /// A disabled job is not started, by schedule, parents or hand.
    pub disabled: bool,
    /// Children also run when this job failed for good.
    pub soft_error: bool,
    /// Started before jobs that are not.
    pub high_priority: bool,
    /// The user the command runs as; empty takes the daemon's `--user`.
    pub run_as_user: Box<str>,
    /// What happens to a run that is due while another has not ended.
    pub overlap: Overlap,
    /// What must have become of the parents.
    pub parent_rule: ParentRule,
    /// What makes it run.
    pub trigger: Trigger,
    /// Delays, limits and what becomes of late targets, which many jobs leave at their defaults.
    pub policies: Policies,
    /// What most jobs leave at its default.
    pub details: Details,
}

impl JobSpec {
    /// Returns the parents, empty for a scheduled job.
    pub fn parents(&self) -> &BTreeSet<JobName> {
        static NONE: BTreeSet<JobName> = BTreeSet::new();
        match &self.trigger {
            Trigger::Schedule(_) => &NONE,
            Trigger::Parents(parents) => parents,
            Trigger::Both { parents, .. } => parents,
        }
    }

    /// Returns the schedule, `None` for a dependent job.
    pub const fn schedule(&self) -> Option<&JobSchedule> {
        match &self.trigger {
            Trigger::Schedule(schedule) | Trigger::Both { schedule, .. } => Some(schedule),
            Trigger::Parents(_) => None,
        }
    }

    /// Whether runs of this job may overlap, in Chronos' word.
    pub const fn concurrent(&self) -> bool {
        matches!(self.overlap, Overlap::Allow { .. })
    }

    /// Returns all files to bring into the sandbox: those of `fetch`, then those of `uris`.
    pub fn files(&self) -> impl Iterator<Item = Fetch> + '_ {
        let uris = self.details.uris.iter().map(|uri| Fetch::new(uri.as_str()));
        self.details.fetch.iter().cloned().chain(uris)
    }
}

/// What makes a job run.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// Instants of a repeating interval.
    Schedule(JobSchedule),
    /// The completion of these jobs.
    Parents(BTreeSet<JobName>),
    /// Both: an instant has come, and these jobs have completed since the last run.
    Both {
        /// Whose instants.
        schedule: JobSchedule,
        /// Whose completions. In a box, because it would make every job larger.
        parents: Box<BTreeSet<JobName>>,
    },
}

/// A file brought into the sandbox.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fetch {
    /// Where it is.
    pub uri: String,
    /// Make it executable (and do not extract it).
    pub executable: bool,
    /// Keep it in the agent's cache.
    pub cache: bool,
    /// Unpack it when it is an archive.
    pub extract: bool,
    /// Its name in the sandbox; empty takes the last part of the URI.
    pub output_file: String,
}

impl Fetch {
    /// Makes a fetch with the defaults of Chronos 3, which is what an entry of `uris` means.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            executable: false,
            cache: false,
            extract: true,
            output_file: String::new(),
        }
    }
}

/// A variable of the command's environment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EnvironmentVariable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What an absent field means, as the daemon's flags have it.
///
/// The defaults are frozen into a job when it is created, as Chronos does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JobDefaults {
    /// `--mesos_task_cpu`, `--mesos_task_mem`, `--mesos_task_disk`.
    pub resources: Resources,
    /// `--user`.
    pub user: String,
}

impl Default for JobDefaults {
    /// Chronos' own: 0.1 cores, 128 MB of memory, 256 MB of disk; no user, which is the daemon's.
    fn default() -> Self {
        Self {
            resources: Resources::new(
                Scalar::from_thousandths(100),
                Scalar::from_units(128),
                Scalar::from_units(256),
            ),
            user: String::new(),
        }
    }
}
