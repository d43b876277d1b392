//! The jobs that the benches of the scheduler run.

use std::sync::Arc;

use chronos_model::{JobDefaults, JobKind, JobProgress, JobRecord, JobSpec, Snapshot, Timestamp};
use serde_json::{Value, json};

pub(crate) const NEW_YEAR: i64 = 1_893_456_000_000;
pub(crate) const SECOND: i64 = 1000;

pub(crate) fn spec(document: &Value) -> JobSpec {
    let now = Timestamp::from_millis(NEW_YEAR);
    JobSpec::from_json(document, JobKind::Any, &JobDefaults::default(), now).expect("a valid job")
}

/// What a store holds of a new job.
pub(crate) fn record(document: &Value) -> JobRecord {
    let spec = Arc::new(spec(document));
    let created = Timestamp::from_millis(NEW_YEAR - SECOND);
    let targets = spec
        .schedule()
        .map(|schedule| schedule.targets(created).expect("targets"));
    let progress = JobProgress {
        created_at: created,
        anchor: created,
        next: targets.and_then(|targets| targets.after(created)),
        ..JobProgress::default()
    };
    JobRecord {
        spec,
        spec_revision: 1,
        progress,
        progress_revision: 1,
    }
}

/// A day of seconds, so that no two of the first 86,400 come at once, and a daily job comes once in each.
fn daily(index: u64) -> String {
    let second = index % 86_400;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("R/2030-01-01T{hour:02}:{minute:02}:{second:02}Z/P1D")
}

pub(crate) fn snapshot(records: impl Iterator<Item = JobRecord>) -> Snapshot {
    let mut jobs: Vec<JobRecord> = records.collect();
    jobs.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
    Snapshot {
        jobs,
        ..Snapshot::default()
    }
}

/// So many jobs that come once a day, each at a time of its own.
pub(crate) fn all_in_turn(stored: u64) -> Snapshot {
    let jobs = (0..stored).map(|index| {
        // Neighbours in time are far apart by name.
        let name = index.wrapping_mul(2_654_435_761) % 10_000_000_000;
        json!({"name": format!("job-{name:010}-{index}"), "command": "true", "schedule": daily(index)})
    });
    snapshot(jobs.map(|document| record(&document)))
}
