//! A job as the API shows it.

use chronos_core::{Job, View, Waiting};
use chronos_model::{FetchOutput, JobName, SchedulePart};
use serde_json::{Map, Value, json};

/// Writes a job: Chronos' fields in Chronos' order, then what we compute.
pub(crate) fn job_json(view: &View, job: &Job, fetches: FetchOutput) -> Map<String, Value> {
    let progress = job.progress();
    let mut fields = job.spec().to_json(progress, fetches);
    let mut put = |key: &str, value: Value| {
        fields.insert(key.to_owned(), value);
    };
    let next = job.next_run().map(|at| at.to_string());
    let last = progress.last_success.max(progress.last_error);
    put("nextRun", next.into());
    put("lastRun", last.map(|at| at.to_string()).into());
    put("runsRemaining", job.targets_remaining().into());
    put("state", job.activity().to_string().into());
    put("status", job.last_status().to_string().into());
    let waiting = view.why_waiting(job);
    put("waiting", waiting.iter().map(Waiting::to_string).collect());
    fields
}

/// Writes what an overview needs of a job, as Chronos 3 does.
pub(crate) fn summary_json(job: &Job) -> Value {
    let spec = job.spec();
    let parents = spec.parents().iter();
    // Chronos' clients parse it, so of several schedules it shows one.
    let first = spec
        .schedule()
        .and_then(|schedule| schedule.parts().first());
    json!({
        "name": spec.name.as_str(),
        "status": job.last_status().to_string(),
        "state": job.activity().to_string(),
        "schedule": first.map_or("", SchedulePart::text),
        "parents": parents.map(JobName::as_str).collect::<Vec<_>>(),
        "disabled": spec.disabled,
    })
}
