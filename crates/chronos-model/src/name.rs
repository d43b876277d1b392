//! Names of jobs.
//!
//! A name is what an operator types and what other jobs depend on, so its grammar is a contract:
//! once a name is accepted, every later version must accept it too.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use thiserror::Error;

/// The longest job name, in bytes.
///
/// A name becomes a part of every task id, and Mesos refuses ids over 255 bytes; `ct:`, the due time
/// (14 digits until the year 5138), an attempt of up to 10 digits and the colons take 31 of them.
pub const JOB_NAME_LEN_MAX: usize = 200;

/// The name of a job, unique within one scheduler and case-sensitive.
///
/// Letters, digits, `_`, `-`, `.` as in Chronos 3, and also space and `#` as in Chronos 2; neither
/// first nor last may be a space, because nobody would see it.
///
/// # Examples
///
/// ```
/// use chronos_model::{JobName, JobNameError};
///
/// let name: JobName = "nightly-etl".parse()?;
/// assert_eq!(name.as_str(), "nightly-etl");
///
/// let error = "a/b".parse::<JobName>().unwrap_err();
/// assert_eq!(error, JobNameError::Character { found: '/', offset: 1 });
/// # Ok::<(), JobNameError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct JobName(Arc<str>);

impl JobName {
    /// Returns the text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for JobName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for JobName {
    type Err = JobNameError;

    fn from_str(text: &str) -> Result<Self, JobNameError> {
        if text.is_empty() {
            return Err(JobNameError::Empty);
        }
        if text.len() > JOB_NAME_LEN_MAX {
            return Err(JobNameError::TooLong { len: text.len() });
        }
        if let Some((offset, found)) = text.char_indices().find(|&(_, c)| !is_name_char(c)) {
            return Err(JobNameError::Character { found, offset });
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err(JobNameError::OuterSpace);
        }
        // `.` and `..` are folder names, and never were names of a job anybody meant.
        if text == "." || text == ".." {
            return Err(JobNameError::Dots);
        }
        Ok(Self(text.into()))
    }
}

const fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '#')
}

/// Why a text is not a [`JobName`].
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum JobNameError {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// The text is longer than [`JOB_NAME_LEN_MAX`] bytes.
    #[error("has {len} bytes, more than {JOB_NAME_LEN_MAX}")]
    TooLong {
        /// The length of the text, in bytes.
        len: usize,
    },
    /// The text holds a character outside the grammar.
    #[error(
        "holds {found:?} at byte {offset}; letters, digits, '-', '_', '.', '#' and inner spaces are allowed"
    )]
    Character {
        /// The first such character.
        found: char,
        /// Where it starts, in bytes from the start of the text.
        offset: usize,
    },
    /// The text begins or ends with a space.
    #[error("begins or ends with a space")]
    OuterSpace,
    /// The text is `.` or `..`.
    #[error("is '.' or '..'")]
    Dots,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<(), JobNameError>) {
        let got = text.parse::<JobName>();
        assert_eq!(
            got.as_ref().map(|_| ()).map_err(|&error| error),
            want,
            "{text:?}"
        );
        if let Ok(name) = got {
            assert_eq!(
                name.to_string(),
                text,
                "printing gives back what was parsed"
            );
        }
    }

    #[test]
    fn accepts_and_rejects() {
        check("nightly-etl", Ok(()));
        check("36", Ok(()));
        check("report #7 v1.2_b", Ok(()));
        check(&"x".repeat(JOB_NAME_LEN_MAX), Ok(()));
        check("", Err(JobNameError::Empty));
        check(&"x".repeat(201), Err(JobNameError::TooLong { len: 201 }));
        check(
            "naïve",
            Err(JobNameError::Character {
                found: 'ï',
                offset: 2,
            }),
        );
        check(
            "a/b",
            Err(JobNameError::Character {
                found: '/',
                offset: 1,
            }),
        );
        check(
            "a:b",
            Err(JobNameError::Character {
                found: ':',
                offset: 1,
            }),
        );
        check(
            "a\tb",
            Err(JobNameError::Character {
                found: '\t',
                offset: 1,
            }),
        );
        check(" a", Err(JobNameError::OuterSpace));
        check("a ", Err(JobNameError::OuterSpace));
        check("..", Err(JobNameError::Dots));
    }
}
