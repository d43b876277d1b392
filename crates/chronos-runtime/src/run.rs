//! The loop: one task that owns the scheduler, from one term to the next.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chronos_core::{
    ClusterEvent, Deadline, Effect, Input, Mono, Now, PersistId, Refusal, Reply, RequestId,
    Scheduler, Settings, View,
};
use chronos_model::{FrameworkId, JobDefaults};
use chronos_store::{Store, StoreError, Term};
use chronos_zk::Follower;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    Clock, Cluster, Handle, Mandate, Role, RunLogs, TermNews,
    cluster::{Gone, Outgoing},
    follow::{Following, News},
    handle::Request,
    journal::Journal,
    notices,
    standing::{Duty, Standing},
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

/// How often it is asked whether we may act again, while something waits for that.
const RIGHT_PAUSE: Duration = Duration::from_millis(20);

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
    mandate: Mandate,
    outgoing: Outgoing,
    events: mpsc::Receiver<ClusterEvent>,
    terms: Option<mpsc::Sender<TermNews>>,
    requests: mpsc::Receiver<Request>,
    following: Following,
    view: watch::Sender<Arc<View>>,
    standing: watch::Sender<Standing>,
    tenure: Option<watch::Sender<Option<Tenure>>>,
}

/// A term in which this daemon leads, for whoever has to write or to ask under it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tenure {
    /// The term.
    pub term: Term,
    /// The id under which Mesos knows us, as it was stored when the term began.
    pub framework_id: Option<FrameworkId>,
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
    /// The store says so.
    TermOver(String),
    /// The store cannot be read.
    NotBegun(String),
    /// The election says so.
    Deposed,
    Cluster(RuntimeError),
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Cluster(RuntimeError::ClusterGone)
    }
}

/// The state of one term: dropped as a whole when it is over.
struct TermState {
    /// Under which number the election made us lead.
    leads: u64,
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
    /// A call that had to wait may go out.
    Room,
    End(End),
}

impl Runtime {
    /// Makes the loop and a handle to it. Nothing happens before [`run`](Self::run).
    pub fn new(
        settings: Settings,
        store: Arc<dyn Store>,
        cluster: Cluster,
        logs: Arc<dyn RunLogs>,
        defaults: JobDefaults,
        mandate: Mandate,
    ) -> (Self, Handle) {
        let (requests_in, requests) = mpsc::channel(REQUESTS_MAX);
        let (view, view_out) = watch::channel(Arc::new(View::empty()));
        let (standing, standing_out) = watch::channel(Standing::starting());
        let handle = Handle {
            requests: requests_in,
            view: view_out,
            standing: standing_out,
            store: Arc::clone(&store),
            logs,
            defaults,
            mandate: mandate.clone(),
        };
        let Cluster {
            calls,
            events,
            terms,
        } = cluster;
        let runtime = Self {
            settings,
            clock: Clock::start(),
            store,
            outgoing: Outgoing::new(calls, mandate.clone()),
            mandate,
            events,
            terms,
            requests,
            following: Following::new(None),
            view,
            standing,
            tenure: None,
        };
        (runtime, handle)
    }

    /// Tells in which term it leads.
    #[must_use]
    pub fn telling(mut self, tenure: watch::Sender<Option<Tenure>>) -> Self {
        self.tenure = Some(tenure);
        self
    }

    /// Shows what another daemon writes, while that one leads.
    #[must_use]
    pub fn following(mut self, follower: Follower) -> Self {
        self.following = Following::new(Some(follower));
        self
    }

