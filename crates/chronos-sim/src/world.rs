//! The world around the scheduler: machines with clocks, a store, a cluster, operators.
//!
//! ```text
//!   script ──► operators ──► leader (a scheduler, its machine's clock) ──► pipe ──► store
//!                 faults        ▲   │ calls                                  │
//!                               │   ▼                                        ▼
//!                       news ◄─ cluster ──► agents ──► commands ─────► evidence
//! ```
//!
//! One thread, one agenda, one seed: the same script gives the same evidence, byte for byte.

mod agenda;
mod agents;
mod cluster;
mod faults;
mod journal;
mod leader;
mod operators;
mod weather;

use std::collections::BTreeMap;

use chronos_core::{Mono, Now, Scheduler, Settings};
use chronos_model::Timestamp;

use self::{
    agenda::{Agenda, Happening},
    cluster::Cluster,
    journal::Pipe,
    leader::Leader,
    weather::Weather,
};
use crate::{
    clock::{Clock, Moment},
    dice::Dice,
    evidence::{Evidence, Fact},
    script::{Act, Script},
    store::Store,
};

/// How long nothing breaks after the last act.
pub const QUIET: u64 = 2 * 60 * 60 * 1000;

/// How long it may take to bring everything to its end after that.
pub const CLOSING: u64 = 60 * 60 * 1000;

/// The world, at one moment.
#[derive(Debug)]
pub struct World<'a> {
    script: &'a Script,
    settings: Settings,
    now: Moment,
    agenda: Agenda,
    clocks: Vec<Clock>,
    weather: Weather,
    store: Store,
    leaders: BTreeMap<u64, Leader>,
    pipes: BTreeMap<u64, Pipe>,
    cluster: Cluster,
    requests: u64,
    inputs: u64,
    /// The latest that any leader's clock has shown.
    wall_max: Timestamp,
    usurping: bool,
    healed: bool,
    closing: bool,
    evidence: Evidence,
}

/// What a simulation leaves behind.
#[derive(Debug)]
pub struct Outcome {
    /// What happened.
    pub evidence: Evidence,
    /// How many facts the schedulers were given.
    pub inputs: u64,
}

impl<'a> World<'a> {
    /// Makes the world of a script.
    pub fn new(script: &'a Script, settings: Settings) -> Self {
        let mut dice = Dice::new(script.seed, "clocks");
        let clock = |_| {
            Clock::new(
                script.start.plus_millis(dice.signed(-200, 200)),
                dice.signed(-50, 50),
            )
        };
        let mut world = Self {
            script,
            settings,
            now: Moment(0),
            agenda: Agenda::default(),
            clocks: (0..script.nodes.max(1)).map(clock).collect(),
            weather: Weather::new(script),
            store: Store::default(),
            leaders: BTreeMap::new(),
            pipes: BTreeMap::new(),
            cluster: Cluster::new(script),
            requests: 0,
            inputs: 0,
            wall_max: Timestamp::default(),
            usurping: false,
            healed: false,
            closing: false,
            evidence: Evidence::default(),
        };
        for (index, (at, _)) in script.acts.iter().enumerate() {
            world.agenda.add(*at, Happening::Act(index));
        }
        world.elect(0);
        world
    }

    /// Plays the script to its end, and goes on until everything has come to an end.
    pub fn play(mut self) -> Outcome {
        self.until(self.script.length);
        self.evidence.note(self.now, Fact::Healed);
        self.heal();
        self.end_all(60_000);
        self.until(self.now.plus(QUIET));
        let wall = self.leading().map(|(_, leader)| leader.node);
        let wall = wall.map_or(self.script.start, |node| self.wall(node));
        self.evidence.note(self.now, Fact::Closing { wall });
        self.closing = true;
        self.disable_all();
        let end = self.now.plus(CLOSING);
        while self.now < end {
            self.end_all(1_000);
            self.until(self.now.plus(60_000));
            if !self.store.has_active_runs() {
                break;
            }
        }
        self.close()
    }

    fn close(mut self) -> Outcome {
        if let Some((_, leader)) = self.leading() {
            let view = leader.scheduler().view();
            let wall = self.wall(leader.node);
            let now = Now {
                wall,
                mono: Mono(0),
            };
            let fresh = Scheduler::recover(self.settings.clone(), now, self.store.snapshot());
            self.evidence.last_view = view.jobs().cloned().collect();
            self.evidence.fresh_view = fresh.view().jobs().cloned().collect();
        }
        self.evidence.store = self.store;
        Outcome {
            evidence: self.evidence,
            inputs: self.inputs,
        }
    }

    fn until(&mut self, end: Moment) {
        while let Some((at, what)) = self.agenda.next(end) {
            self.now = at;
            self.happen(what);
        }
        self.now = end;
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Act(index) => self.act(index),
            Happening::Elect { node } => self.elect(node),
            Happening::Subscribe { term } => self.subscribe(term),
            Happening::Wake { term } => self.wake(term),
            Happening::Audit { term } => self.audit(term),
            Happening::Resume { term } => self.resume(term),
            Happening::Write { term } => self.write(term),
            Happening::Written { term, request } => self.written(term, request),
            Happening::News { about, events } => {
                if self.is_current(about.as_ref()) {
                    self.news(events);
                }
            }
            Happening::Offer { agent } => self.offer(agent),
            Happening::Begin { key, serial } => self.begin(key, serial),
            Happening::End { key, serial, how } => self.over(&key, serial, how),
            Happening::Kill { key, serial } => self.kill_arrives(key, serial),
            Happening::Repeat { key, serial, times } => self.repeat(key, serial, times),
            Happening::Back { agent } => self.agent_is_back(agent),
        }
    }

    fn act(&mut self, index: usize) {
        let script = self.script;
        let Some((_, act)) = script.acts.get(index) else {
            return;
        };
        self.evidence.note(self.now, Fact::Act(index));
        match act {
            Act::Operator(order) => self.order(index, order),
            Act::Fault(fault) => self.fault(index, fault),
        }
    }

    fn wall(&self, node: usize) -> Timestamp {
        self.clocks
            .get(node)
            .map_or(self.script.start, |clock| clock.wall(self.now))
    }
}

/// Returns when a scheduler wants to look at its clocks.
fn deadline(scheduler: &Scheduler) -> (Option<Timestamp>, Option<Mono>) {
    let deadline = scheduler.deadline();
    (deadline.wall, deadline.mono)
}
