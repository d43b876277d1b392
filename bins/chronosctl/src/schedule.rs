//! The noun `schedule`: what can be asked of a repeating interval without a daemon.

mod answer;
mod batch;
mod preview;
mod question;
mod table;

use clap::{Args, Subcommand};

use crate::exit::Failure;

/// `chronosctl schedule …`
#[derive(Debug, Args)]
pub(crate) struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows when an expression comes.
    Preview(preview::Preview),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.verb {
            Verb::Preview(preview) => preview.run(),
        }
    }
}
