//! Tasks on their agents: steps of a script, or the end of a process.

use std::{collections::VecDeque, time::Duration};

use mesos_v1::{
    event::is_terminal,
    proto::{
        ContainerId, ContainerStatus, ExecutorId, TaskInfo, TaskState, TaskStatus,
        framework_info::capability::Type as Capability,
        task_status::{Reason, Source},
    },
};

use super::{Cluster, Order, Running, frameworks::has, updates::Word};
use crate::script::{Behaviour, Step};

impl Cluster {
    /// An agent gets a task.
    pub(super) fn start_on_agent(&mut self, framework: &str, agent: &str, task: TaskInfo) {
        let key = (framework.to_owned(), task.task_id.value.clone());
        if !self.is_linked(agent) {
            // On the way to an agent that is gone. Nothing is said until somebody asks.
            return;
        }
        if self.agents[agent].draining.is_some() {
            let word = Word {
                state: self.lost_as(framework, TaskState::TaskDropped),
                reason: Reason::AgentDraining,
                source: Source::Agent,
                message: "Agent is draining".into(),
            };
            self.master_says(&key, &word);
            self.master.tasks.remove(&key);
            return;
        }
        let behaviour = self.settings.script.of(&task.name);
        let stubborn = matches!(behaviour, Behaviour::Stubborn(_));
        let (steps, is_process) = match behaviour {
            Behaviour::Steps(steps) | Behaviour::Stubborn(steps) => (VecDeque::from(steps), false),
            Behaviour::Process => (VecDeque::new(), true),
        };
        let container = self.uuid();
        let checkpoint = self
            .master
            .frameworks
            .get(framework)
            .is_some_and(|framework| framework.info.checkpoint());
        let limit = task
            .max_completion_time
            .map(|limit| nanoseconds(limit.nanoseconds));
        let running = Running {
            checkpoint,
            next_at: steps.front().map(|step| self.now + step.after),
            steps: with_limit(steps, limit),
            is_process,
            stubborn,
            ..Running::new(task.clone(), container.clone())
        };
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.tasks.insert(key.clone(), running);
        }
        self.wake(agent, &key);
        if is_process {
            self.orders.push(Order::Start {
                framework: framework.to_owned(),
                agent: agent.to_owned(),
                container,
                task: Box::new(task),
            });
        }
    }

    /// An agent is told of a task that never reached it: it was on its way when the agent went.
    pub(super) fn drop_on_agent(&mut self, agent: &str, key: &(String, String), task: TaskInfo) {
        let word = Word {
            state: self.lost_as(&key.0, TaskState::TaskDropped),
            reason: Reason::AgentRestarted,
            source: Source::Agent,
            message: "Agent restarted before the task reached it".into(),
        };
        let status = word.status(&key.1, Some(agent), self.now);
        let container = self.uuid();
        if let Some(agent) = self.agents.get_mut(agent) {
            let running = Running::new(task, container);
            agent.tasks.insert(key.clone(), running);
        }
        self.enqueue(agent, key, status);
    }

    /// Lets tasks go on, and repeats what was not acknowledged.
    pub(super) fn tasks_due(&mut self) {
        while let Some((at, _agent, _key)) = self.wakes.first()
            && *at <= self.now
        {
            let Some((_at, agent, key)) = self.wakes.pop_first() else {
                return;
            };
            // One that is down does nothing; it is looked at when it comes back.
            if self.agents.get(&agent).is_some_and(|agent| agent.up) {
                self.task_due(&agent, &key);
                self.wake(&agent, &key);
            }
        }
    }

    /// Looks at a task again when something is due.
    pub(super) fn wake(&mut self, agent: &str, key: &(String, String)) {
        let due = self.running_mut(agent, key).and_then(|task| {
            [task.next_at, task.resend_at, task.kill_at]
                .into_iter()
                .flatten()
                .min()
        });
        if let Some(at) = due {
            self.wakes.insert((at, agent.to_owned(), key.clone()));
        }
    }

    fn task_due(&mut self, agent: &str, key: &(String, String)) {
        let now = self.now;
        if let Some(task) = self.running_mut(agent, key)
            && task.kill_at.is_some_and(|at| at <= now)
        {
            task.kill_at = None;
            let signal = if task.stubborn {
                "Killed"
            } else {
                "Terminated"
            };
            let end = Step::new(Duration::ZERO, TaskState::TaskKilled)
                .saying(&format!("Command terminated with signal {signal}"));
            self.step(agent, key, &end);
        }
        while let Some(task) = self.running_mut(agent, key)
            && task.next_at.is_some_and(|at| at <= now)
        {
            let step = task.steps.pop_front();
            task.next_at = task.steps.front().map(|step| now + step.after);
            if let Some(step) = step {
                self.step(agent, key, &step);
            }
        }
        if let Some(task) = self.running_mut(agent, key)
            && task.resend_at.is_some_and(|at| at <= now)
        {
            self.send_first(agent, key);
        }
    }

    /// Something happens to a task; nothing happens after its end.
    pub(super) fn step(&mut self, agent: &str, key: &(String, String), step: &Step) {
        let draining = self
            .agents
            .get(agent)
            .and_then(|agent| agent.draining)
            .is_some();
        let Some(task) = self.running_mut(agent, key) else {
            return;
        };
        if is_terminal(task.state) {
            return;
        }
        if is_terminal(step.state) {
            task.steps.clear();
            (task.next_at, task.kill_at) = (None, None);
        }
        let from_agent = matches!(
            step.reason,
            Some(
                Reason::ContainerLaunchFailed
                    | Reason::ContainerLimitationMemory
                    | Reason::ContainerLimitationDisk
                    | Reason::ExecutorTerminated
                    | Reason::ExecutorRegistrationTimeout
                    | Reason::TaskKilledDuringLaunch
            )
        );
        let killing = matches!(step.state, TaskState::TaskKilled | TaskState::TaskKilling);
        let reason = if draining && killing {
            Some(Reason::AgentDraining)
        } else {
            step.reason
        };
        let status = TaskStatus {
            task_id: task.info.task_id.clone(),
            state: step.state.into(),
            message: step.message.clone().map(String::into_bytes),
            agent_id: Some(task.info.agent_id.clone()),
            executor_id: (!from_agent).then(|| ExecutorId {
                // That of a command task is its own id.
                value: task
                    .info
                    .executor
                    .as_ref()
                    .map_or(&task.info.task_id.value, |executor| {
                        &executor.executor_id.value
                    })
                    .clone(),
            }),
            healthy: step.healthy,
            source: Some(
                if from_agent {
                    Source::Agent
                } else {
                    Source::Executor
                }
                .into(),
            ),
            reason: reason.map(Into::into),
            container_status: Some(ContainerStatus {
                container_id: Some(ContainerId {
                    value: task.container.clone(),
                    parent: None,
                }),
                ..ContainerStatus::default()
            }),
            ..TaskStatus::default()
        };
        self.enqueue(agent, key, status);
    }

    /// A process of a task got somewhere.
    pub fn process_is(&mut self, framework: &str, task: &str, step: &Step) {
        let key = (framework.to_owned(), task.to_owned());
        let agent = self
            .agents
            .iter()
            .find(|(_id, agent)| agent.tasks.contains_key(&key))
            .map(|(id, _agent)| id.clone());
        if let Some(agent) = agent {
            self.step(&agent, &key, step);
        }
    }

    /// Ends a task on its agent.
    pub(super) fn kill_on_agent(
        &mut self,
        agent: &str,
        key: &(String, String),
        grace: Option<Duration>,
    ) {
        let can_say_so = self
            .master
            .frameworks
            .get(&key.0)
            .is_some_and(|framework| has(&framework.info, Capability::TaskKillingState));
        let (default, now) = (self.settings.grace, self.now);
        let Some(task) = self.running_mut(agent, key) else {
            return;
        };
        if is_terminal(task.state) {
            return;
        }
        let own = task.info.kill_policy.as_ref();
        let own = own.and_then(|policy| policy.grace_period.as_ref());
        let grace = grace
            .or_else(|| own.map(|grace| nanoseconds(grace.nanoseconds)))
            .unwrap_or(default);
        let (is_process, state) = (task.is_process, task.state);
        if state == TaskState::TaskStaging && !is_process {
            let end = Step::new(Duration::ZERO, TaskState::TaskKilled)
                .because(Reason::TaskKilledDuringLaunch)
                .saying("A kill-task request was received before the task was launched");
            self.step(agent, key, &end);
            return;
        }
        if can_say_so && state != TaskState::TaskKilling {
            let killing = Step::new(Duration::ZERO, TaskState::TaskKilling);
            self.step(agent, key, &killing);
        }
        if is_process {
            self.orders.push(Order::Kill {
                framework: key.0.clone(),
                task: key.1.clone(),
                grace,
            });
        } else if let Some(task) = self.running_mut(agent, key) {
            task.steps.clear();
            task.next_at = None;
            let wait = if task.stubborn { grace } else { Duration::ZERO };
            task.kill_at = Some(now + wait);
            self.task_due(agent, key);
        }
    }

    /// The tasks of a framework end without a word.
    pub(super) fn drop_tasks_of(&mut self, framework: &str) {
        let keys: Vec<(String, String)> = self
            .agents
            .values_mut()
            .flat_map(|agent| {
                let keys: Vec<_> = agent
                    .tasks
                    .keys()
                    .filter(|(owner, _task)| owner == framework)
                    .cloned()
                    .collect();
                agent
                    .tasks
                    .retain(|(owner, _task), _running| owner != framework);
                keys
            })
            .collect();
        for (framework, task) in keys {
            self.orders.push(Order::Kill {
                framework,
                task,
                grace: self.settings.grace,
            });
        }
    }

    pub(super) fn running_mut(
        &mut self,
        agent: &str,
        key: &(String, String),
    ) -> Option<&mut Running> {
        self.agents.get_mut(agent)?.tasks.get_mut(key)
    }

    /// The tasks on all agents: framework, task, agent, state.
    pub fn tasks(&self) -> Vec<(String, String, String, TaskState)> {
        self.agents
            .iter()
            .flat_map(|(id, agent)| {
                agent.tasks.iter().map(move |((framework, task), running)| {
                    (framework.clone(), task.clone(), id.clone(), running.state)
                })
            })
            .collect()
    }
}

impl Running {
    fn new(info: TaskInfo, container: String) -> Self {
        Self {
            info,
            checkpoint: true,
            container,
            steps: VecDeque::new(),
            next_at: None,
            is_process: false,
            stubborn: false,
            state: TaskState::TaskStaging,
            queue: VecDeque::new(),
            resend_at: None,
            resent: 0,
            kill_at: None,
        }
    }
}

// The executor ends what takes too long, without a kill.
fn with_limit(mut steps: VecDeque<Step>, limit: Option<Duration>) -> VecDeque<Step> {
    let Some(limit) = limit else {
        return steps;
    };
    let last = steps.back();
    let rest = last
        .filter(|step| is_terminal(step.state))
        .map(|step| step.after);
    if rest.is_some_and(|after| after <= limit) {
        return steps;
    }
    if rest.is_some() {
        steps.pop_back();
    }
    steps.push_back(
        Step::new(limit, TaskState::TaskFailed)
            .because(Reason::MaxCompletionTimeReached)
            .saying("Command terminated with signal Terminated"),
    );
    steps
}

pub(super) fn nanoseconds(count: i64) -> Duration {
    Duration::from_nanos(u64::try_from(count).unwrap_or_default())
}
