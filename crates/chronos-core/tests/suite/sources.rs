//! What the workspace says of itself: the tests that its sources hold, and its pages.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Returns a page of `docs`.
pub(crate) fn page(name: &str) -> String {
    let path = root().join("docs").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns all tests of all crates and binaries, as `crate_name::file::test`.
pub(crate) fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in ["crates", "bins"] {
        for member in entries(&root().join(folder)) {
            let name = last_part(&member).replace('-', "_");
            for file in rust_files(&member) {
                let text = fs::read_to_string(&file).unwrap();
                let stem = last_part(&file.with_extension(""));
                let names = test_names(&text).map(|test| format!("{name}::{stem}::{test}"));
                found.extend(names);
            }
        }
    }
    found
}

// A function is a test when the attribute stands right above it, other attributes between them or not.
fn test_names(text: &str) -> impl Iterator<Item = &str> {
    let mut is_test = false;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        }
        let (_, rest) = line.split_once("fn ")?;
        std::mem::take(&mut is_test)
            .then(|| rest.split(['(', '<']).next())
            .flatten()
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in entries(folder) {
        if entry.is_dir() {
            files.extend(rust_files(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
    files
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn last_part(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}
