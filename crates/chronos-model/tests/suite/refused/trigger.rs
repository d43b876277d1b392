//! Parents, schedules and zones.

use chronos_model::JobKind::{self, Any, Dependent, Scheduled};
use serde_json::json;

use super::check;

const PARENTS: &[(JobKind, &str, &str, &str)] = &[
    (
        Dependent,
        r"{}",
        "parents",
        "is missing; name at least one parent",
    ),
    (Dependent, r#"{"parents": null}"#, "parents", "is missing"),
    (
        Dependent,
        r#"{"parents": []}"#,
        "parents",
        "is empty; name at least one parent",
    ),
    (Dependent, r#"{"parents": [null]}"#, "parents", "is empty"),
    (Any, r#"{"parents": []}"#, "parents", "is empty"),
    (
        Any,
        r#"{"parents": "a"}"#,
        "parents",
        "expected an array, found \"a\"",
    ),
    (
        Any,
        r#"{"parents": ["a", "b/c"]}"#,
        "parents[1]",
        "holds '/' at byte 1",
    ),
    (
        Any,
        r#"{"parents": [["a"]]}"#,
        "parents[0]",
        "expected a text, found an array",
    ),
    (
        Any,
        r#"{"parents": ["a", "job"]}"#,
        "parents[1]",
        "is the job itself",
    ),
    (
        Scheduled,
        r#"{"parents": ["a"]}"#,
        "parents",
        "a scheduled job has no parents",
    ),
    (
        Scheduled,
        r#"{"parents": "a"}"#,
        "parents",
        "a scheduled job has no parents",
    ),
];

#[test]
fn parents() {
    for &(kind, fields, field, fragment) in PARENTS {
        check(kind, fields, field, fragment);
    }
}

const SCHEDULES: &[(u32, &str, &str)] = &[
    (1, "FOO", ""),
    (10, "R/2008-03-01T13:00:00Z", ""),
    (13, "R-1/2030-01-01T00:00:00Z/P1D", ""),
    (13, "R99999999999999999999/2030-01-01T00:00:00Z/P1D", ""),
    (14, "r5/2030-01-01T00:00:00Z/P1D", ""),
    (14, " R5/2030-01-01T00:00:00Z/P1D", ""),
    (14, "R5/2030-01-01T00:00:00Z/P1D ", ""),
    (18, "R/2030-01-01T00:00:00Z/PT1.5H", ""),
    (18, "R/2030-01-01T00:00:00Z/P0.5D", ""),
    (20, "R/2030-01-01T00:00:00Z/P-1D", ""),
    (20, "R/2030-01-01T00:00:00Z/PT-1H", ""),
    (21, "R/2030-01-01T00:00:00Z/P1D/P2D", ""),
    (21, "R/P1D/2030-01-01T00:00:00Z", ""),
    (21, "R/2030-01-01T00:00:00Z/2030-01-02T00:00:00Z", ""),
    (25, "R/2030-01-01T00:00:00+24:00/P1D", ""),
    (26, "R/20300101T000000Z/P1D", ""),
    (26, "R/2030-01-01 00:00:00Z/P1D", ""),
    (26, "R/2030-01-01T24:00:00Z/P1D", ""),
    (26, "R/2030-02-30T00:00:00Z/P1D", ""),
    (26, "R/2030-01-01T00:00:00Z[Europe/Paris]/P1D", ""),
    (27, "R/T13:00:00Z/P1D", ""),
    (
        32,
        "R/1969-12-31T23:59:59Z/P1D",
        "before 1970-01-01T00:00:01.000Z",
    ),
    (
        32,
        "R/1970-01-01T00:00:00Z/P1D",
        "before 1970-01-01T00:00:01.000Z",
    ),
    (
        59,
        "R/2030-01-01T00:00:00Z/PT0.5S",
        "shorter than one second",
    ),
    (0, "R/2030-01-01T00:00:00Z/P", "zero"),
    (0, "R2/2030-01-01T00:00:00Z/PT0S", "zero"),
    (0, "", ""),
    (0, "* * * * *", "is a cron expression; give it as `cron`"),
    (0, "@daily", "is a cron expression"),
];

#[test]
fn schedules() {
    for &(case, schedule, fragment) in SCHEDULES {
        let fields = json!({"schedule": schedule}).to_string();
        for kind in [Scheduled, Any] {
            println!("case {case}: {schedule:?}");
            check(kind, &fields, "schedule", fragment);
        }
    }
    let long = json!({"schedule": "R".repeat(257)}).to_string();
    check(Any, &long, "schedule", "has 257 bytes, more than 256");
    check(Any, r#"{"schedule": []}"#, "schedule", "expected a text");
}

// Case 28: what Java silently took for GMT.
#[test]
fn zones() {
    for zone in [
        "Nowhere/Land",
        "europe/paris",
        "+01:00",
        "null",
        " ",
        "Europe/Paris ",
    ] {
        let fields = json!({"scheduleTimeZone": zone}).to_string();
        check(Any, &fields, "scheduleTimeZone", "unknown time zone");
    }
    let long = json!({"scheduleTimeZone": "E".repeat(65)}).to_string();
    check(Any, &long, "scheduleTimeZone", "has 65 bytes, more than 64");
    check(
        Any,
        r#"{"scheduleTimeZone": {}}"#,
        "scheduleTimeZone",
        "expected a text",
    );
}
