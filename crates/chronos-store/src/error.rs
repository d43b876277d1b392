//! The answers of a store other than "done".
//!
//! They are kept apart because the caller must act differently on each; [`ErrorClass`] says how.

use std::fmt;

use chronos_model::{CalendarName, JobName, Revision, RunKey};
use thiserror::Error;

/// Why a commit was not acknowledged.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CommitError {
    /// A record has another revision than expected. Nothing was written.
    #[error("{key} has revision {found}, expected {expected}")]
    Conflict {
        /// The record.
        key: RecordKey,
        /// The revision the write named; zero for "must not exist", and 1 for any that exists.
        expected: Revision,
        /// The stored one; zero when there is none.
        found: Revision,
    },
    /// The term is over: somebody else leads. Nothing was written.
    #[error("the term is over")]
    Fenced,
    /// A value or the commit is too large. Nothing was written, and trying again is useless.
    #[error("{} has {len} bytes, more than {max}", TooLargeSubject(.key.as_ref()))]
    TooLarge {
        /// The record; `None` when it is the commit as a whole.
        key: Option<RecordKey>,
        /// Its length in bytes, as it would be stored.
        len: usize,
        /// The most that is stored.
        max: usize,
    },
    /// The store cannot write now. Nothing was written.
    #[error("not written: {problem}")]
    Unavailable {
        /// What is wrong.
        problem: String,
    },
    /// The writes may be there or not. Only a [`load`](crate::Store::load) tells.
    #[error("may be written or not: {problem}")]
    Unknown {
        /// What is wrong.
        problem: String,
    },
}

impl CommitError {
    /// Returns what to do about it.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Conflict { .. } | Self::TooLarge { .. } => ErrorClass::Caller,
            Self::Fenced => ErrorClass::TermOver,
            Self::Unavailable { .. } => ErrorClass::Retry,
            Self::Unknown { .. } => ErrorClass::Reload,
        }
    }
}

/// Why a term, a snapshot or a run was not returned.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum StoreError {
    /// The term is over: somebody else leads.
    #[error("the term is over")]
    Fenced,
    /// The store cannot answer now.
    #[error("store unavailable: {problem}")]
    Unavailable {
        /// What is wrong.
        problem: String,
    },
    /// The one record that was asked for cannot be read.
    #[error("{key} cannot be read: {problem}")]
    Unreadable {
        /// The record.
        key: RecordKey,
        /// What is wrong with it.
        problem: String,
    },
}

impl StoreError {
    /// Returns what to do about it.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Fenced => ErrorClass::TermOver,
            Self::Unavailable { .. } => ErrorClass::Retry,
            Self::Unreadable { .. } => ErrorClass::Damaged,
        }
    }
}

/// What to do about an error of a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorClass {
    /// Nothing happened: the same call may be made again later.
    Retry,
    /// It is not known what happened: load again before anything else.
    Reload,
    /// This leader is one no more: drop its state.
    TermOver,
    /// The call itself is wrong, and so it stays.
    Caller,
    /// The data is damaged: a person must look.
    Damaged,
}

/// What a stored record is called in errors.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RecordKey {
    /// The definition of a job.
    Spec(JobName),
    /// The progress of a job.
    Progress(JobName),
    /// A run.
    Run(RunKey),
    /// A calendar.
    Calendar(CalendarName),
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(job) => write!(f, "definition of job {job:?}", job = job.as_str()),
            Self::Progress(job) => write!(f, "progress of job {job:?}", job = job.as_str()),
            Self::Run(key) => write!(f, "run {key}"),
            Self::Calendar(name) => write!(f, "calendar {name:?}", name = name.as_str()),
        }
    }
}

struct TooLargeSubject<'a>(Option<&'a RecordKey>);

impl fmt::Display for TooLargeSubject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(key) => key.fmt(f),
            None => f.write_str("commit"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &CommitError, text: &str, class: ErrorClass) {
        assert_eq!(error.to_string(), text);
        assert_eq!(error.class(), class, "{text}");
    }

    #[test]
    fn says_what_and_what_to_do() {
        let job: JobName = "a b".parse().unwrap();
        check(
            &CommitError::Conflict {
                key: RecordKey::Spec(job.clone()),
                expected: 1,
                found: 2,
            },
            "definition of job \"a b\" has revision 2, expected 1",
            ErrorClass::Caller,
        );
        check(
            &CommitError::TooLarge {
                key: None,
                len: 2,
                max: 1,
            },
            "commit has 2 bytes, more than 1",
            ErrorClass::Caller,
        );
        check(
            &CommitError::TooLarge {
                key: Some(RecordKey::Progress(job)),
                len: 2,
                max: 1,
            },
            "progress of job \"a b\" has 2 bytes, more than 1",
            ErrorClass::Caller,
        );
        let calendar = "x y".parse().unwrap();
        check(
            &CommitError::TooLarge {
                key: Some(RecordKey::Calendar(calendar)),
                len: 2,
                max: 1,
            },
            "calendar \"x y\" has 2 bytes, more than 1",
            ErrorClass::Caller,
        );
        check(
            &CommitError::Fenced,
            "the term is over",
            ErrorClass::TermOver,
        );
        let problem = || "disk full".to_owned();
        check(
            &CommitError::Unavailable { problem: problem() },
            "not written: disk full",
            ErrorClass::Retry,
        );
        check(
            &CommitError::Unknown { problem: problem() },
            "may be written or not: disk full",
            ErrorClass::Reload,
        );
    }
}
