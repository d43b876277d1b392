//! Where tasks stand, and ending them: what a master answers, and when it answers nothing.

use std::time::Duration;

use mesos_v1::{
    event::is_terminal,
    proto::{
        AgentId, ExecutorId, TaskState, TaskStatus, TimeInfo,
        scheduler::{Event, call, event},
        task_status::{Reason, Source},
    },
};

use super::{Cluster, Link, tasks::nanoseconds, updates::Word};
use crate::script::Step;

impl Cluster {
    /// Answers a question: about these tasks, or about all that the master knows.
    pub fn reconcile(&mut self, framework: &str, call: &call::Reconcile) {
        if call.tasks.is_empty() {
            let known: Vec<String> = self
                .master
                .tasks
                .keys()
                .filter(|(owner, _task)| owner == framework)
                .map(|(_owner, task)| task.clone())
                .collect();
            for task in known {
                self.answer(framework, &task, None);
            }
            return;
        }
        for task in &call.tasks {
            let agent = task.agent_id.as_ref().map(|agent| agent.value.as_str());
            self.answer(framework, &task.task_id.value, agent);
        }
    }

    fn answer(&mut self, framework: &str, task: &str, agent: Option<&str>) {
        let key = (framework.to_owned(), task.to_owned());
        if let Some(known) = self.master.tasks.get(&key) {
            let status = TaskStatus {
                uuid: None,
                reason: Some(Reason::Reconciliation.into()),
                source: Some(Source::Master.into()),
                message: Some(b"Reconciliation: Latest task state".to_vec()),
                timestamp: Some(super::updates::seconds(self.now)),
                ..known.latest.clone()
            };
            self.forward(framework, status);
            return;
        }
        let Some((state, text, since)) = self.about_unknown(agent) else {
            // It may come back and know.
            return;
        };
        let word = Word {
            state: self.lost_as(framework, state),
            reason: Reason::Reconciliation,
            source: Source::Master,
            message: format!("Reconciliation: {text}"),
        };
        let mut status = word.status(task, agent, self.now);
        status.unreachable_time = since;
        self.forward(framework, status);
    }

    // What the master says of a task that it does not have; nothing, while somebody may still bring it.
    fn about_unknown(
        &self,
        agent: Option<&str>,
    ) -> Option<(TaskState, &'static str, Option<TimeInfo>)> {
        let link = agent.and_then(|agent| self.master.agents.get(agent));
        match (agent, link) {
            (Some(_), Some(Link::Recovered { .. })) => None,
            (Some(_), Some(Link::Registered | Link::Disconnected { .. })) => {
                Some((TaskState::TaskGone, "Task is unknown to the agent", None))
            }
            (Some(_), Some(Link::Unreachable { since })) => Some((
                TaskState::TaskUnreachable,
                "Task is unreachable",
                Some(TimeInfo {
                    nanoseconds: i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
                }),
            )),
            (Some(_), Some(Link::Gone)) => {
                Some((TaskState::TaskGoneByOperator, "Task is gone", None))
            }
            (None, _) if self.is_one_missing() => None,
            (Some(_) | None, _) => Some((TaskState::TaskUnknown, "Task is unknown", None)),
        }
    }

    fn is_one_missing(&self) -> bool {
        self.master
            .agents
            .values()
            .any(|link| matches!(link, Link::Recovered { .. }))
    }

    /// Ends a task, if it can be reached.
    pub fn kill(&mut self, framework: &str, call: &call::Kill) {
        let task = &call.task_id.value;
        let key = (framework.to_owned(), task.clone());
        let named = call.agent_id.as_ref().map(|agent| agent.value.as_str());
        let Some(known) = self.master.tasks.get(&key) else {
            self.answer(framework, task, named);
            return;
        };
        let agent = known.agent.clone();
        if named.is_some_and(|named| named != agent) {
            return;
        }
        let grace = call
            .kill_policy
            .as_ref()
            .and_then(|policy| policy.grace_period.as_ref())
            .map(|grace| nanoseconds(grace.nanoseconds));
        if self.is_linked(&agent) {
            self.kill_on_agent(&agent, &key, grace);
        }
    }

    /// Ends an executor of the user and its tasks.
    pub fn shutdown(&mut self, framework: &str, call: &call::Shutdown) {
        let agent = &call.agent_id.value;
        let keys = self.tasks_of_executor(framework, agent, &call.executor_id);
        for key in &keys {
            self.kill_on_agent(agent, key, None);
        }
        if !keys.is_empty() {
            self.executor_failed(framework, agent, &call.executor_id, 0);
        }
    }

    /// Bytes for an executor, which sends them back: the executors here know nothing better.
    pub fn message(&mut self, framework: &str, call: &call::Message) {
        let agent = &call.agent_id.value;
        let lives = !self
            .tasks_of_executor(framework, agent, &call.executor_id)
            .is_empty();
        if lives && self.is_linked(agent) {
            let event = Event {
                r#type: Some(event::Type::Message.into()),
                message: Some(event::Message {
                    agent_id: call.agent_id.clone(),
                    executor_id: call.executor_id.clone(),
                    data: call.data.clone(),
                }),
                ..Event::default()
            };
            self.emit(framework, event);
        }
    }

    /// An executor of the user dies with this status, and its tasks with it.
    pub fn executor_dies(&mut self, framework: &str, agent: &str, executor: &str, status: i32) {
        let executor = ExecutorId {
            value: executor.to_owned(),
        };
        let end = Step::new(Duration::ZERO, TaskState::TaskFailed)
            .because(Reason::ExecutorTerminated)
            .saying("Abnormal executor termination");
        for key in self.tasks_of_executor(framework, agent, &executor) {
            self.step(agent, &key, &end);
        }
        self.executor_failed(framework, agent, &executor, status);
    }

    fn executor_failed(
        &mut self,
        framework: &str,
        agent: &str,
        executor: &ExecutorId,
        status: i32,
    ) {
        let event = Event {
            r#type: Some(event::Type::Failure.into()),
            failure: Some(event::Failure {
                agent_id: Some(AgentId {
                    value: agent.to_owned(),
                }),
                executor_id: Some(executor.clone()),
                status: Some(status),
            }),
            ..Event::default()
        };
        self.emit(framework, event);
    }

    // The keys of its tasks on an agent that have not ended.
    fn tasks_of_executor(
        &self,
        framework: &str,
        agent: &str,
        executor: &ExecutorId,
    ) -> Vec<(String, String)> {
        let tasks = self
            .agents
            .get(agent)
            .into_iter()
            .flat_map(|agent| &agent.tasks);
        let meant = tasks.filter(|((owner, _task), running)| {
            let own = running.info.executor.as_ref();
            let runs = owner == framework && !is_terminal(running.state);
            runs && own.is_some_and(|own| own.executor_id == *executor)
        });
        meant.map(|(key, _running)| key.clone()).collect()
    }
}
