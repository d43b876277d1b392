//! Backups: whole, honest about damage, and good for another store.

use std::{collections::BTreeSet, path::Path};

use chronos_model::{Quarantined, RunQuery, RunState, Snapshot, Timestamp, Tomb};
use chronos_store::{
    MemoryStore, SqliteReader, Store, Term,
    backup::{
        BackupError, BackupReader, BackupRecord, BackupSummary, BackupWriter, clear, is_empty,
        restore,
    },
    check::{Finding, Severity, unconnected},
    contract::fill,
};
use rusqlite::Connection;

use crate::values::{job, open, put_progress, put_run, put_spec};

const NOW: Timestamp = Timestamp::from_millis(1_773_144_000_000);

async fn filled(folder: &Path, jobs: u64) -> Snapshot {
    let store = open(folder);
    let term = store.begin_term().await.unwrap();
    fill(&store, term, jobs).await;
    store.load(term).await.unwrap()
}

fn back_up(folder: &Path) -> (Vec<u8>, BackupSummary) {
    let mut reader = SqliteReader::open(folder).unwrap();
    let mut writer = BackupWriter::new(Vec::new(), "a test", NOW).unwrap();
    reader.back_up(&mut writer).unwrap();
    writer.finish().unwrap()
}

fn verify(backup: &[u8]) -> Result<BackupSummary, BackupError> {
    BackupReader::new(backup)?.verify()
}

async fn restored(backup: &[u8], history: usize) -> (MemoryStore, Term, Snapshot) {
    let store = MemoryStore::new();
    let term = store.begin_term().await.unwrap();
    let mut reader = BackupReader::new(backup).unwrap();
    restore(&store, term, &mut reader, history).await.unwrap();
    let loaded = store.load(term).await.unwrap();
    (store, term, loaded)
}

// Revisions begin anew.
fn without_revisions(mut snapshot: Snapshot) -> Snapshot {
    for job in &mut snapshot.jobs {
        job.spec_revision = 1;
        job.progress_revision = 1;
    }
    snapshot
}

async fn history(store: &dyn Store, name: &str) -> Vec<(i64, u32)> {
    let query = RunQuery {
        job: job(name),
        before: None,
        limit: 100,
    };
    let runs = store.runs(query).await.unwrap();
    let parts = |run: &chronos_model::Run| (run.key.due.millis(), run.key.attempt);
    runs.iter().map(parts).collect()
}

#[tokio::test]
async fn a_thousand_jobs_come_back_in_another_store() {
    let dir = tempfile::tempdir().unwrap();
    let original = filled(dir.path(), 1000).await;
    // The daemon goes on meanwhile.
    let store = open(dir.path());
    let (backup, summary) = back_up(dir.path());
    assert_eq!(verify(&backup).unwrap(), summary);
    assert_eq!((summary.jobs, summary.ended_runs), (1002, 3001));
    let (other, _, loaded) = restored(&backup, 1000).await;
    assert_eq!(without_revisions(loaded), without_revisions(original));
    for name in ["job 17 #.x", "gone #1", "root"] {
        assert_eq!(history(&other, name).await, history(&store, name).await);
    }
    let first = String::from_utf8(backup).unwrap();
    let first = first.lines().next().unwrap();
    assert!(
        first.ends_with(
            r#" {"kind":"backup","version":1,"createdAt":"2026-03-10T12:00:00.000Z","source":"a test"}"#
        ),
        "{first}"
    );
}

// Small, because each bit of it is flipped in turn.
fn small_backup() -> Vec<u8> {
    let mut writer = BackupWriter::new(Vec::new(), "a test", NOW).unwrap();
    let tomb = Tomb {
        deleted_at: NOW,
        due_max: None,
    };
    let records = [
        BackupRecord::FrameworkId("f".parse().unwrap()),
        BackupRecord::Tomb {
            job: job("a b"),
            tomb,
        },
        BackupRecord::Unreadable(Quarantined {
            key: "job c".to_owned(),
            problem: "ü".to_owned(),
        }),
    ];
    for record in records {
        writer.put(&record).unwrap();
    }
    writer.finish().unwrap().0
}

