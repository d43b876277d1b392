//! S11: what was acknowledged is in the store, and was so before; and writes build on what is stored.

use chronos_core::{Command, Reply};
use chronos_model::Write;

use super::Ledger;
use crate::{
    clock::Moment,
    evidence::{Fact, Rule},
};

/// Finds a promise that was not written down.
pub(super) fn check(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    let unwritten = ledger
        .acknowledged()
        .into_iter()
        .find_map(|(asked, done, command)| {
            let what = missing(ledger, (asked, done), command)?;
            Some((ledger.at(done), what))
        });
    unwritten.or_else(|| {
        ledger.evidence.facts.iter().find_map(|(at, fact)| {
            if let Fact::Breach {
                of: Rule::Store,
                what,
            } = fact
            {
                return Some((*at, what.clone()));
            }
            None
        })
    })
}

fn missing(
    ledger: &Ledger<'_>,
    (asked, done): (usize, usize),
    command: &Command,
) -> Option<String> {
    let written = |wanted: &dyn Fn(&Write) -> bool| {
        ledger.evidence.facts[asked..done].iter().any(
            |(_, fact)| matches!(fact, Fact::Committed { writes, .. } if writes.iter().any(wanted)),
        )
    };
    match command {
        Command::Put { spec, .. } => {
            let lives = ledger.jobs.get(&spec.name);
            // One that changes nothing writes nothing; then it was there when it was asked for.
            let there = lives.into_iter().flatten().any(|life| {
                let since = life
                    .versions
                    .partition_point(|version| version.fact <= asked)
                    .saturating_sub(1);
                let meanwhile = life.versions[since..].iter();
                meanwhile
                    .take_while(|version| version.fact < done)
                    .any(|version| version.spec == *spec)
            });
            (!there).then(|| format!("the definition of {} was acknowledged unwritten", spec.name))
        }
        Command::Delete { job, .. } => {
            let gone =
                written(&|write| matches!(write, Write::DeleteJob { job: it, .. } if it == job));
            (!gone).then(|| format!("the deletion of {job} was acknowledged unwritten"))
        }
        Command::Run { .. } => {
            let Fact::Answered {
                reply: Ok(Reply::Run(key)),
                ..
            } = &ledger.evidence.facts[done].1
            else {
                return None;
            };
            let there = written(&|write| matches!(write, Write::PutRun(run) if run.key == *key));
            (!there).then(|| format!("{key} was acknowledged unwritten"))
        }
        Command::MarkSuccess { job } => {
            let there =
                written(&|write| matches!(write, Write::PutProgress { job: it, .. } if it == job));
            (!there).then(|| format!("the mark of {job} was acknowledged unwritten"))
        }
        Command::KillJob { .. }
        | Command::KillRun { .. }
        | Command::Backfill { .. }
        | Command::PutCalendar(_)
        | Command::DeleteCalendar(_) => None,
    }
}
