//! Rules on commits that are under way together, and on what is there afterwards.

use chronos_model::RunState;

use super::{
    StoreFactory,
    fixture::{Bench, job, put_progress, put_run, put_spec},
};
use crate::{CommitError, RecordKey};

/// How many commits are under way at once: more than one group of any store.
const PIPELINED: u64 = 1500;

/// Commits are applied in the order of the calls, whoever waits for which first.
pub async fn keeps_the_order_of_calls(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    // Each expects what the one before it leaves, so any other order is a conflict.
    let mut answers = vec![
        bench
            .store
            .commit(bench.term, vec![put_spec("a", "one", 0)]),
    ];
    for revision in 0..PIPELINED {
        let write = put_progress("a", revision + 1, revision);
        answers.push(bench.store.commit(bench.term, vec![write]));
    }
    while let Some(answer) = answers.pop() {
        assert_eq!(answer.await, Ok(()), "{} before it", answers.len());
    }
    let loaded = bench.load().await.jobs;
    assert_eq!(loaded[0].progress_revision, PIPELINED);
    assert_eq!(loaded[0].progress.completed, PIPELINED);
}

/// A commit takes its place when it is called; not waiting for the answer withdraws nothing.
pub async fn carries_out_what_nobody_waits_for(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    drop(
        bench
            .store
            .commit(bench.term, vec![put_spec("a", "one", 0)]),
    );
    bench.must_commit(vec![put_spec("a", "two", 1)]).await;
    drop(
        bench
            .store
            .commit(bench.term, vec![put_spec("a", "three", 2)]),
    );
    assert_eq!(bench.revisions("a").await.0, 3);
}

/// A refused commit hurts none of those that are under way with it.
pub async fn spares_the_neighbours_of_a_refused_commit(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    bench.must_commit(vec![put_spec("a", "one", 0)]).await;
    let mut answers = Vec::new();
    for number in 0..PIPELINED {
        let name = format!("job {number}");
        let mut writes = vec![put_spec(&name, "one", 0)];
        if number % 3 == 1 {
            writes.push(put_spec("a", "again", 0));
        }
        answers.push(bench.store.commit(bench.term, writes));
    }
    for (number, answer) in (0..PIPELINED).zip(answers) {
        let conflict = CommitError::Conflict {
            key: RecordKey::Spec(job("a")),
            expected: 0,
            found: 1,
        };
        let want = if number % 3 == 1 {
            Err(conflict)
        } else {
            Ok(())
        };
        assert_eq!(answer.await, want, "commit {number}");
    }
    let bench = bench.reopen(factory).await;
    let jobs = u64::try_from(bench.load().await.jobs.len()).expect("they are few");
    assert_eq!(jobs, 1 + PIPELINED - PIPELINED / 3);
}

/// A load sees all that was called before it, answered or not.
pub async fn loads_what_was_called_before(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    for round in 1..=20_u64 {
        let number = i64::try_from(round).expect("it is small");
        let run = put_run("a", number, 0, RunState::Queued);
        let answer = bench.store.commit(bench.term, vec![run]);
        let runs = bench.load().await.active_runs;
        assert_eq!(u64::try_from(runs.len()), Ok(round));
        assert_eq!(answer.await, Ok(()));
    }
}

/// What was acknowledged is there after a restart, all of it and nothing else.
pub async fn keeps_what_it_acknowledged(factory: &mut impl StoreFactory) {
    let mut bench = Bench::open(factory).await;
    for round in 0..4_u64 {
        let number = i64::try_from(round).expect("it is small");
        let name = format!("job {round}");
        bench
            .must_commit(vec![
                put_spec(&name, "one", 0),
                put_progress(&name, 1, 0),
                put_run(&name, 1, 0, RunState::Running),
                put_run("job 0", 10 + number, 0, RunState::Ended),
            ])
            .await;
        let before = bench.load().await;
        let history = bench.history("job 0", 10).await;
        bench = bench.reopen(factory).await;
        assert_eq!(bench.load().await, before);
        assert_eq!(bench.history("job 0", 10).await, history);
        assert_eq!(before.jobs.len(), history.len());
    }
}
