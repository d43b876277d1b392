//! Rules on runs: under way, ended, paged and pruned.

use chronos_model::{RunQuery, RunState, Write};

use super::{
    StoreFactory,
    fixture::{Bench, job, key, put_run, put_spec, run},
};
use crate::{RUNS_PER_QUERY_MAX, history_slack};

/// A run is under way until it ends, and then it is history.
pub async fn keeps_active_and_ended_runs_apart(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    for state in RunState::ALL {
        bench.must_commit(vec![put_run("a", 1, 0, state)]).await;
        let ended = state == RunState::Ended;
        let active = bench.load().await.active_runs;
        let history = bench.history("a", 10).await;
        assert_eq!(
            (active.len(), history.len()),
            (usize::from(!ended), usize::from(ended))
        );
        let found = bench.store.run(&key("a", 1, 0)).await;
        assert_eq!(found, Ok(Some(run("a", 1, 0, state))));
    }
    // A record that is written again is replaced, not added.
    bench
        .must_commit(vec![put_run("a", 1, 0, RunState::Ended)])
        .await;
    assert_eq!(bench.history("a", 10).await, [(1, 0)]);
}

/// Ended runs come newest first, by due time and then attempt, page by page, of one job only.
pub async fn pages_history(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    let order = [(3, 1), (3, 0), (2, 2), (2, 1), (2, 0), (-1, 10), (-1, 9)];
    for (due, attempt) in [0, 3, 6, 1, 5, 2, 4].map(|at: usize| order[at]) {
        let writes = ["a", "A", "a b"].map(|name| put_run(name, due, attempt, RunState::Ended));
        bench.must_commit(writes.into()).await;
    }
    bench
        .must_commit(vec![put_run("a", 2, 3, RunState::Running)])
        .await;
    assert_eq!(bench.history("a", 100).await, order);
    assert_eq!(bench.history("a", 0).await, []);
    assert_eq!(bench.history("nobody", 100).await, []);
    for limit in 1..=order.len() {
        let mut before = None;
        let mut seen = Vec::new();
        loop {
            let query = RunQuery {
                job: job("a"),
                before: before.take(),
                limit,
            };
            let page = bench.store.runs(query).await.expect("the store reads");
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            before = Some(last.key.clone());
            seen.extend(
                page.iter()
                    .map(|run| (run.key.due.millis(), run.key.attempt)),
            );
        }
        assert_eq!(seen, order, "pages of {limit}");
    }
    // A page may begin anywhere, also where no run is.
    let query = RunQuery {
        job: job("a"),
        before: Some(key("a", 3, 0)),
        limit: 1,
    };
    let page = bench.store.runs(query).await.expect("the store reads");
    assert_eq!(page, [run("a", 2, 2, RunState::Ended)]);
    assert_eq!(bench.history("a", RUNS_PER_QUERY_MAX * 2).await, order);
}

/// The newest runs of each job stay, and not many more, across restarts too.
pub async fn bounds_history(factory: &mut impl StoreFactory) {
    let keep = factory.history();
    let most = keep + history_slack(keep);
    let count = i64::try_from(4 * keep).expect("rules keep few runs");
    let mut bench = Bench::open(factory).await;
    bench
        .must_commit(vec![put_run("other", 1, 0, RunState::Ended)])
        .await;
    for half in [0..count / 2, count / 2..count] {
        for due in half {
            bench
                .must_commit(vec![put_run("a", due, 0, RunState::Ended)])
                .await;
            let history = bench.history("a", RUNS_PER_QUERY_MAX).await;
            assert!(history.len() <= most, "{} at {due}", history.len());
            let newest: Vec<_> = (0..=due).rev().take(keep).map(|due| (due, 0)).collect();
            assert_eq!(history[..newest.len()], newest, "at {due}");
        }
        bench = bench.reopen(factory).await;
    }
    // An old run that ends late is not newer for that.
    let newest = bench.history("a", keep).await;
    for attempt in 0..10 {
        bench
            .must_commit(vec![put_run("a", -5, attempt, RunState::Ended)])
            .await;
        assert_eq!(bench.history("a", keep).await, newest);
        assert!(bench.history("a", RUNS_PER_QUERY_MAX).await.len() <= most);
    }
    assert_eq!(bench.history("other", 10).await, [(1, 0)]);
}

/// Runs under way are not history: they stay, however old and many.
pub async fn never_prunes_active_runs(factory: &mut impl StoreFactory) {
    let keep = i64::try_from(factory.history()).expect("rules keep few runs");
    let bench = Bench::open(factory).await;
    let active = (0..2 * keep).map(|due| put_run("a", due, 0, RunState::Queued));
    bench.must_commit(active.collect()).await;
    let ended: Vec<Write> = (0..3 * keep)
        .map(|due| put_run("a", 1000 + due, 0, RunState::Ended))
        .collect();
    bench.must_commit(vec![put_spec("a", "one", 0)]).await;
    bench.must_commit(ended).await;
    let runs = bench.load().await.active_runs;
    let due: Vec<i64> = runs.iter().map(|run| run.key.due.millis()).collect();
    let all: Vec<i64> = (0..2 * keep).collect();
    assert_eq!(due, all);
}
