//! S12: when all is quiet, whoever starts from the store sees what the leader sees.

use super::Ledger;
use crate::clock::Moment;

/// Finds something that only the leader's memory holds.
pub(super) fn check(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    let at = ledger
        .evidence
        .facts
        .last()
        .map_or(Moment(0), |fact| fact.0);
    let (known, fresh) = (&ledger.evidence.last_view, &ledger.evidence.fresh_view);
    if known.len() != fresh.len() {
        let what = format!(
            "the leader knows {} jobs, the store {}",
            known.len(),
            fresh.len()
        );
        return Some((at, what));
    }
    known.iter().zip(fresh).find_map(|(known, fresh)| {
        let name = &known.spec().name;
        let runs = |job: &chronos_core::Job| job.active_runs().cloned().collect::<Vec<_>>();
        let what = if known.spec() != fresh.spec() {
            "another definition".to_owned()
        } else if known.progress() != fresh.progress() {
            format!(
                "progress {:?}, not {:?},",
                known.progress(),
                fresh.progress()
            )
        } else if runs(known) != runs(fresh) {
            format!("runs {:?}, not {:?},", runs(known), runs(fresh))
        } else {
            return None;
        };
        Some((
            at,
            format!("the leader has {what} for {name} than what the store leads to"),
        ))
    })
}
