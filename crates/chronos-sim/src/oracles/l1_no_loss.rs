//! L1: every target that came while its job was there and enabled has a record, and the record an end.
//!
//! The targets are found by walking the schedule one by one, from the moment the definition was decided
//! on. What the scheduler thinks comes next is not asked.

use std::collections::BTreeSet;

use chronos_model::{CatchUp, JobName, JobSchedule, RunState, Targets, Timestamp};

use super::{
    Ledger,
    ledger::{Life, Record, Version},
};
use crate::clock::Moment;

/// Finds a target that was forgotten.
pub(super) fn check(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    ledger.jobs.iter().find_map(|(job, lives)| {
        let mut lives = lives.iter().enumerate();
        lives.find_map(|(index, life)| check_life(ledger, job, index, life))
    })
}

fn check_life(
    ledger: &Ledger<'_>,
    job: &JobName,
    index: usize,
    life: &Life,
) -> Option<(Moment, String)> {
    for (first, end) in life.eras() {
        let version = &life.versions[first];
        let Some(targets) = targets_of(version) else {
            continue;
        };
        let known = accounted(ledger, job, index, (first, end), &targets);
        let Some(until) = must_be_known_until(ledger, life, (first, end), &known) else {
            continue;
        };
        let jitter = life.versions[first..end]
            .iter()
            .map(|version| version.spec.policies.jitter_secs)
            .max()
            .unwrap_or(0);
        let mut at = first_of(version, &targets);
        while let Some(target) = at.filter(|&target| target <= until) {
            let start = targets.start_of(job, target, jitter);
            if start <= until
                && !known.contains(&target)
                && !may_come_late(ledger, &life.versions[first..end], target)
            {
                let when = life
                    .versions
                    .get(end)
                    .map_or(version.fact, |next| next.fact);
                return Some((
                    ledger.at(when),
                    format!("target {target} of {job} has no record (known up to {until})"),
                ));
            }
            at = targets.after(target).map(|next| next.at);
        }
    }
    never_ended(ledger, job, index)
}

/// Returns the targets of a definition, as they are from when it was decided on.
pub(super) fn targets_of(version: &Version) -> Option<Targets> {
    version.spec.schedule()?.targets(version.wall).ok()
}

// The record of what a calendar leaves out may come late, with the next target that it does not.
fn may_come_late(ledger: &Ledger<'_>, versions: &[Version], target: Timestamp) -> bool {
    let mut versions = versions.iter();
    versions.any(|version| ledger.leaves_out(&version.spec, target) != Some(false))
}

// The first target that must be known: the first after the definition was decided on; and the newest
// before it, where a new job begins with that.
fn first_of(version: &Version, targets: &Targets) -> Option<Timestamp> {
    let begins_late =
        matches!(version.spec.policies.catch_up, CatchUp::Latest) && !version.spec.disabled;
    let passed = targets.at_or_before(version.wall);
    // Whoever asks for an end that has passed does not ask for a run.
    let end = version.spec.schedule().and_then(JobSchedule::end_at);
    let over = end.is_some_and(|end| end < version.wall);
    let passed = passed.filter(|_| begins_late && version.creation && !over);
    let next = passed.or_else(|| targets.after(version.wall));
    next.map(|next| next.at)
}

/// Returns all targets that a record stands for.
pub(super) fn accounted(
    ledger: &Ledger<'_>,
    job: &JobName,
    life: usize,
    (first, end): (usize, usize),
    targets: &Targets,
) -> BTreeSet<Timestamp> {
    let mut known = BTreeSet::new();
    for (key, record) in ledger.records_of(job, life) {
        // A later attempt may be decided on when there is another schedule already.
        if key.attempt > 0 || !record.is_scheduled() || !(first..end).contains(&record.version) {
            continue;
        }
        let run = record.first();
        known.insert(run.target);
        let Some(covers) = run.covers else {
            continue;
        };
        let mut at = Some(covers.first);
        for _ in 0..covers.count {
            let Some(target) = at else {
                break;
            };
            known.insert(target);
            at = targets.after(target).map(|next| next.at);
        }
    }
    known
}

// Up to when targets must be known: until the definition was replaced, or the job came to rest.
fn must_be_known_until(
    ledger: &Ledger<'_>,
    life: &Life,
    (first, end): (usize, usize),
    known: &BTreeSet<Timestamp>,
) -> Option<Timestamp> {
    let versions = &life.versions[first..end];
    let resting = versions.iter().rev().take_while(|it| it.spec.disabled);
    if let Some(rest) = resting.last() {
        if ledger
            .quiet
            .is_none_or(|(_, closing, _)| ledger.at(rest.fact) < closing)
        {
            // A leader that stood still may not have seen what came before it was told to let it be;
            // the rest is written down when the job is enabled again. But there must be no hole.
            return known.last().copied();
        }
        // Within this time a leader that is awake has seen what its clock shows.
        let rest = rest.wall.plus_millis(-LOOK_MILLIS);
        return Some(rest).filter(|rest| *rest > versions[0].wall);
    }
    match (life.versions.get(end), life.died) {
        (Some(next), _) => Some(next.wall),
        // A job that is deleted takes what had just come with it; but there must be no hole.
        (None, Some(_)) => known.last().copied(),
        (None, None) => None,
    }
}

/// How often the loop of a leader looks at its clock at least, and some more, in milliseconds.
const LOOK_MILLIS: i64 = 1_500;

fn never_ended(ledger: &Ledger<'_>, job: &JobName, life: usize) -> Option<(Moment, String)> {
    let mut records = ledger.records_of(job, life);
    let open = |record: &Record<'_>| record.last().state != RunState::Ended;
    let (key, record) = records.find(|(_, record)| open(record))?;
    let state = record.last().state;
    Some((
        ledger.at(record.decided()),
        format!("{key} is {state} for ever, although everything has come to an end"),
    ))
}
