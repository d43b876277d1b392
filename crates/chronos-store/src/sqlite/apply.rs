//! What each write is in SQL, and the pruning of history.
//!
//! A refusal (a conflict) and a failure (of the database) are different results here, because the
//! first concerns one commit and the second may concern all of a group.

use std::collections::HashMap;

use chronos_model::{JobName, Revision, RunState, Timestamp, Tomb, Write};
use rusqlite::{Connection, OptionalExtension, params};

use super::rows;
use crate::{
    CommitError, RecordKey,
    limits::{Encoded, history_slack},
};

/// What came of a write: done, refused, or failed.
pub(super) type Applied = rusqlite::Result<Result<(), CommitError>>;

pub(super) const PRUNE: &str = "
    DELETE FROM run WHERE job = ?1 AND state = 'ended' AND (due_ms, attempt) <= (
        SELECT due_ms, attempt FROM run WHERE job = ?1 AND state = 'ended'
        ORDER BY due_ms DESC, attempt DESC LIMIT 1 OFFSET ?2)";
pub(super) const FORGET_ENDED: &str = "DELETE FROM run WHERE job = ?1 AND state = 'ended'";
pub(super) const COUNT_ENDED: &str = "SELECT count(*) FROM run WHERE job = ?1 AND state = 'ended'";

/// Applies the writes of one commit in their order, up to the first that is refused.
pub(super) fn apply(
    connection: &Connection,
    history: &mut History,
    writes: &[Write],
    encoded: &[Encoded],
) -> Applied {
    for (write, encoded) in writes.iter().zip(encoded) {
        let json = match encoded {
            Encoded::Json(json) => Some(json.as_str()),
            Encoded::Nothing => None,
        };
        if let Err(refusal) = apply_one(connection, history, write, json)? {
            return Ok(Err(refusal));
        }
    }
    Ok(Ok(()))
}

fn apply_one(
    connection: &Connection,
    history: &mut History,
    write: &Write,
    json: Option<&str>,
) -> Applied {
    match write {
        Write::PutSpec { spec, expected } => put_spec(connection, &spec.name, *expected, json),
        Write::PutProgress { job, expected, .. } => put_progress(connection, job, *expected, json),
        Write::DeleteJob {
            job,
            expected,
            tomb,
        } => delete_job(connection, job, *expected, *tomb),
        Write::PutRun(run) => {
            rows::put_run(&mut connection.prepare_cached(rows::PUT_RUN)?, run, json)?;
            if run.state == RunState::Ended {
                history.ended(connection, &run.key.job)?;
            }
            Ok(Ok(()))
        }
        Write::Forget { job } => forget(connection, history, job),
        Write::PutCalendar(calendar) => {
            let name = calendar.name().as_str();
            connection
                .prepare_cached("INSERT OR REPLACE INTO calendar (name, calendar) VALUES (?1, ?2)")?
                .execute(params![name, json])?;
            Ok(Ok(()))
        }
        Write::DeleteCalendar(name) => {
            connection
                .prepare_cached("DELETE FROM calendar WHERE name = ?1")?
                .execute([name.as_str()])?;
            Ok(Ok(()))
        }
        Write::PutFrameworkId(None) => {
            connection
                .prepare_cached("DELETE FROM framework")?
                .execute([])?;
            Ok(Ok(()))
        }
        Write::PutFrameworkId(Some(id)) => {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO framework (id, framework_id) VALUES (1, ?1)",
                )?
                .execute([id.as_str()])?;
            Ok(Ok(()))
        }
    }
}

fn put_spec(
    connection: &Connection,
    job: &JobName,
    expected: Revision,
    json: Option<&str>,
) -> Applied {
    let name = job.as_str();
    let changed = if expected == 0 {
        let sql =
            "INSERT INTO job (name, revision, spec) VALUES (?1, 1, ?2) ON CONFLICT DO NOTHING";
        connection
            .prepare_cached(sql)?
            .execute(params![name, json])?
    } else {
        let sql =
            "UPDATE job SET revision = revision + 1, spec = ?2 WHERE name = ?1 AND revision = ?3";
        let expected = stored(expected);
        connection
            .prepare_cached(sql)?
            .execute(params![name, json, expected])?
    };
    if changed == 0 {
        return spec_conflict(connection, job, expected);
    }
    if expected == 0 {
        delete_tomb(connection, job)?;
    }
    Ok(Ok(()))
}

