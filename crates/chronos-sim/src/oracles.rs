//! The judges: each looks at the evidence alone and says what rule was broken.
//!
//! One rule, one file. The rules and their names are those of the project's specification of a test for
//! distributed cron, which began with what Jepsen found in Chronos in 2015.

mod ledger;

mod l1_no_loss;
mod l3_recovery;
mod s01_no_early_run;
mod s02_at_most_once;
mod s03_no_overlap;
mod s04_fencing;
mod s05_count;
mod s06_no_ghost;
mod s07_edit;
mod s08_dependency;
mod s09_retry;
mod s10_history;
mod s11_durability;
mod s12_convergence;
mod s13_liveness_audit;

pub use ledger::Ledger;

use std::fmt;

use crate::{clock::Moment, evidence::Evidence, script::Script};

/// A rule that was broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// The rule.
    pub oracle: &'static str,
    /// When it showed.
    pub at: Moment,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} broken at {}: {}", self.oracle, self.at, self.what)
    }
}

type Check = fn(&Ledger<'_>) -> Option<(Moment, String)>;

/// All oracles, by name. Rules of safety come first: what they say explains the rest.
pub const ORACLES: [(&str, Check); 15] = [
    ("S4 fencing", s04_fencing::check),
    ("S2 at most once", s02_at_most_once::check),
    ("S1 no early run", s01_no_early_run::check),
    ("S3 no overlap", s03_no_overlap::check),
    ("S5 count", s05_count::check),
    ("S6 no ghost", s06_no_ghost::check),
    ("S7 edit", s07_edit::check),
    ("S8 dependency", s08_dependency::check),
    ("S9 retry", s09_retry::check),
    ("S11 durability", s11_durability::check),
    ("L1 no loss", l1_no_loss::check),
    ("L3 recovery", l3_recovery::check),
    ("S10 history", s10_history::check),
    ("S12 convergence", s12_convergence::check),
    ("S13 liveness audit", s13_liveness_audit::check),
];

/// Asks all oracles; returns every rule that was broken, each with the first time.
pub fn judge(script: &Script, evidence: &Evidence) -> Vec<Violation> {
    let ledger = Ledger::new(script, evidence);
    let broken = ORACLES.iter().filter_map(|&(oracle, check)| {
        let (at, what) = check(&ledger)?;
        Some(Violation { oracle, at, what })
    });
    broken.collect()
}
