//! L3: when the faults are over, everything goes on by itself.
//!
//! In the quiet time each target gets its record at its time, and no run that could go waits: it begins,
//! or one of its own job is in its way.

use chronos_model::{JobName, Run, RunState, Timestamp};

use super::{
    Ledger,
    l1_no_loss::{accounted, targets_of},
    ledger::{Life, Record},
};
use crate::{clock::Moment, evidence::Fact, world::QUIET};

/// How long recovery may take, in milliseconds: a leader is elected, updates that are repeated less and
/// less often have come, retries wait no longer than that.
const RECOVERY: u64 = 30 * 60 * 1000;

/// How long a run that may start waits at most for its offer, in milliseconds.
const START: u64 = 2 * 60 * 1000;

/// Finds something that does not go on.
pub(super) fn check(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    let (healed, closing, wall) = ledger.quiet?;
    let to_wall = |moment: Moment| {
        let before = closing.since(moment);
        wall.plus_millis(-i64::try_from(before).unwrap_or(i64::MAX))
    };
    let window = (
        to_wall(healed.plus(RECOVERY)),
        to_wall(Moment(closing.0.saturating_sub(START))),
    );
    if leaderless(ledger, closing) {
        return Some((closing, "nobody leads".to_owned()));
    }
    ledger.jobs.iter().find_map(|(job, lives)| {
        let (index, life) = lives.iter().enumerate().next_back()?;
        if life.died.is_some() {
            return None;
        }
        untaken(ledger, job, (index, life), window)
            .or_else(|| stuck(ledger, job, index, closing))
            .map(|what| (closing, what))
    })
}

fn leaderless(ledger: &Ledger<'_>, closing: Moment) -> bool {
    let mut living = 0_i64;
    for (at, fact) in &ledger.evidence.facts {
        if *at > closing {
            break;
        }
        if matches!(fact, Fact::Elected { .. }) {
            living += 1;
        }
        if matches!(fact, Fact::Gone { .. }) {
            living -= 1;
        }
    }
    living < 1
}

// A target of the quiet time without a record when the time is over.
fn untaken(
    ledger: &Ledger<'_>,
    job: &JobName,
    (index, life): (usize, &Life),
    (from, to): (Timestamp, Timestamp),
) -> Option<String> {
    let &(first, end) = life.eras().last()?;
    let open: Vec<_> = life.versions[first..end]
        .iter()
        .filter(|version| ledger.at(version.fact) < ledger.quiet.map_or(Moment(0), |quiet| quiet.1))
        .collect();
    let newest = open.last()?;
    if newest.spec.disabled || !newest.spec.details.calendars.is_empty() {
        return None;
    }
    let targets = targets_of(&life.versions[first])?;
    let known = accounted(ledger, job, index, (first, end), &targets);
    let mut at = targets.after(from.max(newest.wall)).map(|target| target.at);
    while let Some(target) = at.filter(|&target| target <= to) {
        let start = targets.start_of(job, target, newest.spec.policies.jitter_secs);
        if start <= to && !known.contains(&target) {
            return Some(format!(
                "target {target} of {job} is not taken in the quiet time"
            ));
        }
        at = targets.after(target).map(|next| next.at);
    }
    None
}

// A run that waited when the quiet time was over, and that nothing kept from starting.
fn stuck(ledger: &Ledger<'_>, job: &JobName, life: usize, closing: Moment) -> Option<String> {
    let mut records = ledger.records_of(job, life);
    records.find_map(|(key, record)| {
        let run = waiting(ledger, record, closing)?;
        let task = ledger.tasks.get(key);
        let begun = task.is_some_and(|task| task.begins.iter().any(|&at| ledger.at(at) < closing));
        let excused = begun || has_excuse(ledger, job, run, closing);
        (!excused).then(|| format!("{key} is {} all through the quiet time", run.state))
    })
}

// The run as it was on record at a moment, if it had been so for a while and had not ended.
fn waiting<'e>(ledger: &Ledger<'e>, record: &Record<'e>, closing: Moment) -> Option<&'e Run> {
    let known = record.writes.iter();
    let last = known
        .take_while(|write| ledger.at(write.0) < closing)
        .last();
    let last = last.filter(|(fact, _, run)| {
        run.state != RunState::Ended && closing.since(ledger.at(*fact)) > START
    });
    last.map(|(_, _, run)| *run)
}

// A task of the same job that ran not long before is in its way; so may be one that waits before it, for
// its delay or for the parents.
fn has_excuse(ledger: &Ledger<'_>, job: &JobName, run: &Run, closing: Moment) -> bool {
    let delay = run.not_before.is_some_and(|at| {
        let (_, _, wall) = ledger.quiet.unwrap_or_default();
        at > wall
    });
    let busy = ledger.tasks.iter().any(|(key, task)| {
        let recent = |&fact: &usize| {
            let at = ledger.at(fact);
            at < closing && closing.since(at) < QUIET
        };
        key.job == *job && task.begins.iter().any(recent)
    });
    let waits_for_parents = ledger
        .jobs
        .get(job)
        .and_then(|lives| lives.last())
        .and_then(|life| life.versions.last())
        .is_some_and(|version| !version.spec.parents().is_empty());
    delay || busy || waits_for_parents
}
