//! The command line: one subcommand for each noun.

use clap::{Parser, Subcommand};

use crate::{exit::Failure, schedule};

/// The command line of chronosd.
///
/// Exit codes: 0 done, 1 something could not be read or written, 2 wrong flags, 3 the input is not acceptable.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    noun: Noun,
}

#[derive(Debug, Subcommand)]
enum Noun {
    /// Repeating intervals: when does a schedule come?
    Schedule(schedule::Command),
}

impl Cli {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.noun {
            Noun::Schedule(command) => command.run(),
        }
    }
}
