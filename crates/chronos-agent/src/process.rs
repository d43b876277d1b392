//! What the kernel says of processes, and ending what a dead supervisor left behind.

use std::{fs, io, path::Path, time::Duration};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

use crate::{
    claim::{ChildNote, Claimant},
    folder::RunFolder,
};

/// How often the processes are looked through while new ones keep appearing: a process that forks
/// faster than it can be killed is given up and logged.
const KILL_ROUNDS_MAX: usize = 20;

/// What a killed process is given to go before it is looked for again.
const KILL_ROUND: Duration = Duration::from_millis(5);

/// What `/proc/<pid>/stat` says that matters here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ProcessStat {
    pub(crate) state: u8,
    pub(crate) group: i32,
    pub(crate) session: i32,
    /// In clock ticks since the machine started: with the pid it names a process for good.
    pub(crate) start: u64,
}

/// Reads what is known of a process; `None` when there is none.
pub(crate) fn stat(pid: i32) -> Option<ProcessStat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

// The name in the second field may hold anything, also parentheses and spaces.
fn parse_stat(text: &str) -> Option<ProcessStat> {
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    let group = fields.nth(1)?.parse().ok()?;
    let session = fields.next()?.parse().ok()?;
    let start = fields.nth(15)?.parse().ok()?;
    Some(ProcessStat {
        state,
        group,
        session,
        start,
    })
}

/// Sends a signal to a process group; one that is gone is fine.
pub(crate) fn signal_group(leader: i32, signal: Signal) {
    if let Some(leader) = Pid::from_raw(leader).filter(|leader| !leader.is_init())
        && let Err(error) = kill_process_group(leader, signal)
        && error != rustix::io::Errno::SRCH
    {
        tracing::warn!(group = leader.as_raw_nonzero(), %error, "process group cannot be signalled");
    }
}

/// Ends what a dead supervisor left running: the command's group, and whatever else of its session
/// still has the run's environment.
///
/// Pids are used again, so nothing is signalled but what proves to be of this run: the command by
/// its start time, others by session and environment.
pub(crate) fn kill_leftovers(folder: &RunFolder, supervisor: &Claimant, child: Option<&ChildNote>) {
    if let Some(child) = child
        && stat(child.pid).is_some_and(|stat| stat.start == child.start && stat.group == child.pid)
    {
        signal_group(child.pid, Signal::KILL);
    }
    let mark = [
        b"MESOS_SANDBOX=",
        folder.sandbox().as_os_str().as_encoded_bytes(),
    ]
    .concat();
    for _ in 0..KILL_ROUNDS_MAX {
        match kill_session(supervisor, &mark) {
            Ok(0) => return,
            // They die at the kernel's leisure.
            Ok(_) => std::thread::sleep(KILL_ROUND),
            Err(error) => {
                tracing::warn!(%error, "processes cannot be listed");
                return;
            }
        }
    }
    tracing::warn!(folder = %folder.path().display(), "processes of a lost run keep appearing");
}

// Returns how many were alive.
fn kill_session(supervisor: &Claimant, mark: &[u8]) -> io::Result<usize> {
    let mut alive = 0;
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let of_session = |stat: ProcessStat| stat.session == supervisor.pid && stat.state != b'Z';
        if !stat(pid).is_some_and(of_session) {
            continue;
        }
        // First the handle, then the look: what was looked at is what gets signalled.
        let Some(process) = Pid::from_raw(pid) else {
            continue;
        };
        let Ok(process) = pidfd_open(process, PidfdFlags::empty()) else {
            continue;
        };
        if stat(pid).is_some_and(of_session) && has_variable(pid, mark) {
            alive += 1;
            if let Err(error) = pidfd_send_signal(&process, Signal::KILL) {
                tracing::warn!(pid, %error, "process of a lost run cannot be killed");
            }
        }
    }
    Ok(alive)
}

fn has_variable(pid: i32, entry: &[u8]) -> bool {
    fs::read(Path::new("/proc").join(pid.to_string()).join("environ"))
        .is_ok_and(|environ| environ.split(|&byte| byte == 0).any(|found| found == entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let text = "42 (a) R b) S 1 42 41 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2 3";
        let want = ProcessStat {
            state: b'S',
            group: 42,
            session: 41,
            start: 98765,
        };
        assert_eq!(parse_stat(text), Some(want));
        assert_eq!(parse_stat("42 (a"), None);
        let own = stat(i32::try_from(std::process::id()).unwrap()).expect("we run");
        assert_eq!(own.group, rustix::process::getpgrp().as_raw_nonzero().get());
    }
}
