//! The cluster and the queue that are matched, from a seed.
//!
//! Machines after the table of the Google 2011 cell (Reiss et al., `SoCC`'12), batch tasks after the
//! Alibaba trace of 2018, big and GPU tasks after Alibaba's openb, cron tasks after the defaults of
//! Chronos. Everything else is made up to have each feature at hand, and stated here.

use std::sync::Arc;

use fastrand::Rng;
use offer_match::{AgentId, Demand, Lasts, Offer, OfferId, Waiting, Window};
use resources::{
    Attribute, AttributeValue, Attributes, Constraint, Identity, Operator, Parcel, Parcels, Ranges,
    Resources, Scalar,
};

/// What to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) agents: usize,
    pub(crate) tasks: usize,
    /// How many jobs in a hundred have constraints.
    pub(crate) density: u32,
    /// Demand by offered, in the scarcer of cpus and memory; `None` offers every machine whole.
    pub(crate) load: Option<f64>,
    pub(crate) gpus: bool,
    pub(crate) seed: u64,
}

/// Tasks that want the same.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) demand: Demand,
    pub(crate) cpus: f64,
    pub(crate) mem: f64,
}

/// One agent with what is free of it.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) offers: Vec<Offer>,
    pub(crate) attributes: Arc<Attributes>,
    /// Cpus, mem, disk, gpus in thousandths, and the number of ports.
    pub(crate) free: [i64; 5],
    pub(crate) room: i64,
    pub(crate) rack: u32,
}

/// A cluster and a queue.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(crate) jobs: Vec<Job>,
    /// In the order of the queue: the job of each task.
    pub(crate) tasks: Vec<(usize, Waiting)>,
    pub(crate) agents: Vec<Agent>,
}

const MACHINES: [(u32, f64, f64); 6] = [
    (6732, 0.5, 0.5),
    (3863, 0.5, 0.25),
    (1001, 0.5, 0.75),
    (795, 1.0, 1.0),
    (126, 0.25, 0.25),
    (52, 0.5, 0.12),
];
const MACHINE_CPUS: f64 = 64.0;
const MACHINE_MEM: f64 = 262_144.0;
const RACK_LEN: usize = 40;
const SETS: usize = 200;

/// How much of a priority step waiting is worth; the order of the queue is the same for all matchers.
pub(crate) const PRIORITY_MILLIS: i64 = 600_000;

