//! The cluster as the scheduler sees it: offers made, calls taken, news sent.
//!
//! It is one that keeps its word: what it was told it knows, until the end of a task is acknowledged;
//! a task that it says was dropped never starts; it listens to the newest scheduler only.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chronos_core::{
    Abilities, AgentId, ClusterCall, ClusterEvent, Offer, OfferId, Task, TaskState, TaskUpdate,
};
use chronos_model::RunKey;
use resources::{Attributes, Resources, Scalar};

use super::{World, agenda::Happening};
use crate::{
    clock::Moment,
    dice::Dice,
    evidence::{Fact, Rule},
    script::Script,
    work::Work,
};

/// All agents, and all tasks that anybody still has to hear of.
#[derive(Debug)]
pub(super) struct Cluster {
    /// The term of the scheduler that it listens to.
    pub(super) subscriber: Option<u64>,
    pub(super) agents: Vec<Agent>,
    pub(super) tasks: BTreeMap<RunKey, Placed>,
    serials: u64,
    offers: u64,
}

/// One agent.
#[derive(Debug)]
pub(super) struct Agent {
    id: AgentId,
    total: Resources,
    attributes: Arc<Attributes>,
    /// How far its clock is off.
    pub(super) skew: i64,
    /// It cannot be reached before this moment.
    pub(super) away: Moment,
    holds: BTreeSet<RunKey>,
    /// What it offers, in pieces as they came.
    offers: Vec<(OfferId, Resources)>,
    pub(super) offer_due: bool,
}

/// A task, from its launch until its end is acknowledged.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) agent: usize,
    /// Which launch of all it was.
    pub(super) serial: u64,
    resources: Resources,
    pub(super) work: Work,
    pub(super) phase: Phase,
    /// The scheduler has heard of its end; an acknowledgement before that is for an earlier launch.
    heard: bool,
}

/// Where a task stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// It is on its way to the agent.
    Sent,
    /// Its command runs, since then.
    Runs(Moment),
    /// It has ended, or never began; this is to be told until it is acknowledged.
    Over(Box<TaskUpdate>),
}

impl Cluster {
    pub(super) fn new(script: &Script) -> Self {
        let agents = script.agents.iter().enumerate();
        let agent = |(index, &room): (usize, &u64)| {
            let name: Arc<str> = format!("agent-{index}").into();
            let room = i64::try_from(room).unwrap_or(1);
            Agent {
                id: AgentId(Arc::clone(&name)),
                total: room_for(room),
                attributes: Arc::new(Attributes::new(&name, [])),
                skew: Dice::of(script.seed, "skew", index as u64).signed(-3000, 3000),
                away: Moment(0),
                holds: BTreeSet::new(),
                offers: Vec::new(),
                offer_due: false,
            }
        };
        Self {
            subscriber: None,
            agents: agents.map(agent).collect(),
            tasks: BTreeMap::new(),
            serials: 0,
            offers: 0,
        }
    }
}

/// What so many tasks of the usual size take.
fn room_for(tasks: i64) -> Resources {
    Resources::new(
        Scalar::from_thousandths(100 * tasks),
        Scalar::from_units(128 * tasks),
        Scalar::from_units(256 * tasks),
    )
}

