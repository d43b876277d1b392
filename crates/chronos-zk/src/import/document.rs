//! A job as Chronos kept it, read as Chronos read it.
//!
//! Where Chronos was silent about something that we refuse, the definition becomes what Chronos made of
//! it, and a note says so; where that is not possible, the job is not taken, with the reason.

use chronos_model::{JobDefaults, JobKind, JobSchedule, JobSpec, Timestamp};
use serde_json::{Map, Value, json};

/// A job of Chronos.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OldJob {
    pub(super) spec: JobSpec,
    pub(super) counters: Counters,
    /// What became different, for people.
    pub(super) notes: Vec<String>,
    /// It was written by a 2.x: targets in the past count, and `epsilon` says how late they may be.
    pub(super) of_2: bool,
}

/// What Chronos counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Counters {
    pub(super) success_count: u64,
    pub(super) error_count: u64,
    pub(super) errors_since_last_success: u64,
    pub(super) last_success: Option<Timestamp>,
    pub(super) last_error: Option<Timestamp>,
}

/// Fields of 2.x and 3.x that a definition is read from. All others meant nothing to Chronos, and might
/// mean something to us.
const FIELDS: [&str; 31] = [
    "name",
    "command",
    "shell",
    "epsilon",
    "executor",
    "executorFlags",
    "taskInfoData",
    "retries",
    "owner",
    "ownerName",
    "description",
    "cpus",
    "disk",
    "mem",
    "disabled",
    "softError",
    "dataProcessingJobType",
    "fetch",
    "uris",
    "environmentVariables",
    "arguments",
    "highPriority",
    "runAsUser",
    "concurrent",
    "maxCompletionTime",
    "container",
    "constraints",
    "schedule",
    "scheduleTimeZone",
    "parents",
    ASYNC,
];

const ASYNC: &str = "async";

const COUNTERS: [&str; 5] = [
    "successCount",
    "errorCount",
    "errorsSinceLastSuccess",
    "lastSuccess",
    "lastError",
];

/// Texts that Chronos wrote as "null" when a client sent null.
const TEXTS: [&str; 10] = [
    "command",
    "epsilon",
    "executor",
    "executorFlags",
    "taskInfoData",
    "owner",
    "ownerName",
    "description",
    "runAsUser",
    "schedule",
];

/// The operators that Chronos knew, in this case; it ignored all others.
const OPERATORS: [&str; 3] = ["EQUALS", "LIKE", "UNLIKE"];

/// Only 2.x writes these.
const FIELDS_OF_2: [&str; 2] = ["epsilon", ASYNC];

/// Reads the JSON of a job; the error says why it cannot be taken.
pub(super) fn read(name: &str, text: &[u8], now: Timestamp) -> Result<OldJob, String> {
    let json: Value = serde_json::from_slice(text).map_err(|error| format!("no JSON: {error}"))?;
    let Value::Object(mut fields) = json else {
        return Err("its JSON is no object".to_owned());
    };
    let mut notes = Vec::new();
    let counters = take_counters(&mut fields, &mut notes);
    let of_2 = FIELDS_OF_2.iter().any(|key| fields.contains_key(*key));
    drop_unknown(&mut fields, &mut notes);
    drop_nulls(&mut fields, &mut notes);
    drop_async(&mut fields, &mut notes);
    mend_zone(&mut fields, &mut notes);
    mend_constraints(&mut fields, &mut notes);
    mend_retries(&mut fields, &mut notes);
    join_files(&mut fields, &mut notes);
    if !fields.contains_key("schedule") && !fields.contains_key("parents") {
        return Err("it has neither `schedule` nor `parents`".to_owned());
    }
    let spec = JobSpec::from_json(
        &Value::Object(fields),
        JobKind::Any,
        &JobDefaults::default(),
        now,
    );
    let spec = spec.map_err(|problems| {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        problems.join("; ")
    })?;
    if spec.name.as_str() != name {
        return Err(format!("name: the node is that of {name:?}"));
    }
    Ok(OldJob {
        spec,
        counters,
        notes,
        of_2,
    })
}