    /// Runs until `shutdown`, through as many terms as it takes.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] when it cannot go on at all.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), RuntimeError> {
        // What keeps a term from beginning, as it was last logged: tried again each second, said once.
        let mut said = None;
        loop {
            let end = match self.until_elected(&shutdown).await {
                Ok(leads) => self.lead(leads, &shutdown).await,
                Err(end) => end,
            };
            let problem = match end {
                End::Shutdown => return Ok(()),
                End::Cluster(error) => return Err(error),
                End::Deposed => {
                    warn!("leadership is lost; following");
                    self.end_term().await;
                    continue;
                }
                End::TermOver(problem) => {
                    error!(problem, "term is over; starting anew from the store");
                    said = None;
                    problem
                }
                End::NotBegun(problem) => {
                    if said.as_ref() != Some(&problem) {
                        warn!(problem, "store cannot be read; trying again");
                        said = Some(problem.clone());
                    }
                    problem
                }
            };
            self.say_standing(Duty::TakingOver, Some(problem));
            self.end_term().await;
            let mut mandate = self.mandate.clone();
            tokio::select! {
                () = shutdown.cancelled() => {}
                _ = mandate.until(|role| role == Role::Follower) => {}
                () = tokio::time::sleep(RELOAD_DELAY) => {}
            }
        }
    }

    // Waits for our turn, and shows meanwhile what another daemon does with its own.
    async fn until_elected(&mut self, shutdown: &CancellationToken) -> Result<u64, End> {
        if let Role::Leader(leads) = self.mandate.role() {
            return Ok(leads);
        }
        self.say_standing(Duty::Following, Some("reading the store".to_owned()));
        self.following.want(true);
        let elected = self.follow(shutdown).await;
        self.following.want(false);
        elected
    }

    // What the cluster says is for the scheduler of somebody else, and what clients want as well.
    async fn follow(&mut self, shutdown: &CancellationToken) -> Result<u64, End> {
        let mut mandate = self.mandate.clone();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Err(End::Shutdown),
                role = mandate.until(|role| matches!(role, Role::Leader(_))) => {
                    if let Role::Leader(leads) = role {
                        return Ok(leads);
                    }
                }
                event = self.events.recv() => match event {
                    Some(event) => {
                        self.outgoing.heard(&event);
                        self.outgoing.end_term();
                    }
                    None => return Err(End::Cluster(RuntimeError::ClusterGone)),
                },
                room = self.outgoing.room(), if self.outgoing.wants_room() => {
                    room?;
                    self.outgoing.send();
                }
                // Its answer is dropped, which says "ask again".
                Some(_) = self.requests.recv() => {}
                news = self.following.next() => self.show(news),
            }
        }
    }

    fn show(&self, news: News) {
        match news {
            News::View(view) => {
                self.view.send_replace(Arc::from(view));
                self.say_standing(Duty::Following, None);
            }
            News::Problem(problem) => {
                let problem = format!("what the leader writes cannot be seen: {problem}");
                self.say_standing(Duty::Following, Some(problem));
            }
        }
    }

    async fn lead(&mut self, leads: u64, shutdown: &CancellationToken) -> End {
        let mut mandate = self.mandate.clone();
        // After an attempt that failed its problem stays to be seen.
        if self.standing.borrow().duty != Duty::TakingOver {
            self.say_standing(Duty::TakingOver, Some("reading the store".to_owned()));
        }
        tokio::select! {
            biased;
            () = shutdown.cancelled() => End::Shutdown,
            _ = mandate.until(|role| !role.is_of(leads)) => End::Deposed,
            begun = self.begin_term(leads) => match begun {
                Ok(state) => self.serve(state, shutdown).await,
                Err(error) => End::NotBegun(error.to_string()),
            },
        }
    }

    async fn begin_term(&mut self, leads: u64) -> Result<TermState, StoreError> {
        let term: Term = self.store.begin_term().await?;
        let snapshot = self.store.load(term).await?;
        let (jobs, active) = (snapshot.jobs.len(), snapshot.active_runs.len());
        self.tell_of_term(TermNews::Begun).await;
        self.say_tenure(Some(Tenure {
            term,
            framework_id: snapshot.framework_id.clone(),
        }));
        let scheduler = Scheduler::recover(self.settings.clone(), self.clock.now(), snapshot);
        info!(%term, jobs, active_runs = active, "scheduler ready");
        let journal = Journal::new(Arc::clone(&self.store), term);
        Ok(TermState {
            leads,
            scheduler,
            journal,
            replies: BTreeMap::new(),
            requests: 0,
            audit_at: Mono::default(),
        })
    }

    async fn end_term(&mut self) {
        self.say_tenure(None);
        self.outgoing.end_term();
        self.tell_of_term(TermNews::Over).await;
    }

    fn say_tenure(&self, now: Option<Tenure>) {
        if let Some(tenure) = &self.tenure {
            tenure.send_replace(now);
        }
    }

    async fn tell_of_term(&self, news: TermNews) {
        // A closed channel shows when we listen next.
        if let Some(terms) = &self.terms
            && terms.send(news).await.is_err()
        {
            warn!("nobody listens for terms any more");
        }
    }

    async fn serve(&mut self, mut state: TermState, shutdown: &CancellationToken) -> End {
        state.scheduler.handle(self.clock.now(), Input::Tick);
        self.carry_out(&mut state);
        self.publish(&state);
        loop {
            self.say_how_we_lead();
            let event = self.next_event(&mut state, shutdown).await;
            if let Err(end) = self.take_batch(&mut state, event) {
                if matches!(end, End::Shutdown) {
                    finish_writes(&mut state.journal).await;
                    // Many jobs take a while to be dropped, and the next leader waits for us.
                    drop(tokio::task::spawn_blocking(move || drop(state)));
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
            let event = if let Ok(event) = self.events.try_recv() {
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
        let mut mandate = self.mandate.clone();
        let before = mandate.role();
        let leads = state.leads;
        let heard = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Event::End(End::Shutdown),
            role = mandate.until(|role| role != before || !role.is_of(leads)) => {
                return if role.is_of(leads) { Event::Room } else { Event::End(End::Deposed) };
            }
            durable = state.journal.next() => {
                return match durable {
                    Ok(requests) => Event::Durable(requests),
                    Err(error) => Event::End(End::TermOver(format!("a write was refused: {error}"))),
                };
            }
            event = self.events.recv() => event,
            room = self.outgoing.room(), if self.outgoing.wants_room() => {
                return match room {
                    Ok(()) => Event::Room,
                    Err(gone) => Event::End(gone.into()),
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
        self.outgoing.heard(&event);
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
            .min(if self.outgoing.wants_right() {
                RIGHT_PAUSE
            } else {
                SLEEP_MAX
            })
    }

    fn take_event(&mut self, state: &mut TermState, event: Event) -> Result<(), End> {
        match event {
            Event::End(end) => return Err(end),
            Event::Room => {}
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
        self.outgoing.send();
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
                Effect::Cluster(call) => self.outgoing.say(call),
                Effect::Notice(notice) => notices::log(&notice),
            }
        }
    }

    fn say_how_we_lead(&self) {
        match self.mandate.role() {
            Role::Leader(_) => self.say_standing(Duty::Leading, None),
            Role::Suspended(_) | Role::Follower => {
                let problem = "whether this daemon still leads is not known now";
                self.say_standing(Duty::Suspended, Some(problem.to_owned()));
            }
        }
    }

    fn say_standing(&self, duty: Duty, problem: Option<String>) {
        self.standing
            .send_if_modified(|standing| standing.change(duty, problem));
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
