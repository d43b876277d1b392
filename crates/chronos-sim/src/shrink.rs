//! Makes a failing script smaller: acts are taken away as long as the same rule stays broken.

use chronos_core::Settings;

use crate::{clock::Moment, script::Script, trial::try_script};

/// How many scripts are played at most to make one smaller: at a third of a second each, two minutes.
const TRIALS_MAX: usize = 400;

/// Returns the indices of acts that are enough to break the rule.
///
/// This is the minimising delta debugging of Zeller and Hildebrandt: ever smaller parts are left out.
pub fn shrink(script: &Script, settings: &Settings, oracle: &str) -> Vec<usize> {
    let mut trials = 0;
    let mut fails = |kept: &[usize]| {
        trials += 1;
        trials <= TRIALS_MAX && breaks(&script.keep(kept), settings, oracle)
    };
    let mut kept: Vec<usize> = (0..script.acts.len()).collect();
    let mut parts = 2;
    while kept.len() > 1 {
        let size = kept.len().div_ceil(parts);
        let without = (0..kept.len()).step_by(size).find_map(|from| {
            let to = (from + size).min(kept.len());
            let rest = [&kept[..from], &kept[to..]].concat();
            fails(&rest).then_some(rest)
        });
        match without {
            Some(rest) => {
                kept = rest;
                parts = (parts - 1).max(2);
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(kept.len()),
        }
    }
    kept
}

/// Returns the script with its end cut off after the moment at which the rule was broken, if that still
/// breaks it.
pub fn cut(script: &Script, settings: &Settings, oracle: &str, broken: Moment) -> Script {
    let length = broken.plus(60_000).min(script.length);
    let shorter = Script {
        length,
        ..script.clone()
    };
    if length < script.length && breaks(&shorter, settings, oracle) {
        shorter
    } else {
        script.clone()
    }
}

fn breaks(script: &Script, settings: &Settings, oracle: &str) -> bool {
    let verdict = try_script(script, settings);
    let mut violations = verdict.violations.iter();
    violations.any(|violation| violation.oracle == oracle)
}
