//! The store that forgets: in memory, with faults on demand.
//!
//! It keeps the whole contract but durability, so what runs on it behaves as on any other. Tests and
//! the simulation use it to make a store slow, absent or ambiguous at will. What the data is and how
//! writes change it lives in `state`; here is the line in which commits stand, and the faults.

mod state;

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use chronos_model::{Run, RunKey, RunQuery, Snapshot, Write};
use tokio::sync::oneshot;

use self::state::State;
use crate::{
    CommitError, Committing, HISTORY_DEFAULT, Store, StoreError, StoreHealth, Term, limits,
};

/// Keeps everything in memory.
///
/// Clones share the data: dropping one and going on with another is how a test restarts.
///
/// # Examples
///
/// ```
/// use chronos_store::{CommitError, Fault, MemoryStore, Store};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store = MemoryStore::new();
/// let term = store.begin_term().await?;
/// store.fail_next(Fault::UnknownWritten);
/// let error = store.commit(term, Vec::new()).await.unwrap_err();
/// assert!(matches!(error, CommitError::Unknown { .. }));
/// # Ok::<(), chronos_store::StoreError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Mutex<Shared>>,
}

/// How a commit on a [`MemoryStore`] fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// It answers [`CommitError::Unavailable`] and writes nothing.
    Unavailable,
    /// It answers [`CommitError::Unknown`] after writing.
    UnknownWritten,
    /// It answers [`CommitError::Unknown`] and writes nothing.
    UnknownLost,
}

#[derive(Debug)]
struct Shared {
    state: State,
    faults: VecDeque<Fault>,
    outage: Option<String>,
    holding: bool,
    held: VecDeque<Held>,
}

// What stands in the line while it is held.
#[derive(Debug)]
enum Held {
    Commit {
        term: Term,
        writes: Vec<Write>,
        answer: oneshot::Sender<Result<(), CommitError>>,
    },
    Load {
        term: Term,
        answer: oneshot::Sender<Result<Snapshot, StoreError>>,
    },
}

impl MemoryStore {
    /// Makes an empty store that keeps [`HISTORY_DEFAULT`] ended runs of each job.
    pub fn new() -> Self {
        Self::with_history(HISTORY_DEFAULT)
    }

