//! Notes that daemons leave for each other: who is here, what became of runs, what is to be done with them.
//!
//! ```text
//! /agents/<agent>                       one for each agent that ever was here
//! /agents/<agent>/here                  there while its daemon is; its host and port
//! /agents/<agent>/gone                  since when it is not, in milliseconds, as a leader noted it
//! /agents/<agent>/news/<run>            what became of a run there, for the leader
//! /agents/<agent>/asks/<run>            what the leader wants to be done with a run there
//! ```
//!
//! There is at most one note of each kind for a run. What is in a note is not known here. Nothing is fenced:
//! a note is written again until it is taken away by whoever it is for, and says the same each time.

use std::time::Duration;

use chronos_model::RunKey;
use futures_util::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};
use thiserror::Error;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    ZkAddress,
    connection::Connection,
    session::{Failure, Op, Refusal, Session},
    tree,
};

const AGENTS: &str = "/agents";

/// How often it is looked whether our own sign is still there.
const LOOK: Duration = Duration::from_secs(2);

/// How many notes of one kind are read of an agent at once; the rest comes when these are taken away.
pub const NOTES_PER_LOOK_MAX: usize = 1000;

/// Writes on their way: as many as keep a server busy.
const WRITES_IN_FLIGHT: usize = 32;

/// The board, seen by one daemon. Dropping it takes its sign away.
#[derive(Debug)]
pub struct Board {
    session: watch::Receiver<Result<Session, String>>,
    own: String,
    task: JoinHandle<()>,
}

/// The kinds of notes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Notes {
    /// From an agent to the leader.
    News,
    /// From the leader to an agent.
    Asks,
}

impl Notes {
    const fn dir(self) -> &'static str {
        match self {
            Self::News => "news",
            Self::Asks => "asks",
        }
    }
}

/// A note, as it was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// The run that it is about.
    pub key: RunKey,
    /// What it says.
    pub text: String,
    /// Which writing of it this is.
    pub version: i32,
}

/// The board cannot be used now.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{problem}")]
pub struct BoardError {
    /// What is wrong.
    pub problem: String,
}

impl From<Failure> for BoardError {
    fn from(failure: Failure) -> Self {
        Self {
            problem: failure.to_string(),
        }
    }
}

impl Board {
    /// Puts up a sign for an agent, with the `host:port` of its daemon, for as long as this lives and
    /// whenever there is a server. Needs a runtime.
    pub fn start(address: ZkAddress, session_timeout: Duration, own: &str, host: &str) -> Self {
        let unknown = Err("no server has been reached yet".to_owned());
        let (session_in, session) = watch::channel(unknown);
        let keeper = Keeper {
            connection: Connection::start(address, session_timeout),
            session: session_in,
            folder: folder(own),
            host: host.to_owned(),
        };
        Self {
            session,
            own: own.to_owned(),
            task: tokio::spawn(keeper.run()),
        }
    }

    /// Returns the name of the agent that the sign is for.
    pub fn own(&self) -> &str {
        &self.own
    }

    /// Returns all agents that ever were here, and have not been forgotten.
    ///
    /// # Errors
    ///
    /// [`BoardError`].
    pub async fn agents(&self) -> Result<Vec<String>, BoardError> {
        let names = self.session()?.children(AGENTS.to_owned()).await?;
        let names = names.unwrap_or_default().into_iter();
        Ok(names.filter_map(|name| tree::unescape(&name)).collect())
    }

    /// Returns the `host:port` of the daemon of an agent, `None` while it is not here.
    ///
    /// # Errors
    ///
    /// [`BoardError`].
    pub async fn host(&self, agent: &str) -> Result<Option<String>, BoardError> {
        let node = self
            .session()?
            .get(&format!("{}/here", folder(agent)))
            .await?;
        Ok(node.map(|node| String::from_utf8_lossy(&node.data).into_owned()))
    }

    /// Returns since when an agent is not here, in milliseconds since 1970; notes `now` the first time.
    ///
    /// # Errors
    ///
    /// [`BoardError`].
    pub async fn gone_since(&self, agent: &str, now: i64) -> Result<i64, BoardError> {
        let session = self.session()?;
        let path = format!("{}/gone", folder(agent));
        if let Some(node) = session.get(&path).await? {
            let text = String::from_utf8_lossy(&node.data);
            // What cannot be read was not written by us: as good as nothing.
            return Ok(text.parse().unwrap_or(now));
        }
        make_folders(&session, &folder(agent)).await?;
        put(&session, path, now.to_string().into_bytes()).await?;
        Ok(now)
    }

    /// Returns the notes of a kind about runs of an agent, not more than [`NOTES_PER_LOOK_MAX`].
    ///
    /// # Errors
    ///
    /// [`BoardError`].
    pub async fn notes(&self, agent: &str, kind: Notes) -> Result<Vec<Note>, BoardError> {
        let session = self.session()?;
        let dir = format!("{}/{}", folder(agent), kind.dir());
        let names = session.children(dir.clone()).await?.unwrap_or_default();
        let keys = names.iter().filter_map(|name| tree::run_key(name));
        let keys: Vec<RunKey> = keys.take(NOTES_PER_LOOK_MAX).collect();
        let path = |key| format!("{dir}/{}", tree::run_node(key));
        let paths: Vec<String> = keys.iter().map(path).collect();
        let nodes = session.read_in_turn(&paths).await?;
        let found = keys.into_iter().zip(nodes);
        let notes = found.filter_map(|(key, node)| {
            let node = node?;
            Some(Note {
                key,
                text: String::from_utf8_lossy(&node.data).into_owned(),
                version: node.version,
            })
        });
        Ok(notes.collect())
    }

