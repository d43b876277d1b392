//! A published crate as others use it: from a crate of another workspace, with features off and on.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::{
    run::cargo,
    workspace::{Crate, Workspace},
};

/// Builds a crate that depends on each published one, and runs the examples.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    for member in workspace.crates.iter().filter(|member| member.published) {
        let folder = workspace.root.join("target/xtask/outside");
        for defaults in [false, true] {
            write(workspace, member, &folder, defaults)?;
            let manifest = folder.join("Cargo.toml");
            let manifest = manifest.to_string_lossy();
            cargo(&["check", "--quiet", "--manifest-path", &manifest])?;
        }
        for example in &member.examples {
            let name = &member.name;
            cargo(&[
                "run",
                "--quiet",
                "-p",
                name,
                "--all-features",
                "--example",
                example,
            ])?;
        }
    }
    Ok(())
}

fn write(workspace: &Workspace, member: &Crate, folder: &Path, defaults: bool) -> Result<()> {
    let (name, path) = (&member.name, member.folder.display());
    let manifest = format!(
        "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2021\"\npublish = false\n\n\
         [workspace]\n\n[dependencies.{name}]\npath = \"{path}\"\ndefault-features = {defaults}\n"
    );
    let source = format!("pub use {}::*;\n", name.replace('-', "_"));
    let wrong = || format!("cannot write {}", folder.display());
    fs::create_dir_all(folder.join("src")).with_context(wrong)?;
    fs::write(folder.join("Cargo.toml"), manifest).with_context(wrong)?;
    fs::write(folder.join("src/lib.rs"), source).with_context(wrong)?;
    // The versions that the tests ran with, and no look into a registry.
    fs::copy(workspace.root.join("Cargo.lock"), folder.join("Cargo.lock")).with_context(wrong)?;
    Ok(())
}
