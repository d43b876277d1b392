//! The difference between a folder of job files and the jobs there are, as commands.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chronos_core::{Cascade, Command, View};
use chronos_model::{FieldProblem, JobDefaults, JobKind, JobName, JobSource, JobSpec, Timestamp};

use crate::folder::files::JobFile;

/// What has to be done, in an order in which each step is possible, and what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) commands: Vec<Command>,
    pub(crate) problems: Vec<String>,
}

/// Compares files with jobs.
///
/// A file that cannot be read, or a job in it that is wrong, removes nothing: the jobs that came from
/// that file stay as they are until it can be read.
pub(crate) fn plan(files: &[JobFile], view: &View, defaults: &JobDefaults, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let mut wanted: BTreeMap<JobName, (JobSpec, JobSource)> = BTreeMap::new();
    let mut broken: BTreeSet<&str> = BTreeSet::new();
    for file in files {
        let documents = match &file.jobs {
            Ok(documents) => documents,
            Err(problem) => {
                plan.problems.push(format!("{} {problem}", file.path));
                broken.insert(&file.path);
                continue;
            }
        };
        for document in documents {
            let spec = match JobSpec::from_json(document, JobKind::Any, defaults, now) {
                Ok(spec) => spec,
                Err(problems) => {
                    plan.problems
                        .push(describe(&file.path, document, &problems));
                    broken.insert(&file.path);
                    continue;
                }
            };
            if let Some((_, other)) = wanted.get(&spec.name) {
                plan.problems.push(format!(
                    "{}: job {} is in {} too; the first one counts",
                    file.path, spec.name, other.file
                ));
                continue;
            }
            let source = JobSource {
                file: file.path.clone(),
                digest: digest(&document.to_string()),
            };
            wanted.insert(spec.name.clone(), (spec, source));
        }
    }
    let removals = removals(view, &wanted, &broken);
    plan.commands.extend(changes(view, wanted));
    plan.commands.extend(removals);
    plan
}

// Those whose file did not change stay as they are, whatever has become of them since.
fn changes(view: &View, wanted: BTreeMap<JobName, (JobSpec, JobSource)>) -> Vec<Command> {
    let unchanged = |name: &JobName, source: &JobSource| {
        view.job(name)
            .is_some_and(|job| job.progress().links.source.as_ref() == Some(source))
    };
    let mut open: BTreeMap<_, _> = wanted
        .into_iter()
        .filter(|(name, (_, source))| !unchanged(name, source))
        .collect();
    let mut commands = Vec::new();
    // Parents before children; what is left names parents that are nowhere, and is refused with a reason.
    loop {
        let ready: Vec<JobName> = open
            .iter()
            .filter(|(_, (spec, _))| {
                !spec
                    .parents()
                    .iter()
                    .any(|parent| open.contains_key(parent))
            })
            .map(|(name, _)| name.clone())
            .collect();
        let next = if ready.is_empty() {
            open.keys().cloned().collect()
        } else {
            ready
        };
        if next.is_empty() {
            return commands;
        }
        for name in next {
            if let Some((spec, source)) = open.remove(&name) {
                commands.push(Command::Put {
                    spec: Arc::new(spec),
                    source: Some(source),
                });
            }
        }
    }
}

// Children before parents.
fn removals(
    view: &View,
    wanted: &BTreeMap<JobName, (JobSpec, JobSource)>,
    broken: &BTreeSet<&str>,
) -> Vec<Command> {
    let gone = view.jobs().filter(|job| {
        let source = job.progress().links.source.as_ref();
        source.is_some_and(|source| !broken.contains(source.file.as_str()))
            && !wanted.contains_key(&job.spec().name)
    });
    let mut open: BTreeMap<JobName, BTreeSet<JobName>> = gone
        .map(|job| (job.spec().name.clone(), job.spec().parents().clone()))
        .collect();
    let mut commands = Vec::new();
    while !open.is_empty() {
        let needed: BTreeSet<JobName> = open.values().flatten().cloned().collect();
        let mut next: Vec<JobName> = open
            .keys()
            .filter(|name| !needed.contains(*name))
            .cloned()
            .collect();
        if next.is_empty() {
            next = open.keys().cloned().collect();
        }
        for job in next {
            open.remove(&job);
            commands.push(Command::Delete {
                job,
                cascade: Cascade::Refuse,
            });
        }
    }
    commands
}

fn describe(file: &str, document: &serde_json::Value, problems: &[FieldProblem]) -> String {
    let name = document
        .get("name")
        .and_then(|name| name.as_str())
        .unwrap_or("without a name");
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    format!("{file}: job {name}: {}", problems.join("; "))
}

// FNV-1a: stable over versions, and nobody gains by a collision in their own files.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
