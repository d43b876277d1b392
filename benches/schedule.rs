//! How fast is it, beside the other crates?
//!
//! `cargo bench --bench schedule` runs the criterion groups and then prints the ratios, which it measures by itself in
//! interleaved rounds: the minimum of each, so that other work on the machine touches all alike.
//!
//! The peers do not answer the same question. Nobody else reads a repeating interval as a whole, so that their parsers
//! are glued together: the count and the slashes by hand, then date-time and period by the crate. `cron`, `croner` and
//! `rrule` find the next 02:30 on the first of a month in Berlin, ten years after a start.
#![expect(clippy::print_stdout, reason = "a report for people")]

use chrono::{DateTime, TimeZone as _, Utc};
use criterion::{Criterion, criterion_group};
use iso8601_repeat::{Options, RepeatingInterval, Schedule, Stepper, UnixTime, Zone, ZoneTable};
use std::{hint::black_box, str::FromStr as _, time::Instant};

const FULL: &str = "R12/2017-05-04T03:26:00.000+08:00/P1Y2M3DT4H5M6S";
const EXACT: &str = "R/2017-05-04T03:26:00.000Z/PT24H";
const MONTHLY: &str = "R/2017-01-01T02:30/P1M";
const DAILY: &str = "R/2017-01-01T02:30/P1D";

/// Count, start and period between the slashes.
fn split(text: &str) -> Option<(Option<u64>, &str, &str)> {
    let (count, rest) = text.strip_prefix('R')?.split_once('/')?;
    let (start, period) = rest.split_once('/')?;
    let count = if count.is_empty() {
        None
    } else {
        Some(count.parse().ok()?)
    };
    Some((count, start, period))
}

fn ours(text: &str) -> Option<RepeatingInterval> {
    text.parse().ok()
}

fn by_speedate(text: &str) -> Option<(Option<u64>, speedate::DateTime, speedate::Duration)> {
    let (count, start, period) = split(text)?;
    let start = speedate::DateTime::parse_bytes_rfc3339(start.as_bytes()).ok()?;
    Some((
        count,
        start,
        speedate::Duration::parse_bytes(period.as_bytes()).ok()?,
    ))
}

fn by_jiff(text: &str) -> Option<(Option<u64>, jiff::Timestamp, jiff::Span)> {
    let (count, start, period) = split(text)?;
    Some((count, start.parse().ok()?, period.parse().ok()?))
}

fn by_winnow(text: &str) -> bool {
    winnow_iso8601::interval::parse_interval(text).is_ok()
}

fn schedule(text: &str, zone: Zone) -> Schedule {
    let interval: RepeatingInterval = text.parse().expect(text);
    interval.schedule(&Options::new().zone(zone)).expect(text)
}

fn later() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2027, 5, 4, 3, 26, 0)
        .single()
        .expect("a date")
}

/// The things to be asked for the next occurrence.
struct Next {
    table: ZoneTable,
    monthly: Schedule,
    daily: Schedule,
    exact: Schedule,
    cron: cron::Schedule,
    croner: croner::Cron,
    rrule: rrule::RRuleSet,
}

impl Next {
    fn new() -> Self {
        let berlin: Zone = "Europe/Berlin".parse().expect("known");
        let rule = "DTSTART;TZID=Europe/Berlin:20170101T023000\nRRULE:FREQ=MONTHLY;BYMONTHDAY=1";
        Self {
            table: ZoneTable::new(&berlin),
            monthly: schedule(MONTHLY, berlin),
            daily: schedule(DAILY, berlin),
            exact: schedule(EXACT, Zone::UTC),
            cron: cron::Schedule::from_str("0 30 2 1 * *").expect("cron"),
            croner: croner::Cron::from_str("30 2 1 * *").expect("croner"),
            rrule: rule.parse().expect("rrule"),
        }
    }

    fn by_cron(&self) -> Option<DateTime<chrono_tz::Tz>> {
        let after = later().with_timezone(&chrono_tz::Europe::Berlin);
        self.cron.after(black_box(&after)).next()
    }

    fn by_croner(&self) -> Option<DateTime<chrono_tz::Tz>> {
        let after = later().with_timezone(&chrono_tz::Europe::Berlin);
        self.croner
            .find_next_occurrence(black_box(&after), false)
            .ok()
    }

    fn by_rrule(&self) -> Option<DateTime<rrule::Tz>> {
        let after = later().with_timezone(&rrule::Tz::UTC);
        self.rrule
            .clone()
            .after(black_box(after))
            .all(1)
            .dates
            .into_iter()
            .next()
    }
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for (name, text) in [("full", FULL), ("exact", EXACT)] {
        group.bench_function(format!("{name}/iso8601-repeat"), |b| {
            b.iter(|| ours(black_box(text)));
        });
        group.bench_function(format!("{name}/speedate"), |b| {
            b.iter(|| by_speedate(black_box(text)));
        });
        group.bench_function(format!("{name}/jiff"), |b| {
            b.iter(|| by_jiff(black_box(text)));
        });
        group.bench_function(format!("{name}/winnow_iso8601"), |b| {
            b.iter(|| by_winnow(black_box(text)));
        });
    }
    group.finish();
}

