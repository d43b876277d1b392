//! What a job is, what is remembered of its runs, and the JSON in which Chronos speaks of both.
//!
//! A crate of its own because everything above shares these values: the scheduler that decides on
//! them, the stores that keep them, the API that shows them. Text is checked once, here; whoever
//! holds a [`JobSpec`] holds a valid one. Pure: no clock, no files, no sockets.
//!
//! # Examples
//!
//! A job comes in by [`JobSpec::from_json`], goes to a store and back by [`JobSpec::to_stored_json`]
//! and [`JobSpec::from_stored_json`], and out again by [`JobSpec::to_json`]:
//!
//! ```
//! use chronos_model::{FetchOutput, JobDefaults, JobKind, JobProgress, JobSpec, Timestamp};
//! use serde_json::{Value, json};
//!
//! let posted = json!({"name": "hello", "command": "echo hello", "parents": ["wake-up"], "mem": "64"});
//! let now = Timestamp::from_millis(1_700_000_000_000);
//! let spec = JobSpec::from_json(&posted, JobKind::Dependent, &JobDefaults::default(), now).unwrap();
//!
//! let stored = Value::from(spec.to_stored_json()).to_string();
//! let loaded = JobSpec::from_stored_json(&serde_json::from_str(&stored)?).unwrap();
//! assert_eq!(loaded, spec);
//!
//! let shown = loaded.to_json(&JobProgress::default(), FetchOutput::AsGiven);
//! assert_eq!(shown["mem"].to_string(), "64.0");
//! # Ok::<(), serde_json::Error>(())
//! ```
#![warn(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::float_arithmetic
)]

mod calendar;
mod container;
mod details;
mod epsilon;
mod framework_id;
mod jitter;
mod job;
pub mod limits;
mod name;
mod policy;
mod preview;
mod problem;
mod rare;
mod read;
mod record;
mod run;
mod schedule;
mod stored;
mod task_id;
mod time;
mod wall_clock;
mod write;

pub use calendar::{Allowed, Calendar, CalendarName, Exclusions};
pub use container::{
    Container, ContainerKind, ExternalVolume, IpProtocol, Network, NetworkInfo, Parameter,
    PortMapping, Volume, VolumeMode,
};
pub use details::{Details, JobDetails};
pub use epsilon::{Epsilon, EpsilonError};
pub use framework_id::{FrameworkId, FrameworkIdError};
pub use jitter::jitter_millis;
pub use job::{EnvironmentVariable, Fetch, JobDefaults, JobSpec, Trigger};
pub use name::{JOB_NAME_LEN_MAX, JobName, JobNameError};
pub use policy::{CatchUp, DstPolicy, JobPolicies, Overlap, ParentRule, Policies, RetryBackoff};
pub use preview::{ClockChange, LocalReading, Preview, PreviewedTarget};
pub use problem::{FieldProblem, PROBLEMS_MAX};
pub use rare::{Defaults, Rare};
pub use read::JobKind;
pub use record::{
    Completion, CompletionKind, JobLinks, JobProgress, JobRecord, JobSource, Links, NextTarget,
    Quarantined, Revision, RunQuery, Snapshot, Tomb, Write,
};
pub use run::{Covered, Generation, Lineage, Outcome, Run, RunCause, RunState};
pub use schedule::{CronError, CronField, JobSchedule, JobScheduleError, SchedulePart, Targets};
pub use stored::STORED_SPEC_VERSION;
pub use task_id::{RunKey, RunKeyError};
pub use time::{Timestamp, TimestampError};
pub use write::FetchOutput;