fn take_counters(fields: &mut Map<String, Value>, notes: &mut Vec<String>) -> Counters {
    let [success, error, errors, last_success, last_error] =
        COUNTERS.map(|key| (key, fields.shift_remove(key)));
    let mut count = |(key, value): (&str, Option<Value>)| {
        let Some(value) = value.filter(|value| !value.is_null()) else {
            return 0;
        };
        value.as_u64().unwrap_or_else(|| {
            notes.push(format!("{key}: {value} is no count; it begins at 0"));
            0
        })
    };
    let (success_count, error_count) = (count(success), count(error));
    let errors_since_last_success = count(errors);
    let mut instant = |(key, value): (&str, Option<Value>)| {
        let text = match value {
            Some(Value::String(text)) if text != "null" && !text.is_empty() => text,
            _ => return None,
        };
        let instant = text.parse().ok();
        if instant.is_none() {
            notes.push(format!("{key}: {text:?} is no instant; it is forgotten"));
        }
        instant
    };
    Counters {
        success_count,
        error_count,
        errors_since_last_success,
        last_success: instant(last_success),
        last_error: instant(last_error),
    }
}

fn drop_unknown(fields: &mut Map<String, Value>, notes: &mut Vec<String>) {
    fields.retain(|key, _| {
        let is_known = FIELDS.contains(&key.as_str());
        if !is_known {
            notes.push(format!("{key}: unknown to Chronos, and left out"));
        }
        is_known
    });
}

fn drop_nulls(fields: &mut Map<String, Value>, notes: &mut Vec<String>) {
    for key in TEXTS {
        if fields.get(key).and_then(Value::as_str) == Some("null") {
            fields.shift_remove(key);
            notes.push(format!(
                "{key}: \"null\" stood for nothing, and is left out"
            ));
        }
    }
}

fn drop_async(fields: &mut Map<String, Value>, notes: &mut Vec<String>) {
    if fields.shift_remove(ASYNC) == Some(Value::Bool(true)) {
        notes.push("async: its runs end when their command does, without a callback".to_owned());
    }
}

// Java takes a zone that it does not know for GMT, and says nothing.
fn mend_zone(fields: &mut Map<String, Value>, notes: &mut Vec<String>) {
    let zone = fields.get("scheduleTimeZone").and_then(Value::as_str);
    let unknown = zone.filter(|zone| JobSchedule::check_zone(zone).is_err());
    if let Some(zone) = unknown {
        notes.push(format!(
            "scheduleTimeZone: nobody knows {zone:?}, which Chronos read as GMT; it is UTC now"
        ));
        fields.insert("scheduleTimeZone".to_owned(), json!("UTC"));
    }
}

fn mend_constraints(fields: &mut Map<String, Value>, notes: &mut Vec<String>) {
    let Some(Value::Array(constraints)) = fields.get_mut("constraints") else {
        return;
    };
    constraints.retain(|constraint| {
        let operator = constraint.get(1).and_then(Value::as_str);
        let ignored = operator.filter(|operator| !OPERATORS.contains(operator));
        if let Some(operator) = ignored {
            notes.push(format!(
                "constraints: Chronos ignored the operator {operator:?}, so {constraint} is left out"
            ));
        }
        ignored.is_none()
    });
}

fn mend_retries(fields: &mut Map<String, Value>, notes: &mut Vec<String>) {
    let retries = fields.get("retries").and_then(Value::as_i64);
    if let Some(retries) = retries.filter(|retries| *retries < 0) {
        notes.push(format!("retries: {retries} is none, so 0"));
        fields.insert("retries".to_owned(), json!(0));
    }
}

