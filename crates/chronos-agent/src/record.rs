//! The files that daemon and supervisor leave for each other, and how they are written.
//!
//! A supervisor may be older than the daemon that reads what it wrote, and the other way round, so
//! every field that may be absent has a default and unknown ones are ignored.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use chronos_core::{CommandLine, Launch, TaskState};
use chronos_model::Timestamp;
use resources::{Resources, Scalar};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::folder::RunFolder;

/// Files may hold secrets of the job's environment.
const FILE_MODE: u32 = 0o600;

/// What to run; written by the daemon, read by the supervisor and by later daemons.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct TaskFile {
    pub(crate) key: String,
    /// Which launch of the run it is; `None` when it was written by a version that did not say.
    #[serde(default)]
    pub(crate) launch: Option<LaunchFile>,
    // Thousandths.
    pub(crate) cpus: i64,
    pub(crate) mem: i64,
    pub(crate) disk: i64,
    pub(crate) command: CommandFile,
    /// What the daemon passes on of its own environment.
    pub(crate) base_env: Vec<(String, String)>,
    pub(crate) env: Vec<(String, String)>,
    /// Empty for the daemon's user.
    #[serde(default)]
    pub(crate) user: String,
    pub(crate) grace_ms: u64,
    /// When the agent started it. Written before, so that all who tell of the run, now and after a
    /// restart, tell the same.
    pub(crate) started_at: i64,
    /// Which life of the machine this is for.
    pub(crate) boot: String,
    /// How the supervisor program is told to supervise.
    #[serde(default)]
    pub(crate) supervisor_args: Vec<String>,
}

/// Which launch of a run a task is.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct LaunchFile {
    put_off_to: Option<i64>,
}

impl From<Launch> for LaunchFile {
    fn from(launch: Launch) -> Self {
        Self {
            put_off_to: launch.0.map(Timestamp::millis),
        }
    }
}

impl TaskFile {
    pub(crate) fn launch(&self) -> Option<Launch> {
        let LaunchFile { put_off_to } = self.launch?;
        Some(Launch(put_off_to.map(Timestamp::from_millis)))
    }

    pub(crate) const fn resources(&self) -> Resources {
        Resources::new(
            Scalar::from_thousandths(self.cpus),
            Scalar::from_thousandths(self.mem),
            Scalar::from_thousandths(self.disk),
        )
    }
}

/// How to run it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CommandFile {
    Shell(String),
    Exec {
        program: String,
        arguments: Vec<String>,
    },
}

impl From<CommandLine> for CommandFile {
    fn from(line: CommandLine) -> Self {
        match line {
            CommandLine::Shell(text) => Self::Shell(text),
            CommandLine::Exec { program, arguments } => Self::Exec { program, arguments },
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct ExitFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exit_code: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signal: Option<i32>,
    /// It was asked to end before it did.
    #[serde(default)]
    pub(crate) killed: bool,
    /// Nobody saw how it ended.
    #[serde(default)]
    pub(crate) lost: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) started_at: Option<i64>,
    pub(crate) ended_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

impl ExitFile {
    /// A run that never got to its command.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            ended_at: now().millis(),
            message: Some(message.into()),
            ..Self::default()
        }
    }

    /// A run that was ended before it got to its command.
    pub(crate) fn killed(message: impl Into<String>) -> Self {
        Self {
            killed: true,
            ..Self::failed(message)
        }
    }

    /// A run of which nobody can say how it ended.
    pub(crate) fn lost(message: impl Into<String>) -> Self {
        Self {
            lost: true,
            ..Self::failed(message)
        }
    }

    pub(crate) const fn state(&self) -> TaskState {
        match (self.killed, self.lost, self.exit_code) {
            (true, _, _) => TaskState::Killed,
            (false, true, _) => TaskState::Lost,
            (false, false, Some(0)) => TaskState::Finished,
            (false, false, _) => TaskState::Failed,
        }
    }

