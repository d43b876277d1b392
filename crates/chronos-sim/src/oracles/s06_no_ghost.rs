//! S6: nothing is launched for a job that was never created, or after its deletion or its disabling was
//! acknowledged.

use std::collections::BTreeMap;

use chronos_core::Command;
use chronos_model::JobName;

use super::Ledger;
use crate::{clock::Moment, evidence::Fact};

/// Finds a launch for nobody.
pub(super) fn check(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    let stops = stops(ledger);
    let mut last_put: BTreeMap<&JobName, usize> = BTreeMap::new();
    let mut stopped: BTreeMap<&JobName, (usize, &str)> = BTreeMap::new();
    for (index, (at, fact)) in ledger.evidence.facts.iter().enumerate() {
        // From when somebody asks for it, whether told or not, the job may be there again.
        if let Fact::Asked {
            command: Command::Put { spec, .. },
            ..
        } = fact
            && !spec.disabled
        {
            last_put.insert(&spec.name, index);
            stopped.remove(&spec.name);
        }
        if let Some(&(job, asked, why)) = stops.get(&index)
            && last_put.get(job).is_none_or(|&put| put < asked)
        {
            stopped.insert(job, (index, why));
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
            let what = format!(
                "{} is launched although {job} is {why} since {since}",
                task.key
            );
            return Some((*at, what));
        }
    }
    None
}

// When a job was acknowledged to be gone or at rest: the fact, the job, when that was asked, and why.
fn stops<'e>(ledger: &Ledger<'e>) -> BTreeMap<usize, (&'e JobName, usize, &'static str)> {
    let stop = |(asked, done, command): (usize, usize, &'e Command)| match command {
        Command::Put { spec, .. } if spec.disabled => Some((done, (&spec.name, asked, "disabled"))),
        Command::Delete { job, .. } => Some((done, (job, asked, "deleted"))),
        Command::Put { .. }
        | Command::Run { .. }
        | Command::MarkSuccess { .. }
        | Command::KillJob { .. }
        | Command::KillRun { .. }
        | Command::Backfill { .. }
        | Command::PutCalendar(_)
        | Command::DeleteCalendar(_) => None,
    };
    ledger.acknowledged().into_iter().filter_map(stop).collect()
}
