//! S5: a schedule gives its targets and no others, `Rn` no more than n, and a new job no more of those
//! that had passed than its policy says.

use chronos_model::{CatchUp, JobName, JobSchedule, RunState, Targets};
use iso8601_repeat::Overlap as Repeated;

use super::{
    Ledger,
    l1_no_loss::{accounted, targets_of},
    ledger::{Life, Version},
};
use crate::clock::Moment;

/// Finds a run for which there is no target.
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
        let at = ledger.at(version.fact);
        let Some(targets) = targets_of(version) else {
            let mut records = ledger.records_of(job, index);
            let stray = records.find(|(key, record)| {
                key.attempt == 0 && record.is_scheduled() && (first..end).contains(&record.version)
            });
            if let Some((key, record)) = stray {
                let what = format!("{key} is scheduled, and {job} has no schedule");
                return Some((ledger.at(record.decided()), what));
            }
            continue;
        };
        let known = accounted(ledger, job, index, (first, end), &targets);
        let is_target = |at| {
            targets
                .at_or_before(at)
                .is_some_and(|target| target.at == at)
        };
        if let Some(stray) = known.iter().find(|&&known| !is_target(known)) {
            return Some((at, format!("{stray} is no target of {job}")));
        }
        if let Some(what) = too_many(version, &targets, known.len()) {
            return Some((at, format!("{job} {what}")));
        }
        if let Some(found) = left_out(ledger, job, index, (first, end)) {
            return Some(found);
        }
        let passed = known.range(..=version.wall).count();
        let most = before_creation(version);
        if passed > most {
            let what = format!("{job} takes {passed} targets from before it, more than {most}");
            return Some((at, what));
        }
    }
    None
}

// A target that is run although the definition by which it was taken leaves it out, whatever version of the
// calendar is meant. One in a stretch of them that a record stands for is not run.
fn left_out(
    ledger: &Ledger<'_>,
    job: &JobName,
    index: usize,
    (first, end): (usize, usize),
) -> Option<(Moment, String)> {
    let life = ledger.jobs.get(job)?.get(index)?;
    let mut records = ledger.records_of(job, index);
    let (key, record) = records.find(|(key, record)| {
        let run = record.first();
        let spec = &life.versions[record.version].spec;
        key.attempt == 0
            && record.is_scheduled()
            && (first..end).contains(&record.version)
            && run.state != RunState::Ended
            && ledger.leaves_out(spec, run.target) == Some(true)
    })?;
    let what = format!("{key} is to run, and a calendar leaves it out");
    Some((ledger.at(record.decided()), what))
}

fn too_many(version: &Version, targets: &Targets, known: usize) -> Option<String> {
    let all = version.spec.schedule().and_then(JobSchedule::repetitions)?;
    // A reading that a change of clocks repeats is one count, and two targets if so wished.
    let twice = version
        .spec
        .schedule()
        .is_some_and(|schedule| schedule.dst().overlap == Repeated::Both);
    let all = if twice { all.saturating_mul(2) } else { all };
    let all = targets.first().map_or(0, |_| all);
    let known = known as u64;
    (known > all).then(|| format!("accounts for {known} targets and has {all}"))
}

fn before_creation(version: &Version) -> usize {
    match version.spec.policies.catch_up {
        CatchUp::All { limit } => limit as usize,
        CatchUp::Latest | CatchUp::None => 1,
    }
}
