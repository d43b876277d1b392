//! What is to be said to whom: this machine's agent, our own scheduler, the agents of others.
//!
//! A run belongs to the agent that its intent names, for good. While we lead, word of a run of another
//! machine is taken from notes, and orders for it are left as notes; while we follow it is the other way
//! round for the runs of this machine. Nobody but its own agent says what became of a run, until that
//! agent has been away for so long that it is given up.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chronos_core::{
    AgentId, ClusterCall, ClusterEvent, Launch, Launched, Offer, OfferId, TaskState, TaskUpdate,
};
use chronos_model::{RunKey, Timestamp};
use chronos_zk::{Note, Notes};

use crate::{
    TermNews,
    fleet::notes::{self, Ask},
};

/// How long an agent must have been seen to be away, whatever clocks say: they may jump.
const WATCHED_MILLIS: u64 = 60_000;

/// How often the end of a run that was given up is repeated until it is acknowledged.
const LOST_AGAIN_MILLIS: u64 = 10_000;

/// After how long an agent that nobody misses is forgotten: a day, for machines that come back.
const FORGET_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// Both clocks, as the loop reads them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    pub(crate) wall: i64,
    pub(crate) mono: u64,
}

/// What is to be read and written next.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Round {
    pub(crate) leads: bool,
    /// Agents that must be looked at, besides those that have left a sign.
    pub(crate) missed: BTreeSet<AgentId>,
    pub(crate) forget: Vec<AgentId>,
    pub(crate) asks: Vec<(AgentId, RunKey, Ask)>,
    pub(crate) news: Vec<TaskUpdate>,
    pub(crate) take: Vec<(AgentId, Taken)>,
}

/// A note that is to be taken away.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Taken {
    pub(crate) kind: Notes,
    pub(crate) key: RunKey,
    pub(crate) version: Option<i32>,
}

/// What was found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Found {
    /// What the leader wants of this machine's agent.
    pub(crate) asks: Vec<Note>,
    /// What others' agents tell.
    pub(crate) news: Vec<(AgentId, Note)>,
    /// What this machine's agent told before we led.
    pub(crate) own_news: Vec<Note>,
    /// Agents that are here, and those that are not, with since when.
    pub(crate) here: BTreeSet<AgentId>,
    pub(crate) gone: BTreeMap<AgentId, i64>,
}

#[derive(Clone, Debug)]
struct Home {
    agent: AgentId,
    launch: Launch,
    /// It was said that nobody reaches it.
    is_missed: bool,
    /// When its end was last told, because the agent was given up.
    given_up_at: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Machine {
    own: AgentId,
    lost_after_millis: i64,
    leads: bool,
    /// Those that stand, of this machine.
    offers: BTreeMap<OfferId, Offer>,
    /// The runs of others' agents.
    homes: BTreeMap<RunKey, Home>,
    /// Which note of a run was passed on last.
    heard: BTreeMap<RunKey, (AgentId, i32)>,
    /// Since when agents were seen to be away.
    watched: BTreeMap<AgentId, u64>,
    /// What is to be written.
    next: Pending,
    pub(crate) to_agent: VecDeque<ClusterCall>,
    pub(crate) to_scheduler: VecDeque<ClusterEvent>,
}

#[derive(Debug, Default)]
struct Pending {
    asks: BTreeMap<(AgentId, RunKey), Ask>,
    news: BTreeMap<RunKey, TaskUpdate>,
    take: Vec<(AgentId, Taken)>,
    forget: Vec<AgentId>,
}

impl Machine {
    pub(crate) fn new(own: AgentId, lost_after_millis: i64) -> Self {
        Self {
            own,
            lost_after_millis,
            leads: false,
            offers: BTreeMap::new(),
            homes: BTreeMap::new(),
            heard: BTreeMap::new(),
            watched: BTreeMap::new(),
            next: Pending::default(),
            to_agent: VecDeque::new(),
            to_scheduler: VecDeque::new(),
        }
    }

    /// A term of ours begins or is over.
    pub(crate) fn term(&mut self, news: TermNews) {
        self.to_scheduler.clear();
        self.homes.clear();
        self.heard.clear();
        self.watched.clear();
        self.next.asks.clear();
        match news {
            TermNews::Begun => {
                self.leads = true;
                // It is asked about all of them anew.
                self.next.news.clear();
                let offers: Vec<Offer> = self.offers.values().cloned().collect();
                if !offers.is_empty() {
                    self.to_scheduler.push_back(ClusterEvent::Offers(offers));
                }
            }
            // Those that were passed on come back. Of a term that ended before it began nothing was.
            TermNews::Over if self.leads => {
                self.leads = false;
                self.offers.clear();
            }
            TermNews::Over => {}
        }
    }

