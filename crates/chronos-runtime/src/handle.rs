//! What others hold of the loop: a picture to read, and a way to ask.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use chronos_api::{
    Backend, ClusterInfo, ClusterOrder, CommandError, Health, LogError, LogPart, LogStream,
    OrderError, Part, Unavailable,
};
use chronos_core::{Command, Refusal, Reply, View};
use chronos_model::{JobDefaults, Run, RunKey, RunQuery, Timestamp};
use chronos_store::Store;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    LogQuery, Mandate, RunLogs, clock,
    standing::{Duty, Standing},
};

/// How long a command waits for its answer; a store that is away longer makes it fail with "ask again".
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(15);

/// A command on its way into the loop.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) command: Command,
    pub(crate) reply: oneshot::Sender<Result<Reply, Refusal>>,
}

/// A handle to the loop, for the API and for whoever else asks for changes.
#[derive(Clone)]
pub struct Handle {
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) view: watch::Receiver<Arc<View>>,
    pub(crate) standing: watch::Receiver<Standing>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) logs: Arc<dyn RunLogs>,
    pub(crate) defaults: JobDefaults,
    pub(crate) mandate: Mandate,
}

impl Handle {
    /// Waits until it can answer from what the store has, be it as a follower.
    pub async fn ready(&mut self) {
        self.until(|standing| standing.problem.is_none()).await;
    }

    /// Waits until it leads, and its picture is that of its own scheduler.
    pub async fn leading(&mut self) {
        self.until(|standing| standing.duty == Duty::Leading && standing.problem.is_none())
            .await;
    }

    async fn until(&mut self, wanted: impl FnMut(&Standing) -> bool) {
        // The sender lives as long as the loop; once it is gone nothing changes any more.
        if self.standing.wait_for(wanted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Handle {
    // Where it is now, or was.
    async fn find_run(&self, key: &RunKey) -> Result<Option<Run>, LogError> {
        let view = self.view();
        let active = view.job(&key.job).and_then(|job| job.run(key));
        if let Some(run) = active {
            return Ok(Some(Run::clone(run)));
        }
        let stored = self.store.run(key).await;
        stored.map_err(|error| LogError::Unreadable {
            problem: error.to_string(),
        })
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("mandate", &self.mandate)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Backend for Handle {
    fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    async fn command(&self, command: Command) -> Result<Reply, CommandError> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.requests
                .send(Request { command, reply })
                .await
                .map_err(|_closed| gone())?;
            answer.await.map_err(|_dropped| gone())
        };
        match tokio::time::timeout(COMMAND_TIMEOUT, asked).await {
            Ok(answer) => Ok(answer??),
            Err(_elapsed) => {
                Err(unavailable(format!("no answer within {} s", COMMAND_TIMEOUT.as_secs())).into())
            }
        }
    }

    async fn ended_runs(&self, query: RunQuery) -> Result<Vec<Run>, Unavailable> {
        self.store
            .runs(query)
            .await
            .map_err(|error| unavailable(error.to_string()))
    }

    async fn stored_run(&self, key: &RunKey) -> Result<Option<Run>, Unavailable> {
        self.store
            .run(key)
            .await
            .map_err(|error| unavailable(error.to_string()))
    }

    async fn read_log(
        &self,
        key: &RunKey,
        stream: LogStream,
        offset: u64,
        max: usize,
    ) -> Result<LogPart, LogError> {
        let run = if self.logs.wants_run() {
            self.find_run(key).await?
        } else {
            None
        };
        let view = self.view();
        let job = view.job(&key.job);
        let query = LogQuery {
            key: key.clone(),
            run,
            custom_executor: job.is_some_and(|job| !job.spec().details.executor.is_empty()),
            stream,
            offset,
            max,
        };
        self.logs.read(query).await
    }

    async fn log_host(&self, agent: &str) -> Option<String> {
        self.logs.host(agent).await
    }

    fn cluster(&self) -> Option<ClusterInfo> {
        self.logs.cluster()
    }

    async fn order(&self, order: ClusterOrder) -> Result<(), OrderError> {
        self.logs.order(order).await
    }

    fn defaults(&self) -> &JobDefaults {
        &self.defaults
    }

    fn now(&self) -> Timestamp {
        clock::wall()
    }

    fn leader(&self) -> Option<String> {
        self.mandate.leader()
    }

    fn is_leader(&self) -> bool {
        self.standing.borrow().duty != Duty::Following
    }

    fn health(&self) -> Health {
        let agent = self
            .requests
            .is_closed()
            .then(|| "the scheduler has stopped".to_owned());
        let standing = self.standing.borrow().clone();
        let store = self.store.health();
        let mut parts = vec![
            Part::new("scheduler", standing.problem.or(agent)),
            Part {
                since: store.since.map(clock::timestamp),
                ..Part::new("store", store.problem)
            },
        ];
        let cluster = self.logs.health();
        parts.extend(cluster.map(|(name, problem)| Part::new(name, problem)));
        Health {
            parts,
            role: standing.duty.name(),
            role_since: standing.since,
            is_shared: self.mandate.is_shared(),
        }
    }
}

fn gone() -> Unavailable {
    unavailable("the scheduler is starting or stopping; ask again".to_owned())
}

const fn unavailable(problem: String) -> Unavailable {
    Unavailable { problem }
}
