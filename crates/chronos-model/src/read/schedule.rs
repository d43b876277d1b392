//! The schedule of a document: `schedule`, `cron` or `schedules`, with zone, end and policies.

use iso8601_repeat::{Gap, Overlap};
use serde_json::Value;

use super::{
    Origin,
    field::{self, Object, Path},
};
use crate::{
    DstPolicy, JobSchedule, JobScheduleError, SchedulePart,
    limits::{SCHEDULE_LEN_MAX, SCHEDULES_LEN_MAX, ZONE_LEN_MAX},
    problem::Problems,
};

/// The spellings of a schedule, of which a job has one.
const SPELLINGS: [&str; 3] = ["schedule", "cron", "schedules"];

const GAPS: [(&str, Gap); 2] = [("shift", Gap::Shift), ("skip", Gap::Skip)];

const OVERLAPS: [(&str, Overlap); 3] = [
    ("first", Overlap::First),
    ("second", Overlap::Second),
    ("both", Overlap::Both),
];

/// Whether there is a schedule, in whatever spelling.
pub(super) fn is_given(job: &Object<'_>) -> bool {
    SPELLINGS.iter().any(|key| job.get(key).is_some())
}

/// Reads the schedule; without one the job runs once, now.
pub(super) fn read(
    job: &Object<'_>,
    origin: &Origin<'_>,
    problems: &mut Problems,
) -> Option<JobSchedule> {
    let zone = zone(job, "scheduleTimeZone", problems);
    let dst = dst(job, problems);
    let given: Vec<&str> = SPELLINGS
        .into_iter()
        .filter(|key| job.get(key).is_some())
        .collect();
    let (key, schedule) = match *given.as_slice() {
        // What Chronos 3 makes of a job with neither schedule nor parents, and its clients expect.
        [] => {
            let once = format!("R1/{}/PT24H", origin.now);
            let schedule = JobSchedule::parse(&once, zone.as_deref().unwrap_or_default());
            ("schedule", note(job, "schedule", schedule, problems))
        }
        [key] => (key, spelled(job, key, zone.as_deref(), problems)),
        [first, second, ..] => {
            let problem = format_args!(
                "is given beside `{first}`; a job has one of `schedule`, `cron` and `schedules`"
            );
            problems.add(job.at(second), problem);
            return None;
        }
    };
    let schedule = with_end(
        job,
        schedule.map(|schedule| schedule.with_dst(dst)),
        problems,
    )?;
    // A problem of the zone is noted already; what is left would be that of another one.
    zone?;
    if let Some(start_min) = origin.start_min
        && let Err(error) = schedule.check_start(origin.now, start_min)
    {
        problems.add(job.at(key), error);
    }
    Some(schedule)
}

fn spelled(
    job: &Object<'_>,
    key: &str,
    zone: Option<&str>,
    problems: &mut Problems,
) -> Option<JobSchedule> {
    let zone = zone.unwrap_or_default();
    let schedule = match key {
        "schedules" => JobSchedule::from_parts(parts(job, problems)?, zone),
        "cron" => JobSchedule::parse_cron(&rule_text(job, key, problems)?, zone),
        _ => {
            let text = rule_text(job, key, problems)?;
            if is_cron(&text) {
                let problem = "is a cron expression; give it as `cron` instead of `schedule`";
                problems.add(job.at(key), problem);
                return None;
            }
            JobSchedule::parse(&text, zone)
        }
    };
    note(job, key, schedule, problems)
}

fn note<T>(
    object: &Object<'_>,
    key: &str,
    read: Result<T, JobScheduleError>,
    problems: &mut Problems,
) -> Option<T> {
    read.map_err(|error| problems.add(object.at(key), error))
        .ok()
}

// Nothing when any of them is wrong.
fn parts(job: &Object<'_>, problems: &mut Problems) -> Option<Vec<SchedulePart>> {
    let entries = job.get("schedules").and_then(Value::as_array);
    let entries = entries.map(|entries| entries.iter().filter(|entry| !entry.is_null()).count());
    let parts = job.each_of("schedules", SCHEDULES_LEN_MAX, problems, part);
    (entries == Some(parts.len())).then_some(parts)
}

