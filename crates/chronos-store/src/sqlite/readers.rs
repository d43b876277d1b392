//! The threads that read runs while the writer writes.

use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use chronos_model::{Run, RunKey, RunQuery};
use rusqlite::{CachedStatement, Connection, Params, named_params};
use tokio::sync::oneshot;

use super::{OpenError, rows, schema};
use crate::{RUNS_PER_QUERY_MAX, RecordKey, StoreError};

/// A page of runs takes about a millisecond; two threads keep one slow disk read from stopping all.
const READERS: usize = 2;

/// The most reads in line: about a tenth of a second of work. Whoever comes then is told so at once.
const READS_WAITING_MAX: usize = 256;

#[derive(Debug)]
enum Read {
    Runs(RunQuery, oneshot::Sender<Result<Vec<Run>, StoreError>>),
    Run(RunKey, oneshot::Sender<Result<Option<Run>, StoreError>>),
}

/// The way to the threads that read; they end with it.
#[derive(Debug)]
pub(super) struct Readers {
    line: Option<SyncSender<Read>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Opens the connections and starts the threads.
    pub(super) fn start(file: &Path) -> Result<Self, OpenError> {
        let (sender, receiver) = sync_channel(READS_WAITING_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut readers = Self {
            line: Some(sender),
            threads: Vec::new(),
        };
        for _ in 0..READERS {
            let connection = schema::open_reader(file)?;
            let receiver = receiver.clone();
            let thread = spawn("store-read", move || serve(&connection, &receiver));
            readers.threads.push(thread?);
        }
        Ok(readers)
    }

    pub(super) async fn runs(&self, query: RunQuery) -> Result<Vec<Run>, StoreError> {
        let (answer, waiting) = oneshot::channel();
        self.ask(Read::Runs(query, answer))?;
        waiting.await.unwrap_or_else(gone)
    }

    pub(super) async fn run(&self, key: RunKey) -> Result<Option<Run>, StoreError> {
        let (answer, waiting) = oneshot::channel();
        self.ask(Read::Run(key, answer))?;
        waiting.await.unwrap_or_else(gone)
    }

    fn ask(&self, read: Read) -> Result<(), StoreError> {
        let sent = self.line.as_ref().map(|line| line.try_send(read));
        let problem = match sent {
            Some(Ok(())) => return Ok(()),
            Some(Err(TrySendError::Full(_))) => {
                format!("{READS_WAITING_MAX} reads are waiting already")
            }
            Some(Err(TrySendError::Disconnected(_))) | None => "its readers ended".to_owned(),
        };
        Err(StoreError::Unavailable { problem })
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.line.take());
        for thread in self.threads.drain(..) {
            // A reader that panicked has said so; there is nothing to add.
            drop(thread.join());
        }
    }
}

/// Starts a thread with a name that tools show.
pub(super) fn spawn(
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, OpenError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(body);
    thread.map_err(|source: io::Error| OpenError::Thread { source })
}

fn serve(connection: &Connection, line: &Mutex<Receiver<Read>>) {
    let next = || line.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(read) = next() {
        // Whoever asked may be gone; that changes nothing.
        match read {
            Read::Runs(query, answer) => drop(answer.send(runs(connection, &query))),
            Read::Run(key, answer) => drop(answer.send(run(connection, key))),
        }
    }
}

fn runs(connection: &Connection, query: &RunQuery) -> Result<Vec<Run>, StoreError> {
    let job = query.job.as_str();
    let limit = query.limit.min(RUNS_PER_QUERY_MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let read = match &query.before {
        None => connection
            .prepare_cached(rows::SELECT_ENDED)
            .and_then(|statement| page(statement, named_params! { ":job": job, ":limit": limit })),
        Some(RunKey { due, attempt, .. }) => connection
            .prepare_cached(rows::SELECT_ENDED_BEFORE)
            .and_then(|statement| {
                let due = due.millis();
                let params = named_params! {
                    ":job": job, ":due": due, ":attempt": attempt, ":limit": limit
                };
                page(statement, params)
            }),
    };
    read.map_err(failed)
}

fn page(mut statement: CachedStatement<'_>, params: impl Params) -> rusqlite::Result<Vec<Run>> {
    let mut rows = statement.query(params)?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        match rows::read_run(row) {
            Ok(run) => runs.push(run),
            // One damaged record must not hide the rest.
            Err(problem) => tracing::warn!(problem, "unreadable run left out"),
        }
    }
    Ok(runs)
}

fn run(connection: &Connection, key: RunKey) -> Result<Option<Run>, StoreError> {
    let read = || -> rusqlite::Result<Option<Result<Run, String>>> {
        let mut statement = connection.prepare_cached(rows::SELECT_RUN)?;
        let mut rows = statement.query(named_params! {
            ":job": key.job.as_str(), ":due": key.due.millis(), ":attempt": key.attempt
        })?;
        Ok(rows.next()?.map(rows::read_run))
    };
    match read().map_err(failed)? {
        None => Ok(None),
        Some(Ok(run)) => Ok(Some(run)),
        Some(Err(problem)) => Err(StoreError::Unreadable {
            key: RecordKey::Run(key),
            problem,
        }),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable {
        problem: error.to_string(),
    }
}

fn gone<T>(_: oneshot::error::RecvError) -> Result<T, StoreError> {
    Err(StoreError::Unavailable {
        problem: "its reader ended".to_owned(),
    })
}
