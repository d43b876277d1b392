//! The verb `backup`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use chronos_store::backup::{BackupSummary, BackupWriter};
use chronos_zk::ZkReader;
use clap::Args;

use super::Which;
use crate::{
    exit::Failure,
    place::{Place, ZK_TIMEOUT, block_on, now, open_folder, zk_failure},
};

/// Jobs hold passwords in their commands and environment.
const FILE_MODE: u32 = 0o600;

/// Writes a store into one file, also while a daemon uses it.
///
/// The file holds one moment of the store: definitions, progress, runs, calendars, the framework's id. It can be read
/// by its owner only, because jobs hold secrets. It ends with 3 when records could not be read; they are named in the
/// file and missing from it.
#[derive(Args, Debug)]
pub(crate) struct Backup {
    #[command(flatten)]
    which: Which,

    /// The file, which must not exist.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

impl Backup {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let place = self.which.place()?;
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&self.to)
            .map_err(|error| {
                if error.kind() == io::ErrorKind::AlreadyExists {
                    return Failure::Refused(format!("{} is there already", self.to.display()));
                }
                told(&self.to, &error).into()
            })?;
        let summary = match write(&place, file) {
            Ok(summary) => summary,
            Err(failure) => {
                // Half a backup is none.
                fs::remove_file(&self.to)?;
                return Err(failure);
            }
        };
        let mut out = io::stdout().lock();
        writeln!(out, "{place} -> {}: {}", self.to.display(), Counts(summary))?;
        if summary.unreadable > 0 {
            return Err(Failure::Told);
        }
        Ok(())
    }
}

fn write(place: &Place, file: File) -> Result<BackupSummary, Failure> {
    let mut backup = BackupWriter::new(BufWriter::new(file), &place.to_string(), now())?;
    match place {
        Place::Folder(folder) => open_folder(folder)?.back_up(&mut backup)?,
        Place::Zk(address) => block_on(async {
            let reader = ZkReader::open(address, ZK_TIMEOUT).await;
            let reader = reader.map_err(|error| zk_failure(&error))?;
            Ok(reader.back_up(&mut backup).await?)
        })?,
    }
    let (file, summary) = backup.finish()?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(summary)
}

/// Names the file of an error.
pub(super) fn told(file: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", file.display()))
}

/// What a backup holds, for people.
pub(super) struct Counts(pub(super) BackupSummary);

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let summary = &self.0;
        write!(
            f,
            "{} jobs, {} runs that have not ended, {} that have, {} calendars, {} deleted jobs",
            summary.jobs, summary.active_runs, summary.ended_runs, summary.calendars, summary.tombs
        )?;
        if summary.framework_ids > 0 {
            f.write_str(", the framework's id")?;
        }
        if summary.unreadable > 0 {
            write!(f, "; {} records could not be read", summary.unreadable)?;
        }
        Ok(())
    }
}
