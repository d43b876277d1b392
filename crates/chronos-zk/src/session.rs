//! One session with the servers: the only place that knows the client library.
//!
//! What the library promises and what it does not is in `docs/adr/0004-zookeeper-client.md`; another
//! one can be put in here. Requests leave in the order of the calls, not of the waiting, because the
//! servers keep the order of a session and the store builds on it. Errors become three answers:
//! refused, not sent, or unknown.

mod diagnosis;
mod dial;
mod failure;

use std::{collections::BTreeSet, time::Duration};

use futures_util::{
    FutureExt, StreamExt,
    future::{self, BoxFuture},
    stream,
};
use zookeeper_client::{
    Acl, Acls, AddWatchMode, Client, CreateMode, Error, EventType, MultiReadResult,
    MultiWriteError, PersistentWatcher, SessionState, StateWatcher,
};

use crate::tree::CANDIDATES;

pub(crate) use self::failure::{Failure, Refusal};
use self::failure::{failure, not_sent};

/// What servers take in one packet, unless they are told otherwise. A larger one would end the connection for
/// everybody on it.
const PACKET_BYTES_MAX: usize = 1_048_575;

/// How many nodes are read by one request.
///
/// With 64 the servers are as quick as with more, and an answer of usual values stays under a packet.
const NODES_PER_READ: usize = 64;

/// Requests of one caller that read at once: eight keep the servers busy from one connection.
const READS_IN_FLIGHT: usize = 8;

/// A session, connected or not.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    client: Client,
    acl: Vec<Acl>,
}

/// How a session stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    Connected,
    /// It looks for a server; it may come back or be over already.
    Disconnected,
    /// It is over for good, with what was ephemeral in it.
    Over,
}

/// Tells of every change below a node, until the connection breaks.
#[derive(Debug)]
pub(crate) struct TreeWatcher(PersistentWatcher);

/// Tells when the standing changes.
#[derive(Debug)]
pub(crate) struct Watcher(StateWatcher);

/// Tells of changed nodes.
#[derive(Debug)]
pub(crate) struct Changes(PersistentWatcher);

/// A part of a write.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Op {
    /// The node must be there, with this version when one is given.
    Check { path: String, version: Option<i32> },
    /// The node must not be there.
    Create { path: String, data: Vec<u8> },
    /// The node must be there, with this version when one is given.
    Set {
        path: String,
        data: Vec<u8>,
        version: Option<i32>,
    },
    /// The node must be there, with this version when one is given.
    Delete { path: String, version: Option<i32> },
}

impl Op {
    /// Returns how many bytes of a packet it takes, or a few more.
    pub(crate) fn len(&self) -> usize {
        // Its type, a version, two lengths, and the list of who may do what.
        const OVERHEAD: usize = 100;
        let (path, data) = match self {
            Self::Check { path, .. } | Self::Delete { path, .. } => (path, 0),
            Self::Create { path, data } | Self::Set { path, data, .. } => (path, data.len()),
        };
        OVERHEAD + path.len() + data
    }
}

/// The value of a node and its version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Node {
    pub(crate) data: Vec<u8>,
    pub(crate) version: i32,
}

impl Session {
    /// Waits until children of a node come or go, until the node itself does, or until that cannot be told any more.
    pub(crate) fn until_children_change(&self, path: String) -> BoxFuture<'static, ()> {
        let client = self.client.clone();
        send(async move {
            match client.list_and_watch_children(&path).await {
                Ok((_, watcher)) => drop(watcher.changed().await),
                Err(Error::NoNode) => {
                    if let Ok((None, watcher)) = client.check_and_watch_stat(&path).await {
                        watcher.changed().await;
                    }
                }
                // Whoever waits looks again then.
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        })
    }

    pub(crate) fn standing(&self) -> Standing {
        standing(self.client.state())
    }

    /// Returns its number.
    pub(crate) fn id(&self) -> i64 {
        self.client.session_id().0
    }

