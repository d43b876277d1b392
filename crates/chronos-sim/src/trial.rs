//! One simulation: a script played, and judged.

use chronos_core::Settings;

use crate::{
    clock::Moment,
    evidence::Fact,
    oracles::{Violation, judge},
    script::Script,
    world::{Outcome, World},
};

/// What came of a script.
#[derive(Debug)]
pub struct Verdict {
    /// The rules that were broken, none in a healthy scheduler.
    pub violations: Vec<Violation>,
    /// How many facts the schedulers were given.
    pub inputs: u64,
    /// How many commands began.
    pub begun: u64,
}

/// Plays a script with these settings, and judges what happened.
pub fn try_script(script: &Script, settings: &Settings) -> Verdict {
    let outcome = World::new(script, settings.clone()).play();
    verdict(script, &outcome)
}

/// Judges what happened.
pub fn verdict(script: &Script, outcome: &Outcome) -> Verdict {
    let facts = &outcome.evidence.facts;
    let begun = facts
        .iter()
        .filter(|(_, fact)| matches!(fact, Fact::Began(_)));
    Verdict {
        violations: judge(script, &outcome.evidence),
        inputs: outcome.inputs,
        begun: begun.count() as u64,
    }
}

/// Plays a script and tells the end of its story, up to the moment at which a rule was seen broken.
pub fn story(script: &Script, settings: &Settings, broken: Moment, lines: usize) -> Vec<String> {
    let outcome = World::new(script, settings.clone()).play();
    let facts = outcome.evidence.facts.iter();
    let told: Vec<String> = facts
        .take_while(|(at, _)| *at <= broken)
        .map(|(at, fact)| {
            let act = if let Fact::Act(index) = fact {
                script.acts.get(*index)
            } else {
                None
            };
            act.map_or_else(
                || format!("{at}  {fact}"),
                |(_, act)| format!("{at}  {act}"),
            )
        })
        .collect();
    told[told.len().saturating_sub(lines)..].to_vec()
}
