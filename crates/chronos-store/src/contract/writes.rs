//! Rules on what each write does.

use chronos_model::{JobProgress, RunState, Write};

use super::{
    StoreFactory,
    fixture::{
        Bench, delete, delete_calendar, job, key, progress, put_calendar, put_progress, put_run,
        put_spec, run, spec, tomb,
    },
};
use crate::RecordKey;

/// A definition is created at revision 1, replaced at the next, and deleted.
pub async fn creates_replaces_and_deletes(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    assert_eq!(bench.load().await, chronos_model::Snapshot::default());
    bench.must_commit(vec![put_spec("b", "one", 0)]).await;
    bench.must_commit(vec![put_spec("a", "other", 0)]).await;
    bench.must_commit(vec![put_spec("b", "two", 1)]).await;
    let jobs = bench.load().await.jobs;
    let seen: Vec<_> = jobs
        .iter()
        .map(|job| (job.spec.clone(), job.spec_revision))
        .collect();
    assert_eq!(seen, [(spec("a", "other"), 1), (spec("b", "two"), 2)]);
    bench.must_commit(vec![delete("b", 2)]).await;
    assert_eq!(bench.revisions("b").await, (0, 0));
    assert_eq!(bench.revisions("a").await, (1, 0), "the other job stays");
}

/// Definition and progress have revisions of their own.
pub async fn keeps_progress_apart(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    bench.must_commit(vec![put_spec("a", "one", 0)]).await;
    let loaded = bench.load().await.jobs;
    assert_eq!(
        (&loaded[0].progress, loaded[0].progress_revision),
        (&JobProgress::default(), 0),
        "a definition without progress has the default one"
    );
    bench.must_commit(vec![put_progress("a", 1, 0)]).await;
    bench.must_commit(vec![put_progress("a", 2, 1)]).await;
    bench.must_commit(vec![put_spec("a", "two", 1)]).await;
    bench.must_commit(vec![put_progress("a", 3, 2)]).await;
    let loaded = bench.load().await.jobs;
    assert_eq!(bench.revisions("a").await, (2, 3));
    assert_eq!(loaded[0].progress, progress(3));
    assert_eq!(loaded[0].spec, spec("a", "two"));
}

/// Progress is refused where there is no definition, also where there was one.
pub async fn refuses_progress_without_a_definition(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    let missing = RecordKey::Spec(job("a"));
    let writes = vec![put_progress("a", 1, 0)];
    bench
        .must_conflict(writes.clone(), missing.clone(), 0)
        .await;
    let created = vec![put_spec("a", "one", 0), put_progress("a", 1, 0)];
    bench.must_commit(created.clone()).await;
    bench.must_commit(vec![delete("a", 1)]).await;
    bench.must_conflict(writes, missing, 0).await;
    let late = vec![put_progress("a", 2, 1)];
    let gone = RecordKey::Progress(job("a"));
    bench.must_conflict(late, gone, 0).await;
    // Nothing of the deleted job is in the way of the next one.
    bench.must_commit(created).await;
    assert_eq!(bench.revisions("a").await, (1, 1));
}

/// Each write that expects another revision is refused, and the refusal names the record.
pub async fn names_the_record_in_conflict(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    let spec = || RecordKey::Spec(job("a"));
    let progress = || RecordKey::Progress(job("a"));
    let absent = [put_spec("a", "x", 1), delete("a", 1)];
    for write in absent {
        bench.must_conflict(vec![write], spec(), 0).await;
    }
    bench
        .must_conflict(vec![put_progress("a", 1, 1)], progress(), 0)
        .await;
    bench
        .must_commit(vec![put_spec("a", "one", 0), put_progress("a", 1, 0)])
        .await;
    for expected in [0, 2, u64::MAX] {
        let write = put_spec("a", "x", expected);
        bench.must_conflict(vec![write], spec(), 1).await;
        let write = put_progress("a", 9, expected);
        bench.must_conflict(vec![write], progress(), 1).await;
        bench
            .must_conflict(vec![delete("a", expected)], spec(), 1)
            .await;
    }
    let forget = Write::Forget { job: job("a") };
    bench.must_conflict(vec![forget], spec(), 1).await;
    assert_eq!(bench.revisions("a").await, (1, 1), "nothing was written");
    assert!(bench.load().await.tombs.is_empty());
}

