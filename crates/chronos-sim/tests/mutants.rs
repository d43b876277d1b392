//! Each oracle has been seen to fail: a bug is put back, and the oracle that is there for it finds it.

use chronos_core::{Mutant, Settings};
use chronos_sim::{
    oracles::ORACLES,
    plan::{Size, plan},
    trial::try_script,
};

/// How many seeds there are to find a bug.
const SEEDS: u64 = 400;

/// How long each lasts.
const SIZE: Size = Size { days: 12, jobs: 12 };

/// Says which oracle finds which bug, and makes a test of each.
macro_rules! found_by {
    ($($test:ident: $mutant:ident => $oracle:literal,)*) => {
        const FOUND_BY: &[(Mutant, &str)] = &[$((Mutant::$mutant, $oracle)),*];

        $(
            #[test]
            fn $test() {
                check(Mutant::$mutant, $oracle);
            }
        )*
    };
}

found_by! {
    a_target_that_is_jumped_over: ForgetsTarget => "L1 no loss",
    a_retry_that_takes_a_target: RetryTakesATarget => "L1 no loss",
    a_queue_that_is_not_looked_at_again: NeverMatchesAgain => "L3 recovery",
    a_start_before_its_time: EarlyByASecond => "S1 no early run",
    a_run_that_a_new_leader_starts_again: RunsTwiceAfterRecovery => "S2 at most once",
    a_run_that_a_new_leader_forgets: OverlapsAfterRecovery => "S3 no overlap",
    a_launch_before_its_intent_is_durable: LaunchesUnwritten => "S4 fencing",
    a_target_from_before_the_job: TakesOneTooMany => "S5 count",
    a_launch_of_a_disabled_job: LaunchesDisabled => "S6 no ghost",
    a_launch_of_another_definition: LaunchesAnother => "S7 edit",
    a_completion_that_counts_twice: CountsTwice => "S8 dependency",
    completions_that_do_not_belong_together: MixesLineages => "S8 dependency",
    a_completion_that_children_do_not_hear_of: ForgetsCompletion => "S8 dependency",
    a_retry_without_its_delay: RetriesAtOnce => "S9 retry",
    a_retry_of_what_was_killed: RetriesKilled => "S9 retry",
    a_killed_run_on_record_as_a_success: CallsKilledSucceeded => "S10 history",
    an_answer_before_the_change_is_durable: AnswersUnwritten => "S11 durability",
    an_edit_that_changes_nothing: KeepsOldDefinition => "S11 durability",
    a_count_that_only_the_leader_knows: KeepsToItself => "S12 convergence",
    a_timer_that_is_not_set: ForgetsTimer => "S13 liveness audit",
}

#[track_caller]
fn check(mutant: Mutant, oracle: &str) {
    let settings = Settings {
        mutant: Some(mutant),
        ..Settings::default()
    };
    let fails = |seed, settings: &Settings| {
        let verdict = try_script(&plan(seed, SIZE), settings);
        let mut violations = verdict.violations.iter();
        violations.any(|violation| violation.oracle == oracle)
    };
    // What a healthy scheduler fails too proves nothing.
    let found = (0..SEEDS).any(|seed| fails(seed, &settings) && !fails(seed, &Settings::default()));
    assert!(found, "{oracle} does not find {mutant:?} in {SEEDS} seeds");
}

#[test]
fn every_oracle_has_a_bug_to_find_and_every_bug_an_oracle() {
    for (oracle, _) in ORACLES {
        assert!(FOUND_BY.iter().any(|(_, by)| *by == oracle), "{oracle}");
    }
    for mutant in Mutant::ALL {
        assert!(FOUND_BY.iter().any(|(it, _)| *it == mutant), "{mutant:?}");
    }
}
