//! A store out of a backup.

use std::{
    collections::{BTreeSet, VecDeque},
    io::BufRead,
};

use chronos_model::{JobName, Outcome, RunState, Snapshot, Timestamp, Tomb, Write};
use thiserror::Error;

use super::{BackupError, BackupReader, BackupRecord, BackupSummary};
use crate::{CommitError, Committing, Store, Term, VALUE_BYTES_MAX};

/// The most writes of one commit: a part of what a packet of `ZooKeeper` may hold.
const WRITES_PER_COMMIT: usize = 64;

/// The most bytes of one commit, by the size of the records' lines.
const BYTES_PER_COMMIT: usize = VALUE_BYTES_MAX / 2;

/// Commits on their way: every store groups that many, and none of them is held for long.
const COMMITS_IN_FLIGHT: usize = 64;

/// Why a store was not made again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The backup cannot be used.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The store did not take it. What was written before stays.
    #[error("the store does not take it: {0}")]
    Commit(#[from] CommitError),
}

/// Whether there is nothing at all in a store.
pub fn is_empty(snapshot: &Snapshot) -> bool {
    let Snapshot {
        jobs,
        active_runs,
        calendars,
        tombs,
        framework_id,
        quarantined,
    } = snapshot;
    jobs.is_empty()
        && active_runs.is_empty()
        && calendars.is_empty()
        && tombs.is_empty()
        && framework_id.is_none()
        && quarantined.is_empty()
}

/// Removes all that was loaded from a store, so that a backup can take its place.
///
/// Records that cannot be read stay.
///
/// # Errors
///
/// [`RestoreError::Commit`]; what was removed before stays removed.
pub async fn clear(
    store: &dyn Store,
    term: Term,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<(), RestoreError> {
    let mut commits = Commits::new(store, term);
    // A run goes with the history of its job once it has ended.
    for run in &snapshot.active_runs {
        let mut run = run.clone();
        run.state = RunState::Ended;
        run.outcome = Some(Outcome::Killed);
        run.ended_at = Some(now);
        commits.put(vec![Write::PutRun(run.into())], 0).await?;
    }
    for job in &snapshot.jobs {
        let tomb = Tomb {
            deleted_at: now,
            due_max: None,
        };
        let delete = Write::DeleteJob {
            job: job.spec.name.clone(),
            expected: job.spec_revision,
            tomb,
        };
        let forget = Write::Forget {
            job: job.spec.name.clone(),
        };
        commits.put(vec![delete, forget], 0).await?;
    }
    let of_runs = snapshot.active_runs.iter().map(|run| &run.key.job);
    let known: BTreeSet<&JobName> = snapshot.jobs.iter().map(|job| &job.spec.name).collect();
    let is_gone = |job: &&JobName| !known.contains(job);
    for job in of_runs.filter(is_gone).chain(snapshot.tombs.keys()) {
        let forget = Write::Forget { job: job.clone() };
        commits.put(vec![forget], 0).await?;
    }
    for calendar in &snapshot.calendars {
        let delete = Write::DeleteCalendar(calendar.name().clone());
        commits.put(vec![delete], 0).await?;
    }
    commits.put(vec![Write::PutFrameworkId(None)], 0).await?;
    commits.finish().await
}

/// Writes a backup into an empty store, of each job the newest `history` ended runs.
///
/// Read the backup to its end first ([`BackupReader::verify`]), so that nothing is written of one that
/// is damaged.
///
/// # Errors
///
/// [`RestoreError`]; what was written before stays.
pub async fn restore<R: BufRead>(
    store: &dyn Store,
    term: Term,
    backup: &mut BackupReader<R>,
    history: usize,
) -> Result<BackupSummary, RestoreError> {
    let mut commits = Commits::new(store, term);
    let mut of_job: Option<(JobName, usize)> = None;
    while let Some(record) = backup.next()? {
        if let BackupRecord::EndedRun(run) = &record {
            let before = match &of_job {
                Some((job, count)) if *job == run.key.job => *count,
                _ => 0,
            };
            of_job = Some((run.key.job.clone(), before + 1));
            if before >= history {
                continue;
            }
        }
        let bytes = record.encode().len();
        commits.put(record.writes(), bytes).await?;
    }
    commits.finish().await?;
    Ok(backup.summary())
}

/// Commits that gather writes, and are not waited for one by one.
struct Commits<'a> {
    store: &'a dyn Store,
    term: Term,
    writes: Vec<Write>,
    bytes: usize,
    answers: VecDeque<Committing>,
}

impl<'a> Commits<'a> {
    fn new(store: &'a dyn Store, term: Term) -> Self {
        Self {
            store,
            term,
            writes: Vec::new(),
            bytes: 0,
            answers: VecDeque::new(),
        }
    }

    async fn put(&mut self, writes: Vec<Write>, bytes: usize) -> Result<(), CommitError> {
        let is_full = self.writes.len() + writes.len() > WRITES_PER_COMMIT
            || self.bytes + bytes > BYTES_PER_COMMIT;
        if is_full {
            self.send().await?;
        }
        self.writes.extend(writes);
        self.bytes += bytes;
        Ok(())
    }

    async fn send(&mut self) -> Result<(), CommitError> {
        if self.answers.len() == COMMITS_IN_FLIGHT
            && let Some(answer) = self.answers.pop_front()
        {
            answer.await?;
        }
        let writes = std::mem::take(&mut self.writes);
        self.bytes = 0;
        if !writes.is_empty() {
            self.answers.push_back(self.store.commit(self.term, writes));
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<(), RestoreError> {
        self.send().await?;
        for answer in self.answers {
            answer.await?;
        }
        Ok(())
    }
}
