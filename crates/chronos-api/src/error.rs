//! What a client is told when its request is not carried out: one line of JSON, whatever went wrong.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use chronos_core::Refusal;
use chronos_model::{CalendarName, FieldProblem, JobName, PROBLEMS_MAX};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

use crate::{CommandError, Unavailable};

/// The longest `message`, in characters: what fits on a terminal without scrolling. All problems are
/// in `errors`.
const MESSAGE_CHARS_MAX: usize = 500;

/// When to ask again after a 503, in seconds: a daemon that starts or changes its leader takes about
/// that long.
const RETRY_AFTER_SECS: HeaderValue = HeaderValue::from_static("2");

/// An answer that is no success.
///
/// Boxed, because it is the rare half of every result.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    message: String,
    errors: Vec<FieldProblem>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl ApiError {
    fn with_errors(
        status: StatusCode,
        message: impl Into<String>,
        errors: Vec<FieldProblem>,
    ) -> Self {
        Self(Box::new(Parts {
            status,
            message: message.into(),
            errors,
            header: None,
        }))
    }

    /// An error that concerns no field.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self::with_errors(status, message, Vec::new())
    }

    /// An error of one field: of the document, the path or the query.
    pub(crate) fn field(status: StatusCode, field: &str, problem: impl Into<String>) -> Self {
        let problem = FieldProblem {
            field: field.to_owned(),
            problem: problem.into(),
        };
        Self::with_errors(status, problem.to_string(), vec![problem])
    }

    /// A bad request for one field.
    pub(crate) fn bad(field: &str, problem: impl Into<String>) -> Self {
        Self::field(StatusCode::BAD_REQUEST, field, problem)
    }

    /// A document with problems, all of them.
    pub(crate) fn invalid(errors: Vec<FieldProblem>) -> Self {
        let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let message = match all.as_slice() {
            [only] => only.clone(),
            _ => format!("{} problems: {}", all.len(), all.join("; ")),
        };
        Self::with_errors(StatusCode::BAD_REQUEST, message, errors)
    }

    /// A job that is not there, where Chronos' clients ask: 400, as it always was.
    pub(crate) fn unknown_job(name: &str) -> Self {
        Self::unknown_job_as(StatusCode::BAD_REQUEST, name)
    }

    /// A job that is not there.
    pub(crate) fn unknown_job_as(status: StatusCode, name: &str) -> Self {
        let problem = FieldProblem {
            field: "name".to_owned(),
            problem: format!("there is no job {name:?}"),
        };
        Self::with_errors(status, format!("unknown job {name}"), vec![problem])
    }

    /// A calendar that is not there.
    pub(crate) fn unknown_calendar(name: &str) -> Self {
        let problem = FieldProblem {
            field: "name".to_owned(),
            problem: format!("there is no calendar {name:?}"),
        };
        Self::with_errors(
            StatusCode::NOT_FOUND,
            format!("unknown calendar {name}"),
            vec![problem],
        )
    }

    fn has_children(job: &JobName, children: &[JobName]) -> Self {
        let message = format!(
            "job {job} has {} children; add ?cascade=reparent or ?cascade=delete, or delete them first: {}",
            children.len(),
            joined(children)
        );
        Self::with_errors(
            StatusCode::CONFLICT,
            message,
            in_the_way("children", children),
        )
    }

    fn calendar_in_use(calendar: &CalendarName, jobs: &[JobName]) -> Self {
        let message = format!(
            "calendar {calendar} is used by {} jobs; take it from them first: {}",
            jobs.len(),
            joined(jobs)
        );
        Self::with_errors(StatusCode::CONFLICT, message, in_the_way("jobs", jobs))
    }

    /// The same with a header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }
}

impl From<Unavailable> for ApiError {
    fn from(error: Unavailable) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.problem)
            .with(header::RETRY_AFTER, RETRY_AFTER_SECS)
    }
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Unavailable(error) => error.into(),
            CommandError::Refused(Refusal::UnknownJob(job)) => Self::unknown_job(job.as_str()),
            CommandError::Refused(Refusal::Invalid { field, problem }) => Self::bad(field, problem),
            CommandError::Refused(Refusal::HasChildren { job, children }) => {
                Self::has_children(&job, &children)
            }
            CommandError::Refused(Refusal::UnknownCalendar(calendar)) => {
                Self::unknown_calendar(calendar.as_str())
            }
            CommandError::Refused(Refusal::CalendarInUse { calendar, jobs }) => {
                Self::calendar_in_use(&calendar, &jobs)
            }
            CommandError::Refused(refusal) => Self::new(StatusCode::CONFLICT, refusal.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Parts {
            status,
            message,
            errors,
            header,
        } = *self.0;
        let errors = errors.iter();
        let errors: Vec<_> = errors
            .map(|error| json!({"field": error.field, "problem": error.problem}))
            .collect();
        let body = json!({
            "status": status.canonical_reason().unwrap_or("Error"),
            "message": shortened(&message),
            "errors": errors,
        });
        let mut response = (status, Json(body)).into_response();
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

fn joined(jobs: &[JobName]) -> String {
    let names: Vec<&str> = jobs.iter().map(JobName::as_str).collect();
    names.join(", ")
}

// The jobs that keep a command from being carried out, each as a problem of its own.
fn in_the_way(field: &str, jobs: &[JobName]) -> Vec<FieldProblem> {
    let problem = |job: &JobName| FieldProblem {
        field: field.to_owned(),
        problem: job.to_string(),
    };
    let mut errors: Vec<FieldProblem> = jobs.iter().take(PROBLEMS_MAX).map(problem).collect();
    if jobs.len() > PROBLEMS_MAX {
        let unlisted = jobs.len() - PROBLEMS_MAX;
        errors.push(FieldProblem {
            field: "job".to_owned(),
            problem: format!("{unlisted} further {field} are not listed"),
        });
    }
    errors
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}