    /// The agent of this machine says something.
    pub(crate) fn agent_says(&mut self, event: ClusterEvent) {
        match &event {
            ClusterEvent::Offers(offers) => {
                let offers = offers.iter();
                self.offers
                    .extend(offers.map(|offer| (offer.id.clone(), offer.clone())));
            }
            ClusterEvent::Rescinded(offer) => drop(self.offers.remove(offer)),
            ClusterEvent::Update(update) if !self.leads => {
                self.next.news.insert(update.key.clone(), update.clone());
            }
            ClusterEvent::Update(_) => {}
        }
        if self.leads {
            self.to_scheduler.push_back(event);
        }
    }

    /// Our scheduler says something.
    pub(crate) fn scheduler_says(&mut self, call: ClusterCall) {
        match call {
            ClusterCall::Launch { ref offers, .. } => {
                for offer in offers {
                    self.offers.remove(offer);
                }
                self.to_agent.push_back(call);
            }
            ClusterCall::Decline { ref offer } => {
                self.offers.remove(offer);
                self.to_agent.push_back(call);
            }
            ClusterCall::Kill { ref key } => match self.agent_of(key) {
                Some(agent) => self.ask(agent, key.clone(), Ask::Kill),
                None => self.to_agent.push_back(call),
            },
            ClusterCall::Acknowledge { ref key } => match self.agent_of(key) {
                Some(agent) => self.settle(&agent, key.clone()),
                None => self.to_agent.push_back(call),
            },
            ClusterCall::Reconcile { tasks } => self.reconcile(tasks),
            ClusterCall::Want { .. } | ClusterCall::Constrain { .. } => {
                self.to_agent.push_back(call);
            }
        }
    }

    /// A term is over in which our scheduler said this, and nobody has done it yet. Whoever leads next may be
    /// told that the run is not here, so it must not start here after that.
    pub(crate) fn left_over(&mut self, call: ClusterCall) {
        let offers = crate::cluster::offers_of(call).into_iter();
        let declines = offers.map(|offer| ClusterCall::Decline { offer });
        self.to_agent.extend(declines);
    }

    fn reconcile(&mut self, tasks: Vec<Launched>) {
        let mut own = Vec::new();
        for task in tasks {
            let Some(agent) = task.agent.clone().filter(|agent| *agent != self.own) else {
                own.push(task);
                continue;
            };
            self.ask(agent.clone(), task.key.clone(), Ask::Where(task.launch));
            let home = Home {
                agent,
                launch: task.launch,
                is_missed: false,
                given_up_at: None,
            };
            self.homes.insert(task.key, home);
        }
        if !own.is_empty() {
            self.to_agent
                .push_back(ClusterCall::Reconcile { tasks: own });
        }
    }

    // Of a run that no scheduler knows any more, whoever told of it has it.
    fn agent_of(&self, key: &RunKey) -> Option<AgentId> {
        let home = self.homes.get(key).map(|home| &home.agent);
        let told = || self.heard.get(key).map(|(agent, _)| agent);
        home.or_else(told).cloned()
    }

    fn ask(&mut self, agent: AgentId, key: RunKey, ask: Ask) {
        let asks = self.next.asks.entry((agent, key)).or_insert(ask);
        if ask.covers(*asks) {
            *asks = ask;
        }
    }

    // The end of a run is on record: its agent need not tell of it any more.
    fn settle(&mut self, agent: &AgentId, key: RunKey) {
        self.ask(agent.clone(), key.clone(), Ask::Acknowledge);
        self.homes.remove(&key);
        self.heard.remove(&key);
        let taken = Taken {
            kind: Notes::News,
            key,
            version: None,
        };
        self.next.take.push((agent.clone(), taken));
    }

    /// Returns what is to be done with the notes now.
    pub(crate) fn round(&self) -> Round {
        let homes = self.homes.values().map(|home| home.agent.clone());
        let asks = self.next.asks.iter();
        Round {
            leads: self.leads,
            missed: homes.collect(),
            forget: self.next.forget.clone(),
            asks: asks
                .map(|((agent, key), ask)| (agent.clone(), key.clone(), *ask))
                .collect(),
            news: self.next.news.values().cloned().collect(),
            take: self.next.take.clone(),
        }
    }