fn pick(rng: &mut Rng, all: &[&'static str]) -> &'static str {
    all[rng.usize(..all.len())]
}

// A value from a table of quantiles, straight between them.
fn quantile(rng: &mut Rng, table: &[(f64, f64)]) -> f64 {
    let at = rng.f64();
    let upper = table.iter().position(|(share, _)| at <= *share);
    let upper = upper.unwrap_or(table.len() - 1).max(1);
    let ((from, low), (to, high)) = (table[upper - 1], table[upper]);
    low + (high - low) * ((at - from) / (to - from)).clamp(0.0, 1.0)
}

fn scalar(amount: f64) -> Scalar {
    Scalar::from_f64(amount.max(0.0)).expect("amounts are small")
}

impl Workload {
    pub(crate) fn new(shape: Shape) -> Self {
        let mut rng = Rng::with_seed(shape.seed);
        let racks = shape.agents.div_ceil(RACK_LEN);
        let sets: Vec<Vec<Constraint>> = (0..SETS).map(|_| constraints(&mut rng, racks)).collect();
        let mut jobs: Vec<Job> = Vec::new();
        let mut tasks: Vec<(usize, Waiting)> = Vec::new();
        while tasks.len() < shape.tasks {
            let (job, count) = job(&mut rng, jobs.len(), shape, &sets, racks);
            let priority = [1, 0, 0, 0, 0, 0, 0, 0, 0, -1][rng.usize(..10)];
            let since = if rng.bool() { 0 } else { rng.i64(-600_000..0) };
            for _ in 0..count.min(shape.tasks - tasks.len()) {
                let id = tasks.len() as u64;
                let task = Waiting {
                    id,
                    priority,
                    since,
                    ..Waiting::default()
                };
                tasks.push((jobs.len(), task));
            }
            jobs.push(job);
        }
        let demand = tasks.iter().fold((0.0, 0.0), |(cpus, mem), (job, _)| {
            (cpus + jobs[*job].cpus, mem + jobs[*job].mem)
        });
        let agents = agents(&mut rng, shape, demand);
        tasks.sort_by_key(|(_, task)| {
            let head_start = i64::from(task.priority) * PRIORITY_MILLIS;
            (task.since - head_start, task.id)
        });
        Self {
            jobs,
            tasks,
            agents,
        }
    }
}

fn job(
    rng: &mut Rng,
    number: usize,
    shape: Shape,
    sets: &[Vec<Constraint>],
    racks: usize,
) -> (Job, usize) {
    let (cpus, mem, lasts, count, gpus) = size(rng, shape);
    let disk = if rng.f64() < 0.1 {
        rng.f64() * 50_000.0
    } else {
        256.0
    };
    let mut demand = Demand {
        gpus: Scalar::from_units(gpus),
        ports: if rng.f64() < 0.2 { rng.u32(1..3) } else { 0 },
        lasts: Lasts::Millis(to_i64(lasts * 1000.0)),
        ..Demand::new(Resources::new(
            scalar(cpus),
            scalar(mem),
            scalar(disk.round()),
        ))
    };
    if rng.u32(..100) < shape.density {
        demand.constraints = if rng.f64() < 0.05 {
            constraints(rng, racks)
        } else {
            sets[zipf(rng, sets.len())].clone()
        };
    }
    if gpus > 0 && rng.f64() < 0.338 {
        let model = pick(rng, &["A10", "T4", "V100"]);
        demand
            .constraints
            .push(constraint("gpu_model", Operator::Equals, model));
    }
    if count > 1 && rng.f64() < 0.05 {
        demand.group = Some(format!("job-{number}").into());
        demand.constraints.push(if rng.bool() {
            constraint("hostname", Operator::Unique, "")
        } else {
            constraint("rack", Operator::MaxPer, "2")
        });
    }
    let job = Job { demand, cpus, mem };
    (job, count)
}

// Cpus, memory, seconds, the number of tasks, and GPUs. Shares are of jobs, made so that the tasks come
// out as 46 % cron, 40 % batch, 10 % odd, 3 % big and 1 % GPU.
fn size(rng: &mut Rng, shape: Shape) -> (f64, f64, f64, usize, i64) {
    let kind = rng.f64();
    // Shares of tasks; a batch job has 18 tasks in the mean, the others one.
    if kind < 0.7396 {
        (0.1, 128.0, 60.0, 1, 0)
    } else if kind < 0.775 {
        let cpus = if rng.f64() < 0.566 { 0.5 } else { 1.0 };
        let share = quantile(
            rng,
            &[
                (0.0, 0.2),
                (0.05, 0.3),
                (0.5, 0.39),
                (0.95, 0.59),
                (1.0, 0.92),
            ],
        );
        let runtime = [
            (0.0, 5.0),
            (0.5, 50.0),
            (0.9, 184.0),
            (0.99, 476.0),
            (1.0, 900.0),
        ];
        let instances = [
            (0.0, 1.0),
            (0.5, 2.0),
            (0.75, 12.0),
            (0.9, 53.0),
            (0.95, 96.0),
            (0.99, 167.0),
            (1.0, 200.0),
        ];
        // Requests are written by people: quarters of a gigabyte.
        let mem = (share * 3_932.0 / 256.0).round() * 256.0;
        let count = quantile(rng, &instances).round().max(1.0);
        (cpus, mem, quantile(rng, &runtime), to_usize(count), 0)
    } else if kind < 0.9358 {
        let cpus = 0.05 * (160.0_f64).powf(rng.f64());
        let mem = 32.0 * (1024.0_f64).powf(rng.f64());
        (cpus, mem, 120.0, 1, 0)
    } else if kind < 0.984 || !shape.gpus {
        let cpus = quantile(
            rng,
            &[
                (0.0, 4.0),
                (0.5, 11.3),
                (0.9, 16.4),
                (0.99, 32.0),
                (1.0, 60.0),
            ],
        );
        let mem = quantile(
            rng,
            &[
                (0.0, 8_192.0),
                (0.5, 41_560.0),
                (0.95, 98_304.0),
                (1.0, 196_608.0),
            ],
        );
        (cpus.round(), mem.round(), 300.0, 1, 0)
    } else {
        (
            rng.u32(4..12).into(),
            f64::from(rng.u32(16..64)) * 1024.0,
            600.0,
            1,
            1,
        )
    }
}

fn zipf(rng: &mut Rng, len: usize) -> usize {
    // The inverse of the continuous distribution with exponent one.
    to_usize((len as f64).powf(rng.f64()) - 1.0).min(len - 1)
}

fn constraint(attribute: &str, operator: Operator, value: &str) -> Constraint {
    Constraint::new(attribute, operator, value).expect("written right")
}

// One to three, on different attributes.
fn constraints(rng: &mut Rng, racks: usize) -> Vec<Constraint> {
    let mut kinds = [0, 1, 2, 3, 4, 5, 6, 7];
    rng.shuffle(&mut kinds);
    let count = rng.usize(1..4);
    let one = |rng: &mut Rng, kind: i32| match kind {
        0 => constraint("zone", Operator::Equals, pick(rng, &["z1", "z2", "z3"])),
        1 => constraint(
            "os",
            Operator::Like,
            pick(rng, &["debian-1[12]", "debian-.*", "rocky-9"]),
        ),
        2 => constraint(
            "platform",
            Operator::Unlike,
            pick(rng, &["p1", "p2", "p[34]", "p4"]),
        ),
        3 => constraint(
            "pool",
            Operator::Like,
            pick(
                rng,
                &["batch|shared", "shared", "batch|edge", "web|shared|batch"],
            ),
        ),
        4 => constraint(
            "kernel",
            Operator::Like,
            pick(rng, &["5\\..*", "6\\..*", "[56]\\.1.*"]),
        ),
        5 => constraint(
            "gen",
            Operator::Like,
            pick(rng, &["[34]\\.0", "[2-4]\\.0", "4\\.0"]),
        ),
        6 => constraint("disktype", Operator::Equals, pick(rng, &["ssd", "nvme"])),
        _ => {
            let last = rng.usize(..10.min(racks.max(1)));
            constraint("rack", Operator::Unlike, &format!("r.*{last}"))
        }
    };
    kinds[..count].iter().map(|&kind| one(rng, kind)).collect()
}

fn agents(rng: &mut Rng, shape: Shape, demand: (f64, f64)) -> Vec<Agent> {
    let total: u32 = MACHINES.iter().map(|(count, _, _)| count).sum();
    let machines: Vec<(f64, f64, i64, f64)> = (0..shape.agents)
        .map(|_| {
            let share = rng.f64().max(0.02);
            if shape.gpus && rng.f64() < 0.05 {
                return (96.0, 393_216.0, 8, share);
            }
            let mut at = rng.u32(..total);
            let machine = MACHINES.iter().find(|(count, _, _)| {
                let found = at < *count;
                at = at.saturating_sub(*count);
                found
            });
            let (_, cpus, mem) = machine.expect("within the total");
            (MACHINE_CPUS * cpus, MACHINE_MEM * mem, 0, share)
        })
        .collect();
    let scale = shape.load.map(|load| {
        let offered = |scale: f64| {
            machines.iter().fold((0.0, 0.0), |(cpus, mem), machine| {
                let share = (machine.3 * scale).min(1.0);
                (cpus + machine.0 * share, mem + machine.1 * share)
            })
        };
        let (mut low, mut high) = (0.0, 64.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            let (cpus, mem) = offered(middle);
            let enough = cpus * load >= demand.0 && mem * load >= demand.1;
            if enough { high = middle } else { low = middle }
        }
        high
    });
    machines
        .into_iter()
        .enumerate()
        .map(|(number, (cpus, mem, gpus, share))| {
            let share = scale.map_or(1.0, |scale| (share * scale).min(1.0));
            agent(rng, number, (cpus * share, mem * share, gpus, share), shape)
        })
        .collect()
}

fn agent(
    rng: &mut Rng,
    number: usize,
    (cpus, mem, gpus, share): (f64, f64, i64, f64),
    shape: Shape,
) -> Agent {
    let rack = number / RACK_LEN;
    let attributes = attributes(rng, rack, gpus);
    let attributes = Arc::new(Attributes::new(&format!("node-{number}"), attributes));
    let window = (shape.load.is_some() && rng.f64() < 0.01).then_some(Window {
        start: 30_000,
        end: None,
    });
    let mut ranges = Vec::new();
    for block in 0..rng.u64(1..6) {
        let from = 31_000 + block * 200;
        ranges.push((from, from + rng.u64(5..150)));
    }
    let ports = Ranges::new(ranges);
    let amounts = [
        scalar((cpus * 100.0).floor() / 100.0),
        scalar(mem.floor()),
        scalar((500_000.0 * share).floor()),
    ];
    let plain = Arc::new(Identity::from_single("*", None).allocated_to("cron"));
    let mine = Arc::new(Identity::from_single("cron", None).allocated_to("cron"));
    let names = ["cpus", "mem", "disk"];
    let reserved = rng.f64() < 0.03;
    let mut parcels: Vec<Parcel> = Vec::new();
    for (name, amount) in names.into_iter().zip(amounts) {
        let half = Scalar::from_thousandths(if reserved {
            amount.thousandths() / 2
        } else {
            0
        });
        parcels.push(Parcel::scalar(name, half, &mine));
        parcels.push(Parcel::scalar(name, amount.minus(half), &plain));
    }
    let free_gpus = if gpus > 0 { rng.i64(1..=gpus) } else { 0 };
    parcels.push(Parcel::scalar(
        "gpus",
        Scalar::from_units(free_gpus),
        &plain,
    ));
    parcels.push(Parcel::ranges("ports", ports.clone(), &plain));
    let split = rng.f64() < 0.03;
    let parts = if split {
        parcels.chunks(5).map(<[_]>::to_vec).collect()
    } else {
        vec![parcels]
    };
    let offers = parts.into_iter().enumerate().map(|(part, parcels)| Offer {
        id: OfferId(format!("offer-{number}-{part}").into()),
        agent: AgentId(format!("agent-{number:06}").into()),
        role: "cron".into(),
        supply: Parcels::new(parcels).into(),
        attributes: Arc::clone(&attributes),
        abilities: Vec::new(),
        unavailable: window,
    });
    Agent {
        offers: offers.collect(),
        free: [
            amounts[0].thousandths(),
            amounts[1].thousandths(),
            amounts[2].thousandths(),
            free_gpus * 1000,
            i64::try_from(ports.len()).expect("few"),
        ],
        room: window.map_or(i64::MAX, |window| window.start),
        rack: u32::try_from(rack).expect("few"),
        attributes,
    }
}

fn attributes(rng: &mut Rng, rack: usize, gpus: i64) -> Vec<Attribute> {
    let text = |name: &str, value: &str| Attribute::new(name, AttributeValue::text(value));
    let mut attributes = vec![
        text("rack", &format!("r{rack}")),
        text("zone", ["z1", "z2", "z3"][rack % 3]),
        text(
            "os",
            pick(rng, &["debian-11", "debian-12", "debian-12", "rocky-9"]),
        ),
        text("platform", pick(rng, &["p1", "p2", "p3", "p4"])),
        text("pool", pick(rng, &["batch", "shared", "web", "edge"])),
        text("kernel", pick(rng, &["5.10", "5.15", "6.1", "6.6"])),
        Attribute::new(
            "gen",
            AttributeValue::Scalar(Scalar::from_units(rng.i64(1..5)).into()),
        ),
        Attribute::new(
            "keys",
            AttributeValue::Ranges(Ranges::new([(1, rng.u64(2..9))])),
        ),
    ];
    if rng.f64() < 0.7 {
        attributes.push(text("disktype", pick(rng, &["ssd", "nvme", "hdd"])));
    }
    if gpus > 0 {
        attributes.push(text("gpu_model", pick(rng, &["A10", "T4", "V100"])));
    }
    attributes
}

fn to_usize(number: f64) -> usize {
    number as usize
}

fn to_i64(number: f64) -> i64 {
    number as i64
}
