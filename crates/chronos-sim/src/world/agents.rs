//! The agents: commands that begin, run, end, are killed or lost.

use chronos_core::TaskState;
use chronos_model::RunKey;

use super::{World, agenda::Happening, cluster::Phase};
use crate::{clock::Moment, dice::Dice, evidence::Fact};

/// After how long the cluster gives up an agent that it cannot reach.
const AGENT_TIMEOUT: u64 = 75_000;

impl World<'_> {
    /// A launch reaches its agent.
    pub(super) fn begin(&mut self, key: RunKey, serial: u64) {
        let Some(placed) = self
            .cluster
            .tasks
            .get_mut(&key)
            .filter(|placed| placed.serial == serial && matches!(placed.phase, Phase::Sent))
        else {
            return;
        };
        let away = self.cluster.agents[placed.agent].away;
        if away > self.now {
            return self.over(&key, serial, TaskState::Dropped);
        }
        placed.phase = Phase::Runs(self.now);
        let mut dice = Dice::of(self.script.seed, key.job.as_str(), due_and_attempt(&key));
        let (millis, succeeds) = placed.work.fate(&mut dice);
        // When all faults are over, nothing hangs any more.
        let millis = millis.or_else(|| self.healed.then_some(60_000));
        let millis = if self.closing { Some(0) } else { millis };
        self.evidence.note(self.now, Fact::Began(key.clone()));
        self.tell_state(&key);
        if let Some(millis) = millis {
            let how = if succeeds {
                TaskState::Finished
            } else {
                TaskState::Failed
            };
            self.agenda
                .add(self.now.plus(millis), Happening::End { key, serial, how });
        }
    }

    /// A request to end a task reaches its agent.
    pub(super) fn kill_arrives(&mut self, key: RunKey, serial: u64) {
        let Some(placed) = self
            .cluster
            .tasks
            .get(&key)
            .filter(|placed| placed.serial == serial)
        else {
            return;
        };
        if self.cluster.agents[placed.agent].away > self.now || self.now < self.weather.deaf {
            return;
        }
        match placed.phase {
            Phase::Sent => self.over(&key, serial, TaskState::Killed),
            Phase::Runs(_) => {
                let mut dice = Dice::of(self.script.seed, "grace", self.now.0);
                let at = self.now.plus(dice.between(0, 4_000));
                let how = TaskState::Killed;
                self.agenda.add(at, Happening::End { key, serial, how });
            }
            Phase::Over(_) => {}
        }
    }

    /// An agent loses power: what ran there is gone.
    pub(super) fn agent_crashes(&mut self, agent: usize, down: u64) {
        self.agent_is_cut(agent, down);
        let here = self.cluster.tasks.iter();
        let here: Vec<(RunKey, u64, bool)> = here
            .filter(|(_, placed)| placed.agent == agent)
            .map(|(key, placed)| {
                let ran = matches!(placed.phase, Phase::Runs(_));
                (key.clone(), placed.serial, ran)
            })
            .collect();
        let back = self.cluster.agents[agent].away;
        // The cluster tells when the agent is back, or when it gives it up.
        self.cluster.agents[agent].away = back.min(self.now.plus(AGENT_TIMEOUT));
        for (key, serial, ran) in here {
            let how = if ran {
                TaskState::Lost
            } else {
                TaskState::Dropped
            };
            self.over(&key, serial, how);
        }
        self.cluster.agents[agent].away = back;
    }

    /// An agent cannot be reached for a while.
    pub(super) fn agent_is_cut(&mut self, agent: usize, length: u64) {
        self.rescind(agent);
        let until = self.now.plus(length);
        let it = &mut self.cluster.agents[agent];
        it.away = it.away.max(until);
        self.agenda.add(until, Happening::Back { agent });
    }

    /// An agent can be reached again, and says what it knows.
    pub(super) fn agent_is_back(&mut self, agent: usize) {
        if self.cluster.agents[agent].away > self.now {
            return;
        }
        let here = self.cluster.tasks.iter();
        let here: Vec<RunKey> = here
            .filter(|(_, placed)| placed.agent == agent)
            .map(|(key, _)| key.clone())
            .collect();
        for key in here {
            self.tell_state(&key);
        }
        self.offer_soon(agent);
    }

    /// Lets all commands that run end within this time.
    pub(super) fn end_all(&mut self, within: u64) {
        let running = self.cluster.tasks.iter();
        let running: Vec<(RunKey, u64, Moment)> = running
            .filter_map(|(key, placed)| match placed.phase {
                Phase::Runs(since) => Some((key.clone(), placed.serial, since)),
                Phase::Sent | Phase::Over(_) => None,
            })
            .collect();
        for (key, serial, since) in running {
            let mut dice = Dice::of(self.script.seed, "end", since.0);
            let at = self.now.plus(dice.between(0, within));
            let how = TaskState::Failed;
            self.agenda.add(at, Happening::End { key, serial, how });
        }
    }
}

fn due_and_attempt(key: &RunKey) -> u64 {
    let due = key.due.millis().unsigned_abs();
    due.wrapping_mul(31).wrapping_add(u64::from(key.attempt))
}
