//! How large what is stored may be, and how much history is kept.
//!
//! The numbers are those of the strictest store, `ZooKeeper`, so that moving from one store to
//! another never fails on a job that was accepted before.

use chronos_model::{Run, Write};

use crate::{CommitError, RecordKey, json};

/// The most bytes of one stored value.
///
/// `ZooKeeper` drops the connection of whoever sends a packet over 1 MiB, and everybody's requests on
/// it; half of that leaves room for the packet and for a second value beside it.
pub const VALUE_BYTES_MAX: usize = 512 * 1024;

/// The most bytes of one commit: values, and [`WRITE_OVERHEAD_BYTES`] for each write.
///
/// One packet of `ZooKeeper` (1,048,575 bytes) less an eighth for the check of the term and for what
/// the protocol adds.
pub const COMMIT_BYTES_MAX: usize = 900 * 1024;

/// What each write counts besides its value: two job names of 200 bytes in its path and id, and the
/// header of an operation. So a commit has at most 2,048 writes.
pub const WRITE_OVERHEAD_BYTES: usize = 450;

/// The most ended runs that one query returns.
///
/// A page of 1,000 runs takes about a millisecond and half a megabyte, which nobody else notices.
pub const RUNS_PER_QUERY_MAX: usize = 1000;

/// How many ended runs are kept of each job unless told otherwise.
pub const HISTORY_DEFAULT: usize = 1000;

// What a run takes besides its texts: sixteen fields of up to 20 digits with their names.
const RUN_FIXED_BYTES: usize = 600;

// The progress of a job that no other job depends on: ten fields of up to 20 digits with their names.
const PROGRESS_FIXED_BYTES: usize = 500;

// Two instants with their names.
const TOMB_BYTES: usize = 100;

/// Returns how many ended runs more than `history` a job may have before it is pruned.
///
/// An eighth: then each run that ends pays for walking nine old ones, whatever the history.
pub const fn history_slack(history: usize) -> usize {
    history / 8
}

/// A write with its values as they are stored.
#[derive(Debug)]
pub(crate) enum Encoded {
    /// The JSON of a definition, of progress, of a calendar, or of the parents of a run.
    Json(String),
    /// The rest of a run goes into columns; the others have no value.
    Nothing,
}

/// Encodes the values of a commit and refuses what is too large.
pub(crate) fn encode(writes: &[Write]) -> Result<Vec<Encoded>, CommitError> {
    let mut lens = Vec::with_capacity(writes.len());
    let mut all = Vec::with_capacity(writes.len());
    for write in writes {
        let (json, rest) = match write {
            Write::PutSpec { spec, .. } => (Some(json::encode_spec(spec)), 0),
            Write::PutProgress { progress, .. } => (Some(json::encode_progress(progress)), 0),
            Write::PutRun(run) => {
                let parents = run.parents.as_deref().map(json::encode_generation);
                (parents, run_len(run))
            }
            Write::PutCalendar(calendar) => (Some(json::encode_calendar(calendar)), 0),
            Write::PutFrameworkId(id) => {
                let len = id.as_ref().map_or(0, |id| id.as_str().len());
                (None, len)
            }
            Write::DeleteJob { .. } | Write::Forget { .. } | Write::DeleteCalendar(_) => (None, 0),
        };
        lens.push(rest + json.as_ref().map_or(0, String::len));
        all.push(json.map_or(Encoded::Nothing, Encoded::Json));
    }
    check_sizes(writes.iter().zip(lens))?;
    Ok(all)
}

/// Returns how many bytes of [`COMMIT_BYTES_MAX`] a write takes in any of the stores, at most.
///
/// Whoever puts writes together into commits counts them by this; most are counted without being encoded.
///
/// # Examples
///
/// ```
/// use chronos_model::{JobName, Write};
/// use chronos_store::{WRITE_OVERHEAD_BYTES, write_len};
///
/// let job: JobName = "report".parse()?;
/// assert_eq!(write_len(&Write::Forget { job }), WRITE_OVERHEAD_BYTES);
/// # Ok::<(), chronos_model::JobNameError>(())
/// ```
pub fn write_len(write: &Write) -> usize {
    let value = match write {
        Write::PutSpec { spec, .. } => json::encode_spec(spec).len(),
        Write::PutProgress { progress, .. } if progress.links.is_untouched() => {
            PROGRESS_FIXED_BYTES
        }
        Write::PutProgress { progress, .. } => json::encode_progress(progress).len(),
        Write::PutRun(run) if run.parents.is_none() => run_len(run) + escapes(run),
        Write::PutRun(run) => run_len(run) + json::encode_run(run).len(),
        Write::PutCalendar(calendar) => json::encode_calendar(calendar).len(),
        Write::PutFrameworkId(Some(id)) => json::encode_framework_id(id).len(),
        Write::DeleteJob { .. } => TOMB_BYTES,
        Write::PutFrameworkId(None) | Write::Forget { .. } | Write::DeleteCalendar(_) => 0,
    };
    value + WRITE_OVERHEAD_BYTES
}

// What the texts of a run take more in JSON.
fn escapes(run: &Run) -> usize {
    let more = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 1,
        0..0x20 | 0x7f => 5,
        _ => 0,
    };
    texts(run).flat_map(str::bytes).map(more).sum()
}

