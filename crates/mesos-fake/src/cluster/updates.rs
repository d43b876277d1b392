//! News of tasks on their way: agent, master, framework, and the acknowledgement back.
//!
//! An agent has one update of a task under way, repeats it until it is acknowledged, and keeps the others behind it.
//! What the master says by itself has no uuid, and nobody repeats it.

use std::time::Duration;

use mesos_v1::{
    event::is_terminal,
    proto::{
        AgentId, TaskId, TaskState, TaskStatus,
        scheduler::{Event, call, event},
        task_status::{Reason, Source},
    },
};

use super::{Cluster, Link};

/// The longest wait between two repetitions.
const RETRY_MAX: Duration = Duration::from_secs(600);

/// What the master or an agent says about a task.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) state: TaskState,
    pub(super) reason: Reason,
    pub(super) source: Source,
    pub(super) message: String,
}

impl Word {
    pub(super) fn status(&self, task: &str, agent: Option<&str>, now: Duration) -> TaskStatus {
        TaskStatus {
            task_id: TaskId { value: task.into() },
            state: self.state.into(),
            message: Some(self.message.clone().into_bytes()),
            agent_id: agent.map(|agent| AgentId {
                value: agent.into(),
            }),
            timestamp: Some(seconds(now)),
            source: Some(self.source.into()),
            reason: Some(self.reason.into()),
            ..TaskStatus::default()
        }
    }
}

/// A time of the cluster as a timestamp: some day in 2030.
pub(super) fn seconds(now: Duration) -> f64 {
    1_900_000_000.0 + now.as_secs_f64()
}

impl Cluster {
    /// Puts an update behind those of its task, and sends it if it is the first.
    pub(super) fn enqueue(&mut self, agent: &str, key: &(String, String), mut status: TaskStatus) {
        status.uuid = Some(self.uuid_bytes().to_vec());
        status.timestamp = Some(seconds(self.now));
        let Some(task) = self.running_mut(agent, key) else {
            return;
        };
        if let Ok(state) = TaskState::try_from(status.state) {
            task.state = state;
        }
        task.queue.push_back(status);
        if task.queue.len() == 1 {
            task.resent = 0;
            self.send_first(agent, key);
        }
    }

    /// Sends the update of a task that is first in its queue, and again later.
    pub(super) fn send_first(&mut self, agent: &str, key: &(String, String)) {
        let (now, retry) = (self.now, self.settings.update_retry);
        let Some(task) = self.running_mut(agent, key) else {
            return;
        };
        let Some(status) = task.queue.front().cloned() else {
            task.resend_at = None;
            return;
        };
        let wait = retry
            .checked_mul(2_u32.saturating_pow(task.resent))
            .map_or(RETRY_MAX, |wait| wait.min(RETRY_MAX));
        task.resent += 1;
        task.resend_at = Some(now + wait);
        self.wake(agent, key);
        if self.is_linked(agent) {
            self.agent_says(key, status);
        }
    }

    // The master hears of a task.
    fn agent_says(&mut self, key: &(String, String), status: TaskStatus) {
        if let Some(known) = self.master.tasks.get_mut(key) {
            known.latest = TaskStatus {
                data: None,
                labels: None,
                ..status.clone()
            };
            known.ended = TaskState::try_from(status.state).is_ok_and(is_terminal);
        }
        self.forward(&key.0, status);
    }

    /// Tells a framework; one that is away hears nothing.
    pub(super) fn forward(&mut self, framework: &str, status: TaskStatus) {
        let update = Event {
            r#type: Some(event::Type::Update.into()),
            update: Some(event::Update { status }),
            ..Event::default()
        };
        self.emit(framework, update);
    }

    /// A word of the master about a task that it has.
    pub(super) fn master_says(&mut self, key: &(String, String), word: &Word) {
        let Some(known) = self.master.tasks.get(key) else {
            return;
        };
        let status = word.status(&key.1, Some(&known.agent), self.now);
        self.forward(&key.0, status);
    }

    /// A framework has an update on record. What does not fit is passed over in silence.
    pub fn acknowledge(&mut self, framework: &str, call: &call::Acknowledge) {
        let key = (framework.to_owned(), call.task_id.value.clone());
        let agent = call.agent_id.value.as_str();
        if self.master.agents.get(agent) != Some(&Link::Registered) || !self.is_linked(agent) {
            return;
        }
        let Some(task) = self.running_mut(agent, &key) else {
            return;
        };
        if task.queue.front().and_then(|status| status.uuid.as_ref()) != Some(&call.uuid) {
            return;
        }
        let Some(done) = task.queue.pop_front() else {
            return;
        };
        task.resent = 0;
        task.resend_at = None;
        let ended = TaskState::try_from(done.state).is_ok_and(is_terminal);
        if ended {
            self.master.tasks.remove(&key);
            if let Some(agent) = self.agents.get_mut(agent) {
                agent.tasks.remove(&key);
            }
        } else {
            self.send_first(agent, &key);
        }
    }

    /// A framework came back: all that is not acknowledged is sent to it again.
    pub(super) fn resend_all(&mut self, framework: &str) {
        let waiting: Vec<(String, (String, String))> = self
            .agents
            .iter()
            .flat_map(|(id, agent)| {
                agent
                    .tasks
                    .iter()
                    .filter(|(key, task)| key.0 == framework && !task.queue.is_empty())
                    .map(move |(key, _task)| (id.clone(), key.clone()))
            })
            .collect();
        for (agent, key) in waiting {
            if let Some(task) = self.running_mut(&agent, &key) {
                task.resent = 0;
            }
            self.send_first(&agent, &key);
        }
    }
}
