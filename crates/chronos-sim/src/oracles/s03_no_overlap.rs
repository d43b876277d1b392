//! S3: under a policy that bounds them, no more runs of a job go at once than it allows.
//!
//! By what agents did, in true time.

use chronos_model::JobName;

use super::{Ledger, ledger::Life};
use crate::clock::Moment;

/// Finds a run that began beside too many others.
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
    let mut spans = Vec::new();
    for (key, record) in ledger.records_of(job, index) {
        let Some(task) = ledger.tasks.get(key) else {
            continue;
        };
        let Some(&begin) = task.begins.first() else {
            continue;
        };
        let end = task
            .ends
            .iter()
            .map(|&(end, _)| end)
            .find(|&end| end > begin);
        spans.push((begin, end.unwrap_or(usize::MAX), key, record));
    }
    spans.sort_by_key(|span| span.0);
    let mut going: Vec<usize> = Vec::new();
    for (begin, end, key, record) in spans {
        going.retain(|&other| other > begin);
        going.push(end);
        // An operator may have changed the policy between decision and launch.
        let intents = record.writes.iter().filter(|write| write.0 < begin);
        let policies = intents
            .map(|write| life.version_at(write.0))
            .chain([life.version_at(begin)])
            .map(|version| version.spec.overlap.at_once());
        let bound = policies
            .map(|bound| bound.map_or(usize::MAX, |bound| bound as usize))
            .max()
            .unwrap_or(usize::MAX);
        if going.len() > bound {
            let what = format!("{key} begins beside {} others of {job}", going.len() - 1);
            return Some((ledger.at(begin), what));
        }
    }
    None
}