fn put_progress(
    connection: &Connection,
    job: &JobName,
    expected: Revision,
    json: Option<&str>,
) -> Applied {
    let name = job.as_str();
    let changed = if expected == 0 {
        let sql = "INSERT INTO progress (job, revision, progress)
            SELECT name, 1, ?2 FROM job WHERE name = ?1 ON CONFLICT DO NOTHING";
        connection
            .prepare_cached(sql)?
            .execute(params![name, json])?
    } else {
        let sql = "UPDATE progress SET revision = revision + 1, progress = ?2
            WHERE job = ?1 AND revision = ?3";
        let expected = stored(expected);
        connection
            .prepare_cached(sql)?
            .execute(params![name, json, expected])?
    };
    if changed != 0 {
        return Ok(Ok(()));
    }
    let sql = "SELECT revision FROM progress WHERE job = ?1";
    match found(connection, sql, job)? {
        // Nothing stands in the way, so what is missing is the definition.
        0 if expected == 0 => spec_conflict(connection, job, 1),
        found => Ok(Err(CommitError::Conflict {
            key: RecordKey::Progress(job.clone()),
            expected,
            found,
        })),
    }
}

fn delete_job(connection: &Connection, job: &JobName, expected: Revision, tomb: Tomb) -> Applied {
    let name = job.as_str();
    let sql = "DELETE FROM job WHERE name = ?1 AND revision = ?2";
    let changed = connection
        .prepare_cached(sql)?
        .execute(params![name, stored(expected)])?;
    if changed == 0 {
        // With zero there is nothing to delete, and the tomb is all that is wanted.
        let refused = spec_conflict(connection, job, expected)?;
        if refused.is_err() {
            return Ok(refused);
        }
    }
    connection
        .prepare_cached("DELETE FROM progress WHERE job = ?1")?
        .execute([name])?;
    let sql = "INSERT OR REPLACE INTO tomb (job, deleted_ms, due_max_ms) VALUES (?1, ?2, ?3)";
    let due_max = tomb.due_max.map(Timestamp::millis);
    connection
        .prepare_cached(sql)?
        .execute(params![name, tomb.deleted_at.millis(), due_max])?;
    Ok(Ok(()))
}

fn forget(connection: &Connection, history: &mut History, job: &JobName) -> Applied {
    let refused = spec_conflict(connection, job, 0)?;
    if refused.is_err() {
        return Ok(refused);
    }
    delete_tomb(connection, job)?;
    connection
        .prepare_cached(FORGET_ENDED)?
        .execute([job.as_str()])?;
    history.counts.remove(job);
    Ok(Ok(()))
}

fn delete_tomb(connection: &Connection, job: &JobName) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM tomb WHERE job = ?1")?
        .execute([job.as_str()])
}

fn spec_conflict(connection: &Connection, job: &JobName, expected: Revision) -> Applied {
    let found = found(connection, "SELECT revision FROM job WHERE name = ?1", job)?;
    if found == expected {
        return Ok(Ok(()));
    }
    Ok(Err(CommitError::Conflict {
        key: RecordKey::Spec(job.clone()),
        expected,
        found,
    }))
}

fn found(connection: &Connection, sql: &str, job: &JobName) -> rusqlite::Result<Revision> {
    let mut statement = connection.prepare_cached(sql)?;
    let revision: Option<i64> = statement
        .query_row([job.as_str()], |row| row.get(0))
        .optional()?;
    Ok(revision.unwrap_or(0).cast_unsigned())
}

// A revision beyond 2^63 was never given; as a negative number it equals none.
const fn stored(revision: Revision) -> i64 {
    revision.cast_signed()
}

/// Keeps the newest ended runs of each job.
///
/// It counts what ends, so that the table is looked at only when a job is over its slack. The count is
/// never too low: a run that ends twice, or in a transaction that is rolled back, counts again, and the
/// job is looked at a little early.
#[derive(Debug)]
pub(super) struct History {
    keep: usize,
    counts: HashMap<JobName, usize>,
    due: Vec<JobName>,
}

impl History {
    pub(super) fn new(keep: usize) -> Self {
        Self {
            keep,
            counts: HashMap::new(),
            due: Vec::new(),
        }
    }

    // Called after a run was written as ended.
    fn ended(&mut self, connection: &Connection, job: &JobName) -> rusqlite::Result<()> {
        let count = if let Some(count) = self.counts.get_mut(job) {
            *count = count.saturating_add(1);
            *count
        } else {
            let count = count(connection, job)?;
            self.counts.insert(job.clone(), count);
            count
        };
        // A job is here but once: the next run of it would be one too many again.
        if count > self.keep.saturating_add(history_slack(self.keep)) && !self.due.contains(job) {
            self.due.push(job.clone());
        }
        Ok(())
    }

    /// Removes the oldest runs of the jobs that have too many; called in the same transaction.
    pub(super) fn prune(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let keep = i64::try_from(self.keep).unwrap_or(i64::MAX);
        for job in std::mem::take(&mut self.due) {
            connection
                .prepare_cached(PRUNE)?
                .execute(params![job.as_str(), keep])?;
            let count = count(connection, &job)?;
            self.counts.insert(job, count);
        }
        Ok(())
    }
}

fn count(connection: &Connection, job: &JobName) -> rusqlite::Result<usize> {
    let count: i64 = connection
        .prepare_cached(COUNT_ENDED)?
        .query_row([job.as_str()], |row| row.get(0))?;
    // More than memory can count is certainly too many.
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}
