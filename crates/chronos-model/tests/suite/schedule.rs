//! Which instants a schedule names.

mod cron;
mod oracle;
mod parts;

use chronos_model::{DstPolicy, JobSchedule, Targets, Timestamp};
use iso8601_repeat::{Gap, Overlap};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn dst(gap: Gap, overlap: Overlap) -> DstPolicy {
    DstPolicy { gap, overlap }
}

pub(crate) fn cron(text: &str, zone: &str) -> JobSchedule {
    JobSchedule::parse_cron(text, zone).unwrap_or_else(|error| panic!("{text} {zone}: {error}"))
}

pub(crate) fn targets(schedule: &JobSchedule) -> Targets {
    schedule.targets(at("1970-01-01T00:00:00Z")).unwrap()
}

/// All targets after one instant and up to another, found forward; the way back must find the same.
#[track_caller]
pub(crate) fn between(targets: &Targets, after: &str, until: &str) -> Vec<String> {
    let (after, until) = (at(after), at(until));
    let (mut forward, mut from) = (Vec::new(), after);
    while let Some(target) = targets.after(from).filter(|target| target.at <= until) {
        assert!(target.at > from, "{from}: {target:?}");
        forward.push(target.at);
        from = target.at;
    }
    let (mut backward, mut to) = (Vec::new(), until);
    while let Some(target) = targets.at_or_before(to).filter(|target| target.at > after) {
        assert!(target.at <= to, "{to}: {target:?}");
        backward.push(target.at);
        to = target.at.plus_millis(-1);
    }
    backward.reverse();
    assert_eq!(forward, backward, "the way back differs");
    forward
        .iter()
        .map(|at| at.to_string().replace(".000Z", "Z"))
        .collect()
}