    /// A round was carried out.
    pub(crate) fn done(&mut self, round: &Round, found: Found, now: Clocks) {
        for (agent, key, ask) in &round.asks {
            let place = (agent.clone(), key.clone());
            if self.next.asks.get(&place) == Some(ask) {
                self.next.asks.remove(&place);
            }
        }
        for update in &round.news {
            if self.next.news.get(&update.key) == Some(update) {
                self.next.news.remove(&update.key);
            }
        }
        self.next.take.drain(..round.take.len());
        self.next.forget.clear();
        for note in found.asks {
            self.do_as_asked(note);
        }
        // What was found for a leader is of no use to a follower, and the other way round.
        if round.leads && self.leads {
            let own = self.own.clone();
            for note in found.own_news {
                self.take(&own, Notes::News, note.key, Some(note.version));
            }
            for (agent, note) in found.news {
                self.hear(&agent, note);
            }
            self.miss(&found.here, &found.gone, now);
        }
    }

    fn take(&mut self, agent: &AgentId, kind: Notes, key: RunKey, version: Option<i32>) {
        let taken = Taken { kind, key, version };
        self.next.take.push((agent.clone(), taken));
    }

    fn do_as_asked(&mut self, note: Note) {
        let Some(ask) = Ask::from_text(&note.text) else {
            tracing::debug!(task = %note.key, "a note of a leader is not understood");
            return;
        };
        let key = note.key.clone();
        self.to_agent.push_back(match ask {
            Ask::Where(launch) => ClusterCall::Reconcile {
                tasks: vec![Launched {
                    key,
                    launch,
                    agent: None,
                }],
            },
            Ask::Kill => ClusterCall::Kill { key },
            Ask::Acknowledge => {
                self.next.news.remove(&key);
                ClusterCall::Acknowledge { key }
            }
        });
        let own = self.own.clone();
        self.take(&own, Notes::Asks, note.key, Some(note.version));
    }

    fn hear(&mut self, agent: &AgentId, note: Note) {
        let known = (agent.clone(), note.version);
        if self.heard.get(&note.key) == Some(&known) {
            return;
        }
        let Some(update) = notes::read_update(note.key.clone(), agent.clone(), &note.text) else {
            tracing::debug!(task = %note.key, %agent, "a note of an agent is not understood");
            return;
        };
        self.heard.insert(note.key.clone(), known);
        if let Some(home) = self.homes.get_mut(&note.key) {
            home.is_missed = false;
        }
        if !update.state.is_terminal() {
            self.take(agent, Notes::News, note.key, Some(note.version));
        }
        self.to_scheduler.push_back(ClusterEvent::Update(update));
    }

    fn miss(&mut self, here: &BTreeSet<AgentId>, gone: &BTreeMap<AgentId, i64>, now: Clocks) {
        self.watched
            .retain(|agent, _| !here.contains(agent) && gone.contains_key(agent));
        for (agent, since) in gone {
            let watched = *self.watched.entry(agent.clone()).or_insert(now.mono);
            let away = now.wall.saturating_sub(*since);
            let watched = now.mono.saturating_sub(watched);
            let own_limit = u64::try_from(self.lost_after_millis).unwrap_or(0);
            let is_lost =
                away >= self.lost_after_millis && watched >= own_limit.min(WATCHED_MILLIS);
            let mut homes = 0_usize;
            for (key, home) in &mut self.homes {
                if home.agent != *agent {
                    continue;
                }
                homes += 1;
                let update = home.missed(key, *since, is_lost, now);
                self.to_scheduler.extend(update.map(ClusterEvent::Update));
            }
            let forget_after = FORGET_MILLIS.max(self.lost_after_millis);
            if homes == 0 && away >= forget_after && watched >= WATCHED_MILLIS {
                self.next.forget.push(agent.clone());
            }
        }
    }
}

impl Home {
    // What there is to say of a run whose agent is away.
    fn missed(
        &mut self,
        key: &RunKey,
        since: i64,
        is_lost: bool,
        now: Clocks,
    ) -> Option<TaskUpdate> {
        let state = if is_lost {
            let again = |at| now.mono.saturating_sub(at) >= LOST_AGAIN_MILLIS;
            if !self.given_up_at.is_none_or(again) {
                return None;
            }
            self.given_up_at = Some(now.mono);
            TaskState::Lost
        } else {
            if self.is_missed {
                return None;
            }
            self.is_missed = true;
            TaskState::Unreachable
        };
        let since = Timestamp::from_millis(since);
        Some(TaskUpdate {
            key: key.clone(),
            launch: Some(self.launch),
            agent: self.agent.clone(),
            state,
            exit_code: None,
            message: Some(format!("no daemon speaks for it since {since}")),
            started_at: None,
            at: Timestamp::from_millis(now.wall),
        })
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
