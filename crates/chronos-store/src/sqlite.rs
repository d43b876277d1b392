//! The embedded store: one `SQLite` database in a folder of its own.
//!
//! Here are its handle and the ways in which opening it fails. `folder` holds the folder, `schema` the
//! tables, `writer` the thread that writes, `apply` the writes in SQL, `rows` the records as rows,
//! `load` the picture for a new leader and `readers` the threads that read.

mod apply;
mod folder;
#[cfg(test)]
mod full;
mod load;
#[cfg(test)]
mod older;
#[cfg(test)]
mod plans;
mod reader;
mod readers;
mod rows;
mod schema;
mod writer;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use async_trait::async_trait;
use chronos_model::{Run, RunKey, RunQuery, Snapshot, Write};
use thiserror::Error;
use tokio::sync::oneshot;

pub use self::reader::SqliteReader;
use self::{
    folder::Folder,
    readers::Readers,
    writer::{Commit, REQUESTS_WAITING_MAX, Request, Status, Writer},
};
use crate::{CommitError, Committing, HISTORY_DEFAULT, Store, StoreError, StoreHealth, Term};

/// Keeps everything in a folder of this machine.
///
/// One process at a time has the folder; a second one is refused. Dropping the store carries out what
/// was called and closes the database, which takes as long as the disk does. Nothing here needs an
/// async runtime of its own: reads and writes have their threads.
///
/// # Examples
///
/// ```
/// use chronos_store::{SqliteOptions, SqliteStore, Store};
///
/// # let dir = tempfile::tempdir()?;
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store = SqliteStore::open(&SqliteOptions::new(dir.path().join("store")))?;
/// let term = store.begin_term().await?;
/// store.commit(term, Vec::new()).await?;
/// assert!(store.load(term).await?.jobs.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SqliteStore {
    // In the order in which they must end: the writer closes the database as the last connection,
    // which empties the log, and only then another process may have the folder.
    readers: Readers,
    writer: WriterThread,
    status: Arc<Status>,
    _folder: Folder,
}

/// How to open a [`SqliteStore`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// The folder; it is made where it is missing, private to the user.
    pub folder: PathBuf,
    /// How many ended runs of each job are kept.
    pub history: usize,
}

impl SqliteOptions {
    /// Takes a folder, and [`HISTORY_DEFAULT`].
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            history: HISTORY_DEFAULT,
        }
    }

    /// Keeps so many ended runs of each job.
    #[must_use]
    pub const fn history(mut self, history: usize) -> Self {
        self.history = history;
        self
    }
}

impl SqliteStore {
    /// Opens the store in a folder, or makes one there.
    ///
    /// It blocks for some milliseconds, and for longer after a crash, when the log is read again.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; a database that is refused is left as it was.
    pub fn open(options: &SqliteOptions) -> Result<Self, OpenError> {
        let folder = Folder::take(&options.folder)?;
        let file = folder.database();
        let connection = schema::open_writer(&file)?;
        let status = Arc::new(Status::default());
        let writer = Writer::new(connection, options.history, status.clone());
        let (line, requests) = sync_channel(REQUESTS_WAITING_MAX);
        let thread = readers::spawn("store-write", move || writer.run(&requests))?;
        let writer = WriterThread {
            line: Some(line),
            thread: Some(thread),
        };
        Ok(Self {
            readers: Readers::start(&file)?,
            writer,
            status,
            _folder: folder,
        })
    }
}

