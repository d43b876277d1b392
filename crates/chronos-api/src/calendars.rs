//! Calendars: what schedules leave out.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use chronos_core::{Command, Reply};
use chronos_model::{Calendar, CalendarName, JobNameError};
use http::StatusCode;
use serde_json::Value;

use crate::{array::array, body::Document, error::ApiError, params::Segment, router::App};

/// `GET calendars`: all of them by name.
pub(crate) async fn list(State(app): State<App>) -> Response {
    let calendars: Vec<Arc<Calendar>> = app.backend.view().calendars().cloned().collect();
    array("[", calendars, "]", |calendar| calendar.to_json().into())
}

/// `GET calendar/{name}`.
pub(crate) async fn one(
    State(app): State<App>,
    Segment(name): Segment,
) -> Result<Response, ApiError> {
    let view = app.backend.view();
    let calendar = view
        .calendar(&known_name(&name)?)
        .ok_or_else(|| ApiError::unknown_calendar(&name))?;
    Ok(Json(calendar.to_json()).into_response())
}

/// `PUT calendar/{name}`: creates it (201) or replaces it (204).
pub(crate) async fn put(
    State(app): State<App>,
    Segment(name): Segment,
    Document(document): Document,
) -> Result<StatusCode, ApiError> {
    let name: CalendarName = name
        .parse()
        .map_err(|error: JobNameError| ApiError::bad("name", error.to_string()))?;
    let calendar = Calendar::from_json(&named(document, &name)).map_err(ApiError::invalid)?;
    if *calendar.name() != name {
        let problem = format!(
            "is {} in the document and {name} in the path; leave it out of the document",
            calendar.name()
        );
        return Err(ApiError::bad("name", problem));
    }
    let command = Command::PutCalendar(Arc::new(calendar));
    match app.backend.command(command).await? {
        Reply::Created => Ok(StatusCode::CREATED),
        Reply::Updated | Reply::Done | Reply::Run(_) | Reply::Runs(_) => Ok(StatusCode::NO_CONTENT),
    }
}

// The path has said it already.
fn named(mut document: Value, name: &CalendarName) -> Value {
    if let Some(fields) = document.as_object_mut()
        && fields.get("name").is_none_or(Value::is_null)
    {
        fields.insert("name".to_owned(), name.as_str().into());
    }
    document
}

/// `DELETE calendar/{name}`: refused while jobs name it.
pub(crate) async fn delete(
    State(app): State<App>,
    Segment(name): Segment,
) -> Result<StatusCode, ApiError> {
    let command = Command::DeleteCalendar(known_name(&name)?);
    app.backend.command(command).await?;
    Ok(StatusCode::NO_CONTENT)
}

// A name that nobody can have is an unknown calendar.
fn known_name(name: &str) -> Result<CalendarName, ApiError> {
    name.parse()
        .map_err(|_error: JobNameError| ApiError::unknown_calendar(name))
}
