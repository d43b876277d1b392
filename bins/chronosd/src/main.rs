//! `chronosd`: the daemon. Configuration, wiring, signals and exit codes; everything else is a library.

mod cli;
mod exit;
mod folder;
mod ha;
mod handover;
mod logging;
mod mesos;
mod signals;
mod store;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{cli::Cli, exit::Failure};

/// The hidden subcommand under which this program owns one run; see `chronos-agent`.
const SUPERVISE: &str = "supervise";

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    // First of all, and without anything else: there is one of these for each run.
    if args.next().is_some_and(|arg| arg == SUPERVISE) {
        return chronos_agent::supervise_main(args);
    }
    let cli = Cli::parse();
    logging::start(cli.log_format, &cli.log_level);
    match serve(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tracing::error!(error = format!("{failure:#}"), "cannot go on");
            failure.exit_code()
        }
    }
}

fn serve(cli: Cli) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::other)?;
    runtime.block_on(wiring::serve(cli))
}
