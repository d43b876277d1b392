//! Faults on demand: what each leaves behind.

use chronos_store::{CommitError, Fault, MemoryStore, Store};

use crate::values::put_spec;

async fn check(fault: Fault, unknown: bool, written: bool) {
    let store = MemoryStore::new();
    let term = store.begin_term().await.unwrap();
    store.fail_next(fault);
    let write = vec![put_spec("a", "one", 0)];
    let error = store.commit(term, write).await.unwrap_err();
    assert_eq!(
        matches!(error, CommitError::Unknown { .. }),
        unknown,
        "{fault:?}"
    );
    let jobs = store.load(term).await.unwrap().jobs;
    assert_eq!(jobs.len(), usize::from(written), "{fault:?}");
    // It was that commit only.
    let revision = u64::from(written);
    let write = vec![put_spec("a", "two", revision)];
    assert_eq!(store.commit(term, write).await, Ok(()), "{fault:?}");
}

#[tokio::test]
async fn leaves_behind_what_it_says() {
    check(Fault::Unavailable, false, false).await;
    check(Fault::UnknownLost, true, false).await;
    check(Fault::UnknownWritten, true, true).await;
}

#[tokio::test]
async fn refuses_before_it_is_ambiguous() {
    let store = MemoryStore::new();
    let old = store.begin_term().await.unwrap();
    let term = store.begin_term().await.unwrap();
    store.fail_next(Fault::UnknownWritten);
    // An old leader is told so, and the fault waits for a commit that could have been written.
    assert_eq!(
        store.commit(old, Vec::new()).await,
        Err(CommitError::Fenced)
    );
    let error = store.commit(term, Vec::new()).await.unwrap_err();
    assert!(matches!(error, CommitError::Unknown { .. }), "{error:?}");
    assert_eq!(store.commit(term, Vec::new()).await, Ok(()));
}