    /// Returns how long the servers let it live without a sign of life.
    pub(crate) fn timeout(&self) -> Duration {
        self.client.session_timeout()
    }

    /// Makes a node that goes with the session, with a number after its name; and the one above it.
    pub(crate) fn enter(
        &self,
        dir: &str,
        name: &str,
        data: &[u8],
    ) -> BoxFuture<'static, Result<(), Failure>> {
        if let Err(failure) = self.check_connected() {
            return future::ready(Err(failure)).boxed();
        }
        let Self { client, acl } = self.clone();
        let (dir, path, data) = (dir.to_owned(), format!("{dir}/{name}"), data.to_owned());
        send(async move {
            let ours = CreateMode::EphemeralSequential.with_acls(Acls::new(&acl));
            let made = client.create(&path, &data, &ours).await;
            let made = if made == Err(Error::NoNode) {
                let above = CreateMode::Persistent.with_acls(Acls::new(&acl));
                let above = client.mkdir(&dir, &above).await;
                above.map_err(|error| failure(&error, 0))?;
                client.create(&path, &data, &ours).await
            } else {
                made
            };
            made.map(drop).map_err(|error| failure(&error, 0))
        })
    }

    /// Makes a node of this name that goes with the session.
    pub(crate) async fn sign(&self, path: &str, data: &[u8]) -> Result<(), Failure> {
        self.check_connected()?;
        let ours = CreateMode::Ephemeral.with_acls(Acls::new(&self.acl));
        let made = self.client.create(path, data, &ours).await;
        made.map(drop).map_err(|error| failure(&error, 0))
    }

    /// Returns the session that a node goes with, `None` when it is not there.
    pub(crate) async fn owner(&self, path: &str) -> Result<Option<i64>, Failure> {
        self.check_connected()?;
        let stat = self.client.check_stat(path).await;
        let stat = stat.map_err(|error| failure(&error, 0))?;
        Ok(stat.map(|stat| stat.ephemeral_owner))
    }

    /// Waits until a node changes or is not there, or until that cannot be told any more.
    pub(crate) fn until_changed(&self, path: String) -> BoxFuture<'static, ()> {
        let client = self.client.clone();
        send(async move {
            if let Ok((Some(_), watcher)) = client.check_and_watch_stat(&path).await {
                watcher.changed().await;
            }
        })
    }

    /// Tells of all that changes below the root from now on.
    pub(crate) async fn changes(&self) -> Result<Changes, Failure> {
        self.check_connected()?;
        let watched = self.client.watch("/", AddWatchMode::PersistentRecursive);
        watched
            .await
            .map(Changes)
            .map_err(|error| failure(&error, 0))
    }

    /// Watches a node and all below it. Servers before 3.6 cannot.
    pub(crate) async fn watch_tree(&self, path: &str) -> Result<TreeWatcher, Failure> {
        self.check_connected()?;
        let watched = self.client.watch(path, AddWatchMode::PersistentRecursive);
        let watcher = watched.await.map_err(|error| failure(&error, 0))?;
        Ok(TreeWatcher(watcher))
    }

    pub(crate) fn watcher(&self) -> Watcher {
        Watcher(self.client.state_watcher())
    }

    /// Carries out all parts of a write, or none.
    pub(crate) fn write(&self, ops: Vec<Op>) -> BoxFuture<'static, Result<(), Failure>> {
        if let Err(failure) = self.check_connected().and_then(|()| check_len(&ops)) {
            return future::ready(Err(failure)).boxed();
        }
        let Self { client, acl } = self.clone();
        send(async move {
            let options = CreateMode::Persistent.with_acls(Acls::new(&acl));
            let mut writer = client.new_multi_writer();
            for op in &ops {
                let added = match op {
                    // -1 is any version to the servers.
                    Op::Check { path, version } => {
                        writer.add_check_version(path, version.unwrap_or(-1))
                    }
                    Op::Create { path, data } => writer.add_create(path, data, &options),
                    Op::Set {
                        path,
                        data,
                        version,
                    } => writer.add_set_data(path, data, *version),
                    Op::Delete { path, version } => writer.add_delete(path, *version),
                };
                added.map_err(|error| not_sent(&error))?;
            }
            match writer.commit().await {
                Ok(_) => Ok(()),
                Err(MultiWriteError::OperationFailed { index, source }) => {
                    Err(failure(&source, index))
                }
                Err(MultiWriteError::RequestFailed { source }) => Err(failure(&source, 0)),
            }
        })
    }

    /// Returns the value of a node, `None` when it is not there.
    pub(crate) fn get(&self, path: &str) -> BoxFuture<'static, Result<Option<Node>, Failure>> {
        if let Err(failure) = self.check_connected() {
            return future::ready(Err(failure)).boxed();
        }
        send(self.client.get_data(path).map(node))
    }

    /// Returns the names of the children of a node, `None` when it is not there.
    pub(crate) fn children(
        &self,
        path: String,
    ) -> BoxFuture<'static, Result<Option<Vec<String>>, Failure>> {
        if let Err(failure) = self.check_connected() {
            return future::ready(Err(failure)).boxed();
        }
        let client = self.client.clone();
        send(async move {
            match client.list_children(&path).await {
                Ok(children) => Ok(Some(children)),
                Err(Error::NoNode) => Ok(None),
                Err(error) => Err(failure(&error, 0)),
            }
        })
    }

    /// Returns the values of nodes in their order, many by one request.
    pub(crate) async fn read(&self, paths: &[String]) -> Result<Vec<Option<Node>>, Failure> {
        let requests = paths
            .chunks(NODES_PER_READ)
            .map(|paths| self.read_some(paths));
        let mut answers = stream::iter(requests).buffered(READS_IN_FLIGHT);
        let mut all = Vec::with_capacity(paths.len());
        while let Some(nodes) = answers.next().await {
            all.extend(nodes?);
        }
        Ok(all)
    }

    async fn read_some(&self, paths: &[String]) -> Result<Vec<Option<Node>>, Failure> {
        match self.multi_read(paths).await? {
            Some(nodes) => Ok(nodes),
            None => future::try_join_all(paths.iter().map(|path| self.get(path))).await,
        }
    }

    /// Returns the values of a few nodes in their order, one request after the other.
    pub(crate) async fn read_in_turn(
        &self,
        paths: &[String],
    ) -> Result<Vec<Option<Node>>, Failure> {
        let mut all = Vec::with_capacity(paths.len());
        for paths in paths.chunks(NODES_PER_READ) {
            if let Some(nodes) = self.multi_read(paths).await? {
                all.extend(nodes);
                continue;
            }
            for path in paths {
                all.push(self.get(path).await?);
            }
        }
        Ok(all)
    }

    // Returns `None` when the server cannot do that, as those before 3.6.
    async fn multi_read(&self, paths: &[String]) -> Result<Option<Vec<Option<Node>>>, Failure> {
        self.check_connected()?;
        let mut reader = self.client.new_multi_reader();
        for path in paths {
            let added = reader.add_get_data(path);
            added.map_err(|error| not_sent(&error))?;
        }
        match reader.commit().await {
            Ok(results) => results
                .into_iter()
                .map(read_result)
                .collect::<Result<_, _>>()
                .map(Some),
            Err(Error::Unimplemented) => Ok(None),
            Err(error) => Err(failure(&error, 0)),
        }
    }

    /// Returns what the candidates for leadership are called, those of Chronos or ours.
    pub(crate) async fn candidates(&self) -> Result<Vec<String>, Failure> {
        let nodes = self.children(CANDIDATES.to_owned()).await?;
        let nodes = nodes.unwrap_or_default().into_iter();
        let paths: Vec<_> = nodes.map(|node| format!("{CANDIDATES}/{node}")).collect();
        let found = self.read(&paths).await?;
        let name = |node: Node| String::from_utf8_lossy(&node.data).into_owned();
        Ok(found.into_iter().flatten().map(name).collect())
    }

    /// Makes what is read afterwards as new as what any session wrote before.
    pub(crate) async fn sync(&self) -> Result<(), Failure> {
        self.check_connected()?;
        let synced = self.client.sync("/").await;
        synced.map_err(|error| failure(&error, 0))
    }

    // While there is no connection the library queues without bound, and sends what nobody waits for
    // any more.
    fn check_connected(&self) -> Result<(), Failure> {
        let problem = match self.client.state() {
            SessionState::SyncConnected => return Ok(()),
            SessionState::ConnectedReadOnly => "only a read-only server answers",
            SessionState::Disconnected => "no connection to a server",
            SessionState::Expired => "the session expired",
            SessionState::AuthFailed => "the servers refused who we are",
            SessionState::Closed => "the session is closed",
        };
        Err(Failure::NotSent {
            problem: problem.to_owned(),
        })
    }
}

