//! Documents that are refused: which field is named, and what is said of it.

mod container;
mod job;
mod list;
mod policy;
mod trigger;

use chronos_model::{JobKind, PROBLEMS_MAX, limits};
use serde_json::{Value, json};

use crate::support::{base, read, with};

/// The base with `fields` over it gives exactly one problem.
#[track_caller]
fn check(kind: JobKind, fields: &str, field: &str, fragment: &str) {
    check_document(&with(fields), kind, field, fragment);
}

#[track_caller]
fn check_document(document: &Value, kind: JobKind, field: &str, fragment: &str) {
    let shown: String = document.to_string().chars().take(200).collect();
    let problems = read(document, kind).expect_err(&shown);
    let [problem] = problems.as_slice() else {
        panic!("{shown}: {problems:?}");
    };
    assert_eq!(problem.field, field, "{shown}: {problem}");
    assert!(problem.problem.contains(fragment), "{shown}: {problem}");
    assert_fragment(&problem.problem);
    assert_eq!(problem.to_string(), format!("{field}: {}", problem.problem));
}

// Messages are fragments that read well after a colon.
#[track_caller]
fn assert_fragment(problem: &str) {
    assert!(
        !problem.starts_with(|c: char| c.is_uppercase()),
        "{problem}"
    );
    assert!(!problem.ends_with('.'), "{problem}");
}

#[test]
fn documents_that_are_no_objects() {
    for document in [
        json!(null),
        json!([base()]),
        json!("job"),
        json!(1),
        json!(true),
    ] {
        for kind in [JobKind::Scheduled, JobKind::Dependent, JobKind::Any] {
            check_document(
                &document,
                kind,
                "job",
                "expected an object such as {\"name\"",
            );
        }
    }
}

#[test]
fn what_is_too_large() {
    let text = "x".repeat(limits::TEXT_LEN_MAX);
    let over = format!("{text}x");
    let many = limits::LIST_LEN_MAX + 1;
    let mut documents = vec![
        (
            json!({"name": "x".repeat(201)}),
            "name",
            "has 201 bytes, more than 200",
        ),
        (json!({"command": over}), "command", "more than 98304"),
        (
            json!({"description": over}),
            "description",
            "more than 98304",
        ),
        (
            json!({"arguments": vec!["x"; many]}),
            "arguments",
            "has 1001 entries, more than 1000",
        ),
        (
            json!({"parents": vec!["x"; many]}),
            "parents",
            "has 1001 entries, more than 1000",
        ),
        (
            json!({"uris": vec!["x"; many]}),
            "uris",
            "has 1001 entries, more than 1000",
        ),
        (
            json!({"arguments": [text, "x".repeat(30_000)]}),
            "arguments",
            "more than 122880",
        ),
        (
            json!({"constraints": vec![["a", "LIKE", "b"]; 65]}),
            "constraints",
            "more than 64",
        ),
        (
            json!({"constraints": [["a", "LIKE", "b".repeat(4097)]]}),
            "constraints[0][2]",
            "has 4097 bytes",
        ),
        (
            json!({"constraints": [["a", "LIKE", "(((a{999}){999}){999})"]]}),
            "constraints[0][2]",
            "no valid regular expression",
        ),
        (
            json!({"environmentVariables": [{"name": "n".repeat(30_000), "value": text}]}),
            "environmentVariables[0].value",
            "more than 122880",
        ),
    ];
    let six = [(); 6].map(|()| json!({"name": "n", "value": text}));
    documents.push((
        json!({"environmentVariables": six}),
        "job",
        "as JSON, more than 524288",
    ));
    for (fields, field, fragment) in documents {
        check(JobKind::Any, &fields.to_string(), field, fragment);
    }
}

#[test]
fn all_problems_at_once_in_order() {
    let document = json!({
        "name": "a b/c",
        "command": [],
        "shell": "yes",
        "retries": -1,
        "cpus": "lots",
        "epsilon": "P1Y",
        "schedule": "FOO",
        "scheduleTimeZone": "Nowhere/Land",
        "constraints": [["a", "NEAR", "b"], ["a", "LIKE", "("]],
        "container": {"image": "x", "volumes": [{"mode": "W"}]},
    });
    let problems = read(&document, JobKind::Scheduled).unwrap_err();
    let fields: Vec<_> = problems
        .iter()
        .map(|problem| problem.field.as_str())
        .collect();
    assert_eq!(
        fields,
        [
            "name",
            "scheduleTimeZone",
            "schedule",
            "container.volumes[0].containerPath",
            "container.volumes[0].mode",
            "command",
            "shell",
            "retries",
            "cpus",
            "epsilon",
            "constraints[0][1]",
            "constraints[1][2]",
        ]
    );
    for problem in &problems {
        assert_fragment(&problem.problem);
    }
}

#[test]
fn a_document_full_of_problems_gets_a_short_answer() {
    let long = "\u{1F552}".repeat(20_000);
    let document = with(&json!({"arguments": vec![json!({}); 500], "catchUp": long}).to_string());
    let problems = read(&document, JobKind::Any).unwrap_err();
    assert_eq!(problems.len(), PROBLEMS_MAX + 1);
    assert_eq!(
        problems[PROBLEMS_MAX].to_string(),
        "job: 401 further problems are not listed"
    );

    let document = with(&json!({"catchUp": long}).to_string());
    let problems = read(&document, JobKind::Any).unwrap_err();
    assert!(problems[0].problem.chars().count() < 120, "{}", problems[0]);
}
