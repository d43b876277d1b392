//! The machines that lead, and the schedulers on them.

use std::collections::VecDeque;

use chronos_core::{ClusterCall, ClusterEvent, Effect, Input, Mono, Notice, Now, Scheduler};
use chronos_model::Timestamp;

use super::{World, agenda::Happening, journal::Pipe};
use crate::{
    clock::{Moment, drifted, undrifted},
    dice::Dice,
    evidence::{Fact, Rule},
};

/// A scheduler that lives, though it may no longer lead.
#[derive(Debug)]
pub(super) struct Leader {
    pub(super) node: usize,
    scheduler: Scheduler,
    born: Moment,
    mono_ppm: i64,
    pub(super) asleep: bool,
    inbox: VecDeque<Input>,
    /// What it says to the cluster before it is connected.
    outgoing: Vec<ClusterCall>,
    connected: bool,
    wake: Option<Moment>,
    inputs: u64,
}

/// How many inputs there are between two looks at all invariants; each look walks all jobs.
const INPUTS_PER_LOOK: u64 = 16;

/// How often a leader looks after all of its jobs, in milliseconds.
const AUDIT_EVERY: u64 = 60 * 60 * 1000;

impl Leader {
    fn mono(&self, now: Moment) -> Mono {
        Mono(u64::try_from(drifted(now.since(self.born), self.mono_ppm)).unwrap_or(0))
    }

    fn moment_of(&self, now: Moment, mono: Mono) -> Moment {
        let wait = mono.0.saturating_sub(self.mono(now).0);
        now.plus(undrifted(
            i64::try_from(wait).unwrap_or(i64::MAX),
            self.mono_ppm,
        ))
    }

    pub(super) const fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }
}

