//! The jobs that the benches of the scheduler run.
//!
//! Not every bench uses all of them.
#![allow(dead_code, reason = "two benches share it, each uses a part")]

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
fn record(document: &Value) -> JobRecord {
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

/// Forty jobs: ten each hour, twenty each day, five each week, five children of daily ones.
pub(crate) fn forty() -> Snapshot {
    let hourly = (0..10).map(|index| {
        json!({"name": format!("hourly-{index}"), "command": "true", "schedule": format!("R/2030-01-01T00:{:02}:00Z/PT1H", index * 5)})
    });
    let daily = (0..20).map(|index| {
        json!({"name": format!("daily-{index:02}"), "command": "true", "schedule": format!("R/2030-01-01T{index:02}:30:00/P1D"), "scheduleTimeZone": "Europe/Berlin"})
    });
    let weekly = (0..5).map(|index| {
        json!({"name": format!("weekly-{index}"), "command": "true", "schedule": format!("R/2030-01-0{}T03:00:00Z/P1W", index + 1)})
    });
    let children = (0..5).map(|index| {
        json!({"name": format!("child-{index}"), "command": "true", "parents": [format!("daily-{:02}", index * 2), format!("daily-{:02}", index * 2 + 1)]})
    });
    let documents = hourly.chain(daily).chain(weekly).chain(children);
    snapshot(documents.map(|document| record(&document)))
}

fn snapshot(records: impl Iterator<Item = JobRecord>) -> Snapshot {
    let mut jobs: Vec<JobRecord> = records.collect();
    jobs.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
    Snapshot {
        jobs,
        ..Snapshot::default()
    }
}

/// So many jobs that come once a year, and a hundred that come each second.
pub(crate) fn few_of_many(stored: u64) -> Snapshot {
    let idle = (0..stored).map(|index| {
        json!({"name": format!("idle-{index:07}"), "command": "true", "schedule": "R/2030-12-01T00:00:00Z/P1Y"})
    });
    let busy = (0..100).map(|index| {
        json!({"name": format!("busy-{index:03}"), "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1S"})
    });
    snapshot(idle.chain(busy).map(|document| record(&document)))
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

pub(crate) fn forty_daily() -> Snapshot {
    let documents = (0..40).map(|index| {
        json!({"name": format!("daily-{index:02}"), "command": "true", "schedule": format!("R/2030-01-01T{:02}:{:02}:00/P1D", index / 2, index % 2 * 30), "scheduleTimeZone": "Europe/Berlin"})
    });
    snapshot(documents.map(|document| record(&document)))
}
