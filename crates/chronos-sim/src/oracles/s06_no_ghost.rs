//! S6: nothing is launched for a job that was never created, or after its deletion or its disabling was
//! acknowledged.

use std::collections::BTreeMap;

use chronos_core::Command;
use chronos_model::JobName;

use super::Ledger;
use crate::{clock::Moment, evidence::Fact};

/// Finds a launch for nobody.
pub(super) fn check(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    let mut stops: BTreeMap<usize, (&JobName, bool)> = BTreeMap::new();
    let mut starts: BTreeMap<usize, &JobName> = BTreeMap::new();
    for (asked, done, command) in ledger.acknowledged() {
        match command {
            Command::Put { spec, .. } if spec.disabled => {
                stops.insert(done, (&spec.name, true));
            }
            Command::Delete { job, .. } => {
                stops.insert(done, (job, false));
            }
            Command::Put { spec, .. } => {
                starts.insert(asked, &spec.name);
            }
            Command::Run { .. }
            | Command::MarkSuccess { .. }
            | Command::KillJob { .. }
            | Command::KillRun { .. }
            | Command::Backfill { .. }
            | Command::PutCalendar(_)
            | Command::DeleteCalendar(_) => {}
        }
    }
    let mut stopped: BTreeMap<&JobName, (usize, &str)> = BTreeMap::new();
    for (index, (at, fact)) in ledger.evidence.facts.iter().enumerate() {
        if let Some(&(job, disabled)) = stops.get(&index) {
            let why = if disabled { "disabled" } else { "deleted" };
            stopped.insert(job, (index, why));
        }
        // Whether asked for by somebody who was told or not: from then on it may be there again.
        if let Fact::Asked {
            command: Command::Put { spec, .. },
            ..
        } = fact
            && !spec.disabled
        {
            stopped.remove(&spec.name);
        }
        if let Some(job) = starts.get(&index) {
            stopped.remove(job);
        }
        let Fact::Launched { task, .. } = fact else {
            continue;
        };
        let job = &task.key.job;
        if !ledger.jobs.contains_key(job) {
            return Some((*at, format!("{} is launched for no job", task.key)));
        }
        if let Some((since, why)) = stopped.get(job) {
            let since = ledger.at(*since);
            let what = format!("{} is launched although {job} is {why} since {since}", task.key);
            return Some((*at, what));
        }
    }
    None
}
