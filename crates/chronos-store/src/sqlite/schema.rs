//! The tables of the embedded store, and how older ones become these.
//!
//! `sqlite3 -readonly chronos.sqlite3` is an operator's tool, so runs have real columns with plain
//! words and numbers; definitions and progress are JSON.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

use super::OpenError;

/// "Chrn": what `file` and others know our databases by.
pub(super) const APPLICATION_ID: i32 = 0x4368_726e;

/// What makes each format out of the one before; the first makes it out of nothing.
///
/// A step that was published is never changed; formats are numbered from one.
const MIGRATIONS: [&str; 3] = [FORMAT_1, FORMAT_2, FORMAT_3];

pub(super) const FORMAT_1: &str = "
    CREATE TABLE meta (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        epoch INTEGER NOT NULL,     -- the number of the newest term
        settled INTEGER NOT NULL    -- counts repairs of a commit with an unknown outcome
    ) STRICT;
    INSERT INTO meta (id, epoch, settled) VALUES (1, 0, 0);

    -- What the user wrote.
    CREATE TABLE job (
        name TEXT PRIMARY KEY NOT NULL,
        revision INTEGER NOT NULL,
        spec TEXT NOT NULL          -- JSON
    ) STRICT;

    -- How far the job has come.
    CREATE TABLE progress (
        job TEXT PRIMARY KEY NOT NULL,
        revision INTEGER NOT NULL,
        progress TEXT NOT NULL      -- JSON
    ) STRICT, WITHOUT ROWID;

    -- What is left of a deleted job.
    CREATE TABLE tomb (
        job TEXT PRIMARY KEY NOT NULL,
        deleted_ms INTEGER NOT NULL,
        due_max_ms INTEGER
    ) STRICT, WITHOUT ROWID;

    -- Times are milliseconds since 1970-01-01T00:00:00Z.
    CREATE TABLE run (
        job TEXT NOT NULL,
        due_ms INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        target_ms INTEGER NOT NULL,
        cause TEXT NOT NULL,        -- schedule, parents, manual
        arguments TEXT,
        state TEXT NOT NULL,        -- queued, starting, running, ended
        not_before_ms INTEGER,
        outcome TEXT,               -- succeeded, failed, killed, skipped, missed, superseded
        reason TEXT,
        exit_code INTEGER,
        agent TEXT,
        created_ms INTEGER NOT NULL,
        started_ms INTEGER,
        ended_ms INTEGER,
        kill_requested INTEGER NOT NULL,
        covers_first_ms INTEGER,    -- earlier targets that this record also stands for
        covers_count INTEGER,
        PRIMARY KEY (job, due_ms, attempt)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX run_active ON run (job, due_ms, attempt) WHERE state <> 'ended';

    -- For people: the runs with times they can read.
    CREATE VIEW run_utc AS SELECT
        job,
        strftime('%Y-%m-%dT%H:%M:%fZ', target_ms / 1000.0, 'unixepoch') AS target,
        attempt, cause, state, outcome, reason, exit_code, agent,
        strftime('%Y-%m-%dT%H:%M:%fZ', started_ms / 1000.0, 'unixepoch') AS started,
        strftime('%Y-%m-%dT%H:%M:%fZ', ended_ms / 1000.0, 'unixepoch') AS ended
        FROM run;
";

// The words of `cause` are more by now than FORMAT_1 says: also catchUp, backfill,
// backfillWithChildren.
const FORMAT_2: &str = "
    -- JSON: which completions of parents brought the run about.
    ALTER TABLE run ADD COLUMN parents TEXT;

    -- Times that schedules leave out.
    CREATE TABLE calendar (
        name TEXT PRIMARY KEY NOT NULL,
        calendar TEXT NOT NULL      -- JSON
    ) STRICT, WITHOUT ROWID;
";

const FORMAT_3: &str = "
    -- The name that a Mesos master gave to this framework: one row, or none before the first time.
    CREATE TABLE framework (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        framework_id TEXT NOT NULL
    ) STRICT;
";

/// How long a statement waits for an operator who writes with a tool of his own.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements kept ready on each connection: all that we have, twice over.
const STATEMENTS_MAX: usize = 64;

// * FULL: one fsync a commit, without which a power failure takes acknowledged commits.
// * fullfsync: what that takes on macOS; nothing elsewhere.
// * No mmap: an I/O error there is a signal that ends the process.
// * The log is copied into the database each 4,000 pages (16 MiB), a few times a minute at 1,000
//   runs a second, and is cut to 64 MiB when something made it longer.
// * 8 MiB of cache hold the inner pages of a million runs.
const WRITER_PRAGMAS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA mmap_size = 0;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -8192;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
";

const READER_PRAGMAS: &str = "
    PRAGMA query_only = ON;
    PRAGMA mmap_size = 0;
    PRAGMA trusted_schema = OFF;
";

/// Opens the one connection that writes; makes or migrates the tables.
pub(super) fn open_writer(file: &Path) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Database {
        file: file.to_owned(),
        problem: error.to_string(),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    prepare(&connection).map_err(failed)?;
    // Nothing may change before it is known to be ours and of a format that we know.
    let found = format(&connection, file)?;
    // Answers with the mode that it has now, which is another where the disk cannot do it.
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(failed)?;
    if mode != "wal" {
        return Err(OpenError::Database {
            file: file.to_owned(),
            problem: format!("the file system does not allow a write-ahead log (mode is {mode})"),
        });
    }
    connection.execute_batch(WRITER_PRAGMAS).map_err(failed)?;
    migrate(&mut connection, found).map_err(failed)?;
    Ok(connection)
}

/// Opens a connection that only reads; the writer must be open.
pub(super) fn open_reader(file: &Path) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Database {
        file: file.to_owned(),
        problem: error.to_string(),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    prepare(&connection).map_err(failed)?;
    connection.execute_batch(READER_PRAGMAS).map_err(failed)?;
    Ok(connection)
}

/// Opens a connection that only reads, whoever else has the database open or not.
pub(super) fn open_alone(file: &Path) -> Result<Connection, OpenError> {
    let connection = open_reader(file)?;
    let (found, known) = (format(&connection, file)?, MIGRATIONS.len());
    if found < known {
        return Err(OpenError::OlderFormat {
            file: file.to_owned(),
            found,
            known,
        });
    }
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.busy_timeout(BUSY_TIMEOUT)
}

// Returns how many migrations the database has had.
fn format(connection: &Connection, file: &Path) -> Result<usize, OpenError> {
    let read = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i32>(0));
    let failed = |error: rusqlite::Error| OpenError::Database {
        file: file.to_owned(),
        problem: error.to_string(),
    };
    let application = read("PRAGMA application_id").map_err(failed)?;
    let found = read("PRAGMA user_version").map_err(failed)?;
    let tables = read("SELECT count(*) FROM sqlite_schema").map_err(failed)?;
    let new = application == 0 && found == 0 && tables == 0;
    if !new && application != APPLICATION_ID {
        return Err(OpenError::Foreign {
            file: file.to_owned(),
        });
    }
    match usize::try_from(found) {
        Ok(found) if found <= MIGRATIONS.len() => Ok(found),
        _ => Err(OpenError::NewerFormat {
            file: file.to_owned(),
            found,
            known: MIGRATIONS.len(),
        }),
    }
}

// Each step is one transaction with its number, so that a crash leaves a format that is whole.
fn migrate(connection: &mut Connection, found: usize) -> rusqlite::Result<()> {
    for (number, sql) in (1_i32..).zip(MIGRATIONS).skip(found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn brings_a_library_without_the_log_race() {
        // Up to 3.51.2 two connections that reset the log at once could damage the database.
        assert!(
            rusqlite::version_number() >= 3_051_003,
            "{}",
            rusqlite::version()
        );
    }
}
