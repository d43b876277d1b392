//! The folder of the embedded store: held by one, private, refused when it is not for us.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process};

use chronos_model::RunState;
use chronos_store::{OpenError, SqliteStore, Store};
use rusqlite::{Connection, OpenFlags};

use crate::values::{open, options, put_run, put_spec};

const DATABASE: &str = "chronos.sqlite3";

#[track_caller]
fn refused(folder: &Path) -> OpenError {
    match SqliteStore::open(&options(folder)) {
        Ok(store) => panic!("expected an error, found {store:?}"),
        Err(error) => error,
    }
}

#[test]
fn is_held_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("store");
    let store = open(&folder);
    let error = refused(&folder);
    assert!(matches!(error, OpenError::Locked { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!(
            "folder {} is in use by process {}",
            folder.display(),
            process::id()
        )
    );
    drop(store);
    drop(open(&folder));
}

#[tokio::test]
async fn is_private() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("deep/store");
    let store = open(&folder);
    let term = store.begin_term().await.unwrap();
    let write = vec![put_spec("a", "secret", 0)];
    store.commit(term, write).await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o711);
    let mut seen = Vec::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        seen.push(name.replace(DATABASE, "db"));
    }
    seen.sort();
    assert_eq!(seen, ["db", "db-shm", "db-wal", "lock"]);
}

#[test]
fn makes_a_readable_database_private() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(DATABASE);
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(dir.path()));
    let mode = file.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn names_what_it_cannot_use() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let folder = file.join("store");
    let error = refused(&folder);
    assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");
    let text = format!("cannot use folder {}", folder.display());
    assert_eq!(error.to_string(), text);
    assert_eq!(error.path(), Some(folder.as_path()));
}

#[test]
fn refuses_a_newer_format() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let file = dir.path().join(DATABASE);
    let connection = Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", 7).unwrap();
    drop(connection);
    let before = fs::read(&file).unwrap();
    assert_eq!(
        refused(dir.path()).to_string(),
        format!(
            "{} has format 7, and this version knows formats up to 3; use the newer version",
            file.display()
        )
    );
    assert_eq!(fs::read(&file).unwrap(), before, "it is left as it was");
}

#[test]
fn refuses_a_database_of_another_program() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(DATABASE);
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(connection);
    let error = refused(dir.path());
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
}

#[test]
fn refuses_what_is_no_database() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(DATABASE);
    fs::write(&file, "no database, but long enough to be one".repeat(200)).unwrap();
    let text = refused(dir.path()).to_string();
    let want = format!("cannot open {}: file is not a database", file.display());
    assert_eq!(text, want);
}

#[tokio::test]
async fn can_be_read_by_an_operator_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let term = store.begin_term().await.unwrap();
    let due = 1_394_297_837_507;
    let write = vec![put_run("a", due, RunState::Ended)];
    store.commit(term, write).await.unwrap();
    let file = dir.path().join(DATABASE);
    let operator = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let sql = "SELECT concat_ws('|', job, target, outcome, exit_code, started, ended) FROM run_utc";
    let line: String = operator.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(
        line,
        "a|2014-03-08T16:57:17.507Z|failed|3|2014-03-08T16:57:17.512Z|2014-03-08T16:57:18.507Z"
    );
}
