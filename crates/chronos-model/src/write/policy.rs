//! The policies of a written job, where they are not what Chronos does.
//!
//! A bound is written beside its policy even when it is the default, so that another default later
//! changes no job that exists.

use serde_json::Value;

use crate::{CalendarName, CatchUp, JobSpec, Overlap, ParentRule, RetryBackoff};

pub(super) fn put(spec: &JobSpec, put: &mut impl FnMut(&str, Value)) {
    if spec.policies.catch_up != CatchUp::default() {
        put("catchUp", spec.policies.catch_up.name().into());
    }
    if let CatchUp::All { limit } = spec.policies.catch_up {
        put("catchUpLimit", limit.into());
    }
    // `concurrent` is always there, and says the other two.
    if !matches!(
        spec.overlap,
        Overlap::QueueOne | Overlap::Allow { limit: None }
    ) {
        put("overlap", spec.overlap.name().into());
    }
    if let Overlap::QueueAll { limit } | Overlap::Allow { limit: Some(limit) } = spec.overlap {
        put("overlapLimit", limit.into());
    }
    if let RetryBackoff::Exponential { delay_max_secs } = spec.policies.retry_backoff {
        put("retryBackoff", spec.policies.retry_backoff.name().into());
        put("retryDelayMax", delay_max_secs.into());
    }
    if spec.policies.start_timeout_secs != 0 {
        put("startTimeout", spec.policies.start_timeout_secs.into());
    }
    if spec.policies.jitter_secs != 0 {
        put("jitter", spec.policies.jitter_secs.into());
    }
    if !spec.details.calendars.is_empty() {
        let names = spec.details.calendars.iter().map(CalendarName::as_str);
        put("calendar", names.collect());
    }
    if spec.parent_rule != ParentRule::default() && !spec.parents().is_empty() {
        put("dependencyRule", spec.parent_rule.name().into());
    }
}
