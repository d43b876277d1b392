//! What this machine has, and which of its lives this is.

use std::{fs, io, num::NonZero, path::Path, thread};

use chronos_model::Timestamp;
use resources::{Resources, Scalar};
use serde::{Deserialize, Serialize};

use crate::record;

/// Bytes of a megabyte as Mesos counts them.
const MEGABYTE: u64 = 1 << 20;

/// Finds out what this machine has to give: a core per hardware thread, all of its memory, and what
/// is free now on the file system of `work_dir`.
///
/// # Errors
///
/// When `work_dir` is not there, or `/proc/meminfo` cannot be read.
pub fn detect_resources(work_dir: &Path) -> io::Result<Resources> {
    let cpus = thread::available_parallelism().map_or(1, NonZero::get);
    let mem = total_memory(&fs::read_to_string("/proc/meminfo")?)
        .ok_or_else(|| io::Error::other("/proc/meminfo does not tell MemTotal"))?;
    let disk = rustix::fs::statvfs(work_dir)?;
    let disk = disk.f_bavail.saturating_mul(disk.f_frsize);
    Ok(Resources::new(
        Scalar::from_units(i64::try_from(cpus).unwrap_or(i64::MAX)),
        megabytes(mem),
        megabytes(disk),
    ))
}

fn megabytes(bytes: u64) -> Scalar {
    Scalar::from_units(i64::try_from(bytes / MEGABYTE).unwrap_or(i64::MAX))
}

fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Which life of the machine this is, and whether there was one before.
///
/// Starting a run costs no wait for the disk, so a crash of the whole machine may take the traces of
/// runs that had started. That is known here, and such runs are called lost, not "never started".
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Boot {
    pub(crate) id: String,
    /// Runs that were due before this may have been started in an earlier life.
    #[serde(default)]
    pub(crate) doubtful_until: Option<i64>,
}

impl Boot {
    /// Reads which life this is and remembers it in `work_dir`.
    pub(crate) fn note(work_dir: &Path) -> io::Result<Self> {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id")?
            .trim()
            .to_owned();
        Self::note_as(work_dir, id)
    }

    fn note_as(work_dir: &Path, id: String) -> io::Result<Self> {
        let path = work_dir.join("boot.json");
        let before: Option<Self> = match record::read(&path) {
            Ok(found) => found,
            // Torn by the very crash that matters here.
            Err(error) if error.kind() == io::ErrorKind::InvalidData || is_torn(&error) => {
                Some(Self {
                    id: String::new(),
                    doubtful_until: None,
                })
            }
            Err(error) => return Err(error),
        };
        let boot = match before {
            Some(before) if before.id == id => return Ok(before),
            Some(_) => Self {
                id,
                doubtful_until: Some(record::now().millis()),
            },
            None => Self {
                id,
                doubtful_until: None,
            },
        };
        record::replace_durably(&path, &boot)?;
        Ok(boot)
    }

    /// Whether a run of which nothing is known here may have been started in an earlier life.
    pub(crate) fn doubts(&self, due: Timestamp) -> bool {
        self.doubtful_until
            .is_some_and(|until| due.millis() <= until)
    }
}

fn is_torn(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let text = "MemFree:    1 kB\nMemTotal:       16384256 kB\n";
        assert_eq!(total_memory(text), Some(16_384_256 * 1024));
        assert_eq!(total_memory("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn this_machine_has_something_to_give() {
        let home = tempfile::tempdir().unwrap();
        let found = detect_resources(home.path()).unwrap();
        let least = Resources::new(Scalar::from_units(1), Scalar::from_units(1), Scalar::ZERO);
        assert!(found.covers(&least), "{found}");
    }

    #[test]
    fn only_a_second_life_has_doubts_and_keeps_them() {
        let home = tempfile::tempdir().unwrap();
        let note = |id: &str| Boot::note_as(home.path(), id.to_owned()).unwrap();
        let early = Timestamp::from_millis(5);
        let late = record::now().plus_millis(60_000);
        assert!(!note("a").doubts(early));
        assert!(!note("a").doubts(early));
        let second = note("b");
        assert!(second.doubts(early) && !second.doubts(late));
        assert_eq!(note("b"), second);
        fs::write(home.path().join("boot.json"), "{\"i").unwrap();
        assert!(
            note("b").doubts(early),
            "a torn note is that of an earlier life"
        );
    }
}
