//! Which instants a schedule names.

mod cron;
mod oracle;
mod parts;

use chronos_model::{DstPolicy, JobSchedule, Targets, Timestamp};
use iso8601_repeat::{Gap, Overlap};

/// Clocks that are changed, and when: by an hour, by half of one, by a day, at midnight, in Ramadan.
pub(crate) const CHANGES: [(&str, &str); 13] = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00:00Z"),
    ("America/Havana", "2026-11-01T05:00:00Z"),
    ("Africa/Casablanca", "2026-02-15T02:00:00Z"),
    ("Pacific/Kwajalein", "1993-08-21T12:00:00Z"),
    ("Asia/Kathmandu", "2026-05-05T05:05:00Z"),
];

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
    let targets = schedule.targets(at("1970-01-01T00:00:00Z"));
    targets.expect("targets")
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
