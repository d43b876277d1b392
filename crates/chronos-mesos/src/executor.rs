//! Custom executors: how Hadoop jobs and other long-running launchers were driven from Chronos.

use chronos_core::Task;
use mesos_v1::proto::{CommandInfo, ExecutorId, ExecutorInfo, FrameworkId};

use crate::task::environment;

/// Returns the executor of a task whose job names one.
///
/// Its id is the job's name, as in Chronos: while it lives, later tasks of the job on the same agent go to it.
pub(crate) fn executor_info(
    task: &Task,
    command: CommandInfo,
    framework: &FrameworkId,
) -> ExecutorInfo {
    let spec = &*task.spec;
    ExecutorInfo {
        executor_id: ExecutorId {
            value: spec.name.to_string(),
        },
        command: Some(CommandInfo {
            value: Some(spec.details.executor.clone()),
            shell: Some(true),
            arguments: Vec::new(),
            // An executor outlives the run that brought it about; what is said of one run would be wrong of the next.
            environment: Some(environment(&executor_environment(task))),
            ..command
        }),
        framework_id: Some(framework.clone()),
        name: Some(spec.name.to_string()),
        ..ExecutorInfo::default()
    }
}

// A master takes a second task for an executor only if it is described in the same words as the first.
fn executor_environment(task: &Task) -> Vec<(String, String)> {
    const OF_ONE_RUN: [&str; 6] = [
        "mesos_task_id",
        "MESOS_TASK_ID",
        "CHRONOS_JOB_RUN_TIME",
        "CHRONOS_JOB_RUN_ATTEMPT",
        "CHRONOS_PARENT_RUNS",
        "HOST",
    ];
    let mut all = task.environment("");
    all.retain(|(name, _)| !OF_ONE_RUN.contains(&name.as_str()));
    all
}

/// Returns the bytes that the executor gets with the task: `taskInfoData`, or the flags and the command.
pub(crate) fn task_data(task: &Task) -> Vec<u8> {
    let spec = &*task.spec;
    if !spec.details.task_info_data.is_empty() {
        return spec.details.task_info_data.clone().into_bytes();
    }
    let command = match task.command_line() {
        chronos_core::CommandLine::Shell(text) => text,
        chronos_core::CommandLine::Exec { program, arguments } => {
            let all = std::iter::once(program).chain(arguments);
            all.collect::<Vec<_>>().join(" ")
        }
    };
    format!("{}|{command}", spec.details.executor_flags).into_bytes()
}
