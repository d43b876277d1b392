//! S7: what is launched is one definition that was current at some instant since the run was decided.

use super::Ledger;
use crate::clock::Moment;

/// Finds a launch of a definition that was not current.
pub(super) fn check(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    ledger.tasks.iter().find_map(|(key, task)| {
        let record = ledger.runs.get(*key)?;
        let life = ledger.life_of(key, record)?;
        task.launches.iter().find_map(|&(fact, _, _, launch)| {
            let decided = life
                .versions
                .partition_point(|version| version.fact <= record.decided())
                .saturating_sub(1);
            // A definition is used when its change is decided, which is before it is durable; only
            // what the store refused must never show.
            let current = life.versions[decided..].iter();
            let known = current
                .into_iter()
                .any(|version| *version.spec == *launch.spec);
            (!known).then(|| {
                (
                    ledger.at(fact),
                    format!("{key} is launched by a definition that was not current"),
                )
            })
        })
    })
}
