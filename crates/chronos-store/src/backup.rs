//! A whole store in one file, and a store out of it.
//!
//! The file is text, so that people and tools can look into it:
//!
//! ```text
//! 5b0d3a91 {"kind":"backup","version":1,"createdAt":"…","source":"…"}
//! 0c4e71f2 {"kind":"job","name":"report","spec":{…},"progress":{…}}
//! …
//! 93aa10be {"kind":"end","records":1}
//! ```
//!
//! Before each line's JSON is the CRC-32 of all JSON up to and with that line. So a line that was
//! changed, lost, added or moved is known at its number, and a file without its last line as one that
//! was cut. The checksum finds accidents; it keeps nobody from changing a file on purpose.
//!
//! The values are those of [`json`](crate::json), with their versions. Revisions are not in it: a
//! restored record has its first one. Lines are written and read one at a time.

mod line;
mod record;
mod restore;

use std::io::{self, BufRead, Write};

use chronos_model::{Snapshot, Timestamp};
use serde_json::{Value, json};
use thiserror::Error;

use self::line::{LineReader, LineWriter};
pub use self::{
    record::BackupRecord,
    restore::{RestoreError, clear, is_empty, restore},
};

/// The version of the format that is written, and the newest that is read.
pub const BACKUP_VERSION: u64 = 1;

/// What a backup holds, by the number of its records.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct BackupSummary {
    /// Jobs, with their progress.
    pub jobs: u64,
    /// Runs that had not ended.
    pub active_runs: u64,
    /// Runs that had.
    pub ended_runs: u64,
    /// Calendars.
    pub calendars: u64,
    /// Deleted jobs that are remembered.
    pub tombs: u64,
    /// The framework's id: one or none.
    pub framework_ids: u64,
    /// Records that could not be read when the backup was made; they are named and not in it.
    pub unreadable: u64,
}

impl BackupSummary {
    fn count(&mut self, record: &BackupRecord) {
        *match record {
            BackupRecord::Job { .. } => &mut self.jobs,
            BackupRecord::ActiveRun(_) => &mut self.active_runs,
            BackupRecord::EndedRun(_) => &mut self.ended_runs,
            BackupRecord::Calendar(_) => &mut self.calendars,
            BackupRecord::Tomb { .. } => &mut self.tombs,
            BackupRecord::FrameworkId(_) => &mut self.framework_ids,
            BackupRecord::Unreadable(_) => &mut self.unreadable,
        } += 1;
    }

    const fn records(&self) -> u64 {
        let Self {
            jobs,
            active_runs,
            ended_runs,
            calendars,
            tombs,
            framework_ids,
            unreadable,
        } = *self;
        jobs + active_runs + ended_runs + calendars + tombs + framework_ids + unreadable
    }
}

/// When a backup was made, and of what.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BackupHeader {
    /// When.
    pub created_at: Timestamp,
    /// Of which store, for people.
    pub source: String,
}

/// Why a backup cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file cannot be read.
    #[error("cannot read the backup")]
    Io(#[from] io::Error),
    /// The file is something else.
    #[error("it is no backup: {problem}")]
    Foreign {
        /// What its first line is not.
        problem: String,
    },
    /// A newer version made it.
    #[error(
        "it has version {found}, and this program knows {BACKUP_VERSION}; use the newer program"
    )]
    Newer {
        /// Its version.
        found: u64,
    },
    /// It is not as it was written.
    #[error("line {line} is damaged: {problem}")]
    Damaged {
        /// The line, counted from one.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// Its end is missing.
    #[error("it ends after line {line} without its last line; it was cut")]
    Cut {
        /// The last line that is there.
        line: u64,
    },
}

/// Writes a backup.
#[derive(Debug)]
pub struct BackupWriter<W> {
    lines: LineWriter<W>,
    summary: BackupSummary,
}

impl<W: Write> BackupWriter<W> {
    /// Begins a backup of a store that people know as `source`.
    ///
    /// # Errors
    ///
    /// What writing brings.
    pub fn new(out: W, source: &str, now: Timestamp) -> io::Result<Self> {
        let mut lines = LineWriter::new(out);
        let header = json!({
            "kind": "backup",
            "version": BACKUP_VERSION,
            "createdAt": now.to_string(),
            "source": source,
        });
        lines.put(&header.to_string())?;
        Ok(Self {
            lines,
            summary: BackupSummary::default(),
        })
    }

    /// Writes one record.
    ///
    /// # Errors
    ///
    /// What writing brings.
    pub fn put(&mut self, record: &BackupRecord) -> io::Result<()> {
        self.summary.count(record);
        self.lines.put(&record.encode())
    }

