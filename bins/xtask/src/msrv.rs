//! The oldest compiler that a published crate promises to build with.
//!
//! Three things hold the promise. Clippy's `incompatible_msrv` refuses what the standard library did not have yet; it
//! runs with all lints. Here no dependency may promise less, and where a compiler of that version is at hand the crate
//! is built with it: `XTASK_MSRV_RUSTC` names it, or rustup has it.

use std::{collections::BTreeMap, process::Command};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{
    run::{cargo_output, cargo_with},
    workspace::{Crate, Workspace},
};

/// The variable that names a compiler of the version in question.
const RUSTC_VARIABLE: &str = "XTASK_MSRV_RUSTC";

/// Checks each published crate.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let known = rust_versions()?;
    for member in workspace.crates.iter().filter(|member| member.published) {
        let promised = member
            .rust_version
            .as_deref()
            .with_context(|| format!("{} states no rust-version", member.name))?;
        dependencies(member, promised, &known)?;
        build(member, promised)?;
    }
    Ok(())
}

/// What each package of the lock file states, by name and version.
fn rust_versions() -> Result<BTreeMap<(String, String), String>> {
    let (ok, text) = cargo_output(&["metadata", "--format-version", "1", "--all-features"])?;
    if !ok {
        bail!("cargo metadata failed");
    }
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is no JSON")?;
    let packages = metadata
        .get("packages")
        .and_then(Value::as_array)
        .context("no packages")?;
    let text = |package: &Value, field: &str| {
        let value = package.get(field).and_then(Value::as_str);
        value.map(str::to_owned)
    };
    Ok(packages
        .iter()
        .filter_map(|package| {
            let key = (text(package, "name")?, text(package, "version")?);
            Some((key, text(package, "rust_version")?))
        })
        .collect())
}

fn dependencies(
    member: &Crate,
    promised: &str,
    known: &BTreeMap<(String, String), String>,
) -> Result<()> {
    let (ok, tree) = cargo_output(&[
        "tree",
        "-p",
        &member.name,
        "-e",
        "normal,build",
        "--all-features",
        "--prefix",
        "none",
    ])?;
    if !ok {
        bail!("cargo tree failed for {}", member.name);
    }
    for line in tree.lines() {
        let mut words = line.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else {
            continue;
        };
        let version = version.trim_start_matches('v');
        let stated = known.get(&(name.to_owned(), version.to_owned()));
        // A package that states nothing is caught by building only.
        if let Some(stated) = stated
            && numbers(stated) > numbers(promised)
        {
            bail!(
                "{} promises Rust {promised}, but needs {name} {version}, which needs {stated}",
                member.name
            );
        }
    }
    Ok(())
}

/// The parts of a version, compared one by one.
fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

fn build(member: &Crate, promised: &str) -> Result<()> {
    let Some(rustc) = compiler(promised) else {
        println!(
            "\n{} is not built with Rust {promised}: no such compiler here ({RUSTC_VARIABLE} may name one)",
            member.name
        );
        return Ok(());
    };
    // Apart from what the current compiler has built, which would be thrown away each time.
    let target = "target/xtask/msrv";
    for features in ["--no-default-features", "--all-features"] {
        cargo_with(
            &[
                "check",
                "-p",
                &member.name,
                features,
                "--target-dir",
                target,
            ],
            &[("RUSTC", &rustc)],
        )?;
    }
    Ok(())
}

/// A compiler of exactly this version.
fn compiler(version: &str) -> Option<String> {
    let named = std::env::var(RUSTC_VARIABLE).ok();
    let candidate = named.or_else(|| {
        let which = ["which", "rustc", "--toolchain", version];
        let output = Command::new("rustup").args(which).output().ok()?;
        let path = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| path.trim().to_owned())
    })?;
    let output = Command::new(&candidate).arg("--version").output().ok()?;
    let told = String::from_utf8(output.stdout).ok()?;
    let found = told.split(' ').nth(1)?;
    (numbers(found)[..2] == numbers(version)[..2]).then_some(candidate)
}
