//! The verb `restore`.

use std::{
    fs::File,
    io::{self, BufReader, Write as _},
    path::{Path, PathBuf},
};

use chronos_store::backup::{BackupError, BackupReader, RestoreError, clear, is_empty, restore};
use clap::Args;

use super::{
    Auth,
    backup::{Counts, told},
};
use crate::{
    exit::Failure,
    place::{Place, block_on, now},
};

/// Makes a store out of a backup, or only verifies the backup.
///
/// The backup is read to its end first, so nothing is written of one that is damaged. It may be of another kind of
/// store. No daemon may use the store meanwhile. Revisions begin anew, and terms go on.
#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// The backup.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,

    /// The store: a data folder, or zk://host:port,host:port/path.
    #[arg(long, value_name = "STORE", required_unless_present = "verify")]
    store: Option<Place>,

    #[command(flatten)]
    auth: Auth,

    /// On ZooKeeper: let nobody but the user read what is written, either, as the daemon's `--zk_private` does.
    #[arg(long)]
    zk_private: bool,

    /// Only read the backup to its end and say what is in it.
    #[arg(long)]
    verify: bool,

    /// Remove what is in the store first. Without it, a store with anything in it is refused.
    #[arg(long, conflicts_with = "verify")]
    replace: bool,

    /// Ended runs to take of each job, the newest [default: 1000 for a data folder, 10 for ZooKeeper]
    #[arg(long, value_name = "COUNT")]
    run_history: Option<usize>,
}

impl Restore {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let reader = open(&self.from)?;
        let header = reader.header().clone();
        let summary = reader.verify().map_err(|error| self.refused(&error))?;
        let file = self.from.display();
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "{file} is whole: of {} at {}: {}",
            header.source,
            header.created_at,
            Counts(summary)
        )?;
        let Some(store) = self.store.filter(|_| !self.verify) else {
            return Ok(());
        };
        let place = self.auth.take(store)?;
        let place = place.private(self.zk_private)?;
        let history = self.run_history.unwrap_or_else(|| place.history()).max(1);
        block_on(async {
            let taken = place.take(history).await?;
            if !is_empty(&taken.snapshot) {
                if !self.replace {
                    return Err(Failure::Refused(format!(
                        "{place} is not empty: it holds {} jobs; --replace removes what is there first",
                        taken.snapshot.jobs.len()
                    )));
                }
                let cleared = clear(&*taken.store, taken.term, &taken.snapshot, now()).await;
                cleared.map_err(|error| not_written(&error))?;
            }
            let mut reader = open(&self.from)?;
            let restored = restore(&*taken.store, taken.term, &mut reader, history).await;
            restored.map_err(|error| not_written(&error))?;
            Ok(())
        })?;
        writeln!(out, "{place} has it now")?;
        Ok(())
    }

    fn refused(&self, error: &BackupError) -> Failure {
        refused(&self.from, error)
    }
}

fn open(file: &Path) -> Result<BackupReader<BufReader<File>>, Failure> {
    let opened = File::open(file).map_err(|error| told(file, &error))?;
    BackupReader::new(BufReader::new(opened)).map_err(|error| refused(file, &error))
}

fn refused(file: &Path, error: &BackupError) -> Failure {
    if let BackupError::Io(error) = error {
        return told(file, error).into();
    }
    Failure::Refused(format!("{}: {error}", file.display()))
}

fn not_written(error: &RestoreError) -> Failure {
    io::Error::other(format!("{error}; what was written before stays")).into()
}
