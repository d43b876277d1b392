//! Exit codes, so that a script knows whose fault it was.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

/// Why the program ends, by exit code. `2` is clap's, for wrong flags.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// 1: something could not be read or written; trying again may help.
    #[error("cannot read or write")]
    Io(#[from] io::Error),
    /// 3: the input is not acceptable. The message is for people and may have lines below its first.
    #[error("{0}")]
    Refused(String),
    /// 3: the same, already told on standard output.
    #[error("the input is not acceptable")]
    Told,
}

impl Failure {
    /// Tells what happened on standard error, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let mut out = io::stderr().lock();
        let (told, code) = match self {
            // Whoever reads our output has enough of it.
            Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => (Ok(()), 0),
            Self::Io(error) => (writeln!(out, "chronosctl: {self}: {error}"), 1),
            Self::Refused(message) => (writeln!(out, "chronosctl: {message}"), 3),
            Self::Told => (Ok(()), 3),
        };
        // Where standard error is closed, nobody can be told.
        drop(told);
        ExitCode::from(code)
    }
}