#[test]
fn every_flipped_bit_and_every_cut_is_seen() {
    let backup = small_backup();
    for at in 0..backup.len() {
        let cut = verify(&backup[..at]).unwrap_err();
        let is_told = matches!(
            cut,
            BackupError::Cut { .. } | BackupError::Damaged { .. } | BackupError::Foreign { .. }
        );
        assert!(is_told, "{at}: {cut}");
        for bit in 0..8 {
            let mut flipped = backup.clone();
            flipped[at] ^= 1 << bit;
            assert!(verify(&flipped).is_err(), "byte {at}, bit {bit}");
        }
    }
    // A line that is gone, twice there, or in another place.
    let lines: Vec<&[u8]> = backup.split_inclusive(|&byte| byte == b'\n').collect();
    for at in 1..lines.len() - 1 {
        let mut gone = lines.clone();
        gone.remove(at);
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        let mut swapped = lines.clone();
        swapped.swap(at, at + 1);
        for changed in [gone, twice, swapped] {
            assert!(verify(&changed.concat()).is_err(), "line {at}");
        }
    }
    let mut more = backup.clone();
    more.extend_from_slice(lines[1]);
    assert!(verify(&more).is_err());
}

#[test]
fn says_what_is_wrong_with_a_file() {
    let check = |file: &[u8], want: &str| {
        let found = verify(file).unwrap_err().to_string();
        assert!(found.starts_with(want), "{found}");
    };
    check(b"", "it is no backup: it is empty");
    check(b"SQLite format 3\0 and so on", "it is no backup: ");
    check(&[0xff, 0xfe, b'\n'], "it is no backup: it is no text");
    check(b"00000000 {}\n", "it is no backup: its checksum is another");
    // As a newer version may write it.
    let newer = br#"{"kind":"backup","version":2}"#;
    let line = |json: &[u8]| {
        let mut sum = crc32fast::Hasher::new();
        sum.update(json);
        sum.update(b"\n");
        [format!("{:08x} ", sum.finalize()).as_bytes(), json, b"\n"].concat()
    };
    check(&line(newer), "it has version 2, and this program knows 1");
    check(&line(b"{}"), "it is no backup: its first line is not that");
    let only = line(br#"{"kind":"backup","version":1}"#);
    check(&only, "it ends after line 1 without its last line");
}

#[tokio::test]
async fn keeps_as_much_history_as_the_other_store_does() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 3).await;
    let (backup, _) = back_up(dir.path());
    let (store, ..) = restored(&backup, 2).await;
    // The newest, whatever their order is.
    assert_eq!(history(&store, "job 2 #.x").await, [(0, 1), (0, 0)]);
}

#[tokio::test]
async fn clears_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30).await;
    let (backup, _) = back_up(dir.path());
    let (store, term, loaded) = restored(&backup, 1000).await;
    assert!(!is_empty(&loaded));
    clear(&store, term, &loaded, NOW).await.unwrap();
    let left = store.load(term).await.unwrap();
    assert!(is_empty(&left), "{left:?}");
    for name in ["job 2 #.x", "gone #1"] {
        assert_eq!(history(&store, name).await, []);
    }
    let mut reader = BackupReader::new(backup.as_slice()).unwrap();
    restore(&store, term, &mut reader, 1000).await.unwrap();
    assert_eq!(store.load(term).await.unwrap(), loaded);
}

const DAMAGE: &str = "
    UPDATE job SET spec = '{' WHERE name = 'broken';
    UPDATE run SET state = 'dreaming' WHERE due_ms = 2;
    UPDATE run SET outcome = 'unheard of' WHERE due_ms = 11;
    UPDATE run SET outcome = 'failed' WHERE due_ms = 3;
    INSERT INTO progress VALUES ('nobody', 1, '{}');
    UPDATE progress SET progress = '{\"next\":{\"index\":1,\"at\":5}}' WHERE job = 'good';
