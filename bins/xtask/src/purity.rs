//! What the pure crates must not touch: nothing that acts, waits, locks or is random may be among what
//! they need.

use anyhow::{Result, bail};

use crate::{
    run::{cargo, cargo_output},
    workspace::Workspace,
};

/// Crates that act on the world or bring an order of their own.
const FORBIDDEN: [&str; 10] = [
    "tokio",
    "async-trait",
    "futures-util",
    "hyper",
    "axum",
    "rusqlite",
    "rustix",
    "tracing",
    "rand",
    "getrandom",
];

/// Checks each pure crate alone, so that no other crate's features hide anything.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut broken = Vec::new();
    for pure in workspace
        .crates
        .iter()
        .filter(|member| member.layer.is_pure())
    {
        // chrono has no `Utc::now` without its feature `clock`; built together with others it would.
        cargo(&["check", "--quiet", "-p", &pure.name])?;
        for foreign in FORBIDDEN {
            // Fails when the crate does not need the other one, which is what is wanted.
            let (needed, tree) =
                cargo_output(&["tree", "-p", &pure.name, "-e", "normal", "-i", foreign])?;
            if needed && !tree.trim().is_empty() {
                broken.push(format!("{} needs {foreign}:\n{tree}", pure.name));
            }
        }
        if !pure.folder.join("clippy.toml").is_file() {
            broken.push(format!(
                "{} has no clippy.toml with the bans of the pure crates",
                pure.name
            ));
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    bail!("pure crates are not pure:\n{}", broken.join("\n"))
}
