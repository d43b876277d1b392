//! The one task that writes.
//!
//! ```text
//! commit() ─┐                ┌ check the term, set the sequence, parts of commits … ┐
//! commit() ─┼─ line of fixed ┤   (refused ones have no parts, their answer waits)  ├─ answers
//! commit() ─┘  length        └ one write; up to sixteen are on their way at once    ┘
//! ```
//!
//! A lone commit leaves at once; when sixteen writes are on their way the next commits gather in the
//! line and leave together. The servers keep the order of a session, so the index counts a write as
//! done when it leaves.
//!
//! When a write fails, those behind it are refused by the servers, the index is thrown away, and nothing
//! is written before the term was set again ([`term::hold`]): after that each write is there or never
//! will be.

use std::{collections::VecDeque, sync::Arc};

use chronos_model::{Snapshot, Write};
use chronos_store::{CommitError, StoreError, Term};
use futures_util::{
    StreamExt,
    future::BoxFuture,
    stream::{FuturesOrdered, FuturesUnordered},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    encoded,
    index::Index,
    load, reads,
    ring::{Ring, Rings},
    status::Status,
    term::{self, Held, TermFailure},
};
use crate::{
    Guard,
    connection::Connection,
    session::{Failure, Op, Session},
    tree::{Kind, Tree},
};

/// Writes on their way: with so many of one commit each, the servers' disks are as busy as they get.
const WRITES_IN_FLIGHT: usize = 16;

/// The most parts of one write: with 64 the cost of a write is already spread thin, and a large one
/// delays those behind it.
const GROUP_OPS_MAX: usize = 128;

/// The most bytes of one write that gathers several commits.
const GROUP_BYTES_MAX: usize = 512 * 1024;

/// The most reads of runs on their way; whoever comes then waits in the line.
const READS_IN_FLIGHT: usize = 256;

/// What is asked of the worker.
#[derive(Debug)]
pub(super) enum Request {
    Begin(oneshot::Sender<Result<Term, StoreError>>),
    Load(Term, oneshot::Sender<Result<Snapshot, StoreError>>),
    Commit(Commit),
    Read(reads::Read),
}

#[derive(Debug)]
pub(super) struct Commit {
    pub(super) term: Term,
    pub(super) writes: Vec<Write>,
    pub(super) answer: oneshot::Sender<Result<(), CommitError>>,
}

/// The most commits that are looked at together: as many as have room in the writes that may be on
/// their way, when each has a few parts.
const BATCH_COMMITS_MAX: usize = 512;

/// Commits that left as one write, with the answers that they get if it is carried out.
#[derive(Default)]
struct Group {
    commits: Vec<(Commit, Result<(), CommitError>)>,
    ops: Vec<Op>,
    bytes: usize,
}

type Flight = FuturesOrdered<BoxFuture<'static, (Group, Result<(), Failure>)>>;

pub(super) struct Worker {
    pub(super) connection: Connection,
    pub(super) tree: Tree,
    pub(super) history: usize,
    pub(super) status: Arc<Status>,
    /// What this store writes into the record of its terms.
    pub(super) me: String,
    /// Says which node must be there at each write.
    guard: Option<Guard>,
    /// The one that was there when the term began.
    guard_node: Option<String>,
    held: Option<Held>,
    /// A later term has begun elsewhere.
    over: bool,
    index: Option<Index>,
    rings: Rings,
    /// A write was not carried out, or may not have been, or may still come.
    unsettled: bool,
    flight: Flight,
    ahead: VecDeque<Request>,
}

impl Worker {
    pub(super) fn new(
        connection: Connection,
        tree: Tree,
        history: usize,
        status: Arc<Status>,
        me: String,
        guard: Option<Guard>,
    ) -> Self {
        Self {
            connection,
            tree,
            history,
            status,
            me,
            guard,
            guard_node: None,
            held: None,
            over: false,
            index: None,
            rings: Rings::default(),
            unsettled: false,
            flight: Flight::new(),
            ahead: VecDeque::new(),
        }
    }

    /// Serves the line until it is closed and empty.
    pub(super) async fn run(mut self, mut line: mpsc::Receiver<Request>) {
        let mut reads = FuturesUnordered::new();
        loop {
            let room = self.flight.len() < WRITES_IN_FLIGHT && reads.len() < READS_IN_FLIGHT;
            if room && let Some(request) = self.ahead.pop_front() {
                self.serve(request, &mut line, &mut reads).await;
                continue;
            }
            tokio::select! {
                Some((group, result)) = self.flight.next(), if !self.flight.is_empty() => {
                    self.finish(group, result);
                }
                Some(()) = reads.next(), if !reads.is_empty() => {}
                () = self.connection.changed() => self.status.report(self.connection.problem()),
                request = line.recv(), if room => match request {
                    Some(request) => self.ahead.push_back(request),
                    None => break,
                },
            }
        }
        self.land().await;
        while let Some(()) = reads.next().await {}
    }