/// A commit with one write that is refused changes nothing, whatever came before it.
pub async fn applies_all_or_nothing(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    bench
        .must_commit(vec![
            put_spec("a", "one", 0),
            put_progress("a", 1, 0),
            put_run("a", 1, 0, RunState::Running),
            put_spec("gone", "one", 0),
            put_run("gone", 1, 0, RunState::Ended),
            delete("gone", 1),
            put_calendar("kept", 1),
            put_calendar("deleted", 1),
        ])
        .await;
    let before = bench.load().await;
    let refused = vec![
        put_spec("new", "one", 0),
        put_spec("a", "two", 1),
        put_progress("a", 2, 1),
        put_run("a", 1, 0, RunState::Ended),
        put_run("a", 2, 0, RunState::Queued),
        Write::Forget { job: job("gone") },
        delete("a", 2),
        put_spec("gone", "again", 0),
        put_calendar("new", 1),
        put_calendar("kept", 2),
        delete_calendar("deleted"),
        put_spec("new", "again", 0),
    ];
    let culprit = RecordKey::Spec(job("new"));
    bench.must_conflict(refused, culprit, 1).await;
    assert_eq!(bench.load().await, before);
    assert_eq!(bench.history("a", 10).await, []);
    assert_eq!(bench.history("gone", 10).await, [(1, 0)]);
    let bench = bench.reopen(factory).await;
    assert_eq!(bench.load().await, before);
}

/// Within a commit each write finds what those before it left.
pub async fn lets_writes_see_those_before(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    bench
        .must_commit(vec![
            put_spec("a", "one", 0),
            put_spec("a", "two", 1),
            put_progress("a", 1, 0),
            put_progress("a", 2, 1),
            put_run("a", 1, 0, RunState::Starting),
            put_run("a", 1, 0, RunState::Ended),
        ])
        .await;
    assert_eq!(bench.revisions("a").await, (2, 2));
    assert_eq!(bench.load().await.active_runs, []);
    bench
        .must_commit(vec![
            delete("a", 2),
            put_spec("a", "three", 0),
            put_progress("a", 3, 0),
        ])
        .await;
    assert_eq!(bench.revisions("a").await, (1, 1));
    assert!(bench.load().await.tombs.is_empty());
}

/// A deleted job leaves a tomb and its runs; a new job of the name removes the tomb only.
pub async fn leaves_a_tomb(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    bench
        .must_commit(vec![
            put_spec("a", "one", 0),
            put_progress("a", 1, 0),
            put_run("a", 1, 0, RunState::Ended),
            put_run("a", 2, 0, RunState::Running),
        ])
        .await;
    bench.must_commit(vec![delete("a", 1)]).await;
    let bench = bench.reopen(factory).await;
    let loaded = bench.load().await;
    assert_eq!(loaded.jobs, []);
    assert_eq!(loaded.tombs, [(job("a"), tomb(7))].into());
    assert_eq!(loaded.active_runs, [run("a", 2, 0, RunState::Running)]);
    // The run that was under way ends like any other.
    bench
        .must_commit(vec![put_run("a", 2, 0, RunState::Ended)])
        .await;
    bench.must_commit(vec![put_spec("a", "again", 0)]).await;
    let loaded = bench.load().await;
    assert!(loaded.tombs.is_empty());
    assert_eq!(bench.revisions("a").await, (1, 0), "it begins anew");
    assert_eq!(bench.history("a", 10).await, [(2, 0), (1, 0)]);
}

/// Forgetting removes tomb and ended runs, keeps what is under way, and may be repeated.
pub async fn forgets(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    for name in ["a", "ab"] {
        bench
            .must_commit(vec![
                put_spec(name, "one", 0),
                put_run(name, 1, 0, RunState::Ended),
                put_run(name, 2, 0, RunState::Queued),
                delete(name, 1),
            ])
            .await;
    }
    let forget = || vec![Write::Forget { job: job("a") }];
    bench.must_commit(forget()).await;
    bench.must_commit(forget()).await;
    let loaded = bench.load().await;
    assert_eq!(loaded.tombs, [(job("ab"), tomb(7))].into());
    assert_eq!(loaded.active_runs.len(), 2);
    assert_eq!(bench.history("a", 10).await, []);
    assert_eq!(bench.history("ab", 10).await, [(1, 0)]);
    assert_eq!(bench.store.run(&key("a", 1, 0)).await, Ok(None));
}
