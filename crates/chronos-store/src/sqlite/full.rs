//! Tests of a database that may not grow: what cannot be written is refused, and nothing else.

use std::sync::{Arc, mpsc::sync_channel};

use chronos_model::{Outcome, Run, RunCause, RunKey, RunState, Timestamp, Write};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{
    schema,
    writer::{Commit, Request, Status, Writer},
};
use crate::{CommitError, StoreError, Term};

fn put_run(due: i64, reason: usize) -> Write {
    let at = Timestamp::from_millis(due);
    Write::PutRun(Arc::new(Run {
        key: RunKey {
            job: "a".parse().unwrap(),
            due: at,
            attempt: 0,
        },
        target: at,
        cause: RunCause::Manual,
        arguments: None,
        state: RunState::Ended,
        not_before: None,
        outcome: Some(Outcome::Missed),
        reason: Some("x".repeat(reason)),
        exit_code: None,
        agent: None,
        created_at: at,
        started_at: None,
        ended_at: Some(at),
        kill_requested: false,
        parents: None,
        covers: None,
    }))
}

// Carries out one line of commits (by size) as groups, with so many pages more than there are now.
fn play(connection: Connection, pages: i64, sizes: &[usize]) -> Vec<Result<(), CommitError>> {
    let count: i64 = connection
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    let most = format!("PRAGMA max_page_count = {}", count + pages);
    connection.query_row(&most, [], |_| Ok(())).unwrap();
    let status = Arc::new(Status::default());
    let writer = Writer::new(connection, 1000, status.clone());
    let (line, requests) = sync_channel(16);
    let (answer, mut term) = oneshot::channel::<Result<Term, StoreError>>();
    line.send(Request::Begin(answer)).unwrap();
    let answers: Vec<_> = (0_i64..)
        .zip(sizes)
        .map(|(due, &size)| {
            let (answer, waiting) = oneshot::channel();
            // The first term of a new database.
            let term = Term::FIRST;
            let writes = vec![put_run(due, size)];
            status
                .waiting
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let commit = Commit {
                term,
                writes,
                answer,
            };
            line.send(Request::Commit(commit)).unwrap();
            waiting
        })
        .collect();
    drop(line);
    // All stand in line already, so they are one group.
    writer.run(&requests);
    assert_eq!(term.try_recv().unwrap(), Ok(Term::FIRST));
    let results = answers
        .into_iter()
        .map(|mut answer| answer.try_recv().unwrap());
    results.collect()
}

fn is_unavailable(result: &Result<(), CommitError>) -> bool {
    matches!(result, Err(CommitError::Unavailable { .. }))
}

#[test]
fn refuses_what_has_no_room() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("database");
    std::fs::write(&file, "").unwrap();
    let connection = schema::open_writer(&file).unwrap();
    let results = play(connection, 10, &[100, 200_000, 100]);
    assert!(results.iter().all(is_unavailable), "{results:?}");
    let stored = Connection::open(&file).unwrap();
    let count = "SELECT count(*) FROM run";
    assert_eq!(
        stored.query_row(count, [], |row| row.get::<_, i64>(0)),
        Ok(0)
    );
    // And the database is as good as before, also for as much as there is room for.
    stored.execute_batch("UPDATE meta SET epoch = 0").unwrap();
    let connection = schema::open_writer(&file).unwrap();
    let results = play(connection, 10, &[100, 20_000, 100]);
    assert_eq!(results, [Ok(()), Ok(()), Ok(())]);
    assert_eq!(
        stored.query_row(count, [], |row| row.get::<_, i64>(0)),
        Ok(3)
    );
}
