//! Rules on calendars.

use chronos_model::{Calendar, RunState};

use super::{
    StoreFactory,
    fixture::{Bench, calendar, delete_calendar, put_calendar, put_run, put_spec},
};

/// A calendar is created, replaced and deleted by its name; jobs of that name are another matter.
pub async fn puts_replaces_and_deletes_calendars(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    bench.must_commit(vec![put_calendar("b", 1)]).await;
    bench
        .must_commit(vec![
            put_calendar("a", 2),
            put_spec("a", "one", 0),
            put_run("a", 1, 0, RunState::Queued),
            put_calendar("c", 3),
        ])
        .await;
    bench.must_commit(vec![put_calendar("b", 4)]).await;
    bench.must_commit(vec![delete_calendar("c")]).await;
    let bench = bench.reopen(factory).await;
    let found = calendars(&bench).await;
    assert_eq!(found, [calendar("a", 2), calendar("b", 4)]);
    // Deleting what is not there is no mistake.
    for _ in 0..2 {
        bench.must_commit(vec![delete_calendar("a")]).await;
        assert_eq!(calendars(&bench).await, [calendar("b", 4)]);
    }
    assert_eq!(bench.revisions("a").await, (1, 0), "the job stays");
    // One commit, each write seeing those before it.
    bench
        .must_commit(vec![
            put_calendar("d", 1),
            put_calendar("d", 2),
            delete_calendar("b"),
            put_calendar("b", 5),
            put_calendar("e", 1),
            delete_calendar("e"),
        ])
        .await;
    let bench = bench.reopen(factory).await;
    let found = calendars(&bench).await;
    assert_eq!(found, [calendar("b", 5), calendar("d", 2)]);
}

async fn calendars(bench: &Bench) -> Vec<Calendar> {
    let loaded = bench.load().await.calendars;
    loaded.iter().map(|found| Calendar::clone(found)).collect()
}
