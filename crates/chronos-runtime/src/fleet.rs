//! This machine's agent and those of others, seen as one cluster.
//!
//! ```text
//!  scheduler ──calls──►┌───────────┐──calls──► this machine's agent
//!     (when it leads)  │   fleet   │
//!            ◄──events─┤           │◄─events──
//!                      └───┬───▲───┘
//!                    notes │   │ notes
//!                          ▼   │
//!                        the board  ◄──► the fleets of the other daemons
//! ```
//!
//! Runs are launched on this machine only. What was launched on another one is asked for, told of, killed
//! and acknowledged by notes on the board, which outlive each daemon.

mod machine;
mod notes;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chronos_core::{AgentId, ClusterCall, ClusterEvent};
use chronos_model::RunKey;
use chronos_zk::{Board, BoardError, Notes};
use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::{sync::mpsc, time::MissedTickBehavior};

use self::machine::{Clocks, Found, Machine, Round};
use crate::{Cluster, TermNews, clock};

/// How often the board is looked at: a few requests each time, of a few bytes.
const LOOK: Duration = Duration::from_millis(300);

/// How many calls and events may wait inside before no more are taken.
const WAITING_MAX: usize = 10_000;

/// The room of the channels to and from the scheduler; the agent's own.
const CHANNEL_LEN: usize = 1024;

/// How many terms may begin and end before that is noticed.
const TERMS_LEN: usize = 4;

/// Puts the agents of other daemons behind this machine's own.
///
/// A run of an agent that has been away for `lost_after` is lost. Needs a runtime; it ends when the other
/// side of what is returned is dropped.
pub fn fleet(local: Cluster, board: Arc<Board>, lost_after: Duration) -> Cluster {
    let (calls, calls_out) = mpsc::channel(CHANNEL_LEN);
    let (events_in, events) = mpsc::channel(CHANNEL_LEN);
    let (terms, terms_out) = mpsc::channel(TERMS_LEN);
    let lost_after = i64::try_from(lost_after.as_millis()).unwrap_or(i64::MAX);
    let fleet = Fleet {
        machine: Machine::new(AgentId(board.own().into()), lost_after),
        board,
        local,
        calls: calls_out,
        events: events_in,
        terms: terms_out,
        origin: Instant::now(),
        problem: None,
    };
    tokio::spawn(fleet.run());
    Cluster {
        calls,
        events,
        terms: Some(terms),
    }
}

struct Fleet {
    machine: Machine,
    board: Arc<Board>,
    local: Cluster,
    calls: mpsc::Receiver<ClusterCall>,
    events: mpsc::Sender<ClusterEvent>,
    terms: mpsc::Receiver<TermNews>,
    origin: Instant,
    /// What was wrong with the board when it was last looked at.
    problem: Option<String>,
}

type Looking = BoxFuture<'static, (Round, Result<Found, BoardError>)>;

