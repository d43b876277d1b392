//! Tests of databases that an earlier version made.

use std::{path::Path, sync::Arc};

use chronos_model::{JobLinks, JobProgress, NextTarget, RunCause, RunState, Timestamp, Write};
use rusqlite::Connection;

use super::{SqliteOptions, SqliteStore, schema};
use crate::Store;

// Rows as the first version wrote them, columns in the order of its tables.
const ROWS_OF_FORMAT_1: &str = r#"
    UPDATE meta SET epoch = 41;
    INSERT INTO job VALUES ('a b', 7, '{"version":1,"name":"a b","command":"true",
        "schedule":"R/2030-01-01T00:00:00.000Z/PT1H","scheduleTimeZone":"UTC"}');
    INSERT INTO progress VALUES ('a b', 9, '{"v":1,"createdAt":1,"anchor":2,
        "next":{"index":3,"at":4},"generation":6,"consumed":{"p":5},"successCount":6}');
    INSERT INTO tomb VALUES ('gone', 11, 12);
    INSERT INTO run VALUES ('a b', 13, 1, 14, 'parents', '-x', 'queued', 15, NULL, 'waits', NULL,
        'agent', 16, NULL, NULL, 1, 17, 18);
    INSERT INTO run VALUES ('a b', 10, 0, 10, 'manual', NULL, 'ended', NULL, 'failed', NULL, 3,
        NULL, 10, 11, 12, 0, NULL, NULL);
"#;

fn make(file: &Path, format: i32, statements: &[&str]) {
    let connection = Connection::open(file).unwrap();
    let mode = "PRAGMA journal_mode = WAL";
    connection.query_row(mode, [], |_| Ok(())).unwrap();
    for sql in statements {
        connection.execute_batch(sql).unwrap();
    }
    let id = schema::APPLICATION_ID;
    connection
        .pragma_update(None, "application_id", id)
        .unwrap();
    connection
        .pragma_update(None, "user_version", format)
        .unwrap();
}

#[tokio::test]
async fn opens_format_1_and_keeps_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("chronos.sqlite3");
    make(&file, 1, &[schema::FORMAT_1, ROWS_OF_FORMAT_1]);
    let open = || SqliteStore::open(&SqliteOptions::new(dir.path())).unwrap();
    let store = open();
    let term = store.begin_term().await.unwrap();
    assert_eq!(term.number(), 42);
    let loaded = store.load(term).await.unwrap();
    assert_eq!(loaded.quarantined, []);
    let [job] = loaded.jobs.as_slice() else {
        panic!("expected one job, found {:?}", loaded.jobs);
    };
    assert_eq!((job.spec_revision, job.progress_revision), (7, 9));
    assert_eq!(job.spec.name.as_str(), "a b");
    let at = Timestamp::from_millis;
    let progress = JobProgress {
        created_at: at(1),
        anchor: at(2),
        next: Some(NextTarget {
            index: 3,
            at: at(4),
        }),
        completed: 6,
        links: JobLinks {
            consumed: [("p".parse().unwrap(), 5)].into(),
            ..JobLinks::default()
        }
        .into(),
        success_count: 6,
        ..JobProgress::default()
    };
    assert_eq!(job.progress, progress);
    let tomb = loaded.tombs["gone"];
    assert_eq!((tomb.deleted_at, tomb.due_max), (at(11), Some(at(12))));
    let [run] = loaded.active_runs.as_slice() else {
        panic!("expected one run, found {:?}", loaded.active_runs);
    };
    assert_eq!(
        (run.key.due, run.key.attempt, run.target),
        (at(13), 1, at(14))
    );
    assert_eq!(
        (run.cause, run.state),
        (RunCause::Parents, RunState::Queued)
    );
    assert_eq!(run.arguments.as_deref(), Some("-x"));
    assert_eq!(run.covers.map(|covers| covers.count), Some(18));
    assert_eq!((&run.parents, run.kill_requested), (&None, true));
    assert!(loaded.calendars.is_empty());
    let mut ended = run.clone();
    ended.key.due = at(10);
    ended.key.attempt = 0;
    assert!(store.run(&ended.key).await.unwrap().is_some());

    // And it takes what the first version did not know, as any other does.
    let mut run = run.clone();
    run.parents = Some(Box::default());
    run.cause = RunCause::BackfillWithChildren;
    let write = vec![Write::PutRun(Arc::new(run.clone()))];
    store.commit(term, write).await.unwrap();
    drop(store);
    let store = open();
    let term = store.begin_term().await.unwrap();
    assert_eq!(store.load(term).await.unwrap().active_runs, [run]);
}
