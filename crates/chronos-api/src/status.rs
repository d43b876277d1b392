//! How the daemon is, and what there is to ask.

use axum::{
    Json,
    extract::State,
    response::{Html, IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

use crate::{Unavailable, error::ApiError, router::App};

/// The most unusable records that are listed; their number is always said.
const QUARANTINED_LISTED_MAX: usize = 100;

/// `GET /ping`, with the headers that Chronos gave.
pub(crate) async fn ping(headers: HeaderMap) -> Response {
    let mut response = "pong\n".into_response();
    let given = response.headers_mut();
    given.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    given.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("must-revalidate,no-cache,no-store"),
    );
    given.insert(
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    if let Some(origin) = headers.get(header::ORIGIN) {
        given.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    response
}

/// `GET leader`.
pub(crate) async fn leader(State(app): State<App>) -> Result<Response, ApiError> {
    let leader = app.backend.leader().ok_or_else(|| Unavailable {
        problem: "there is no leader now".to_owned(),
    })?;
    Ok(Json(json!({"leader": leader})).into_response())
}

/// `GET /health`: 200 when all parts are well, else 503 with what is wrong.
pub(crate) async fn health(State(app): State<App>) -> Response {
    let health = app.backend.health();
    let view = app.backend.view();
    let well = health.parts.iter().all(|part| part.problem.is_none());
    let parts = health.parts.iter().map(|part| {
        let status = if part.problem.is_none() {
            "ok"
        } else {
            "failing"
        };
        let since = part.since.map(|at| at.to_string());
        json!({"name": part.name, "status": status, "problem": part.problem, "since": since})
    });
    let quarantined = view.quarantined();
    let listed = quarantined.iter().take(QUARANTINED_LISTED_MAX);
    let listed = listed.map(|record| json!({"key": record.key, "problem": record.problem}));
    let audit = view.audit();
    let body = json!({
        "status": if well { "ok" } else { "failing" },
        "version": env!("CARGO_PKG_VERSION"),
        "role": health.role,
        "roleSince": health.role_since.to_string(),
        "leader": app.backend.leader(),
        "parts": parts.collect::<Vec<_>>(),
        "jobs": view.job_count(),
        "queued": view.queued(),
        "calendars": view.calendars().len(),
        "audit": {
            "rounds": audit.rounds,
            "lastRound": audit.last_round.map(|at| at.to_string()),
            "jobs": audit.jobs,
            "found": audit.found,
        },
        "quarantinedCount": quarantined.len(),
        "quarantined": listed.collect::<Vec<_>>(),
    });
    let status = if well {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(body)).into_response()
}

/// `GET /`: what there is.
pub(crate) async fn index() -> Html<&'static str> {
    Html(include_str!("index.html"))
}
