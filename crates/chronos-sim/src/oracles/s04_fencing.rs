//! S4: terms of launches never go back, and each launch rests on an intent that its own term wrote.

use chronos_model::{RunState, Write};

use super::Ledger;
use crate::{clock::Moment, evidence::Fact};

/// Finds a launch by somebody who no longer led.
pub(super) fn check(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    let mut newest = 0;
    let mut intents = std::collections::BTreeMap::new();
    for (at, fact) in &ledger.evidence.facts {
        if let Fact::Committed { term, writes, .. } = fact {
            for write in writes {
                if let Write::PutRun(run) = write
                    && run.state == RunState::Starting
                {
                    intents.insert(&run.key, *term);
                }
            }
        }
        let Fact::Launched { term, task, .. } = fact else {
            continue;
        };
        if *term < newest {
            let what = format!("term {term} launches {} after term {newest} has", task.key);
            return Some((*at, what));
        }
        newest = *term;
        let intent = intents.get(&task.key).copied();
        if intent != Some(*term) {
            let what = format!(
                "term {term} launches {}, whose intent is of term {}",
                task.key,
                intent.map_or_else(|| "none".to_owned(), |term: u64| term.to_string())
            );
            return Some((*at, what));
        }
    }
    None
}
