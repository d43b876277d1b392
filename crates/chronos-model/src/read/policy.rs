//! The policies of a document: late, too many at once, failed, and when not to run.

use serde_json::Value;

use super::field::{self, Object};
use crate::{
    CalendarName, CatchUp, JobNameError, Overlap, RetryBackoff,
    limits::{
        CALENDARS_LEN_MAX, CATCH_UP_LIMIT_MAX, OVERLAP_LIMIT_MAX, RETRY_DELAY_MAX_SECS_DEFAULT,
        RETRY_DELAY_SECS_MAX,
    },
    problem::Problems,
};

/// Reads `catchUp` and its bound.
pub(super) fn catch_up(job: &Object<'_>, problems: &mut Problems) -> CatchUp {
    let words = CatchUp::ALL.map(|policy| (policy.name(), policy));
    let policy = word(job, "catchUp", &words, problems);
    let limit = limit(job, "catchUpLimit", CATCH_UP_LIMIT_MAX, problems);
    match (policy.value.unwrap_or_default(), limit) {
        (CatchUp::All { .. }, Some(limit)) => CatchUp::All { limit },
        (policy, None) => policy,
        (default, Some(_)) => {
            only_with(
                job,
                "catchUpLimit",
                r#""catchUp": "all""#,
                &policy,
                problems,
            );
            default
        }
    }
}

/// Reads `overlap`, its bound, and `concurrent`, which is Chronos' word for two of its values.
pub(super) fn overlap(job: &Object<'_>, problems: &mut Problems) -> Overlap {
    let words = Overlap::ALL.map(|policy| (policy.name(), policy));
    let concurrent = job.read("concurrent", problems, field::flag);
    let policy = word(job, "overlap", &words, problems);
    let allows = |policy| matches!(policy, Overlap::Allow { .. });
    if let (Some(policy), Some(concurrent)) = (policy.value, concurrent)
        && allows(policy) != concurrent
    {
        let name = policy.name();
        problems.add(
            job.at("overlap"),
            format_args!(
                "is {name:?}, which contradicts `concurrent`: {concurrent}; give one of `overlap` and `concurrent`"
            ),
        );
    }
    let by_concurrent = match concurrent {
        Some(true) => Overlap::Allow { limit: None },
        Some(false) | None => Overlap::QueueOne,
    };
    let limit = limit(job, "overlapLimit", OVERLAP_LIMIT_MAX, problems);
    match (policy.value.unwrap_or(by_concurrent), limit) {
        (Overlap::QueueAll { .. }, Some(limit)) => Overlap::QueueAll { limit },
        (Overlap::Allow { .. }, limit) => Overlap::Allow { limit },
        (policy, None) => policy,
        (other, Some(_)) => {
            let needed = r#""overlap": "queueAll" or "allow""#;
            only_with(job, "overlapLimit", needed, &policy, problems);
            other
        }
    }
}

/// Reads `retryBackoff` and its bound.
pub(super) fn retry_backoff(job: &Object<'_>, problems: &mut Problems) -> RetryBackoff {
    let exponential = RetryBackoff::Exponential {
        delay_max_secs: RETRY_DELAY_MAX_SECS_DEFAULT,
    };
    let words = [RetryBackoff::Fixed, exponential].map(|policy| (policy.name(), policy));
    let policy = word(job, "retryBackoff", &words, problems);
    let delay_max = job.integer("retryDelayMax", 1..=RETRY_DELAY_SECS_MAX, problems);
    match (policy.value.unwrap_or_default(), delay_max) {
        (RetryBackoff::Exponential { .. }, Some(delay_max_secs)) => {
            RetryBackoff::Exponential { delay_max_secs }
        }
        (policy, None) => policy,
        (RetryBackoff::Fixed, Some(_)) => {
            let needed = r#""retryBackoff": "exponential""#;
            only_with(job, "retryDelayMax", needed, &policy, problems);
            RetryBackoff::Fixed
        }
    }
}

/// Reads `calendar`: a name, or a list of names.
pub(super) fn calendars(job: &Object<'_>, problems: &mut Problems) -> Vec<CalendarName> {
    let Some(value) = job.get("calendar") else {
        return Vec::new();
    };
    if !value.is_array() {
        let name = job.read("calendar", problems, calendar);
        return name.flatten().into_iter().collect();
    }
    let names = job.each_of(
        "calendar",
        CALENDARS_LEN_MAX,
        problems,
        |value, path, problems| {
            calendar(value)
                .map_err(|problem| problems.add(path, problem))
                .ok()
                .flatten()
        },
    );
    // Named twice is named once; there are few of them.
    let mut calendars = Vec::new();
    for name in names {
        if !calendars.contains(&name) {
            calendars.push(name);
        }
    }
    calendars
}

// An empty text is none, as in other fields.
fn calendar(value: &Value) -> Result<Option<CalendarName>, String> {
    match field::text(value)? {
        text if text.is_empty() => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|error: JobNameError| error.to_string()),
    }
}

/// A word that was read, was not there, or is wrong and already noted.
struct Word<T> {
    value: Option<T>,
    is_wrong: bool,
}

fn word<T: Copy>(
    job: &Object<'_>,
    key: &str,
    words: &[(&str, T)],
    problems: &mut Problems,
) -> Word<T> {
    let value = job.read(key, problems, |value| field::word(value, words));
    Word {
        is_wrong: value.is_none() && job.get(key).is_some(),
        value,
    }
}

fn limit(job: &Object<'_>, key: &str, most: u32, problems: &mut Problems) -> Option<u32> {
    let limit = job.integer(key, 1..=u64::from(most), problems)?;
    u32::try_from(limit).ok()
}

/// Notes a bound that bounds nothing, unless what it belongs to is wrong itself.
fn only_with<T>(
    job: &Object<'_>,
    key: &str,
    needed: &str,
    word: &Word<T>,
    problems: &mut Problems,
) {
    if !word.is_wrong {
        problems.add(
            job.at(key),
            format_args!("counts only with {needed}; leave it out, or add that"),
        );
    }
}
