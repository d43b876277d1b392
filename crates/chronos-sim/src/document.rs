//! Job documents of scripts, read as the daemon reads them.

use chronos_model::{
    CatchUp, JobDefaults, JobKind, JobSchedule, JobSpec, Overlap, ParentRule, RetryBackoff,
    Timestamp, Trigger,
};
use serde_json::Value;

/// Reads a job; `None` when the API would refuse it.
pub fn read(document: &Value, wall: Timestamp) -> Option<JobSpec> {
    let mut spec = JobSpec::from_json(document, JobKind::Any, &JobDefaults::default(), wall).ok()?;
    policies(document, &mut spec)?;
    Some(spec)
}

// Until `from_json` reads them.
fn policies(document: &Value, spec: &mut JobSpec) -> Option<()> {
    let text = |field: &str| document.get(field).and_then(Value::as_str);
    let number = |field: &str| document.get(field).and_then(Value::as_u64);
    let small = |field: &str| number(field).and_then(|number| u32::try_from(number).ok());
    spec.catch_up = match text("catchUp") {
        Some("all") => CatchUp::All {
            limit: small("catchUpLimit").unwrap_or(100),
        },
        Some("none") => CatchUp::None,
        _ => CatchUp::Latest,
    };
    spec.overlap = match text("overlap") {
        Some("skip") => Overlap::Skip,
        Some("queueAll") => Overlap::QueueAll {
            limit: small("overlapLimit").unwrap_or(100),
        },
        Some("replace") => Overlap::Replace,
        Some("allow") => Overlap::Allow {
            limit: small("overlapLimit"),
        },
        _ => Overlap::QueueOne,
    };
    if text("retryBackoff") == Some("exponential") {
        spec.retry_backoff = RetryBackoff::Exponential {
            delay_max_secs: number("retryDelayMax").unwrap_or(3_600),
        };
    }
    spec.jitter_secs = number("jitter").unwrap_or(0);
    spec.start_timeout_secs = number("startTimeout").unwrap_or(0);
    let rule = text("dependencyRule").unwrap_or("allSuccess");
    spec.parent_rule = ParentRule::ALL.into_iter().find(|it| it.name() == rule)?;
    if document.get("scheduleAndParents").and_then(Value::as_bool) == Some(true)
        && let Trigger::Parents(parents) = &spec.trigger
    {
        let zone = text("scheduleTimeZone").unwrap_or("");
        spec.trigger = Trigger::Both {
            schedule: JobSchedule::parse(text("schedule")?, zone).ok()?,
            parents: parents.clone(),
        };
    }
    Some(())
}