    /// Makes an empty store that keeps so many ended runs of each job.
    pub fn with_history(history: usize) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Shared {
                state: State::new(history),
                faults: VecDeque::new(),
                outage: None,
                holding: false,
                held: VecDeque::new(),
            })),
        }
    }

    /// Makes a coming commit fail: the first that no earlier call of this has spoken for.
    pub fn fail_next(&self, fault: Fault) {
        self.lock().faults.push_back(fault);
    }

    /// Makes everything unavailable until [`end_outage`](Self::end_outage).
    pub fn begin_outage(&self, problem: impl Into<String>) {
        self.lock().outage = Some(problem.into());
    }

    /// Makes the store available again.
    pub fn end_outage(&self) {
        self.lock().outage = None;
    }

    /// Lets commits wait in line, unwritten and unanswered, until [`release`](Self::release).
    ///
    /// A new term does not wait for them (its leader has a line of its own) and fences them.
    pub fn hold(&self) {
        self.lock().holding = true;
    }

    /// Applies and answers the first commit (or load) that waits; `false` when there is none.
    pub fn release_one(&self) -> bool {
        let mut shared = self.lock();
        let held = shared.held.pop_front();
        held.map(|held| shared.carry_out(held)).is_some()
    }

    /// Applies and answers all that waits, and ends [`hold`](Self::hold).
    pub fn release(&self) {
        let mut shared = self.lock();
        shared.holding = false;
        while let Some(held) = shared.held.pop_front() {
            shared.carry_out(held);
        }
    }

    /// Forgets all that waits, as a crash of the store's process would: the answers are
    /// [`CommitError::Unknown`], and nothing of it is written.
    pub fn drop_held(&self) {
        self.lock().held.clear();
    }

    // A panic while it was locked is a failed test already; the data is as good as before.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.lock();
        f.debug_struct("MemoryStore")
            .field("holding", &shared.holding)
            .field("held", &shared.held.len())
            .field("outage", &shared.outage)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn begin_term(&self) -> Result<Term, StoreError> {
        let mut shared = self.lock();
        shared.check_outage()?;
        Ok(shared.state.begin_term())
    }

    async fn load(&self, term: Term) -> Result<Snapshot, StoreError> {
        let waiting = {
            let mut shared = self.lock();
            if !shared.must_wait(term) {
                return shared.load(term);
            }
            let (answer, waiting) = oneshot::channel();
            shared.held.push_back(Held::Load { term, answer });
            waiting
        };
        waiting
            .await
            .unwrap_or_else(|_: oneshot::error::RecvError| {
                Err(StoreError::Unavailable { problem: dropped() })
            })
    }

    fn commit(&self, term: Term, writes: Vec<Write>) -> Committing {
        let mut shared = self.lock();
        if !shared.holding {
            let result = shared.commit(term, &writes);
            return Box::pin(async move { result });
        }
        let (answer, waiting) = oneshot::channel();
        shared.held.push_back(Held::Commit {
            term,
            writes,
            answer,
        });
        Box::pin(async move {
            waiting
                .await
                .unwrap_or_else(|_: oneshot::error::RecvError| {
                    Err(CommitError::Unknown { problem: dropped() })
                })
        })
    }

    async fn runs(&self, query: RunQuery) -> Result<Vec<Run>, StoreError> {
        let shared = self.lock();
        shared.check_outage()?;
        Ok(shared.state.runs(&query))
    }

    async fn run(&self, key: &RunKey) -> Result<Option<Run>, StoreError> {
        let shared = self.lock();
        shared.check_outage()?;
        Ok(shared.state.run(key))
    }

    fn health(&self) -> StoreHealth {
        let shared = self.lock();
        StoreHealth {
            problem: shared.outage.clone(),
            since: None,
            waiting: shared.held.len(),
        }
    }
}

impl Shared {
    // A load sees all commits of its own term that were called before it.
    fn must_wait(&self, term: Term) -> bool {
        self.held.iter().any(|held| match held {
            Held::Commit { term: held, .. } | Held::Load { term: held, .. } => *held == term,
        })
    }

    fn carry_out(&mut self, held: Held) {
        // Whoever waited may be gone; that changes nothing.
        match held {
            Held::Commit {
                term,
                writes,
                answer,
            } => drop(answer.send(self.commit(term, &writes))),
            Held::Load { term, answer } => drop(answer.send(self.load(term))),
        }
    }

    fn check_outage(&self) -> Result<(), StoreError> {
        match self.outage.clone() {
            Some(problem) => Err(StoreError::Unavailable { problem }),
            None => Ok(()),
        }
    }

    fn load(&self, term: Term) -> Result<Snapshot, StoreError> {
        self.check_outage()?;
        if self.state.term() != Some(term) {
            return Err(StoreError::Fenced);
        }
        Ok(self.state.snapshot())
    }

    fn commit(&mut self, term: Term, writes: &[Write]) -> Result<(), CommitError> {
        if let Some(problem) = self.outage.clone() {
            return Err(CommitError::Unavailable { problem });
        }
        if self.state.term() != Some(term) {
            return Err(CommitError::Fenced);
        }
        let problem = || "fault injected".to_owned();
        match self.faults.pop_front() {
            None => self.write(writes),
            Some(Fault::Unavailable) => Err(CommitError::Unavailable { problem: problem() }),
            Some(Fault::UnknownLost) => Err(CommitError::Unknown { problem: problem() }),
            Some(Fault::UnknownWritten) => {
                self.write(writes)?;
                Err(CommitError::Unknown { problem: problem() })
            }
        }
    }

    fn write(&mut self, writes: &[Write]) -> Result<(), CommitError> {
        // Only for the sizes: the values are kept as they are.
        drop(limits::encode(writes)?);
        self.state.apply(writes)
    }
}

fn dropped() -> String {
    "the store was dropped".to_owned()
}
