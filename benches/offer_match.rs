//! How fast offers are matched, and how well, beside other ways to do it.
//!
//! `cargo bench --bench offer_match` runs everything (some minutes) and prints a ratio table at the end.
//! Words after `--` choose parts: `speed`, `tick`, `memory`, `quality`, `compact`, `starve`. The word
//! `large` adds the largest case, `dump` writes case a for an external solver. `seed=7` makes other clusters
//! and queues than `seed=1`, for which the figures are stated;
//! `clusters=396` makes more of them for `compact`, and `density=100` only those where all jobs have constraints.
#![expect(clippy::print_stdout, reason = "a report for people")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "shares of small numbers, made and reported with few digits"
)]

#[path = "offer_match/baseline.rs"]
mod baseline;
#[path = "offer_match/simulate.rs"]
mod simulate;
#[path = "offer_match/workload.rs"]
mod workload;

use std::{alloc::System, hint::black_box, time::Duration};

use baseline::{Placed, Plain};
use offer_match::{DemandId, Matcher, Policy, Ticket, reference::match_naively};
use rustix::time::{ClockId, clock_gettime};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use workload::{Shape, Workload};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Measures the processor time of this thread, so that other work on the machine does not count.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch(Duration);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Self::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        Self::now().saturating_sub(self.0)
    }

    fn now() -> Duration {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::try_from(now).unwrap_or_default()
    }
}

/// The densities of constrained jobs.
const DENSITIES: [u32; 3] = [0, 20, 100];

/// How many tasks of case a can be placed at most, by density: an upper bound of the optimum that `HiGHS`
/// found (`optimum.py`), and what share of it must be placed.
const OPTIMUM: [(u32, usize, f64); 3] = [(0, 995, 98.0), (20, 988, 98.0), (100, 986, 93.0)];

struct Case {
    name: &'static str,
    agents: usize,
    tasks: usize,
    /// What the round may take, in milliseconds.
    must: f64,
}

const CASES: [Case; 4] = [
    Case {
        name: "a",
        agents: 100,
        tasks: 1_000,
        must: 0.10,
    },
    Case {
        name: "b",
        agents: 1_000,
        tasks: 10_000,
        must: 1.5,
    },
    Case {
        name: "c",
        agents: 10_000,
        tasks: 100_000,
        must: 50.0,
    },
    Case {
        name: "d",
        agents: 50_000,
        tasks: 500_000,
        must: 500.0,
    },
];

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let number = |name: &str| {
        let told = words.iter().find_map(|word| word.strip_prefix(name));
        told.map(|told| told.parse::<u64>().expect("a number"))
    };
    let seed = number("seed=").unwrap_or(1);
    let has = |word: &str| words.iter().any(|one| one == word);
    // For counting instructions: `once b 100` matches one case once.
    if let [once, case, density] = words.as_slice()
        && once == "once"
    {
        return only(case, density.parse().expect("a density"));
    }
    let parts = [
        "speed", "tick", "memory", "quality", "compact", "starve", "dump",
    ];
    let all = !parts.iter().any(|part| has(part));
    if has("dump") {
        return dump(seed);
    }
    let mut rows = Vec::new();
    if all || has("speed") {
        for case in &CASES {
            if case.name != "d" || all || has("large") {
                rows.extend(speed(case, seed));
            }
        }
    }
    if all || has("tick") {
        tick(seed);
        intake(seed);
    }
    if all || has("memory") {
        memory(seed);
    }
    if all || has("quality") {
        quality(seed);
    }
    if all || has("compact") {
        let clusters = number("clusters=").unwrap_or(simulate::CLUSTERS);
        let density = number("density=").map(|density| density as u32);
        simulate::compaction(seed, clusters, density);
    }
    if all || has("starve") {
        simulate::starvation(seed);
    }
    ratios(&rows);
}

fn shape(case: &Case, density: u32, seed: u64) -> Shape {
    Shape {
        agents: case.agents,
        tasks: case.tasks,
        density,
        load: Some(1.1),
        gpus: true,
        seed,
    }
}