    async fn serve(
        &mut self,
        request: Request,
        line: &mut mpsc::Receiver<Request>,
        reads: &mut FuturesUnordered<BoxFuture<'static, ()>>,
    ) {
        // Whoever asked may be gone; that changes nothing.
        match request {
            Request::Begin(answer) => {
                let result = self.begin().await;
                drop(answer.send(result));
            }
            Request::Load(term, answer) => {
                let result = self.load(term).await;
                drop(answer.send(result));
            }
            Request::Read(read) => {
                let session = self.connection.session();
                reads.push(reads::carry_out(session, self.tree, read));
            }
            Request::Commit(first) => self.commit(first, line).await,
        }
    }

    async fn begin(&mut self) -> Result<Term, StoreError> {
        self.land().await;
        let node = self.guard.as_ref().map(|guard| {
            let node = guard.node();
            node.ok_or_else(|| "this daemon has not been elected".to_owned())
        });
        let node = node.transpose().map_err(unavailable)?;
        let session = self.connection.ready().await.map_err(unavailable)?;
        let begun = term::begin(&session, &self.me, self.held, node.as_deref()).await;
        match begun {
            Ok((held, unbroken)) => {
                self.guard_node = node;
                // What nobody else wrote to is as this store left it.
                if !unbroken || self.unsettled {
                    self.forget_index();
                }
                self.held = Some(held);
                self.over = false;
                self.unsettled = false;
                self.status.report(None);
                Ok(held.term)
            }
            Err(failure) => Err(unavailable(failure_text(failure))),
        }
    }

    async fn load(&mut self, term: Term) -> Result<Snapshot, StoreError> {
        self.land().await;
        if self.held.is_none_or(|held| held.term != term) || self.over {
            return Err(StoreError::Fenced);
        }
        let session = self.connection.ready().await.map_err(unavailable)?;
        let loaded = match self.settle(&session).await {
            Ok(()) => self.read_all(&session).await,
            Err(failure) => Err(failure),
        };
        match loaded {
            Ok(snapshot) => Ok(snapshot),
            Err(TermFailure::Over) => {
                self.over = true;
                Err(StoreError::Fenced)
            }
            Err(TermFailure::Failed(problem)) => {
                self.status.report(Some(&problem));
                Err(unavailable(problem))
            }
        }
    }

    // Reads everything and then asks whether the term has held all the time.
    async fn read_all(&mut self, session: &Session) -> Result<Snapshot, TermFailure> {
        let loaded = load::load(session, self.tree, self.history).await;
        let (snapshot, index) = loaded.map_err(|failure| failed(&failure))?;
        let check = self.held.map(|held| held.check());
        let checks = check.into_iter().chain(self.guard_check()).collect();
        let checked = session.write(checks).await;
        match checked {
            Ok(()) => {}
            Err(Failure::Refused { .. }) => return Err(TermFailure::Over),
            Err(failure) => return Err(failed(&failure)),
        }
        self.rings = Rings::default();
        self.index = Some(index);
        self.status.report(None);
        Ok(snapshot)
    }

    async fn settle(&mut self, session: &Session) -> Result<(), TermFailure> {
        if !self.unsettled {
            return Ok(());
        }
        let Some(held) = self.held else {
            return Err(TermFailure::Over);
        };
        self.held = Some(term::hold(session, &self.me, held).await?);
        self.unsettled = false;
        Ok(())
    }

    // Sends a commit, together with what else stands in line up to the first that is none.
    async fn commit(&mut self, first: Commit, line: &mut mpsc::Receiver<Request>) {
        let session = match self.prepare().await {
            Ok(session) => session,
            Err(error) => return self.answer(first, Err(error)),
        };
        let mut batch = vec![first];
        while batch.len() < BATCH_COMMITS_MAX {
            match self.ahead.pop_front().or_else(|| line.try_recv().ok()) {
                Some(Request::Commit(commit)) => batch.push(commit),
                Some(other) => {
                    self.ahead.push_front(other);
                    break;
                }
                None => break,
            }
        }
        if let Err(error) = self.learn_rings(&batch, &session).await {
            for commit in batch {
                self.answer(commit, Err(error.clone()));
            }
            return;
        }
        let mut group = Group::default();
        for commit in batch {
            let (ops, result) = match self.plan(&commit) {
                Ok(ops) => (ops, Ok(())),
                Err(refusal) => (Vec::new(), Err(refusal)),
            };
            let bytes: usize = ops.iter().map(Op::len).sum();
            let is_full = group.ops.len() + ops.len() > GROUP_OPS_MAX
                || group.bytes + bytes > GROUP_BYTES_MAX;
            if is_full && !group.ops.is_empty() {
                self.send(&session, std::mem::take(&mut group));
            }
            group.bytes += bytes;
            group.ops.extend(ops);
            group.commits.push((commit, result));
        }
        self.send(&session, group);
    }

