//! What the tests share: a base document and short ways to read one.

use chronos_model::{FieldProblem, JobDefaults, JobKind, JobSpec, Timestamp};
use serde_json::{Value, json};

/// 2017-03-13T00:34:43.932Z.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_489_365_283_932);

/// The least that a scheduled job needs.
pub(crate) fn base() -> Value {
    json!({
        "name": "job",
        "command": "echo hello",
        "schedule": "R/2030-01-01T00:00:00Z/PT24H",
    })
}

/// The base with these fields put over it.
pub(crate) fn with(fields: &str) -> Value {
    let mut document = base();
    let fields: Value = serde_json::from_str(fields).unwrap_or_else(|e| panic!("{fields}: {e}"));
    let Value::Object(fields) = fields else {
        panic!("{fields}: no object");
    };
    if let Some(document) = document.as_object_mut() {
        document.extend(fields);
    }
    document
}

pub(crate) fn read(document: &Value, kind: JobKind) -> Result<JobSpec, Vec<FieldProblem>> {
    JobSpec::from_json(document, kind, &JobDefaults::default(), NOW)
}

/// Reads a document that must be good.
#[track_caller]
pub(crate) fn accept(document: &Value, kind: JobKind) -> JobSpec {
    read(document, kind).unwrap_or_else(|problems| panic!("{document}: {problems:?}"))
}

/// Reads the base with these fields, which must be good.
#[track_caller]
pub(crate) fn accept_with(fields: &str) -> JobSpec {
    accept(&with(fields), JobKind::Any)
}
