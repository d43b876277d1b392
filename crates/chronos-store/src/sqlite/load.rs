//! The picture that a new leader loads.
//!
//! Reading rows takes less time than understanding the JSON in them, and a new leader keeps everybody
//! waiting, so one thread reads and all cores decode.

use std::{
    iter,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, sync_channel},
    },
    thread,
};

use chronos_model::{JobName, JobRecord, Quarantined, Revision, Snapshot};
use rusqlite::{Connection, Row, Rows};

use super::rows;
use crate::json;

pub(super) const SELECT_JOBS: &str = "
    SELECT job.name, job.revision, job.spec, progress.revision, progress.progress
    FROM job LEFT JOIN progress ON progress.job = job.name ORDER BY job.name";
const SELECT_TOMBS: &str = "SELECT job, deleted_ms, due_max_ms FROM tomb ORDER BY job";
const SELECT_FRAMEWORK: &str = "SELECT framework_id FROM framework";
const SELECT_CALENDARS: &str = "SELECT name, calendar FROM calendar ORDER BY name";

/// Jobs that are decoded together: some milliseconds of work, so that handing them over costs nothing.
const BATCH_JOBS: usize = 512;

/// Batches that wait to be decoded: one ahead for each thread, which is at most a few megabytes.
const BATCHES_WAITING_MAX: usize = DECODERS_MAX;

/// Threads that decode; with more of them the one that reads is the slowest.
const DECODERS_MAX: usize = 4;

/// Reads all that a new leader needs; what cannot be read is set aside.
pub(super) fn load(connection: &mut Connection) -> rusqlite::Result<Snapshot> {
    // One transaction: one view, even if an operator writes beside us.
    let view = connection.transaction()?;
    load_view(&view)
}

/// The same within a transaction.
pub(super) fn load_view(view: &Connection) -> rusqlite::Result<Snapshot> {
    let mut snapshot = Snapshot::default();
    load_jobs(view.prepare_cached(SELECT_JOBS)?.query([])?, &mut snapshot)?;
    let unread = &mut snapshot.quarantined;
    let runs = read_all(
        view,
        rows::SELECT_ACTIVE,
        ("run", 3),
        rows::read_run,
        unread,
    )?;
    let tombs = read_all(view, SELECT_TOMBS, ("tomb", 1), rows::read_tomb, unread)?;
    let calendars = ("calendar", 1);
    let calendars = read_all(
        view,
        SELECT_CALENDARS,
        calendars,
        rows::read_calendar,
        unread,
    )?;
    let framework = ("framework", 0);
    let ids = read_all(
        view,
        SELECT_FRAMEWORK,
        framework,
        rows::read_framework_id,
        unread,
    )?;
    snapshot.framework_id = ids.into_iter().next();
    snapshot.active_runs = runs;
    snapshot.tombs = tombs.into_iter().collect();
    snapshot.calendars = calendars.into_iter().map(Arc::new).collect();
    Ok(snapshot)
}

fn read_all<T>(
    view: &Connection,
    sql: &str,
    (table, key_columns): (&str, usize),
    read: impl Fn(&Row<'_>) -> Result<T, String>,
    unread: &mut Vec<Quarantined>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = view.prepare_cached(sql)?;
    let mut found = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        match read(row) {
            Ok(value) => all.push(value),
            Err(problem) => unread.push(quarantined(table, row, key_columns, problem)),
        }
    }
    Ok(all)
}

type Batch = Vec<Result<RawJob, Quarantined>>;
type Decoded = Vec<Result<JobRecord, Quarantined>>;

fn load_jobs(mut found: Rows<'_>, snapshot: &mut Snapshot) -> rusqlite::Result<()> {
    let first = batch(&mut found)?;
    let mut decoded = if first.len() < BATCH_JOBS {
        // Not worth a thread.
        vec![(0, decode(first))]
    } else {
        decode_all(first, &mut found)?
    };
    decoded.sort_unstable_by_key(|&(number, _)| number);
    for job in decoded.into_iter().flat_map(|(_, jobs)| jobs) {
        match job {
            Ok(job) => snapshot.jobs.push(job),
            Err(quarantined) => snapshot.quarantined.push(quarantined),
        }
    }
    Ok(())
}