fn part(value: &Value, path: Path<'_>, problems: &mut Problems) -> Option<SchedulePart> {
    if !value.is_object() {
        let part = rule(value).and_then(|text| {
            if is_cron(&text) {
                let problem = r#"is a cron expression; give it as {"cron": "…"}"#;
                return Err(problem.to_owned());
            }
            SchedulePart::interval(&text, "").map_err(|error| error.to_string())
        });
        return part.map_err(|problem| problems.add(path, problem)).ok();
    }
    let object = Object::new(value, path, r#"{"cron": "0 6 * * *"}"#, problems)?;
    let zone = zone(&object, "scheduleTimeZone", problems);
    let (key, make) = match (object.get("schedule"), object.get("cron")) {
        (Some(_), None) => (
            "schedule",
            SchedulePart::interval as fn(&str, &str) -> Result<SchedulePart, JobScheduleError>,
        ),
        (None, Some(_)) => ("cron", SchedulePart::cron as _),
        (Some(_), Some(_)) => {
            problems.add(path, "has both `schedule` and `cron`; give one of them");
            return None;
        }
        (None, None) => {
            problems.add(path, "has neither `schedule` nor `cron`; give one of them");
            return None;
        }
    };
    let text = rule_text(&object, key, problems)?;
    let part = make(&text, zone.as_deref().unwrap_or_default());
    let part = note(&object, key, part, problems);
    zone?;
    part
}

/// Reads a zone: empty for none, nothing when it is unknown.
fn zone(object: &Object<'_>, key: &str, problems: &mut Problems) -> Option<String> {
    if object.get(key).is_none() {
        return Some(String::new());
    }
    object.read(key, problems, |value| {
        let text = bounded(value, ZONE_LEN_MAX)?;
        match JobSchedule::check_zone(&text) {
            Ok(()) => Ok(text),
            Err(error) => Err(error.to_string()),
        }
    })
}

fn dst(job: &Object<'_>, problems: &mut Problems) -> DstPolicy {
    let path = job.at("dst");
    let example = r#"{"gap": "shift", "overlap": "first"}"#;
    let Some(object) = job
        .get("dst")
        .and_then(|value| Object::new(value, path, example, problems))
    else {
        return DstPolicy::default();
    };
    DstPolicy {
        gap: object
            .read("gap", problems, |value| field::word(value, &GAPS))
            .unwrap_or_default(),
        overlap: object
            .read("overlap", problems, |value| field::word(value, &OVERLAPS))
            .unwrap_or_default(),
    }
}

// Looked at even when the schedule is wrong, so that all problems are found at once.
fn with_end(
    job: &Object<'_>,
    schedule: Option<JobSchedule>,
    problems: &mut Problems,
) -> Option<JobSchedule> {
    if job.get("endTime").is_none() {
        return schedule;
    }
    let text = job.read("endTime", problems, rule)?;
    if text.is_empty() {
        return schedule;
    }
    let any = || JobSchedule::parse("R0//PT1H", "").ok();
    let is_any = schedule.is_none();
    let ended = schedule.or_else(any)?.with_end(&text);
    note(job, "endTime", ended, problems).filter(|_| !is_any)
}

/// Whether a text in the place of an interval is a cron expression: other schedulers take either.
fn is_cron(text: &str) -> bool {
    SchedulePart::cron(text, "").is_ok()
}

fn rule_text(object: &Object<'_>, key: &str, problems: &mut Problems) -> Option<String> {
    object.read(key, problems, rule)
}

fn rule(value: &Value) -> Result<String, String> {
    bounded(value, SCHEDULE_LEN_MAX)
}

fn bounded(value: &Value, len_max: usize) -> Result<String, String> {
    match field::text(value)? {
        text if text.len() > len_max => {
            Err(format!("has {} bytes, more than {len_max}", text.len()))
        }
        text => Ok(text),
    }
}
