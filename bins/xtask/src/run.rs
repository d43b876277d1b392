//! Running commands, and saying which.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Runs cargo with what this xtask was started with, and fails when it fails.
pub(crate) fn cargo(args: &[&str]) -> Result<()> {
    cargo_with(args, &[])
}

/// Runs cargo with variables added to its environment.
pub(crate) fn cargo_with(args: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    println!("\n$ cargo {}", args.join(" "));
    let status = Command::new(cargo_path())
        .args(args)
        .envs(variables.iter().copied())
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("cargo {} failed", args.join(" "));
    }
    Ok(())
}

/// Runs cargo silently; returns whether it succeeded, and what it printed.
pub(crate) fn cargo_output(args: &[&str]) -> Result<(bool, String)> {
    let output = Command::new(cargo_path())
        .args(args)
        .stderr(Stdio::null())
        .output()
        .context("cannot run cargo")?;
    Ok((
        output.status.success(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    ))
}

/// Whether a program can be started at all.
pub(crate) fn exists(program: &str, probe: &str) -> bool {
    let status = Command::new(program)
        .arg(probe)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn cargo_path() -> String {
    std::env::var("CARGO").unwrap_or_else(|_unset| "cargo".to_owned())
}
