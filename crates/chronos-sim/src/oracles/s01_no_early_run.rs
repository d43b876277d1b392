//! S1: no command begins before its target, jitter included, by any leader's clock.

use chronos_model::{RunKey, Timestamp};

use super::{Ledger, l1_no_loss::targets_of, ledger::Record};
use crate::clock::Moment;

/// Finds a run that began early.
pub(super) fn check(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    ledger.tasks.iter().find_map(|(key, task)| {
        let first = RunKey {
            attempt: 0,
            ..(*key).clone()
        };
        let record = ledger.runs.get(&first);
        task.launches.iter().find_map(|&(fact, _, clock, launch)| {
            let start = earliest(ledger, record, launch.target);
            (clock < start).then(|| {
                (
                    ledger.at(fact),
                    format!("{key} is launched at {clock}, before {start}"),
                )
            })
        })
    })
}

// The jitter of a run is that of the definition by which its target was taken.
fn earliest(ledger: &Ledger<'_>, record: Option<&Record<'_>>, target: Timestamp) -> Timestamp {
    let start = || {
        let record = record.filter(|record| record.is_scheduled())?;
        let key = &record.first().key;
        let life = ledger.life_of(key, record)?;
        let eras = life.eras();
        let era = eras
            .iter()
            .find(|era| (era.0..era.1).contains(&record.version))?;
        let targets = targets_of(&life.versions[era.0])?;
        let jitter = life.versions[record.version].spec.policies.jitter_secs;
        Some(targets.start_of(&key.job, target, jitter))
    };
    start().unwrap_or(target)
}
