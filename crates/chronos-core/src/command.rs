//! What a task runs: the command line and the environment that Chronos gives.

use chronos_model::JobSpec;

use crate::Task;

/// How the command of a task is started.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CommandLine {
    /// By `/bin/sh -c`.
    Shell(String),
    /// Directly: the program, then its arguments.
    Exec {
        /// The program, looked up in `PATH` when it has no slash.
        program: String,
        /// Its arguments, without the program itself.
        arguments: Vec<String>,
    },
}

impl Task {
    /// Returns the command with its arguments: those of a run-now, else those of the job.
    ///
    /// With a shell they are appended to the text (as Chronos did, its documentation
    /// notwithstanding); without, they are arguments of the program, once.
    pub fn command_line(&self) -> CommandLine {
        let spec = &*self.spec;
        if spec.shell {
            let appended = self
                .arguments
                .clone()
                .unwrap_or_else(|| sanitised(&spec.details.arguments.join(" ")));
            return CommandLine::Shell(if appended.trim().is_empty() {
                spec.command.to_string()
            } else {
                format!("{} {appended}", spec.command)
            });
        }
        let arguments = match &self.arguments {
            Some(given) => given.split_whitespace().map(str::to_owned).collect(),
            None => spec.details.arguments.clone(),
        };
        CommandLine::Exec {
            program: spec.command.to_string(),
            arguments,
        }
    }

    // Commas, because the names of Chronos 2 may hold spaces, and none may hold a comma.
    fn parent_runs_text(&self) -> String {
        let ids: Vec<String> = self.parent_runs.iter().map(ToString::to_string).collect();
        ids.join(",")
    }

    /// Returns the variables of the command; the ones that Chronos gives win over the job's own.
    pub fn environment(&self, hostname: &str) -> Vec<(String, String)> {
        let task_id = self.key.to_string();
        let spec = &*self.spec;
        let given = [
            ("mesos_task_id", task_id.clone()),
            ("MESOS_TASK_ID", task_id),
            ("CHRONOS_JOB_OWNER", spec.details.owner.clone()),
            ("CHRONOS_JOB_NAME", spec.name.to_string()),
            ("HOST", hostname.to_owned()),
            ("CHRONOS_RESOURCE_MEM", java_double(spec.resources.mem)),
            ("CHRONOS_RESOURCE_CPU", java_double(spec.resources.cpus)),
            ("CHRONOS_RESOURCE_DISK", java_double(spec.resources.disk)),
            ("CHRONOS_JOB_RUN_TIME", self.target.millis().to_string()),
            ("CHRONOS_JOB_RUN_ATTEMPT", self.key.attempt.to_string()),
        ];
        let parent_runs = (!self.parent_runs.is_empty())
            .then(|| ("CHRONOS_PARENT_RUNS", self.parent_runs_text()));
        let given: Vec<(&str, String)> = given.into_iter().chain(parent_runs).collect();
        let own =
            own_variables(spec).filter(|(name, _)| given.iter().all(|(taken, _)| taken != name));
        let own: Vec<_> = own
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        own.into_iter()
            .chain(
                given
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value)),
            )
            .collect()
    }
}

fn own_variables(spec: &JobSpec) -> impl Iterator<Item = (&str, &str)> {
    spec.details
        .environment
        .iter()
        .map(|variable| (variable.name.as_str(), variable.value.as_str()))
}

/// Removes the semicolons from arguments that somebody else appends to a shell command.
pub(crate) fn sanitised(arguments: &str) -> String {
    arguments.replace(';', "")
}

// Programs that read these variables were written against Java's `Double.toString`.
fn java_double(scalar: resources::Scalar) -> String {
    format!("{:?}", scalar.as_f64())
}
