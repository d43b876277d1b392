//! How much memory does a stored job take?
//!
//! `cargo bench --bench core_memory` loads a million jobs (a hundred thousand with `--quick`) into the scheduler and counts
//! what the allocator was asked for and has not got back.
#![expect(clippy::print_stdout, reason = "a report for people")]

#[path = "core/workload.rs"]
mod workload;

use std::{alloc::System, hint::black_box};

use chronos_core::{Mono, Now, Scheduler, Settings};
use chronos_model::{JobRecord, Timestamp};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use self::workload::{NEW_YEAR, all_in_turn};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The texts that belong to a job whatever the scheduler does. The name stands in the definition alone: whoever else
/// speaks of the job shares it.
fn strings(job: &JobRecord) -> usize {
    let schedule = job
        .spec
        .schedule()
        .map_or(0, |schedule| schedule.text().len());
    job.spec.name.as_str().len() + job.spec.command.len() + schedule
}

fn main() {
    let quick = std::env::args().any(|word| word == "--quick");
    let stored: u32 = if quick { 100_000 } else { 1_000_000 };
    let region = Region::new(ALLOCATOR);
    let snapshot = all_in_turn(u64::from(stored));
    let strings: usize = snapshot.jobs.iter().map(strings).sum();
    let now = Now {
        wall: Timestamp::from_millis(NEW_YEAR),
        mono: Mono(0),
    };
    let scheduler = black_box(Scheduler::recover(Settings::default(), now, snapshot));
    let stats = region.change();
    let live = stats
        .bytes_allocated
        .saturating_sub(stats.bytes_deallocated);
    let each = |bytes: usize| bytes / usize::try_from(stored).unwrap_or(usize::MAX);
    println!(
        "{stored} jobs: {} bytes a job with its definition, {} beyond its strings",
        each(live),
        each(live.saturating_sub(strings)),
    );
    drop(scheduler);
}