/// A matcher that knows a workload, and what it called things.
pub(crate) struct Loaded {
    pub(crate) matcher: Matcher,
    pub(crate) demands: Vec<DemandId>,
    pub(crate) tickets: Vec<Ticket>,
}

pub(crate) fn policy() -> Policy {
    Policy {
        priority_millis: workload::PRIORITY_MILLIS,
        ..Policy::default()
    }
}

pub(crate) fn load(work: &Workload) -> Loaded {
    let mut matcher = Matcher::new(policy());
    for agent in &work.agents {
        for offer in &agent.offers {
            matcher.offer(offer.clone());
        }
    }
    let demands: Vec<DemandId> = work
        .jobs
        .iter()
        .map(|job| matcher.demand(&job.demand))
        .collect();
    let tickets = work
        .tasks
        .iter()
        .map(|(job, task)| matcher.enqueue(demands[*job], *task));
    let tickets = tickets.collect();
    Loaded {
        matcher,
        demands,
        tickets,
    }
}

// Positions in the queue by task id, and agents by their names, back to numbers.
fn placed(work: &Workload, matcher: &Matcher) -> Placed {
    let mut position = vec![0; work.tasks.len()];
    for (at, (_, task)) in work.tasks.iter().enumerate() {
        position[task.id as usize] = at;
    }
    let number =
        |agent: &offer_match::AgentId| agent.0["agent-".len()..].parse().expect("named by number");
    matcher
        .plan()
        .placements()
        .map(|(task, agent)| (position[task as usize], number(agent)))
        .collect()
}

fn only(name: &str, density: u32) {
    let seed = 1;
    if name == "tick" {
        return tick_of(density, 20, seed);
    }
    for case in CASES.iter().filter(|case| case.name == name) {
        let work = Workload::new(shape(case, density, seed));
        let mut loaded = load(&work);
        println!("{} placed", loaded.matcher.round(0).len());
    }
}

/// One line of the ratio table.
struct Row {
    name: String,
    ours: f64,
    others: [(f64, bool); 3],
}

fn speed(case: &Case, seed: u64) -> Vec<Row> {
    println!(
        "\n## case {}: {} agents, {} tasks",
        case.name, case.agents, case.tasks
    );
    // A tenth of a second at least: whoever shares the machine may be at work for some milliseconds.
    let repeats = (2_000_000 / case.tasks).clamp(4, 2_000);
    let mut rows = Vec::new();
    for density in DENSITIES {
        let work = Workload::new(shape(case, density, seed));
        let started = Stopwatch::start();
        let loaded = load(&work);
        let taken_in = started.elapsed();
        let mut best = Duration::MAX;
        let mut last = loaded.matcher.clone();
        for _ in 0..repeats {
            let mut matcher = loaded.matcher.clone();
            let started = Stopwatch::start();
            black_box(matcher.round(0).len());
            best = best.min(started.elapsed());
            last = matcher;
        }
        let plain = Plain::new(&work);
        let ours = placed(&work, &last);
        plain.check(&ours);
        // It takes half a minute for case b, so of that one a mix is enough.
        if case.name == "a" || (case.name == "b" && density == 20) {
            let naive = match_naively(&loaded.matcher, 0);
            let plan = last.plan();
            let same = plan
                .placements()
                .map(|(task, agent)| (task, agent.clone()))
                .eq(naive);
            assert!(same, "the slow reference decides the same");
        }
        let limit = Duration::from_secs(1);
        let others = [
            plain.first_fit(limit),
            plain.fenzo(limit),
            plain.scan(limit),
        ];
        let millis = best.as_secs_f64() * 1e3;
        println!(
            "{density:3} %: {millis:9.3} ms (must {:5}: {}), {:6.1} ns a task; taken in {:6.0} ms; placed {} of {}",
            case.must,
            if millis <= case.must { "hit" } else { "MISSED" },
            millis * 1e6 / case.tasks as f64,
            taken_in.as_secs_f64() * 1e3,
            ours.len(),
            case.tasks,
        );
        rows.push(Row {
            name: format!("{} {density} %", case.name),
            ours: millis * 1e6 / case.tasks as f64,
            others: others.map(|run| (run.nanos(), run.looked_at < case.tasks)),
        });
    }
    rows
}

