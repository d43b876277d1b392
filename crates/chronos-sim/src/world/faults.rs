//! What breaks, carried out.

use super::{World, agenda::Happening};
use crate::{dice::Dice, script::Fault};

impl World<'_> {
    /// Carries out what the script says of a fault.
    pub(super) fn fault(&mut self, index: usize, fault: &Fault) {
        self.weather.turn(self.now, fault);
        let mut dice = Dice::of(self.script.seed, "fault", index as u64);
        match *fault {
            Fault::Crash { down } => {
                if let Some((term, leader)) = self.leading() {
                    let node = leader.node;
                    self.lose(term, "it crashed");
                    self.agenda
                        .add(self.now.plus(down), Happening::Elect { node });
                }
            }
            Fault::Pause { length } => {
                if let Some((term, _)) = self.leading() {
                    self.pause(term, length);
                }
            }
            Fault::Takeover { asleep } => {
                if let Some((term, _)) = self.leading() {
                    self.pause(term, asleep);
                    self.usurp(&mut dice);
                }
            }
            Fault::Usurp => self.usurp(&mut dice),
            Fault::ClockStep { node, by } => {
                let node = node % self.clocks.len();
                self.clocks[node].step(self.now, by);
                self.clock_changed(node);
            }
            Fault::ClockDrift { node, ppm } => {
                let node = node % self.clocks.len();
                self.clocks[node].drift(self.now, ppm);
                self.clock_changed(node);
            }
            Fault::AgentCrash { agent, down } => {
                let agent = agent % self.cluster.agents.len();
                self.agent_crashes(agent, down);
            }
            Fault::AgentCut { agent, length } => {
                let agent = agent % self.cluster.agents.len();
                self.agent_is_cut(agent, length);
            }
            Fault::OffersRescinded => {
                for agent in 0..self.cluster.agents.len() {
                    self.rescind(agent);
                }
            }
            Fault::StoreSlow { .. }
            | Fault::StoreGone { .. }
            | Fault::StoreUnknown
            | Fault::StoreRefuses
            | Fault::OffersWithheld { .. }
            | Fault::Lossy { .. }
            | Fault::Laggy { .. }
            | Fault::Deaf { .. } => {}
        }
    }

    // Another machine takes over at once, whatever the leader thinks.
    fn usurp(&mut self, dice: &mut Dice) {
        let others = self.script.nodes.saturating_sub(1);
        let (Some((_, leader)), true) = (self.leading(), others > 0) else {
            return;
        };
        let node = (leader.node + 1 + dice.index(others)) % self.script.nodes;
        self.usurping = true;
        self.elect(node);
    }

    /// Ends all faults.
    pub(super) fn heal(&mut self) {
        self.healed = true;
        self.weather.heal();
        for agent in &mut self.cluster.agents {
            agent.away = self.now;
            // What was put off until the end of a fault is not awaited.
            agent.offer_due = false;
        }
        let asleep: Vec<u64> = self.leaders.keys().copied().collect();
        for term in asleep {
            self.resume(term);
        }
        for agent in 0..self.cluster.agents.len() {
            self.agent_is_back(agent);
        }
        let terms: Vec<u64> = self.pipes.keys().copied().collect();
        for term in terms {
            self.agenda.add(self.now, Happening::Write { term });
        }
        if self.leading().is_none() {
            self.agenda
                .add(self.now.plus(1_000), Happening::Elect { node: 0 });
        }
    }
}
