//! The JSON of a definition: the model's own stored form, as text.

use chronos_model::{FieldProblem, JobSpec};
use serde_json::Value;

/// Returns the stored form of a definition.
pub fn encode_spec(spec: &JobSpec) -> String {
    Value::Object(spec.to_stored_json()).to_string()
}

/// Reads the stored form of a definition.
///
/// # Errors
///
/// The error names every field that is wrong.
pub fn decode_spec(text: &str) -> Result<JobSpec, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    JobSpec::from_stored_json(&json).map_err(|problems| join(&problems))
}

/// Says all problems in one line.
pub(super) fn join(problems: &[FieldProblem]) -> String {
    let problems: Vec<String> = problems.iter().map(FieldProblem::to_string).collect();
    problems.join("; ")
}
