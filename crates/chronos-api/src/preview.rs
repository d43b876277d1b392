//! The next targets of a schedule, before it is saved or after.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use chronos_core::View;
use chronos_model::{
    CalendarName, ClockChange, Exclusions, JobKind, JobSpec, LocalReading, Preview,
    PreviewedTarget, Timestamp, limits::PREVIEW_LEN_MAX,
};
use http::StatusCode;
use serde_json::{Map, Value, json};
use tokio::task::{JoinError, spawn_blocking};

use crate::{
    body::Document,
    error::ApiError,
    params::{KnownJob, Query, known},
    router::App,
};

/// How many targets are shown unless told otherwise: more than a week of days, in one look.
const COUNT_DEFAULT: usize = 10;

/// The fields of a document that are looked at: those that say when a job runs.
const FIELDS: [&str; 9] = [
    "name",
    "schedule",
    "cron",
    "schedules",
    "scheduleTimeZone",
    "dst",
    "endTime",
    "calendar",
    "jitter",
];

/// `POST schedule/preview`: of a job that need not exist.
pub(crate) async fn of_document(
    State(app): State<App>,
    query: Query,
    Document(document): Document,
) -> Result<Response, ApiError> {
    let asked = Asked::read(&app, &query)?;
    let defaults = app.backend.defaults();
    let spec = JobSpec::from_json(
        &schedule_of(&document),
        JobKind::Scheduled,
        defaults,
        asked.now,
    )
    .map_err(ApiError::invalid)?;
    if spec.policies.jitter_secs > 0 && named(&document).is_none() {
        let problem = "is missing; how late a run starts by its jitter depends on it";
        return Err(ApiError::bad("name", problem));
    }
    list(&app.backend.view(), Arc::new(spec), asked.now, asked).await
}

/// `GET job/{name}/preview`: of a job as it is stored.
pub(crate) async fn of_job(
    State(app): State<App>,
    KnownJob(name): KnownJob,
    query: Query,
) -> Result<Response, ApiError> {
    let asked = Asked::read(&app, &query)?;
    let view = app.backend.view();
    let job = known(&view, &name)?;
    let spec = Arc::clone(job.spec());
    list(&view, spec, job.progress().anchor, asked).await
}

/// Which targets are asked for.
struct Asked {
    count: usize,
    from: Timestamp,
    now: Timestamp,
}

impl Asked {
    fn read(app: &App, query: &Query) -> Result<Self, ApiError> {
        let now = app.backend.now();
        Ok(Self {
            count: query
                .number("count", 1..=PREVIEW_LEN_MAX)?
                .unwrap_or(COUNT_DEFAULT),
            from: query.instant("from")?.unwrap_or(now),
            now,
        })
    }
}

fn named(document: &Value) -> Option<&Value> {
    document.get("name").filter(|name| !name.is_null())
}

// A job of which nothing else can be wrong, so that a half-written one has a preview too.
fn schedule_of(document: &Value) -> Value {
    let Value::Object(given) = document else {
        return document.clone();
    };
    let looked_at = FIELDS.iter().filter_map(|key| given.get_key_value(*key));
    let mut fields: Map<String, Value> = looked_at
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    fields.insert("command".to_owned(), "true".into());
    if named(document).is_none() {
        fields.insert("name".to_owned(), "preview".into());
    }
    fields.into()
}

async fn list(
    view: &View,
    spec: Arc<JobSpec>,
    anchor: Timestamp,
    asked: Asked,
) -> Result<Response, ApiError> {
    let exclusions = exclusions(view, &spec.details.calendars)?;
    let work = move || targets(&spec, &exclusions, anchor, &asked);
    // A thousand rare targets of many schedules, with full calendars, take a good part of a second.
    let listed = spawn_blocking(work).await.map_err(|_error: JoinError| {
        let problem = "a defect of the daemon; its log says more";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, problem)
    })??;
    let listed: Vec<Value> = listed.iter().map(target_json).collect();
    Ok(Json(json!({"targets": listed})).into_response())
}

fn targets(
    spec: &JobSpec,
    exclusions: &Exclusions,
    anchor: Timestamp,
    asked: &Asked,
) -> Result<Vec<PreviewedTarget>, ApiError> {
    let Some(schedule) = spec.schedule() else {
        let problem = "has no schedule, so there are no targets to show";
        return Err(ApiError::bad("job", problem));
    };
    let preview = Preview {
        schedule,
        exclusions,
        job: &spec.name,
        jitter_secs: spec.policies.jitter_secs,
        anchor,
    };
    preview
        .list(asked.from, asked.count)
        .map_err(|error| ApiError::bad("schedule", error.to_string()))
}

fn exclusions(view: &View, names: &[CalendarName]) -> Result<Exclusions, ApiError> {
    let find = |name| {
        view.calendar(name).cloned().ok_or_else(|| {
            let problem = format!("unknown calendar {name}; create it first");
            ApiError::field(StatusCode::BAD_REQUEST, "calendar", problem)
        })
    };
    Ok(Exclusions::new(
        names.iter().map(find).collect::<Result<_, _>>()?,
    ))
}

fn target_json(target: &PreviewedTarget) -> Value {
    let change = target.clock_change.map(|ClockChange { from_secs, to_secs }| {
        json!({"from": offset(from_secs), "to": offset(to_secs)})
    });
    json!({
        "target": target.at.to_string(),
        "start": target.start.to_string(),
        "local": target.local,
        "offsetChanged": change,
        "leftOut": target.excluded_by.as_ref().map(CalendarName::as_str),
        "shifted": target.reading == LocalReading::Shifted,
        "repeated": target.reading == LocalReading::Second,
    })
}

// As it stands at the end of a local time.
fn offset(secs: i32) -> String {
    let sign = if secs < 0 { '-' } else { '+' };
    let mins = secs.unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", mins / 60, mins % 60)
}