impl World<'_> {
    /// A machine starts a scheduler from the store; whoever led before is fenced from now on.
    pub(super) fn elect(&mut self, node: usize) {
        // Unless another machine was faster.
        if self.leading().is_some_and(|(_, leader)| !leader.asleep) && !self.usurping {
            return;
        }
        self.usurping = false;
        let before: Vec<u64> = self
            .leaders
            .iter()
            .filter(|(_, leader)| leader.node == node)
            .map(|(&term, _)| term)
            .collect();
        for term in before {
            self.lose(term, "its machine starts another");
        }
        let term = self.store.next_term();
        self.evidence.note(self.now, Fact::Elected { term, node });
        let mut dice = Dice::of(self.script.seed, "term", term);
        let wall = self.wall(node);
        let scheduler = Scheduler::recover(
            self.settings.clone(),
            Now {
                wall,
                mono: Mono(0),
            },
            self.store.snapshot(),
        );
        self.leaders.insert(
            term,
            Leader {
                node,
                scheduler,
                born: self.now,
                mono_ppm: dice.signed(-100, 100),
                asleep: false,
                inbox: VecDeque::new(),
                outgoing: Vec::new(),
                connected: false,
                wake: None,
                inputs: 0,
            },
        );
        self.pipes.insert(term, Pipe::default());
        self.carry_out_all(term, wall);
        self.feed(term, Input::Tick);
        let at = self.now.plus(dice.between(5, 500));
        self.agenda.add(at, Happening::Subscribe { term });
        self.agenda
            .add(at.plus(AUDIT_EVERY), Happening::Audit { term });
    }

    /// A leader looks after all of its jobs, and will do so again.
    pub(super) fn audit(&mut self, term: u64) {
        if self.leaders.get(&term).is_some_and(|leader| !leader.asleep) {
            self.feed(term, Input::Audit { jobs: 10_000 });
        }
        if self.leaders.contains_key(&term) {
            self.agenda
                .add(self.now.plus(AUDIT_EVERY), Happening::Audit { term });
        }
    }

    /// Returns the scheduler of the newest term, if it lives.
    pub(super) fn leading(&self) -> Option<(u64, &Leader)> {
        let term = self.store.term();
        self.leaders.get(&term).map(|leader| (term, leader))
    }

    /// A scheduler is gone. Some of the writes under way may still reach the store.
    pub(super) fn lose(&mut self, term: u64, why: &'static str) {
        let Some(leader) = self.leaders.remove(&term) else {
            return;
        };
        self.evidence.note(self.now, Fact::Gone { term, why });
        let mut dice = Dice::of(self.script.seed, "rest of the pipe", term);
        if let Some(pipe) = self.pipes.get_mut(&term) {
            pipe.cut(&mut dice);
        }
        if self.cluster.subscriber == Some(term) {
            self.unsubscribe();
        }
        if self.store.term() == term {
            let wait = dice.between(200, 5_000);
            let node = leader.node;
            self.agenda
                .add(self.now.plus(wait), Happening::Elect { node });
        }
    }

    /// Gives a fact to a scheduler, and carries out what it wants.
    pub(super) fn feed(&mut self, term: u64, input: Input) {
        let Some(leader) = self.leaders.get_mut(&term) else {
            return;
        };
        if leader.asleep {
            leader.inbox.push_back(input);
            return;
        }
        let wall = self.clocks[leader.node].wall(self.now);
        let now = Now {
            wall,
            mono: leader.mono(self.now),
        };
        self.wall_max = self.wall_max.max(wall);
        let look = leader.inputs.is_multiple_of(INPUTS_PER_LOOK);
        leader.inputs += 1;
        leader.scheduler.handle(now, input);
        if look {
            for what in leader.scheduler.validate() {
                let of = Rule::State;
                self.evidence.note(self.now, Fact::Breach { of, what });
            }
        }
        self.inputs += 1;
        self.carry_out_all(term, wall);
        self.arm(term);
    }

    fn carry_out_all(&mut self, term: u64, wall: Timestamp) {
        while let Some(effect) = self
            .leaders
            .get_mut(&term)
            .and_then(|leader| leader.scheduler.next_effect())
        {
            self.carry_out(term, wall, effect);
        }
    }

    fn carry_out(&mut self, term: u64, wall: Timestamp, effect: Effect) {
        match effect {
            Effect::Persist { request, writes } => self.persist(term, request, wall, writes),
            Effect::Reply { request, reply } => {
                self.evidence
                    .note(self.now, Fact::Answered { request, reply });
            }
            Effect::Cluster(call) => match self.leaders.get_mut(&term) {
                Some(leader) if !leader.connected => leader.outgoing.push(call),
                Some(_) if self.cluster.subscriber == Some(term) => self.call(term, call),
                // The cluster has closed the connection of the older one.
                Some(_) | None => {}
            },
            Effect::Notice(notice) => {
                if is_evidence(&notice) {
                    self.evidence.note(self.now, Fact::Told(notice));
                }
            }
        }
    }

    /// Sets when a scheduler looks at its clock next.
    pub(super) fn arm(&mut self, term: u64) {
        let Some(leader) = self.leaders.get_mut(&term) else {
            return;
        };
        let (wall, mono) = super::deadline(&leader.scheduler);
        let wall = wall.map(|wall| self.clocks[leader.node].moment_of(self.now, wall));
        let mono = mono.map(|mono| leader.moment_of(self.now, mono));
        let Some(at) = wall.into_iter().chain(mono).min() else {
            return;
        };
        let at = at.max(self.now.plus(1));
        if leader.wake.is_none_or(|wake| wake > at) {
            leader.wake = Some(at);
            self.agenda.add(at, Happening::Wake { term });
        }
    }

    pub(super) fn wake(&mut self, term: u64) {
        let Some(leader) = self.leaders.get_mut(&term) else {
            return;
        };
        if leader.wake.is_some_and(|wake| wake <= self.now) {
            leader.wake = None;
        }
        if leader.asleep {
            return;
        }
        self.feed(term, Input::Tick);
        self.look_at_deadline(term);
    }

    // After a tick nothing that is due may be left: the loop of the daemon would spin.
    fn look_at_deadline(&mut self, term: u64) {
        let Some(leader) = self.leaders.get(&term) else {
            return;
        };
        let wall = self.clocks[leader.node].wall(self.now);
        if let Some(left) = super::deadline(&leader.scheduler)
            .0
            .filter(|&left| left <= wall)
        {
            let what = format!("after a tick at {wall} something due at {left} is left");
            let of = Rule::State;
            self.evidence.note(self.now, Fact::Breach { of, what });
        }
    }

    /// Lets a scheduler stand still.
    pub(super) fn pause(&mut self, term: u64, length: u64) {
        let Some(leader) = self.leaders.get_mut(&term).filter(|leader| !leader.asleep) else {
            return;
        };
        leader.asleep = true;
        self.evidence.note(self.now, Fact::Paused(term));
        self.agenda
            .add(self.now.plus(length), Happening::Resume { term });
    }

    /// Lets a scheduler go on, with all that came in meanwhile.
    pub(super) fn resume(&mut self, term: u64) {
        let Some(leader) = self.leaders.get_mut(&term).filter(|leader| leader.asleep) else {
            return;
        };
        leader.asleep = false;
        self.evidence.note(self.now, Fact::Resumed(term));
        let inbox = std::mem::take(&mut leader.inbox);
        for input in inbox {
            self.feed(term, input);
        }
        self.feed(term, Input::Tick);
        if self
            .leaders
            .get(&term)
            .is_some_and(|leader| !leader.connected)
        {
            self.agenda.add(self.now, Happening::Subscribe { term });
        }
    }

    /// A leader connects to the cluster, which listens to nobody else from now on.
    pub(super) fn subscribe(&mut self, term: u64) {
        let newest = self.cluster.subscriber.is_none_or(|other| other < term);
        let Some(leader) = self.leaders.get_mut(&term).filter(|leader| !leader.asleep) else {
            return;
        };
        if leader.connected || !newest {
            return;
        }
        leader.connected = true;
        let outgoing = std::mem::take(&mut leader.outgoing);
        self.unsubscribe();
        self.cluster.subscriber = Some(term);
        for call in outgoing {
            self.call(term, call);
        }
        self.tell_all();
    }

    /// The clock of a machine was set: its loop, which looks every second, will see.
    pub(super) fn clock_changed(&mut self, node: usize) {
        let mut dice = Dice::of(self.script.seed, "looks at the clock", self.now.0);
        let wait = dice.between(0, 1000);
        for (&term, leader) in &mut self.leaders {
            if leader.node == node {
                leader.wake = None;
                self.agenda
                    .add(self.now.plus(wait), Happening::Wake { term });
            }
        }
    }

    /// News reach whoever the cluster listens to.
    pub(super) fn news(&mut self, events: Vec<ClusterEvent>) {
        for event in events {
            if let Some(term) = self.cluster.subscriber {
                if let ClusterEvent::Update(update) = &event
                    && update.state.is_terminal()
                {
                    self.heard(&update.key);
                }
                self.feed(term, Input::Cluster(event));
            }
        }
    }
}

// Most notices repeat what the writes say.
const fn is_evidence(notice: &Notice) -> bool {
    matches!(
        notice,
        Notice::UnknownTask { .. } | Notice::Quarantined { .. } | Notice::AuditFound { .. }
    )
}
