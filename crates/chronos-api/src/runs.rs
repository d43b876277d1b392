//! Looking at runs, and killing one.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use chronos_core::{Command, Refusal, View};
use chronos_model::{JobName, Run, RunKey, RunQuery, RunState, Timestamp};
use http::StatusCode;

use crate::{
    CommandError, Unavailable,
    array::array,
    error::ApiError,
    params::{Query, RunInPath, Segment},
    router::App,
    run_json::run_json,
};

/// The most ended runs in one answer.
///
/// Twice what is kept of a job unless the operator wants more; older ones come with `before`.
const ENDED_LISTED_MAX: usize = 2000;

/// `GET job/{name}/runs`: those of a job, newest first.
pub(crate) async fn of_job(
    State(app): State<App>,
    Segment(name): Segment,
    query: Query,
) -> Result<Response, ApiError> {
    list(&app, &name, &query).await
}

/// `GET job/success/runs`: those of a job whose name is a word of another route.
pub(crate) async fn of_job_success(
    State(app): State<App>,
    query: Query,
) -> Result<Response, ApiError> {
    list(&app, "success", &query).await
}

async fn list(app: &App, name: &str, query: &Query) -> Result<Response, ApiError> {
    let limit = query.number("limit", 1..)?.unwrap_or(usize::MAX);
    let before = query.run("before")?;
    let unknown = || ApiError::unknown_job_as(StatusCode::NOT_FOUND, name);
    let Ok(job) = name.parse::<JobName>() else {
        return Err(unknown());
    };
    if before.as_ref().is_some_and(|key| key.job != job) {
        return Err(ApiError::bad("before", "is a run of another job"));
    }
    // The picture first: a run that ends meanwhile is then in it or in the store, never in neither.
    let view = app.backend.view();
    if view.job(&job).is_none() {
        return Err(unknown());
    }
    let runs = merged(app, &view, &job, before, limit).await?;
    Ok(array("[", runs, "]", move |run| run_json(&view, run)))
}

/// The runs of a job that are older than `before`, newest first: those in the picture, and the ended
/// ones of the store that are not.
async fn merged(
    app: &App,
    view: &View,
    job: &JobName,
    before: Option<RunKey>,
    limit: usize,
) -> Result<Vec<Arc<Run>>, Unavailable> {
    let mut runs: BTreeMap<Reverse<(Timestamp, u32)>, Arc<Run>> = view
        .job(job)
        .into_iter()
        .flat_map(|job| job.runs())
        .filter(|run| {
            before
                .as_ref()
                .is_none_or(|before| place(run) < (before.due, before.attempt))
        })
        .map(|run| (Reverse(place(run)), Arc::clone(run)))
        .collect();
    let wanted = limit.min(ENDED_LISTED_MAX);
    let mut query = RunQuery {
        job: job.clone(),
        before,
        limit: wanted,
    };
    let mut found = 0;
    while found < wanted {
        query.limit = wanted - found;
        let page = app.backend.ended_runs(query.clone()).await?;
        let Some(last) = page.last() else {
            break;
        };
        query.before = Some(last.key.clone());
        found += page.len();
        for run in page {
            let at = Reverse(place(&run));
            runs.entry(at).or_insert_with(|| Arc::new(run));
        }
    }
    if found >= wanted
        && let Some(last) = &query.before
    {
        // There may be more in the store; the answer ends where it is whole, so that asking for
        // what comes before its last run leaves nothing out.
        let end = Reverse((last.due, last.attempt));
        runs.retain(|&at, _| at <= end);
    }
    Ok(runs.into_values().take(limit).collect())
}

const fn place(run: &Run) -> (Timestamp, u32) {
    (run.key.due, run.key.attempt)
}

/// `GET runs/{id}`.
pub(crate) async fn one(
    State(app): State<App>,
    RunInPath(key): RunInPath,
) -> Result<Response, ApiError> {
    let view = app.backend.view();
    let run = find(&app, &view, &key).await?;
    Ok(Json(run_json(&view, &run)).into_response())
}

/// Finds a run: in the picture, else in the store.
pub(crate) async fn find(app: &App, view: &View, key: &RunKey) -> Result<Arc<Run>, ApiError> {
    if let Some(run) = view.job(&key.job).and_then(|job| job.run(key)) {
        return Ok(Arc::clone(run));
    }
    let stored = app.backend.stored_run(key).await?;
    stored.map(Arc::new).ok_or_else(|| {
        ApiError::field(
            StatusCode::NOT_FOUND,
            "id",
            format!("there is no run {key}"),
        )
    })
}

/// `DELETE runs/{id}`: kill it.
pub(crate) async fn kill(
    State(app): State<App>,
    RunInPath(key): RunInPath,
) -> Result<StatusCode, ApiError> {
    let command = Command::KillRun { key: key.clone() };
    match app.backend.command(command).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(CommandError::Refused(Refusal::UnknownRun(_))) => {
            let run = find(&app, &app.backend.view(), &key).await?;
            let problem = match run.state {
                RunState::Ended => "has ended already",
                RunState::Queued | RunState::Starting | RunState::Running => "cannot be killed now",
            };
            Err(ApiError::field(StatusCode::CONFLICT, "id", problem))
        }
        Err(error) => Err(error.into()),
    }
}
