//! The command line: one subcommand for each noun.

use clap::{Parser, Subcommand};

use crate::{exit::Failure, import, schedule, store};

/// The command line of chronosd.
///
/// Exit codes: 0 done, 1 something could not be read or written, 2 wrong flags, 3 the input is not acceptable, or
/// something in it is not as it should be.
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
    /// Takes over the jobs that Chronos 2.x or 3.x left on ZooKeeper.
    Import(import::Import),
    /// A store as a whole: check, backup, restore.
    Store(store::Command),
}

impl Cli {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.noun {
            Noun::Schedule(command) => command.run(),
            Noun::Import(import) => import.run(),
            Noun::Store(command) => command.run(),
        }
    }
}
