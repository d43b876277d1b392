//! S2: no attempt begins twice, and no target is run under two names.

use std::collections::BTreeMap;

use chronos_model::{RunKey, Timestamp};

use super::Ledger;
use crate::clock::Moment;

/// Finds something that was started twice.
pub(super) fn check(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    let twice = ledger.tasks.iter().find_map(|(key, task)| {
        let again = *task.begins.get(1)?;
        let first = ledger.at(task.begins[0]);
        Some((
            ledger.at(again),
            format!("{key} began at {first} and again"),
        ))
    });
    twice.or_else(|| two_names(ledger))
}

fn two_names(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    for (job, lives) in &ledger.jobs {
        for (index, life) in lives.iter().enumerate() {
            for (first, end) in life.eras() {
                let mut seen: BTreeMap<(Timestamp, u32), &RunKey> = BTreeMap::new();
                for (key, record) in ledger.records_of(job, index) {
                    if !record.is_scheduled() || !(first..end).contains(&record.version) {
                        continue;
                    }
                    let target = record.first().target;
                    if let Some(other) = seen.insert((target, key.attempt), key) {
                        let what = format!("target {target} of {job} has two runs: {other}, {key}");
                        return Some((ledger.at(record.decided()), what));
                    }
                }
            }
        }
    }
    None
}
