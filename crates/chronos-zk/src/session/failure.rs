//! Three answers other than "done": refused, not sent, or unknown.

use std::fmt;

use zookeeper_client::Error;

/// Why a request was not carried out, as far as that is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Failure {
    /// The servers refused it, and nothing happened.
    Refused {
        /// The part of the write that was wrong.
        index: usize,
        why: Refusal,
    },
    /// It did not leave.
    NotSent { problem: String },
    /// It may have happened.
    Unknown { problem: String },
}

/// What the servers did not like.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    NoNode,
    NodeExists,
    BadVersion,
    Other(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoNode => "there is no such node",
            Self::NodeExists => "the node exists",
            Self::BadVersion => "the node has another version",
            Self::Other(problem) => problem,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { why, .. } => why.fmt(f),
            Self::NotSent { problem } | Self::Unknown { problem } => f.write_str(problem),
        }
    }
}

pub(super) fn not_sent(error: &Error) -> Failure {
    Failure::NotSent {
        problem: error.to_string(),
    }
}

// Only what a server says about the request itself is certain. All else, also what the library is sure
// about, comes out of a connection that may have carried the request before it broke.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is not known to be refused is unknown"
)]
pub(super) fn failure(error: &Error, index: usize) -> Failure {
    let why = match error {
        Error::NoNode => Refusal::NoNode,
        Error::NodeExists => Refusal::NodeExists,
        Error::BadVersion => Refusal::BadVersion,
        Error::NotEmpty
        | Error::NoAuth
        | Error::InvalidAcl
        | Error::QuotaExceeded
        | Error::NoChildrenForEphemerals
        | Error::Unimplemented
        | Error::NotReadOnly
        | Error::Throttled => Refusal::Other(error.to_string()),
        _ => {
            return Failure::Unknown {
                problem: error.to_string(),
            };
        }
    };
    Failure::Refused { index, why }
}
