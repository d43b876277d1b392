//! Runs as rows and rows as runs, and what else is read column by column.

use std::fmt::Display;

use chronos_model::{
    Calendar, Covered, FrameworkId, FrameworkIdError, JobName, Outcome, Revision, Run, RunCause,
    RunKey, RunState, Timestamp, Tomb,
};
use rusqlite::{
    CachedStatement, Row, named_params,
    types::{FromSql, ValueRef},
};

use crate::json;

macro_rules! select_run {
    ($rest:literal) => {
        concat!(
            "SELECT job, due_ms, attempt, target_ms, cause, arguments, state, not_before_ms, ",
            "outcome, reason, exit_code, agent, created_ms, started_ms, ended_ms, kill_requested, ",
            "covers_first_ms, covers_count, parents FROM run ",
            $rest
        )
    };
}

pub(super) const SELECT_RUN: &str =
    select_run!("WHERE job = :job AND due_ms = :due AND attempt = :attempt");
pub(super) const SELECT_ACTIVE: &str =
    select_run!("WHERE state <> 'ended' ORDER BY job, due_ms, attempt");
pub(super) const SELECT_ENDED: &str = select_run!(
    "WHERE job = :job AND state = 'ended' ORDER BY due_ms DESC, attempt DESC LIMIT :limit"
);
pub(super) const SELECT_ALL_ENDED: &str =
    select_run!("WHERE state = 'ended' ORDER BY job, due_ms DESC, attempt DESC");
pub(super) const SELECT_ENDED_BEFORE: &str = select_run!(
    "WHERE job = :job AND state = 'ended' AND (due_ms, attempt) < (:due, :attempt)
     ORDER BY due_ms DESC, attempt DESC LIMIT :limit"
);
pub(super) const PUT_RUN: &str = "
    INSERT OR REPLACE INTO run (job, due_ms, attempt, target_ms, cause, arguments, state,
        not_before_ms, outcome, reason, exit_code, agent, created_ms, started_ms, ended_ms,
        kill_requested, covers_first_ms, covers_count, parents)
    VALUES (:job, :due, :attempt, :target, :cause, :arguments, :state,
        :not_before, :outcome, :reason, :exit_code, :agent, :created, :started, :ended,
        :kill_requested, :covers_first, :covers_count, :parents)";
/// Writes a run into its row; its parents come as JSON.
pub(super) fn put_run(
    statement: &mut CachedStatement<'_>,
    run: &Run,
    parents: Option<&str>,
) -> rusqlite::Result<usize> {
    // Listed field by field, so that a new one cannot be forgotten here.
    let Run {
        key: RunKey { job, due, attempt },
        target,
        cause,
        arguments,
        state,
        not_before,
        outcome,
        reason,
        exit_code,
        agent,
        created_at,
        started_at,
        ended_at,
        kill_requested,
        parents: _,
        covers,
    } = run;
    statement.execute(named_params! {
        ":job": job.as_str(),
        ":due": due.millis(),
        ":attempt": attempt,
        ":target": target.millis(),
        ":cause": cause.name(),
        ":arguments": arguments,
        ":state": state.name(),
        ":not_before": not_before.map(Timestamp::millis),
        ":outcome": outcome.map(Outcome::name),
        ":reason": reason,
        ":exit_code": exit_code,
        ":agent": agent,
        ":created": created_at.millis(),
        ":started": started_at.map(Timestamp::millis),
        ":ended": ended_at.map(Timestamp::millis),
        ":kill_requested": kill_requested,
        ":covers_first": covers.map(|covers| covers.first.millis()),
        // The same 64 bits; no count is so large that it shows.
        ":covers_count": covers.map(|covers| covers.count.cast_signed()),
        ":parents": parents,
    })
}

