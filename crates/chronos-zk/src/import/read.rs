//! Walking the old nodes.

use std::time::Duration;

use chronos_model::{FrameworkId, FrameworkIdError, JobName, Quarantined, RunKey, Timestamp};
use thiserror::Error;

use super::{
    document::{self, OldJob},
    entry,
};
use crate::{
    ZkAddress,
    session::{Failure, Session},
};

/// Where Chronos keeps its state, below what its flag `--zk_path` says.
const STATE: &str = "/state";

const JOB: &str = "J_";
const TASK: &str = "T_";
const FRAMEWORK_ID: &str = "frameworkId";

/// How many nodes are held in memory before they are decoded: with the largest values that there can
/// be, 128 MiB.
const NODES_AT_ONCE: usize = 128;

/// The state of a Chronos, as it was found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChronosTree {
    /// The jobs that can be taken, by name.
    pub jobs: Vec<FoundJob>,
    /// Tasks that a 2.x had taken from their schedules and not started, or not removed.
    pub tasks: Vec<FoundTask>,
    /// The name that a Mesos master gave to it.
    pub framework_id: Option<FrameworkId>,
    /// What cannot be taken, by node, and why.
    pub quarantined: Vec<Quarantined>,
    /// The daemons that run on it now: the host and port of each.
    pub candidates: Vec<String>,
}

/// A job of Chronos.
#[derive(Clone, Debug)]
pub struct FoundJob(pub(super) OldJob);

impl FoundJob {
    /// Returns its name.
    pub const fn name(&self) -> &JobName {
        &self.0.spec.name
    }
}

/// A task of a 2.x.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FoundTask {
    /// The job, the instant and the attempt that it is for.
    pub key: RunKey,
}

/// Why nothing was read.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No server can be used.
    #[error("cannot read {address}: {problem}")]
    Unavailable {
        /// The servers.
        address: ZkAddress,
        /// Why.
        problem: String,
    },
    /// There is nothing that Chronos could have made.
    #[error(
        "{address} holds no state of Chronos; expected the path that its --zk_path said (/chronos/state by default), with a node {STATE} below it"
    )]
    NotFound {
        /// The servers and the node.
        address: ZkAddress,
    },
}

impl ChronosTree {
    /// Reads what is below the path that Chronos' flag `--zk_path` said.
    ///
    /// Jobs without a start are read as of `now`. Nothing is written.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn read(
        address: &ZkAddress,
        timeout: Duration,
        now: Timestamp,
    ) -> Result<Self, ReadError> {
        let unavailable = |failure: Failure| ReadError::Unavailable {
            address: address.clone(),
            problem: failure.to_string(),
        };
        let not_found = || ReadError::NotFound {
            address: address.clone(),
        };
        let session = Session::open(address, timeout).await.map_err(unavailable)?;
        let session = session.ok_or_else(not_found)?;
        let read = async {
            let Some((folder, nodes)) = state(&session).await? else {
                return Ok(None);
            };
            let mut tree = Self {
                jobs: Vec::new(),
                tasks: Vec::new(),
                framework_id: None,
                quarantined: Vec::new(),
                candidates: session.candidates().await?,
            };
            tree.fill(&session, folder, nodes, now).await?;
            Ok(Some(tree))
        };
        let tree = read.await.map_err(unavailable)?;
        tree.ok_or_else(not_found)
    }

    async fn fill(
        &mut self,
        session: &Session,
        folder: &str,
        mut nodes: Vec<String>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        nodes.sort_unstable();
        for nodes in nodes.chunks(NODES_AT_ONCE) {
            let paths: Vec<_> = nodes
                .iter()
                .map(|node| format!("{folder}/{node}"))
                .collect();
            let found = session.read(&paths).await?;
            for (node, value) in nodes.iter().zip(found) {
                // What is gone by now was deleted meanwhile.
                if let Some(value) = value
                    && let Err(problem) = self.take(node, &value.data, now)
                {
                    let key = node.clone();
                    self.quarantined.push(Quarantined { key, problem });
                }
            }
        }
        self.jobs.sort_by(|a, b| a.name().cmp(b.name()));
        self.tasks.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(())
    }

    fn take(&mut self, node: &str, data: &[u8], now: Timestamp) -> Result<(), String> {
        let value = entry::value(node, data)?;
        if let Some(job) = node.strip_prefix(JOB) {
            self.jobs.push(FoundJob(document::read(job, &value, now)?));
        } else if let Some(task) = node.strip_prefix(TASK) {
            // Its value is the job as it was then; the job itself has a node of its own.
            let key: Result<RunKey, _> = task.parse();
            let key = key.map_err(|error| error.to_string())?;
            self.tasks.push(FoundTask { key });
        } else if node == FRAMEWORK_ID {
            let id = entry::framework_id(&value)?;
            let id = id.parse();
            let id = id.map_err(|error: FrameworkIdError| format!("the id {error}"))?;
            self.framework_id = Some(id);
        } else {
            return Err("no node of Chronos has such a name".to_owned());
        }
        Ok(())
    }
}

// The folder of the nodes and their names: below the path, or the path itself when somebody named it.
async fn state(session: &Session) -> Result<Option<(&'static str, Vec<String>)>, Failure> {
    if let Some(nodes) = session.children(STATE.to_owned()).await? {
        return Ok(Some((STATE, nodes)));
    }
    let nodes = session.children("/".to_owned()).await?.unwrap_or_default();
    let is_state = |node: &String| node.starts_with(JOB) || node == FRAMEWORK_ID;
    Ok(nodes.iter().any(is_state).then_some(("", nodes)))
}
