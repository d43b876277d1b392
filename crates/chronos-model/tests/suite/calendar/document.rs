//! The JSON of calendars.

use chronos_model::{Calendar, limits};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::calendar;
use crate::generate;

#[track_caller]
fn check_written(document: &Value, want: &Value) {
    let read = calendar(document);
    assert_eq!(Value::from(read.to_json()).to_string(), want.to_string());
    assert_eq!(calendar(want), read);
}

#[test]
fn written_as_it_was_read() {
    let full = json!({
        "name": "holidays",
        "zone": "Europe/Berlin",
        "description": "nobody is there",
        "dates": ["2026-12-25", "2026-12-24/2027-01-01", "--12-25", "--02-29"],
        "weekdays": ["SAT", "SUN"],
        "windows": [{"from": "22:00", "to": "06:00"}, {"from": "00:00", "to": "24:00", "weekdays": ["WED"]}],
    });
    check_written(&full, &full);
    assert_eq!(calendar(&full).name().as_str(), "holidays");
    assert_eq!(calendar(&full).description(), "nobody is there");
}

#[test]
fn read_leniently() {
    let nulls = json!({"name": "a", "zone": null, "description": null, "dates": null, "weekdays": null, "windows": null});
    check_written(&nulls, &json!({"name": "a"}));
    check_written(
        &json!({"name": 7, "zone": "", "owner": "nobody", "dates": [null, " 2026-12-25 ", "2026-12-25/2026-12-25"],
            "weekdays": ["saturday", "Mon", " sun ", "SAT"],
            "windows": [null, {"from": " 08:00", "to": "09:30", "weekdays": null, "comment": 1}]}),
        &json!({"name": "7", "dates": ["2026-12-25", "2026-12-25"], "weekdays": ["MON", "SAT", "SUN"],
            "windows": [{"from": "08:00", "to": "09:30"}]}),
    );
    // As scheduleTimeZone, with the ids of Java.
    check_written(
        &json!({"name": "a", "zone": "IST"}),
        &json!({"name": "a", "zone": "IST"}),
    );
}

