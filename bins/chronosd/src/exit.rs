//! Exit codes, so that a supervisor knows what a restart is good for.

use std::{fmt, process::ExitCode};

/// Why the daemon ends, by exit code. `2` is clap's, for wrong flags.
#[derive(Debug)]
pub(crate) enum Failure {
    /// 1: something else; starting again may help.
    Other(anyhow::Error),
    /// 3: the data folder is in use, of a newer version, or cannot be used at all.
    Data(anyhow::Error),
    /// 4: the address cannot be listened on.
    Address(anyhow::Error),
    /// 5: a broken invariant; what is stored is sound and a restart goes on from there.
    Bug(anyhow::Error),
}

impl Failure {
    pub(crate) fn other(error: impl Into<anyhow::Error>) -> Self {
        Self::Other(error.into())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Other(_) => 1,
            Self::Data(_) => 3,
            Self::Address(_) => 4,
            Self::Bug(_) => 5,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(error) | Self::Data(error) | Self::Address(error) | Self::Bug(error) => {
                fmt::Display::fmt(error, f)
            }
        }
    }
}
