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
    match task.command_line() {
        CommandLine::Shell(text) => {
            command.shell = Some(true);
            command.value = Some(text);
        }
        // Without a command the image's own one is run.
        CommandLine::Exec { program, arguments } if program.is_empty() => {
            command.shell = Some(false);
            command.arguments = arguments;
        }
        CommandLine::Exec { program, arguments } => {
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
