//! What the API needs from the daemon behind it.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use chronos_core::{Command, Refusal, Reply, View};
use chronos_model::{JobDefaults, Run, RunKey, RunQuery, Timestamp};
use thiserror::Error;

use crate::{ClusterInfo, ClusterOrder, OrderError};

/// The daemon, as the API sees it: a picture to read, and a way to ask for changes.
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// Returns the current picture of jobs and active runs.
    fn view(&self) -> Arc<View>;

    /// Carries out a command; what it changed is durable when this returns.
    ///
    /// # Errors
    ///
    /// [`CommandError`].
    async fn command(&self, command: Command) -> Result<Reply, CommandError>;

    /// Returns ended runs of a job, newest first.
    ///
    /// # Errors
    ///
    /// [`Unavailable`].
    async fn ended_runs(&self, query: RunQuery) -> Result<Vec<Run>, Unavailable>;

    /// Returns one run from the store.
    ///
    /// # Errors
    ///
    /// [`Unavailable`].
    async fn stored_run(&self, key: &RunKey) -> Result<Option<Run>, Unavailable>;

    /// Returns a part of what a run printed.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    async fn read_log(
        &self,
        key: &RunKey,
        stream: LogStream,
        offset: u64,
        max: usize,
    ) -> Result<LogPart, LogError>;

    /// Returns `host:port` of the daemon that has the logs of an agent, when that is another one and known.
    async fn log_host(&self, agent: &str) -> Option<String> {
        let _here = agent;
        None
    }

    /// Returns how the connection to the cluster is, when the tasks run on one.
    fn cluster(&self) -> Option<ClusterInfo> {
        None
    }

    /// Orders something of the connection to the cluster.
    ///
    /// # Errors
    ///
    /// [`OrderError`].
    async fn order(&self, order: ClusterOrder) -> Result<(), OrderError> {
        let _nobody_takes_it = order;
        Err(OrderError::NoCluster)
    }

    /// Returns what absent fields of a job mean.
    fn defaults(&self) -> &JobDefaults;

    /// Reads the wall clock.
    fn now(&self) -> Timestamp;

    /// Returns `host:port` of the leader, `None` when there is none.
    fn leader(&self) -> Option<String>;

    /// Whether it is this daemon that starts runs; one that does not answers from what it knows.
    fn is_leader(&self) -> bool;

    /// Returns how the daemon's parts are.
    fn health(&self) -> Health;
}

/// Why a command was not carried out.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CommandError {
    /// The scheduler refuses it; nothing changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is not known whether it will be carried out; ask again.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A part of the daemon cannot answer now.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{problem}")]
pub struct Unavailable {
    /// What is wrong.
    pub problem: String,
}

/// Which of its two streams a run printed to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A part of what a run printed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogPart {
    /// The bytes from the offset on; empty at the end.
    pub bytes: Bytes,
    /// How much has been printed so far, in bytes.
    pub size: u64,
    /// Nothing more will come.
    pub ended: bool,
}

/// Why there is no log to read.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum LogError {
    /// The run has not started, was never given to an agent, or its sandbox has been removed.
    #[error("{problem}")]
    NotFound {
        /// Which of these, as far as known.
        problem: String,
    },
    /// The file cannot be read.
    #[error("{problem}")]
    Unreadable {
        /// What is wrong.
        problem: String,
    },
}

/// How the daemon's parts are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Health {
    /// Each part.
    pub parts: Vec<Part>,
    /// What this daemon does: `leader`, `follower`, `taking over` or `suspended`.
    pub role: &'static str,
    /// Since when.
    pub role_since: Timestamp,
    /// Whether there may be other daemons, of which one leads.
    pub is_shared: bool,
}

/// How one part of the daemon is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// What is wrong with it, `None` when it is well.
    pub problem: Option<String>,
    /// Since when that is so, where it is known.
    pub since: Option<Timestamp>,
}

impl Part {
    /// Makes one of which it is not known since when it is so.
    pub const fn new(name: &'static str, problem: Option<String>) -> Self {
        Self {
            name,
            problem,
            since: None,
        }
    }
}
