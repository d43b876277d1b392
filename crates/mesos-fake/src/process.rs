//! Tasks as processes of this machine, each in a sandbox and a process group of its own.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use mesos_v1::proto::{CommandInfo, TaskInfo, TaskState, task_status::Reason};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::{script::Step, world::Shared};

/// The processes that run, and where their files are.
#[derive(Debug)]
pub(crate) struct Processes {
    work_dir: PathBuf,
    /// By framework and task; and whether somebody asked for the end.
    running: BTreeMap<(String, String), (Pid, bool)>,
}

impl Processes {
    pub(crate) const fn new(work_dir: PathBuf) -> Self {
        Self {
            work_dir,
            running: BTreeMap::new(),
        }
    }

    /// Where the files of an agent are.
    pub(crate) fn agent_dir(&self, agent: &str) -> PathBuf {
        self.work_dir.join("slaves").join(agent)
    }

    /// Makes the sandbox of a run, with `latest` pointing to it.
    pub(crate) fn sandbox(
        &self,
        framework: &str,
        agent: &str,
        executor: &str,
        container: &str,
    ) -> io::Result<PathBuf> {
        let runs = self
            .agent_dir(agent)
            .join("frameworks")
            .join(framework)
            .join("executors")
            .join(executor)
            .join("runs");
        let sandbox = runs.join(container);
        std::fs::create_dir_all(&sandbox)?;
        let latest = runs.join("latest");
        match std::fs::remove_file(&latest) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        std::os::unix::fs::symlink(container, &latest)?;
        Ok(sandbox)
    }

    pub(crate) fn start(
        &mut self,
        shared: &Shared,
        framework: &str,
        agent: &str,
        container: &str,
        task: &TaskInfo,
    ) {
        let key = (framework.to_owned(), task.task_id.value.clone());
        let started = self
            .sandbox(framework, agent, &key.1, container)
            .and_then(|sandbox| spawn(&sandbox, framework, agent, task));
        let pid = started
            .as_ref()
            .ok()
            .and_then(tokio::process::Child::id)
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid {
            self.running.insert(key.clone(), (pid, false));
        }
        let limit = task.max_completion_time.map(|limit| {
            Duration::from_nanos(u64::try_from(limit.nanoseconds).unwrap_or_default())
        });
        // The world is locked here; what comes of it is told from outside.
        tokio::spawn(watch(shared.clone(), key, started, limit));
    }

    pub(crate) fn kill(&mut self, framework: &str, task: &str, grace: Duration) {
        let key = (framework.to_owned(), task.to_owned());
        if let Some((pid, asked)) = self.running.get_mut(&key) {
            *asked = true;
            let pid = *pid;
            signal(pid, Signal::TERM);
            tokio::spawn(async move {
                tokio::time::sleep(grace).await;
                signal(pid, Signal::KILL);
            });
        }
    }

    /// Kills all.
    pub(crate) fn kill_all(&mut self) {
        for (pid, _asked) in std::mem::take(&mut self.running).into_values() {
            signal(pid, Signal::KILL);
        }
    }
}

fn signal(pid: Pid, signal: Signal) {
    if let Err(_gone) = kill_process_group(pid, signal) {
        // One that is gone needs no signal.
    }
}

fn spawn(
    sandbox: &Path,
    framework: &str,
    agent: &str,
    task: &TaskInfo,
) -> io::Result<tokio::process::Child> {
    let info = task.command.clone().unwrap_or_default();
    let mut command = command_of(&info);
    command
        .current_dir(sandbox)
        .stdin(Stdio::null())
        .stdout(File::create(sandbox.join("stdout"))?)
        .stderr(File::create(sandbox.join("stderr"))?)
        .process_group(0)
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("MESOS_SANDBOX", sandbox)
        .env("MESOS_DIRECTORY", sandbox)
        .env("MESOS_EXECUTOR_ID", &task.task_id.value)
        .env("MESOS_FRAMEWORK_ID", framework)
        .env("MESOS_SLAVE_ID", agent);
    for variable in info.environment.iter().flat_map(|all| &all.variables) {
        command.env(&variable.name, variable.value());
    }
    command.spawn()
}

fn command_of(info: &CommandInfo) -> tokio::process::Command {
    if info.shell() {
        let mut command = tokio::process::Command::new("/bin/sh");
        command.arg("-c").arg(info.value());
        return command;
    }
    let mut command = tokio::process::Command::new(info.value());
    // The first argument is the name of the program itself.
    command.args(info.arguments.iter().skip(1));
    command
}

async fn watch(
    shared: Shared,
    key: (String, String),
    started: io::Result<tokio::process::Child>,
    limit: Option<Duration>,
) {
    let tell = |step: &Step| {
        shared.with(|world| world.cluster.process_is(&key.0, &key.1, step));
    };
    let now = |state| Step::new(Duration::ZERO, state);
    tell(&now(TaskState::TaskStarting));
    // A real agent says so before it knows better.
    tell(&now(TaskState::TaskRunning));
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            let text = format!("Command exited with status 1: {error}");
            tell(&now(TaskState::TaskFailed).saying(&text));
            return;
        }
    };
    let pid = child.id();
    let mut late = false;
    let ended = match limit {
        Some(limit) => match tokio::time::timeout(limit, child.wait()).await {
            Ok(ended) => ended,
            Err(_elapsed) => {
                late = true;
                let pid = pid
                    .and_then(|pid| i32::try_from(pid).ok())
                    .and_then(Pid::from_raw);
                if let Some(pid) = pid {
                    signal(pid, Signal::KILL);
                }
                child.wait().await
            }
        },
        None => child.wait().await,
    };
    let asked = shared.with(|world| {
        let known = world.processes.running.remove(&key);
        known.is_some_and(|(_pid, asked)| asked)
    });
    tell(&end_of(ended, asked, late));
}

fn end_of(ended: io::Result<ExitStatus>, asked: bool, late: bool) -> Step {
    let (code, signal) = ended.map_or((None, None), |status| (status.code(), status.signal()));
    let state = match code {
        _ if asked => TaskState::TaskKilled,
        Some(0) => TaskState::TaskFinished,
        Some(_) | None => TaskState::TaskFailed,
    };
    let text = match (code, signal) {
        (Some(code), _) => format!("Command exited with status {code}"),
        (None, Some(9)) => "Command terminated with signal Killed".to_owned(),
        (None, Some(15)) => "Command terminated with signal Terminated".to_owned(),
        (None, signal) => format!(
            "Command terminated with signal {}",
            signal.unwrap_or_default()
        ),
    };
    let step = Step::new(Duration::ZERO, state).saying(&text);
    if late {
        return step.because(Reason::MaxCompletionTimeReached);
    }
    step
}
