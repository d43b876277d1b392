//! How fast is the scheduler, and how large?
//!
//! `cargo bench --bench core` drives the scheduler alone: the store answers at once, tasks start and end at once, and
//! there is always an offer. So what is measured is decisions, not the world. It prints the numbers of each question; the
//! minimum of several rounds counts, so that other work on the machine disturbs little. `--quick` leaves the million out;
//! `year`, `target`, `load` and `command` name the parts to run, all by default. What a job takes of memory is asked by
//! `cargo bench --bench core_memory`, because an allocator that counts would cost a fifth of the time measured here.
#![expect(clippy::print_stdout, reason = "a report for people")]

#[path = "core/workload.rs"]
mod workload;

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use chronos_core::{
    Abilities, AgentId, ClusterCall, ClusterEvent, Effect, Input, Mono, Now, Offer, OfferId,
    RequestId, Scheduler, Settings, TaskState, TaskUpdate,
};
use chronos_model::{JobSpec, Snapshot, Timestamp};
use resources::{Attributes, Resources, Scalar};
use serde_json::json;

use self::workload::{NEW_YEAR, SECOND, all_in_turn, record, snapshot, spec};

const DAY: i64 = 24 * 60 * 60 * SECOND;

/// A world without delay and without faults.
struct World {
    scheduler: Scheduler,
    wall: Timestamp,
    offers: u64,
    agent: AgentId,
    attributes: Arc<Attributes>,
    inputs: u64,
    launched: u64,
}

impl World {
    fn new(snapshot: Snapshot) -> Self {
        let wall = Timestamp::from_millis(NEW_YEAR);
        let mut world = Self {
            scheduler: Scheduler::recover(Settings::default(), now(wall), snapshot),
            wall,
            offers: 0,
            agent: AgentId("agent".into()),
            attributes: Arc::new(Attributes::new("agent", [])),
            inputs: 0,
            launched: 0,
        };
        world.carry_out();
        world.offer();
        world
    }

    /// Goes on until so much time is over, or so many tasks were launched.
    fn run(&mut self, millis: i64, launches: u64) {
        let end = self.wall.plus_millis(millis);
        let launches = self.launched.saturating_add(launches);
        while self.launched < launches {
            let Some(next) = self.next_deadline().filter(|next| *next <= end) else {
                break;
            };
            self.wall = next.max(self.wall);
            self.input(Input::Tick);
        }
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        let deadline = self.scheduler.deadline();
        // The monotonic clock goes with the wall clock here.
        let mono = deadline
            .mono
            .and_then(|Mono(mono)| i64::try_from(mono).ok());
        let mono = mono.map(|mono| Timestamp::from_millis(NEW_YEAR + mono));
        deadline.wall.into_iter().chain(mono).min()
    }

    fn input(&mut self, input: Input) {
        self.inputs += 1;
        self.scheduler.handle(now(self.wall), input);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.scheduler.next_effect() {
            match effect {
                Effect::Persist { request, writes } => {
                    drop(writes);
                    self.inputs += 1;
                    self.scheduler
                        .handle(now(self.wall), Input::Persisted(request));
                }
                Effect::Cluster(ClusterCall::Launch { tasks, .. }) => {
                    for task in tasks {
                        self.launched += 1;
                        for state in [TaskState::Running, TaskState::Finished] {
                            let update = TaskUpdate {
                                key: task.key.clone(),
                                launch: None,
                                agent: self.agent.clone(),
                                state,
                                exit_code: (state == TaskState::Finished).then_some(0),
                                message: None,
                                started_at: Some(self.wall),
                                at: self.wall,
                            };
                            self.inputs += 1;
                            let event = ClusterEvent::Update(update);
                            self.scheduler.handle(now(self.wall), Input::Cluster(event));
                        }
                    }
                    self.offer();
                }
                Effect::Cluster(_) | Effect::Reply { .. } | Effect::Notice(_) => {}
            }
        }
    }

    fn offer(&mut self) {
        self.offers += 1;
        self.inputs += 1;
        let offer = Offer {
            id: OfferId(self.offers.to_string().into()),
            agent: self.agent.clone(),
            hostname: Arc::clone(&self.agent.0),
            resources: Resources::new(
                Scalar::from_units(1000),
                Scalar::from_units(1_000_000),
                Scalar::from_units(1_000_000),
            ),
            attributes: Arc::clone(&self.attributes),
            role: None,
            abilities: Abilities::default(),
        };
        let event = ClusterEvent::Offers(vec![offer]);
        self.scheduler.handle(now(self.wall), Input::Cluster(event));
    }
}

fn now(wall: Timestamp) -> Now {
    let since = wall.millis_since(Timestamp::from_millis(NEW_YEAR));
    Now {
        wall,
        mono: Mono(u64::try_from(since).unwrap_or(0)),
    }
}

/// Forty jobs: ten each hour, twenty each day, five each week, five children of daily ones.
fn forty() -> Snapshot {
    let hourly = (0..10).map(|index| {
        json!({"name": format!("hourly-{index}"), "command": "true", "schedule": format!("R/2030-01-01T00:{:02}:00Z/PT1H", index * 5)})
    });
    let daily = (0..20).map(|index| {
        json!({"name": format!("daily-{index:02}"), "command": "true", "schedule": format!("R/2030-01-01T{index:02}:30:00/P1D"), "scheduleTimeZone": "Europe/Berlin"})
    });
    let weekly = (0..5).map(|index| {
        json!({"name": format!("weekly-{index}"), "command": "true", "schedule": format!("R/2030-01-0{}T03:00:00Z/P1W", index + 1)})
    });
    let children = (0..5).map(|index| {
        json!({"name": format!("child-{index}"), "command": "true", "parents": [format!("daily-{:02}", index * 2), format!("daily-{:02}", index * 2 + 1)]})
    });
    let documents = hourly.chain(daily).chain(weekly).chain(children);
    snapshot(documents.map(|document| record(&document)))
}

