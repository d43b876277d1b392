//! Section B: what is next after a launch.

use serde_json::json;

use crate::world::{World, instant};

/// A job that is created late: its newest target runs at once.
struct Row {
    case: &'static str,
    schedule: &'static str,
    zone: &'static str,
    created: &'static str,
    /// The target that runs.
    runs: &'static str,
    /// The target after it, empty for none.
    next: &'static str,
    remaining: Option<u64>,
}

// One line for each case.
const fn row(
    case: &'static str,
    schedule: &'static str,
    created: &'static str,
    runs: &'static str,
    next: &'static str,
) -> Row {
    Row {
        case,
        schedule,
        zone: "",
        created,
        runs,
        next,
        remaining: None,
    }
}

const fn finite(row: Row, remaining: u64) -> Row {
    Row {
        remaining: Some(remaining),
        ..row
    }
}

const fn paris(row: Row) -> Row {
    Row {
        zone: "Europe/Paris",
        ..row
    }
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("35", "R/2012-01-01T00:00:01Z/PT1M", "2017-03-13T12:00:00Z", "2017-03-13T11:59:01Z", "2017-03-13T12:00:01Z"),
    row("36", "R/2012-01-01T00:00:01.000Z/PT1M", "2017-03-13T00:34:43.932Z", "2017-03-13T00:34:01Z", "2017-03-13T00:35:01Z"),
    row("38", "R/2012-01-01T00:00:01.000Z/P1M", "2017-03-13T00:34:43.932Z", "2017-03-01T00:00:01Z", "2017-04-01T00:00:01Z"),
    row("39", "R/2000-01-01T00:00:00Z/P1M", "2017-02-10T00:00:00Z", "2017-02-01T00:00:00Z", "2017-03-01T00:00:00Z"),
    row("40", "R/2000-01-15T00:00:00Z/P1M", "2017-08-14T00:00:00Z", "2017-07-15T00:00:00Z", "2017-08-15T00:00:00Z"),
    finite(row("42", "R1/2017-03-12T00:00:00Z/PT0S", "2017-03-13T00:00:00Z", "2017-03-12T00:00:00Z", ""), 0),
    finite(row("43", "R1/2017-03-13T00:00:00Z/P1D", "2017-03-13T00:00:00Z", "2017-03-13T00:00:00Z", ""), 0),
    finite(row("44", "R1/2017-03-13T00:00:00Z/P1D", "2017-03-13T00:00:00.500Z", "2017-03-13T00:00:00Z", ""), 0),
    finite(row("47", "R1/2017-03-12T00:00:00Z/PT1S", "2017-03-13T00:00:00Z", "2017-03-12T00:00:00Z", ""), 0),
    finite(row("48", "R10/2017-03-01T00:00:00Z/P1D", "2017-03-13T00:00:05Z", "2017-03-10T00:00:00Z", ""), 0),
    finite(row("49", "R3/2017-03-10T00:00:00Z/P1D", "2017-03-13T00:00:05Z", "2017-03-12T00:00:00Z", ""), 0),
    row("52", "R/2017-03-01T00:00:00Z/P1D", "2017-03-12T23:59:59.999Z", "2017-03-12T00:00:00Z", "2017-03-13T00:00:00Z"),
    row("53", "R/2017-03-12T00:00:00Z/P1Y", "2017-03-13T00:00:00Z", "2017-03-12T00:00:00Z", "2018-03-12T00:00:00Z"),
    row("54", "R/2017-03-13T00:00:00Z/PT1H30M", "2017-03-13T04:00:00Z", "2017-03-13T03:00:00Z", "2017-03-13T04:30:00Z"),
    row("54", "R/2017-03-13T00:00:00Z/P1W", "2017-03-20T00:00:00.001Z", "2017-03-20T00:00:00Z", "2017-03-27T00:00:00Z"),
    row("56", "R/2017-01-31T00:00:00Z/P1M", "2017-02-28T00:00:05Z", "2017-02-28T00:00:00Z", "2017-03-31T00:00:00Z"),
    row("56", "R/2017-01-31T00:00:00Z/P1M", "2017-03-31T00:00:05Z", "2017-03-31T00:00:00Z", "2017-04-30T00:00:00Z"),
    row("56", "R/2017-01-31T00:00:00Z/P1M", "2017-04-30T00:00:05Z", "2017-04-30T00:00:00Z", "2017-05-31T00:00:00Z"),
    row("57", "R/2017-01-31T00:00:00Z/P1M", "2017-03-01T00:00:05Z", "2017-02-28T00:00:00Z", "2017-03-31T00:00:00Z"),
    row("57a", "R/2017-02-01T00:00:00Z/P1M", "2017-03-01T00:00:05Z", "2017-03-01T00:00:00Z", "2017-04-01T00:00:00Z"),
    row("58", "R/2016-02-29T00:00:00Z/P1Y", "2016-02-29T00:00:00Z", "2016-02-29T00:00:00Z", "2017-02-28T00:00:00Z"),
    row("58", "R/2016-02-29T00:00:00Z/P1Y", "2019-03-01T00:00:00Z", "2019-02-28T00:00:00Z", "2020-02-29T00:00:00Z"),
    // More than 2^31 seconds ago.
    row("60", "R/1970-01-01T00:00:01Z/PT1S", "2039-01-01T00:00:00.5Z", "2039-01-01T00:00:00Z", "2039-01-01T00:00:01Z"),
    paris(row("64", "R/2017-03-20T09:00:00Z/P1D", "2017-03-25T08:00:05Z", "2017-03-25T08:00:00Z", "2017-03-26T07:00:00Z")),
    // After 24 hours it is 08:00 on the clocks, after a day 09:00.
    paris(row("66", "R/2017-10-28T09:00:00Z/PT24H", "2017-10-28T07:00:05Z", "2017-10-28T07:00:00Z", "2017-10-29T07:00:00Z")),
    paris(row("66", "R/2017-10-28T09:00:00Z/P1D", "2017-10-28T07:00:05Z", "2017-10-28T07:00:00Z", "2017-10-29T08:00:00Z")),
    paris(row("67", "R/2017-03-20T02:30:00Z/P1D", "2017-03-25T12:00:00Z", "2017-03-25T01:30:00Z", "2017-03-26T01:30:00Z")),
    paris(row("67", "R/2017-03-20T02:30:00Z/P1D", "2017-03-26T12:00:00Z", "2017-03-26T01:30:00Z", "2017-03-27T00:30:00Z")),
];

