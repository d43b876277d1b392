//! Why a job does not run now, and what comes next.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use chronos_core::{Explanation, NextRun, Waiting};
use chronos_model::{JobName, RunKey};
use serde_json::{Map, Value, json};

use crate::{
    error::ApiError,
    params::{KnownJob, known},
    router::App,
};

/// `GET job/{name}/explain`.
pub(crate) async fn of_job(
    State(app): State<App>,
    KnownJob(name): KnownJob,
) -> Result<Response, ApiError> {
    let view = app.backend.view();
    let job = known(&view, &name)?;
    let Explanation {
        reasons,
        running,
        next,
    } = view.explain(job);
    let body = json!({
        "job": name.as_str(),
        "state": job.activity().to_string(),
        "reasons": reasons.iter().map(reason_json).collect::<Vec<_>>(),
        "running": ids(&running),
        "next": next.as_ref().map(next_json),
        "leader": app.backend.is_leader(),
    });
    Ok(Json(body).into_response())
}

// The word and the text are there for every reason, known to this crate or not.
fn reason_json(reason: &Waiting) -> Value {
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| {
        fields.insert(key.to_owned(), value);
    };
    put("code", reason.code().into());
    put("text", reason.to_string().into());
    match reason {
        Waiting::Parents { parents } => put("parents", names(parents)),
        Waiting::Retry {
            attempt,
            retries,
            at,
        } => {
            put("at", at.to_string().into());
            put("attempt", (*attempt).into());
            put("retries", (*retries).into());
        }
        Waiting::Overlap { key, at_once: _ } => put("run", key.to_string().into()),
        Waiting::Line { key, cause } => {
            put("run", key.to_string().into());
            put("cause", cause.name().into());
        }
        Waiting::Offer { why } => put("why", why.as_str().into()),
        Waiting::Disabled | Waiting::UsedUp | _ => {}
    }
    fields.into()
}

fn next_json(next: &NextRun) -> Value {
    let left_out = next.left_out.as_ref().map(
        |(target, calendar)| json!({"target": target.to_string(), "calendar": calendar.as_str()}),
    );
    json!({
        "target": next.target.to_string(),
        "start": next.start.to_string(),
        "leftOut": left_out,
        "parents": names(&next.parents),
    })
}

fn names(jobs: &[JobName]) -> Value {
    jobs.iter().map(JobName::as_str).collect()
}

fn ids(runs: &[RunKey]) -> Value {
    runs.iter().map(RunKey::to_string).collect()
}
