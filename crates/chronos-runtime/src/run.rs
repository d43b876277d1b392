//! The loop: one task that owns the scheduler.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use chronos_agent::Logs;
use chronos_core::{
    ClusterCall, ClusterEvent, Deadline, Effect, Input, Mono, Now, PersistId, Refusal, Reply,
    RequestId, Scheduler, Settings, View,
};
use chronos_model::JobDefaults;
use chronos_store::{Store, StoreError, Term};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    Clock, Cluster, Handle, cluster::OpenOffers, handle::Request, journal::Journal, notices,
};

/// How many commands may wait: a burst of clients, each with one open request.
const REQUESTS_MAX: usize = 1024;

/// How many inputs are taken before effects and readers get their turn, so that no chatty source starves
/// the others.
const BATCH_MAX: usize = 128;

/// How often the scheduler looks after some of its jobs.
const AUDIT_INTERVAL_MILLIS: u64 = 1000;

/// How many jobs it looks after each time: about a millisecond a second, and a round over a million jobs
/// in a quarter of an hour.
const AUDIT_JOBS: usize = 1000;

/// The longest sleep. The wall clock may jump while we sleep, so it is looked at this often.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// How long to wait before a store that cannot be read is asked again.
const RELOAD_DELAY: Duration = Duration::from_secs(1);

/// How long writes that are under way may take at the end.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// The scheduler with its clocks, its store and its cluster, ready to run.
#[derive(Debug)]
pub struct Runtime {
    settings: Settings,
    clock: Clock,
    store: Arc<dyn Store>,
    cluster: Cluster,
    /// Calls that the cluster had no room for. It may be waiting for us to hear it, so we never wait
    /// for it.
    unsaid: VecDeque<ClusterCall>,
    offers: OpenOffers,
    requests: mpsc::Receiver<Request>,
    view: watch::Sender<Arc<View>>,
    problem: watch::Sender<Option<String>>,
}

/// Why the loop ended although nobody asked it to.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The cluster's channels are closed.
    #[error("the agent has stopped")]
    ClusterGone,
}

/// Why one scheduler value was dropped.
enum End {
    Shutdown,
    TermOver(String),
    Cluster(RuntimeError),
}

/// The state of one term: dropped as a whole when it is over.
struct TermState {
    scheduler: Scheduler,
    journal: Journal,
    replies: BTreeMap<RequestId, oneshot::Sender<Result<Reply, Refusal>>>,
    requests: u64,
    /// When the next audit is due.
    audit_at: Mono,
}

enum Event {
    Input(Input),
    Request(Request),
    Durable(Vec<PersistId>),
    /// A call went out that had to wait.
    Said,
    End(End),
}

impl Runtime {
    /// Makes the loop and a handle to it. Nothing happens before [`run`](Self::run).
    pub fn new(
        settings: Settings,
        store: Arc<dyn Store>,
        cluster: Cluster,
        logs: Logs,
        defaults: JobDefaults,
        leader: String,
    ) -> (Self, Handle) {
        let (requests_in, requests) = mpsc::channel(REQUESTS_MAX);
        let (view, view_out) = watch::channel(Arc::new(View::empty()));
        let (problem, problem_out) = watch::channel(Some("reading the store".to_owned()));
        let handle = Handle {
            requests: requests_in,
            view: view_out,
            problem: problem_out,
            store: Arc::clone(&store),
            logs,
            defaults,
            leader,
        };
        let runtime = Self {
            settings,
            clock: Clock::start(),
            store,
            cluster,
            unsaid: VecDeque::new(),
            offers: OpenOffers::default(),
            requests,
            view,
            problem,
        };
        (runtime, handle)
    }

