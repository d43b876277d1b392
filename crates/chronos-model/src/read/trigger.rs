//! What makes a job run: its schedule or its parents.

use serde_json::Value;

use super::{
    JobKind, Origin,
    field::{self, Object, Path},
};
use crate::{
    JobName, JobSchedule, JobScheduleError, Trigger,
    limits::{SCHEDULE_LEN_MAX, ZONE_LEN_MAX},
    problem::Problems,
};

/// Reads the trigger for the endpoint (or file) that the document came by.
pub(super) fn read(
    job: &Object<'_>,
    origin: &Origin<'_>,
    name: Option<&JobName>,
    problems: &mut Problems,
) -> Option<Trigger> {
    match origin.kind {
        JobKind::Dependent => parents(job, name, problems),
        JobKind::Any if job.get("parents").is_some() => parents(job, name, problems),
        JobKind::Any if job.get("schedule").is_none() => {
            once(job, origin, problems).map(Trigger::Schedule)
        }
        JobKind::Any => schedule(job, origin, problems).map(Trigger::Schedule),
        JobKind::Scheduled => {
            let parents = job.get("parents");
            if parents.is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty())) {
                problems.add(
                    job.at("parents"),
                    "a scheduled job has no parents; leave them out, or post the job as a dependent one",
                );
            }
            // Chronos 3 runs such a job once, now, and so do its clients expect.
            let read = if job.get("schedule").is_none() {
                once
            } else {
                schedule
            };
            read(job, origin, problems).map(Trigger::Schedule)
        }
    }
}

fn parents(job: &Object<'_>, name: Option<&JobName>, problems: &mut Problems) -> Option<Trigger> {
    const HINT: &str = "name at least one parent, such as [\"extract\"]";
    if job.get("parents").is_none() {
        problems.add(job.at("parents"), format_args!("is missing; {HINT}"));
        return None;
    }
    let listed = job.get("parents").and_then(Value::as_array);
    if listed.is_some_and(|parents| parents.iter().all(Value::is_null)) {
        problems.add(job.at("parents"), format_args!("is empty; {HINT}"));
    }
    let parents = job.each("parents", problems, |value, path, problems| {
        parent(value, path, name, problems)
    });
    let parents = parents.into_iter().collect();
    Some(Trigger::Parents(parents))
}

fn parent(
    value: &Value,
    path: Path<'_>,
    name: Option<&JobName>,
    problems: &mut Problems,
) -> Option<JobName> {
    let parent = field::text(value)
        .and_then(|text| text.parse::<JobName>().map_err(|error| error.to_string()))
        .map_err(|problem| problems.add(path, problem))
        .ok()?;
    if Some(&parent) == name {
        problems.add(path, "is the job itself, which would never run");
    }
    Some(parent)
}

fn schedule(job: &Object<'_>, origin: &Origin<'_>, problems: &mut Problems) -> Option<JobSchedule> {
    let zone = zone(job, problems);
    let text = bounded_text(job, "schedule", SCHEDULE_LEN_MAX, problems)?;
    check(job, origin, &text, &zone?, problems)
}

// What Chronos 3 makes of a job with neither schedule nor parents.
fn once(job: &Object<'_>, origin: &Origin<'_>, problems: &mut Problems) -> Option<JobSchedule> {
    let zone = zone(job, problems)?;
    check(
        job,
        origin,
        &format!("R1/{}/PT24H", origin.now),
        &zone,
        problems,
    )
}

// Empty for none.
fn zone(job: &Object<'_>, problems: &mut Problems) -> Option<String> {
    match job.get("scheduleTimeZone") {
        Some(_) => bounded_text(job, "scheduleTimeZone", ZONE_LEN_MAX, problems),
        None => Some(String::new()),
    }
}

fn bounded_text(
    job: &Object<'_>,
    key: &str,
    len_max: usize,
    problems: &mut Problems,
) -> Option<String> {
    job.read(key, problems, |value| match field::text(value)? {
        text if text.len() > len_max => {
            Err(format!("has {} bytes, more than {len_max}", text.len()))
        }
        text => Ok(text),
    })
}

fn check(
    job: &Object<'_>,
    origin: &Origin<'_>,
    text: &str,
    zone: &str,
    problems: &mut Problems,
) -> Option<JobSchedule> {
    let schedule = match JobSchedule::parse(text, zone) {
        Ok(schedule) => schedule,
        Err(error) => {
            let key = match &error {
                JobScheduleError::Zone { .. } => "scheduleTimeZone",
                JobScheduleError::Syntax { .. } => {
                    // The schedule was looked at first; the zone may be wrong too.
                    if let Err(zone_error) = JobSchedule::check_zone(zone) {
                        problems.add(job.at("scheduleTimeZone"), zone_error);
                    }
                    "schedule"
                }
                JobScheduleError::Cron(_) => "cron",
                JobScheduleError::End { .. } => "endTime",
                JobScheduleError::Period { .. }
                | JobScheduleError::Start { .. }
                | JobScheduleError::Empty
                | JobScheduleError::Evaluation { .. } => "schedule",
            };
            problems.add(job.at(key), error);
            return None;
        }
    };
    if let Some(start_min) = origin.start_min
        && let Err(error) = schedule.check_start(origin.now, start_min)
    {
        problems.add(job.at("schedule"), error);
    }
    Some(schedule)
}
