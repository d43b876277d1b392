//! The lists of a document: files to fetch, variables, arguments, constraints.

use resources::{Constraint, ConstraintError, Operator};
use serde_json::Value;

use super::field::{self, Object, Path};
use crate::{
    EnvironmentVariable, Fetch,
    limits::{COMMAND_LEN_MAX, CONSTRAINT_TEXT_LEN_MAX, CONSTRAINTS_LEN_MAX},
    problem::Problems,
};

/// Reads `fetch` and `uris`.
///
/// A document that was read from Chronos has both, saying the same; then `fetch`, which can say more,
/// stands for both, so that nothing is fetched twice.
pub(super) fn fetches(job: &Object<'_>, problems: &mut Problems) -> (Vec<Fetch>, Vec<String>) {
    let fetch = job.each("fetch", problems, fetch);
    let uris: Vec<String> = job.each("uris", problems, |value, path, problems| {
        let uri = field::text(value).and_then(|text| match text.as_str() {
            "" => Err("is empty".to_owned()),
            _ => Ok(text),
        });
        uri.map_err(|problem| problems.add(path, problem)).ok()
    });
    if fetch.is_empty() || uris.is_empty() {
        return (fetch, uris);
    }
    if !fetch.iter().map(|fetch| &fetch.uri).eq(&uris) {
        problems.add(
            job.at("uris"),
            "differs from `fetch`; give only `fetch`, or the same URIs in the same order",
        );
    }
    (fetch, Vec::new())
}

fn fetch(value: &Value, path: Path<'_>, problems: &mut Problems) -> Option<Fetch> {
    let object = Object::new(value, path, r#"{"uri": "https://…"}"#, problems)?;
    Some(Fetch {
        uri: object.text_required("uri", problems),
        executable: object.flag("executable", false, problems),
        cache: object.flag("cache", false, problems),
        extract: object.flag("extract", true, problems),
        output_file: object.text("output_file", problems),
    })
}

/// Reads `environmentVariables`.
pub(super) fn environment(job: &Object<'_>, problems: &mut Problems) -> Vec<EnvironmentVariable> {
    job.each("environmentVariables", problems, variable)
}

fn variable(value: &Value, path: Path<'_>, problems: &mut Problems) -> Option<EnvironmentVariable> {
    let example = r#"{"name": "LANG", "value": "C"}"#;
    let object = Object::new(value, path, example, problems)?;
    let name = object.text_required("name", problems);
    if name.contains('=') {
        problems.add(object.at("name"), "holds '=', which ends a variable's name");
    }
    object.require("value", problems);
    let value = object.text("value", problems);
    // They reach the program as one text, `name=value`.
    if name.len().saturating_add(value.len()) > COMMAND_LEN_MAX {
        let problem = format_args!("name and value have more than {COMMAND_LEN_MAX} bytes");
        problems.add(object.at("value"), problem);
    }
    Some(EnvironmentVariable { name, value })
}

/// Reads `arguments` and checks that the command can be started with them.
pub(super) fn arguments(job: &Object<'_>, command: &str, problems: &mut Problems) -> Vec<String> {
    let arguments = job.texts("arguments", problems);
    let len = arguments.iter().fold(command.len(), |len, argument| {
        len.saturating_add(argument.len()).saturating_add(1)
    });
    if len > COMMAND_LEN_MAX {
        problems.add(
            job.at("arguments"),
            format_args!(
                "the command with its arguments has {len} bytes, more than {COMMAND_LEN_MAX}"
            ),
        );
    }
    arguments
}

/// Reads `constraints`.
pub(super) fn constraints(job: &Object<'_>, problems: &mut Problems) -> Vec<Constraint> {
    let len = job
        .get("constraints")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if len > CONSTRAINTS_LEN_MAX {
        problems.add(
            job.at("constraints"),
            format_args!("has {len} entries, more than {CONSTRAINTS_LEN_MAX}"),
        );
        return Vec::new();
    }
    job.each("constraints", problems, constraint)
}

fn constraint(value: &Value, path: Path<'_>, problems: &mut Problems) -> Option<Constraint> {
    const EXAMPLE: &str = r#"["rack", "EQUALS", "r1"]"#;
    let Some(parts) = value.as_array() else {
        let found = field::describe(value);
        problems.add(
            path,
            format_args!("expected an array such as {EXAMPLE}, found {found}"),
        );
        return None;
    };
    let [attribute, operator, wanted] = parts.as_slice() else {
        let len = parts.len();
        problems.add(
            path,
            format_args!("has {len} entries; expected three such as {EXAMPLE}"),
        );
        return None;
    };
    let mut part = |index, value| {
        constraint_text(value)
            .map_err(|problem| problems.add(Path::Index(&path, index), problem))
            .ok()
    };
    let attribute = part(0, attribute);
    let operator = part(1, operator);
    let wanted = part(2, wanted);
    if attribute.as_ref().is_some_and(String::is_empty) {
        problems.add(
            Path::Index(&path, 0),
            "is empty; name an attribute of the agents",
        );
    }
    let operator = operator?
        .parse::<Operator>()
        .map_err(|error| problems.add(Path::Index(&path, 1), error))
        .ok();
    Constraint::new(attribute?, operator?, wanted?)
        .map_err(|error| match error {
            // Without the expression: the field names it already.
            ConstraintError::Expression { problem, .. } => {
                let problem = problem.trim_end_matches('.');
                let problem = format_args!("no valid regular expression: {problem}");
                problems.add(Path::Index(&path, 2), problem);
            }
            ConstraintError::Value { .. } => problems.add(Path::Index(&path, 2), error),
            ConstraintError::Operator { .. } | _ => problems.add(path, error),
        })
        .ok()
}

fn constraint_text(value: &Value) -> Result<String, String> {
    match field::text(value)? {
        text if text.len() > CONSTRAINT_TEXT_LEN_MAX => Err(format!(
            "has {} bytes, more than {CONSTRAINT_TEXT_LEN_MAX}",
            text.len()
        )),
        text => Ok(text),
    }
}
