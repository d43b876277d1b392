//! What the memory store adds to the contract: delays.

use std::task::Poll;

use chronos_model::RunState;
use chronos_store::{CommitError, MemoryStore, Store, StoreError, StoreHealth};
use tokio::sync::oneshot;

use crate::values::{put_run, put_spec};

async fn is_pending(answer: &mut (impl Future + Unpin)) -> bool {
    std::future::poll_fn(|context| {
        let answer = std::pin::Pin::new(&mut *answer);
        Poll::Ready(answer.poll(context).is_pending())
    })
    .await
}

#[tokio::test]
async fn holds_commits_until_they_are_released() {
    let store = MemoryStore::new();
    let term = store.begin_term().await.unwrap();
    store.hold();
    let mut first = store.commit(term, vec![put_spec("a", "one", 0)]);
    let mut second = store.commit(term, vec![put_spec("a", "two", 1)]);
    assert!(is_pending(&mut first).await);
    assert_eq!(store.health().waiting, 2);
    assert!(store.release_one());
    assert_eq!(first.await, Ok(()));
    assert!(is_pending(&mut second).await);
    // A load of the same term waits for what was called before it.
    let (loaded, waiting) = oneshot::channel();
    let clone = store.clone();
    let loading = tokio::spawn(async move { drop(loaded.send(clone.load(term).await)) });
    // On one thread the other task has run as far as it can once this one yields.
    tokio::task::yield_now().await;
    assert_eq!(store.health().waiting, 2, "one commit and the load");
    store.release();
    loading.await.unwrap();
    let jobs = waiting.await.unwrap().unwrap().jobs;
    assert_eq!(jobs[0].spec_revision, 2);
    assert_eq!(second.await, Ok(()));
    assert!(!store.release_one());
    assert_eq!(store.commit(term, Vec::new()).await, Ok(()));
}

#[tokio::test]
async fn fences_what_is_held() {
    let store = MemoryStore::new();
    let old = store.begin_term().await.unwrap();
    store.hold();
    let held = store.commit(old, vec![put_spec("a", "one", 0)]);
    let new = store.begin_term().await.unwrap();
    assert_eq!(store.load(new).await.unwrap().jobs, []);
    store.release();
    assert_eq!(held.await, Err(CommitError::Fenced));
    assert_eq!(store.load(new).await.unwrap().jobs, []);
}

#[tokio::test]
async fn loses_what_is_held() {
    let store = MemoryStore::new();
    let term = store.begin_term().await.unwrap();
    store.hold();
    let held = store.commit(term, vec![put_run("a", 1, RunState::Queued)]);
    store.drop_held();
    let error = held.await.unwrap_err();
    assert!(matches!(error, CommitError::Unknown { .. }), "{error:?}");
    store.release();
    assert_eq!(store.load(term).await.unwrap().active_runs, []);
}

#[tokio::test]
async fn has_outages() {
    let store = MemoryStore::new();
    let term = store.begin_term().await.unwrap();
    store.begin_outage("no network");
    let problem = || "no network".to_owned();
    let unavailable = StoreError::Unavailable { problem: problem() };
    assert_eq!(store.begin_term().await, Err(unavailable.clone()));
    assert_eq!(store.load(term).await, Err(unavailable));
    let write = vec![put_spec("a", "one", 0)];
    assert_eq!(
        store.commit(term, write.clone()).await,
        Err(CommitError::Unavailable { problem: problem() })
    );
    assert_eq!(store.health().problem, Some(problem()));
    store.end_outage();
    assert_eq!(store.health(), StoreHealth::default());
    assert_eq!(store.commit(term, write).await, Ok(()));
}
