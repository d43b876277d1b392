//! `simulate`: plays seeds, and says of each that fails what was broken and how to see it again.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people at a terminal"
)]

use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use chronos_core::Settings;
use chronos_sim::{
    clock::Moment,
    oracles::Violation,
    plan::{Size, plan},
    script::Script,
    shrink::{cut, shrink},
    trial::{story, try_script},
};

const USAGE: &str = "\
usage: simulate [--seeds N] [--days D] [--jobs J] [--from-seed S] [--threads T]
       simulate --seed S [--days D] [--jobs J] [--keep I,J,K] [--story LINES] [--about TEXT]

Plays N seeds of D days each and judges them. Of a seed that fails it says which rule was broken, takes away
acts as long as the rule stays broken, and prints what is left. With --about the whole story of one seed is
told, as far as its lines hold the text.
";

/// How many lines of the story are told of a seed that fails.
const STORY_LINES: usize = 60;

struct Options {
    seeds: u64,
    from_seed: u64,
    size: Size,
    threads: usize,
    one: Option<u64>,
    keep: Option<Vec<usize>>,
    lines: usize,
    about: Option<String>,
    settings: Settings,
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let fine = match options.one {
        Some(seed) => replay(&options, seed),
        None => play_all(&options),
    };
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn options() -> Option<Options> {
    let mut options = Options {
        seeds: 100,
        from_seed: 0,
        size: Size { days: 30, jobs: 12 },
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        one: None,
        keep: None,
        lines: STORY_LINES,
        about: None,
        settings: Settings::default(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word.as_str() {
            "--seeds" => options.seeds = value.parse().ok()?,
            "--from-seed" => options.from_seed = value.parse().ok()?,
            "--days" => options.size.days = value.parse().ok()?,
            "--jobs" => options.size.jobs = value.parse().ok()?,
            "--threads" => options.threads = value.parse().ok().filter(|&threads| threads > 0)?,
            "--seed" => options.one = Some(value.parse().ok()?),
            #[cfg(feature = "mutants")]
            "--mutant" => options.settings.mutant = Some(mutant(&value)?),
            "--about" => options.about = Some(value),
            "--story" => options.lines = value.parse().ok()?,
            "--keep" => {
                let kept = value.split(',').map(str::parse);
                options.keep = Some(kept.collect::<Result<_, _>>().ok()?);
            }
            _ => return None,
        }
    }
    Some(options)
}

#[cfg(feature = "mutants")]
fn mutant(name: &str) -> Option<chronos_core::Mutant> {
    chronos_core::Mutant::ALL
        .into_iter()
        .find(|mutant| format!("{mutant:?}") == name)
}

fn play_all(options: &Options) -> bool {
    let begin = Instant::now();
    let next = AtomicU64::new(options.from_seed);
    let end = options.from_seed + options.seeds;
    let (done, begun, inputs) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let failed = std::thread::scope(|scope| {
        let work = || {
            let mut failed = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    return failed;
                }
                let script = plan(seed, options.size);
                let verdict = try_script(&script, &options.settings);
                begun.fetch_add(verdict.begun, Ordering::Relaxed);
                inputs.fetch_add(verdict.inputs, Ordering::Relaxed);
                for violation in &verdict.violations {
                    println!("seed {seed}: {violation}");
                }
                if let Some(violation) = verdict.violations.into_iter().next() {
                    failed.push((seed, violation));
                }
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                if done.is_multiple_of(200) {
                    println!("{done} seeds of {}, {:.0?}", options.seeds, begin.elapsed());
                }
            }
        };
        let workers: Vec<_> = (0..options.threads).map(|_| scope.spawn(work)).collect();
        let results = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        let mut failed: Vec<(u64, Violation)> = results
            .flat_map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect();
        failed.sort_by_key(|(seed, _)| *seed);
        failed
    });
    let took = begin.elapsed();
    let days = options.seeds * options.size.days;
    println!(
        "{} seeds of {} days: {} failed; {} runs, {} inputs, {took:.1?}: {:.0} simulated days a second",
        options.seeds,
        options.size.days,
        failed.len(),
        begun.into_inner(),
        inputs.into_inner(),
        lossy(days) / took.as_secs_f64(),
    );
    if let Some((seed, violation)) = failed.first() {
        let script = plan(*seed, options.size);
        explain(options, &script, violation);
    }
    failed.is_empty()
}

// Days fit in the digits of a float.
fn lossy(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

fn replay(options: &Options, seed: u64) -> bool {
    let mut script = plan(seed, options.size);
    if let Some(kept) = &options.keep {
        script = script.keep(kept);
    }
    if let Some(about) = &options.about {
        let end = Moment(u64::MAX);
        for line in story(&script, &options.settings, end, usize::MAX) {
            if line.contains(about.as_str()) {
                println!("{line}");
            }
        }
    }
    let verdict = try_script(&script, &options.settings);
    println!(
        "seed {seed}: {} acts, {} runs, {} inputs, {} rules broken",
        script.acts.len(),
        verdict.begun,
        verdict.inputs,
        verdict.violations.len()
    );
    for violation in &verdict.violations {
        println!("{violation}");
    }
    if let Some(violation) = verdict.violations.first() {
        if options.keep.is_some() || options.about.is_some() {
            tell(options, &script, violation);
        } else {
            explain(options, &script, violation);
        }
    }
    verdict.violations.is_empty()
}

fn explain(options: &Options, script: &Script, violation: &Violation) {
    let settings = &options.settings;
    println!("\nmaking seed {} smaller: {violation}", script.seed);
    let kept = shrink(script, settings, violation.oracle);
    let small = script.keep(&kept);
    let verdict = try_script(&small, settings);
    let same = |other: &&Violation| other.oracle == violation.oracle;
    let violation = verdict.violations.iter().find(same).unwrap_or(violation);
    let small = cut(&small, settings, violation.oracle, violation.at);
    println!("{} of {} acts are enough:", kept.len(), script.acts.len());
    for (at, act) in &small.acts {
        println!("  {at}  {act}");
    }
    let small = script.keep(&kept);
    tell(options, &small, violation);
    let kept: Vec<String> = kept.iter().map(ToString::to_string).collect();
    let Size { days, jobs } = options.size;
    println!("\nsee it again:");
    println!(
        "  cargo xtask simulate --seed {} --days {days} --jobs {jobs} --keep {}",
        script.seed,
        kept.join(",")
    );
    println!(
        "  cargo xtask simulate --seed {} --days {days} --jobs {jobs}",
        script.seed
    );
}

fn tell(options: &Options, script: &Script, violation: &Violation) {
    println!("\nwhat happened, up to {}:", violation.at);
    for line in story(script, &options.settings, violation.at, options.lines) {
        println!("  {line}");
    }
    println!("{violation}");
}
