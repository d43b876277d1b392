//! Which completions of its parents make a job run: a choice from what is stored, and nothing else.
//!
//! Every completion of a job has a number. A child remembers, for each parent, the number up to which
//! completions are used up. What is ahead of that is open. The rule of the child says which open
//! completions make it run.
//!
//! Completions also carry from where they come (their lineage): for each earlier job with several
//! children, the number of its completion that led here. Completions go together only when they agree
//! on the jobs that both name. So a child with two parents that have a common ancestor never mixes the
//! ancestor's third completion on one way with its second on the other.

use std::{collections::BTreeMap, sync::Arc};

use chronos_model::{Completion, CompletionKind, Generation, JobName, Lineage, ParentRule, RunKey};

use crate::{job::Job, settings::CHOICES_MAX};

/// The completions that make a job run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Choice {
    /// What is used up by that, for each parent.
    pub(crate) consumed: BTreeMap<JobName, u64>,
    /// What the run is told of it.
    pub(crate) generation: Generation,
    /// From where everything comes that is used up with it; nothing of that makes the job run again.
    pub(crate) used_up: Lineage,
}

/// One parent, as its child sees it.
struct Parent<'a> {
    name: &'a JobName,
    completed: u64,
    consumed: u64,
    /// Its newest completion of any kind.
    newest: Option<&'a Completion>,
    /// The open completions that the rule counts, newest first.
    open: Vec<&'a Completion>,
    /// The store may have forgotten older ones that were open too.
    forgetful: bool,
}

/// Returns the completions that make a job run now, `None` when it must wait.
pub(crate) fn choose<'a>(
    job: &'a Job,
    find: impl Fn(&JobName) -> Option<&'a Arc<Job>>,
) -> Option<Choice> {
    let parents = parents(job, find);
    if parents.is_empty() {
        return None;
    }
    match job.spec.parent_rule {
        ParentRule::AllSuccess | ParentRule::AllDone => choose_all(&parents),
        ParentRule::AnySuccess | ParentRule::AnyFailure => choose_any(&parents),
    }
}

/// Returns the parents for which a job waits, none when it need not wait.
pub(crate) fn pending<'a>(
    job: &'a Job,
    find: impl Fn(&JobName) -> Option<&'a Arc<Job>>,
) -> Vec<JobName> {
    let parents = parents(job, find);
    let without = |parents: &[Parent<'_>]| -> Vec<JobName> {
        let waiting = parents.iter().filter(|parent| parent.open.is_empty());
        waiting.map(|parent| parent.name.clone()).collect()
    };
    match job.spec.parent_rule {
        ParentRule::AllSuccess | ParentRule::AllDone => {
            let missing = without(&parents);
            if missing.is_empty() && choose_all(&parents).is_none() {
                return behind(&parents);
            }
            missing
        }
        ParentRule::AnySuccess | ParentRule::AnyFailure => match choose_any(&parents) {
            Some(_) => Vec::new(),
            None => without(&parents),
        },
    }
}

fn parents<'a>(job: &'a Job, find: impl Fn(&JobName) -> Option<&'a Arc<Job>>) -> Vec<Parent<'a>> {
    let last = job.progress.links.generation.as_deref();
    let parent = |name: &'a JobName| {
        let consumed = job.progress.links.consumed.get(name).copied().unwrap_or(0);
        let Some(parent) = find(name) else {
            return Parent {
                name,
                completed: 0,
                consumed,
                newest: None,
                open: Vec::new(),
                forgetful: false,
            };
        };
        let completions = &parent.progress.links.completions;
        let counts = |completion: &&Completion| {
            let rule = job.spec.parent_rule;
            is_open(rule, completion, consumed, last) && suits(rule, completion.kind)
        };
        Parent {
            name,
            completed: parent.progress.completed,
            consumed,
            newest: completions.last(),
            open: completions.iter().rev().filter(counts).collect(),
            forgetful: completions
                .first()
                .is_some_and(|oldest| oldest.number > consumed.saturating_add(1)),
        }
    };
    let mut parents: Vec<Parent<'a>> = job.spec.parents().iter().map(parent).collect();
    // Those that remember all say first what goes together; those that do not are then asked for it.
    parents.sort_by_key(|parent| parent.forgetful);
    parents
}

fn is_open(
    rule: ParentRule,
    completion: &Completion,
    consumed: u64,
    last: Option<&Generation>,
) -> bool {
    match rule {
        ParentRule::AllSuccess | ParentRule::AllDone => completion.number > consumed,
        // A rule of "any" uses up the next completion of each parent that was not needed, so that it
        // does not make the child run again. One that comes of something later was never part of that.
        ParentRule::AnySuccess | ParentRule::AnyFailure => {
            completion.number > consumed
                || (completion.number == consumed
                    && last.is_some_and(|last| is_later(&completion.lineage, &last.lineage)))
        }
    }
}

fn is_later(lineage: &Lineage, last: &Lineage) -> bool {
    lineage
        .iter()
        .any(|(job, number)| last.get(job).is_some_and(|last| number > last))
}

const fn suits(rule: ParentRule, kind: CompletionKind) -> bool {
    match (rule, kind) {
        (ParentRule::AllDone, _)
        | (ParentRule::AllSuccess | ParentRule::AnySuccess, CompletionKind::Success)
        | (ParentRule::AnyFailure, CompletionKind::Failure) => true,
        (ParentRule::AllSuccess | ParentRule::AnySuccess | ParentRule::AnyFailure, _) => false,
    }
}