";

#[tokio::test]
async fn a_check_finds_what_is_wrong_and_a_backup_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let term = store.begin_term().await.unwrap();
    for name in ["broken", "good"] {
        let writes = vec![put_spec(name, "true", 0), put_progress(name, 1, 0)];
        store.commit(term, writes).await.unwrap();
    }
    let runs = [2, 3].map(|due| put_run("good", due, RunState::Running));
    store.commit(term, runs.into()).await.unwrap();
    let ended = [10, 11].map(|due| put_run("good", due, RunState::Ended));
    store.commit(term, ended.into()).await.unwrap();
    let check = || SqliteReader::open(dir.path()).unwrap().check().unwrap();
    let strange: Vec<_> = check().into_iter().map(|one| one.severity).collect();
    // The runs were not given by their job, which is all that these tests do wrong.
    assert_eq!(strange, [Severity::Strange; 2]);
    let connection = Connection::open(dir.path().join("chronos.sqlite3")).unwrap();
    connection.execute_batch(DAMAGE).unwrap();
    let found: Vec<String> = check().iter().map(Finding::to_string).collect();
    let want = [
        "damage: job broken: spec: ",
        "damage: job good: its next target 1970-01-01T00:00:00.005Z is none of its schedule",
        "damage: run ct:3:0:good:: it has an end and has not ended",
        "damage: run good 11 0: outcome",
        "damage: run good 2 0: state",
        "strange: progress nobody: there is no such job",
        "strange: run ct:3:0:good:: it is due after the latest that its job has given",
    ];
    assert_eq!(found.len(), want.len(), "{found:#?}");
    for (found, want) in found.iter().zip(want) {
        assert!(found.starts_with(want), "{found}");
    }
    let (backup, summary) = back_up(dir.path());
    assert_eq!((summary.jobs, summary.unreadable), (1, 3));
    let mut reader = BackupReader::new(backup.as_slice()).unwrap();
    let first = reader.next().unwrap();
    assert!(
        matches!(first, Some(BackupRecord::Unreadable(_))),
        "{first:?}"
    );
    let (_, _, loaded) = restored(&backup, 10).await;
    assert_eq!(loaded.jobs.len(), 1);
}

#[tokio::test]
async fn a_damaged_page_is_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 500).await;
    let file = dir.path().join("chronos.sqlite3");
    let mut data = std::fs::read(&file).unwrap();
    // The header of a page in the middle.
    let middle = data.len() / 2 / 4096 * 4096;
    data[middle..middle + 64].fill(0xa5);
    std::fs::write(&file, data).unwrap();
    match SqliteReader::open(dir.path()).unwrap().check() {
        Ok(found) => assert!(found.iter().any(|one| one.severity == Severity::Damage)),
        Err(error) => assert!(error.to_string().contains("malformed"), "{error}"),
    }
}

#[test]
fn finds_jobs_whose_parents_never_let_them_run() {
    let parents = [
        ("a", vec![]),
        ("b", vec!["a"]),
        ("c", vec!["a", "b"]),
        // A ring, and who hangs on it.
        ("d", vec!["e"]),
        ("e", vec!["d"]),
        ("f", vec!["a", "d"]),
    ];
    let parents = parents.map(|(name, parents)| {
        let parents: BTreeSet<_> = parents.into_iter().map(job).collect();
        (job(name), parents)
    });
    let found = unconnected(
        parents
            .iter()
            .map(|(name, parents)| (name, parents))
            .collect(),
    );
    assert_eq!(
        found.into_keys().collect::<Vec<_>>(),
        ["d", "e", "f"].map(job)
    );
    let gone = BTreeSet::from([job("c"), job("a")]);
    let found = unconnected([(&job("b"), &gone)].into());
    assert_eq!(found[&job("b")], "its parents are not there: a, c");
}
