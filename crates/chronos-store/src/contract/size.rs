//! Rules on large values and large numbers.

use std::sync::Arc;

use chronos_model::{Calendar, Generation, JobName, Lineage, RunState, Write};
use serde_json::json;

use super::{
    StoreFactory,
    fixture::{Bench, job, key, progress, put_progress, put_spec, run},
};
use crate::{COMMIT_BYTES_MAX, CommitError, RecordKey, VALUE_BYTES_MAX, WRITE_OVERHEAD_BYTES};

/// A value over the bound is refused before anything is written; one just under it is stored.
pub async fn refuses_large_values(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    bench.must_commit(vec![put_spec("a", "one", 0)]).await;
    let large = [
        (
            put_spec("a", &text(VALUE_BYTES_MAX), 1),
            RecordKey::Spec(job("a")),
        ),
        (parents(3000), RecordKey::Progress(job("a"))),
        (reason(VALUE_BYTES_MAX), RecordKey::Run(key("a", 1, 0))),
        (
            described_calendar(90_000),
            RecordKey::Calendar("c".parse().expect("it is valid")),
        ),
        (parents_of_run(15_000), RecordKey::Run(key("a", 2, 0))),
    ];
    for (write, key) in large {
        // The bound comes first: the same answer, whatever else is wrong.
        match bench.commit(vec![put_spec("b", "one", 9), write]).await {
            Err(CommitError::TooLarge {
                key: Some(named),
                len,
                max: VALUE_BYTES_MAX,
            }) => {
                assert_eq!(named, key);
                assert!(len > VALUE_BYTES_MAX, "{len}");
            }
            other => panic!("expected that {key} is too large, found {other:?}"),
        }
    }
    assert_eq!(bench.revisions("a").await, (1, 0));
    let below = VALUE_BYTES_MAX - 4096;
    // The longest command that the model reads back.
    let command = chronos_model::limits::TEXT_LEN_MAX;
    for write in [
        put_spec("a", &text(command), 1),
        parents(2500),
        reason(below),
        parents_of_run(12_000),
        described_calendar(80_000),
    ] {
        bench.must_commit(vec![write]).await;
    }
    let bench = bench.reopen(factory).await;
    let loaded = bench.load().await;
    assert_eq!(loaded.quarantined, []);
    assert_eq!(loaded.calendars.len(), 1);
    assert_eq!(loaded.jobs[0].spec.command.len(), command);
    assert_eq!(loaded.jobs[0].progress.links.consumed.len(), 2500);
    assert_eq!(
        loaded.active_runs[0].reason.as_ref().map(String::len),
        Some(below)
    );
    let parents = loaded.active_runs[1].parents.as_ref();
    assert_eq!(parents.map(|parents| parents.runs.len()), Some(12_000));
}

fn text(len: usize) -> String {
    "x".repeat(len)
}

fn parents(count: u32) -> Write {
    let name = |number| format!("{number:0>190}").parse().expect("it is valid");
    let mut progress = progress(1);
    progress.links.consumed = (0..count).map(|number| (name(number), 1)).collect();
    Write::PutProgress {
        job: job("a"),
        progress: Arc::new(progress),
        expected: 0,
    }
}

fn reason(len: usize) -> Write {
    let mut run = run("a", 1, 0, RunState::Queued);
    run.reason = Some(text(len));
    Write::PutRun(Arc::new(run))
}

// Each character of it takes six bytes in JSON.
fn described_calendar(len: usize) -> Write {
    let json = json!({
        "name": "c",
        "dates": ["2030-01-01"],
        "description": "\u{1}".repeat(len),
    });
    let calendar = Calendar::from_json(&json).expect("the calendar is valid");
    Write::PutCalendar(Arc::new(calendar))
}

fn parents_of_run(count: i64) -> Write {
    let mut run = run("a", 2, 0, RunState::Queued);
    run.parents = Some(Box::new(Generation {
        runs: (0..count).map(|due| key("parent", due, 0)).collect(),
        lineage: Lineage::new(),
    }));
    Write::PutRun(Arc::new(run))
}

/// A commit over the bound is refused as a whole, for its bytes or for its number of writes.
pub async fn refuses_large_commits(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    let half = "x".repeat(COMMIT_BYTES_MAX / 2);
    let few_but_large = vec![put_spec("a", &half, 0), put_spec("b", &half, 0)];
    let most = COMMIT_BYTES_MAX / WRITE_OVERHEAD_BYTES;
    let forget = |number| Write::Forget {
        job: format!("{number}").parse::<JobName>().expect("it is valid"),
    };
    let many_but_small: Vec<Write> = (0..=most).map(forget).collect();
    for writes in [few_but_large, many_but_small] {
        match bench.commit(writes).await {
            Err(CommitError::TooLarge {
                key: None,
                len,
                max: COMMIT_BYTES_MAX,
            }) => assert!(len > COMMIT_BYTES_MAX, "{len}"),
            other => panic!("expected that the commit is too large, found {other:?}"),
        }
    }
    assert_eq!(bench.load().await, chronos_model::Snapshot::default());
    bench.must_commit((0..most).map(forget).collect()).await;
}

/// A number of jobs is only a number.
pub async fn loads_many_jobs(factory: &mut impl StoreFactory) {
    const JOBS: usize = 3000;
    let bench = Bench::open(factory).await;
    let mut answers = Vec::new();
    for number in 0..JOBS {
        let name = format!("job {number:05}");
        let writes = vec![put_spec(&name, "one", 0), put_progress(&name, 1, 0)];
        answers.push(bench.store.commit(bench.term, writes));
    }
    for answer in answers {
        assert_eq!(answer.await, Ok(()));
    }
    let bench = bench.reopen(factory).await;
    let loaded = bench.load().await;
    assert_eq!(loaded.jobs.len(), JOBS);
    assert!(loaded.jobs.is_sorted_by(|a, b| a.spec.name < b.spec.name));
    assert!(loaded.quarantined.is_empty());
}