// Chronos fetches both; we take two lists only when they say the same.
fn join_files(fields: &mut Map<String, Value>, notes: &mut Vec<String>) {
    let texts = |value: Option<&Value>, key: Option<&str>| -> Vec<String> {
        let entries = value.and_then(Value::as_array).into_iter().flatten();
        let uri = |entry: &Value| match key {
            Some(key) => entry.get(key).and_then(Value::as_str).map(str::to_owned),
            None => entry.as_str().map(str::to_owned),
        };
        entries.filter_map(uri).collect()
    };
    let fetched = texts(fields.get("fetch"), Some("uri"));
    let uris = texts(fields.get("uris"), None);
    if fetched.is_empty() || uris.is_empty() || fetched == uris {
        return;
    }
    let new = uris.into_iter().filter(|uri| !fetched.contains(uri));
    if let Some(Value::Array(fetch)) = fields.get_mut("fetch") {
        fetch.extend(new.map(|uri| json!({ "uri": uri })));
        fields.shift_remove("uris");
        notes.push("uris: joined with `fetch`, which said something else".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn job(change: &Value) -> Value {
        let mut job = json!({
            "name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:00.000Z/PT1H",
        });
        for (key, value) in change.as_object().unwrap() {
            job[key] = value.clone();
        }
        job
    }

    fn read_job(json: &Value) -> Result<OldJob, String> {
        read("a", json.to_string().as_bytes(), NOW)
    }

    #[track_caller]
    fn check(change: &Value, notes: &[&str]) -> OldJob {
        let found = read_job(&job(change)).unwrap();
        assert_eq!(found.notes, notes);
        found
    }

    #[test]
    fn becomes_what_chronos_made_of_it() {
        let zone = check(
            &json!({"scheduleTimeZone": "europe/paris"}),
            &[
                "scheduleTimeZone: nobody knows \"europe/paris\", which Chronos read as GMT; it is UTC now",
            ],
        );
        assert_eq!(zone.spec.schedule().unwrap().zone_text(), "UTC");
        let nulls = check(
            &json!({"owner": "null", "scheduleTimeZone": "null"}),
            &[
                "owner: \"null\" stood for nothing, and is left out",
                "scheduleTimeZone: nobody knows \"null\", which Chronos read as GMT; it is UTC now",
            ],
        );
        assert_eq!((nulls.spec.details.owner.as_str(), nulls.of_2), ("", false));
        let constraints = json!([["hostname", "UNIQUE"], ["rack", "EQUALS", "1"]]);
        let kept = check(
            &json!({"constraints": constraints}),
            &[
                "constraints: Chronos ignored the operator \"UNIQUE\", so [\"hostname\",\"UNIQUE\"] is left out",
            ],
        );
        assert_eq!(kept.spec.details.constraints.len(), 1);
        let old = check(
            &json!({"async": true, "epsilon": "PT15M"}),
            &["async: its runs end when their command does, without a callback"],
        );
        assert!(old.of_2 && old.spec.details.epsilon.is_some());
        // What is ours meant nothing to Chronos.
        let none = check(
            &json!({"jitter": 60, "labels": {"x": 1}}),
            &[
                "jitter: unknown to Chronos, and left out",
                "labels: unknown to Chronos, and left out",
            ],
        );
        assert_eq!(none.spec.policies.jitter_secs, 0);
        let files = check(
            &json!({"fetch": [{"uri": "x", "extract": false}], "uris": ["y", "x"]}),
            &["uris: joined with `fetch`, which said something else"],
        );
        let uris: Vec<_> = files.spec.files().map(|file| file.uri).collect();
        assert_eq!(uris, ["x", "y"]);
        check(&json!({"fetch": [{"uri": "x"}], "uris": ["x"]}), &[]);
        check(&json!({"retries": -1}), &["retries: -1 is none, so 0"]);
    }

    #[test]
    fn keeps_the_counters() {
        let found = check(
            &json!({
                "successCount": 5, "errorCount": 2, "errorsSinceLastSuccess": -1,
                "lastSuccess": "2014-03-08T16:57:17.507Z", "lastError": "yesterday",
            }),
            &[
                "errorsSinceLastSuccess: -1 is no count; it begins at 0",
                "lastError: \"yesterday\" is no instant; it is forgotten",
            ],
        );
        let want = Counters {
            success_count: 5,
            error_count: 2,
            last_success: Some(Timestamp::from_millis(1_394_297_837_507)),
            ..Counters::default()
        };
        assert_eq!(found.counters, want);
        let empty = json!({"lastSuccess": "", "lastError": "null", "successCount": null});
        assert_eq!(check(&empty, &[]).counters, Counters::default());
    }

    #[test]
    fn says_why_a_job_cannot_be_taken() {
        for (text, problem) in [
            ("{", "no JSON: "),
            ("[]", "its JSON is no object"),
            (r#"{"name":"a","command":"x"}"#, "it has neither"),
            (
                r#"{"name":"b","command":"x","parents":["c"]}"#,
                "name: the node is that of \"a\"",
            ),
            (
                r#"{"name":"a","command":"x","parents":[]}"#,
                "parents: is empty",
            ),
            (
                r#"{"name":"a","command":"","parents":["c"]}"#,
                "command: is empty",
            ),
            (
                r#"{"name":"a","command":"x","schedule":"R/2020-01-01T00:00:00Z/PT0S"}"#,
                "schedule: expected a period above zero",
            ),
            (
                r#"{"name":"a","command":"x","schedule":"R/2020-01-01T00:00:00Z/PT1S","constraints":[["a","LIKE","("]]}"#,
                "constraints[0][2]: no valid regular expression",
            ),
        ] {
            let found = read("a", text.as_bytes(), NOW).unwrap_err();
            assert!(found.starts_with(problem), "{text}: {found}");
        }
        assert!(read("a", b"\"\xff\"", NOW).is_err());
    }
}
