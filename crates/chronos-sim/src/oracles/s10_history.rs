//! S10: what is on record is what the agents did, both ways; states follow one another as published;
//! and when all is quiet nothing is open.

use chronos_core::TaskState;
use chronos_model::{Outcome, RunState};

use super::{
    Ledger,
    ledger::{Deeds, Record},
};
use crate::{
    clock::Moment,
    evidence::{Fact, Rule},
};

/// Finds a record that is not what happened.
pub(super) fn check(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    let unknown = ledger.tasks.iter().find_map(|(key, task)| {
        let &begin = task.begins.first()?;
        let known = ledger.runs.contains_key(*key);
        (!known).then(|| (ledger.at(begin), format!("{key} ran and is not on record")))
    });
    let nobody = Deeds::default();
    unknown
        .or_else(|| {
            ledger.runs.iter().find_map(|(key, record)| {
                let task = ledger.tasks.get(*key).unwrap_or(&nobody);
                let what = wrong_end(record, task).or_else(|| wrong_way(record))?;
                let last = record.writes.last().map_or(0, |write| write.0);
                Some((ledger.at(last), format!("{key} {what}")))
            })
        })
        .or_else(|| offers_misused(ledger))
}

fn wrong_end(record: &Record<'_>, task: &Deeds<'_>) -> Option<String> {
    let outcome = record.last().outcome?;
    let began = !task.begins.is_empty();
    let ends = || task.ends.iter().map(|&(_, how)| how);
    let how = ends().next_back();
    let right = match outcome {
        Outcome::Succeeded => began && how == Some(TaskState::Finished),
        // Killed without being asked for by an operator is a failure too: a limit.
        Outcome::Failed => {
            began
                && matches!(
                    how,
                    Some(TaskState::Failed | TaskState::Lost | TaskState::Killed)
                )
                || how == Some(TaskState::Killed)
        }
        Outcome::Killed => how.is_none_or(|how| how == TaskState::Killed),
        Outcome::Skipped | Outcome::Missed | Outcome::Superseded => !began,
    };
    (!right).then(|| {
        let begins = task.begins.len();
        format!("is on record as {outcome}; it began {begins} times and ended as {how:?}")
    })
}

// What is decided waits or starts; what waits starts or ends; what starts ends, or waits again because
// it was never begun; what has ended stays so.
fn wrong_way(record: &Record<'_>) -> Option<String> {
    let states = record.writes.iter().map(|write| write.2.state);
    let mut before = None;
    for state in states {
        let allowed = match (before, state) {
            (Some(RunState::Ended), _) | (_, RunState::Running) => false,
            (None | Some(RunState::Queued | RunState::Starting | RunState::Running), _) => true,
        };
        if !allowed {
            return Some(format!("goes from {before:?} to {state}"));
        }
        before = Some(state);
    }
    None
}

fn offers_misused(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    ledger.evidence.facts.iter().find_map(|(at, fact)| {
        if let Fact::Breach {
            of: Rule::Offers,
            what,
        } = fact
        {
            return Some((*at, what.clone()));
        }
        None
    })
}
