//! What is wrong with a job document, field by field.

use std::fmt;

use thiserror::Error;

/// The most problems that are listed for one document.
///
/// Enough for every field of a job to be wrong at once; a document with thousands of bad entries
/// must not be answered with megabytes. One more line then counts the rest.
pub const PROBLEMS_MAX: usize = 100;

/// The longest description of one problem, in characters: a few lines on a terminal.
const PROBLEM_CHARS_MAX: usize = 400;

/// The longest piece of a document that a problem quotes, in characters.
const QUOTE_CHARS_MAX: usize = 60;

/// One thing that is wrong with a job document.
///
/// # Examples
///
/// ```
/// use chronos_model::{JobDefaults, JobKind, JobSpec, Timestamp};
/// use serde_json::json;
///
/// let problems = JobSpec::from_json(
///     &json!({"name": "a/b", "command": "true", "schedule": "R/2024-01-01T00:00:00Z/P1D",
///             "constraints": [["rack", "NEAR", "r1"]]}),
///     JobKind::Scheduled,
///     &JobDefaults::default(),
///     Timestamp::from_millis(1_700_000_000_000),
/// )
/// .unwrap_err();
/// let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
/// assert_eq!(fields, ["name", "constraints[0][1]"]);
/// assert!(problems[1].to_string().starts_with("constraints[0][1]: unknown operator \"NEAR\""));
/// ```
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{field}: {problem}")]
pub struct FieldProblem {
    /// Where, such as `container.volumes[0].mode`; `job` for the document itself.
    pub field: String,
    /// What is wrong and what would be right: a lowercase fragment.
    pub problem: String,
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<FieldProblem>,
    unlisted: usize,
}

impl Problems {
    /// Adds one.
    pub(crate) fn add(&mut self, field: impl fmt::Display, problem: impl fmt::Display) {
        if self.found.len() < PROBLEMS_MAX {
            self.found.push(FieldProblem {
                field: field.to_string(),
                problem: shorten(&problem.to_string(), PROBLEM_CHARS_MAX),
            });
        } else {
            self.unlisted = self.unlisted.saturating_add(1);
        }
    }

    /// Returns `value` when nothing was found, else what was found.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, Vec<FieldProblem>> {
        if self.unlisted > 0 {
            self.found.push(FieldProblem {
                field: ROOT_FIELD.to_owned(),
                problem: format!("{} further problems are not listed", self.unlisted),
            });
        }
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => Err(self.found),
        }
    }
}

/// The name of the document itself among the fields.
pub(crate) const ROOT_FIELD: &str = "job";

/// Quotes a text of the document, cut to a readable length.
pub(crate) fn quote(text: &str) -> String {
    format!("{:?}", shorten(text, QUOTE_CHARS_MAX))
}

fn shorten(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}
