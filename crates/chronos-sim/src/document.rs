//! Job documents of scripts, read as the daemon reads them.

use chronos_model::{JobDefaults, JobKind, JobSpec, Timestamp};
use serde_json::Value;

/// Reads a job; `None` when the API would refuse it, so that it never gets to a scheduler.
pub fn read(document: &Value, wall: Timestamp) -> Option<JobSpec> {
    let read = JobSpec::from_json(document, JobKind::Any, &JobDefaults::default(), wall);
    debug_assert!(read.is_ok(), "{document}: {read:?}");
    read.ok()
}