impl TreeWatcher {
    /// Waits for the next node that was made, changed or removed; `None` when changes may have been missed,
    /// and then it must not be used any more. May be dropped.
    pub(crate) async fn changed(&mut self) -> Option<String> {
        let event = self.0.changed().await;
        (event.event_type != EventType::Session).then_some(event.path)
    }
}

impl Watcher {
    /// Waits for a change.
    pub(crate) async fn changed(&mut self) -> Standing {
        standing(self.0.changed().await)
    }
}

impl Changes {
    /// Returns the nodes that have changed since the last call and were told of before the last answer
    /// to any request; a failure when something may not have been told.
    pub(crate) fn so_far(&mut self) -> Result<BTreeSet<String>, Failure> {
        let mut changed = BTreeSet::new();
        while let Some(event) = self.0.changed().now_or_never() {
            if event.event_type == EventType::Session {
                return Err(Failure::NotSent {
                    problem: "the connection was lost".to_owned(),
                });
            }
            changed.insert(event.path);
        }
        Ok(changed)
    }
}

// What is written checks this before, and can say more of it; this is for all others.
fn check_len(ops: &[Op]) -> Result<(), Failure> {
    let len: usize = ops.iter().map(Op::len).sum();
    if len <= PACKET_BYTES_MAX {
        return Ok(());
    }
    Err(Failure::NotSent {
        problem: format!("it has {len} bytes, more than the {PACKET_BYTES_MAX} of a packet"),
    })
}