// All agents are known and busy, all tasks wait and fit nowhere; then 100 agents make an offer.
fn tick(seed: u64) {
    println!("\n## tick: 100 changed agents, 100,000 tasks waiting, 10,000 agents known");
    for density in DENSITIES {
        tick_of(density, 40, seed);
    }
}

fn tick_of(density: u32, times: usize, seed: u64) {
    let work = Workload::new(shape(&CASES[2], density, seed));
    let mut matcher = load(&work).matcher;
    for agent in &work.agents {
        for offer in &agent.offers {
            matcher.rescind(&offer.id);
        }
    }
    matcher.round(0);
    let mut best = Duration::MAX;
    let mut count = 0;
    for from in 0..times {
        let mut matcher = matcher.clone();
        for agent in work.agents.iter().skip(from * 7).step_by(97).take(100) {
            for offer in &agent.offers {
                matcher.offer(offer.clone());
            }
        }
        let started = Stopwatch::start();
        count = black_box(matcher.round(0).len());
        best = best.min(started.elapsed());
    }
    let millis = best.as_secs_f64() * 1e3;
    let verdict = if millis <= 3.0 { "hit" } else { "MISSED" };
    println!("{density:3} %: {millis:.3} ms (must 3: {verdict}), {count} placed");
}

fn intake(seed: u64) {
    println!("\n## taking in, 10,000 agents and the demands of case c");
    for density in DENSITIES {
        let work = Workload::new(shape(&CASES[2], density, seed));
        let mut loaded = load(&work);
        let offers: Vec<_> = work
            .agents
            .iter()
            .take(2_000)
            .flat_map(|agent| agent.offers.clone())
            .collect();
        let count = offers.len() as f64;
        let started = Stopwatch::start();
        for offer in offers {
            loaded.matcher.offer(offer);
        }
        let offer = started.elapsed().as_secs_f64() * 1e6 / count;
        let other = Workload::new(Shape {
            agents: 100,
            tasks: 2_000,
            ..shape(&CASES[0], density, seed + 8)
        });
        let started = Stopwatch::start();
        for job in &other.jobs {
            black_box(loaded.matcher.demand(&job.demand));
        }
        let demand = started.elapsed().as_secs_f64() * 1e6 / other.jobs.len() as f64;
        let started = Stopwatch::start();
        for demand in loaded.demands.iter().take(2_000) {
            black_box(loaded.matcher.explain(*demand));
        }
        let explain = started.elapsed().as_secs_f64() * 1e6 / 2_000.0;
        let started = Stopwatch::start();
        for ticket in loaded.tickets.iter().step_by(50) {
            black_box(loaded.matcher.withdraw(ticket));
        }
        let withdraw = started.elapsed().as_secs_f64() * 1e6 / 2_000.0;
        println!(
            "{density:3} %: offer {offer:.2} µs (must 10: {}), demand {demand:.1} µs, withdrawal {withdraw:.2} µs, explanation {explain:.0} µs",
            if offer <= 10.0 { "hit" } else { "MISSED" },
        );
    }
}

