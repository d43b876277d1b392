//! Writes on their way to the store: in order, in rounds, repeated until they are there.
//!
//! The writes that come while a round is under way make up the next one, so that one flush to disk
//! serves all of them. A store that is away delays its writes; it does not lose them, and nothing
//! that waits for them happens meanwhile.

use std::{collections::VecDeque, mem, pin::Pin, sync::Arc, time::Duration};

use chronos_core::PersistId;
use chronos_model::Write;
use chronos_store::{COMMIT_BYTES_MAX, CommitError, ErrorClass, Store, Term, write_len};
use futures_util::future::join_all;
use tokio::time::Instant;
use tracing::warn;

/// How many writes go into one commit at most.
///
/// A job's writes of one input stay together: at most 256 missed targets and a few more. The store takes
/// 2,048 operations, or [`COMMIT_BYTES_MAX`].
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
        let commits = split(queued.into_iter().map(|(_, writes)| writes));
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

/// Commits in the making.
#[derive(Debug, Default)]
struct Commits {
    all: Vec<Vec<Write>>,
    // Of the last one.
    bytes: usize,
}

impl Commits {
    // Takes what has to stay together.
    fn add(&mut self, mut group: Vec<Write>) {
        let bytes = group.iter().map(write_len).sum::<usize>();
        match self.all.last_mut() {
            Some(last)
                if last.len() + group.len() <= COMMIT_WRITES_MAX
                    && self.bytes + bytes <= COMMIT_BYTES_MAX =>
            {
                last.append(&mut group);
                self.bytes += bytes;
            }
            _ => {
                self.all.push(group);
                self.bytes = bytes;
            }
        }
    }
}

// A job's writes of one input follow one another, and stay in one commit.
fn split(inputs: impl Iterator<Item = Vec<Write>>) -> Vec<Vec<Write>> {
    let mut commits = Commits::default();
    for input in inputs {
        let mut group: Vec<Write> = Vec::new();
        for write in input {
            let other = |first: &Write| first.job() != write.job();
            if group.first().is_some_and(other) {
                commits.add(mem::take(&mut group));
            }
            group.push(write);
        }
        if !group.is_empty() {
            commits.add(group);
        }
    }
    commits.all
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
    use chronos_model::{Calendar, JobName};

    use super::*;

    #[test]
    fn keeps_the_writes_of_a_job_together() {
        let forget = |job: &str| Write::Forget {
            job: job.parse::<JobName>().unwrap(),
        };
        let many = |job: &'static str, count: usize| (0..count).map(move |_| forget(job));
        let sizes = |inputs: Vec<Vec<Write>>| {
            split(inputs.into_iter())
                .iter()
                .map(Vec::len)
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(Vec::new()), [0; 0]);
        let of = |jobs: &[(&'static str, usize)]| {
            let jobs = jobs.iter().flat_map(|&(job, count)| many(job, count));
            jobs.collect::<Vec<_>>()
        };
        assert_eq!(sizes(vec![of(&[("a", 3), ("b", 4)])]), [7]);
        assert_eq!(sizes(vec![of(&[("a", 200), ("b", 200)])]), [200, 200]);
        let three = of(&[("a", 10), ("b", 290), ("c", 1)]);
        assert_eq!(sizes(vec![three]), [300, 1]);
        // Two inputs need not.
        let twice = vec![of(&[("a", 200)]), of(&[("a", 200)]), Vec::new()];
        assert_eq!(sizes(twice), [200, 200]);
    }

    #[test]
    fn commits_are_as_large_as_stores_take() {
        let calendar = |number: usize| {
            let name = format!("c{number}");
            let json = serde_json::json!({
                "name": name, "dates": ["2030-01-01"], "description": "x".repeat(90_000),
            });
            Write::PutCalendar(Arc::new(Calendar::from_json(&json).unwrap()))
        };
        let one = write_len(&calendar(1));
        let fit = COMMIT_BYTES_MAX / one;
        assert!(fit > 1, "{one}");
        let inputs = (10..10 + 3 * fit).map(|number| vec![calendar(number)]);
        let sizes: Vec<_> = split(inputs).iter().map(Vec::len).collect();
        assert_eq!(sizes, [fit; 3]);
    }
}
