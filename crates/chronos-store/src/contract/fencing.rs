//! Rules on terms.

use chronos_model::{RunState, Write};

use super::{
    StoreFactory,
    fixture::{
        Bench, delete, delete_calendar, job, put_calendar, put_framework_id, put_progress, put_run,
        put_spec,
    },
};
use crate::{CommitError, StoreError};

/// Once a new term began, the older one can do nothing at all.
pub async fn fences_older_terms(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    bench
        .must_commit(vec![
            put_spec("a", "one", 0),
            put_progress("a", 1, 0),
            put_run("a", 1, 0, RunState::Running),
            delete("gone", 0),
            put_calendar("kept", 1),
            put_framework_id("kept"),
        ])
        .await;
    let old = bench.term;
    let before = bench.load().await;
    let new = bench.store.begin_term().await.expect("a term begins");
    assert!(new > old);
    let each = [
        put_spec("b", "one", 0),
        put_spec("a", "two", 1),
        // Also what would be refused in any term.
        put_spec("a", "two", 9),
        put_progress("a", 2, 1),
        put_run("a", 1, 0, RunState::Ended),
        put_run("a", 2, 0, RunState::Queued),
        delete("a", 1),
        Write::Forget { job: job("gone") },
        put_calendar("kept", 2),
        put_calendar("new", 1),
        delete_calendar("kept"),
        put_framework_id("new"),
        Write::PutFrameworkId(None),
    ];
    for write in each {
        let result = bench.store.commit(old, vec![write.clone()]).await;
        assert_eq!(result, Err(CommitError::Fenced), "{write:?}");
    }
    assert_eq!(bench.store.load(old).await, Err(StoreError::Fenced));
    assert_eq!(bench.store.load(new).await, Ok(before));
    let write = vec![put_spec("a", "two", 1)];
    assert_eq!(bench.store.commit(new, write).await, Ok(()));
}

/// A commit without writes asks whether the term still holds.
pub async fn checks_the_term_of_an_empty_commit(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    assert_eq!(bench.commit(Vec::new()).await, Ok(()));
    let new = bench.store.begin_term().await.expect("a term begins");
    assert_eq!(bench.commit(Vec::new()).await, Err(CommitError::Fenced));
    assert_eq!(bench.store.commit(new, Vec::new()).await, Ok(()));
    // A term that was never given is none either.
    let never = bench.store.commit(new.next(), Vec::new()).await;
    assert_eq!(never, Err(CommitError::Fenced));
}

/// A term does not outlive a restart as the newest one: its number is never given again.
pub async fn starts_later_terms_after_a_restart(factory: &mut impl StoreFactory) {
    let mut bench = Bench::open(factory).await;
    for _ in 0..3 {
        let old = bench.term;
        bench = bench.reopen(factory).await;
        assert!(bench.term > old);
        let fenced = bench.store.commit(old, Vec::new()).await;
        assert_eq!(fenced, Err(CommitError::Fenced));
    }
}
