//! A disk that refuses writes for a while: honest answers, and no restart to recover.
//!
//! The disk is played by the limit on the size of files, which only another process can have without
//! hurting the other tests.

use std::sync::{Arc, atomic::AtomicBool};

use chronos_store::{CommitError, Store};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::values::{open, other_process, put_spec, told_folder};

fn limit_file_size(most: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    let limit = Rlimit {
        current: most,
        maximum,
    };
    setrlimit(Resource::Fsize, limit).unwrap();
}

/// What a page takes in the log: the page and its header.
const FRAME_BYTES: u64 = 4096 + 24;

const fn is_unavailable(result: &Result<(), CommitError>) -> bool {
    matches!(result, Err(CommitError::Unavailable { .. }))
}

/// The other process, in which the disk refuses writes.
#[tokio::test]
async fn starved_process() {
    let Some(folder) = told_folder() else { return };
    // The refusal comes with a signal that would end the process.
    let signal = signal_hook::consts::SIGXFSZ;
    signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false))).unwrap();
    let store = open(&folder);
    let term = store.begin_term().await.unwrap();
    store
        .commit(term, vec![put_spec("a", "one", 0)])
        .await
        .unwrap();
    let log = folder.join("chronos.sqlite3-wal");
    let room = |bytes| limit_file_size(Some(log.metadata().unwrap().len() + bytes));

    // Room for one page, so that a part of the commit reaches the disk, and can be written over.
    room(FRAME_BYTES);
    let undone = store.commit(term, vec![put_spec("b", "lost", 0)]).await;
    assert!(is_unavailable(&undone), "{undone:?}");
    assert_eq!(store.load(term).await.unwrap().jobs.len(), 1);

    // No room to write over what may have reached the disk.
    room(FRAME_BYTES / 2);
    let lost = store.commit(term, vec![put_spec("b", "lost", 0)]).await;
    assert!(matches!(lost, Err(CommitError::Unknown { .. })), "{lost:?}");
    // What follows is not even tried.
    let later = store.commit(term, vec![put_spec("c", "later", 0)]).await;
    assert!(is_unavailable(&later), "{later:?}");
    assert!(store.load(term).await.is_err(), "nobody can tell yet");
    assert!(store.health().problem.is_some());

    limit_file_size(None);
    let jobs = store.load(term).await.unwrap().jobs;
    let names: Vec<_> = jobs.iter().map(|job| job.spec.name.as_str()).collect();
    assert_eq!(names, ["a"]);
    assert_eq!(store.health().problem, None);
    let later = store.commit(term, vec![put_spec("c", "later", 0)]).await;
    assert_eq!(later, Ok(()));
}

#[tokio::test]
async fn recovers_from_a_disk_that_refused_writes() {
    let dir = tempfile::tempdir().unwrap();
    let child = other_process("write_error::starved_process", dir.path()).output();
    let child = child.unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{text}");
    let store = open(dir.path());
    let term = store.begin_term().await.unwrap();
    let jobs = store.load(term).await.unwrap().jobs;
    let names: Vec<_> = jobs.iter().map(|job| job.spec.name.as_str()).collect();
    assert_eq!(names, ["a", "c"]);
}
