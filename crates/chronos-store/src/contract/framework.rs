//! Rules on the name that a Mesos master gave to this framework.

use chronos_model::Write;

use super::{
    StoreFactory,
    fixture::{Bench, job, put_framework_id, put_spec},
};
use crate::RecordKey;

/// There is at most one, it is replaced and forgotten, and it goes with the commit that it is in.
pub async fn keeps_one_framework_id(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    let forget = || Write::PutFrameworkId(None);
    assert_eq!(framework_id(&bench).await, None);
    // Forgetting what is not there is no mistake.
    bench.must_commit(vec![forget()]).await;
    bench
        .must_commit(vec![put_spec("a", "one", 0), put_framework_id("first")])
        .await;
    let bench = bench.reopen(factory).await;
    assert_eq!(framework_id(&bench).await.as_deref(), Some("first"));
    bench.must_commit(vec![put_framework_id("second")]).await;
    // With the commit it is refused.
    for id in [put_framework_id("third"), forget()] {
        let refused = vec![id, put_spec("a", "two", 0)];
        bench
            .must_conflict(refused, RecordKey::Spec(job("a")), 1)
            .await;
        assert_eq!(framework_id(&bench).await.as_deref(), Some("second"));
    }
    // One commit, each write seeing those before it.
    let several = vec![forget(), put_framework_id("x"), put_framework_id("last")];
    bench.must_commit(several).await;
    let bench = bench.reopen(factory).await;
    assert_eq!(framework_id(&bench).await.as_deref(), Some("last"));
    bench
        .must_commit(vec![put_framework_id("x"), forget()])
        .await;
    let bench = bench.reopen(factory).await;
    assert_eq!(framework_id(&bench).await, None);
}

async fn framework_id(bench: &Bench) -> Option<String> {
    let loaded = bench.load().await.framework_id;
    loaded.map(|id| id.to_string())
}
