//! From a task file to a process: environment, program and user.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::{
        fs::{OpenOptionsExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{
    LogStream,
    folder::RunFolder,
    record::{self, CommandFile, TaskFile},
    supervise::AS_USER,
    user::Account,
};

/// Where programs are looked for when nobody says where.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The longest message that a failed user switch may leave.
const SWITCH_PROBLEM_LEN_MAX: u64 = 4096;

/// A started command.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) child: Child,
    /// Where a switch of users leaves word when it fails after the process is there.
    switch_problem: Option<File>,
}

impl Started {
    /// Starts the command of a task in its sandbox, in a process group of its own.
    pub(crate) fn start(folder: &RunFolder, task: &TaskFile) -> Result<Self, String> {
        let sandbox = folder.sandbox();
        let account = Account::to_switch_to(&task.user)?;
        let open = |stream| {
            open_log(folder, stream, account.as_ref())
                .map_err(|error| format!("{} cannot be opened: {error}", LogStream::name(stream)))
        };
        let (stdout, stderr) = (open(LogStream::Stdout)?, open(LogStream::Stderr)?);
        // Not `Command::current_dir`: this process has no other use for its folder, and a relative
        // program is then looked for where the command runs.
        env::set_current_dir(&sandbox)
            .map_err(|error| format!("sandbox cannot be entered: {error}"))?;
        let mut switch_problem = None;
        let mut command = if let Some(account) = &account {
            chown(&sandbox, Some(account.uid), Some(account.gid)).map_err(|error| {
                format!("sandbox cannot be given to {:?}: {error}", account.name)
            })?;
            switch_problem = Some(
                record::create_new(&switch_problem_path(folder))
                    .map_err(|error| format!("run folder cannot be written: {error}"))?,
            );
            let mut command = Command::new("/proc/self/exe");
            command
                .args(&task.supervisor_args)
                .arg(AS_USER)
                .arg(folder.path());
            command.env_clear();
            command
        } else {
            build(folder, task, None)?
        };
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
        let child = command
            .spawn()
            .map_err(|error| cannot_start(&command, &error))?;
        Ok(Self {
            child,
            switch_problem,
        })
    }

    /// What went wrong between the switch of users and the command, once the process ended.
    pub(crate) fn problem(&mut self) -> Option<String> {
        let file = self.switch_problem.as_mut()?;
        let mut text = String::new();
        let read = file
            .rewind()
            .and_then(|()| file.take(SWITCH_PROBLEM_LEN_MAX).read_to_string(&mut text));
        match read {
            Ok(0) => None,
            Ok(_) => Some(text),
            Err(error) => Some(format!("the user cannot be switched: {error}")),
        }
    }
}

/// Becomes the task's user, then its command; returns only when that fails.
///
/// A process of its own between supervisor and command, because the standard library drops all
/// groups on a switch, and may not run code of ours between fork and exec.
pub(crate) fn become_user_and_exec(folder: &RunFolder) -> io::Error {
    let problem_file = OpenOptions::new()
        .append(true)
        .open(switch_problem_path(folder));
    let problem = match try_become_and_exec(folder) {
        Ok(never) => match never {},
        Err(problem) => problem,
    };
    match problem_file.and_then(|mut file| file.write_all(problem.as_bytes())) {
        Ok(()) => io::Error::other(problem),
        Err(error) => error,
    }
}

fn try_become_and_exec(folder: &RunFolder) -> Result<std::convert::Infallible, String> {
    let task: TaskFile = record::read(&folder.task())
        .and_then(|task| task.ok_or_else(|| io::ErrorKind::NotFound.into()))
        .map_err(|error| format!("task file cannot be read: {error}"))?;
    let account = Account::to_switch_to(&task.user)?;
    if let Some(account) = &account {
        account.switch()?;
    }
    let mut command = build(folder, &task, account.as_ref())?;
    let error = command.exec();
    Err(cannot_start(&command, &error))
}

fn switch_problem_path(folder: &RunFolder) -> PathBuf {
    folder.path().join("switch-problem")
}

fn cannot_start(command: &Command, error: &io::Error) -> String {
    format!(
        "{} cannot be started: {error}",
        command.get_program().display()
    )
}

fn open_log(folder: &RunFolder, stream: LogStream, account: Option<&Account>) -> io::Result<File> {
    // Appending, so that a command (or an operator) may truncate its log while it runs.
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(folder.log(stream))?;
    if let Some(account) = account {
        std::os::unix::fs::fchown(&file, Some(account.uid), Some(account.gid))?;
    }
    Ok(file)
}

fn build(
    folder: &RunFolder,
    task: &TaskFile,
    account: Option<&Account>,
) -> Result<Command, String> {
    let environment = environment(folder, task, account);
    let mut command = match &task.command {
        CommandFile::Shell(text) => {
            let mut command = Command::new("/bin/sh");
            command.arg("-c").arg(text);
            command
        }
        CommandFile::Exec { program, arguments } => {
            let path = environment
                .get("PATH")
                .cloned()
                .unwrap_or_else(|| DEFAULT_PATH.into());
            let mut command = Command::new(find_program(program, &path)?);
            command.arg0(program).args(arguments);
            command
        }
    };
    command.env_clear().envs(environment);
    Ok(command)
}

fn environment(
    folder: &RunFolder,
    task: &TaskFile,
    account: Option<&Account>,
) -> BTreeMap<String, OsString> {
    let mut all = BTreeMap::from([("PATH".to_owned(), DEFAULT_PATH.into())]);
    let own = |pairs: &[(String, String)]| -> Vec<(String, OsString)> {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.into()))
            .collect()
    };
    all.extend(own(&task.base_env));
    if let Some(account) = account {
        all.extend(
            account
                .environment()
                .map(|(name, value)| (name.to_owned(), value.into())),
        );
    }
    all.extend(own(&task.env));
    for name in ["MESOS_SANDBOX", "MESOS_DIRECTORY"] {
        all.insert(name.to_owned(), folder.sandbox().into());
    }
    all
}

// Looked up here and not by the standard library, which would have to fork for it, and which says
// "not found" also of a working folder.
fn find_program(program: &str, path: &OsString) -> Result<PathBuf, String> {
    if program.is_empty() {
        return Err("there is no command to run".to_owned());
    }
    if program.contains('/') {
        return Ok(PathBuf::from(program));
    }
    env::split_paths(path)
        .map(|folder| folder.join(program))
        .find(|candidate| is_executable(candidate))
        .ok_or_else(|| format!("command not found: {program}"))
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