    /// Writes all that was loaded, with what could not be read.
    ///
    /// # Errors
    ///
    /// What writing brings.
    pub fn put_snapshot(&mut self, snapshot: Snapshot) -> io::Result<()> {
        let Snapshot {
            jobs,
            active_runs,
            calendars,
            tombs,
            framework_id,
            quarantined,
        } = snapshot;
        let unreadable = quarantined.into_iter().map(BackupRecord::Unreadable);
        let framework_id = framework_id.into_iter().map(BackupRecord::FrameworkId);
        let calendars = calendars.into_iter().map(BackupRecord::Calendar);
        let jobs = jobs.into_iter().map(|job| BackupRecord::Job {
            spec: job.spec,
            progress: Box::new(job.progress),
        });
        let tombs = tombs
            .into_iter()
            .map(|(job, tomb)| BackupRecord::Tomb { job, tomb });
        let runs = active_runs
            .into_iter()
            .map(|run| BackupRecord::ActiveRun(Box::new(run)));
        let rest = framework_id.chain(calendars).chain(jobs).chain(tombs);
        for record in unreadable.chain(rest).chain(runs) {
            self.put(&record)?;
        }
        Ok(())
    }

    /// Writes the last line, and returns what the backup was written to.
    ///
    /// # Errors
    ///
    /// What writing brings.
    pub fn finish(mut self) -> io::Result<(W, BackupSummary)> {
        let end = json!({ "kind": "end", "records": self.summary.records() });
        self.lines.put(&end.to_string())?;
        let out = self.lines.finish()?;
        Ok((out, self.summary))
    }
}

/// Reads a backup, one record after the other.
#[derive(Debug)]
pub struct BackupReader<R> {
    lines: LineReader<R>,
    header: BackupHeader,
    summary: BackupSummary,
    ended: bool,
}

impl<R: BufRead> BackupReader<R> {
    /// Begins to read.
    ///
    /// # Errors
    ///
    /// [`BackupError`].
    pub fn new(input: R) -> Result<Self, BackupError> {
        let mut lines = LineReader::new(input);
        let foreign = |problem: &str| BackupError::Foreign {
            problem: problem.to_owned(),
        };
        let first = match lines.next() {
            Ok(first) => first,
            // What fails at once was never a backup, whatever it is.
            Err(BackupError::Damaged { problem, .. }) => return Err(foreign(&problem)),
            Err(error) => return Err(error),
        };
        let first = first.ok_or_else(|| foreign("it is empty"))?;
        if first.get("kind").and_then(Value::as_str) != Some("backup") {
            return Err(foreign("its first line is not that of a backup"));
        }
        match first.get("version").and_then(Value::as_u64) {
            Some(version) if version <= BACKUP_VERSION => {}
            Some(found) => return Err(BackupError::Newer { found }),
            None => return Err(foreign("its first line has no version")),
        }
        let text = |field| first.get(field).and_then(Value::as_str).unwrap_or_default();
        let header = BackupHeader {
            created_at: text("createdAt").parse().unwrap_or_default(),
            source: text("source").to_owned(),
        };
        Ok(Self {
            lines,
            header,
            summary: BackupSummary::default(),
            ended: false,
        })
    }

    /// Returns when it was made, and of what.
    pub const fn header(&self) -> &BackupHeader {
        &self.header
    }

    /// Returns the next record; `None` when the last line was read, and all is as it was written.
    ///
    /// # Errors
    ///
    /// [`BackupError`].
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would go on after an error"
    )]
    pub fn next(&mut self) -> Result<Option<BackupRecord>, BackupError> {
        if self.ended {
            return Ok(None);
        }
        let line = self.lines.next()?;
        let at = self.lines.line();
        let line = line.ok_or(BackupError::Cut { line: at })?;
        let damaged = |problem| BackupError::Damaged { line: at, problem };
        if line.get("kind").and_then(Value::as_str) == Some("end") {
            let records = line.get("records").and_then(Value::as_u64);
            let found = self.summary.records();
            if records != Some(found) {
                return Err(damaged(format!("{found} records come before it")));
            }
            if self.lines.next()?.is_some() {
                return Err(BackupError::Damaged {
                    line: at + 1,
                    problem: "it follows the last one".to_owned(),
                });
            }
            self.ended = true;
            return Ok(None);
        }
        let record = BackupRecord::decode(&line).map_err(damaged)?;
        self.summary.count(&record);
        Ok(Some(record))
    }

    /// Reads to the end, and returns what there is.
    ///
    /// # Errors
    ///
    /// [`BackupError`].
    pub fn verify(mut self) -> Result<BackupSummary, BackupError> {
        while self.next()?.is_some() {}
        Ok(self.summary)
    }

    /// Returns what was read so far.
    pub const fn summary(&self) -> BackupSummary {
        self.summary
    }
}
