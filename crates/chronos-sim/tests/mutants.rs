//! Each oracle has been seen to fail: a bug is put back, and the oracle that is there for it finds it.

use chronos_core::{Mutant, Settings};
use chronos_sim::{
    oracles::{ORACLES, Violation},
    plan::{Size, plan},
    trial::try_script,
};

/// How many seeds there are to find a bug.
const SEEDS: u64 = 400;

/// How long each lasts.
const SIZE: Size = Size { days: 12, jobs: 12 };

/// Each bug, and the oracle that must find it.
const FOUND_BY: [(Mutant, &str); 20] = [
    (Mutant::ForgetsTarget, "L1 no loss"),
    (Mutant::RetryTakesATarget, "L1 no loss"),
    (Mutant::NeverMatchesAgain, "L3 recovery"),
    (Mutant::EarlyByASecond, "S1 no early run"),
    (Mutant::RunsTwiceAfterRecovery, "S2 at most once"),
    (Mutant::OverlapsAfterRecovery, "S3 no overlap"),
    (Mutant::LaunchesUnwritten, "S4 fencing"),
    (Mutant::TakesOneTooMany, "S5 count"),
    (Mutant::LaunchesDisabled, "S6 no ghost"),
    (Mutant::LaunchesAnother, "S7 edit"),
    (Mutant::CountsTwice, "S8 dependency"),
    (Mutant::MixesLineages, "S8 dependency"),
    (Mutant::ForgetsCompletion, "S8 dependency"),
    (Mutant::RetriesAtOnce, "S9 retry"),
    (Mutant::RetriesKilled, "S9 retry"),
    (Mutant::CallsKilledSucceeded, "S10 history"),
    (Mutant::AnswersUnwritten, "S11 durability"),
    (Mutant::KeepsOldDefinition, "S11 durability"),
    (Mutant::KeepsToItself, "S12 convergence"),
    (Mutant::ForgetsTimer, "S13 liveness audit"),
];

fn seed_that_finds(mutant: Mutant, oracle: &str) -> Option<u64> {
    let settings = Settings {
        mutant: Some(mutant),
        ..Settings::default()
    };
    (0..SEEDS).find(|&seed| {
        let script = plan(seed, SIZE);
        let verdict = try_script(&script, &settings);
        let named = |violation: &Violation| violation.oracle == oracle;
        // What a healthy scheduler fails too proves nothing.
        verdict.violations.iter().any(named)
            && !try_script(&script, &Settings::default())
                .violations
                .iter()
                .any(named)
    })
}

#[test]
fn every_bug_is_found_by_its_oracle() {
    let missed: Vec<String> = FOUND_BY
        .iter()
        .filter(|(mutant, oracle)| {
            let seed = seed_that_finds(*mutant, oracle);
            println!("{mutant:?}: {oracle} finds it with seed {seed:?}");
            seed.is_none()
        })
        .map(|(mutant, oracle)| format!("{oracle} does not find {mutant:?}"))
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn every_oracle_finds_a_bug_and_every_bug_is_looked_for() {
    for (oracle, _) in ORACLES {
        assert!(FOUND_BY.iter().any(|(_, by)| *by == oracle), "{oracle}");
    }
    for mutant in Mutant::ALL {
        assert!(FOUND_BY.iter().any(|(it, _)| *it == mutant), "{mutant:?}");
    }
}
