//! Where the logs of runs are.

use std::sync::Arc;

use async_trait::async_trait;
use chronos_agent::Logs;
use chronos_api::{ClusterInfo, ClusterOrder, LogError, LogPart, LogStream, OrderError};
use chronos_model::{Run, RunKey};
use chronos_zk::Board;

/// A part of a log that somebody wants.
#[derive(Clone, Debug)]
pub struct LogQuery {
    /// The run.
    pub key: RunKey,
    /// All that is known of it, if [`RunLogs::wants_run`].
    pub run: Option<Run>,
    /// Whether its job names an executor of its own.
    pub custom_executor: bool,
    /// Which of its logs.
    pub stream: LogStream,
    /// From which byte on.
    pub offset: u64,
    /// At most so many bytes.
    pub max: usize,
}

/// Reads what commands wrote, wherever a cluster keeps it.
#[async_trait]
pub trait RunLogs: Send + Sync + 'static {
    /// Reads a part.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    async fn read(&self, query: LogQuery) -> Result<LogPart, LogError>;

    /// Whether it has to know more of a run than its name.
    fn wants_run(&self) -> bool {
        false
    }

    /// Returns `host:port` of the daemon that has the logs of an agent, when that is another one and is here.
    async fn host(&self, agent: &str) -> Option<String> {
        let _here = agent;
        None
    }

    /// How the cluster is, when there is more to say of it than that it is there: its name, and what is wrong.
    fn health(&self) -> Option<(&'static str, Option<String>)> {
        None
    }

    /// The same, with all that there is to say.
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
}

#[async_trait]
impl RunLogs for Logs {
    async fn read(&self, query: LogQuery) -> Result<LogPart, LogError> {
        let stream = match query.stream {
            LogStream::Stdout => chronos_agent::LogStream::Stdout,
            LogStream::Stderr => chronos_agent::LogStream::Stderr,
        };
        let read = self.read(&query.key, stream, query.offset, query.max);
        match read.await {
            Ok(chunk) => Ok(LogPart {
                bytes: chunk.bytes.into(),
                size: chunk.size,
                ended: !chunk.running,
            }),
            Err(error) => Err(log_error(&error)),
        }
    }
}

/// The logs of this machine, and where those of others are.
#[derive(Clone, Debug)]
pub struct SharedLogs {
    own: Logs,
    board: Arc<Board>,
}

impl SharedLogs {
    /// Takes the logs of this machine, and what tells of others.
    pub const fn new(own: Logs, board: Arc<Board>) -> Self {
        Self { own, board }
    }
}

#[async_trait]
impl RunLogs for SharedLogs {
    async fn read(&self, query: LogQuery) -> Result<LogPart, LogError> {
        RunLogs::read(&self.own, query).await
    }

    async fn host(&self, agent: &str) -> Option<String> {
        if agent == self.board.own() {
            return None;
        }
        // Without an answer it is looked for here, and not found.
        self.board.host(agent).await.ok().flatten()
    }
}

fn log_error(error: &chronos_agent::LogError) -> LogError {
    let problem = error.to_string();
    if matches!(error, chronos_agent::LogError::NotFound) {
        LogError::NotFound { problem }
    } else {
        LogError::Unreadable { problem }
    }
}
