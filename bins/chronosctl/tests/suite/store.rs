//! `chronosctl store` on data folders, and what it and `import` refuse.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use chronos_model::Snapshot;
use chronos_store::{SqliteOptions, SqliteReader, SqliteStore, Store, contract::fill};
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Ran, chronosctl};

struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> String {
        let path = self.0.path().join(name);
        path.to_str().expect("text").to_owned()
    }

    // A folder with a store in it.
    fn filled(&self, name: &str) -> String {
        let folder = self.path(name);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let store = SqliteStore::open(&SqliteOptions::new(&folder)).expect("it opens");
            let term = store.begin_term().await.expect("a term begins");
            fill(&store, term, 20).await;
        });
        folder
    }

    fn backup(&self, folder: &str) -> String {
        let file = self.path("backup");
        let ran = chronosctl(&["store", "backup", "--store", folder, "--to", &file]);
        check(
            &ran,
            Some(0),
            "22 jobs, 15 runs that have not ended, 61 that have",
        );
        file
    }
}

fn load(folder: &str) -> Snapshot {
    let reader = SqliteReader::open(Path::new(folder));
    let mut snapshot = reader.expect("it opens").load().expect("it loads");
    // They begin anew.
    for job in &mut snapshot.jobs {
        (job.spec_revision, job.progress_revision) = (1, 1);
    }
    snapshot
}

#[track_caller]
fn check(ran: &Ran, code: Option<i32>, said: &str) {
    let all = format!("{}{}", ran.out, ran.err);
    assert_eq!(ran.code, code, "{all}");
    assert!(all.contains(said), "{all}");
}

#[test]
fn a_backup_becomes_a_store_again() {
    let bench = Bench::new();
    let folder = bench.filled("first");
    let file = bench.backup(&folder);
    let mode = fs::metadata(&file)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = chronosctl(&["store", "backup", "--store", &folder, "--to", &file]);
    check(&again, Some(3), "is there already");
    let verified = chronosctl(&["store", "restore", "--from", &file, "--verify"]);
    check(&verified, Some(0), "is whole: of ");

    let other = bench.path("second");
    let restore = ["store", "restore", "--from", &file, "--store", &other];
    check(&chronosctl(&restore), Some(0), "has it now");
    assert_eq!(load(&other), load(&folder));
    check(
        &chronosctl(&restore),
        Some(3),
        "is not empty: it holds 22 jobs",
    );
    let replace = chronosctl(&[&restore[..], &["--replace"]].concat());
    check(&replace, Some(0), "has it now");
    assert_eq!(load(&other), load(&folder));
}

#[test]
fn a_damaged_backup_changes_nothing() {
    let bench = Bench::new();
    let file = bench.backup(&bench.filled("first"));
    let whole = fs::read(&file).expect("it is there");
    let other = bench.path("second");
    for damage in [
        |data: &mut Vec<u8>| data.truncate(data.len() * 2 / 3),
        |data: &mut Vec<u8>| {
            let middle = data.len() / 2;
            data[middle] ^= 1;
        },
        |data: &mut Vec<u8>| data.clear(),
    ] {
        let mut data = whole.clone();
        damage(&mut data);
        fs::write(&file, data).expect("it is ours");
        let ran = chronosctl(&["store", "restore", "--from", &file, "--store", &other]);
        check(&ran, Some(3), "chronosctl: ");
        assert!(!Path::new(&other).exists(), "{}", ran.err);
    }
}

#[test]
fn a_check_tells_what_is_wrong() {
    let bench = Bench::new();
    let folder = bench.filled("first");
    let check_it = || chronosctl(&["store", "check", "--store", &folder, "--json"]);
    let found = check_it();
    // The store of the test has runs that no job gave, and a parent that counts to the end.
    for line in found.out.lines() {
        let one: Value = serde_json::from_str(line).expect(line);
        assert_eq!(one["severity"], "strange", "{line}");
    }
    assert_eq!(found.code, Some(0));
    let file = format!("{folder}/chronos.sqlite3");
    let mut data = fs::read(&file).expect("it is there");
    let at = data.len() / 2 / 4096 * 4096;
    data[at..at + 64].fill(0xa5);
    fs::write(&file, data).expect("it is ours");
    let found = check_it();
    assert!(
        found.code == Some(3) || found.err.contains("malformed"),
        "{}",
        found.err
    );
}

#[test]
fn says_what_it_cannot_use() {
    let bench = Bench::new();
    let none = bench.path("none");
    let file = bench.path("file");
    let check_none = chronosctl(&["store", "check", "--store", &none]);
    check(&check_none, Some(3), "holds no database");
    let backup_none = chronosctl(&["store", "backup", "--store", &none, "--to", &file]);
    check(&backup_none, Some(3), "holds no database");
    assert!(!Path::new(&file).exists(), "half a backup is none");
    let restore_none = chronosctl(&["store", "restore", "--from", &none, "--verify"]);
    check(&restore_none, Some(1), &none);
    let folder = bench.filled("first");
    let store = SqliteStore::open(&SqliteOptions::new(&folder)).expect("it opens");
    let file = bench.backup(&folder);
    let restore = ["store", "restore", "--from", &file, "--store", &folder];
    check(&chronosctl(&restore), Some(3), "is in use by process");
    drop(store);
    for args in [
        &["store"][..],
        &["store", "check"],
        &["store", "restore", "--from", "x", "--verify", "--replace"],
        &["store", "restore", "--from", "x"],
        &["import", "--from", "zk://h/x"],
        &["import", "--from", "zk://u@h/x", "--to", "x"],
    ] {
        assert_eq!(chronosctl(args).code, Some(2), "{args:?}");
    }
    // What is secret is not repeated.
    let wrong = chronosctl(&[
        "import",
        "--from",
        "zk://h/x",
        "--to",
        "x",
        "--from-auth",
        "secret",
    ]);
    check(&wrong, Some(3), "user:password");
    assert!(!wrong.err.contains("secret"), "{}", wrong.err);
}