/// So many jobs that come once a year, and a hundred that come each second.
fn few_of_many(stored: u64) -> Snapshot {
    let idle = (0..stored).map(|index| {
        json!({"name": format!("idle-{index:07}"), "command": "true", "schedule": "R/2030-12-01T00:00:00Z/P1Y"})
    });
    let busy = (0..100).map(|index| {
        json!({"name": format!("busy-{index:03}"), "command": "true", "schedule": "R/2030-01-01T00:00:01Z/PT1S"})
    });
    snapshot(idle.chain(busy).map(|document| record(&document)))
}

fn forty_daily() -> Snapshot {
    let documents = (0..40).map(|index| {
        json!({"name": format!("daily-{index:02}"), "command": "true", "schedule": format!("R/2030-01-01T{:02}:{:02}:00/P1D", index / 2, index % 2 * 30), "scheduleTimeZone": "Europe/Berlin"})
    });
    snapshot(documents.map(|document| record(&document)))
}

fn best(rounds: usize, mut round: impl FnMut() -> Duration) -> Duration {
    (0..rounds).map(|_| round()).min().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "numbers for people")]
fn per(took: Duration, count: u64) -> f64 {
    took.as_secs_f64() * 1e9 / count.max(1) as f64
}

fn a_year(what: &str, jobs: fn() -> Snapshot) {
    let (mut launched, mut inputs) = (0, 0);
    let took = best(3, || {
        let mut world = World::new(jobs());
        let begin = Instant::now();
        world.run(365 * DAY, u64::MAX);
        let took = begin.elapsed();
        (launched, inputs) = (world.launched, world.inputs);
        took
    });
    println!("a year of 40 {what}: {took:.1?} for {launched} runs, {inputs} inputs");
    println!(
        "  {:.0} ns a run from its target to its end; {:.0} runs a second, {:.0} inputs a second",
        per(took, launched),
        1e9 / per(took, launched),
        1e9 / per(took, inputs),
    );
}

fn cost_per_target(sizes: &[u64]) {
    for (what, make) in [
        (
            "a hundred jobs a second among N that rest",
            few_of_many as fn(u64) -> Snapshot,
        ),
        ("each of N jobs once a day", all_in_turn),
    ] {
        println!("cost of a fired target, from its time to the end of its run: {what}");
        let mut first = None;
        for &stored in sizes {
            let mut world = World::new(make(stored));
            let took = best(5, || {
                let before = world.launched;
                let begin = Instant::now();
                world.run(365 * DAY, 10_000);
                let took = begin.elapsed();
                took / u32::try_from(world.launched - before).unwrap_or(1)
            });
            let nanos = per(took, 1);
            let ratio = nanos / *first.get_or_insert(nanos);
            println!(
                "  N = {stored:>9}: {nanos:>7.0} ns, {ratio:.2} times that of N = {}",
                sizes[0]
            );
        }
    }
}

fn loading(stored: u64) {
    let snapshot = all_in_turn(stored);
    let begin = Instant::now();
    let scheduler = Scheduler::recover(
        Settings::default(),
        now(Timestamp::from_millis(NEW_YEAR)),
        snapshot,
    );
    println!(
        "loading {stored} jobs from records: {:.1?}",
        begin.elapsed()
    );
    let view = scheduler.view();
    let begin = Instant::now();
    let clones = black_box((0..1000).map(|_| view.clone()).collect::<Vec<_>>());
    println!(
        "  a picture for readers: {:.0} ns",
        per(begin.elapsed(), 1000)
    );
    drop(clones);
    black_box(scheduler);
}

fn commands(stored: u64) {
    let mut world = World::new(all_in_turn(stored));
    let count = 10_000;
    let puts: Vec<Arc<JobSpec>> = (0..count)
        .map(|index| {
            Arc::new(spec(&json!({"name": format!("new-{index}"), "command": "true", "schedule": "R/2030-06-01T00:00:00Z/P1D"})))
        })
        .collect();
    let begin = Instant::now();
    for (index, spec) in puts.into_iter().enumerate() {
        let command = chronos_core::Command::Put { spec, source: None };
        let request = RequestId(index as u64);
        world.input(Input::Command { request, command });
    }
    println!(
        "creating a job among {stored}: {:.0} ns",
        per(begin.elapsed(), count)
    );
}

fn main() {
    let quick = std::env::args().any(|word| word == "--quick");
    let sizes: &[u64] = if quick {
        &[1_000, 100_000]
    } else {
        &[1_000, 10_000, 100_000, 1_000_000]
    };
    let largest = sizes[sizes.len() - 1];
    let parts = ["year", "target", "load", "command"];
    let asked: Vec<String> = std::env::args()
        .filter(|word| parts.contains(&word.as_str()))
        .collect();
    let wanted = |part: &str| asked.is_empty() || asked.iter().any(|word| word == part);
    if wanted("year") {
        a_year("daily jobs", forty_daily);
        a_year("jobs, ten of them hourly, five with parents", forty);
    }
    if wanted("target") {
        cost_per_target(sizes);
    }
    if wanted("load") {
        loading(largest);
    }
    if wanted("command") {
        commands(largest);
    }
}