/// Refuses a commit of which a value, or the whole, is too large; each write comes with the length of
/// its value as it is stored.
///
/// # Errors
///
/// [`CommitError::TooLarge`].
pub fn check_sizes<'a>(
    writes: impl IntoIterator<Item = (&'a Write, usize)>,
) -> Result<(), CommitError> {
    let mut total = 0_usize;
    for (write, len) in writes {
        if len > VALUE_BYTES_MAX {
            let key = key(write);
            return Err(too_large(key, len, VALUE_BYTES_MAX));
        }
        total = total
            .saturating_add(len)
            .saturating_add(WRITE_OVERHEAD_BYTES);
    }
    if total > COMMIT_BYTES_MAX {
        return Err(too_large(None, total, COMMIT_BYTES_MAX));
    }
    Ok(())
}

const fn too_large(key: Option<RecordKey>, len: usize, max: usize) -> CommitError {
    CommitError::TooLarge { key, len, max }
}

// The record of a write with a value.
fn key(write: &Write) -> Option<RecordKey> {
    match write {
        Write::PutSpec { spec, .. } => Some(RecordKey::Spec(spec.name.clone())),
        Write::PutProgress { job, .. } => Some(RecordKey::Progress(job.clone())),
        Write::PutRun(run) => Some(RecordKey::Run(run.key.clone())),
        Write::PutCalendar(calendar) => Some(RecordKey::Calendar(calendar.name().clone())),
        // The last can never be too large.
        Write::DeleteJob { .. }
        | Write::Forget { .. }
        | Write::DeleteCalendar(_)
        | Write::PutFrameworkId(_) => None,
    }
}

// All but its parents.
fn run_len(run: &Run) -> usize {
    let texts: usize = texts(run).map(str::len).sum();
    RUN_FIXED_BYTES + run.key.job.as_str().len() + texts
}

fn texts(run: &Run) -> impl Iterator<Item = &str> {
    let texts = [
        run.arguments.as_deref(),
        run.reason.as_deref(),
        run.agent.as_deref(),
    ];
    texts.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chronos_model::{
        Covered, Generation, JobName, JobProgress, Lineage, NextTarget, Outcome, RunCause, RunKey,
        RunState, Timestamp,
    };

    use super::*;

    fn run(name: &JobName, text: &str) -> Run {
        let far = Timestamp::from_millis(-62_135_596_800_000);
        Run {
            key: RunKey {
                job: name.clone(),
                due: far,
                attempt: u32::MAX,
            },
            target: Timestamp::from_millis(1),
            cause: RunCause::BackfillWithChildren,
            arguments: Some(text.to_owned()),
            state: RunState::Starting,
            not_before: Some(far),
            outcome: Some(Outcome::Superseded),
            reason: Some(text.to_owned()),
            exit_code: Some(i32::MIN),
            agent: Some(text.into()),
            created_at: far,
            started_at: Some(far),
            ended_at: Some(far),
            kill_requested: true,
            parents: None,
            covers: Some(Covered {
                first: far,
                count: u64::MAX,
            }),
        }
    }

    // What counts in the store with columns, and in those that write JSON.
    fn counted(write: &Write) -> usize {
        let (json, columns) = if let Write::PutRun(run) = write {
            let parents = run.parents.as_deref().map(json::encode_generation);
            let columns = run_len(run) + parents.map_or(0, |parents| parents.len());
            (json::encode_run(run), columns)
        } else if let Write::PutProgress { progress, .. } = write {
            (json::encode_progress(progress), 0)
        } else {
            panic!("not tried: {write:?}")
        };
        json.len().max(columns) + WRITE_OVERHEAD_BYTES
    }

    #[test]
    fn no_store_counts_more() {
        let name: JobName = "n".repeat(200).parse().unwrap();
        let hostile = "\u{0}\u{1f}\u{7f}\"\\\n\u{2028}\u{1f600}".repeat(300);
        for text in ["", "plain", hostile.as_str()] {
            let plain = run(&name, text);
            let mut with_parents = plain.clone();
            with_parents.parents = Some(Box::new(Generation {
                runs: vec![plain.key.clone(); 50],
                lineage: Lineage::from([(name.clone(), u64::MAX)]),
            }));
            for run in [plain, with_parents] {
                let write = Write::PutRun(Arc::new(run));
                assert!(write_len(&write) >= counted(&write), "{text:?}");
            }
        }
        let far = Timestamp::from_millis(-62_135_596_800_000);
        let mut progress = JobProgress {
            created_at: far,
            anchor: far,
            next: Some(NextTarget {
                index: u64::MAX,
                at: far,
            }),
            due_max: Some(far),
            completed: u64::MAX,
            success_count: u64::MAX,
            error_count: u64::MAX,
            errors_since_last_success: u64::MAX,
            last_success: Some(far),
            last_error: Some(far),
            ..JobProgress::default()
        };
        for links in [false, true] {
            if links {
                progress.links.consumed.insert(name.clone(), u64::MAX);
            }
            let write = Write::PutProgress {
                job: name.clone(),
                progress: Arc::new(progress.clone()),
                expected: u64::MAX,
            };
            assert!(write_len(&write) >= counted(&write), "{links}");
        }
    }
}
