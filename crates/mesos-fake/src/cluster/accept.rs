//! Using offers: what is wrong with it is said by updates, never by the answer.

use mesos_v1::proto::{
    OfferId, TaskInfo, TaskState, TaskStatus,
    framework_info::capability::Type as Capability,
    offer::{Operation, operation},
    scheduler::call,
    task_status::{Reason, Source},
};

use super::{Cluster, Known, Link, Offered, frameworks::has, updates::Word};
use crate::resources::Pool;

/// The longest id of a task.
const ID_LEN_MAX: usize = 255;

impl Cluster {
    /// Carries out an `ACCEPT`.
    pub fn accept(&mut self, framework: &str, call: &call::Accept) {
        let tasks: Vec<&TaskInfo> = call.operations.iter().flat_map(tasks_of).collect();
        let (offers, problem) = self.take_offers(framework, &call.offer_ids);
        if let Some(problem) = problem {
            let word = Word {
                state: self.lost_as(framework, TaskState::TaskDropped),
                reason: Reason::InvalidOffers,
                source: Source::Master,
                message: format!("Task launched with invalid offers: {problem}"),
            };
            for task in tasks {
                self.tell_of(framework, task, &word);
            }
            return;
        }
        let Some(first) = offers.first() else {
            return;
        };
        let agent = first.agent.clone();
        let mut left = Pool::default();
        for offer in &offers {
            left.put(&offer.what);
        }
        if let Some(word) = self.agent_is_away(framework, &agent) {
            for task in tasks {
                self.tell_of(framework, task, &word);
            }
            return;
        }
        for operation in &call.operations {
            self.carry_out(framework, &agent, operation, &mut left);
        }
        if !left.is_empty() {
            let seconds = call
                .filters
                .as_ref()
                .map(mesos_v1::proto::Filters::refuse_seconds);
            self.filter(framework, first, left, seconds);
        }
    }

    // One bad offer spoils all; the good ones go back.
    fn take_offers(&mut self, framework: &str, ids: &[OfferId]) -> (Vec<Offered>, Option<String>) {
        let mut offers: Vec<Offered> = Vec::new();
        let mut problem = None;
        let mut seen: Vec<&str> = Vec::new();
        for id in ids {
            let id = id.value.as_str();
            if seen.contains(&id) {
                problem.get_or_insert_with(|| format!("Duplicate offer {id} in offer list"));
                continue;
            }
            seen.push(id);
            let ours = self
                .master
                .offers
                .get(id)
                .is_some_and(|offer| offer.framework == framework);
            match self.master.offers.remove(id).filter(|_offer| ours) {
                Some(offer) => offers.push(offer),
                None => {
                    problem.get_or_insert_with(|| format!("Offer {id} is no longer valid"));
                }
            }
        }
        if let Some(first) = offers.first()
            && let Some(other) = offers.iter().find(|other| other.agent != first.agent)
        {
            let text = format!(
                "Aggregated offers must belong to one single agent. Offer uses agent {} and agent {}",
                first.agent, other.agent
            );
            problem.get_or_insert(text);
        }
        if let Some(first) = offers.first()
            && offers.iter().any(|other| other.role != first.role)
        {
            problem.get_or_insert_with(|| {
                "Aggregated offers must be allocated to the same role".into()
            });
        }
        if ids.is_empty() {
            problem = Some("No offers specified".into());
        }
        (offers, problem)
    }

    fn agent_is_away(&self, framework: &str, agent: &str) -> Option<Word> {
        let (reason, message) = match self.master.agents.get(agent) {
            Some(Link::Registered) => return None,
            Some(Link::Disconnected { .. }) => (Reason::AgentDisconnected, "Agent disconnected"),
            Some(Link::Recovered { .. } | Link::Unreachable { .. } | Link::Gone) | None => {
                (Reason::AgentRemoved, "Agent removed")
            }
        };
        Some(Word {
            state: self.lost_as(framework, TaskState::TaskDropped),
            reason,
            source: Source::Master,
            message: message.into(),
        })
    }

