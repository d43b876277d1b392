//! The schedule of a written job.

use serde_json::{Map, Value, json};

use crate::{DstPolicy, JobSchedule, SchedulePart};

/// Puts what was written, in its spelling, and the zone.
pub(super) fn put(schedule: &JobSchedule, put: &mut impl FnMut(&str, Value)) {
    match schedule.parts() {
        [part] if !schedule.is_list() => put(key(part), part.text().into()),
        parts => put("schedules", parts.iter().map(entry).collect()),
    }
    put("scheduleTimeZone", schedule.zone_text().into());
}

/// Puts what Chronos does not have, where it says something.
pub(super) fn put_additions(schedule: &JobSchedule, put: &mut impl FnMut(&str, Value)) {
    if let Some(end) = schedule.end_text() {
        put("endTime", end.into());
    }
    let DstPolicy { gap, overlap } = schedule.dst();
    if schedule.dst() != DstPolicy::default() {
        let policy = json!({"gap": gap.to_string(), "overlap": overlap.to_string()});
        put("dst", policy);
    }
}

fn key(part: &SchedulePart) -> &'static str {
    if part.is_cron() { "cron" } else { "schedule" }
}

// An interval in the job's zone needs no object.
fn entry(part: &SchedulePart) -> Value {
    if !part.is_cron() && part.zone_text().is_empty() {
        return part.text().into();
    }
    let mut fields = Map::new();
    fields.insert(key(part).to_owned(), part.text().into());
    if !part.zone_text().is_empty() {
        fields.insert("scheduleTimeZone".to_owned(), part.zone_text().into());
    }
    fields.into()
}
