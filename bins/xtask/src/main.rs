//! `cargo xtask`: what the project does to itself.
//!
//! `cargo xtask test` checks everything and installs nothing; with `--setup` it first installs what is
//! missing, where it may. CI calls the same.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people at a terminal"
)]

mod msrv;
mod outside;
mod purity;
mod run;
mod setup;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{run::cargo, workspace::Workspace};

const USAGE: &str = "\
usage: cargo xtask <command>

  test [--setup]   format, lints, tests, doctests, purity and tidiness; --setup installs what is missing
  fix              let rustfmt and clippy change what they can
  tidy             only the rules about files, layers and documents
  purity           only what the pure crates must not touch
  published        only what published crates promise: their oldest compiler, their use from outside, their examples
  simulate ...     play simulated days around the scheduler and judge them; `simulate help` says how
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["test"] => test(false),
        ["test", "--setup"] => test(true),
        ["fix"] => fix(),
        ["tidy"] => Workspace::load().and_then(|workspace| tidy::check(&workspace)),
        ["simulate", rest @ ..] => simulate(rest),
        ["purity"] => Workspace::load().and_then(|workspace| purity::check(&workspace)),
        ["published"] => Workspace::load().and_then(|workspace| published(&workspace)),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn test(install: bool) -> Result<()> {
    let missing = setup::check(install)?;
    if !missing.is_empty() {
        bail!(
            "{} thing(s) missing; see above, or run with --setup",
            missing.len()
        );
    }
    cargo(&["fmt", "--all", "--check"])?;
    let workspace = Workspace::load()?;
    tidy::check(&workspace)?;
    purity::check(&workspace)?;
    cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ])?;
    // Measurements are run by `cargo bench`; that they compile, clippy has seen.
    cargo(&[
        "test",
        "--workspace",
        "--exclude",
        "benches",
        "--all-features",
        "--all-targets",
    ])?;
    cargo(&["test", "--workspace", "--all-features", "--doc"])?;
    published(&workspace)?;
    let seeds = if install { SEEDS_ON_CI } else { SEEDS_AT_HAND };
    simulate(&["--seeds", seeds, "--days", "30"])?;
    run::cargo_with(
        &[
            "doc",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ],
        &[("RUSTDOCFLAGS", "-D warnings")],
    )?;
    println!("\nxtask: all is well");
    Ok(())
}

fn published(workspace: &Workspace) -> Result<()> {
    msrv::check(workspace)?;
    outside::check(workspace)
}

/// How many seeds of thirty days CI plays: some two minutes on two cores.
const SEEDS_ON_CI: &str = "2000";

/// How many a developer waits for: some ten seconds.
const SEEDS_AT_HAND: &str = "150";

// With optimisation: it is ten times as fast.
fn simulate(args: &[&str]) -> Result<()> {
    let run = [
        "run",
        "--quiet",
        "--release",
        "--package",
        "chronos-sim",
        "--",
    ];
    cargo(&[&run, args].concat())
}

fn fix() -> Result<()> {
    cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--fix",
        "--allow-dirty",
        "--allow-staged",
    ])?;
    cargo(&["fmt", "--all"])
}
