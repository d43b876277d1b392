//! S1: no command begins before its target, jitter included, by any leader's clock.

use chronos_model::{RunCause, jitter_millis};

use super::Ledger;
use crate::clock::Moment;

/// Finds a run that began early.
pub(super) fn check(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    ledger.tasks.iter().find_map(|(key, task)| {
        let record = ledger.runs.get(*key);
        task.launches.iter().find_map(|&(fact, _, clock, launch)| {
            let cause = record.map(|record| record.first().cause);
            let jitters = matches!(cause, Some(RunCause::Schedule | RunCause::CatchUp));
            // The jitter may have been another one when the target was taken.
            let jitter = ledger
                .jobs
                .get(&key.job)
                .into_iter()
                .flatten()
                .flat_map(|life| &life.versions)
                .map(|version| version.spec.jitter_secs)
                .min();
            let jitter = jitter.filter(|_| jitters).unwrap_or(0).saturating_mul(1000);
            let late = jitter_millis(&key.job, launch.target, jitter);
            let start = launch.target.plus_millis(i64::try_from(late).unwrap_or(0));
            let start = start.min(launch.target.plus_millis(i64::try_from(jitter).unwrap_or(0)));
            (clock < start).then(|| {
                (
                    ledger.at(fact),
                    format!("{key} is launched at {clock}, before {start}"),
                )
            })
        })
    })
}
