//! The trait that every store fulfils, and its contract in words.
//!
//! The contract in tests is the `contract` module; the two are changed together.

use std::{fmt, num::NonZeroU64, pin::Pin, time::SystemTime};

use async_trait::async_trait;
use chronos_model::{Run, RunKey, RunQuery, Snapshot, Write};

use crate::{CommitError, StoreError};

/// The answer to a commit that is under way.
///
/// It borrows nothing, so many may be waited for at once, in any order.
pub type Committing = Pin<Box<dyn Future<Output = Result<(), CommitError>> + Send + 'static>>;

/// Keeps jobs, runs in flight and ended runs.
///
/// One leader at a time writes, under a [`Term`]; anybody reads ended runs.
///
/// # What every store promises
///
/// * **Durable.** `Ok` means that the writes outlive a crash of the process and of the machine.
/// * **Atomic.** Of the writes of one commit all are applied or none; within it they are applied in
///   their order, each seeing those before it.
/// * **Ordered.** Commits are applied in the order of the *calls*: the call takes its place in the
///   line, the returned future only waits for the answer. Dropping the future withdraws nothing. A
///   commit that is refused does not stop those behind it.
/// * **Fenced.** After [`begin_term`](Self::begin_term) every older term is refused, whatever it asks.
///   A commit without writes changes nothing and tells whether the term still holds.
/// * **Honest.** [`CommitError::Unknown`] is the only answer after which the writes may or may not be
///   there, and a [`load`](Self::load) that succeeds afterwards settles which.
///
/// # What the writes mean
///
/// * An expected revision of zero means "must not exist", any other must be the stored one; the stored
///   one becomes `expected + 1`. Definition and progress have revisions of their own.
/// * Progress belongs to a definition and is refused without one. A definition without progress loads
///   with the default progress at revision 0.
/// * Creating a job removes the tomb of its name: whoever creates it has loaded the tomb and carries
///   on what it says. Its runs stay.
/// * Deleting a job removes definition and progress and leaves the tomb; its runs stay.
/// * `Forget` is refused for a job that exists (as a conflict with revision 0), leaves active runs, and
///   may be repeated.
/// * Of each job's ended runs the newest N are kept, newest by due time and attempt; a few more may be
///   there until they are pruned ([`history_slack`](crate::history_slack)). Active runs are never
///   pruned.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// Starts a new term and ends every older one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; asking again is harmless.
    async fn begin_term(&self) -> Result<Term, StoreError>;

    /// Returns all that a new leader needs, as of all commits that were called before.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; a record that cannot be read is no error but in
    /// [`quarantined`](Snapshot::quarantined).
    async fn load(&self, term: Term) -> Result<Snapshot, StoreError>;

    /// Applies writes, all or none.
    ///
    /// The call does not wait; see [`Store`] for what order and the returned future mean.
    #[must_use = "the answer says whether the writes are durable"]
    fn commit(&self, term: Term, writes: Vec<Write>) -> Committing;

    /// Returns ended runs of a job, newest first (by due time, then attempt).
    ///
    /// At most [`RUNS_PER_QUERY_MAX`](crate::RUNS_PER_QUERY_MAX) come at once, whatever the query's
    /// limit; the next page begins before the last run of this one.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn runs(&self, query: RunQuery) -> Result<Vec<Run>, StoreError>;

    /// Returns a run, active or ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn run(&self, key: &RunKey) -> Result<Option<Run>, StoreError>;

    /// Returns how the store is, without asking it anything.
    fn health(&self) -> StoreHealth;
}

/// The time of one leader, as the store counts it.
///
/// Later terms are greater.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Term(NonZeroU64);

impl Term {
    /// Makes a term from its number; for stores and for tests.
    pub const fn new(number: NonZeroU64) -> Self {
        Self(number)
    }

    /// The first term of a store.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Returns the term after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns its number.
    pub const fn number(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How a store is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StoreHealth {
    /// What is wrong now, for the operator; `None` when the last thing asked of it worked.
    pub problem: Option<String>,
    /// Since when that is so, where the store knows.
    pub since: Option<SystemTime>,
    /// Commits that wait for their answer.
    pub waiting: usize,
}
