//! The one thread that writes.
//!
//! ```text
//! commit() ─┐                 ┌ BEGIN, check the term
//! commit() ─┼─ line of fixed ─┤ SAVEPOINT, writes, RELEASE   (each commit; a refused one alone
//! commit() ─┘  length         │                               is rolled back)
//!                             └ COMMIT: one fsync, then all answers
//! ```
//!
//! While one group is on its way to the disk the next gathers in the line, so groups grow with the
//! load by themselves and a lone commit never waits for company.
//!
//! When COMMIT itself fails, the log on the disk may hold the whole group although this connection
//! does not see it, and a crash would bring it back. So before anything else is asked of the database,
//! [`settle`](Writer::settle) writes over it; until that works the group's fate is unknown.

use std::{
    num::NonZeroU64,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, TryRecvError},
    },
};

use chronos_model::{Snapshot, Write};
use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::{
    apply::{self, Applied, History},
    load,
};
use crate::{CommitError, StoreError, Term, limits};

/// The most requests that stand in line.
///
/// At 10,000 commits a second it is a second and a half of work; more would only hide that the disk
/// is too slow. A request is 56 bytes and its writes about 1 KiB, so a full line takes 16 MiB.
pub(super) const REQUESTS_WAITING_MAX: usize = 16_384;

/// The most commits in one transaction: with 64 the fsync is already a few percent of the cost, and
/// 512 take about 30 ms, which the first of them has to wait.
const GROUP_COMMITS_MAX: usize = 512;

/// The most writes in one transaction, for commits of many: about as long as 512 of the usual four.
const GROUP_WRITES_MAX: usize = 2048;

/// What is asked of the writer.
#[derive(Debug)]
pub(super) enum Request {
    Begin(oneshot::Sender<Result<Term, StoreError>>),
    Load(Term, oneshot::Sender<Result<Snapshot, StoreError>>),
    Commit(Commit),
}

#[derive(Debug)]
pub(super) struct Commit {
    pub(super) term: Term,
    pub(super) writes: Vec<Write>,
    pub(super) answer: oneshot::Sender<Result<(), CommitError>>,
}

/// What the handle knows of the writer without asking it.
#[derive(Debug, Default)]
pub(super) struct Status {
    pub(super) waiting: AtomicUsize,
    problem: Mutex<Option<String>>,
}

impl Status {
    pub(super) fn problem(&self) -> Option<String> {
        let problem = self.problem.lock();
        problem.unwrap_or_else(PoisonError::into_inner).clone()
    }

    // Returns whether that is news.
    fn set(&self, problem: Option<&str>) -> bool {
        let mut known = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_deref() == problem {
            return false;
        }
        *known = problem.map(str::to_owned);
        true
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    history: History,
    status: Arc<Status>,
    // The last COMMIT failed, and what is in the log has not been written over.
    unsettled: bool,
}

impl Writer {
    pub(super) fn new(connection: Connection, keep: usize, status: Arc<Status>) -> Self {
        Self {
            connection,
            history: History::new(keep),
            status,
            unsettled: false,
        }
    }

    /// Serves the line until it is closed and empty.
    pub(super) fn run(mut self, line: &Receiver<Request>) {
        let mut ahead = None;
        while let Some(request) = ahead.take().or_else(|| line.recv().ok()) {
            match request {
                // Whoever asked may be gone; that changes nothing.
                Request::Begin(answer) => drop(answer.send(self.begin())),
                Request::Load(term, answer) => drop(answer.send(self.load(term))),
                Request::Commit(first) => {
                    let (group, next) = gather(first, line);
                    ahead = next;
                    self.commit(group);
                }
            }
        }
    }

    fn begin(&mut self) -> Result<Term, StoreError> {
        let result = self.write(|connection, _| {
            let sql = "UPDATE meta SET epoch = epoch + 1 RETURNING epoch";
            connection.query_row(sql, [], |row| row.get::<_, i64>(0))
        });
        match result.map(|epoch| u64::try_from(epoch).ok().and_then(NonZeroU64::new)) {
            Ok(Some(epoch)) => Ok(Term::new(epoch)),
            Ok(None) => Err(StoreError::Unavailable {
                problem: "the number of the term in the database is no count".to_owned(),
            }),
            // Should it have been written, a term is skipped.
            Err(error) => Err(unavailable(error)),
        }
    }

