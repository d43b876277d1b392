//! Policies that cannot be carried out, or that contradict each other.

use chronos_model::JobKind::{self, Any, Dependent, Scheduled};
use serde_json::json;

use super::{check, check_document};
use crate::support::{base, read, with};

const CASES: &[(&str, &str, &str)] = &[
    (
        r#"{"catchUp": "sometimes", "catchUpLimit": 5}"#,
        "catchUp",
        "unknown word \"sometimes\", expected latest or all or none",
    ),
    (
        r#"{"catchUpLimit": 5}"#,
        "catchUpLimit",
        "counts only with \"catchUp\": \"all\"; leave it out, or add that",
    ),
    (
        r#"{"catchUp": "none", "catchUpLimit": 5}"#,
        "catchUpLimit",
        "counts only with \"catchUp\": \"all\"",
    ),
    (
        r#"{"catchUp": "all", "catchUpLimit": 0}"#,
        "catchUpLimit",
        "is 0; the least is 1",
    ),
    (
        r#"{"catchUp": "all", "catchUpLimit": 10001}"#,
        "catchUpLimit",
        "the most is 10000",
    ),
    (
        r#"{"overlap": "wait"}"#,
        "overlap",
        "expected skip or queueOne or queueAll or replace or allow",
    ),
    (r#"{"overlap": ["skip"]}"#, "overlap", "expected a text"),
    (
        r#"{"overlap": "skip", "concurrent": true}"#,
        "overlap",
        "is \"skip\", which contradicts `concurrent`: true; give one of `overlap` and `concurrent`",
    ),
    (
        r#"{"overlap": "allow", "concurrent": false}"#,
        "overlap",
        "is \"allow\", which contradicts `concurrent`: false",
    ),
    (
        r#"{"overlapLimit": 5}"#,
        "overlapLimit",
        "counts only with \"overlap\": \"queueAll\" or \"allow\"",
    ),
    (
        r#"{"overlap": "replace", "overlapLimit": 5}"#,
        "overlapLimit",
        "counts only with",
    ),
    (
        r#"{"overlap": "queueAll", "overlapLimit": 0}"#,
        "overlapLimit",
        "the least is 1",
    ),
    (
        r#"{"concurrent": true, "overlapLimit": 10001}"#,
        "overlapLimit",
        "the most is 10000",
    ),
    (
        r#"{"retryBackoff": "linear"}"#,
        "retryBackoff",
        "expected fixed or exponential",
    ),
    (
        r#"{"retryDelayMax": 60}"#,
        "retryDelayMax",
        "counts only with \"retryBackoff\": \"exponential\"",
    ),
    (
        r#"{"retryBackoff": "exponential", "retryDelayMax": 0}"#,
        "retryDelayMax",
        "the least is 1",
    ),
    (
        r#"{"retryBackoff": "exponential", "retryDelayMax": 604801}"#,
        "retryDelayMax",
        "the most is 604800",
    ),
    (r#"{"startTimeout": -1}"#, "startTimeout", "the least is 0"),
    (
        r#"{"startTimeout": "PT5M"}"#,
        "startTimeout",
        "expected a whole number",
    ),
    (r#"{"jitter": 86401}"#, "jitter", "the most is 86400"),
    (r#"{"jitter": true}"#, "jitter", "expected a whole number"),
    (r#"{"calendar": "a/b"}"#, "calendar", "holds '/' at byte 1"),
    (
        r#"{"calendar": ["a", "b:"]}"#,
        "calendar[1]",
        "holds ':' at byte 1",
    ),
    (r#"{"calendar": [["a"]]}"#, "calendar[0]", "expected a text"),
    (r#"{"calendar": {}}"#, "calendar", "expected a text"),
    (r#"{"dst": "skip"}"#, "dst", "expected an object such as"),
    (
        r#"{"dst": {"gap": "both"}}"#,
        "dst.gap",
        "expected shift or skip",
    ),
    (
        r#"{"dst": {"overlap": "third"}}"#,
        "dst.overlap",
        "expected first or second or both",
    ),
    (r#"{"endTime": "tomorrow"}"#, "endTime", ""),
    (
        r#"{"endTime": "R/2030-01-01T00:00:00Z/P1D"}"#,
        "endTime",
        "",
    ),
    (r#"{"endTime": "2030-02-30T00:00:00Z"}"#, "endTime", ""),
    (r#"{"endTime": []}"#, "endTime", "expected a text"),
    (
        r#"{"dependencyRule": "allDone"}"#,
        "dependencyRule",
        "is for a job with `parents`",
    ),
    (
        r#"{"parents": ["a"], "dependencyRule": "most"}"#,
        "dependencyRule",
        "expected allSuccess or allDone or anySuccess or anyFailure",
    ),
    (
        r#"{"scheduleAndParents": "perhaps"}"#,
        "scheduleAndParents",
        "expected true or false",
    ),
    (
        r#"{"schedule": null, "cron": "* * * *"}"#,
        "cron",
        "has 4 fields; expected five",
    ),
    (
        r#"{"schedule": null, "cron": "0 25 * * *"}"#,
        "cron",
        "the hour \"25\" is wrong: number out of bounds; expected 0-23",
    ),
    (
        r#"{"schedule": null, "cron": []}"#,
        "cron",
        "expected a text",
    ),
    (
        r#"{"cron": "* * * * *"}"#,
        "cron",
        "is given beside `schedule`; a job has one of `schedule`, `cron` and `schedules`",
    ),
    (
        r#"{"schedule": null, "cron": "* * * * *", "schedules": []}"#,
        "schedules",
        "is given beside `cron`",
    ),
    (
        r#"{"schedule": null, "schedules": []}"#,
        "schedules",
        "is empty; name at least one schedule",
    ),
    (
        r#"{"schedule": null, "schedules": "R//PT1H"}"#,
        "schedules",
        "expected an array",
    ),
    (
        r#"{"schedule": null, "schedules": ["R//PT1H", "* * * * *"]}"#,
        "schedules[1]",
        "is a cron expression; give it as {\"cron\": \"…\"}",
    ),
    (
        r#"{"schedule": null, "schedules": [["R//PT1H"]]}"#,
        "schedules[0]",
        "expected a text, found an array",
    ),
    (
        r#"{"schedule": null, "schedules": [{"cron": "61 * * * *"}]}"#,
        "schedules[0].cron",
        "the minute \"61\" is wrong",
    ),
    (
        r#"{"schedule": null, "schedules": [{"schedule": "R//PT0.5S"}]}"#,
        "schedules[0].schedule",
        "shorter than one second",
    ),
    (
        r#"{"schedule": null, "schedules": [{"scheduleTimeZone": "UTC"}]}"#,
        "schedules[0]",
        "has neither `schedule` nor `cron`",
    ),
    (
        r#"{"schedule": null, "schedules": [{"schedule": "R//PT1H", "cron": "@daily"}]}"#,
        "schedules[0]",
        "has both `schedule` and `cron`",
    ),
    (
        r#"{"schedule": null, "schedules": [{"cron": "@daily", "scheduleTimeZone": "Nowhere/Land"}]}"#,
        "schedules[0].scheduleTimeZone",
        "unknown time zone",
    ),
    (
        r#"{"schedule": null, "schedules": ["R//PT1H", "R/1969-01-01T00:00:00Z/P1D"]}"#,
        "schedules",
        "before 1970-01-01T00:00:01.000Z",
    ),
];

#[test]
fn policies_and_schedules() {
    for &(fields, field, fragment) in CASES {
        check(Any, fields, field, fragment);
    }
}

const BOTH: &[(JobKind, &str, &str, &str)] = &[
    (
        Scheduled,
        r#"{"parents": ["a"]}"#,
        "parents",
        "or set `scheduleAndParents` to true",
    ),
    (
        Scheduled,
        r#"{"scheduleAndParents": true}"#,
        "parents",
        "is missing; name at least one parent",
    ),
    (
        Any,
        r#"{"scheduleAndParents": true, "parents": []}"#,
        "parents",
        "is empty",
    ),
    (
        Dependent,
        r#"{"scheduleAndParents": true, "parents": ["a"], "schedule": null}"#,
        "schedule",
        "is missing; `scheduleAndParents` needs `schedule`, `cron` or `schedules` beside `parents`",
    ),
    (
        Dependent,
        r#"{"scheduleAndParents": true, "parents": ["a"], "schedule": "FOO"}"#,
        "schedule",
        "",
    ),
];

#[test]
fn schedule_and_parents() {
    for &(kind, fields, field, fragment) in BOTH {
        check(kind, fields, field, fragment);
    }
}

#[test]
fn too_many() {
    for (fields, field, fragment) in [
        (
            json!({"schedule": null, "schedules": vec!["R//PT1H"; 33]}),
            "schedules",
            "has 33 entries, more than 32",
        ),
        (
            json!({"schedule": null, "cron": "1,".repeat(200)}),
            "cron",
            "has 400 bytes, more than 256",
        ),
        (
            json!({"calendar": vec!["a"; 17]}),
            "calendar",
            "has 17 entries, more than 16",
        ),
        (
            json!({"endTime": "2".repeat(257)}),
            "endTime",
            "has 257 bytes, more than 256",
        ),
    ] {
        check(Any, &fields.to_string(), field, fragment);
    }
}

#[test]
fn all_problems_of_a_schedule_at_once() {
    let document = with(
        r#"{"schedule": null, "schedules": ["FOO", {"cron": "@never"}], "scheduleTimeZone": "Here",
            "endTime": "later", "dst": {"gap": 1}, "overlap": "x", "retryBackoff": "y", "calendar": "/"}"#,
    );
    let problems = read(&document, Any).unwrap_err();
    let fields: Vec<_> = problems
        .iter()
        .map(|problem| problem.field.as_str())
        .collect();
    assert_eq!(
        fields,
        [
            "scheduleTimeZone",
            "dst.gap",
            "schedules[0]",
            "schedules[1].cron",
            "endTime",
            "retryBackoff",
            "overlap",
            "calendar",
        ]
    );
}

// Whatever the field, a document that is wrong elsewhere says so once.
#[test]
fn a_wrong_zone_is_one_problem() {
    let mut document = base();
    document["scheduleTimeZone"] = "Nowhere/Land".into();
    document["endTime"] = "2031-01-01".into();
    check_document(&document, Any, "scheduleTimeZone", "unknown time zone");
}
