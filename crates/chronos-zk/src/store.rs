//! The store on `ZooKeeper`.
//!
//! Here are its handle, and how it is opened. `worker` is the task that writes, `index` what it knows
//! of the tree, `ring` the ended runs of a job, `term` the fence, `load` the picture for a new leader,
//! `opening` the time before it is open, `reads` the reading of runs, `picture` and `reader` a look at
//! everything without leading, `connection` the session and its successors.

pub(crate) mod changed;
mod encoded;
mod index;
pub(crate) mod load;
pub(crate) mod meta;
mod opening;
mod picture;
mod reader;
mod reads;
mod ring;
mod status;
mod term;
mod worker;

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    io,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use async_trait::async_trait;
use chronos_model::{Run, RunKey, RunQuery, Snapshot, Write};
use chronos_store::{CommitError, Committing, Store, StoreError, StoreHealth, Term};
use thiserror::Error;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

pub use self::reader::{ZkReader, candidates};
use self::{
    reads::Read,
    status::Status,
    worker::{Commit, Request, Worker},
};
use crate::{Guard, ZkAddress, connection::Connection, session::Session, tree::SHARDS_DEFAULT};

/// How many ended runs are kept of each job unless told otherwise.
///
/// The servers hold all in memory: ten runs take about 2 KiB, as much as the rest of a job.
pub const ZK_HISTORY_DEFAULT: usize = 10;

/// How long a session lasts without a sign of life, as in Chronos.
const SESSION_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// The most requests that stand in line; see the same bound of the embedded store.
const REQUESTS_WAITING_MAX: usize = 16_384;

/// Keeps everything on `ZooKeeper` servers.
///
/// Several daemons may have it open; who began the newest term writes. It has a thread and a session
/// of its own, and makes another session when that one is over. Dropping it waits for what was called.
#[derive(Debug)]
pub struct ZkStore {
    line: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
    status: Arc<Status>,
}

/// How to open a [`ZkStore`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ZkOptions {
    /// The servers and the root node.
    pub address: ZkAddress,
    /// How long a session lasts without a sign of life; the servers may have bounds of their own.
    pub session_timeout: Duration,
    /// How many ended runs of each job are kept, at least one.
    pub history: usize,
    /// Into how many shards a new tree is cut, at most 256; one that exists stays as it is.
    pub shards: u32,
    /// Which node of the election must be there at each write; without it the term alone decides.
    pub guard: Option<Guard>,
}

impl ZkOptions {
    /// Takes an address, and the defaults.
    pub const fn new(address: ZkAddress) -> Self {
        Self {
            address,
            session_timeout: SESSION_TIMEOUT_DEFAULT,
            history: ZK_HISTORY_DEFAULT,
            shards: SHARDS_DEFAULT,
            guard: None,
        }
    }
}

/// Why a [`ZkStore`] was not opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No server can be used.
    #[error("cannot use {address}: {problem}")]
    Unavailable {
        /// The servers.
        address: ZkAddress,
        /// Why.
        problem: String,
    },
    /// The tree was made by a newer version of this program, or by another program.
    #[error("{address} is no tree that this version knows: {problem}")]
    Foreign {
        /// The servers and the node.
        address: ZkAddress,
        /// What is in the way.
        problem: String,
    },
    /// There is no tree.
    #[error("{address} holds nothing of this program")]
    Missing {
        /// The servers and the node.
        address: ZkAddress,
    },
    /// The thread cannot be started.
    #[error("cannot start a thread")]
    Thread {
        /// Why.
        source: io::Error,
    },
}

impl ZkStore {
    /// Opens the store at an address, or makes one there.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; without a server it takes as long as a session lasts.
    pub async fn open(options: &ZkOptions) -> Result<Self, OpenError> {
        let (opened, waiting) = oneshot::channel();
        let store = Self::begin(options, Some(opened))?;
        match waiting.await {
            Ok(Ok(())) => Ok(store),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(OpenError::Thread {
                source: io::Error::other("it ended at once"),
            }),
        }
    }

    /// Opens it as soon as it can be opened. Until then whatever is asked of it is answered as unavailable,
    /// and [`health`](Store::health) says why.
    ///
    /// # Errors
    ///
    /// [`OpenError::Thread`].
    pub fn start(options: &ZkOptions) -> Result<Self, OpenError> {
        Self::begin(options, None)
    }

    fn begin(options: &ZkOptions, opened: Option<Opened>) -> Result<Self, OpenError> {
        let status = Arc::new(Status::default());
        let (line, requests) = mpsc::channel(REQUESTS_WAITING_MAX);
        let (theirs, options) = (status.clone(), options.clone());
        let thread = thread::Builder::new().name("store-zk".to_owned());
        let thread = thread.spawn(move || serve(&options, theirs, opened, requests));
        let thread = thread.map_err(|source| OpenError::Thread { source })?;
        Ok(Self {
            line: Some(line),
            thread: Some(thread),
            status,
        })
    }