// The library sends when its future is made or first asked; after this it has been sent.
fn send<T: Send + 'static>(
    request: impl Future<Output = T> + Send + 'static,
) -> BoxFuture<'static, T> {
    let mut request = request.boxed();
    match (&mut request).now_or_never() {
        Some(answer) => future::ready(answer).boxed(),
        None => request,
    }
}

const fn standing(state: SessionState) -> Standing {
    match state {
        SessionState::SyncConnected => Standing::Connected,
        SessionState::Disconnected | SessionState::ConnectedReadOnly => Standing::Disconnected,
        SessionState::Expired | SessionState::AuthFailed | SessionState::Closed => Standing::Over,
    }
}

fn node(result: Result<(Vec<u8>, zookeeper_client::Stat), Error>) -> Result<Option<Node>, Failure> {
    match result {
        Ok((data, stat)) => Ok(Some(Node {
            data,
            version: stat.version,
        })),
        Err(Error::NoNode) => Ok(None),
        Err(error) => Err(failure(&error, 0)),
    }
}

fn read_result(result: MultiReadResult) -> Result<Option<Node>, Failure> {
    if let MultiReadResult::Data { data, stat } = result {
        return node(Ok((data, stat)));
    }
    if let MultiReadResult::Error { err } = result {
        return node(Err(err));
    }
    Err(Failure::Unknown {
        problem: "expected data, found children".to_owned(),
    })
}
