//! What becomes of launches, and what the scheduler hears of it.

use std::{sync::Arc, time::Duration};

use chronos_core::{AgentId, ClusterEvent, TaskState, TaskUpdate};
use chronos_model::{RunKey, Timestamp};
use mesos_v1::{
    Mono,
    driver::{Input, Outcome, Receipt, Request, RequestId, Update},
    event::wants_acknowledgement,
    proto::TaskStatus,
};

use super::{Desk, wall};
use crate::{Meaning, MesosConfig, news::read_status, parse_task_id, tracked::Tracked};

/// Clocks of agents are believed when they are not further ahead than this.
const CLOCK_AHEAD_MAX_MILLIS: i64 = 24 * 3600 * 1000;

impl Desk {
    pub(super) fn settled(&mut self, request: RequestId, outcome: Outcome) {
        let Some(keys) = self.launches.remove(&request.0) else {
            return;
        };
        match outcome {
            // What comes of it is for updates to say, or for the master when it is asked.
            Outcome::Received | Outcome::Ambiguous => {}
            Outcome::NotSent(why) => {
                tracing::info!(?why, tasks = keys.len(), "a launch was not sent");
                for key in keys {
                    self.end_here(&key, TaskState::Dropped, "the launch was not sent");
                }
            }
            Outcome::Refused { status, text } => {
                for key in keys {
                    if let Some(task) = self.tasks.get_mut(&key) {
                        task.refused =
                            Some(format!("the master refused the launch ({status}): {text}"));
                    }
                }
            }
        }
    }

    pub(super) fn update(
        &mut self,
        config: &MesosConfig,
        now: Mono,
        wall: Timestamp,
        update: Update,
    ) {
        let Update {
            status,
            receipt,
            doubtful,
        } = update;
        let id = &status.task_id.value;
        let Some((key, launch)) = parse_task_id(id) else {
            tracing::warn!(task = id, "a task that is none of ours");
            return self.for_driver.push_back(Input::Recorded(receipt));
        };
        if self
            .tasks
            .get(&key)
            .is_some_and(|known| known.launch != launch)
        {
            return self.stale(&status, receipt);
        }
        let task = self.tasks.add(&key, launch, None);
        task.is_called(&key, &status.task_id);
        if let Some(agent) = &status.agent_id {
            task.agent = Some(AgentId(agent.value.as_str().into()));
        }
        let meaning = meaning_of(task, &status, doubtful);
        let at = instant(&status, wall);
        match meaning {
            Meaning::Nothing => self.for_driver.push_back(Input::Recorded(receipt)),
            Meaning::Lives(state) => {
                if state == TaskState::Running {
                    task.started_at.get_or_insert(at);
                }
                let over = task.over;
                self.for_driver.push_back(Input::Recorded(receipt));
                self.tasks.back(&key);
                if !over {
                    self.say(&key, state, None, None, at);
                }
            }
            Meaning::Away { since, message } => {
                self.for_driver.push_back(Input::Recorded(receipt));
                let gone = since.map_or(0, |since| wall.millis_since(since).max(0));
                let gone = Duration::from_millis(gone.unsigned_abs());
                let over = task.over;
                self.tasks
                    .away(&key, now.after(config.patience.saturating_sub(gone)));
                if !over {
                    self.say(&key, TaskState::Unreachable, None, Some(message), at);
                }
            }
            Meaning::Over {
                state,
                exit_code,
                message,
            } => {
                task.keep(receipt);
                let told = std::mem::replace(&mut task.over, true);
                self.tasks.back(&key);
                if !told {
                    self.say(&key, state, exit_code, message, at);
                }
            }
        }
    }

    // News of a launch that was given up for another one of the same run.
    fn stale(&mut self, status: &TaskStatus, receipt: Receipt) {
        let task = status.task_id.clone();
        self.for_driver.push_back(Input::Recorded(receipt));
        match read_status(status, true, false) {
            Meaning::Lives(_) | Meaning::Away { .. } => {
                tracing::warn!(
                    task = task.value,
                    "a launch that was given up runs; killing it"
                );
                self.ask(Request::Kill { task, policy: None });
            }
            Meaning::Over { .. } => self.ask(Request::Unwatch { task }),
            Meaning::Nothing => {}
        }
    }

    // Ends a task of which nobody else will speak.
    pub(super) fn end_here(&mut self, key: &RunKey, state: TaskState, text: &str) {
        let Some(task) = self.tasks.get_mut(key) else {
            return;
        };
        if std::mem::replace(&mut task.over, true) {
            return;
        }
        self.tasks.back(key);
        self.say(key, state, None, Some(text.to_owned()), wall());
    }

    fn say(
        &mut self,
        key: &RunKey,
        state: TaskState,
        exit_code: Option<i32>,
        message: Option<String>,
        at: Timestamp,
    ) {
        let Some(task) = self.tasks.get(key) else {
            return;
        };
        let update = TaskUpdate {
            key: key.clone(),
            launch: Some(task.launch),
            agent: task.agent.clone().unwrap_or_else(|| AgentId(Arc::from(""))),
            state,
            exit_code,
            message,
            started_at: task.started_at,
            at,
        };
        self.tell(ClusterEvent::Update(update));
    }
}

// What an update means for a task, with all that is known of it.
fn meaning_of(task: &mut Tracked, status: &TaskStatus, doubtful: bool) -> Meaning {
    let meaning = read_status(status, task.heard, doubtful);
    task.heard |= wants_acknowledgement(status);
    let unknown = matches!(&meaning, Meaning::Away { .. })
        || matches!(&meaning, Meaning::Over { state, .. } if *state == TaskState::Dropped);
    match task.refused.clone().filter(|_| unknown && !task.heard) {
        Some(text) => Meaning::Over {
            state: TaskState::Failed,
            exit_code: None,
            message: Some(text),
        },
        None => meaning,
    }
}

// By the clock of who says so, if that can be.
fn instant(status: &TaskStatus, wall: Timestamp) -> Timestamp {
    let millis = status.timestamp.map(|seconds| seconds * 1000.0);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it saturates, and is then out of bounds"
    )]
    let millis = millis.map_or(0, |millis| millis as i64);
    let latest = wall.plus_millis(CLOCK_AHEAD_MAX_MILLIS);
    if millis > 0 && millis <= latest.millis() {
        Timestamp::from_millis(millis)
    } else {
        wall
    }
}
