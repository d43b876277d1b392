//! The operators: what they ask for, of whom, and what they note down.

use std::sync::Arc;

use chronos_core::{Command, Input, RequestId};
use chronos_model::{Calendar, JobName, JobSpec, RunKey, Timestamp};

use super::World;
use crate::{dice::Dice, document, evidence::Fact, script::Order};

/// How many of a hundred requests go to a scheduler that may not lead any more.
const ASTRAY: u64 = 5;

impl World<'_> {
    /// Carries out what the script says of an operator.
    pub(super) fn order(&mut self, index: usize, order: &Order) {
        let mut dice = Dice::of(self.script.seed, "order", index as u64);
        let Some(term) = self.whom_to_ask(&mut dice) else {
            return;
        };
        let wall = self.leaders.get(&term).map(|leader| leader.node);
        let wall = wall.map_or(self.script.start, |node| self.wall(node));
        if let Some(command) = self.command_of(order, wall) {
            self.ask(term, command);
        }
    }

    fn whom_to_ask(&self, dice: &mut Dice) -> Option<u64> {
        if dice.chance(ASTRAY) {
            let terms: Vec<u64> = self.leaders.keys().copied().collect();
            return terms.get(dice.index(terms.len())).copied();
        }
        self.leading().map(|(term, _)| term)
    }

    fn command_of(&self, order: &Order, wall: Timestamp) -> Option<Command> {
        Some(match order {
            Order::Put(document) => Command::Put {
                spec: Arc::new(document::read(document, wall)?),
                source: None,
            },
            Order::Delete { job, cascade } => Command::Delete {
                job: name(job)?,
                cascade: *cascade,
            },
            Order::Run { job, arguments } => Command::Run {
                job: name(job)?,
                arguments: arguments.clone(),
            },
            Order::Mark(job) => Command::MarkSuccess { job: name(job)? },
            Order::Kill(job) => Command::KillJob { job: name(job)? },
            Order::Backfill {
                job,
                back,
                length,
                with_children,
            } => {
                let from = wall.plus_millis(-i64::try_from(*back).unwrap_or(0));
                let to = from.plus_millis(i64::try_from(*length).unwrap_or(0));
                Command::Backfill {
                    job: name(job)?,
                    from,
                    to: to.min(wall),
                    with_children: *with_children,
                }
            }
            Order::PutCalendar(document) => {
                Command::PutCalendar(Arc::new(Calendar::from_json(document).ok()?))
            }
            Order::DeleteCalendar(name) => Command::DeleteCalendar(name.parse().ok()?),
            Order::KillOldest => Command::KillRun {
                key: self.cluster.tasks.keys().min_by_key(|key| key.due)?.clone(),
            },
            Order::KillOne(job) => Command::KillRun {
                key: self.oldest_task(job)?,
            },
        })
    }

    fn oldest_task(&self, job: &str) -> Option<RunKey> {
        let mut keys = self.cluster.tasks.keys();
        keys.find(|key| key.job.as_str() == job).cloned()
    }

    /// Asks a scheduler for something.
    pub(super) fn ask(&mut self, term: u64, command: Command) {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.evidence.note(
            self.now,
            Fact::Asked {
                request,
                command: command.clone(),
            },
        );
        self.feed(term, Input::Command { request, command });
    }

    /// Asks for all jobs to be disabled.
    pub(super) fn disable_all(&mut self) {
        let Some((term, _)) = self.leading() else {
            return;
        };
        let specs: Vec<Arc<JobSpec>> = self.store.specs().cloned().collect();
        for spec in specs {
            let mut spec = spec.as_ref().clone();
            spec.disabled = true;
            let command = Command::Put {
                spec: Arc::new(spec),
                source: None,
            };
            self.ask(term, command);
        }
    }
}

fn name(text: &str) -> Option<JobName> {
    text.parse().ok()
}