const WRONG: &[(&str, &str, &str)] = &[
    (r"[]", "calendar", "expected an object such as"),
    (r"{}", "name", "is missing"),
    (r#"{"name": "a/b"}"#, "name", "holds '/' at byte 1"),
    (
        r#"{"name": "a", "zone": "Here"}"#,
        "zone",
        "unknown time zone",
    ),
    (r#"{"name": "a", "zone": []}"#, "zone", "expected a text"),
    (
        r#"{"name": "a", "dates": "2026-01-01"}"#,
        "dates",
        "expected an array",
    ),
    (
        r#"{"name": "a", "dates": ["2026-02-29"]}"#,
        "dates[0]",
        "\"2026-02-29\" is no date; expected 2026-12-25, 2026-12-24/2027-01-01 or --12-25",
    ),
    (
        r#"{"name": "a", "dates": ["--02-30"]}"#,
        "dates[0]",
        "is no date",
    ),
    (
        r#"{"name": "a", "dates": ["2026-1-1"]}"#,
        "dates[0]",
        "is no date",
    ),
    (
        r#"{"name": "a", "dates": ["2026-01-01-01"]}"#,
        "dates[0]",
        "is no date",
    ),
    (
        r#"{"name": "a", "dates": ["12-25"]}"#,
        "dates[0]",
        "is no date",
    ),
    (
        r#"{"name": "a", "dates": ["2026-01-01/"]}"#,
        "dates[0]",
        "is no date",
    ),
    (
        r#"{"name": "a", "dates": ["2026-01-01/--12-25"]}"#,
        "dates[0]",
        "is no date",
    ),
    (
        r#"{"name": "a", "dates": ["2026-01-02/2026-01-01"]}"#,
        "dates[0]",
        "ends before it begins",
    ),
    (
        r#"{"name": "a", "dates": [{"from": "2026-01-01"}]}"#,
        "dates[0]",
        "expected a text",
    ),
    (
        r#"{"name": "a", "weekdays": ["SA"]}"#,
        "weekdays[0]",
        "unknown weekday \"SA\", expected MON, TUE",
    ),
    (
        r#"{"name": "a", "weekdays": [6]}"#,
        "weekdays[0]",
        "unknown weekday \"6\"",
    ),
    (
        r#"{"name": "a", "weekdays": "SAT"}"#,
        "weekdays",
        "expected an array",
    ),
    (
        r#"{"name": "a", "windows": [[]]}"#,
        "windows[0]",
        "expected an object such as",
    ),
    (
        r#"{"name": "a", "windows": [{"from": "22:00"}]}"#,
        "windows[0].to",
        "is missing",
    ),
    (
        r#"{"name": "a", "windows": [{"from": "22", "to": "24:00"}]}"#,
        "windows[0].from",
        "\"22\" is no time of day",
    ),
    (
        r#"{"name": "a", "windows": [{"from": "22:00", "to": "24:01"}]}"#,
        "windows[0].to",
        "is no time of day",
    ),
    (
        r#"{"name": "a", "windows": [{"from": "22:60", "to": "24:00"}]}"#,
        "windows[0].from",
        "is no time of day",
    ),
    (
        r#"{"name": "a", "windows": [{"from": "8:00", "to": "9:00"}]}"#,
        "windows[0].from",
        "is no time of day",
    ),
    (
        r#"{"name": "a", "windows": [{"from": "+8:00", "to": "09:00"}]}"#,
        "windows[0].from",
        "is no time of day",
    ),
    (
        r#"{"name": "a", "windows": [{"from": "08:00", "to": "08:00"}]}"#,
        "windows[0]",
        "is empty; 00:00 to 24:00 is a whole day",
    ),
    (
        r#"{"name": "a", "windows": [{"from": "24:00", "to": "08:00"}]}"#,
        "windows[0]",
        "is empty",
    ),
    (
        r#"{"name": "a", "windows": [{"from": "08:00", "to": "09:00", "weekdays": []}]}"#,
        "windows[0].weekdays",
        "is empty; leave it out",
    ),
    (
        r#"{"name": "a", "windows": [{"from": "08:00", "to": "09:00", "weekdays": ["X"]}]}"#,
        "windows[0].weekdays[0]",
        "unknown weekday",
    ),
    (
        r#"{"name": "a", "weekdays": ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]}"#,
        "calendar",
        "leaves out every instant",
    ),
    (
        r#"{"name": "a", "windows": [{"from": "06:00", "to": "06:00"}, {"from": "00:00", "to": "24:00"}]}"#,
        "windows[0]",
        "is empty",
    ),
    (
        r#"{"name": "a", "windows": [{"from": "00:00", "to": "24:00"}]}"#,
        "calendar",
        "leaves out every instant, so that its jobs would never start",
    ),
    (
        r#"{"name": "a", "weekdays": ["SAT"], "windows": [{"from": "22:00", "to": "12:00"}, {"from": "12:00", "to": "22:00"}]}"#,
        "calendar",
        "leaves out every instant",
    ),
];

#[test]
fn refused() {
    for (text, field, fragment) in WRONG {
        let document: Value = serde_json::from_str(text).unwrap();
        let problems = Calendar::from_json(&document).expect_err(text);
        let found = problems.iter().find(|problem| &problem.field == field);
        let found = found.unwrap_or_else(|| panic!("{text}: {problems:?}"));
        assert!(found.problem.contains(fragment), "{text}: {found}");
        assert!(!found.problem.ends_with('.'), "{found}");
    }
    let all =
        json!({"zone": "Here", "dates": ["x"], "weekdays": ["y"], "windows": [{"from": "z"}]});
    let problems = Calendar::from_json(&all).unwrap_err();
    let fields: Vec<_> = problems
        .iter()
        .map(|problem| problem.field.as_str())
        .collect();
    assert_eq!(
        fields,
        [
            "name",
            "zone",
            "dates[0]",
            "weekdays[0]",
            "windows[0].from",
            "windows[0].to"
        ]
    );
}

#[test]
fn nearly_everything_may_be_left_out() {
    let days: Vec<String> = (1..=31)
        .flat_map(|day| (1..=12).map(move |month| format!("--{month:02}-{day:02}")))
        .filter(|date| calendar_of(&json!([date])).is_ok())
        .collect();
    assert_eq!(days.len(), 366);
    assert!(calendar_of(&json!(days)).is_err());
    assert!(calendar_of(&json!(days[1..])).is_ok());
    calendar(
        &json!({"name": "a", "weekdays": ["MON", "TUE", "WED", "THU", "FRI", "SAT"],
        "windows": [{"from": "00:00", "to": "23:59"}]}),
    );
}

fn calendar_of(dates: &Value) -> Result<Calendar, Vec<chronos_model::FieldProblem>> {
    Calendar::from_json(&json!({"name": "a", "dates": dates}))
}

#[test]
fn bounds() {
    let dates = vec!["2026-01-01"; limits::CALENDAR_DATES_LEN_MAX + 1];
    let window = json!({"from": "08:00", "to": "09:00"});
    let windows = vec![window; limits::CALENDAR_WINDOWS_LEN_MAX + 1];
    assert!(calendar_of(&json!(dates[1..])).is_ok());
    for document in [
        json!({"name": "a", "dates": dates}),
        json!({"name": "a", "windows": windows}),
        json!({"name": "a", "zone": "E".repeat(65)}),
    ] {
        let problems = Calendar::from_json(&document).unwrap_err();
        assert!(problems[0].problem.contains("more than"), "{}", problems[0]);
    }
}

proptest! {
    #[test]
    fn any_json(document in generate::json()) {
        if let Ok(calendar) = Calendar::from_json(&document) {
            let written = Value::from(calendar.to_json());
            prop_assert_eq!(Calendar::from_json(&written), Ok(calendar));
        }
    }
}
