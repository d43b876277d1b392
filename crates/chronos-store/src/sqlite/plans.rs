//! Tests that every query finds what it wants by an index, so that cost follows the answer and not
//! what is stored.

use rusqlite::{Connection, Statement};

use super::{apply, load, rows, schema};

// The plan, with the names of bound values left open.
fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement: Statement<'_> = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let mut rows = statement.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        lines.push(row.get::<_, String>(3).unwrap());
    }
    lines.join("; ")
}

#[track_caller]
fn check(connection: &Connection, sql: &str, want: &str) {
    assert_eq!(plan(connection, sql), want, "{sql}");
}

#[test]
fn every_query_has_its_index() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("database");
    std::fs::write(&file, "").unwrap();
    let connection = schema::open_writer(&file).unwrap();
    let of_job = "SEARCH run USING PRIMARY KEY (job=?)";
    let before = "SEARCH run USING PRIMARY KEY (job=? AND (due_ms,attempt)<(?,?))";
    check(
        &connection,
        rows::SELECT_RUN,
        "SEARCH run USING PRIMARY KEY (job=? AND due_ms=? AND attempt=?)",
    );
    // The index holds active runs only, in order: a scan of it is a scan of the answer.
    check(
        &connection,
        rows::SELECT_ACTIVE,
        "SCAN run USING INDEX run_active",
    );
    check(&connection, rows::SELECT_ENDED, of_job);
    check(&connection, rows::SELECT_ENDED_BEFORE, before);
    check(&connection, apply::COUNT_ENDED, of_job);
    check(
        &connection,
        apply::PRUNE,
        "SEARCH run USING PRIMARY KEY (job=? AND due_ms<?); SCALAR SUBQUERY 1; \
         SEARCH run USING PRIMARY KEY (job=?); REUSE SUBQUERY 1",
    );
    check(&connection, apply::FORGET_ENDED, of_job);
    check(
        &connection,
        load::SELECT_JOBS,
        "SCAN job USING INDEX sqlite_autoindex_job_1; SEARCH progress USING PRIMARY KEY (job=?) LEFT-JOIN",
    );
}
