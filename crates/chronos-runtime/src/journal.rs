//! Writes on their way to the store: in order, in rounds, repeated until they are there.
//!
//! The writes that come while a round is under way make up the next one, so that one flush to disk
//! serves all of them. A store that is away delays its writes; it does not lose them, and nothing
//! that waits for them happens meanwhile.

use std::{collections::VecDeque, mem, pin::Pin, sync::Arc, time::Duration};

use chronos_core::PersistId;
use chronos_model::Write;
use chronos_store::{CommitError, ErrorClass, Store, Term};
use futures_util::future::join_all;
use tokio::time::Instant;
use tracing::warn;

/// How many writes go into one commit at most.
///
/// A job's writes of one input stay together: at most 256 missed targets and a few more. The store takes
/// 2,048 operations or 900 KiB.
const COMMIT_WRITES_MAX: usize = 300;

/// How long to wait before a commit is repeated, at first; doubled each time.
const RETRY_FIRST: Duration = Duration::from_millis(50);

/// How long to wait before a commit is repeated, at most: what an operator notices as "at once".
const RETRY_MAX: Duration = Duration::from_secs(2);

/// How often it is told that the store cannot write: an outage is one trouble, not thirty a minute.
const LOG_PAUSE: Duration = Duration::from_secs(30);

type Round = Pin<Box<dyn Future<Output = Result<Vec<PersistId>, CommitError>> + Send>>;

/// The queue in front of the store.
pub(crate) struct Journal {
    store: Arc<dyn Store>,
    term: Term,
    queued: VecDeque<(PersistId, Vec<Write>)>,
    round: Option<Round>,
}

impl Journal {
    pub(crate) fn new(store: Arc<dyn Store>, term: Term) -> Self {
        Self {
            store,
            term,
            queued: VecDeque::new(),
            round: None,
        }
    }

    pub(crate) fn push(&mut self, request: PersistId, writes: Vec<Write>) {
        self.queued.push_back((request, writes));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queued.is_empty() && self.round.is_none()
    }

    /// Waits for the round under way, after starting one if there is none; for ever when nothing is
    /// to be written. Returns what is durable now. May be dropped and called again.
    ///
    /// # Errors
    ///
    /// An error that repeating cannot mend: the term is over.
    pub(crate) async fn next(&mut self) -> Result<Vec<PersistId>, CommitError> {
        if self.round.is_none() && !self.queued.is_empty() {
            self.round = Some(self.start_round());
        }
        let Some(round) = &mut self.round else {
            return std::future::pending().await;
        };
        let result = round.await;
        self.round = None;
        result
    }

    fn start_round(&mut self) -> Round {
        let queued = mem::take(&mut self.queued);
        let requests: Vec<PersistId> = queued.iter().map(|(request, _)| *request).collect();
        let commits = split(queued.into_iter().flat_map(|(_, writes)| writes));
        let (store, term) = (Arc::clone(&self.store), self.term);
        Box::pin(async move {
            commit_all(store, term, commits).await?;
            Ok(requests)
        })
    }
}

async fn commit_all(
    store: Arc<dyn Store>,
    term: Term,
    mut commits: Vec<Vec<Write>>,
) -> Result<(), CommitError> {
    let mut delay = RETRY_FIRST;
    let mut told: Option<Instant> = None;
    while !commits.is_empty() {
        // All take their place in the line before any is waited for.
        let answers: Vec<_> = commits
            .iter()
            .map(|writes| store.commit(term, writes.clone()))
            .collect();
        let answers = join_all(answers).await;
        let mut again = Vec::new();
        for (writes, answer) in commits.into_iter().zip(answers) {
            match answer {
                Ok(()) => {}
                Err(error) if error.class() == ErrorClass::Retry => {
                    if told.is_none_or(|at| at.elapsed() >= LOG_PAUSE) {
                        warn!(%error, "store cannot write; trying again");
                        told = Some(Instant::now());
                    }
                    again.push(writes);
                }
                Err(error) => return Err(error),
            }
        }
        commits = again;
        if !commits.is_empty() {
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(RETRY_MAX);
        }
    }
    Ok(())
}

// A job's writes of one input follow one another, and stay in one commit.
fn split(writes: impl Iterator<Item = Write>) -> Vec<Vec<Write>> {
    let mut commits: Vec<Vec<Write>> = Vec::new();
    let mut group: Vec<Write> = Vec::new();
    let mut close = |group: &mut Vec<Write>| {
        if group.is_empty() {
            return;
        }
        match commits.last_mut() {
            Some(last) if last.len() + group.len() <= COMMIT_WRITES_MAX => last.append(group),
            _ => commits.push(mem::take(group)),
        }
    };
    for write in writes {
        if group
            .first()
            .is_some_and(|first| first.job() != write.job())
        {
            close(&mut group);
        }
        group.push(write);
    }
    close(&mut group);
    commits
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("term", &self.term)
            .field("queued", &self.queued.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use chronos_model::JobName;

    use super::*;

    #[test]
    fn keeps_the_writes_of_a_job_together() {
        let forget = |job: &str| Write::Forget {
            job: job.parse::<JobName>().unwrap(),
        };
        let many = |job: &'static str, count: usize| (0..count).map(move |_| forget(job));
        let sizes = |writes: Vec<Write>| {
            split(writes.into_iter())
                .iter()
                .map(Vec::len)
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(Vec::new()), [0; 0]);
        assert_eq!(sizes(many("a", 3).chain(many("b", 4)).collect()), [7]);
        assert_eq!(
            sizes(many("a", 200).chain(many("b", 200)).collect()),
            [200, 200]
        );
        assert_eq!(
            sizes(
                many("a", 10)
                    .chain(many("b", 290))
                    .chain(many("c", 1))
                    .collect()
            ),
            [300, 1]
        );
    }
}