    // Turns a commit into the parts of a write; what is refused here is answered with its group, when
    // it is known that the term held.
    fn plan(&mut self, commit: &Commit) -> Result<Vec<Op>, CommitError> {
        if self.held.is_none_or(|held| held.term != commit.term) {
            return Err(CommitError::Fenced);
        }
        let encoded = encoded::encode(&commit.writes)?;
        let Some(index) = &mut self.index else {
            let problem = "the store has no index".to_owned();
            return Err(CommitError::Unavailable { problem });
        };
        index.plan(&mut self.rings, &commit.writes, encoded)
    }

    // Whatever a commit needs besides itself: a connection, a settled past, an index.
    async fn prepare(&mut self) -> Result<Session, CommitError> {
        let not_sent = |problem| CommitError::Unavailable { problem };
        if self.held.is_none() || self.over {
            return Err(CommitError::Fenced);
        }
        let session = self.connection.session().map_err(not_sent)?;
        if self.index.is_none() || self.unsettled {
            self.land().await;
            let ready = match self.settle(&session).await {
                Ok(()) if self.index.is_some() => Ok(()),
                Ok(()) => self.read_all(&session).await.map(drop),
                Err(failure) => Err(failure),
            };
            ready.map_err(|failure| match failure {
                TermFailure::Over => {
                    self.over = true;
                    CommitError::Fenced
                }
                TermFailure::Failed(problem) => not_sent(problem),
            })?;
        }
        self.rings.bound();
        Ok(session)
    }

    // Reads the rings that are written and not known, of all commits by one request.
    async fn learn_rings(
        &mut self,
        batch: &[Commit],
        session: &Session,
    ) -> Result<(), CommitError> {
        let Some(index) = &self.index else {
            return Ok(());
        };
        let writes = batch.iter().flat_map(|commit| &commit.writes);
        let wanted = index.rings_wanted(writes, &self.rings);
        if wanted.is_empty() {
            return Ok(());
        }
        let path = |job: &&chronos_model::JobName| self.tree.node(Kind::History, job);
        let paths: Vec<String> = wanted.iter().map(path).collect();
        let nodes = session.read(&paths).await;
        let nodes = nodes.map_err(|failure| CommitError::Unavailable {
            problem: failure.to_string(),
        })?;
        for (job, node) in wanted.into_iter().zip(nodes) {
            // A ring that cannot be read is replaced: it holds nothing that decides anything.
            let ring = node.map(|node| Ring::decode(&node.data));
            let ring = ring.transpose().unwrap_or_else(|problem| {
                tracing::warn!(%job, problem, "unreadable history is replaced");
                None
            });
            self.rings.replace(job, Some(ring.unwrap_or_default()));
        }
        Ok(())
    }

    fn send(&mut self, session: &Session, mut group: Group) {
        if group.commits.is_empty() {
            return;
        }
        let guard = self.guard_check();
        let Some(held) = &mut self.held else { return };
        let mut ops = held.advance();
        ops.extend(guard);
        ops.append(&mut group.ops);
        let written = session.write(ops);
        self.flight
            .push_back(Box::pin(async move { (group, written.await) }));
    }

    fn guard_check(&self) -> Option<Op> {
        self.guard_node.as_deref().map(term::exists)
    }

    fn finish(&mut self, group: Group, result: Result<(), Failure>) {
        let error = match result {
            Ok(()) => {
                self.status.report(None);
                for (commit, result) in group.commits {
                    self.answer(commit, result);
                }
                return;
            }
            // The first part is the record of the term, the second the sequence, the third our node in the
            // election.
            Err(Failure::Refused { index: 0, .. }) => {
                self.over = true;
                CommitError::Fenced
            }
            Err(Failure::Refused { index: 2, .. }) if self.guard_node.is_some() => {
                self.over = true;
                CommitError::Fenced
            }
            Err(Failure::Refused { index: 1, .. }) => CommitError::Unavailable {
                problem: "a write before it was not carried out".to_owned(),
            },
            Err(Failure::Refused { why, .. }) => CommitError::Unavailable {
                problem: format!("somebody else has changed the records: {why}"),
            },
            Err(Failure::NotSent { problem }) => CommitError::Unavailable { problem },
            Err(Failure::Unknown { problem }) => CommitError::Unknown { problem },
        };
        self.unsettled = true;
        self.forget_index();
        if error != CommitError::Fenced {
            self.status.report(Some(&error.to_string()));
        }
        for (commit, _) in group.commits {
            self.answer(commit, Err(error.clone()));
        }
    }

    // Waits for all that is on its way.
    async fn land(&mut self) {
        while let Some((group, result)) = self.flight.next().await {
            self.finish(group, result);
        }
    }

    fn forget_index(&mut self) {
        self.index = None;
        self.rings = Rings::default();
    }

    fn answer(&self, commit: Commit, result: Result<(), CommitError>) {
        self.status.answered();
        drop(commit.answer.send(result));
    }
}

fn unavailable(problem: String) -> StoreError {
    StoreError::Unavailable { problem }
}

fn failed(failure: &Failure) -> TermFailure {
    TermFailure::Failed(failure.to_string())
}

fn failure_text(failure: TermFailure) -> String {
    match failure {
        TermFailure::Over => "a later term has begun".to_owned(),
        TermFailure::Failed(problem) => problem,
    }
}
