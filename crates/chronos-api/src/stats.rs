//! How long runs took, in Chronos' histograms.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use chronos_core::View;
use chronos_model::{JobName, Outcome, Run, RunQuery, Timestamp};
use serde_json::{Map, Value, json};

use crate::{
    Unavailable,
    error::ApiError,
    params::{JobInPath, Segment},
    router::App,
};

/// How many of the newest runs of a job are counted: enough for a 99th percentile that means
/// something, few enough to be read for each of some thousand jobs.
const SAMPLE_RUNS_MAX: usize = 200;

/// How many runs are listed, as `--job_history_limit` of Chronos.
const HISTORY_LISTED_MAX: usize = 5;

/// The percentiles, by Chronos' names.
const PERCENTILES: [(&str, f64); 5] = [
    ("75thPercentile", 0.75),
    ("95thPercentile", 0.95),
    ("98thPercentile", 0.98),
    ("99thPercentile", 0.99),
    ("median", 0.5),
];

/// `GET job/stat/{name}`: the histogram of one job in milliseconds, and its last runs.
pub(crate) async fn of_job(
    State(app): State<App>,
    JobInPath(name): JobInPath,
) -> Result<Response, ApiError> {
    let view = app.backend.view();
    if view.job(&name).is_none() {
        return Err(ApiError::unknown_job(name.as_str()));
    }
    let ended = sample(&app, &name).await?;
    let durations = Durations::of(&ended);
    let mut histogram = Map::new();
    for (key, _) in PERCENTILES.iter().chain(&[("mean", 0.0), ("count", 0.0)]) {
        let value = durations.get(key).unwrap_or_default();
        histogram.insert((*key).to_owned(), value.into());
    }
    let active = active(&view, &name);
    let runs = active.iter().chain(&ended).take(HISTORY_LISTED_MAX);
    let history: Vec<Value> = runs.map(history_json).collect();
    let body = json!({"histogram": histogram, "taskStatHistory": history});
    Ok(Json(body).into_response())
}

/// `GET stats/{key}`: one number of every job that has it, in seconds, largest first.
pub(crate) async fn of_all(
    State(app): State<App>,
    Segment(key): Segment,
) -> Result<Response, ApiError> {
    let view = app.backend.view();
    let mut found: Vec<(f64, JobName)> = Vec::new();
    // An unknown key is no error in Chronos.
    if Durations::default().knows(&key) {
        for job in view.jobs() {
            let name = &job.spec().name;
            let durations = Durations::of(&sample(&app, name).await?);
            if let Some(value) = durations.get(&key).filter(|_| !durations.0.is_empty()) {
                found.push((value, name.clone()));
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let rows = found.iter().map(|(millis, name)| {
        let time = if key == "count" {
            *millis
        } else {
            millis / 1000.0
        };
        json!({"jobNameLabel": name.as_str(), "time": time})
    });
    Ok(Json(rows.collect::<Vec<_>>()).into_response())
}

async fn sample(app: &App, job: &JobName) -> Result<Vec<Run>, Unavailable> {
    let query = RunQuery {
        job: job.clone(),
        before: None,
        limit: SAMPLE_RUNS_MAX,
    };
    app.backend.ended_runs(query).await
}

fn active(view: &View, job: &JobName) -> Vec<Run> {
    let runs = view.job(job).into_iter().flat_map(|job| job.active_runs());
    let mut runs: Vec<Run> = runs.map(|run| run.as_ref().clone()).collect();
    runs.reverse();
    runs
}

/// How long runs took, in milliseconds, shortest first. Those that never started took no time and
/// are not counted.
#[derive(Debug, Default)]
struct Durations(Vec<f64>);

impl Durations {
    fn of(runs: &[Run]) -> Self {
        let mut all: Vec<f64> = runs
            .iter()
            .filter_map(duration_millis)
            .map(as_f64)
            .collect();
        all.sort_by(f64::total_cmp);
        Self(all)
    }

    fn knows(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    fn get(&self, key: &str) -> Option<f64> {
        let count = as_f64(i64::try_from(self.0.len()).unwrap_or(i64::MAX));
        match key {
            "count" => Some(count),
            "mean" => Some(self.0.iter().sum::<f64>() / count.max(1.0)),
            _ => {
                let (_, part) = PERCENTILES.iter().find(|(name, _)| *name == key)?;
                Some(self.percentile(*part))
            }
        }
    }

    // The shortest duration that at least this part of the runs did not exceed.
    fn percentile(&self, part: f64) -> f64 {
        let wanted = part * as_f64(i64::try_from(self.0.len()).unwrap_or(i64::MAX));
        let mut counted = 0.0;
        let mut durations = self.0.iter();
        let found = durations.find(|_| {
            counted += 1.0;
            counted >= wanted
        });
        found.copied().unwrap_or_default()
    }
}

fn duration_millis(run: &Run) -> Option<i64> {
    Some(run.ended_at?.millis_since(run.started_at?).max(0))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 285 years in milliseconds"
)]
const fn as_f64(number: i64) -> f64 {
    number as f64
}

fn history_json(run: &Run) -> Value {
    let status = match run.outcome {
        Some(Outcome::Succeeded) => "Success",
        Some(_) => "Fail",
        None if run.started_at.is_some() => "Running",
        None => "Idle",
    };
    let mut fields = json!({
        "taskId": run.key.to_string(),
        "jobName": run.key.job.as_str(),
        "slaveId": run.agent.as_deref().unwrap_or_default(),
        "startTime": stamp(run.started_at),
        "endTime": stamp(run.ended_at),
    });
    if let Some(fields) = fields.as_object_mut() {
        if let Some(millis) = duration_millis(run) {
            fields.insert("duration".to_owned(), span(millis / 1000).into());
        }
        fields.insert("status".to_owned(), status.into());
    }
    fields
}

fn stamp(at: Option<Timestamp>) -> String {
    let at = at.and_then(Timestamp::to_utc);
    at.map_or_else(
        || "N/A".to_owned(),
        |at| at.format("%m/%d/%y %H:%M:%S").to_string(),
    )
}

fn span(secs: i64) -> String {
    let (days, hours) = (secs / 86_400, secs / 3600 % 24);
    let (mins, secs) = (secs / 60 % 60, secs % 60);
    match (days, hours, mins) {
        (0, 0, 0) => format!("{secs}s"),
        (0, 0, _) => format!("{mins}m{secs}s"),
        (0, ..) => format!("{hours}h{mins}m{secs}s"),
        _ => format!("{days}d{hours}h{mins}m{secs}s"),
    }
}