impl Fleet {
    async fn run(mut self) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looking: Option<Looking> = None;
        loop {
            let (to_agent, to_scheduler) = (&self.machine.to_agent, &self.machine.to_scheduler);
            let has_room = to_agent.len() < WAITING_MAX && to_scheduler.len() < WAITING_MAX;
            let (tells_agent, tells_scheduler) = (!to_agent.is_empty(), !to_scheduler.is_empty());
            let (agent, scheduler) = (self.local.calls.clone(), self.events.clone());
            tokio::select! {
                biased;
                news = self.terms.recv() => match news {
                    Some(news) => {
                        self.machine.term(news);
                        self.drop_left_over(news);
                    }
                    None => return,
                },
                call = self.calls.recv(), if has_room => match call {
                    Some(call) => self.machine.scheduler_says(call),
                    None => return,
                },
                permit = agent.reserve(), if tells_agent => {
                    let Ok(permit) = permit else { return };
                    if let Some(call) = self.machine.to_agent.pop_front() {
                        permit.send(call);
                    }
                }
                permit = scheduler.reserve(), if tells_scheduler => {
                    let Ok(permit) = permit else { return };
                    if let Some(event) = self.machine.to_scheduler.pop_front() {
                        permit.send(event);
                    }
                }
                event = self.local.events.recv(), if has_room => match event {
                    Some(event) => self.machine.agent_says(event),
                    None => return,
                },
                (round, found) = until_done(&mut looking) => {
                    looking = None;
                    self.looked(&round, found);
                }
                _ = looks.tick(), if looking.is_none() && has_room => {
                    looking = Some(self.look());
                }
            }
        }
    }

    // What was said before the end of a term came before word of it.
    fn drop_left_over(&mut self, news: TermNews) {
        if news == TermNews::Over {
            while let Ok(call) = self.calls.try_recv() {
                self.machine.left_over(call);
            }
        }
    }

    fn look(&self) -> Looking {
        let (board, round) = (Arc::clone(&self.board), self.machine.round());
        async move {
            let found = carry_out(&board, &round).await;
            (round, found)
        }
        .boxed()
    }

    fn looked(&mut self, round: &Round, found: Result<Found, BoardError>) {
        match found {
            Ok(found) => {
                self.problem = None;
                let now = self.now();
                self.machine.done(round, found, now);
            }
            // The store says it louder; what was to be written is written later.
            Err(BoardError { problem }) => {
                if self.problem.as_ref() != Some(&problem) {
                    tracing::debug!(problem, "word to and from other machines waits");
                }
                self.problem = Some(problem);
            }
        }
    }

    fn now(&self) -> Clocks {
        Clocks {
            wall: clock::wall().millis(),
            mono: u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}

async fn until_done(looking: &mut Option<Looking>) -> (Round, Result<Found, BoardError>) {
    match looking {
        Some(looking) => looking.await,
        None => std::future::pending().await,
    }
}

async fn carry_out(board: &Board, round: &Round) -> Result<Found, BoardError> {
    let mut asks: BTreeMap<&AgentId, Vec<(RunKey, String)>> = BTreeMap::new();
    for (agent, key, ask) in &round.asks {
        let asks = asks.entry(agent).or_default();
        asks.push((key.clone(), ask.to_text()));
    }
    // An acknowledgement must be there before the news that it is about goes.
    for (agent, asks) in asks {
        board.put(&agent.0, Notes::Asks, asks).await?;
    }
    let news = round.news.iter();
    let news = news.map(|update| (update.key.clone(), notes::update_text(update)));
    board.put(board.own(), Notes::News, news.collect()).await?;
    for kind in [Notes::Asks, Notes::News] {
        let mut taken: BTreeMap<&AgentId, Vec<(RunKey, Option<i32>)>> = BTreeMap::new();
        for (agent, note) in round.take.iter().filter(|(_, note)| note.kind == kind) {
            let taken = taken.entry(agent).or_default();
            taken.push((note.key.clone(), note.version));
        }
        for (agent, taken) in taken {
            board.take(&agent.0, kind, taken).await?;
        }
    }
    for agent in &round.forget {
        board.forget(&agent.0).await?;
    }
    let mut found = Found {
        asks: board.notes(board.own(), Notes::Asks).await?,
        ..Found::default()
    };
    if round.leads {
        look_at_others(board, round, &mut found).await?;
    }
    Ok(found)
}

async fn look_at_others(board: &Board, round: &Round, found: &mut Found) -> Result<(), BoardError> {
    found.own_news = board.notes(board.own(), Notes::News).await?;
    let known = board.agents().await?.into_iter();
    let mut agents = round.missed.clone();
    agents.extend(known.map(|agent| AgentId(agent.into())));
    for agent in agents {
        if *agent.0 == *board.own() {
            continue;
        }
        let news = board.notes(&agent.0, Notes::News).await?;
        let news = news.into_iter().map(|note| (agent.clone(), note));
        found.news.extend(news);
        if board.host(&agent.0).await?.is_some() {
            found.here.insert(agent);
        } else {
            let now = clock::wall().millis();
            let since = board.gone_since(&agent.0, now).await?;
            found.gone.insert(agent, since);
        }
    }
    Ok(())
}
