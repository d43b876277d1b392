//! Orders to jobs: run now, count as successful, kill.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chronos_core::{Command, Refusal};
use chronos_model::{JobName, limits::COMMAND_LEN_MAX};
use http::{HeaderValue, StatusCode, header};

use crate::{
    CommandError,
    error::ApiError,
    params::{JobInPath, Query, Segment},
    router::App,
};

/// `PUT job/{name}`: run it now. Whatever the body says is ignored, as Chronos' clients expect.
pub(crate) async fn run_now(
    State(app): State<App>,
    JobInPath(job): JobInPath,
    query: Query,
) -> Result<StatusCode, ApiError> {
    let arguments = query.text("arguments").map(str::to_owned);
    if let Some(arguments) = &arguments {
        let view = app.backend.view();
        check_arguments(
            arguments,
            view.job(&job).map(|job| job.spec().command.len()),
        )?;
    }
    app.backend.command(Command::Run { job, arguments }).await?;
    Ok(StatusCode::NO_CONTENT)
}

// As for the arguments in a definition: no program could be given others.
fn check_arguments(arguments: &str, command_len: Option<usize>) -> Result<(), ApiError> {
    let wrong = |problem: String| Err(ApiError::bad("arguments", problem));
    if arguments.contains('\0') {
        return wrong("hold a NUL character, which no program can be given".to_owned());
    }
    let len = arguments
        .len()
        .saturating_add(command_len.unwrap_or_default());
    if len > COMMAND_LEN_MAX {
        return wrong(format!(
            "take {len} bytes with the command, more than {COMMAND_LEN_MAX}"
        ));
    }
    Ok(())
}

/// `PUT job/success/{name}`: count a success that nobody saw.
///
/// The odd answer is Chronos' own: a text that claims to be JSON, and 200 for an unknown job too.
pub(crate) async fn mark_success(
    State(app): State<App>,
    Segment(name): Segment,
) -> Result<Response, ApiError> {
    mark(&app, &name).await
}

/// `PUT job/success/runs`, `PUT job/success/explain`, …: the same for a job whose name is a word of
/// another route.
pub(crate) async fn mark_success_of(app: App, name: &'static str) -> Result<Response, ApiError> {
    mark(&app, name).await
}

async fn mark(app: &App, name: &str) -> Result<Response, ApiError> {
    let known = match name.parse::<JobName>() {
        Ok(job) => match app.backend.command(Command::MarkSuccess { job }).await {
            Ok(_) => true,
            Err(CommandError::Refused(Refusal::UnknownJob(_))) => false,
            Err(error) => return Err(error.into()),
        },
        Err(_) => false,
    };
    let json = HeaderValue::from_static("application/json");
    let text = format!("marked job {name} as successful: {known}");
    Ok(([(header::CONTENT_TYPE, json)], text).into_response())
}

/// `DELETE task/kill/{name}`: kill all its runs.
pub(crate) async fn kill(
    State(app): State<App>,
    JobInPath(job): JobInPath,
) -> Result<StatusCode, ApiError> {
    app.backend.command(Command::KillJob { job }).await?;
    Ok(StatusCode::NO_CONTENT)
}
