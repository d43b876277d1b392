//! Looking at a database that may belong to a running daemon: backup and check.

use std::{
    io,
    path::{Path, PathBuf},
};

use chronos_model::{Quarantined, Snapshot};
use rusqlite::Connection;

use super::{OpenError, folder::DATABASE, load, rows, schema};
use crate::{
    backup::{BackupRecord, BackupWriter},
    check::{Finding, examine},
};

/// Reads the database in a folder, also while a daemon has it.
///
/// It never writes, takes no lock, and sees one moment of the database in each call, whatever is
/// written meanwhile.
#[derive(Debug)]
pub struct SqliteReader {
    connection: Connection,
    file: PathBuf,
}

impl SqliteReader {
    /// Opens the database in a folder.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; there must be a database, and in the format of this version.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let file = folder.join(DATABASE);
        let connection = schema::open_alone(&file)?;
        Ok(Self { connection, file })
    }

    /// Returns what a leader would load.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn load(&mut self) -> io::Result<Snapshot> {
        load::load(&mut self.connection).map_err(|error| failed(&self.file, &error))
    }

    /// Writes all records into a backup. What is held in memory are the jobs, not the ended runs.
    ///
    /// # Errors
    ///
    /// When the database cannot be read, or the backup not be written.
    pub fn back_up<W: io::Write>(&mut self, backup: &mut BackupWriter<W>) -> io::Result<()> {
        let file = &self.file;
        let failed = |error: rusqlite::Error| failed(file, &error);
        let view = self.connection.transaction().map_err(failed)?;
        let snapshot = load::load_view(&view).map_err(failed)?;
        backup.put_snapshot(snapshot)?;
        each_ended(&view, |record| backup.put(&record)).map_err(failed)?
    }

    /// Looks at everything, and returns what is wrong.
    ///
    /// # Errors
    ///
    /// When the database cannot be read at all.
    pub fn check(&mut self) -> io::Result<Vec<Finding>> {
        let file = &self.file;
        let failed = |error: rusqlite::Error| failed(file, &error);
        let view = self.connection.transaction().map_err(failed)?;
        let mut found = Vec::new();
        // The pages and indexes, before the records in them.
        let mut pages = view.prepare("PRAGMA integrity_check").map_err(failed)?;
        let lines = pages.query_map([], |row| row.get::<_, String>(0));
        for line in lines.map_err(failed)? {
            let line = line.map_err(failed)?;
            if line != "ok" {
                found.push(Finding::damage("database", line));
            }
        }
        drop(pages);
        let snapshot = load::load_view(&view).map_err(failed)?;
        found.extend(examine(&snapshot));
        found.extend(dangling(&view).map_err(failed)?);
        let each = each_ended(&view, |record| {
            if let BackupRecord::Unreadable(Quarantined { key, problem }) = record {
                found.push(Finding::damage(key, problem));
            }
            Ok(())
        });
        each.map_err(failed)??;
        found.sort();
        Ok(found)
    }
}

fn failed(file: &Path, error: &rusqlite::Error) -> io::Error {
    io::Error::other(format!("cannot read {}: {error}", file.display()))
}

// The outer error is the database's, the inner that of whoever takes the runs.
fn each_ended(
    view: &Connection,
    mut take: impl FnMut(BackupRecord) -> io::Result<()>,
) -> rusqlite::Result<io::Result<()>> {
    let mut statement = view.prepare(rows::SELECT_ALL_ENDED)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let record = match rows::read_run(row) {
            Ok(run) => BackupRecord::EndedRun(Box::new(run)),
            Err(problem) => BackupRecord::Unreadable(Quarantined {
                key: rows::key("run", row, 3),
                problem,
            }),
        };
        if let Err(error) = take(record) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

// Progress without its job.
fn dangling(view: &Connection) -> rusqlite::Result<Vec<Finding>> {
    let sql = "SELECT job FROM progress WHERE job NOT IN (SELECT name FROM job) ORDER BY job";
    let mut statement = view.prepare(sql)?;
    let found = statement.query_map([], |row| {
        let key = rows::key("progress", row, 1);
        Ok(Finding::strange(key, "there is no such job"))
    })?;
    found.collect()
}
