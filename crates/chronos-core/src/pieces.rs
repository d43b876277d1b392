//! Inputs that change more runs of one job than one write takes.
//!
//! A write is whole or not there, and a store takes only so much at once. The runs that an input ends, or that
//! an operator asked for, may be thousands: then they stand in writes of their own. Should the rest of the
//! input be lost, a run of them has ended a moment earlier, or one that was asked for is there and the others
//! are not, which nobody was told. But a run that a target or a parent decided on stands with the progress that
//! says so; only where thousands of completions start as many runs (a line of them was killed) some are
//! written before it: should that be lost, they run, and nobody says any more why.

use std::collections::BTreeSet;

use chronos_model::{Run, RunKey, RunState, Write};

use crate::settings::{DECIDED_BYTES_MAX, RUNS_BYTES_MAX};

/// Bytes that a store counts for a run, at most, as long as its texts need no escapes.
fn run_bytes(run: &Run) -> usize {
    /// All but texts, and what a write takes besides its value.
    const FIXED_BYTES: usize = 1_050;
    /// A run or a lineage in JSON, but for the name.
    const NAMED_BYTES: usize = 60;

    let parents = run.parents.as_deref().map_or(0, |parents| {
        let runs = parents.runs.iter().map(|run| run.job.as_str().len());
        let lineage = parents.lineage.keys().map(|job| job.as_str().len());
        let names = runs
            .chain(lineage)
            .map(|len| len.saturating_add(NAMED_BYTES));
        names.fold(0, usize::saturating_add)
    });
    let texts = [
        run.arguments.as_deref(),
        run.reason.as_deref(),
        run.agent.as_deref(),
    ];
    let texts = texts.into_iter().flatten().map(str::len);
    texts
        .chain([run.key.job.as_str().len(), parents])
        .fold(FIXED_BYTES, usize::saturating_add)
}

/// Splits the writes of one input when the runs of one of its jobs have no room in one write; mostly they have.
///
/// To be made durable in order; what is `decided` stays with the progress of its job.
pub(crate) fn split<'a>(
    writes: &'a [Write],
    decided: &BTreeSet<RunKey>,
) -> Option<Vec<Vec<&'a Write>>> {
    if writes.len() <= 2 || runs_bytes(writes) <= RUNS_BYTES_MAX {
        return None;
    }
    let jobs = || writes.chunk_by(|one, next| one.job() == next.job());
    if jobs().all(|group| runs_bytes(group) <= RUNS_BYTES_MAX) {
        return None;
    }
    let mut split = Split::default();
    for group in jobs() {
        split.add(group, decided);
    }
    Some(split.pieces())
}

fn runs_bytes(writes: &[Write]) -> usize {
    let bytes = |write: &Write| match write {
        Write::PutRun(run) => run_bytes(run),
        Write::PutSpec { .. }
        | Write::PutProgress { .. }
        | Write::DeleteJob { .. }
        | Write::Forget { .. }
        | Write::PutCalendar(_)
        | Write::DeleteCalendar(_)
        | Write::PutFrameworkId(_) => 0,
    };
    writes.iter().map(bytes).fold(0, usize::saturating_add)
}

/// The writes of one input, by when they have to be durable.
#[derive(Debug, Default)]
struct Split<'a> {
    before: Vec<Vec<&'a Write>>,
    head: Vec<&'a Write>,
    after: Vec<Vec<&'a Write>>,
}

impl<'a> Split<'a> {
    // Those of one job.
    fn add(&mut self, group: &'a [Write], decided: &BTreeSet<RunKey>) {
        let (mut room, mut room_for_decided) = (RUNS_BYTES_MAX, DECIDED_BYTES_MAX);
        let (mut early, mut ended, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for write in group {
            let Write::PutRun(run) = write else {
                self.head.push(write);
                continue;
            };
            let bytes = run_bytes(run);
            if decided.contains(&run.key) {
                let Some(left) = room_for_decided.checked_sub(bytes) else {
                    early.push((write, bytes));
                    continue;
                };
                self.head.push(write);
                room_for_decided = left;
                room = room.saturating_sub(bytes);
            } else if run.state == RunState::Ended {
                ended.push((write, bytes));
            } else {
                others.push((write, bytes));
            }
        }
        fill(&mut self.head, &mut room, &mut others);
        fill(&mut self.head, &mut room, &mut ended);
        self.before.extend(filled(early));
        self.before.extend(filled(ended));
        self.after.extend(filled(others));
    }

    fn pieces(self) -> Vec<Vec<&'a Write>> {
        let mut all = self.before;
        all.push(self.head);
        all.extend(self.after);
        all
    }
}

// Takes as many from the begin as there is room for.
fn fill<'a>(piece: &mut Vec<&'a Write>, room: &mut usize, runs: &mut Vec<(&'a Write, usize)>) {
    let mut fits = 0_usize;
    for &(write, bytes) in runs.iter() {
        let Some(rest) = room.checked_sub(bytes) else {
            break;
        };
        *room = rest;
        piece.push(write);
        fits = fits.saturating_add(1);
    }
    runs.drain(..fits);
}

fn filled(mut runs: Vec<(&Write, usize)>) -> Vec<Vec<&Write>> {
    let mut pieces = Vec::new();
    while !runs.is_empty() {
        let (mut piece, mut room) = (Vec::new(), RUNS_BYTES_MAX);
        fill(&mut piece, &mut room, &mut runs);
        if piece.is_empty() {
            // One that is larger than that has a write to itself.
            piece.extend(runs.drain(..1).map(|(write, _)| write));
        }
        pieces.push(piece);
    }
    pieces
}
