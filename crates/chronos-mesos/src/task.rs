//! A run as Mesos has it.

use std::time::Duration;

use chronos_core::{CommandLine, Task};
use chronos_model::Fetch;
use mesos_v1::proto::{
    self, AgentId, CommandInfo, DurationInfo, Environment, FrameworkId, KillPolicy, Label, Labels,
    TaskId, TaskInfo, command_info::Uri, environment::Variable,
};

use crate::{
    container::container_info,
    executor::{executor_info, task_data},
    offers::Taken,
    task_id,
};

/// Where a task goes, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) framework: &'a FrameworkId,
    pub(crate) agent: &'a AgentId,
    pub(crate) hostname: &'a str,
    pub(crate) taken: Taken,
    pub(crate) kill_grace: Duration,
}

/// Returns the task as Mesos has it.
pub(crate) fn task_info(task: &Task, place: Place<'_>) -> TaskInfo {
    let spec = &*task.spec;
    let id = task_id(&task.key, task.launch);
    let mut info = TaskInfo {
        // As Chronos has it, so that people find their tasks.
        name: format!("ChronosTask:{}", spec.name),
        task_id: TaskId { value: id.clone() },
        agent_id: place.agent.clone(),
        resources: place.taken.resources,
        labels: Some(labels(task)),
        kill_policy: Some(KillPolicy {
            grace_period: Some(duration(place.kill_grace)),
        }),
        max_completion_time: (spec.policies.max_completion_time_secs > 0)
            .then(|| duration(Duration::from_secs(spec.policies.max_completion_time_secs))),
        ..TaskInfo::default()
    };
    let ports = &place.taken.ports;
    let container = spec.details.container.as_ref();
    let container = container.map(|container| container_info(container, ports));
    let command = command_info(task, &id, place.hostname, ports);
    if spec.details.executor.is_empty() {
        info.command = Some(command);
        info.container = container;
    } else {
        let mut executor = executor_info(task, command, place.framework);
        executor.container = container;
        info.executor = Some(executor);
        info.data = Some(task_data(task));
    }
    info
}

fn command_info(task: &Task, id: &str, hostname: &str, ports: &[u16]) -> CommandInfo {
    let spec = &*task.spec;
    let mut variables = task.environment(hostname);
    for (name, value) in &mut variables {
        // Of the launch, which has a name of its own when it is not the first.
        if name.eq_ignore_ascii_case("mesos_task_id") {
            id.clone_into(value);
        }
    }
    add_ports(&mut variables, ports);
    let mut command = CommandInfo {
        uris: spec.files().map(uri).collect(),
        environment: Some(environment(&variables)),
        user: (!spec.run_as_user.is_empty()).then(|| spec.run_as_user.to_string()),
        ..CommandInfo::default()
    };
    // What an executor makes of the command is its own affair.
    let is_command = spec.details.executor.is_empty();
    match task.command_line() {
        CommandLine::Shell(text) => {
            command.shell = Some(true);
            command.value = Some(match Address::at_begin_of(&text).filter(|_| is_command) {
                Some(address) => {
                    command.uris.push(address.fetched());
                    address.in_shell()
                }
                None => text,
            });
        }
        // Without a command the image's own one is run.
        CommandLine::Exec { program, arguments } if program.is_empty() => {
            command.shell = Some(false);
            command.arguments = arguments;
        }
        CommandLine::Exec {
            mut program,
            arguments,
        } => {
            if let Some(address) = Address::at_begin_of(&program).filter(|_| is_command) {
                command.uris.push(address.fetched());
                program = format!("./{}", address.name);
            }
            command.shell = Some(false);
            command.value = Some(program.clone());
            // Mesos takes the name of the program as the first of its arguments; Docker's entry point does not.
            let docker = spec.details.container.as_ref();
            let docker = docker.is_some_and(|it| it.kind == chronos_model::ContainerKind::Docker);
            let name = (!docker).then_some(program);
            command.arguments = name.into_iter().chain(arguments).collect();
        }
    }
    command
}

/// A command that is the address of a program, as Chronos takes it: the program is fetched, and run.
struct Address<'a> {
    url: &'a str,
    /// What it is called in the sandbox.
    name: &'a str,
    arguments: &'a str,
}

impl<'a> Address<'a> {
    const SCHEMES: [&'static str; 4] = ["http://", "https://", "ftp://", "ftps://"];

    fn at_begin_of(command: &'a str) -> Option<Self> {
        let command = command.trim_start();
        if !Self::SCHEMES.iter().any(|it| command.starts_with(it)) {
            return None;
        }
        let end = command.find(char::is_whitespace).unwrap_or(command.len());
        let (url, arguments) = command.split_at(end);
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let (_, name) = path.rsplit_once('/').unwrap_or_default();
        // An address without a file in it, or with one that is none.
        let is_one = !matches!(name, "" | "." | "..") && path.matches('/').count() > 2;
        Some(Self {
            url,
            name: if is_one { name } else { "command" },
            arguments,
        })
    }

    fn fetched(&self) -> Uri {
        Uri {
            value: self.url.to_owned(),
            executable: Some(true),
            extract: Some(false),
            cache: Some(false),
            output_file: Some(self.name.to_owned()),
        }
    }

    // In a container the working directory may be another one than the sandbox.
    fn in_shell(&self) -> String {
        let name = self.name.replace('\'', r"'\''");
        format!("\"${{MESOS_SANDBOX:-.}}\"/'{name}'{}", self.arguments)
    }
}

// The ports of the agent that it was given, by the names that Marathon made known. What the job says itself stands.
fn add_ports(variables: &mut Vec<(String, String)>, ports: &[u16]) {
    for (number, port) in ports.iter().enumerate() {
        let name = format!("PORT{number}");
        if variables.iter().all(|(known, _)| *known != name) {
            variables.push((name, port.to_string()));
        }
    }
}

/// Returns variables as Mesos has them.
pub(crate) fn environment(variables: &[(String, String)]) -> Environment {
    let variable = |(name, value): &(String, String)| Variable {
        name: name.clone(),
        value: Some(value.clone()),
        ..Variable::default()
    };
    Environment {
        variables: variables.iter().map(variable).collect(),
    }
}

fn uri(file: Fetch) -> Uri {
    Uri {
        value: file.uri,
        executable: Some(file.executable),
        extract: Some(file.extract),
        cache: Some(file.cache),
        output_file: (!file.output_file.is_empty()).then_some(file.output_file),
    }
}

// What a person who looks at the cluster wants to know of a task. Never what is in the environment.
fn labels(task: &Task) -> Labels {
    let spec = &*task.spec;
    let label = |key: &str, value: &str| Label {
        key: key.to_owned(),
        value: Some(value.as_bytes().to_vec()),
    };
    let owner =
        (!spec.details.owner.is_empty()).then(|| label("chronos.owner", &spec.details.owner));
    let labels = [
        label("chronos.job", spec.name.as_str()),
        label("chronos.target", &task.target.to_string()),
    ];
    Labels {
        labels: labels.into_iter().chain(owner).collect(),
    }
}

pub(crate) fn duration(duration: Duration) -> DurationInfo {
    DurationInfo {
        nanoseconds: i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX),
    }
}

/// Returns a launch of these tasks as an operation on offers.
pub(crate) fn launch(tasks: Vec<TaskInfo>) -> proto::offer::Operation {
    use proto::offer::operation::{Launch, Type};
    proto::offer::Operation {
        r#type: Some(Type::Launch.into()),
        launch: Some(Launch { task_infos: tasks }),
        ..proto::offer::Operation::default()
    }
}
