//! S13: the scheduler's invariants hold, and its own audit finds nothing to repair.

use chronos_core::Notice;

use super::Ledger;
use crate::{
    clock::Moment,
    evidence::{Fact, Rule},
};

/// Finds a stall, or any other state that should not be.
pub(super) fn check(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    ledger.evidence.facts.iter().find_map(|(at, fact)| {
        if let Fact::Breach {
            of: Rule::State,
            what,
        } = fact
        {
            return Some((*at, what.clone()));
        }
        if let Fact::Told(Notice::AuditFound { job, finding }) = fact {
            return Some((*at, format!("the audit found in {job}: {finding}")));
        }
        None
    })
}
