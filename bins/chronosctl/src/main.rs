//! `chronosctl`: the command line. Flags, exit codes and output; everything else is a library.
//!
//! Each noun of the command line (`schedule`, `import`, `store`) has a module of its own with its verbs
//! below it; `place` is where a store is, for those that work on one, `security` how ZooKeeper is spoken to.

mod cli;
mod exit;
mod import;
mod place;
mod schedule;
mod security;
mod store;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
