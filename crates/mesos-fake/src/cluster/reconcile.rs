//! Where tasks stand, and ending them: what a master answers, and when it answers nothing.

use mesos_v1::proto::{
    AgentId, TaskState, TaskStatus, TimeInfo,
    scheduler::call,
    task_status::{Reason, Source},
};

use super::{Cluster, Link, tasks::nanoseconds, updates::Word};

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
        let AgentId { value: agent } = &call.agent_id;
        let keys: Vec<_> = self
            .agents
            .get(agent)
            .into_iter()
            .flat_map(|agent| &agent.tasks)
            .filter(|((owner, _task), running)| {
                let executor = running.info.executor.as_ref();
                let is_meant = executor.is_some_and(|own| own.executor_id == call.executor_id);
                owner == framework && is_meant
            })
            .map(|(key, _running)| key.clone())
            .collect();
        for key in keys {
            self.kill_on_agent(agent, &key, None);
        }
    }
}