/// Reads a run out of its row; the error says which column is wrong.
pub(super) fn read_run(row: &Row<'_>) -> Result<Run, String> {
    Ok(Run {
        key: RunKey {
            job: name(row, 0)?,
            due: instant(row, 1)?,
            attempt: column(row, 2)?,
        },
        target: instant(row, 3)?,
        cause: word(row, 4, RunCause::from_name)?.ok_or("cause is missing")?,
        arguments: column(row, 5)?,
        state: word(row, 6, RunState::from_name)?.ok_or("state is missing")?,
        not_before: optional_instant(row, 7)?,
        outcome: word(row, 8, Outcome::from_name)?,
        reason: column(row, 9)?,
        exit_code: column(row, 10)?,
        agent: column(row, 11)?,
        created_at: instant(row, 12)?,
        started_at: optional_instant(row, 13)?,
        ended_at: optional_instant(row, 14)?,
        kill_requested: column(row, 15)?,
        parents: match text(row, 18)? {
            Some(text) => Some(
                json::decode_generation(text)
                    .map_err(|e| named(row, 18, e))?
                    .into(),
            ),
            None => None,
        },
        covers: match (optional_instant(row, 16)?, column::<Option<i64>>(row, 17)?) {
            (Some(first), Some(count)) => Some(Covered {
                first,
                count: count.cast_unsigned(),
            }),
            _ => None,
        },
    })
}

/// Reads a tomb and its job.
pub(super) fn read_tomb(row: &Row<'_>) -> Result<(JobName, Tomb), String> {
    let tomb = Tomb {
        deleted_at: instant(row, 1)?,
        due_max: optional_instant(row, 2)?,
    };
    Ok((name(row, 0)?, tomb))
}

/// Reads a calendar.
pub(super) fn read_calendar(row: &Row<'_>) -> Result<Calendar, String> {
    let text = text(row, 1)?.ok_or("calendar is missing")?;
    let calendar = json::decode_calendar(text).map_err(|problem| named(row, 1, problem))?;
    let name = column::<String>(row, 0)?;
    if calendar.name().as_str() != name {
        let found = calendar.name().as_str();
        return Err(named(row, 1, format!("its name is {found:?}")));
    }
    Ok(calendar)
}

/// Reads the framework's id.
pub(super) fn read_framework_id(row: &Row<'_>) -> Result<FrameworkId, String> {
    let text = text(row, 0)?.ok_or("framework_id is missing")?;
    text.parse()
        .map_err(|error: FrameworkIdError| named(row, 0, error.to_string()))
}

/// Returns what a row is called, however damaged: its table and the columns of its key.
pub(super) fn key(table: &str, row: &Row<'_>, columns: usize) -> String {
    let mut key = table.to_owned();
    for column in 0..columns {
        key.push(' ');
        match row.get_ref(column) {
            Ok(ValueRef::Text(text)) => key.push_str(&String::from_utf8_lossy(text)),
            Ok(ValueRef::Integer(number)) => key.push_str(&number.to_string()),
            _ => key.push('?'),
        }
    }
    key
}

pub(super) fn column<T: FromSql>(row: &Row<'_>, index: usize) -> Result<T, String> {
    row.get(index).map_err(|error| named(row, index, error))
}

pub(super) fn text<'a>(row: &'a Row<'_>, index: usize) -> Result<Option<&'a str>, String> {
    let value = row
        .get_ref(index)
        .map_err(|error| named(row, index, error))?;
    value
        .as_str_or_null()
        .map_err(|error| named(row, index, error))
}

fn instant(row: &Row<'_>, index: usize) -> Result<Timestamp, String> {
    column(row, index).map(Timestamp::from_millis)
}

fn optional_instant(row: &Row<'_>, index: usize) -> Result<Option<Timestamp>, String> {
    column::<Option<i64>>(row, index).map(|millis| millis.map(Timestamp::from_millis))
}

pub(super) fn revision(row: &Row<'_>, index: usize) -> Result<Revision, String> {
    let number: Option<i64> = column(row, index)?;
    Revision::try_from(number.unwrap_or(0)).map_err(|error| named(row, index, error))
}

pub(super) fn name(row: &Row<'_>, index: usize) -> Result<JobName, String> {
    let found = text(row, index)?.unwrap_or_default();
    found.parse().map_err(|error| named(row, index, error))
}

fn word<T>(
    row: &Row<'_>,
    index: usize,
    find: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, String> {
    let Some(found) = text(row, index)? else {
        return Ok(None);
    };
    let word = find(found).ok_or_else(|| named(row, index, format!("unknown word {found:?}")))?;
    Ok(Some(word))
}

fn named(row: &Row<'_>, index: usize, problem: impl Display) -> String {
    let column = row.as_ref().column_name(index).unwrap_or("?");
    format!("{column}: {problem}")
}