    fn carry_out(&mut self, framework: &str, agent: &str, operation: &Operation, left: &mut Pool) {
        let group = operation.launch_group.as_ref();
        let mut problems: Vec<Option<String>> = Vec::new();
        let tasks = tasks_of(operation);
        let mut in_group = left.clone();
        for task in tasks {
            let pool = if group.is_some() {
                &mut in_group
            } else {
                &mut *left
            };
            let mut problem = self.check_task(framework, agent, task, pool);
            if operation.id.is_some() {
                problem = Some("Operation 'id' must not be set for LAUNCH".into());
            }
            if problem.is_none() && group.is_none() {
                self.launch(framework, agent, task.clone());
            }
            problems.push(problem);
        }
        if group.is_some() {
            let bad = problems.iter().flatten().next().cloned();
            if bad.is_none() {
                *left = in_group;
                for task in tasks {
                    self.launch(framework, agent, task.clone());
                }
            }
            problems = vec![bad; tasks.len()];
        }
        let reason = if group.is_some() {
            Reason::TaskGroupInvalid
        } else {
            Reason::TaskInvalid
        };
        for (task, problem) in tasks.iter().zip(problems) {
            if let Some(message) = problem {
                let word = Word {
                    state: TaskState::TaskError,
                    reason,
                    source: Source::Master,
                    message,
                };
                self.tell_of(framework, task, &word);
            }
        }
    }

    // What is wrong with a task, in the master's words; what it uses is taken when nothing is.
    fn check_task(
        &self,
        framework: &str,
        agent: &str,
        task: &TaskInfo,
        left: &mut Pool,
    ) -> Option<String> {
        let id = &task.task_id.value;
        if let Some(problem) = check_id(id) {
            return Some(problem);
        }
        if self
            .master
            .tasks
            .contains_key(&(framework.to_owned(), id.clone()))
        {
            return Some(format!("Task has duplicate ID: {id}"));
        }
        if task.agent_id.value != agent {
            return Some(format!(
                "Task uses invalid agent {} while agent {agent} is expected",
                task.agent_id.value
            ));
        }
        if task.command.is_some() == task.executor.is_some() {
            return Some(
                "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present".into(),
            );
        }
        if task.resources.is_empty() {
            return Some("Task uses no resources".into());
        }
        let mut wanted = Pool::new(&task.resources);
        if let Some(executor) = &task.executor {
            wanted.put(&Pool::new(&executor.resources));
        }
        if !left.take(&wanted) {
            return Some(
                "Total resources required by task and its executor is more than available".into(),
            );
        }
        None
    }

    fn launch(&mut self, framework: &str, agent: &str, task: TaskInfo) {
        let id = task.task_id.value.clone();
        let latest = TaskStatus {
            task_id: task.task_id.clone(),
            state: TaskState::TaskStaging.into(),
            agent_id: Some(task.agent_id.clone()),
            ..TaskStatus::default()
        };
        self.master.tasks.insert(
            (framework.to_owned(), id),
            Known {
                agent: agent.to_owned(),
                info: task.clone(),
                uses: Pool::new(&task.resources),
                latest,
                ended: false,
            },
        );
        self.start_on_agent(framework, agent, task);
    }

    /// A word of the master about a task that it does not have; nobody acknowledges it.
    fn tell_of(&mut self, framework: &str, task: &TaskInfo, word: &Word) {
        let status = word.status(&task.task_id.value, Some(&task.agent_id.value), self.now);
        self.forward(framework, status);
    }

    /// What a framework is told when a task is lost: `precise`, if it can deal with it.
    pub(super) fn lost_as(&self, framework: &str, precise: TaskState) -> TaskState {
        let aware = self
            .master
            .frameworks
            .get(framework)
            .is_some_and(|framework| has(&framework.info, Capability::PartitionAware));
        if aware { precise } else { TaskState::TaskLost }
    }
}

fn tasks_of(operation: &Operation) -> &[TaskInfo] {
    match operation.r#type() {
        operation::Type::Launch => operation
            .launch
            .as_ref()
            .map_or(&[], |launch| &launch.task_infos),
        operation::Type::LaunchGroup => operation
            .launch_group
            .as_ref()
            .map_or(&[], |group| &group.task_group.tasks),
        // Nothing of the others is kept.
        operation::Type::Unknown
        | operation::Type::Reserve
        | operation::Type::Unreserve
        | operation::Type::Create
        | operation::Type::Destroy
        | operation::Type::GrowVolume
        | operation::Type::ShrinkVolume
        | operation::Type::CreateDisk
        | operation::Type::DestroyDisk => &[],
    }
}

fn check_id(id: &str) -> Option<String> {
    if id.is_empty() {
        return Some("ID must not be empty".into());
    }
    if id.len() > ID_LEN_MAX {
        return Some(format!(
            "ID must not be greater than {ID_LEN_MAX} characters"
        ));
    }
    if id == "." || id == ".." {
        return Some(format!("'{id}' is disallowed"));
    }
    let bad = |c: char| c.is_control() || c == '/' || c == '\\';
    id.contains(bad)
        .then(|| format!("'{id}' contains invalid characters"))
}