/// Notes where something that is used up comes from: the latest of each counts.
pub(crate) fn take_in(used_up: &mut Lineage, lineage: &Lineage) {
    for (job, &number) in lineage {
        let known = used_up.entry(job.clone()).or_insert(number);
        *known = (*known).max(number);
    }
}

/// Whether two completions name the same completion of every job that both name.
pub(crate) fn agree(a: &Lineage, b: &Lineage) -> bool {
    let (fewer, more) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    fewer
        .iter()
        .all(|(job, number)| more.get(job).is_none_or(|other| other == number))
}

fn choose_all(parents: &[Parent<'_>]) -> Option<Choice> {
    let mut search = Search {
        parents,
        chosen: Vec::with_capacity(parents.len()),
        tried: 0,
    };
    search
        .go_on(&Lineage::new())
        .then(|| choice(parents, &search.chosen))
}

/// The newest completions that agree, one of each parent.
struct Search<'p, 'a> {
    parents: &'p [Parent<'a>],
    chosen: Vec<&'a Completion>,
    tried: usize,
}

impl Search<'_, '_> {
    fn go_on(&mut self, lineage: &Lineage) -> bool {
        let Some(parent) = self.parents.get(self.chosen.len()) else {
            return true;
        };
        for &completion in &parent.open {
            self.tried = self.tried.saturating_add(1);
            // Parents with so many disagreeing ancestors are given up until the next completion.
            if self.tried > CHOICES_MAX {
                return false;
            }
            if !agree(lineage, &completion.lineage) && !is_lost(parent, lineage, completion) {
                continue;
            }
            let mut merged = lineage.clone();
            for (job, number) in &completion.lineage {
                merged.entry(job.clone()).or_insert(*number);
            }
            self.chosen.push(completion);
            if self.go_on(&merged) {
                return true;
            }
            self.chosen.pop();
        }
        false
    }
}

// What the others wait for may have been there and be forgotten by now; waiting for it would never end.
// The oldest that is left stands for it.
fn is_lost(parent: &Parent<'_>, lineage: &Lineage, completion: &Completion) -> bool {
    parent.forgetful
        && parent
            .open
            .last()
            .is_some_and(|oldest| oldest.number == completion.number)
        && completion
            .lineage
            .iter()
            .all(|(job, number)| lineage.get(job).is_none_or(|wanted| wanted <= number))
}

fn choose_any(parents: &[Parent<'_>]) -> Option<Choice> {
    let newest = |parent: &Parent<'_>| parent.open.first().copied().map(|c| c.number);
    parents.iter().find(|parent| newest(parent).is_some())?;
    // All that suit by now make one run; those that agree with the first are told of.
    let mut chosen: Vec<&Completion> = Vec::new();
    for completion in parents.iter().filter_map(|parent| parent.open.first()) {
        if chosen
            .iter()
            .all(|other| agree(&other.lineage, &completion.lineage))
        {
            chosen.push(completion);
        }
    }
    let mut choice = choice(parents, &chosen);
    let lineage = &choice.generation.lineage;
    choice.consumed = parents
        .iter()
        .map(|parent| {
            let part = has_ended_in(parent, lineage);
            let consumed = parent.completed.saturating_add(u64::from(!part));
            (parent.name.clone(), consumed)
        })
        .collect();
    for parent in parents {
        for completion in parent.open.iter().copied().chain(parent.newest) {
            take_in(&mut choice.used_up, &completion.lineage);
        }
    }
    Some(choice)
}

// Whether the newest completion of a parent belongs to the generation that makes the child run now. If
// not, the one to come does.
fn has_ended_in(parent: &Parent<'_>, lineage: &Lineage) -> bool {
    let open = parent.completed > parent.consumed || !parent.open.is_empty();
    let is_of_before = |completion: &Completion| is_later(lineage, &completion.lineage);
    open && !parent.newest.is_some_and(is_of_before)
}

fn choice(parents: &[Parent<'_>], chosen: &[&Completion]) -> Choice {
    let mut lineage = Lineage::new();
    for completion in chosen {
        for (job, number) in &completion.lineage {
            lineage.entry(job.clone()).or_insert(*number);
        }
    }
    let runs: Vec<RunKey> = chosen
        .iter()
        .filter_map(|completion| completion.run.clone())
        .collect();
    let consumed = parents
        .iter()
        .zip(chosen)
        .map(|(parent, completion)| (parent.name.clone(), completion.number));
    Choice {
        consumed: consumed.collect(),
        used_up: lineage.clone(),
        generation: Generation { runs, lineage },
    }
}

// All have completed, but not from the same ancestors: those that are behind the others are waited for.
fn behind(parents: &[Parent<'_>]) -> Vec<JobName> {
    let mut newest = Lineage::new();
    for completion in parents.iter().filter_map(|parent| parent.open.first()) {
        for (job, &number) in &completion.lineage {
            let known = newest.entry(job.clone()).or_insert(number);
            *known = (*known).max(number);
        }
    }
    let is_behind = |completion: &&Completion| {
        completion
            .lineage
            .iter()
            .any(|(job, number)| newest.get(job) > Some(number))
    };
    parents
        .iter()
        .filter(|parent| parent.open.first().is_some_and(is_behind))
        .map(|parent| parent.name.clone())
        .collect()
}
