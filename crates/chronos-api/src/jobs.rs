//! Looking at jobs.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use chronos_core::{Job, View};
use chronos_model::FetchOutput;

use crate::{
    array::array,
    error::ApiError,
    job_json::{job_json, summary_json},
    params::{JobInPath, Query},
    router::App,
};

/// How many jobs a search returns unless told otherwise, as in Chronos.
const SEARCH_LIMIT_DEFAULT: usize = 10;

/// `GET jobs`: all of them by name, files in both spellings.
pub(crate) async fn list(State(app): State<App>) -> Response {
    let view = app.backend.view();
    let jobs: Vec<Arc<Job>> = view.jobs().cloned().collect();
    full(view, jobs, FetchOutput::Mirrored)
}

/// `GET job/{name}`: one, as it was written.
pub(crate) async fn one(
    State(app): State<App>,
    JobInPath(name): JobInPath,
) -> Result<Response, ApiError> {
    let view = app.backend.view();
    let job = view
        .job(&name)
        .ok_or_else(|| ApiError::unknown_job(name.as_str()))?;
    Ok(Json(job_json(&view, job, FetchOutput::AsGiven)).into_response())
}

/// `GET jobs/summary`: what an overview needs.
pub(crate) async fn summary(State(app): State<App>) -> Response {
    let jobs: Vec<Arc<Job>> = app.backend.view().jobs().cloned().collect();
    array("{\"jobs\":[", jobs, "]}", |job| summary_json(job))
}

/// `GET jobs/search`: by name, by command, or by either.
pub(crate) async fn search(State(app): State<App>, query: Query) -> Result<Response, ApiError> {
    let limit = query.number("limit", 0..)?.unwrap_or(SEARCH_LIMIT_DEFAULT);
    let offset = query.number::<usize>("offset", 0..)?.unwrap_or_default();
    let wanted = Wanted {
        name: query.text("name").map(str::to_lowercase),
        command: query.text("command").map(str::to_lowercase),
        any: query.text("any").map(str::to_lowercase),
    };
    let view = app.backend.view();
    let found = view.jobs().filter(|job| wanted.matches(job));
    let jobs: Vec<Arc<Job>> = found.skip(offset).take(limit).cloned().collect();
    Ok(full(view, jobs, FetchOutput::AsGiven))
}

fn full(view: Arc<View>, jobs: Vec<Arc<Job>>, fetches: FetchOutput) -> Response {
    array("[", jobs, "]", move |job| {
        job_json(&view, job, fetches).into()
    })
}

/// What a search asks for, in lower case.
struct Wanted {
    name: Option<String>,
    command: Option<String>,
    any: Option<String>,
}

impl Wanted {
    // `any` brings in jobs that the other two left out, as in Chronos; alone it decides (there it
    // brought in everything).
    fn matches(&self, job: &Job) -> bool {
        let spec = job.spec();
        let name = spec.name.as_str().to_lowercase();
        let command = spec.command.to_lowercase();
        let has = |text: &str, part: &Option<String>| {
            part.as_ref().map(|part| text.contains(part.as_str()))
        };
        let both = match (has(&name, &self.name), has(&command, &self.command)) {
            (None, None) => None,
            (name, command) => Some(name.unwrap_or(true) && command.unwrap_or(true)),
        };
        let any = match (has(&name, &self.any), has(&command, &self.any)) {
            (Some(name), Some(command)) => Some(name || command),
            _ => None,
        };
        match (both, any) {
            (None, None) => true,
            (both, any) => both.unwrap_or_default() || any.unwrap_or_default(),
        }
    }
}
