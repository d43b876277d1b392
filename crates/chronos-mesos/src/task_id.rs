//! The name that Mesos gets for one launch of one run.

use chronos_core::Launch;
use chronos_model::{RunKey, Timestamp};

/// Returns the task id of a launch: Chronos' `ct:<due ms>:<attempt>:<job>:`, and when the run was put off to, if it was.
///
/// An id is never used twice: a run that is launched again was put off.
///
/// # Examples
///
/// ```
/// use chronos_core::Launch;
/// use chronos_mesos::{parse_task_id, task_id};
/// use chronos_model::{RunKey, Timestamp};
///
/// let key: RunKey = "ct:1420843781398:0:etl:".parse()?;
/// assert_eq!(task_id(&key, Launch(None)), "ct:1420843781398:0:etl:");
/// let again = Launch(Some(Timestamp::from_millis(1_420_843_799_000)));
/// let id = task_id(&key, again);
/// assert_eq!(id, "ct:1420843781398:0:etl:@1420843799000");
/// assert_eq!(parse_task_id(&id), Some((key, again)));
/// # Ok::<(), chronos_model::RunKeyError>(())
/// ```
pub fn task_id(key: &RunKey, launch: Launch) -> String {
    match launch.0 {
        None => key.to_string(),
        Some(put_off) => format!("{key}@{}", put_off.millis()),
    }
}

/// Reads a task id; `None` when it is none of ours. Ids that Chronos gave, with arguments in them, are.
pub fn parse_task_id(id: &str) -> Option<(RunKey, Launch)> {
    let key: RunKey = id.parse().ok()?;
    let last = id.splitn(5, ':').nth(4).unwrap_or_default();
    let put_off = last
        .strip_prefix('@')
        .and_then(|millis| millis.parse().ok());
    Some((key, Launch(put_off.map(Timestamp::from_millis))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_chronos_and_others_wrote() {
        let of = |id: &str| parse_task_id(id).map(|(key, launch)| (key.to_string(), launch.0));
        let key = || "ct:1:2:a b#c:".to_owned();
        let at = |millis| Some(Timestamp::from_millis(millis));
        assert_eq!(of("ct:1:2:a b#c:"), Some((key(), None)));
        assert_eq!(of("ct:1:2:a b#c"), Some((key(), None)));
        assert_eq!(of("ct:1:2:a b#c:-x 1:2"), Some((key(), None)));
        assert_eq!(of("ct:1:2:a b#c:@17"), Some((key(), at(17))));
        assert_eq!(of("ct:1:2:a b#c:@x"), Some((key(), None)));
        assert_eq!(of("web.1234"), None);
    }

    #[test]
    fn fits_into_what_mesos_takes() {
        let job = "x".repeat(200).parse().unwrap();
        let key = RunKey {
            job,
            due: Timestamp::from_millis(99_999_999_999_999),
            attempt: u32::MAX,
        };
        let launch = Launch(Some(Timestamp::from_millis(99_999_999_999_999)));
        assert!(task_id(&key, launch).len() <= 255);
    }
}
