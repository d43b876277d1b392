//! S8: a dependent job runs for completions of its parents that are there, satisfy its rule and belong
//! together; each completion counts for one run; none is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use chronos_core::{COMPLETIONS_MAX, Command};
use chronos_model::{Generation, JobName, Outcome, ParentRule, RunCause, RunKey};

use super::{
    Ledger,
    ledger::{Life, Record},
};
use crate::{clock::Moment, evidence::Fact};

/// Finds a run of a child that should not be, or that is missing.
pub(super) fn check(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    let marked = marked(ledger);
    for (job, lives) in &ledger.jobs {
        for (index, life) in lives.iter().enumerate() {
            let mut used: BTreeMap<&RunKey, &RunKey> = BTreeMap::new();
            for (key, record) in ledger.records_of(job, index) {
                let Some(generation) = generation(record).filter(|_| consumes(key, record)) else {
                    continue;
                };
                let at = ledger.at(record.decided());
                let wrong =
                    unsatisfied(ledger, life, (key, record), generation, &marked).or_else(|| {
                        mixed(ledger, life, record.decided(), generation)
                            .map(|what| format!("{key} {what}"))
                    });
                if let Some(what) = wrong {
                    return Some((at, what));
                }
                for run in &generation.runs {
                    if let Some(other) = used.insert(run, key) {
                        return Some((at, format!("{run} counts for {other} and for {key}")));
                    }
                }
            }
            if let Some(found) = forgotten(ledger, (job, index, life), &marked) {
                return Some(found);
            }
        }
    }
    None
}

// A run by hand repeats the completions of the one before it, and so does a retry.
fn consumes(key: &RunKey, record: &Record<'_>) -> bool {
    key.attempt == 0
        && match record.first().cause {
            RunCause::Parents
            | RunCause::Schedule
            | RunCause::CatchUp
            | RunCause::BackfillWithChildren => true,
            RunCause::Manual | RunCause::Backfill => false,
        }
}

fn generation<'e>(record: &Record<'e>) -> Option<&'e Generation> {
    let mut known = record.writes.iter().rev();
    known.find_map(|&(_, _, run)| run.parents.as_deref())
}

// Jobs that somebody asked to mark as successful, whether or not it was done.
fn marked<'e>(ledger: &Ledger<'e>) -> BTreeSet<&'e JobName> {
    let facts = ledger.evidence.facts.iter();
    let marks = facts.filter_map(|(_, fact)| {
        if let Fact::Asked {
            command: Command::MarkSuccess { job },
            ..
        } = fact
        {
            return Some(job);
        }
        None
    });
    marks.collect()
}

