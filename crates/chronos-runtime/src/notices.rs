//! Notices as log lines: one event each, values as fields.

use chronos_core::Notice;
use chronos_model::{Outcome, Run};
use tracing::{error, info, warn};

/// Logs a notice.
pub(crate) fn log(notice: &Notice) {
    match notice {
        Notice::JobCreated { job, next } => {
            info!(%job, next = %or_none(next.as_ref()), "job created");
        }
        Notice::JobUpdated { job, next } => {
            info!(%job, next = %or_none(next.as_ref()), "job updated");
        }
        Notice::JobDeleted { job } => info!(%job, "job deleted"),
        Notice::JobDisabled { job, reason } => warn!(%job, reason, "job disabled"),
        Notice::Quarantined { key, problem } => {
            warn!(key, problem, "stored record cannot be used; left alone");
        }
        Notice::RunLaunched { key, late_millis } => {
            info!(task = %key, late_ms = late_millis, "run launched");
        }
        Notice::RunEnded { run } => run_ended(run),
        Notice::RetryScheduled { key, at } => info!(task = %key, %at, "retry scheduled"),
        Notice::TargetsMissed { job, count, first } => {
            warn!(%job, count, %first, "targets passed without a run");
        }
        Notice::TargetLate {
            key,
            late_millis,
            started,
        } => warn!(task = %key, late_ms = late_millis, started, "run is late"),
        Notice::AuditFound { job, finding } => {
            error!(%job, finding, "self-audit found a defect and repaired it; please report it");
        }
        Notice::UnknownTask { key } => warn!(task = %key, "task without a record; killing it"),
        _ => info!(?notice, "notice"),
    }
}

fn run_ended(run: &Run) {
    let Some(outcome) = run.outcome else { return };
    let reason = run.reason.as_deref().unwrap_or_default();
    match outcome {
        Outcome::Succeeded => {
            let took_ms = run
                .started_at
                .zip(run.ended_at)
                .map(|(started, ended)| ended.millis_since(started));
            info!(task = %run.key, took_ms, "run succeeded");
        }
        Outcome::Failed => warn!(task = %run.key, exit_code = run.exit_code, reason, "run failed"),
        Outcome::Missed => {}
        Outcome::Killed | Outcome::Skipped | Outcome::Superseded => {
            info!(task = %run.key, %outcome, reason, "run ended");
        }
    }
}

fn or_none<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(|| "none".to_owned(), ToString::to_string)
}
