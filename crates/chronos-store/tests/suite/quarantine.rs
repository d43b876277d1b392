//! Damaged records of the embedded store: shown, never fatal, never lost.

use chronos_model::{Quarantined, RunQuery, RunState};
use chronos_store::{CommitError, ErrorClass, SqliteStore, Store, StoreError, Term};
use rusqlite::Connection;

use crate::values::{job, key, open, put_calendar, put_progress, put_run, put_spec};

const DAMAGE: &str = "
    UPDATE job SET spec = '{' WHERE name = 'broken spec';
    UPDATE job SET spec = (SELECT spec FROM job WHERE name = 'good') WHERE name = 'other name';
    UPDATE job SET spec = CAST(x'ff' AS TEXT) WHERE name = 'no text';
    UPDATE progress SET progress = '{\"v\":9}' WHERE job = 'newer progress';
    UPDATE job SET name = 'a/b' WHERE name = 'bad name';
    UPDATE run SET state = 'dreaming' WHERE due_ms = 2;
    UPDATE run SET attempt = -1 WHERE due_ms = 3;
    UPDATE run SET outcome = 'unheard of' WHERE due_ms = 11;
    UPDATE run SET parents = '{\"runs\":7}' WHERE due_ms = 4;
    INSERT INTO tomb VALUES ('', 1, NULL);
    UPDATE calendar SET calendar = '[' WHERE name = 'broken';
    UPDATE calendar SET name = 'other' WHERE name = 'renamed';
";

#[tokio::test]
async fn shows_damaged_records_and_loads_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let term = store.begin_term().await.unwrap();
    let names = [
        "bad name",
        "broken spec",
        "good",
        "newer progress",
        "no text",
        "other name",
    ];
    for name in names {
        let writes = vec![put_spec(name, "true", 0), put_progress(name, 1, 0)];
        store.commit(term, writes).await.unwrap();
    }
    let calendars = ["broken", "good", "renamed"].map(put_calendar);
    store.commit(term, calendars.into()).await.unwrap();
    let mut writes: Vec<_> = (1..=4)
        .map(|due| put_run("good", due, RunState::Running))
        .collect();
    writes.extend((10..=12).map(|due| put_run("good", due, RunState::Ended)));
    store.commit(term, writes).await.unwrap();
    drop(store);
    let connection = Connection::open(dir.path().join("chronos.sqlite3")).unwrap();
    connection.execute_batch(DAMAGE).unwrap();
    drop(connection);

    let store = open(dir.path());
    let term = store.begin_term().await.unwrap();
    let loaded = store.load(term).await.unwrap();
    let jobs: Vec<_> = loaded
        .jobs
        .iter()
        .map(|job| job.spec.name.as_str())
        .collect();
    assert_eq!(jobs, ["good"]);
    let runs: Vec<_> = loaded.active_runs.iter().map(|run| &run.key).collect();
    assert_eq!(runs, [&key("good", 1)]);
    let calendars: Vec<_> = loaded.calendars.iter().map(|found| found.name()).collect();
    assert_eq!(calendars, [&"good".parse().unwrap()]);
    let shown: Vec<_> = loaded
        .quarantined
        .iter()
        .map(|Quarantined { key, problem }| format!("{key}: {problem}"))
        .collect();
    let want = [
        "job a/b: name: holds '/' at byte 1; letters, digits, '-', '_', '.', '#' and inner spaces are allowed",
        "job broken spec: spec: EOF while parsing an object at line 1 column 1",
        "job newer progress: progress: format version is 9, and this program knows 2",
        "job no text: spec: invalid utf-8 sequence of 1 bytes from index 0",
        "job other name: spec: its name is \"good\"",
        "run good 2 0: state: unknown word \"dreaming\"",
        "run good 3 -1: attempt: Integer -1 out of range at index 2",
        "run good 4 0: parents: runs is no list",
        "tomb : job: is empty",
        "calendar broken: calendar: EOF while parsing a list at line 1 column 1",
        "calendar other: calendar: its name is \"renamed\"",
    ];
    assert_eq!(shown, want);

    repairs(&store, term).await;
    reads_around(&store).await;
}

async fn repairs(store: &SqliteStore, term: Term) {
    // What cannot be read is still in the way, so nothing is written over it unseen.
    let create = vec![put_spec("broken spec", "true", 0)];
    let conflict = store.commit(term, create).await.unwrap_err();
    assert!(
        matches!(conflict, CommitError::Conflict { found: 1, .. }),
        "{conflict:?}"
    );
    // With the revision from that answer it can be repaired.
    let repair = vec![put_spec("broken spec", "true", 1)];
    store.commit(term, repair).await.unwrap();
    assert_eq!(store.load(term).await.unwrap().jobs.len(), 2);
}

async fn reads_around(store: &SqliteStore) {
    let query = RunQuery {
        job: job("good"),
        before: None,
        limit: 10,
    };
    let history = store.runs(query).await.unwrap();
    let due: Vec<_> = history.iter().map(|run| run.key.due.millis()).collect();
    assert_eq!(due, [12, 10], "the damaged one is left out");
    let error = store.run(&key("good", 11)).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Damaged);
    assert!(matches!(error, StoreError::Unreadable { .. }), "{error:?}");
}
