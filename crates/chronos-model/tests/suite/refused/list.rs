//! Files, variables, arguments and constraints.

use chronos_model::JobKind;

use super::check;
use crate::support::{read, with};

const CASES: &[(&str, &str, &str)] = &[
    (
        r#"{"uris": "http://a/b"}"#,
        "uris",
        "expected an array, found \"http://a/b\"",
    ),
    (
        r#"{"uris": [[]]}"#,
        "uris[0]",
        "expected a text, found an array",
    ),
    (r#"{"uris": ["http://a/b", ""]}"#, "uris[1]", "is empty"),
    (
        r#"{"uris": ["http://a\u0000"]}"#,
        "uris[0]",
        "NUL character at byte 8",
    ),
    (
        r#"{"fetch": {"uri": "a"}}"#,
        "fetch",
        "expected an array, found an object",
    ),
    (
        r#"{"fetch": ["http://a/b"]}"#,
        "fetch[0]",
        "expected an object such as {\"uri\"",
    ),
    (r#"{"fetch": [{}]}"#, "fetch[0].uri", "is missing"),
    (r#"{"fetch": [{"uri": ""}]}"#, "fetch[0].uri", "is empty"),
    (
        r#"{"fetch": [{"uri": "a", "cache": "maybe"}]}"#,
        "fetch[0].cache",
        "true or false",
    ),
    (
        r#"{"fetch": [{"uri": "a", "output_file": []}]}"#,
        "fetch[0].output_file",
        "a text",
    ),
    (
        r#"{"fetch": [{"uri": "a"}], "uris": ["b"]}"#,
        "uris",
        "differs from `fetch`",
    ),
    (
        r#"{"fetch": [{"uri": "a"}], "uris": ["a", "b"]}"#,
        "uris",
        "differs from `fetch`",
    ),
    (
        r#"{"environmentVariables": {"A": "b"}}"#,
        "environmentVariables",
        "an array",
    ),
    (
        r#"{"environmentVariables": ["A=b"]}"#,
        "environmentVariables[0]",
        "{\"name\": ",
    ),
    (
        r#"{"environmentVariables": [{"name": "A", "value": ""}, {"value": "b"}]}"#,
        "environmentVariables[1].name",
        "is missing",
    ),
    (
        r#"{"environmentVariables": [{"name": "", "value": "b"}]}"#,
        "environmentVariables[0].name",
        "is empty",
    ),
    (
        r#"{"environmentVariables": [{"name": "A=B", "value": "b"}]}"#,
        "environmentVariables[0].name",
        "holds '='",
    ),
    (
        r#"{"environmentVariables": [{"name": "A\u0000", "value": "b"}]}"#,
        "environmentVariables[0].name",
        "NUL",
    ),
    (
        r#"{"environmentVariables": [{"name": "A"}]}"#,
        "environmentVariables[0].value",
        "is missing",
    ),
    (
        r#"{"environmentVariables": [{"name": "A", "value": "\u0000"}]}"#,
        "environmentVariables[0].value",
        "NUL",
    ),
    (
        r#"{"arguments": "-v"}"#,
        "arguments",
        "expected an array, found \"-v\"",
    ),
    (
        r#"{"arguments": ["-v", {}]}"#,
        "arguments[1]",
        "expected a text, found an object",
    ),
    (r#"{"arguments": ["a\u0000"]}"#, "arguments[0]", "NUL"),
    (
        r#"{"constraints": "rack EQUALS r1"}"#,
        "constraints",
        "expected an array",
    ),
    (
        r#"{"constraints": ["rack"]}"#,
        "constraints[0]",
        "expected an array such as [\"rack\"",
    ),
    (r#"{"constraints": ["rack", "EQUALS", "r1"]}"#, "", ""),
    (
        r#"{"constraints": [["hostname", "UNIQUE"]]}"#,
        "constraints[0]",
        "has 2 entries",
    ),
    // Case 162.
    (
        r#"{"constraints": [["a", "CLUSTER", "b"]]}"#,
        "constraints[0][1]",
        "\"CLUSTER\"",
    ),
    (
        r#"{"constraints": [["a", "UNIQUE", "b"]]}"#,
        "constraints[0][2]",
        "value \"b\" of UNIQUE, expected nothing",
    ),
    (
        r#"{"constraints": [["a", "MAX_PER", 0]]}"#,
        "constraints[0][2]",
        "expected a whole number above zero",
    ),
    (
        r#"{"constraints": [["a", "GREATER", "much"]]}"#,
        "constraints[0][2]",
        "expected a number",
    ),
    (
        r#"{"constraints": [["a", "EQUALS", "b"], ["a", "like", "b"]]}"#,
        "constraints[1][1]",
        "unknown operator \"like\", expected EQUALS, LIKE, UNLIKE, IN,",
    ),
    // Case 158.
    (
        r#"{"constraints": [["a", "LIKE", "[[["]]}"#,
        "constraints[0][2]",
        "regular expression",
    ),
    (
        r#"{"constraints": [["a", "UNLIKE", "("]]}"#,
        "constraints[0][2]",
        "regular expression",
    ),
    (
        r#"{"constraints": [["", "EQUALS", "b"]]}"#,
        "constraints[0][0]",
        "is empty",
    ),
    (
        r#"{"constraints": [["a", "EQUALS", []]]}"#,
        "constraints[0][2]",
        "expected a text",
    ),
    (
        r#"{"constraints": [["a", null, "b"]]}"#,
        "constraints[0][1]",
        "expected a text, found null",
    ),
];

#[test]
fn lists_of_the_job() {
    for &(fields, field, fragment) in CASES {
        if field.is_empty() {
            // One mistake, three places: the usual slip of forgetting the outer brackets.
            let problems = read(&with(fields), JobKind::Any).unwrap_err();
            assert_eq!(problems.len(), 3, "{problems:?}");
        } else {
            check(JobKind::Any, fields, field, fragment);
        }
    }
}