// Reads here and decodes in other threads. Batches carry their number, because they come back in any
// order.
fn decode_all(first: Batch, found: &mut Rows<'_>) -> rusqlite::Result<Vec<(usize, Decoded)>> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let (sender, receiver) = sync_channel(BATCHES_WAITING_MAX);
    let receiver = &Mutex::new(receiver);
    thread::scope(|scope| {
        let decoders: Vec<_> = iter::repeat_with(|| scope.spawn(|| decode_from(receiver)))
            .take(cores.min(DECODERS_MAX))
            .collect();
        let mut next = first;
        let mut number = 0;
        while !next.is_empty() {
            sender
                .send((number, next))
                .expect("the receiver lives in this function");
            number += 1;
            next = batch(found)?;
        }
        drop(sender);
        let mut all = Vec::new();
        for decoder in decoders {
            all.extend(decoder.join().expect("a decoder has nothing to panic at"));
        }
        Ok(all)
    })
}

fn decode_from(line: &Mutex<Receiver<(usize, Batch)>>) -> Vec<(usize, Decoded)> {
    let next = || line.lock().unwrap_or_else(PoisonError::into_inner).recv();
    let mut all = Vec::new();
    while let Ok((number, batch)) = next() {
        all.push((number, decode(batch)));
    }
    all
}

// A row as it was read, with its JSON not looked into.
struct RawJob {
    name: JobName,
    revision: Revision,
    spec: String,
    progress_revision: Revision,
    progress: Option<String>,
}

fn batch(found: &mut Rows<'_>) -> rusqlite::Result<Batch> {
    let mut batch = Vec::with_capacity(BATCH_JOBS);
    while batch.len() < BATCH_JOBS
        && let Some(row) = found.next()?
    {
        let job = read_job(row).map_err(|problem| quarantined("job", row, 1, problem));
        batch.push(job);
    }
    Ok(batch)
}

fn read_job(row: &Row<'_>) -> Result<RawJob, String> {
    let spec = rows::text(row, 2)?.ok_or("spec is missing")?;
    Ok(RawJob {
        name: rows::name(row, 0)?,
        revision: rows::revision(row, 1)?,
        spec: spec.to_owned(),
        progress_revision: rows::revision(row, 3)?,
        progress: rows::text(row, 4)?.map(str::to_owned),
    })
}

fn decode(batch: Batch) -> Decoded {
    let decode = |raw: &RawJob| {
        let key = format!("job {}", raw.name);
        decode_job(raw).map_err(|problem| Quarantined { key, problem })
    };
    batch
        .into_iter()
        .map(|job| job.and_then(|raw| decode(&raw)))
        .collect()
}

fn decode_job(raw: &RawJob) -> Result<JobRecord, String> {
    let spec = json::decode_spec(&raw.spec).map_err(|problem| format!("spec: {problem}"))?;
    if spec.name != raw.name {
        return Err(format!("spec: its name is {:?}", spec.name.as_str()));
    }
    // With its progress unreadable a job must not run: it would begin from the start.
    let progress = raw.progress.as_deref().map(json::decode_progress);
    let progress = progress.transpose();
    Ok(JobRecord {
        spec: spec.into(),
        spec_revision: raw.revision,
        progress: progress
            .map_err(|problem| format!("progress: {problem}"))?
            .unwrap_or_default(),
        progress_revision: raw.progress_revision,
    })
}

fn quarantined(table: &str, row: &Row<'_>, key_columns: usize, problem: String) -> Quarantined {
    Quarantined {
        key: rows::key(table, row, key_columns),
        problem,
    }
}
