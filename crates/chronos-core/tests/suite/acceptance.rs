//! The behaviour of Chronos, case by case: where each is tested, or why ours differs.
//!
//! The numbers are those of the acceptance cases that were taken from Chronos' own tests, code and
//! documents: A expressions, B advancing, C the streams of 2.x, D what is due, F the queue, G
//! dependencies, H failures, I states. Numbers that are not in [`NUMBERS`] were never given.

mod advancing;
mod ending;
mod graph;
mod streams;

use Proof::{Kept, Otherwise};

use crate::sources;

enum Proof {
    /// These tests hold it: what Chronos does, or what it should have done where that is a defect.
    Kept(&'static [&'static str]),
    /// Ours decides otherwise, for this reason; these tests hold what it does instead.
    Otherwise(&'static str, &'static [&'static str]),
}

const NUMBERS: &[(char, &str)] = &[
    (
        'A',
        "1 2 4 5 6 8 9 10 12 13 14 16 17 18 20 21 22 24 25 25a 26 27 28 30 31 32 34",
    ),
    (
        'B',
        "35 36 38 39 40 42 43 44 47 48 49 52 53 54 56 57 57a 58 59 60 62 63 64 66 67 68",
    ),
    ('C', "70 71 72 73 76 77 78 80 81 82"),
    ('D', "84 85 86 88 89 90 92"),
    ('F', "105 106 107 108 109 111 112 113"),
    (
        'G',
        "117 118 119 121 122 123 125 126 127 130 131 132 135 136",
    ),
    ('H', "137 139 140 141 143 144 145"),
    ('I', "147 148 149"),
];

const SHAPES: &str = "iso8601_repeat::chronos::case_1_and_10_and_21_other_shapes_are_refused";
const COUNTS: &str = "iso8601_repeat::chronos::case_2_and_12_and_13_counts";
const EMPTY_STARTS: &str =
    "iso8601_repeat::chronos::case_4_and_5_and_34_an_empty_start_is_the_anchor";
const ZONES: &str = "iso8601_repeat::chronos::case_6_to_9_the_zone_wins_over_the_offset";
const PERIODS: &str = "iso8601_repeat::chronos::case_16_to_18_periods";
const STARTS: &str = "iso8601_repeat::chronos::case_22_to_25_starts";
const NO_STARTS: &str = "iso8601_repeat::chronos::case_26_and_27_what_is_refused";
const CHANGES: &str = "iso8601_repeat::chronos::case_30_and_31_a_start_where_clocks_change";
const ACCEPTED: &str = "chronos_model::accepted::schedules";
const REFUSED: &str = "chronos_model::trigger::schedules";
const ADVANCED: &str = "chronos_core::advancing::a_schedule_advances_from_its_start";
const STREAMED: &str = "chronos_core::streams::a_stream_of_chronos_2_under_its_epsilon";
const SOFT: &str = "chronos_core::graph::what_completes_makes_the_children_run";
const COUNTED: &str = "chronos_core::ending::counters_after_each_end";
const CALLED: &str = "chronos_core::ending::states_in_the_words_of_chronos";

const AS_WRITTEN: &str = "it is read as there, but a job shows its schedule as it was written, so it is never printed anew";
const REVIVED: &str =
    "mesos_v1::histories::suppressed_roles_go_with_subscribe_and_wanted_ones_are_revived";
const REVIVES: &str = "there is no such flag: whether offers are wanted is a state to which the driver brings the master, so a job that finds it wanting them costs no call; the daemon does not use the driver yet";

const CASES: &[(&str, Proof)] = &[
    // A. Expressions.
    ("1", Kept(&[SHAPES, REFUSED])),
    ("2", Kept(&[COUNTS, ACCEPTED])),
    ("4", Kept(&[EMPTY_STARTS])),
    ("5", Kept(&[EMPTY_STARTS, ACCEPTED])),
    ("6", Kept(&[ZONES, ACCEPTED])),
    ("8", Kept(&[ZONES, ACCEPTED])),
    ("9", Kept(&[ZONES, ACCEPTED])),
    ("10", Kept(&[SHAPES, REFUSED])),
    ("12", Kept(&[COUNTS, ACCEPTED])),
    ("13", Otherwise(AS_WRITTEN, &[COUNTS, ACCEPTED, REFUSED])),
    ("14", Kept(&[COUNTS, REFUSED])),
    ("16", Kept(&[PERIODS, ACCEPTED])),
    ("17", Kept(&[PERIODS, ACCEPTED])),
    (
        "18",
        Otherwise(
            "PT1.5S prints without the zeros of PT1.500S: a job shows its schedule as it was written, so only previews print periods",
            &[PERIODS, REFUSED],
        ),
    ),
    (
        "20",
        Kept(&[
            "iso8601_repeat::chronos::case_20_fix_negative_periods_are_refused",
            ACCEPTED,
            REFUSED,
        ]),
    ),
    ("21", Kept(&[SHAPES, REFUSED])),
    ("22", Kept(&[STARTS, ACCEPTED])),
    ("24", Otherwise(AS_WRITTEN, &[STARTS, ACCEPTED])),
    ("25", Kept(&[STARTS, ACCEPTED])),
    ("25a", Kept(&[STARTS, REFUSED])),
    ("26", Kept(&[NO_STARTS, REFUSED])),
    ("27", Kept(&[NO_STARTS, REFUSED])),
    (
        "28",
        Otherwise(
            "refused, as the case asks, but for `Z`, which is UTC and meant it; import from Chronos is not here yet",
            &[
                "chronos_model::trigger::zones",
                "chronos_model::accepted::absent_and_null_fields_take_the_same_defaults",
                "iso8601_repeat::chronos::case_28_unknown_zones_are_the_callers_to_judge",
            ],
        ),
    ),
    ("30", Kept(&[CHANGES, ACCEPTED])),
    (
        "31",
        Otherwise(
            "of a local time that comes twice the first counts; `dst.overlap: second` is the original's choice",
            &[
                CHANGES,
                "chronos_model::parts::intervals_obey_the_policies_for_changes_of_clocks",
            ],
        ),
    ),
    ("32", Kept(&[ACCEPTED, REFUSED])),
    ("34", Kept(&[EMPTY_STARTS, ACCEPTED])),
    // B. Advancing.
    ("35", Kept(&[ADVANCED])),
    ("36", Kept(&[ADVANCED])),
    ("38", Kept(&[ADVANCED])),
    ("39", Kept(&[ADVANCED])),
    ("40", Kept(&[ADVANCED])),
    ("42", Kept(&[ADVANCED])),
    ("43", Kept(&[ADVANCED])),
    ("44", Kept(&[ADVANCED])),
    ("47", Kept(&[ADVANCED])),
    (
        "48",
        Otherwise(
            "R10 is ten targets from its start, so twelve days later it has one late run and is used up; Chronos 3 moved the start and had nine left",
            &[ADVANCED],
        ),
    ),
    (
        "49",
        Otherwise(
            "R3 is three targets from its start, as in Chronos 2; the last of them still runs, late, which only an epsilon forbids",
            &[ADVANCED, STREAMED],
        ),
    ),
    ("52", Kept(&[ADVANCED])),
    ("53", Kept(&[ADVANCED])),
    ("54", Kept(&[ADVANCED])),
    ("56", Kept(&[ADVANCED])),
    ("57", Kept(&[ADVANCED])),
    ("57a", Kept(&[ADVANCED])),
    ("58", Kept(&[ADVANCED])),
    ("59", Kept(&[REFUSED])),
    ("60", Kept(&[ADVANCED])),
    (
        "62",
        Kept(&[
            "chronos_core::advancing::nothing_but_targets_is_taken_from_a_count",
            "chronos_core::schedules::a_finite_job_is_used_up_and_then_disabled",
        ]),
    ),
    (
        "63",
        Kept(&["chronos_core::advancing::nothing_but_targets_is_taken_from_a_count"]),
    ),
    ("64", Kept(&[ADVANCED])),
    (
        "66",
        Kept(&[
            ADVANCED,
            "iso8601_repeat::chronos::case_64_to_68_clock_changes",
        ]),
    ),
    ("67", Kept(&[ADVANCED])),
    (
        "68",
        Kept(&["iso8601_repeat::chronos::case_64_to_68_clock_changes"]),
    ),
    // C. Streams of Chronos 2: `epsilon` says how late a target may be taken; there is no horizon.
    ("70", Kept(&["chronos_core::streams::the_tail_of_a_stream"])),
    ("71", Kept(&["chronos_core::streams::the_tail_of_a_stream"])),
    ("72", Kept(&[STREAMED])),
    (
        "73",
        Otherwise(
            "a target that is late by exactly its epsilon still runs: `epsilon` is how late it may be; a millisecond more is too late",
            &[STREAMED],
        ),
    ),
    (
        "76",
        Otherwise(
            "there is no horizon: targets are not scheduled ahead but taken when they come, so nothing is fixed minutes before",
            &[STREAMED],
        ),
    ),
    ("77", Kept(&[STREAMED])),
    (
        "78",
        Otherwise(
            "one run for the newest target, as in Chronos 3; `catchUp: all` runs all sixty",
            &[STREAMED],
        ),
    ),
    ("80", Kept(&[STREAMED])),
    ("81", Kept(&[STREAMED])),
    (
        "82",
        Kept(&["chronos_core::streams::what_comes_next_is_stored_with_each_target"]),
    ),
    // D. What is due.
    ("84", Kept(&["chronos_core::ending::only_what_is_due_runs"])),
    (
        "85",
        Kept(&["chronos_core::ending::what_came_first_starts_first"]),
    ),
    (
        "86",
        Kept(&["chronos_core::ending::sleeps_until_the_next_enabled_target"]),
    ),
    ("88", Kept(&[CALLED])),
    (
        "89",
        Kept(&[
            "chronos_core::schedules::a_new_job_with_a_start_in_the_past_runs_its_newest_target_at_once_and_no_other",
            "chronos_core::schedules::what_was_missed_while_nobody_was_there_is_written_down",
        ]),
    ),
    (
        "90",
        Kept(&["chronos_core::schedules::a_disabled_job_rests_and_runs_once_when_enabled_again"]),
    ),
    (
        "92",
        Kept(&["chronos_core::schedules::after_its_last_target_failed_a_finite_job_stays_enabled"]),
    ),
    // F. The queue.
    (
        "105",
        Kept(&["chronos_core::ending::what_waits_for_a_job_goes_with_it"]),
    ),
    ("106", Otherwise(REVIVES, &[REVIVED])),
    ("107", Otherwise(REVIVES, &[REVIVED])),
    ("108", Kept(&[CALLED])),
    ("109", Kept(&[CALLED])),
    (
        "111",
        Kept(&[
            "chronos_core::overlap::a_run_by_hand_of_a_busy_queued_or_disabled_job_is_recorded_as_skipped",
        ]),
    ),
    (
        "112",
        Kept(&["chronos_core::overlap::what_fits_nowhere_holds_nobody_up_and_says_why"]),
    ),
    (
        "113",
        Otherwise(
            "as there, but whatever has waited for ten minutes goes before a newcomer of high priority, so that nothing starves",
            &[
                "chronos_core::overlap::high_priority_goes_first_and_the_rest_in_order",
                "chronos_core::policies::what_has_waited_long_goes_before_a_newcomer_of_high_priority",
            ],
        ),
    ),
    // G. Dependencies.
    (
        "117",
        Kept(&["chronos_core::graph::edges_and_what_keeps_them"]),
    ),
    (
        "118",
        Kept(&[
            "chronos_core::parents::a_graph_of_chronos_own_tests_runs_as_there",
            SOFT,
        ]),
    ),
    (
        "119",
        Kept(&["chronos_core::graph::edges_and_what_keeps_them"]),
    ),
    (
        "121",
        Otherwise(
            "the disabled child does not run, as there, and a `skipped` run says so",
            &[
                "chronos_core::parents::a_disabled_child_is_passed_over",
                SOFT,
            ],
        ),
    ),
    ("122", Kept(&[SOFT])),
    (
        "123",
        Kept(&[
            "chronos_core::parents::a_soft_error_lets_the_children_go_on",
            SOFT,
        ]),
    ),
    (
        "125",
        Otherwise(
            "it waits for all three, as there; but its counters go on, because they are never taken from a client",
            &[
                "chronos_core::parents::changed_parents_count_from_the_change",
                "chronos_core::graph::changed_parents_keep_the_counters",
            ],
        ),
    ),
    (
        "126",
        Kept(&[
            "chronos_core::parents::counts_completions_as_chronos_did",
            SOFT,
        ]),
    ),
    ("127", Kept(&[SOFT])),
    (
        "130",
        Kept(&["chronos_core::graph::disabled_jobs_do_and_count_nothing"]),
    ),
    (
        "131",
        Kept(&["chronos_core::parents::a_scheduled_job_becomes_a_dependent_one_and_back"]),
    ),
    (
        "132",
        Kept(&[
            "chronos_core::generations::a_child_never_mixes_two_generations_of_a_common_ancestor",
            SOFT,
        ]),
    ),
    (
        "135",
        Kept(&["chronos_core::parents::a_job_with_children_is_deleted_only_as_asked"]),
    ),
    (
        "136",
        Kept(&["chronos_core::parents::a_job_with_children_is_deleted_only_as_asked"]),
    ),
    // H. Failures.
    (
        "137",
        Kept(&[COUNTED, "chronos_core::ending::what_is_told_of_each_end"]),
    ),
    (
        "139",
        Kept(&["chronos_core::retries::retries_are_counted_per_run_whatever_happened_before"]),
    ),
    (
        "140",
        Kept(&[COUNTED, "chronos_core::ending::what_is_told_of_each_end"]),
    ),
    (
        "141",
        Otherwise(
            "the failed run and the disabled job are both told of; what becomes a mail is for the notifications to say, which are not here yet",
            &[
                "chronos_core::retries::too_many_failures_disable_a_job_when_the_operator_says_so",
                "chronos_core::ending::what_is_told_of_each_end",
            ],
        ),
    ),
    ("143", Kept(&[COUNTED])),
    (
        "144",
        Otherwise(
            "a run that is killed on request counts nothing, as there; one that somebody kills behind our back has failed, because nobody decided to do without it",
            &[COUNTED, "chronos_core::ending::no_end_leaves_a_run_behind"],
        ),
    ),
    (
        "145",
        Otherwise(
            "every end that an agent can tell ends the run or puts it back; the states that only a Mesos master knows are its driver's to translate, which is not here yet",
            &[
                "chronos_core::ending::no_end_leaves_a_run_behind",
                "chronos_core::recovery::an_intent_that_never_reached_the_agent_is_launched_after_all",
            ],
        ),
    ),
    // I. States.
    ("147", Kept(&[CALLED])),
    ("148", Kept(&["chronos_core::ending::the_last_status"])),
    (
        "149",
        Kept(&["chronos_api::looking::counts_how_long_runs_took"]),
    ),
];

#[test]
fn every_case_of_these_sections_is_here_once() {
    let want: Vec<&str> = NUMBERS
        .iter()
        .flat_map(|(_, numbers)| numbers.split(' '))
        .collect();
    let have: Vec<&str> = CASES.iter().map(|(number, _)| *number).collect();
    assert_eq!(have, want);
}

#[test]
fn every_case_names_tests_that_exist_or_a_reason() {
    let tests = sources::tests();
    for (number, proof) in CASES {
        let (reason, named) = match proof {
            Kept(named) => (None, *named),
            Otherwise(reason, named) => (Some(*reason), *named),
        };
        assert!(!named.is_empty(), "case {number}");
        assert!(
            reason.is_none_or(|reason| reason.len() > 20),
            "case {number}"
        );
        for test in named {
            assert!(tests.contains(*test), "case {number}: there is no {test}");
        }
    }
}
