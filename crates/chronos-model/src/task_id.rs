//! The id of one attempt at one target, in the shape that Chronos gave it.

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::{JobName, Timestamp};

/// What one run is: this job, for this due time, at this attempt.
///
/// It prints as a Mesos task id, `ct:<due ms>:<attempt>:<job>:`. Arguments are never part of it (they
/// were in Chronos, and Mesos refused what they held), but ids that carry them still parse.
///
/// # Examples
///
/// ```
/// use chronos_model::RunKey;
///
/// let key: RunKey = "ct:1420843781398:0:sample-name:-a 1:2 --B".parse()?;
/// assert_eq!(key.job.as_str(), "sample-name");
/// assert_eq!(key.due.millis(), 1_420_843_781_398);
/// assert_eq!(key.to_string(), "ct:1420843781398:0:sample-name:");
/// # Ok::<(), chronos_model::RunKeyError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RunKey {
    /// The job.
    pub job: JobName,
    /// The due time: the nominal target, or the first free millisecond after it when a job of the
    /// same name already used that one.
    pub due: Timestamp,
    /// Zero for the first attempt, one more for each retry.
    pub attempt: u32,
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ct:{}:{}:{}:", self.due.millis(), self.attempt, self.job)
    }
}

impl FromStr for RunKey {
    type Err = RunKeyError;

    fn from_str(text: &str) -> Result<Self, RunKeyError> {
        let wrong = || RunKeyError {
            found: text.to_owned(),
        };
        let mut parts = text.splitn(5, ':');
        let mut next = || parts.next().ok_or_else(wrong);
        if next()? != "ct" {
            return Err(wrong());
        }
        let due: u64 = digits(next()?).ok_or_else(wrong)?;
        let attempt: u32 = digits(next()?).ok_or_else(wrong)?;
        let job: JobName = next()?
            .parse()
            .map_err(|_error: crate::JobNameError| wrong())?;
        let due = i64::try_from(due).map_err(|_error: std::num::TryFromIntError| wrong())?;
        Ok(Self {
            job,
            due: Timestamp::from_millis(due),
            attempt,
        })
    }
}

// `parse` alone would take a leading `+`.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A text that is no task id of ours.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{found:?} is no task id; expected ct:<due ms>:<attempt>:<job>:")]
pub struct RunKeyError {
    /// The text.
    pub found: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    // Numbers are those of Chronos' own cases (TaskUtilsSpec).
    #[test]
    fn parses_what_chronos_wrote() {
        for (case, text, due, attempt, job) in [
            (
                93,
                "ct:1420843781398:0:sample-name:-a 1 -b 2",
                1_420_843_781_398,
                0,
                "sample-name",
            ),
            (
                94,
                "ct:1420843781398:0:sample-name:",
                1_420_843_781_398,
                0,
                "sample-name",
            ),
            (
                96,
                "ct:1420843781398:1:test:-a 1:2 --B test",
                1_420_843_781_398,
                1,
                "test",
            ),
            (99, "ct:1420843781398:0:test", 1_420_843_781_398, 0, "test"),
            (
                101,
                "ct:1487202374429:0:somejob prod:",
                1_487_202_374_429,
                0,
                "somejob prod",
            ),
        ] {
            let key: RunKey = text
                .parse()
                .unwrap_or_else(|error| panic!("case {case}: {error}"));
            assert_eq!(
                (key.due.millis(), key.attempt, key.job.as_str()),
                (due, attempt, job),
                "case {case}"
            );
        }
    }

    #[test]
    fn refuses_what_is_not_ours() {
        for text in [
            "",
            "ct",
            "ct:1:0",
            "ct:x:0:a:",
            "ct:1:-1:a:",
            "ct:+1:0:a:",
            "xx:1:0:a:",
            "ct:1:0:a/b:",
            "ct:99999999999999999999:0:a:",
        ] {
            assert!(text.parse::<RunKey>().is_err(), "{text:?}");
        }
    }
}