fn next(criterion: &mut Criterion) {
    let peers = Next::new();
    let mut group = criterion.benchmark_group("next");
    let at = later();
    let mut monthly = Stepper::new(peers.monthly, &peers.table);
    let mut daily = Stepper::new(peers.daily, &peers.table);
    group.bench_function("monthly/stepper", |b| {
        b.iter(|| monthly.next_after(black_box(at)));
    });
    group.bench_function("monthly/plain", |b| {
        b.iter(|| peers.monthly.next_after(black_box(at)));
    });
    group.bench_function("daily/stepper", |b| {
        b.iter(|| daily.next_after(black_box(at)));
    });
    group.bench_function("daily/plain", |b| {
        b.iter(|| peers.daily.next_after(black_box(at)));
    });
    group.bench_function("exact", |b| {
        b.iter(|| peers.exact.next_after(black_box(at)));
    });
    group.bench_function("monthly/cron", |b| b.iter(|| peers.by_cron()));
    group.bench_function("monthly/croner", |b| b.iter(|| peers.by_croner()));
    group.bench_function("monthly/rrule", |b| b.iter(|| peers.by_rrule()));
    group.finish();
}

fn step(criterion: &mut Criterion) {
    let peers = Next::new();
    let mut group = criterion.benchmark_group("hundred steps");
    for (name, schedule) in [
        ("monthly", peers.monthly),
        ("daily", peers.daily),
        ("exact", peers.exact),
    ] {
        let stepper = Stepper::new(schedule, &peers.table);
        group.bench_function(name, |b| {
            b.iter(|| stepper.clone().take(100).map(black_box).count());
        });
    }
    group.finish();
}

criterion_group! {
    name = groups;
    config = Criterion::default().sample_size(30).without_plots();
    targets = parse, next, step
}

/// Computes a value and throws it away.
fn keep<T>(value: T) {
    drop(black_box(value));
}

/// What is measured beside others.
struct Operation<'a> {
    /// Peers are set in by two blanks, below ours.
    name: &'static str,
    /// Runs in a round.
    times: u32,
    /// How often ours shall fit into the time of the peer.
    wanted: Option<f64>,
    run: Box<dyn FnMut() + 'a>,
}

impl<'a> Operation<'a> {
    fn ours(name: &'static str, times: u32, run: impl FnMut() + 'a) -> Self {
        Self {
            name,
            times,
            wanted: None,
            run: Box::new(run),
        }
    }

    fn peer(name: &'static str, times: u32, wanted: f64, run: impl FnMut() + 'a) -> Self {
        Self {
            wanted: Some(wanted),
            ..Self::ours(name, times, run)
        }
    }
}

/// Nanoseconds of one run: the fastest of several rounds, interleaved over all operations.
fn fastest(operations: &mut [Operation<'_>]) -> Vec<f64> {
    let mut best = vec![f64::INFINITY; operations.len()];
    for _ in 0..41 {
        for (operation, best) in operations.iter_mut().zip(&mut best) {
            let start = Instant::now();
            for _ in 0..operation.times {
                (operation.run)();
            }
            *best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(operation.times));
        }
    }
    best
}

fn ratios() {
    let peers = Next::new();
    let at = later();
    let mut monthly = Stepper::new(peers.monthly, &peers.table);
    let mut bare = monthly.clone();
    let bare_at = UnixTime::from(at);
    let mut operations = [
        Operation::ours("parse full", 5_000, || keep(ours(black_box(FULL)))),
        Operation::peer("  speedate glue", 5_000, 1.4, || {
            keep(by_speedate(black_box(FULL)));
        }),
        Operation::peer("  jiff glue", 5_000, 2.3, || {
            keep(by_jiff(black_box(FULL)));
        }),
        Operation::peer("  winnow_iso8601", 500, 14.0, || {
            keep(by_winnow(black_box(FULL)));
        }),
        Operation::ours("next monthly, bare", 5_000, || {
            keep(bare.next_unix_after(black_box(bare_at)));
        }),
        Operation::ours("next monthly", 5_000, || {
            keep(monthly.next_after(black_box(at)));
        }),
        Operation::peer("  cron", 500, 8.0, || keep(peers.by_cron())),
        Operation::peer("  croner", 500, 30.0, || keep(peers.by_croner())),
        Operation::peer("  rrule", 10, 2_500.0, || keep(peers.by_rrule())),
    ];
    let best = fastest(&mut operations);
    println!(
        "\n{:<20} {:>10} {:>10} {:>10}",
        "fastest of 41", "ns", "ratio", "wanted"
    );
    let mut base = 1.0;
    for (Operation { name, wanted, .. }, nanoseconds) in operations.iter().zip(best) {
        let Some(wanted) = wanted else {
            base = nanoseconds;
            println!("{name:<20} {nanoseconds:>10.1}");
            continue;
        };
        let ratio = nanoseconds / base;
        println!("{name:<20} {nanoseconds:>10.1} {ratio:>10.1} {wanted:>10.1}");
    }
}

fn main() {
    groups();
    ratios();
    Criterion::default().configure_from_args().final_summary();
}