    fn load(&mut self, term: Term) -> Result<Snapshot, StoreError> {
        self.settle().map_err(unavailable)?;
        let loaded = epoch(&self.connection).and_then(|epoch| {
            if epoch != stored(term) {
                return Ok(Err(StoreError::Fenced));
            }
            load::load(&mut self.connection).map(Ok)
        });
        match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                let problem = error.to_string();
                self.report(Some(&problem));
                Err(StoreError::Unavailable { problem })
            }
        }
    }

    fn commit(&mut self, group: Vec<Commit>) {
        let size = group.len();
        let result = self.write(|connection, history| {
            let epoch = epoch(connection)?;
            let results: rusqlite::Result<Vec<_>> = group
                .iter()
                .map(|commit| commit_one(connection, history, epoch, commit))
                .collect();
            history.prune(connection)?;
            results
        });
        self.status.waiting.fetch_sub(size, Ordering::Relaxed);
        match result {
            Ok(results) => {
                for (commit, result) in group.into_iter().zip(results) {
                    drop(commit.answer.send(result));
                }
            }
            Err(error) => {
                for commit in group {
                    drop(commit.answer.send(Err(error.clone())));
                }
            }
        }
    }

    // Runs `body` in a transaction that is durable on return. The error is never a refusal.
    fn write<T>(
        &mut self,
        body: impl FnOnce(&Connection, &mut History) -> rusqlite::Result<T>,
    ) -> Result<T, CommitError> {
        self.settle()?;
        let begun = self.connection.execute_batch("BEGIN IMMEDIATE");
        let done = begun.and_then(|()| body(&self.connection, &mut self.history));
        let value = match done {
            Ok(value) => value,
            Err(error) => {
                self.roll_back();
                let problem = error.to_string();
                self.report(Some(&problem));
                return Err(CommitError::Unavailable { problem });
            }
        };
        match self.connection.execute_batch("COMMIT") {
            Ok(()) => {
                self.report(None);
                Ok(value)
            }
            Err(error) => Err(self.commit_failed(&error)),
        }
    }

    fn commit_failed(&mut self, error: &rusqlite::Error) -> CommitError {
        self.roll_back();
        self.unsettled = true;
        let problem = error.to_string();
        // The frame that makes a transaction is written last, so without room for all it is not there.
        let full = error.sqlite_error_code() == Some(ErrorCode::DiskFull);
        let settled = self.settle().is_ok();
        self.report(Some(&problem));
        if settled || full {
            CommitError::Unavailable { problem }
        } else {
            CommitError::Unknown { problem }
        }
    }

    // Writes over what a failed COMMIT may have left in the log. The checksums there are a chain: with
    // the first frame replaced, the rest of that transaction can never be read again.
    fn settle(&mut self) -> Result<(), CommitError> {
        if !self.unsettled {
            return Ok(());
        }
        let sql = "BEGIN IMMEDIATE; UPDATE meta SET settled = settled + 1; COMMIT";
        if let Err(error) = self.connection.execute_batch(sql) {
            self.roll_back();
            let problem = error.to_string();
            self.report(Some(&problem));
            return Err(CommitError::Unavailable { problem });
        }
        self.unsettled = false;
        self.report(None);
        Ok(())
    }

    fn roll_back(&self) {
        // SQLite may have done it already; and a ROLLBACK that fails leaves nothing behind either.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "rollback failed");
        }
    }

    fn report(&self, problem: Option<&str>) {
        if !self.status.set(problem) {
            return;
        }
        if let Some(problem) = problem {
            tracing::error!(problem, "store cannot write");
        } else {
            tracing::info!("store writes again");
        }
    }
}

// Takes what else stands in line, up to the first that is no commit.
fn gather(first: Commit, line: &Receiver<Request>) -> (Vec<Commit>, Option<Request>) {
    let mut writes = first.writes.len();
    let mut group = vec![first];
    while group.len() < GROUP_COMMITS_MAX && writes < GROUP_WRITES_MAX {
        match line.try_recv() {
            Ok(Request::Commit(commit)) => {
                writes += commit.writes.len();
                group.push(commit);
            }
            Ok(other) => return (group, Some(other)),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
    (group, None)
}

fn commit_one(
    connection: &Connection,
    history: &mut History,
    epoch: i64,
    commit: &Commit,
) -> Applied {
    if epoch != stored(commit.term) {
        return Ok(Err(CommitError::Fenced));
    }
    let encoded = match limits::encode(&commit.writes) {
        Ok(encoded) => encoded,
        Err(too_large) => return Ok(Err(too_large)),
    };
    connection.prepare_cached("SAVEPOINT one")?.execute([])?;
    let result = apply::apply(connection, history, &commit.writes, &encoded)?;
    if result.is_err() {
        connection.prepare_cached("ROLLBACK TO one")?.execute([])?;
    }
    connection.prepare_cached("RELEASE one")?.execute([])?;
    Ok(result)
}

fn epoch(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT epoch FROM meta")?
        .query_row([], |row| row.get(0))
}

// A term beyond 2^63 was never given; as a negative number it equals none.
const fn stored(term: Term) -> i64 {
    term.number().cast_signed()
}

fn unavailable(error: CommitError) -> StoreError {
    let problem = match error {
        CommitError::Unavailable { problem } | CommitError::Unknown { problem } => problem,
        CommitError::Conflict { .. } | CommitError::Fenced | CommitError::TooLarge { .. } => {
            error.to_string()
        }
    };
    StoreError::Unavailable { problem }
}