fn memory(seed: u64) {
    println!("\n## memory and allocations");
    for density in DENSITIES {
        let work = Workload::new(shape(&CASES[2], density, seed));
        let region = Region::new(ALLOCATOR);
        let mut loaded = load(&work);
        loaded.matcher.round(0);
        let change = region.change();
        let held = change
            .bytes_allocated
            .saturating_sub(change.bytes_deallocated);
        let region = Region::new(ALLOCATOR);
        let attributes: Vec<_> = work
            .agents
            .iter()
            .map(|agent| (*agent.attributes).clone())
            .collect();
        let change = region.change();
        let held = held
            + change
                .bytes_allocated
                .saturating_sub(change.bytes_deallocated);
        drop(attributes);
        // Once more, with everything warm.
        let before = placed(&work, &loaded.matcher);
        for agent in &work.agents {
            for offer in &agent.offers {
                loaded.matcher.offer(offer.clone());
            }
        }
        for (position, _) in before {
            let (job, task) = work.tasks[position];
            loaded.matcher.enqueue(loaded.demands[job], task);
        }
        let region = Region::new(ALLOCATOR);
        let decided = loaded.matcher.round(0).len();
        let change = region.change();
        let allocations = change.allocations + change.reallocations;
        let megabytes = held as f64 / 1e6;
        println!(
            "{density:3} %: case c holds {megabytes:.1} MB with the agents' attributes (must 64: {}); {allocations} allocations for {decided} placed, {:.4} each",
            if megabytes <= 64.0 { "hit" } else { "MISSED" },
            allocations as f64 / decided as f64,
        );
    }
}

fn quality(seed: u64) {
    println!("\n## quality: tasks placed and share of the offered cpus used");
    for (case, load) in [
        (&CASES[0], 1.1),
        (&CASES[1], 1.1),
        (&CASES[0], 0.95),
        (&CASES[1], 0.95),
    ] {
        for density in DENSITIES {
            let work = Workload::new(Shape {
                load: Some(load),
                ..shape(case, density, seed)
            });
            let plain = Plain::new(&work);
            let mut matcher = load_and_run(&work);
            let ours = placed(&work, &matcher);
            matcher.round(0);
            let limit = Duration::from_secs(60);
            let others = [
                plain.first_fit(limit),
                plain.fenzo(limit),
                plain.scan(limit),
            ];
            plain.check(&ours);
            for run in &others {
                plain.check(&run.placed);
            }
            let line = |run: &Placed| format!("{} {:.1} %", run.len(), plain.cpus(run));
            let better = others[..2].iter().all(|other| {
                ours.len() >= other.placed.len()
                    && plain.cpus(&ours) >= plain.cpus(&other.placed) - 0.05
            });
            println!(
                "{} {density:3} % load {load}: ours {}, first fit {}, Fenzo {}, best fit {}, bound {}; {}",
                case.name,
                line(&ours),
                line(&others[0].placed),
                line(&others[1].placed),
                line(&others[2].placed),
                plain.bound(),
                if better { "hit" } else { "MISSED" },
            );
            let known = OPTIMUM.iter().find(|(known, _, _)| *known == density);
            if let Some((_, most, must)) =
                known.filter(|_| seed == 1 && case.name == "a" && load > 1.0)
            {
                let share = 100.0 * ours.len() as f64 / *most as f64;
                let verdict = if share >= *must { "hit" } else { "MISSED" };
                println!("        {share:.1} % of at most {most} (must {must}: {verdict})");
            }
        }
    }
}

fn load_and_run(work: &Workload) -> Matcher {
    let mut matcher = load(work).matcher;
    matcher.round(0);
    matcher
}

fn ratios(rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    println!("\n## ratios: nanoseconds a task, and how many times as long the others take");
    println!("| case | ours | first fit | Fenzo-style | column scan |");
    println!("|---|---|---|---|---|");
    for row in rows {
        let others = row.others.map(|(nanos, cut)| {
            let mark = if cut { " (cut)" } else { "" };
            format!("{nanos:.0}, {:.1}×{mark}", nanos / row.ours)
        });
        println!(
            "| {} | {:.1} | {} |",
            row.name,
            row.ours,
            others.join(" | ")
        );
    }
}

// Classes of tasks and agents as lines of numbers, for `optimum.py`.
fn dump(seed: u64) {
    for density in DENSITIES {
        let work = Workload::new(shape(&CASES[0], density, seed));
        Plain::new(&work).dump(density);
    }
}
