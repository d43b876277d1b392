//! The crates of this workspace, as cargo describes them.

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::run::cargo_output;

/// All crates of the workspace.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) crates: Vec<Crate>,
}

/// One crate.
pub(crate) struct Crate {
    pub(crate) name: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    pub(crate) layer: Layer,
    /// Crates of the workspace it needs, not counting tests.
    pub(crate) needs: BTreeSet<String>,
    /// Whether it may go to a registry.
    pub(crate) published: bool,
    /// The oldest compiler that it promises to build with.
    pub(crate) rust_version: Option<String>,
    /// The names of its examples.
    pub(crate) examples: Vec<String>,
}

/// The rows of the crate graph, lowest first. A crate may use its own row and those below.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Layer {
    Values,
    Decisions,
    Wire,
    Adapters,
    Runtime,
    Bins,
    /// Beside the others: tests, benches.
    Beside,
}

impl Layer {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "values" => Self::Values,
            "decisions" => Self::Decisions,
            "wire" => Self::Wire,
            "adapters" => Self::Adapters,
            "runtime" => Self::Runtime,
            "bins" => Self::Bins,
            "beside" => Self::Beside,
            _ => return None,
        })
    }

    /// Whether crates of this row decide and compute only.
    pub(crate) fn is_pure(self) -> bool {
        self <= Self::Decisions
    }
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self> {
        let (ok, text) = cargo_output(&["metadata", "--format-version", "1", "--no-deps"])?;
        if !ok {
            bail!("cargo metadata failed");
        }
        let metadata: Value = serde_json::from_str(&text).context("cargo metadata is no JSON")?;
        let root = PathBuf::from(text_of(&metadata, "workspace_root")?);
        let packages = metadata
            .get("packages")
            .and_then(Value::as_array)
            .context("no packages")?;
        let names: BTreeSet<&str> = packages
            .iter()
            .filter_map(|package| package.get("name"))
            .filter_map(Value::as_str)
            .collect();
        let crates = packages
            .iter()
            .map(|package| read_crate(package, &names))
            .collect::<Result<_>>()?;
        Ok(Self { root, crates })
    }
}

fn read_crate(package: &Value, names: &BTreeSet<&str>) -> Result<Crate> {
    let name = text_of(package, "name")?.to_owned();
    let manifest = PathBuf::from(text_of(package, "manifest_path")?);
    let layer = package
        .pointer("/metadata/chronos/layer")
        .and_then(Value::as_str);
    let layer = layer
        .and_then(Layer::from_name)
        .with_context(|| format!("{name} has no known [package.metadata.chronos] layer"))?;
    let dependencies = package
        .get("dependencies")
        .and_then(Value::as_array)
        .context("no dependencies")?;
    let needs = dependencies
        .iter()
        .filter(|dependency| dependency.get("kind").is_none_or(Value::is_null))
        .filter_map(|dependency| dependency.get("name").and_then(Value::as_str))
        .filter(|name| names.contains(name))
        .map(str::to_owned)
        .collect();
    let folder = manifest
        .parent()
        .context("a manifest without a folder")?
        .to_owned();
    Ok(Crate {
        name,
        folder,
        layer,
        needs,
        published: package.get("publish").is_none_or(Value::is_null),
        rust_version: package
            .get("rust_version")
            .and_then(Value::as_str)
            .map(str::to_owned),
        examples: examples(package),
    })
}

fn examples(package: &Value) -> Vec<String> {
    let is_example = |target: &&Value| {
        let kinds = target.get("kind").and_then(Value::as_array);
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "example"))
    };
    let targets = package.get("targets").and_then(Value::as_array);
    targets
        .into_iter()
        .flatten()
        .filter(is_example)
        .filter_map(|target| target.get("name").and_then(Value::as_str))
        .map(str::to_owned)
        .collect()
}

fn text_of<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value
        .get(field)
        .and_then(Value::as_str)
        .with_context(|| format!("cargo metadata has no {field}"))
}
