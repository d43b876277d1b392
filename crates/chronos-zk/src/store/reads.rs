//! Reading runs, beside the writes.

use chronos_model::{Run, RunKey, RunQuery};
use chronos_store::{RUNS_PER_QUERY_MAX, RecordKey, StoreError, json};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::oneshot;

use super::ring::Ring;
use crate::{
    session::{Failure, Session},
    tree::{Kind, Tree},
};

/// What is asked, with the way back.
#[derive(Debug)]
pub(super) enum Read {
    Runs(RunQuery, oneshot::Sender<Result<Vec<Run>, StoreError>>),
    Run(RunKey, oneshot::Sender<Result<Option<Run>, StoreError>>),
}

/// Reads and answers.
pub(super) fn carry_out(
    session: Result<Session, String>,
    tree: Tree,
    read: Read,
) -> BoxFuture<'static, ()> {
    let session = session.map_err(|problem| StoreError::Unavailable { problem });
    // Whoever asked may be gone; that changes nothing.
    async move {
        match read {
            Read::Runs(query, answer) => {
                let runs = match session {
                    Ok(session) => runs(&session, tree, &query).await,
                    Err(error) => Err(error),
                };
                drop(answer.send(runs));
            }
            Read::Run(key, answer) => {
                let run = match session {
                    Ok(session) => run(&session, tree, key).await,
                    Err(error) => Err(error),
                };
                drop(answer.send(run));
            }
        }
    }
    .boxed()
}

async fn runs(session: &Session, tree: Tree, query: &RunQuery) -> Result<Vec<Run>, StoreError> {
    let ring = ring(session, tree, &query.job).await?;
    let before = query.before.as_ref().map(|key| (key.due, key.attempt));
    let found = ring
        .runs(&query.job)
        .filter(|(place, _)| before.is_none_or(|before| *place < before));
    let mut runs = Vec::new();
    for (_, run) in found {
        if runs.len() == query.limit.min(RUNS_PER_QUERY_MAX) {
            break;
        }
        match run {
            Ok(run) => runs.push(run),
            // One damaged record must not hide the rest.
            Err(problem) => tracing::warn!(job = %query.job, problem, "unreadable run left out"),
        }
    }
    Ok(runs)
}

async fn run(session: &Session, tree: Tree, key: RunKey) -> Result<Option<Run>, StoreError> {
    let unreadable = |problem| StoreError::Unreadable {
        key: RecordKey::Run(key.clone()),
        problem,
    };
    // In this order: a run that ends meanwhile goes from the first place to the second.
    let active = session.get(&tree.run(&key)).await.map_err(failed)?;
    if let Some(node) = active {
        let text = String::from_utf8_lossy(&node.data);
        return json::decode_run(&key.job, &text)
            .map(Some)
            .map_err(unreadable);
    }
    let ring = ring(session, tree, &key.job).await?;
    let place = (key.due, key.attempt);
    let found = ring.runs(&key.job).find(|(found, _)| *found == place);
    found.map(|(_, run)| run).transpose().map_err(unreadable)
}

async fn ring(
    session: &Session,
    tree: Tree,
    job: &chronos_model::JobName,
) -> Result<Ring, StoreError> {
    let path = tree.node(Kind::History, job);
    let node = session.get(&path).await.map_err(failed)?;
    let ring = node.map(|node| Ring::decode(&node.data)).transpose();
    let ring = ring.map_err(|problem| StoreError::Unavailable {
        problem: format!("{path} cannot be read: {problem}"),
    })?;
    Ok(ring.unwrap_or_default())
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(failure: Failure) -> StoreError {
    StoreError::Unavailable {
        problem: failure.to_string(),
    }
}