impl World<'_> {
    /// Takes a call of the scheduler it listens to.
    pub(super) fn call(&mut self, term: u64, call: ClusterCall) {
        match call {
            ClusterCall::Launch { offers, tasks } => self.launch(term, &offers, tasks),
            ClusterCall::Decline { offer } => {
                if let Some((agent, _)) = self.close_offer(&offer) {
                    self.agenda
                        .add(self.now.plus(5_000), Happening::Offer { agent });
                }
            }
            ClusterCall::Kill { key } => self.kill(&key),
            ClusterCall::Acknowledge { key } => {
                if self.cluster.tasks.get(&key).is_some_and(|it| it.heard) {
                    self.cluster.tasks.remove(&key);
                }
            }
            ClusterCall::Reconcile { tasks } => {
                for task in tasks {
                    self.tell_state(&task.key);
                }
            }
            ClusterCall::Want { .. } | ClusterCall::Constrain { .. } => {}
        }
    }

    fn launch(&mut self, term: u64, offers: &[OfferId], tasks: Vec<Task>) {
        let taken: Vec<_> = offers
            .iter()
            .filter_map(|offer| self.close_offer(offer))
            .collect();
        let agent = taken.first().map(|(agent, _)| *agent);
        if taken.iter().any(|(other, _)| Some(*other) != agent) {
            let (of, what) = (
                Rule::Offers,
                "offers of two agents in one launch".to_owned(),
            );
            self.evidence.note(self.now, Fact::Breach { of, what });
        }
        let all = taken.iter();
        let all = all.fold(Resources::default(), |sum, (_, part)| sum.plus(part));
        // One that does not stand any more spoils all.
        let mut room = (taken.len() == offers.len()).then_some(all);
        for task in tasks {
            self.evidence.note(
                self.now,
                Fact::Launched {
                    term,
                    wall_max: self.wall_max,
                    task: Box::new(task.clone()),
                },
            );
            let wanted = task.spec.resources;
            match (agent, &mut room) {
                (Some(agent), Some(room)) => {
                    if !room.covers(&wanted) {
                        let what = format!("{} does not fit into {offers:?}", task.key);
                        let of = Rule::Offers;
                        self.evidence.note(self.now, Fact::Breach { of, what });
                    }
                    *room = room.minus(&wanted);
                    self.place(agent, &task);
                }
                // An offer was taken back meanwhile.
                _ => self.drop_task(&task.key, 0, Work::of(&task.spec), wanted),
            }
        }
        if let Some(agent) = agent {
            self.offer_soon(agent);
        }
    }

    fn place(&mut self, agent: usize, task: &Task) {
        self.cluster.serials += 1;
        let serial = self.cluster.serials;
        let key = task.key.clone();
        self.cluster.tasks.insert(
            key.clone(),
            Placed {
                agent,
                serial,
                resources: task.spec.resources,
                work: Work::of(&task.spec),
                phase: Phase::Sent,
                heard: false,
            },
        );
        self.cluster.agents[agent].holds.insert(key.clone());
        let at = self.now.plus(self.weather.delay(self.now));
        if self.weather.loses(self.now) {
            // Whoever sees to it that it arrives finds out in the end.
            let at = at.plus(10_000);
            self.agenda.add(
                at,
                Happening::End {
                    key,
                    serial,
                    how: TaskState::Dropped,
                },
            );
        } else {
            self.agenda.add(at, Happening::Begin { key, serial });
        }
    }

    // A task that will never start: it is known until the scheduler has heard so.
    fn drop_task(&mut self, key: &RunKey, agent: usize, work: Work, resources: Resources) {
        self.cluster.serials += 1;
        let serial = self.cluster.serials;
        self.cluster.tasks.insert(
            key.clone(),
            Placed {
                agent,
                serial,
                resources,
                work,
                phase: Phase::Sent,
                heard: false,
            },
        );
        self.over(key, serial, TaskState::Dropped);
    }

    fn kill(&mut self, key: &RunKey) {
        self.evidence.note(self.now, Fact::KillAsked(key.clone()));
        let Some(placed) = self.cluster.tasks.get(key) else {
            return self.drop_task(key, 0, Work::default(), Resources::default());
        };
        let serial = placed.serial;
        if matches!(placed.phase, Phase::Over(_)) {
            return self.tell_state(key);
        }
        if !self.weather.loses(self.now) {
            let at = self.now.plus(self.weather.delay(self.now));
            let key = key.clone();
            self.agenda.add(at, Happening::Kill { key, serial });
        }
    }

    /// Gives a task its end, and begins to tell of it.
    pub(super) fn over(&mut self, key: &RunKey, serial: u64, how: TaskState) {
        let Some(placed) = self.cluster.tasks.get(key) else {
            return;
        };
        if placed.serial != serial || matches!(placed.phase, Phase::Over(_)) {
            return;
        }
        if matches!(placed.phase, Phase::Runs(_)) || how == TaskState::Killed {
            let key = key.clone();
            self.evidence.note(self.now, Fact::Ended { key, how });
        }
        let agent = placed.agent;
        let update = self.update_of(key, placed, how);
        if let Some(placed) = self.cluster.tasks.get_mut(key) {
            placed.phase = Phase::Over(Box::new(update));
        }
        self.cluster.agents[agent].holds.remove(key);
        self.offer_soon(agent);
        let at = self.now.max(self.cluster.agents[agent].away);
        self.agenda.add(
            at,
            Happening::Repeat {
                key: key.clone(),
                serial,
                times: 0,
            },
        );
    }

    fn update_of(&self, key: &RunKey, placed: &Placed, state: TaskState) -> TaskUpdate {
        let agent = &self.cluster.agents[placed.agent];
        let clock = |moment: Moment| {
            let since = i64::try_from(moment.0).unwrap_or(i64::MAX);
            self.script.start.plus_millis(since).plus_millis(agent.skew)
        };
        let exit_code = match state {
            TaskState::Finished => Some(0),
            TaskState::Failed => Some(1),
            TaskState::Starting
            | TaskState::Running
            | TaskState::Unreachable
            | TaskState::Killed
            | TaskState::Lost
            | TaskState::Dropped => None,
        };
        TaskUpdate {
            key: key.clone(),
            launch: None,
            agent: agent.id.clone(),
            state,
            exit_code,
            message: exit_code
                .filter(|&code| code != 0)
                .map(|code| format!("exit code {code}")),
            started_at: match placed.phase {
                Phase::Runs(since) => Some(clock(since)),
                Phase::Sent | Phase::Over(_) => None,
            },
            at: clock(self.now),
        }
    }

    /// Tells the end of a task, and does so again later until it is acknowledged.
    pub(super) fn repeat(&mut self, key: RunKey, serial: u64, times: u32) {
        let Some(placed) = self.cluster.tasks.get(&key) else {
            return;
        };
        if placed.serial != serial {
            return;
        }
        let away = self.cluster.agents[placed.agent].away;
        if away <= self.now {
            self.tell_state(&key);
        }
        let wait = (10_000_u64 << times.min(5)).min(300_000);
        let at = self.now.plus(wait).max(away);
        let times = times + 1;
        self.agenda
            .add(at, Happening::Repeat { key, serial, times });
    }

    /// Sends word of where a task stands.
    pub(super) fn tell_state(&mut self, key: &RunKey) {
        let Some(placed) = self.cluster.tasks.get(key) else {
            return self.drop_task(key, 0, Work::default(), Resources::default());
        };
        let update = match &placed.phase {
            Phase::Sent => self.update_of(key, placed, TaskState::Starting),
            Phase::Runs(_) => self.update_of(key, placed, TaskState::Running),
            Phase::Over(update) => update.as_ref().clone(),
        };
        let about = Some((key.clone(), placed.serial));
        let copies = if self.weather.doubles(self.now) { 2 } else { 1 };
        for _ in 0..copies {
            if self.weather.loses(self.now) {
                continue;
            }
            let at = self.now.plus(self.weather.delay(self.now));
            let events = vec![ClusterEvent::Update(update.clone())];
            let about = about.clone();
            self.agenda.add(at, Happening::News { about, events });
        }
    }

    /// Whether news of a launch are still news: the task was not launched again since.
    pub(super) fn is_current(&self, about: Option<&(RunKey, u64)>) -> bool {
        about.is_none_or(|(key, serial)| {
            let placed = self.cluster.tasks.get(key);
            placed.is_none_or(|placed| placed.serial == *serial)
        })
    }

    /// The scheduler hears of a task.
    pub(super) fn heard(&mut self, key: &RunKey) {
        if let Some(placed) = self.cluster.tasks.get_mut(key) {
            placed.heard = matches!(placed.phase, Phase::Over(_));
        }
    }

    /// Lets an agent look soon at what it has to offer.
    pub(super) fn offer_soon(&mut self, agent: usize) {
        let late = self.weather.delay(self.now).min(1_000);
        if let Some(it) = self.cluster.agents.get_mut(agent)
            && !std::mem::replace(&mut it.offer_due, true)
        {
            self.agenda
                .add(self.now.plus(late + 1), Happening::Offer { agent });
        }
    }

    /// An agent offers what it has: what came back beside what it offers already, or all in one offer.
    pub(super) fn offer(&mut self, agent: usize) {
        let Some(it) = self.cluster.agents.get_mut(agent) else {
            return;
        };
        it.offer_due = false;
        if self.cluster.subscriber.is_none() || it.away > self.now {
            return;
        }
        if self.now < self.weather.withheld {
            it.offer_due = true;
            let at = self.weather.withheld;
            return self.agenda.add(at, Happening::Offer { agent });
        }
        let used = it
            .holds
            .iter()
            .filter_map(|key| self.cluster.tasks.get(key))
            .fold(Resources::default(), |used, placed| {
                used.plus(&placed.resources)
            });
        let mut free = it.total.minus(&used);
        let parts = it.offers.iter();
        let offered = parts.fold(Resources::default(), |sum, (_, part)| sum.plus(part));
        if free == offered {
            return;
        }
        let mut events = Vec::new();
        if free.covers(&offered) && self.cluster.offers.is_multiple_of(2) {
            free = free.minus(&offered);
        } else {
            let all = it.offers.drain(..);
            events.extend(all.map(|(id, _)| ClusterEvent::Rescinded(id)));
        }
        if free.cpus > Scalar::default() {
            self.cluster.offers += 1;
            let id = OfferId(self.cluster.offers.to_string().into());
            it.offers.push((id.clone(), free));
            events.push(ClusterEvent::Offers(vec![Offer {
                id,
                agent: it.id.clone(),
                hostname: Arc::clone(&it.id.0),
                resources: free,
                attributes: Arc::clone(&it.attributes),
                role: None,
                abilities: Abilities::default(),
            }]));
        }
        let at = self.now.plus(1);
        let about = None;
        self.agenda.add(at, Happening::News { about, events });
    }

    // Returns whose it was, and what was offered.
    fn close_offer(&mut self, offer: &OfferId) -> Option<(usize, Resources)> {
        let mut agents = self.cluster.agents.iter_mut().enumerate();
        agents.find_map(|(agent, it)| {
            let at = it.offers.iter().position(|(id, _)| id == offer)?;
            Some((agent, it.offers.remove(at).1))
        })
    }

    /// Takes back the last offer of one agent.
    pub(super) fn rescind(&mut self, agent: usize) {
        if let Some((id, _)) = self.cluster.agents[agent].offers.pop() {
            let events = vec![ClusterEvent::Rescinded(id)];
            let at = self.now.plus(self.weather.delay(self.now));
            let about = None;
            self.agenda.add(at, Happening::News { about, events });
        }
        self.offer_soon(agent);
    }

    /// Nobody listens any more, and no offer stands.
    pub(super) fn unsubscribe(&mut self) {
        self.cluster.subscriber = None;
        for agent in &mut self.cluster.agents {
            agent.offers.clear();
        }
    }

    /// A scheduler has connected: offers are made, and what was not acknowledged is told again.
    pub(super) fn tell_all(&mut self) {
        for agent in 0..self.cluster.agents.len() {
            self.offer_soon(agent);
        }
        let over = self.cluster.tasks.iter();
        let over: Vec<RunKey> = over
            .filter(|(_, placed)| matches!(placed.phase, Phase::Over(_)))
            .map(|(key, _)| key.clone())
            .collect();
        for key in over {
            self.tell_state(&key);
        }
    }
}
