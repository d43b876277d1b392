//! Reading single records again, for who follows.

use chronos_model::{JobName, JobProgress, JobRecord, Run, RunKey};

use super::load::{JOBS, PROGRESS, RUNS, revision, text};
use crate::{
    session::{Failure, Node, Session},
    tree::{Kind, Tree},
};

/// Reads jobs: `None` for one that is gone, an error for one that cannot be read.
pub(crate) async fn jobs(
    session: &Session,
    tree: Tree,
    names: Vec<JobName>,
) -> Result<Vec<(JobName, Result<Option<JobRecord>, String>)>, Failure> {
    let path = |kind| names.iter().map(move |name| tree.node(kind, name));
    let paths: Vec<String> = path(Kind::Jobs).chain(path(Kind::Progress)).collect();
    let mut specs = session.read(&paths).await?;
    let progress = specs.split_off(names.len());
    let found = names.into_iter().zip(specs.into_iter().zip(progress));
    let record = |(name, (spec, progress)): (JobName, (Option<Node>, Option<Node>))| {
        let record = spec.map(|spec| record(&name, &spec, progress.as_ref()));
        (name, record.transpose())
    };
    Ok(found.map(record).collect())
}

fn record(name: &JobName, spec: &Node, progress: Option<&Node>) -> Result<JobRecord, String> {
    let spec_revision = revision(spec);
    let spec = (JOBS.value)(name, text(spec)?)?;
    let (progress, progress_revision) = match progress {
        Some(node) => ((PROGRESS.value)(name, text(node)?)?, revision(node)),
        None => (JobProgress::default(), 0),
    };
    Ok(JobRecord {
        spec: spec.into(),
        spec_revision,
        progress,
        progress_revision,
    })
}

/// Reads runs that have not ended: `None` for one that is gone, an error for one that cannot be read.
pub(crate) async fn runs(
    session: &Session,
    tree: Tree,
    keys: Vec<RunKey>,
) -> Result<Vec<(RunKey, Result<Option<Run>, String>)>, Failure> {
    let paths: Vec<String> = keys.iter().map(|key| tree.run(key)).collect();
    let nodes = session.read(&paths).await?;
    let run = |(key, node): (RunKey, Option<Node>)| {
        let run = node.map(|node| (RUNS.value)(&key, text(&node)?));
        (key, run.transpose())
    };
    Ok(keys.into_iter().zip(nodes).map(run).collect())
}
