//! A run as the API shows it.

use chronos_core::View;
use chronos_model::{Covered, Outcome, Run, RunKey, Timestamp};
use serde_json::{Value, json};

/// Writes a run; one that waits says why, as of the view.
pub(crate) fn run_json(view: &View, run: &Run) -> Value {
    let waits = view
        .job(&run.key.job)
        .and_then(|job| view.why_run_waits(job, run))
        .map(|why| why.to_string());
    let id = run.key.to_string();
    let stamp = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let mut fields = json!({
        "id": id,
        "job": run.key.job.as_str(),
        "target": run.target.to_string(),
        "attempt": run.key.attempt,
        // Only an agent makes a task of it.
        "taskId": run.agent.is_some().then_some(id.as_str()),
        "state": run.state.name(),
        "outcome": run.outcome.map(Outcome::name),
        "reason": waits.as_ref().or(run.reason.as_ref()),
        "exitCode": run.exit_code,
        "agent": run.agent.as_deref(),
        "startedAt": stamp(run.started_at),
        "endedAt": stamp(run.ended_at),
        "cause": run.cause.name(),
        "arguments": run.arguments,
        "notBefore": stamp(run.not_before),
    });
    if let Some(fields) = fields.as_object_mut() {
        if let Some(generation) = run.parents.as_ref().filter(|made| !made.runs.is_empty()) {
            let parents = generation.runs.iter().map(RunKey::to_string);
            fields.insert("parents".to_owned(), parents.collect());
        }
        if let Some(Covered { first, count }) = run.covers {
            let covers = json!({"first": first.to_string(), "count": count});
            fields.insert("covers".to_owned(), covers);
        }
    }
    fields
}
