//! Running targets again that have passed.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use chronos_core::{Command, Refusal, Reply};
use chronos_model::{FieldProblem, RunKey, Timestamp, TimestampError};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{CommandError, body::Document, error::ApiError, params::KnownJob, router::App};

/// The longest text that is read as an instant, in bytes: twice the longest that RFC 3339 makes sense of.
const INSTANT_LEN_MAX: usize = 70;

/// `POST job/{name}/backfill`: a run for each target in a range, oldest first.
pub(crate) async fn of_job(
    State(app): State<App>,
    KnownJob(job): KnownJob,
    document: Document,
) -> Result<Response, ApiError> {
    let Range { from, to, children } = Range::read(&document.0).map_err(ApiError::invalid)?;
    let command = Command::Backfill {
        job,
        from,
        to,
        with_children: children,
    };
    let reply = match app.backend.command(command).await {
        Ok(reply) => reply,
        Err(CommandError::Refused(Refusal::UnknownJob(job))) => {
            return Err(ApiError::unknown_job_as(
                StatusCode::NOT_FOUND,
                job.as_str(),
            ));
        }
        Err(error) => return Err(error.into()),
    };
    let runs = match reply {
        Reply::Runs(runs) => runs,
        Reply::Run(run) => vec![run],
        Reply::Created | Reply::Updated | Reply::Done => Vec::new(),
    };
    let ids: Vec<String> = runs.iter().map(RunKey::to_string).collect();
    Ok((StatusCode::CREATED, Json(json!({"runs": ids}))).into_response())
}

/// What is asked for.
struct Range {
    from: Timestamp,
    to: Timestamp,
    children: bool,
}

impl Range {
    // As lenient as a job is read: null is the same as absent, and a switch may be its name.
    fn read(document: &Value) -> Result<Self, Vec<FieldProblem>> {
        let problem = |field: &str, problem: String| FieldProblem {
            field: field.to_owned(),
            problem,
        };
        let Value::Object(fields) = document else {
            let example = r#"expected an object such as {"from": "2026-01-01T00:00:00Z", "to": "2026-01-31T23:59:59Z"}"#;
            return Err(vec![problem("body", example.to_owned())]);
        };
        let field = |name: &str| fields.get(name).filter(|value| !value.is_null());
        let mut problems = Vec::new();
        let mut instant = |name: &str| {
            instant(field(name))
                .map_err(|text| problems.push(problem(name, text)))
                .ok()
        };
        let (from, to) = (instant("from"), instant("to"));
        let children = switch(field("children"))
            .map_err(|text| problems.push(problem("children", text)))
            .ok();
        match (from, to, children) {
            (Some(from), Some(to), Some(children)) => Ok(Self { from, to, children }),
            _ => Err(problems),
        }
    }
}

fn instant(value: Option<&Value>) -> Result<Timestamp, String> {
    match value {
        None => Err("is missing; expected an instant such as \"2026-01-01T00:00:00Z\"".to_owned()),
        // What is wrong with an instant is said by showing it, so it must be worth a line.
        Some(Value::String(text)) if text.len() > INSTANT_LEN_MAX => Err(format!(
            "has {} bytes, more than {INSTANT_LEN_MAX}",
            text.len()
        )),
        Some(Value::String(text)) => text
            .trim()
            .parse()
            .map_err(|error: TimestampError| error.to_string()),
        Some(_) => {
            Err("is no text; expected an instant such as \"2026-01-01T00:00:00Z\"".to_owned())
        }
    }
}

fn switch(value: Option<&Value>) -> Result<bool, String> {
    let read = match value {
        None => Some(false),
        Some(Value::Bool(flag)) => Some(*flag),
        Some(Value::Number(number)) => number.as_i64().map(|number| number != 0),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    read.ok_or_else(|| "expected true or false".to_owned())
}
