//! Scalar fields of the job itself.

use chronos_model::JobKind;

use super::check;

const CASES: &[(&str, &str, &str)] = &[
    (r#"{"name": null}"#, "name", "is missing"),
    (r#"{"name": ""}"#, "name", "is empty"),
    (r#"{"name": "a/b"}"#, "name", "holds '/' at byte 1"),
    (r#"{"name": "a:b"}"#, "name", "holds ':'"),
    (r#"{"name": " a"}"#, "name", "begins or ends with a space"),
    (r#"{"name": ".."}"#, "name", "is '.' or '..'"),
    (
        r#"{"name": ["a"]}"#,
        "name",
        "expected a text, found an array",
    ),
    (
        r#"{"name": {"a": 1}}"#,
        "name",
        "expected a text, found an object",
    ),
    (r#"{"name": 1e30}"#, "name", "holds '+'"),
    (
        r#"{"command": null}"#,
        "command",
        "is missing; only a job with an executor",
    ),
    (
        r#"{"command": ""}"#,
        "command",
        "is empty; only a job with an executor",
    ),
    (r#"{"command": " \n"}"#, "command", "is empty"),
    (r#"{"command": ["a"]}"#, "command", "found an array"),
    (
        r#"{"command": "a\u0000b"}"#,
        "command",
        "holds a NUL character at byte 1",
    ),
    (
        r#"{"command": "", "container": {"type": "DOCKER"}}"#,
        "command",
        "is empty",
    ),
    (
        r#"{"owner": {"mail": "a"}}"#,
        "owner",
        "expected a text, found an object",
    ),
    (
        r#"{"description": []}"#,
        "description",
        "expected a text, found an array",
    ),
    (
        r#"{"runAsUser": "a\u0000"}"#,
        "runAsUser",
        "NUL character at byte 1",
    ),
    (
        r#"{"executor": "\u0000"}"#,
        "executor",
        "NUL character at byte 0",
    ),
    (
        r#"{"executorFlags": []}"#,
        "executorFlags",
        "found an array",
    ),
    (r#"{"taskInfoData": {}}"#, "taskInfoData", "found an object"),
    // Case 182.
    (
        r#"{"retries": "abc"}"#,
        "retries",
        "expected a whole number, found \"abc\"",
    ),
    (
        r#"{"retries": ""}"#,
        "retries",
        "expected a whole number, found \"\"",
    ),
    (
        r#"{"retries": true}"#,
        "retries",
        "expected a whole number, found true",
    ),
    (
        r#"{"retries": []}"#,
        "retries",
        "expected a whole number, found an array",
    ),
    (r#"{"retries": -1}"#, "retries", "is -1; the least is 0"),
    (r#"{"retries": "-3"}"#, "retries", "is -3; the least is 0"),
    (r#"{"retries": -1.5}"#, "retries", "is -1; the least is 0"),
    (
        r#"{"retries": 2147483648}"#,
        "retries",
        "is 2147483648; the most is 2147483647",
    ),
    (
        r#"{"retries": 18446744073709551615}"#,
        "retries",
        "the most is 2147483647",
    ),
    (
        r#"{"retries": 1e300}"#,
        "retries",
        "expected a whole number",
    ),
    (
        r#"{"retries": "NaN"}"#,
        "retries",
        "expected a whole number, found \"NaN\"",
    ),
    (
        r#"{"retries": "0x10"}"#,
        "retries",
        "expected a whole number",
    ),
    (
        r#"{"retries": "3 times"}"#,
        "retries",
        "expected a whole number",
    ),
    (
        r#"{"cpus": "lots"}"#,
        "cpus",
        "expected a number, found \"lots\"",
    ),
    (r#"{"cpus": -0.5}"#, "cpus", "is below zero"),
    (r#"{"cpus": "inf"}"#, "cpus", "is not a finite number"),
    (r#"{"cpus": 0.0001}"#, "cpus", "is below 0.001"),
    (
        r#"{"cpus": false}"#,
        "cpus",
        "expected a number, found false",
    ),
    (
        r#"{"mem": "128MB"}"#,
        "mem",
        "expected a number, found \"128MB\"",
    ),
    (r#"{"mem": "NaN"}"#, "mem", "is not a finite number"),
    (
        r#"{"mem": [128]}"#,
        "mem",
        "expected a number, found an array",
    ),
    (r#"{"disk": 1e15}"#, "disk", "is above 1000000000000"),
    (r#"{"disk": ""}"#, "disk", "expected a number, found \"\""),
    // Case 184.
    (
        r#"{"shell": "True"}"#,
        "shell",
        "expected true or false, found \"True\"",
    ),
    (
        r#"{"shell": "yes"}"#,
        "shell",
        "expected true or false, found \"yes\"",
    ),
    (
        r#"{"shell": "1"}"#,
        "shell",
        "expected true or false, found \"1\"",
    ),
    (
        r#"{"shell": ""}"#,
        "shell",
        "expected true or false, found \"\"",
    ),
    (
        r#"{"disabled": 0.5}"#,
        "disabled",
        "expected true or false, found 0.5",
    ),
    (
        r#"{"disabled": []}"#,
        "disabled",
        "expected true or false, found an array",
    ),
    (
        r#"{"softError": "junk"}"#,
        "softError",
        "expected true or false",
    ),
    (
        r#"{"highPriority": {}}"#,
        "highPriority",
        "expected true or false",
    ),
    (
        r#"{"concurrent": "FALSE"}"#,
        "concurrent",
        "expected true or false",
    ),
    (
        r#"{"dataProcessingJobType": "no"}"#,
        "dataProcessingJobType",
        "true or false",
    ),
    (
        r#"{"maxCompletionTime": -1}"#,
        "maxCompletionTime",
        "the least is 0",
    ),
    (
        r#"{"maxCompletionTime": "PT1H"}"#,
        "maxCompletionTime",
        "expected a whole number",
    ),
    (
        r#"{"maxCompletionTime": 9223372037}"#,
        "maxCompletionTime",
        "the most is 9223372036",
    ),
    (r#"{"gpus": -1}"#, "gpus", "the least is 0"),
    (r#"{"gpus": 1025}"#, "gpus", "the most is 1024"),
    (r#"{"gpus": "some"}"#, "gpus", "expected a whole number"),
    (
        r#"{"gpus": 1, "container": {"image": "busybox"}}"#,
        "gpus",
        "use type MESOS",
    ),
    (r#"{"retryDelay": -1}"#, "retryDelay", "the least is 0"),
    (
        r#"{"retryDelay": "soon"}"#,
        "retryDelay",
        "expected a whole number",
    ),
    (
        r#"{"retryDelay": 604801}"#,
        "retryDelay",
        "the most is 604800",
    ),
    (
        r#"{"epsilon": "P1M"}"#,
        "epsilon",
        "years and months have no exact length",
    ),
    (
        r#"{"epsilon": "15 minutes"}"#,
        "epsilon",
        "no ISO 8601 period",
    ),
    (r#"{"epsilon": "PT-5M"}"#, "epsilon", "no ISO 8601 period"),
    (r#"{"epsilon": "PT0S"}"#, "epsilon", "the period is zero"),
    (r#"{"epsilon": 60}"#, "epsilon", "no ISO 8601 period"),
    (
        r#"{"catchUp": "sometimes"}"#,
        "catchUp",
        "unknown word \"sometimes\", expected latest",
    ),
    (
        r#"{"catchUp": true}"#,
        "catchUp",
        "unknown word \"true\", expected latest",
    ),
];

#[test]
fn fields_of_the_job() {
    for &(fields, field, fragment) in CASES {
        check(JobKind::Any, fields, field, fragment);
    }
}