    /// Writes notes, in the place of those that are there.
    ///
    /// # Errors
    ///
    /// [`BoardError`]; some may have been written.
    pub async fn put(
        &self,
        agent: &str,
        kind: Notes,
        notes: Vec<(RunKey, String)>,
    ) -> Result<(), BoardError> {
        let session = self.session()?;
        if notes.is_empty() {
            return Ok(());
        }
        make_folders(&session, &folder(agent)).await?;
        let dir = format!("{}/{}", folder(agent), kind.dir());
        let writes = notes.into_iter().map(|(key, text)| {
            let path = format!("{dir}/{}", tree::run_node(&key));
            let session = session.clone();
            async move { put(&session, path, text.into_bytes()).await }.boxed()
        });
        all(writes.collect()).await
    }

    /// Takes notes away. One of which a version is given stays when it was written again since.
    ///
    /// # Errors
    ///
    /// [`BoardError`]; some may have been taken away.
    pub async fn take(
        &self,
        agent: &str,
        kind: Notes,
        notes: Vec<(RunKey, Option<i32>)>,
    ) -> Result<(), BoardError> {
        let session = self.session()?;
        let dir = format!("{}/{}", folder(agent), kind.dir());
        let writes = notes.into_iter().map(|(key, version)| {
            let path = format!("{dir}/{}", tree::run_node(&key));
            let write = session.write(vec![Op::Delete { path, version }]);
            async move { gone_or_newer(write.await) }.boxed()
        });
        all(writes.collect()).await
    }

    /// Forgets an agent that is not coming back, with all notes about it.
    ///
    /// # Errors
    ///
    /// [`BoardError`]; asking again is harmless.
    pub async fn forget(&self, agent: &str) -> Result<(), BoardError> {
        let session = self.session()?;
        let folder = folder(agent);
        for kind in [Notes::News, Notes::Asks] {
            let dir = format!("{folder}/{}", kind.dir());
            let names = session.children(dir.clone()).await?.unwrap_or_default();
            let paths = names.into_iter().map(|name| format!("{dir}/{name}"));
            for path in paths.chain([dir.clone()]) {
                delete(&session, path).await?;
            }
        }
        delete(&session, format!("{folder}/gone")).await?;
        delete(&session, folder).await
    }

    fn session(&self) -> Result<Session, BoardError> {
        let session = self.session.borrow().clone();
        session.map_err(|problem| BoardError { problem })
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // The session ends with it, and the sign with the session.
        self.task.abort();
    }
}

/// Keeps a session, and in it the sign.
struct Keeper {
    connection: Connection,
    session: watch::Sender<Result<Session, String>>,
    folder: String,
    host: String,
}

impl Keeper {
    async fn run(mut self) {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            drop(self.session.send_replace(self.connection.session()));
            tokio::select! {
                () = self.connection.changed() => {}
                _ = looks.tick() => {}
            }
            let Ok(session) = self.connection.session() else {
                continue;
            };
            if let Err(failure) = put_up(&session, &self.folder, &self.host).await {
                tracing::debug!(%failure, "the sign of this daemon is not up yet");
            }
        }
    }
}

async fn put_up(session: &Session, folder: &str, host: &str) -> Result<(), Failure> {
    let path = format!("{folder}/here");
    match session.owner(&path).await? {
        Some(owner) if owner == session.id() => return Ok(()),
        // Left over by an earlier life, and about to go.
        Some(_) => delete_node(session, path.clone()).await?,
        None => {}
    }
    make_folders(session, folder).await?;
    session.sign(&path, host.as_bytes()).await?;
    delete_node(session, format!("{folder}/gone")).await
}

fn folder(agent: &str) -> String {
    format!("{AGENTS}/{}", tree::escape(agent))
}

async fn make_folders(session: &Session, folder: &str) -> Result<(), Failure> {
    if session.owner(&format!("{folder}/asks")).await?.is_some() {
        return Ok(());
    }
    let (news, asks) = (Notes::News.dir(), Notes::Asks.dir());
    for path in [
        AGENTS.to_owned(),
        folder.to_owned(),
        format!("{folder}/{news}"),
        format!("{folder}/{asks}"),
    ] {
        let data = Vec::new();
        match session.write(vec![Op::Create { path, data }]).await {
            Ok(())
            | Err(Failure::Refused {
                why: Refusal::NodeExists,
                ..
            }) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

async fn put(session: &Session, path: String, data: Vec<u8>) -> Result<(), Failure> {
    let set = Op::Set {
        path: path.clone(),
        data: data.clone(),
        version: None,
    };
    match session.write(vec![set]).await {
        Err(Failure::Refused {
            why: Refusal::NoNode,
            ..
        }) => session.write(vec![Op::Create { path, data }]).await,
        written => written,
    }
}

async fn delete(session: &Session, path: String) -> Result<(), BoardError> {
    Ok(delete_node(session, path).await?)
}

async fn delete_node(session: &Session, path: String) -> Result<(), Failure> {
    let version = None;
    gone_or_newer(session.write(vec![Op::Delete { path, version }]).await)
}

fn gone_or_newer(deleted: Result<(), Failure>) -> Result<(), Failure> {
    match deleted {
        Err(Failure::Refused {
            why: Refusal::NoNode | Refusal::BadVersion,
            ..
        }) => Ok(()),
        deleted => deleted,
    }
}

async fn all(writes: Vec<BoxFuture<'static, Result<(), Failure>>>) -> Result<(), BoardError> {
    let writes = stream::iter(writes).buffer_unordered(WRITES_IN_FLIGHT);
    writes.try_collect::<()>().await?;
    Ok(())
}
