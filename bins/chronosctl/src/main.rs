//! `chronosctl`: the command line. Flags, exit codes and output; everything else is a library.
//!
//! Each noun of the command line (`schedule`) has a module of its own with its verbs below it.

mod cli;
mod exit;
mod schedule;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
