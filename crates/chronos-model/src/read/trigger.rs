//! What makes a job run: its schedule, its parents, or both.

use serde_json::Value;

use super::{
    JobKind, Origin,
    field::{self, Object, Path},
    schedule,
};
use crate::{JobName, ParentRule, Trigger, problem::Problems};

const HINT: &str = "name at least one parent, such as [\"extract\"]";

/// The switch that makes a job wait for both.
pub(super) const BOTH_KEY: &str = "scheduleAndParents";

/// Reads the trigger for the endpoint (or file) that the document came by.
pub(super) fn read(
    job: &Object<'_>,
    origin: &Origin<'_>,
    name: Option<&JobName>,
    problems: &mut Problems,
) -> Option<Trigger> {
    if job.flag(BOTH_KEY, false, problems) {
        return both(job, origin, name, problems);
    }
    match origin.kind {
        JobKind::Dependent => parents(job, name, problems).map(Trigger::Parents),
        JobKind::Any if job.get("parents").is_some() => {
            parents(job, name, problems).map(Trigger::Parents)
        }
        JobKind::Any => schedule::read(job, origin, problems).map(Trigger::Schedule),
        JobKind::Scheduled => {
            let parents = job.get("parents");
            if parents.is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty())) {
                problems.add(
                    job.at("parents"),
                    format_args!(
                        "a scheduled job has no parents; leave them out, post the job as a dependent one, or set `{BOTH_KEY}` to true"
                    ),
                );
            }
            schedule::read(job, origin, problems).map(Trigger::Schedule)
        }
    }
}

fn both(
    job: &Object<'_>,
    origin: &Origin<'_>,
    name: Option<&JobName>,
    problems: &mut Problems,
) -> Option<Trigger> {
    let parents = parents(job, name, problems);
    if !schedule::is_given(job) {
        problems.add(
            job.at("schedule"),
            format_args!(
                "is missing; `{BOTH_KEY}` needs `schedule`, `cron` or `schedules` beside `parents`"
            ),
        );
        return None;
    }
    let schedule = schedule::read(job, origin, problems)?;
    Some(Trigger::Both {
        schedule,
        parents: Box::new(parents?),
    })
}

/// Reads the rule for the parents of a job that has some.
pub(super) fn parent_rule(
    job: &Object<'_>,
    trigger: Option<&Trigger>,
    problems: &mut Problems,
) -> ParentRule {
    let words = ParentRule::ALL.map(|rule| (rule.name(), rule));
    let rule = job.read("dependencyRule", problems, |value| {
        field::word(value, &words)
    });
    if rule.is_some() && matches!(trigger, Some(Trigger::Schedule(_))) {
        problems.add(
            job.at("dependencyRule"),
            "is for a job with `parents`; leave it out, or name parents",
        );
    }
    rule.unwrap_or_default()
}

fn parents(
    job: &Object<'_>,
    name: Option<&JobName>,
    problems: &mut Problems,
) -> Option<std::collections::BTreeSet<JobName>> {
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
    Some(parents.into_iter().collect())
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