    fn ask(&self, request: Request) -> Result<(), String> {
        match self.line.as_ref().map(|line| line.try_send(request)) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => Err(format!(
                "{REQUESTS_WAITING_MAX} requests are waiting already"
            )),
            Some(Err(TrySendError::Closed(_))) | None => Err(ended()),
        }
    }

    async fn ask_and_wait<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Request,
    ) -> Result<T, StoreError> {
        let (answer, waiting) = oneshot::channel();
        let unavailable = |problem| StoreError::Unavailable { problem };
        self.ask(request(answer)).map_err(unavailable)?;
        waiting.await.unwrap_or_else(|_| Err(unavailable(ended())))
    }
}

impl Drop for ZkStore {
    fn drop(&mut self) {
        drop(self.line.take());
        if let Some(thread) = self.thread.take() {
            // A worker that panicked has said so; there is nothing to add.
            drop(thread.join());
        }
    }
}

#[async_trait]
impl Store for ZkStore {
    async fn begin_term(&self) -> Result<Term, StoreError> {
        self.ask_and_wait(Request::Begin).await
    }

    async fn load(&self, term: Term) -> Result<Snapshot, StoreError> {
        self.ask_and_wait(|answer| Request::Load(term, answer))
            .await
    }

    fn commit(&self, term: Term, writes: Vec<Write>) -> Committing {
        let (answer, waiting) = oneshot::channel();
        // Before it is sent: the worker counts down.
        self.status.called();
        let sent = self.ask(Request::Commit(Commit {
            term,
            writes,
            answer,
        }));
        if sent.is_err() {
            self.status.answered();
        }
        Box::pin(async move {
            sent.map_err(|problem| CommitError::Unavailable { problem })?;
            let gone = |_| Err(CommitError::Unknown { problem: ended() });
            waiting.await.unwrap_or_else(gone)
        })
    }

    async fn runs(&self, query: RunQuery) -> Result<Vec<Run>, StoreError> {
        self.ask_and_wait(|answer| Request::Read(Read::Runs(query, answer)))
            .await
    }

    async fn run(&self, key: &RunKey) -> Result<Option<Run>, StoreError> {
        let key = key.clone();
        self.ask_and_wait(|answer| Request::Read(Read::Run(key, answer)))
            .await
    }

    fn health(&self) -> StoreHealth {
        let has_ended = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        StoreHealth {
            problem: self.status.problem().or_else(|| has_ended.then(ended)),
            since: Some(self.status.since()),
            waiting: self.status.waiting(),
        }
    }
}

type Opened = oneshot::Sender<Result<(), OpenError>>;

// The body of the thread.
fn serve(
    options: &ZkOptions,
    status: Arc<Status>,
    opened: Option<Opened>,
    requests: mpsc::Receiver<Request>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(DECODERS_MAX)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(source) => {
            status.report(Some(&source.to_string()));
            if let Some(opened) = opened {
                drop(opened.send(Err(OpenError::Thread { source })));
            }
            return;
        }
    };
    runtime.block_on(serve_line(options, status, opened, requests));
}

async fn serve_line(
    options: &ZkOptions,
    status: Arc<Status>,
    opened: Option<Opened>,
    mut requests: mpsc::Receiver<Request>,
) {
    let worker = match opened {
        // Whoever waited may be gone: then the line is closed as well.
        Some(opened) => match connect(options, status).await {
            Ok(worker) => {
                drop(opened.send(Ok(())));
                Some(worker)
            }
            Err(error) => {
                drop(opened.send(Err(error)));
                None
            }
        },
        None => opening::until_open(options, &status, &mut requests).await,
    };
    if let Some(worker) = worker {
        worker.run(requests).await;
    }
}

/// Threads that decode what was loaded; with more of them the one that reads is the slowest.
const DECODERS_MAX: usize = 4;

async fn connect(options: &ZkOptions, status: Arc<Status>) -> Result<Worker, OpenError> {
    let (address, timeout) = (options.address.clone(), options.session_timeout);
    let session = Session::connect(&address, timeout).await;
    let session = session.map_err(|failure| OpenError::Unavailable {
        address: address.clone(),
        problem: failure.to_string(),
    })?;
    let tree = meta::prepare(&session, options).await?;
    let connection = Connection::new(address, timeout, session);
    let history = options.history.max(1);
    let guard = options.guard.clone();
    Ok(Worker::new(
        connection,
        tree,
        history,
        status,
        unique(),
        guard,
    ))
}

// A name that nobody else ever has: `RandomState` has keys of its own each time.
pub(crate) fn unique() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

fn ended() -> String {
    "the thread of the store has ended".to_owned()
}
