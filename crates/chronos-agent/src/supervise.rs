//! The supervisor: a small process that owns one command and outlives the daemon.
//!
//! ```text
//! daemon ──spawn──▶ supervisor: claim ─▶ start ─▶ wait ─▶ exit.json ─▶ exit
//!                     own session         own process group
//! ```
//!
//! It must start fast and do little: no runtime, no log, one thread. Whatever it has to say goes
//! into the exit record.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read as _},
    os::unix::{net::UnixStream, process::ExitStatusExt as _},
    path::PathBuf,
    process::{ExitCode, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open},
};

use crate::{
    claim::{ChildNote, Claim, Claimant},
    folder::RunFolder,
    launch::{self, Started},
    process,
    record::{self, ExitFile, TaskFile},
};

/// Tells the supervisor program to become a command as its user.
pub(crate) const AS_USER: &str = "--as-user";

/// How often the exit record is tried to be written: a full disk may get room again.
const EXIT_WRITES_MAX: u32 = 20;

/// The wait between two of them; with the above, about ten seconds.
const EXIT_WRITE_PAUSE: Duration = Duration::from_millis(500);

/// Supervises one run; the daemon's hidden subcommand.
///
/// `args` are what follows the subcommand: the folder of the run. Call this before anything else in
/// `main`: it is on the path of every start.
///
/// # Examples
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     let mut args = std::env::args_os().skip(1);
///     if args.next().is_some_and(|first| first == "supervise") {
///         return chronos_agent::supervise_main(args);
///     }
///     // The daemon itself.
///     ExitCode::SUCCESS
/// }
/// ```
pub fn supervise_main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let done = match args.as_slice() {
        [flag, folder] if flag == AS_USER => Err(launch::become_user_and_exec(&run_folder(folder))),
        [folder] => supervise(&run_folder(folder)),
        _ => return ExitCode::from(2),
    };
    // Nobody reads what we would say: standard error is closed so as not to hold the daemon's open.
    if done.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run_folder(path: &OsStr) -> RunFolder {
    RunFolder::at(PathBuf::from(path))
}

fn supervise(folder: &RunFolder) -> io::Result<()> {
    // Fails only for who leads a group already, as from an operator's shell; then it is not needed.
    let _already_leading = rustix::process::setsid();
    let (mut term, notify) = UnixStream::pair()?;
    term.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, notify)?;
    let pid = i32::try_from(std::process::id()).map_err(io::Error::other)?;
    let Some(mut claim) = Claim::take(folder, &Claimant { pid })? else {
        return Ok(());
    };
    let exit = run(folder, &mut claim, &mut term);
    write_exit(folder, &exit)
}

fn run(folder: &RunFolder, claim: &mut Claim, term: &mut UnixStream) -> ExitFile {
    // Before the start only: afterwards a request comes as a signal.
    if folder.kill().exists() {
        return ExitFile::killed("killed before it started");
    }
    let task: TaskFile = match record::read(&folder.task()) {
        Ok(Some(task)) => task,
        Ok(None) => return ExitFile::failed("task file is missing"),
        Err(error) => return ExitFile::failed(format!("task file cannot be read: {error}")),
    };
    let mut started = match Started::start(folder, &task) {
        Ok(started) => started,
        Err(problem) => return ExitFile::failed(problem),
    };
    let pid = started.child.id().cast_signed();
    let child = ChildNote {
        pid,
        start: process::stat(pid).map_or(0, |stat| stat.start),
        started_at: task.started_at,
    };
    // A full disk here costs only the clean-up after our own death.
    let _unwritten = claim.note_child(&child);
    let waited = wait(
        folder,
        &mut started,
        term,
        Duration::from_millis(task.grace_ms),
    );
    let ended_at = record::now().millis();
    let started_at = Some(task.started_at);
    match waited {
        Ok((status, killed)) => {
            let problem = started.problem();
            ExitFile {
                exit_code: status.code().filter(|_| problem.is_none()),
                signal: status.signal(),
                killed,
                lost: false,
                started_at,
                ended_at,
                message: problem,
            }
        }
        Err(error) => {
            process::signal_group(pid, Signal::KILL);
            let lost = ExitFile::lost(format!("the command cannot be waited for: {error}"));
            ExitFile { started_at, ..lost }
        }
    }
}

// Waits for the end of the command and of its group; says whether it was asked to end.
fn wait(
    folder: &RunFolder,
    started: &mut Started,
    term: &mut UnixStream,
    grace: Duration,
) -> io::Result<(ExitStatus, bool)> {
    let group = started.child.id().cast_signed();
    let pidfd = pidfd_open(Pid::from_child(&started.child), PidfdFlags::empty())?;
    let mut asked: Option<Instant> = None;
    let mut forced = false;
    loop {
        let left = asked
            .filter(|_| !forced)
            .map(|at| grace.saturating_sub(at.elapsed()));
        let timeout = left
            .map(Timespec::try_from)
            .transpose()
            .map_err(io::Error::other)?;
        let mut events = [
            PollFd::new(&pidfd, PollFlags::IN),
            PollFd::new(&*term, PollFlags::IN),
        ];
        match poll(&mut events, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if events[0].revents().contains(PollFlags::IN) {
            break;
        }
        if drain(term) && asked.is_none() {
            asked = Some(Instant::now());
            // The daemon wrote it before it asked; this is for others who signal us.
            let _unmarked = record::mark(&folder.kill());
            process::signal_group(group, Signal::TERM);
        }
        if asked.is_some_and(|at| at.elapsed() >= grace) && !forced {
            forced = true;
            process::signal_group(group, Signal::KILL);
        }
    }
    // The command is a zombie still, so its group cannot be anybody else's yet.
    process::signal_group(group, Signal::KILL);
    Ok((started.child.wait()?, asked.is_some()))
}

// Whether there was a signal.
fn drain(term: &mut UnixStream) -> bool {
    let mut bytes = [0; 64];
    matches!(term.read(&mut bytes), Ok(1..))
}

fn write_exit(folder: &RunFolder, exit: &ExitFile) -> io::Result<()> {
    let mut written = record::replace_durably(&folder.exit(), exit);
    for _ in 1..EXIT_WRITES_MAX {
        if written.is_ok() {
            break;
        }
        thread::sleep(EXIT_WRITE_PAUSE);
        written = record::replace_durably(&folder.exit(), exit);
    }
    written
}
