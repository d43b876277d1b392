//! Creating, replacing and deleting jobs.

use std::sync::Arc;

use axum::extract::State;
use chronos_core::{Cascade, Command};
use chronos_model::{JobKind, JobSpec};
use http::StatusCode;

use crate::{
    body::Document,
    error::ApiError,
    params::{JobInPath, Query},
    router::App,
};

/// `POST iso8601`: a job with a schedule.
pub(crate) async fn put_scheduled(
    State(app): State<App>,
    document: Document,
) -> Result<StatusCode, ApiError> {
    put(&app, &document, JobKind::Scheduled).await
}

/// `POST dependency`: a job with parents.
pub(crate) async fn put_dependent(
    State(app): State<App>,
    document: Document,
) -> Result<StatusCode, ApiError> {
    put(&app, &document, JobKind::Dependent).await
}

async fn put(app: &App, document: &Document, kind: JobKind) -> Result<StatusCode, ApiError> {
    let backend = &app.backend;
    let spec = JobSpec::from_json(&document.0, kind, backend.defaults(), backend.now())
        .map_err(ApiError::invalid)?;
    let command = Command::Put {
        spec: Arc::new(spec),
        source: None,
    };
    backend.command(command).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE job/{name}`: refused while other jobs depend on it, unless told what becomes of them.
pub(crate) async fn delete(
    State(app): State<App>,
    JobInPath(job): JobInPath,
    query: Query,
) -> Result<StatusCode, ApiError> {
    let words = [("reparent", Cascade::Reparent), ("delete", Cascade::Delete)];
    let cascade = query.word("cascade", &words)?.unwrap_or_default();
    app.backend
        .command(Command::Delete { job, cascade })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