    /// What there is to say: the supervisor's words, else the exit status in words.
    pub(crate) fn text(&self) -> Option<String> {
        if self.message.is_some() {
            return self.message.clone();
        }
        match (self.exit_code, self.signal) {
            (Some(0), _) | (None, None) => None,
            (Some(code), _) => Some(format!("exit code {code}")),
            (None, Some(signal)) => Some(match signal_hook::low_level::signal_name(signal) {
                Some(name) => format!("killed by signal {signal} ({name})"),
                None => format!("killed by signal {signal}"),
            }),
        }
    }
}

/// Reads a JSON file; `None` when there is none.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(serde_json::from_slice(&bytes)?))
}

/// Writes a new JSON file in one go; a crash may leave it torn, which the reader sees.
pub(crate) fn write_new(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let bytes = serde_json::to_vec(value)?;
    create_new(path)?.write_all(&bytes)
}

/// Replaces a JSON file so that readers see the old text or the new one, never a part.
pub(crate) fn replace(path: &Path, value: &impl Serialize) -> io::Result<()> {
    replaced(path, value).map(drop)
}

/// Replaces a JSON file like [`replace`], on the disk when this returns.
pub(crate) fn replace_durably(path: &Path, value: &impl Serialize) -> io::Result<()> {
    // After the rename, and the file alone: on Linux' file systems the sync of a new file takes its
    // name along (ext4 and XFS log both in one transaction, ext4 without a journal writes the new
    // entry's folder, btrfs logs the name), and each sync costs milliseconds. A crash before may
    // leave the name without the text, which readers take for torn.
    replaced(path, value)?.sync_all()
}

fn replaced(path: &Path, value: &impl Serialize) -> io::Result<File> {
    let bytes = serde_json::to_vec(value)?;
    let draft = path.with_extension("tmp");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(FILE_MODE)
        .open(&draft)?;
    file.write_all(&bytes)?;
    std::fs::rename(&draft, path)?;
    Ok(file)
}

/// Makes a file of ours that must not be there yet.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
}

/// Makes an empty file, or leaves the one that is there.
pub(crate) fn mark(path: &Path) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)
        .map(drop)
}

/// Reads how a run ended; `None` while it has not. What cannot be read is an end that is lost.
pub(crate) fn read_exit(folder: &RunFolder) -> Option<ExitFile> {
    match read::<ExitFile>(&folder.exit()) {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(folder = %folder.path().display(), %error, "exit record is unreadable");
            Some(ExitFile::lost(format!(
                "the exit record is unreadable: {error}"
            )))
        }
    }
}

/// Reads the wall clock.
pub(crate) fn now() -> Timestamp {
    // Before 1970 there is nothing to run; both fallbacks are the least wrong instant.
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(exit: &ExitFile, state: TaskState, text: Option<&str>) {
        assert_eq!((exit.state(), exit.text().as_deref()), (state, text));
        let json = serde_json::to_string(exit).unwrap();
        assert_eq!(
            &serde_json::from_str::<ExitFile>(&json).unwrap(),
            exit,
            "{json}"
        );
    }

    #[test]
    fn says_how_it_ended() {
        let exit = |exit_code, signal| ExitFile {
            exit_code,
            signal,
            ended_at: 7,
            ..ExitFile::default()
        };
        check(&exit(Some(0), None), TaskState::Finished, None);
        check(&exit(Some(3), None), TaskState::Failed, Some("exit code 3"));
        check(
            &exit(None, Some(9)),
            TaskState::Failed,
            Some("killed by signal 9 (SIGKILL)"),
        );
        check(
            &exit(None, Some(63)),
            TaskState::Failed,
            Some("killed by signal 63"),
        );
        check(
            &ExitFile::failed("no such user"),
            TaskState::Failed,
            Some("no such user"),
        );
        check(&ExitFile::lost("gone"), TaskState::Lost, Some("gone"));
        let killed = ExitFile {
            killed: true,
            ..exit(Some(0), None)
        };
        check(&killed, TaskState::Killed, None);
    }

    #[test]
    fn a_torn_record_is_lost_and_a_missing_one_is_none() {
        let home = tempfile::tempdir().unwrap();
        let folder = RunFolder::at(home.path().to_owned());
        assert_eq!(read_exit(&folder), None);
        std::fs::write(folder.exit(), "{\"exit_co").unwrap();
        assert_eq!(
            read_exit(&folder).map(|exit| exit.state()),
            Some(TaskState::Lost)
        );
    }
}