fn unsatisfied(
    ledger: &Ledger<'_>,
    life: &Life,
    (key, record): (&RunKey, &Record<'_>),
    generation: &Generation,
    marked: &BTreeSet<&JobName>,
) -> Option<String> {
    let bound = record.writes.iter().find(|write| write.2.parents.is_some());
    let bound = bound.map_or(0, |write| write.0);
    let spec = &life.version_at(bound).spec;
    for run in &generation.runs {
        let Some(parent) = ledger.runs.get(run) else {
            return Some(format!("{key} follows {run}, of which there is no record"));
        };
        let ended = parent.writes.iter().find(|write| write.2.outcome.is_some());
        let Some((_, _, ended)) = ended.filter(|write| write.0 <= bound) else {
            return Some(format!("{key} follows {run}, which has not ended"));
        };
        let soft = ledger.life_of(run, parent).is_some_and(|life| {
            let mut versions = life.versions.iter();
            versions.any(|version| version.spec.soft_error)
        });
        if let Some(outcome) = ended.outcome
            && !suits(spec.parent_rule, outcome, soft)
        {
            let rule = spec.parent_rule.name();
            return Some(format!(
                "{key} follows {run}, which {outcome}, under {rule}"
            ));
        }
        let begin = ledger.tasks.get(key).and_then(|task| task.begins.first());
        let end = ledger.tasks.get(run).and_then(|task| task.ends.last());
        if let (Some(begin), Some((end, _))) = (begin, end)
            && begin < end
        {
            return Some(format!("{key} begins before {run} has ended"));
        }
    }
    let all = matches!(
        spec.parent_rule,
        ParentRule::AllSuccess | ParentRule::AllDone
    );
    let missing = spec.parents().iter().find(|parent| {
        let named = generation.runs.iter().any(|run| run.job == **parent);
        all && !named && !marked.contains(parent)
    });
    missing.map(|parent| format!("{key} runs without a completion of {parent}"))
}

const fn suits(rule: ParentRule, outcome: Outcome, soft: bool) -> bool {
    match (rule, outcome) {
        (ParentRule::AllSuccess | ParentRule::AnySuccess, Outcome::Succeeded)
        // The last attempt gave way to a newer target: what came before it had failed.
        | (
            ParentRule::AllDone,
            Outcome::Succeeded | Outcome::Failed | Outcome::Killed | Outcome::Superseded,
        )
        | (ParentRule::AnyFailure, Outcome::Failed | Outcome::Superseded) => true,
        (
            ParentRule::AllSuccess | ParentRule::AnySuccess,
            Outcome::Failed | Outcome::Superseded,
        ) => soft,
        (
            ParentRule::AllSuccess
            | ParentRule::AnySuccess
            | ParentRule::AllDone
            | ParentRule::AnyFailure,
            _,
        ) => false,
    }
}

// Two parents whose runs come from different runs of one ancestor.
fn mixed(
    ledger: &Ledger<'_>,
    life: &Life,
    decided: usize,
    generation: &Generation,
) -> Option<String> {
    let rule = life.versions[0].spec.parent_rule;
    let all = matches!(rule, ParentRule::AllSuccess | ParentRule::AllDone);
    if !all || generation.runs.len() < 2 {
        return None;
    }
    let born = life.versions[0].fact;
    let mut seen: BTreeMap<&JobName, (&RunKey, &RunKey)> = BTreeMap::new();
    for run in &generation.runs {
        let mut ancestors = BTreeSet::new();
        trace(ledger, run, &mut ancestors);
        for ancestor in ancestors {
            let before = seen.insert(&ancestor.job, (ancestor, run));
            let Some((other, by)) = before.filter(|(other, by)| *other != ancestor && *by != run)
            else {
                continue;
            };
            let old = [ancestor, other].iter().any(|key| {
                let record = ledger.runs.get(*key);
                record.is_none_or(|record| record.decided() <= born)
            });
            let forgotten = [run, by].iter().any(|run| {
                let ancestors = [ancestor, other];
                let since = ancestors.iter().filter_map(|key| ledger.runs.get(*key));
                let since = since.map(Record::decided).min().unwrap_or(0);
                completions_between(ledger, &run.job, since, decided) >= COMPLETIONS_MAX
            });
            if !old && !forgotten && constant_parents(ledger, &[run, by, ancestor]) {
                return Some(format!(
                    "mixes {run}, which comes from {ancestor}, with {by}, which comes from {other}"
                ));
            }
        }
    }
    None
}

// Of a parent that is so many completions ahead the older ones count as one: that is the published bound.
fn completions_between(ledger: &Ledger<'_>, job: &JobName, since: usize, until: usize) -> usize {
    let lives = ledger.jobs.get(job).map_or(0, Vec::len);
    let records = (0..lives).flat_map(|life| ledger.records_of(job, life));
    let ends = records.filter_map(|(_, record)| {
        let mut writes = record.writes.iter();
        writes.find(|write| write.2.outcome.is_some())
    });
    ends.filter(|write| (since..=until).contains(&write.0))
        .count()
}

fn trace<'e>(ledger: &Ledger<'e>, run: &RunKey, ancestors: &mut BTreeSet<&'e RunKey>) {
    let parents = ledger.runs.get(run).and_then(generation);
    for parent in parents.into_iter().flat_map(|parents| &parents.runs) {
        if ancestors.insert(parent) {
            trace(ledger, parent, ancestors);
        }
    }
}

// Where nobody changed who depends on whom.
fn constant_parents(ledger: &Ledger<'_>, runs: &[&RunKey]) -> bool {
    runs.iter().all(|run| {
        let lives = ledger.jobs.get(&run.job).map_or(&[][..], Vec::as_slice);
        lives.len() == 1
            && lives[0]
                .versions
                .iter()
                .all(|version| version.spec.parents() == lives[0].versions[0].spec.parents())
    })
}

// A child of one parent runs once for each of its completions.
fn forgotten(
    ledger: &Ledger<'_>,
    (job, index, life): (&JobName, usize, &Life),
    marked: &BTreeSet<&JobName>,
) -> Option<(Moment, String)> {
    let spec = &life.versions[0].spec;
    let parent = spec.parents().first()?;
    let same = |version: &super::ledger::Version| {
        version.spec.trigger == spec.trigger && version.spec.parent_rule == spec.parent_rule
    };
    let plain = spec.parents().len() == 1
        && spec.schedule().is_none()
        && spec.parent_rule == ParentRule::AllSuccess
        && life.versions.iter().all(same)
        && ledger
            .jobs
            .get(parent)
            .is_some_and(|lives| lives.len() == 1)
        && !marked.contains(parent)
        && !marked.contains(job);
    if !plain {
        return None;
    }
    let born = life.versions[0].fact;
    let died = life.died.map_or(usize::MAX, |(fact, _)| fact);
    let completions = ledger.records_of(parent, 0).filter_map(|(key, record)| {
        let (fact, _, run) = *record
            .writes
            .iter()
            .find(|write| write.2.outcome.is_some())?;
        let counts = run.outcome == Some(Outcome::Succeeded) && run.cause != RunCause::Backfill;
        (counts && born < fact && fact < died).then_some(key)
    });
    let followed: BTreeSet<&RunKey> = ledger
        .records_of(job, index)
        .filter(|(key, record)| consumes(key, record))
        .filter_map(|(_, record)| generation(record))
        .flat_map(|generation| &generation.runs)
        .collect();
    let mut completions = completions;
    let missing = completions.find(|key| !followed.contains(*key))?;
    let at = ledger.runs.get(missing)?.writes.last()?.0;
    Some((ledger.at(at), format!("{job} does not follow {missing}")))
}