    /// Runs until `shutdown`, through as many terms as it takes.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] when it cannot go on at all.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), RuntimeError> {
        loop {
            let end = tokio::select! {
                biased;
                () = shutdown.cancelled() => End::Shutdown,
                end = self.begin_term() => match end {
                    Ok(state) => self.serve(state, &shutdown).await,
                    Err(error) => End::TermOver(error.to_string()),
                },
            };
            match end {
                End::Shutdown => return Ok(()),
                End::Cluster(error) => return Err(error),
                End::TermOver(problem) => {
                    error!(problem, "term is over; starting anew from the store");
                    self.problem.send_replace(Some(problem));
                    self.unsaid.extend(self.offers.give_back());
                    tokio::time::sleep(RELOAD_DELAY).await;
                }
            }
        }
    }

    async fn begin_term(&mut self) -> Result<TermState, StoreError> {
        let term: Term = self.store.begin_term().await?;
        let snapshot = self.store.load(term).await?;
        let (jobs, active) = (snapshot.jobs.len(), snapshot.active_runs.len());
        let scheduler = Scheduler::recover(self.settings.clone(), self.clock.now(), snapshot);
        info!(%term, jobs, active_runs = active, "scheduler ready");
        let journal = Journal::new(Arc::clone(&self.store), term);
        Ok(TermState {
            scheduler,
            journal,
            replies: BTreeMap::new(),
            requests: 0,
            audit_at: Mono::default(),
        })
    }

    async fn serve(&mut self, mut state: TermState, shutdown: &CancellationToken) -> End {
        state.scheduler.handle(self.clock.now(), Input::Tick);
        self.carry_out(&mut state);
        self.publish(&state);
        self.problem.send_replace(None);
        loop {
            let event = self.next_event(&mut state, shutdown).await;
            if let Err(end) = self.take_batch(&mut state, event) {
                if matches!(end, End::Shutdown) {
                    finish_writes(&mut state.journal).await;
                }
                return end;
            }
            self.publish(&state);
        }
    }

    // The first event, and what else is there already.
    fn take_batch(&mut self, state: &mut TermState, first: Event) -> Result<(), End> {
        self.take_event(state, first)?;
        self.audit(state);
        for _ in 0..BATCH_MAX {
            let event = if let Ok(event) = self.cluster.events.try_recv() {
                Event::Input(self.heard(event))
            } else if let Ok(request) = self.requests.try_recv() {
                Event::Request(request)
            } else {
                return Ok(());
            };
            self.take_event(state, event)?;
        }
        Ok(())
    }

    fn audit(&mut self, state: &mut TermState) {
        let now = self.clock.now();
        if now.mono >= state.audit_at {
            state.audit_at = Mono(now.mono.0.saturating_add(AUDIT_INTERVAL_MILLIS));
            state
                .scheduler
                .handle(now, Input::Audit { jobs: AUDIT_JOBS });
            self.carry_out(state);
        }
    }

    async fn next_event(&mut self, state: &mut TermState, shutdown: &CancellationToken) -> Event {
        let sleep = self.until_deadline(state.scheduler.deadline());
        let heard = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Event::End(End::Shutdown),
            durable = state.journal.next() => {
                return match durable {
                    Ok(requests) => Event::Durable(requests),
                    Err(error) => Event::End(End::TermOver(format!("a write was refused: {error}"))),
                };
            }
            event = self.cluster.events.recv() => event,
            room = self.cluster.calls.reserve(), if !self.unsaid.is_empty() => {
                return match (room, self.unsaid.pop_front()) {
                    (Ok(room), Some(call)) => {
                        room.send(call);
                        Event::Said
                    }
                    _ => Event::End(End::Cluster(RuntimeError::ClusterGone)),
                };
            }
            Some(request) = self.requests.recv() => return Event::Request(request),
            () = tokio::time::sleep(sleep) => return Event::Input(Input::Tick),
        };
        match heard {
            Some(event) => Event::Input(self.heard(event)),
            None => Event::End(End::Cluster(RuntimeError::ClusterGone)),
        }
    }

    fn heard(&mut self, event: ClusterEvent) -> Input {
        self.offers.heard(&event);
        Input::Cluster(event)
    }

    fn until_deadline(&self, deadline: Deadline) -> Duration {
        let Now { wall, mono } = self.clock.now();
        let by_wall = deadline
            .wall
            .map(|at| u64::try_from(at.millis_since(wall)).unwrap_or(0));
        let by_mono = deadline.mono.map(|Mono(at)| at.saturating_sub(mono.0));
        by_wall
            .into_iter()
            .chain(by_mono)
            .min()
            .map_or(SLEEP_MAX, Duration::from_millis)
            .min(SLEEP_MAX)
    }

    fn take_event(&mut self, state: &mut TermState, event: Event) -> Result<(), End> {
        match event {
            Event::End(end) => return Err(end),
            Event::Said => {}
            Event::Input(input) => state.scheduler.handle(self.clock.now(), input),
            Event::Request(Request { command, reply }) => {
                state.requests += 1;
                let request = RequestId(state.requests);
                state.replies.insert(request, reply);
                state
                    .scheduler
                    .handle(self.clock.now(), Input::Command { request, command });
            }
            Event::Durable(requests) => {
                for request in requests {
                    state
                        .scheduler
                        .handle(self.clock.now(), Input::Persisted(request));
                    self.carry_out(state);
                }
            }
        }
        self.carry_out(state);
        Ok(())
    }

    fn carry_out(&mut self, state: &mut TermState) {
        while let Some(effect) = state.scheduler.next_effect() {
            match effect {
                Effect::Persist { request, writes } => state.journal.push(request, writes),
                Effect::Reply { request, reply } => {
                    if let Some(waiting) = state.replies.remove(&request) {
                        // Whoever asked may have gone away; what was done stays done.
                        drop(waiting.send(reply));
                    }
                }
                Effect::Cluster(call) => self.say(call),
                Effect::Notice(notice) => notices::log(&notice),
            }
        }
    }

    fn say(&mut self, call: ClusterCall) {
        self.offers.said(&call);
        self.unsaid.push_back(call);
        while let Some(call) = self.unsaid.pop_front() {
            // A closed channel shows when we listen next.
            if let Err(mpsc::error::TrySendError::Full(call)) = self.cluster.calls.try_send(call) {
                self.unsaid.push_front(call);
                return;
            }
        }
    }

    fn publish(&self, state: &TermState) {
        self.view.send_replace(Arc::new(state.scheduler.view()));
    }
}

// What is not written by then is not lost: its commands were not answered, its launches not made.
async fn finish_writes(journal: &mut Journal) {
    let writes = async {
        while !journal.is_empty() {
            if let Err(error) = journal.next().await {
                warn!(%error, "last writes failed");
                return;
            }
        }
    };
    if tokio::time::timeout(LAST_WRITES, writes).await.is_err() {
        warn!("last writes did not end in time");
    }
}
