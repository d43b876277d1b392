//! What tasks do: by script, or as real processes.

use std::time::Duration;

use mesos_v1::proto::{TaskState, task_status::Reason};

/// What a task does once its agent has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Behaviour {
    /// These steps, one after the other.
    Steps(Vec<Step>),
    /// The same, and it ends by `SIGKILL` only.
    Stubborn(Vec<Step>),
    /// Its command runs as a process of this machine.
    Process,
}

/// One thing that happens to a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// How long after the one before it.
    pub after: Duration,
    /// Where the task gets to.
    pub state: TaskState,
    /// What is said about it.
    pub message: Option<String>,
    /// Why.
    pub reason: Option<Reason>,
    /// The verdict of a health check.
    pub healthy: Option<bool>,
}

impl Step {
    /// A step without words.
    pub const fn new(after: Duration, state: TaskState) -> Self {
        Self {
            after,
            state,
            message: None,
            reason: None,
            healthy: None,
        }
    }

    /// The same with words.
    #[must_use]
    pub fn saying(mut self, message: &str) -> Self {
        self.message = Some(message.to_owned());
        self
    }

    /// The same with a reason.
    #[must_use]
    pub const fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }
}

impl Behaviour {
    /// Runs for a while and exits with zero.
    pub fn finishes(after: Duration) -> Self {
        Self::exits(after, 0)
    }

    /// Runs for a while and exits so.
    pub fn exits(after: Duration, code: u8) -> Self {
        let state = if code == 0 {
            TaskState::TaskFinished
        } else {
            TaskState::TaskFailed
        };
        let end = Step::new(after, state).saying(&format!("Command exited with status {code}"));
        Self::started(vec![end])
    }

    /// Runs until it is killed.
    pub fn hangs() -> Self {
        Self::started(Vec::new())
    }

    /// Runs until it is killed, and the grace period is over.
    pub fn ignores_sigterm() -> Self {
        match Self::hangs() {
            Self::Steps(steps) | Self::Stubborn(steps) => Self::Stubborn(steps),
            Self::Process => Self::Process,
        }
    }

    /// Nothing is ever heard of it.
    pub const fn is_silent() -> Self {
        Self::Steps(Vec::new())
    }

    /// Its files cannot be fetched.
    pub fn fetch_fails() -> Self {
        let end = Step::new(Duration::ZERO, TaskState::TaskFailed)
            .because(Reason::ContainerLaunchFailed)
            .saying("Failed to launch container: Failed to fetch all URIs for container: exited with status 1");
        Self::Steps(vec![end])
    }

    /// It uses more memory than it may.
    pub fn out_of_memory(after: Duration) -> Self {
        let end = Step::new(after, TaskState::TaskFailed)
            .because(Reason::ContainerLimitationMemory)
            .saying("Memory limit exceeded: Requested: 32MB Maximum Used: 33MB\n");
        Self::started(vec![end])
    }

    fn started(rest: Vec<Step>) -> Self {
        let start = [
            Step::new(Duration::ZERO, TaskState::TaskStarting),
            Step::new(Duration::ZERO, TaskState::TaskRunning),
        ];
        Self::Steps(start.into_iter().chain(rest).collect())
    }
}

/// Behaviours by the name of the task; the first one that fits counts.
#[derive(Clone, Debug, Default)]
pub struct Script {
    rules: Vec<(String, Behaviour)>,
}

impl Script {
    /// Tasks whose name begins so behave so, whatever was said before.
    pub fn set(&mut self, name_start: &str, behaviour: Behaviour) {
        self.rules.insert(0, (name_start.to_owned(), behaviour));
    }

    /// What a task of this name does; without a rule it finishes at once.
    pub fn of(&self, name: &str) -> Behaviour {
        self.rules
            .iter()
            .find(|(start, _behaviour)| name.starts_with(start))
            .map_or_else(
                || Behaviour::finishes(Duration::ZERO),
                |(_start, behaviour)| behaviour.clone(),
            )
    }
}