/// Why a [`SqliteStore`] was not opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder cannot be made or used.
    #[error("cannot use folder {}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has the folder.
    #[error("folder {} is in use by {}", .folder.display(), Holder(*.holder))]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// The other process, when it said who it is.
        holder: Option<u32>,
    },
    /// The folder is on another machine.
    #[error("folder {} is on {kind}; the store needs a local disk", .folder.display())]
    NetworkFileSystem {
        /// The folder.
        folder: PathBuf,
        /// The kind of file system.
        kind: &'static str,
    },
    /// The database was written by a newer version of this program.
    #[error("{} has format {found}, and this version knows formats up to {known}; use the newer version", .file.display())]
    NewerFormat {
        /// The database.
        file: PathBuf,
        /// Its format.
        found: i32,
        /// The newest format that is known.
        known: usize,
    },
    /// The database was written by an older version and has not been opened by this one.
    #[error("{} has format {found}, and is only read in format {known}; a daemon of this version changes it when it starts", .file.display())]
    OlderFormat {
        /// The database.
        file: PathBuf,
        /// Its format.
        found: usize,
        /// The format that is read.
        known: usize,
    },
    /// The database belongs to another program.
    #[error("{} is a database of another program", .file.display())]
    Foreign {
        /// The database.
        file: PathBuf,
    },
    /// The database cannot be opened.
    #[error("cannot open {}: {problem}", .file.display())]
    Database {
        /// The database.
        file: PathBuf,
        /// Why.
        problem: String,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread {
        /// Why.
        source: io::Error,
    },
}

impl OpenError {
    /// Returns the folder or file it is about, where there is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Folder { folder: path, .. }
            | Self::Locked { folder: path, .. }
            | Self::NetworkFileSystem { folder: path, .. }
            | Self::NewerFormat { file: path, .. }
            | Self::OlderFormat { file: path, .. }
            | Self::Foreign { file: path }
            | Self::Database { file: path, .. } => Some(path),
            Self::Thread { .. } => None,
        }
    }
}

struct Holder(Option<u32>);

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("another process"),
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn begin_term(&self) -> Result<Term, StoreError> {
        let (answer, waiting) = oneshot::channel();
        self.writer
            .ask(Request::Begin(answer))
            .map_err(|problem| StoreError::Unavailable { problem })?;
        waiting.await.unwrap_or_else(gone)
    }

    async fn load(&self, term: Term) -> Result<Snapshot, StoreError> {
        let (answer, waiting) = oneshot::channel();
        self.writer
            .ask(Request::Load(term, answer))
            .map_err(|problem| StoreError::Unavailable { problem })?;
        waiting.await.unwrap_or_else(gone)
    }

    fn commit(&self, term: Term, writes: Vec<Write>) -> Committing {
        let (answer, waiting) = oneshot::channel();
        // Before it is sent: the writer counts down.
        self.status.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = self.writer.ask(Request::Commit(Commit {
            term,
            writes,
            answer,
        }));
        if sent.is_err() {
            self.status.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        Box::pin(async move {
            sent.map_err(|problem| CommitError::Unavailable { problem })?;
            waiting
                .await
                .unwrap_or_else(|_: oneshot::error::RecvError| {
                    Err(CommitError::Unknown { problem: ended() })
                })
        })
    }

    async fn runs(&self, query: RunQuery) -> Result<Vec<Run>, StoreError> {
        self.readers.runs(query).await
    }

    async fn run(&self, key: &RunKey) -> Result<Option<Run>, StoreError> {
        self.readers.run(key.clone()).await
    }

    fn health(&self) -> StoreHealth {
        StoreHealth {
            problem: self
                .status
                .problem()
                .or_else(|| self.writer.has_ended().then(ended)),
            since: None,
            waiting: self.status.waiting.load(Ordering::Relaxed),
        }
    }
}

/// The way to the writer, which ends with it.
#[derive(Debug)]
struct WriterThread {
    line: Option<SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl WriterThread {
    fn ask(&self, request: Request) -> Result<(), String> {
        match self.line.as_ref().map(|line| line.try_send(request)) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => Err(format!(
                "{REQUESTS_WAITING_MAX} requests are waiting already"
            )),
            Some(Err(TrySendError::Disconnected(_))) | None => Err(ended()),
        }
    }

    fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        drop(self.line.take());
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has said so; there is nothing to add.
            drop(thread.join());
        }
    }
}

fn ended() -> String {
    "the thread that writes has ended".to_owned()
}

fn gone<T>(_: oneshot::error::RecvError) -> Result<T, StoreError> {
    Err(StoreError::Unavailable { problem: ended() })
}
