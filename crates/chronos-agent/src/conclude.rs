//! Finds out where a run stands from its folder alone, and settles what nobody else will.

use std::{
    ffi::OsString,
    fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::{
    claim::{Claim, ClaimState, ClaimText, Claimant},
    folder::RunFolder,
    process,
    record::{self, ExitFile, TaskFile},
};

/// How often a run is looked at again when it changes under our eyes: each change is a step in the
/// life of one supervisor, of which there are four.
const LOOKS_MAX: usize = 100;

/// The wait between two looks; with the above, a second.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// Where a run stands.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Its supervisor lives.
    Running {
        supervisor: OwnedFd,
        started_at: Option<i64>,
    },
    Ended(ExitFile),
    /// It did not start, and now it cannot any more; its folder is gone.
    NeverStarted,
}

/// The folders that all of this happens in.
#[derive(Debug)]
pub(crate) struct Yard {
    pub(crate) runs: PathBuf,
    pub(crate) trash: PathBuf,
    /// Which life of the machine this is.
    pub(crate) boot: String,
}

impl Yard {
    /// Finds out where a run stands. A run without supervisor is settled: as lost (or killed, if
    /// that was asked) when it had one, else as never started.
    pub(crate) fn conclude(&self, folder: &RunFolder) -> io::Result<Standing> {
        for _ in 0..LOOKS_MAX {
            if let Some(exit) = record::read_exit(folder) {
                return Ok(Standing::Ended(exit));
            }
            let standing = match Claim::look(folder)? {
                ClaimState::Held(text) => running(folder, &text)?,
                ClaimState::Abandoned(text, _lock) => self.abandoned(folder, &text).map(Some)?,
                ClaimState::Free => self.unclaimed(folder)?,
            };
            if let Some(standing) = standing {
                return Ok(standing);
            }
            thread::sleep(LOOK_PAUSE);
        }
        Err(io::Error::other(
            "the run changes faster than it can be looked at",
        ))
    }

    // The exit record may have come between the look for it and the look for the lock.
    fn abandoned(&self, folder: &RunFolder, text: &ClaimText) -> io::Result<Standing> {
        if let Some(exit) = record::read_exit(folder) {
            return Ok(Standing::Ended(exit));
        }
        let task: io::Result<Option<TaskFile>> = record::read(&folder.task());
        let same_boot = task.is_ok_and(|task| task.is_some_and(|task| task.boot == self.boot));
        let claimant = text.claimant.as_ref();
        // Pids of an earlier life of the machine mean nothing.
        if let Some(claimant) = claimant.filter(|claimant| same_boot && claimant.pid > 0) {
            process::kill_leftovers(folder, claimant, text.child.as_ref());
        }
        let why = if same_boot {
            "the supervisor of the run died"
        } else {
            "the machine restarted while the run was going"
        };
        let never_started = claimant.is_some_and(|claimant| claimant.pid == 0);
        let exit = match (folder.kill().exists(), never_started) {
            (true, _) => ExitFile::killed(why),
            // A daemon that claimed it to clear it away, and died over that.
            (false, true) => return self.discard(folder).map(|()| Standing::NeverStarted),
            (false, false) => ExitFile::lost(why),
        };
        let started_at = text.child.as_ref().map(|child| child.started_at);
        Ok(settle(folder, ExitFile { started_at, ..exit }))
    }

    fn unclaimed(&self, folder: &RunFolder) -> io::Result<Option<Standing>> {
        let Some(_claim) = Claim::take(folder, &Claimant { pid: 0 })? else {
            return Ok(None);
        };
        if folder.kill().exists() {
            let exit = ExitFile::killed("killed before it started");
            return Ok(Some(settle(folder, exit)));
        }
        self.discard(folder)?;
        Ok(Some(Standing::NeverStarted))
    }

    /// Removes a run's folder. It is set aside first: from then on its name is free, and nobody who
    /// knows it by name can get in.
    pub(crate) fn discard(&self, folder: &RunFolder) -> io::Result<()> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut name = OsString::from(format!("{}-{count}-", record::now().millis()));
        name.push(folder.name());
        // Names are short enough for this, see `folder`.
        let aside = self.trash.join(name);
        fs::rename(folder.path(), &aside)?;
        remove_tree(&aside);
        Ok(())
    }

    /// Removes what an earlier life set aside and did not get to remove.
    pub(crate) fn empty_trash(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.trash)? {
            remove_tree(&entry?.path());
        }
        Ok(())
    }
}

// Of no consequence when it fails: it is tried again at the next start.
fn remove_tree(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        tracing::warn!(path = %path.display(), %error, "old run cannot be removed");
    }
}

fn running(folder: &RunFolder, text: &ClaimText) -> io::Result<Option<Standing>> {
    let pid = text
        .claimant
        .as_ref()
        .and_then(|claimant| Pid::from_raw(claimant.pid));
    let Some(pid) = pid else { return Ok(None) };
    let supervisor = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(supervisor) => supervisor,
        Err(rustix::io::Errno::SRCH) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Who holds the lock still is who wrote the pid, so the handle is not of a later process.
    match Claim::look(folder)? {
        ClaimState::Held(text) => {
            let started_at = text.child.map(|child| child.started_at);
            Ok(Some(Standing::Running {
                supervisor,
                started_at,
            }))
        }
        ClaimState::Free | ClaimState::Abandoned(..) => Ok(None),
    }
}

// Not waited for on the disk: the same would be found again.
fn settle(folder: &RunFolder, exit: ExitFile) -> Standing {
    if let Err(error) = record::replace(&folder.exit(), &exit) {
        tracing::warn!(folder = %folder.path().display(), %error, "exit record cannot be written");
    }
    Standing::Ended(exit)
}
