//! Rules about files, layers and documents that no other tool holds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::workspace::{Layer, Workspace};

/// Lines a source file may have, its tests not counted.
const FILE_LINES_MAX: usize = 600;

/// Checks all of them and reports all that is broken.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut broken = Vec::new();
    layers(workspace, &mut broken);
    for member in &workspace.crates {
        if member
            .folder
            .file_name()
            .is_none_or(|folder| folder.to_string_lossy() != member.name)
        {
            broken.push(format!(
                "{} lies in {}",
                member.name,
                member.folder.display()
            ));
        }
        for file in rust_files(&member.folder.join("src"))? {
            source_file(&workspace.root, &file, &mut broken)?;
        }
    }
    architecture(workspace, &mut broken)?;
    if broken.is_empty() {
        return Ok(());
    }
    bail!("not tidy:\n  {}", broken.join("\n  "))
}

// Arrows only point down.
fn layers(workspace: &Workspace, broken: &mut Vec<String>) {
    for member in &workspace.crates {
        for need in &member.needs {
            let Some(other) = workspace.crates.iter().find(|other| other.name == *need) else {
                continue;
            };
            if other.layer > member.layer || other.layer == Layer::Beside {
                broken.push(format!(
                    "{} ({:?}) needs {} ({:?}), which is above it",
                    member.name, member.layer, other.name, other.layer
                ));
            }
        }
    }
}

fn source_file(root: &Path, file: &Path, broken: &mut Vec<String>) -> Result<()> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let name = file.strip_prefix(root).unwrap_or(file).display();
    if !text.starts_with("//!") && !text.starts_with("#![doc") {
        broken.push(format!("{name} does not open with what it owns (`//!`)"));
    }
    let own = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(&text);
    let lines = own.lines().count();
    if lines > FILE_LINES_MAX {
        broken.push(format!(
            "{name} has {lines} lines, more than {FILE_LINES_MAX}"
        ));
    }
    let debt = concat!("TO", "DO");
    if text.lines().any(|line| line.contains(debt)) {
        broken.push(format!("{name} holds a {debt}; do it, or file an issue"));
    }
    Ok(())
}

// The crate map must name each crate, and no crate that is not there.
fn architecture(workspace: &Workspace, broken: &mut Vec<String>) -> Result<()> {
    let path = workspace.root.join("docs/architecture.md");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    for member in &workspace.crates {
        if !text.contains(&format!("| `{}` |", member.name)) {
            broken.push(format!(
                "docs/architecture.md has no row for {}",
                member.name
            ));
        }
    }
    for row in text.lines().filter_map(|line| line.strip_prefix("| `")) {
        let name = row.split('`').next().unwrap_or(row);
        if !workspace.crates.iter().any(|member| member.name == name) {
            broken.push(format!(
                "docs/architecture.md has a row for {name}, which is no crate"
            ));
        }
    }
    Ok(())
}

// Written by a program (`// This file is @generated`), included by a file that says so. How long they are is not ours to
// choose, and each is compared by a test with what the program writes.
fn is_generated(folder: &Path) -> bool {
    folder.ends_with("crates/mesos-v1/src/gen")
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            if !is_generated(&path) {
                files.extend(rust_files(&path)?);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