#[test]
fn a_schedule_advances_from_its_start() {
    for row in ROWS {
        let mut world = World::new(row.created);
        world.put(json!({
            "name": "a", "command": "true",
            "schedule": row.schedule, "scheduleTimeZone": row.zone
        }));
        let case = format!("case {}: {} {}", row.case, row.schedule, row.zone);
        let ran: Vec<_> = world.store.runs.values().map(|run| run.target).collect();
        assert_eq!(ran, [instant(row.runs)], "{case}");
        let job = world.job("a");
        let next = (!row.next.is_empty()).then(|| instant(row.next));
        assert_eq!(job.next_target().map(|next| next.at), next, "{case}");
        assert_eq!(job.targets_remaining(), row.remaining, "{case}");
    }
}

#[test]
fn nothing_but_targets_is_taken_from_a_count() {
    // Case, schedule, what happens, runs of attempt 0, targets left.
    type Step = fn(&mut World);
    let retried: Step = |world| {
        world.fail("a");
        world.until("2030-01-01T00:01:00Z");
        world.succeed("a");
    };
    let cases: [(&str, &str, Step, usize, u64); 3] = [
        ("62", "R1//P1D", retried, 1, 0),
        ("62", "R3//P1D", retried, 1, 2),
        (
            "63",
            "R5/2031-01-01T00:00:00Z/P1D",
            |world| {
                world.run_now("a");
                world.succeed("a");
            },
            1,
            5,
        ),
    ];
    for (case, schedule, step, runs, remaining) in cases {
        let mut world = World::new("2030-01-01T00:00:00Z");
        world.put(json!({"name": "a", "command": "true", "schedule": schedule, "retries": 2}));
        step(&mut world);
        let job = world.job("a");
        let first_attempts = world.store.runs.keys().filter(|key| key.attempt == 0);
        assert_eq!(first_attempts.count(), runs, "case {case}");
        assert_eq!(job.targets_remaining(), Some(remaining), "case {case}");
        let read = job.spec().schedule().unwrap().text().to_owned();
        assert_eq!(read, schedule, "case {case}: it reads as it was written");
    }
}
