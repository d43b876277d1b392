//! Whole clusters: how small one may be, and how long big tasks wait in a busy one.

use fastrand::Rng;
use offer_match::{Demand, Matcher, Offer, Waiting};
use resources::{Attributes, Resources, Scalar};

use crate::{
    load, policy,
    workload::{Shape, Workload},
};

/// How many clusters are made smaller, if nothing else is said. What they need lies far apart when every job has
/// conditions, so a median that is to say something about others takes hundreds.
pub(crate) const CLUSTERS: u64 = 33;

/// Cluster compaction (Verma, Korupolu, Wilkes, CLUSTER 2014): how many of 500 agents, left away one
/// by one, still hold a demand of 40 % of all; one task in a hundred more than with all may wait.
pub(crate) fn compaction(seed: u64, clusters: u64, only: Option<u32>) {
    println!(
        "\n## compaction: share of 500 agents needed, demand 40 % of capacity, median of {clusters}"
    );
    let all = [(0, 42.0), (20, 48.0), (100, 45.0)].into_iter();
    for (density, must) in all.filter(|(density, _)| only.is_none_or(|only| only == *density)) {
        let seeds = (0..clusters).map(|number| 100 * seed + number);
        let mut shares: Vec<f64> = seeds.map(|seed| compact(density, seed)).collect();
        shares.sort_by(f64::total_cmp);
        let median = shares[shares.len() / 2];
        let verdict = if median <= must { "hit" } else { "MISSED" };
        println!("{density:3} %: {median:.1} % (must {must}: {verdict}), all {shares:.1?}");
    }
}

fn compact(density: u32, seed: u64) -> f64 {
    let shape = Shape {
        agents: 500,
        tasks: 40_000,
        density,
        load: None,
        gpus: false,
        seed,
    };
    let mut work = Workload::new(shape);
    // Cut the queue where the demand is 40 % of the scarcer resource.
    let sum = |at: usize| {
        work.agents
            .iter()
            .map(|agent| agent.free[at] as f64 / 1000.0)
            .sum::<f64>()
    };
    let (cpus, mem) = (sum(0) * 0.4, sum(1) * 0.4);
    let mut used = (0.0, 0.0);
    let mut order = work.tasks.clone();
    order.sort_by_key(|(_, task)| task.id);
    let mut count = 0;
    for (job, _) in &order {
        let job = &work.jobs[*job];
        used = (used.0 + job.cpus, used.1 + job.mem);
        if used.0 > cpus || used.1 > mem {
            break;
        }
        count += 1;
    }
    work.tasks.retain(|(_, task)| task.id < count);
    Rng::with_seed(seed).shuffle(&mut work.agents);
    // Some jobs want more racks than there are; those wait with any number of agents.
    let agents = std::mem::take(&mut work.agents);
    let waiting = load(&work).matcher;
    let placed = |count: usize| {
        let mut matcher = waiting.clone();
        for offer in agents[..count].iter().flat_map(|agent| &agent.offers) {
            matcher.offer(offer.clone());
        }
        matcher.round(0).len()
    };
    let most = placed(agents.len());
    let enough = |count: usize| placed(count) * 100 >= most * 99;
    let (mut low, mut high) = (0, agents.len());
    while high - low > 1 {
        let middle = low.midpoint(high);
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    100.0 * high as f64 / agents.len() as f64
}

const AGENTS: usize = 100;
const CPU_SECONDS: f64 = 100.0 * 32.0 * 3.0 * 3600.0;
const AGENT_CPUS: i64 = 32;
const AGENT_MEM: i64 = 131_072;
const SECONDS: i64 = 3 * 3600;

/// A cluster with 93 % of its cpus wanted by small tasks and 8 % by ones of half an agent.
pub(crate) fn starvation(seed: u64) {
    println!(
        "\n## starvation: {AGENTS} agents, small tasks want 93 % and big ones 8 % of the cpus, {SECONDS} s"
    );
    let mut sim = Simulation::new(4 + seed);
    for second in 0..SECONDS {
        sim.second(second);
    }
    let mut waits = sim.big_waits.clone();
    // Those that still wait count with what they have waited.
    waits.extend(sim.big_waiting.values().map(|since| SECONDS - since));
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
    println!(
        "big tasks ({}): wait p50 {} s, p99 {} s (must 300: {}), longest {} s; cpus busy {:.1} %; kept {:.2} agents in the mean",
        waits.len(),
        at(0.5),
        at(0.99),
        if at(0.99) <= 300 { "hit" } else { "MISSED" },
        at(1.0),
        sim.busy as f64 / 10.0 / CPU_SECONDS,
        sim.kept as f64 / SECONDS as f64,
    );
}

struct Simulation {
    rng: Rng,
    matcher: Matcher,
    free: Vec<(i64, i64)>,
    // When a task ends: (second, agent, cpus, mem).
    running: std::collections::BTreeMap<(i64, u64), (usize, i64, i64)>,
    wanted: std::collections::BTreeMap<u64, (i64, i64, i64)>,
    big_waiting: std::collections::BTreeMap<u64, i64>,
    big_waits: Vec<i64>,
    made: u64,
    offers: u64,
    // Cpus that are owed to each kind of task.
    due: [f64; 2],
    busy: i64,
    kept: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            matcher: Matcher::new(policy()),
            free: vec![(AGENT_CPUS * 1000, AGENT_MEM); AGENTS],
            running: std::collections::BTreeMap::new(),
            wanted: std::collections::BTreeMap::new(),
            big_waiting: std::collections::BTreeMap::new(),
            big_waits: Vec::new(),
            made: 0,
            offers: 0,
            due: [0.0; 2],
            busy: 0,
            kept: 0,
        }
    }

    fn second(&mut self, now: i64) {
        let mut changed: std::collections::BTreeSet<usize> = std::collections::BTreeSet::new();
        while let Some((&(end, id), &(agent, cpus, mem))) = self.running.first_key_value()
            && end <= now
        {
            self.running.remove(&(end, id));
            self.free[agent].0 += cpus;
            self.free[agent].1 += mem;
            changed.insert(agent);
        }
        self.arrive(now);
        // As a master does: what changed is offered again as a whole, and so is what a launch left.
        for agent in 0..AGENTS {
            let offer = format!("offer-{agent}");
            if changed.contains(&agent) || !self.matcher.offers().any(|id| *id.0 == *offer) {
                self.offer(agent, &offer);
            }
        }
        let plan = self.matcher.round(now * 1000);
        let placed: Vec<(u64, usize)> = plan
            .placements()
            .map(|(id, agent)| (id, agent.0["agent-".len()..].parse().expect("by number")))
            .collect();
        for (id, agent) in placed {
            let (cpus, mem, lasts) = self.wanted.remove(&id).expect("it waited");
            self.free[agent].0 -= cpus;
            self.free[agent].1 -= mem;
            assert!(self.free[agent].0 >= 0 && self.free[agent].1 >= 0);
            self.running.insert((now + lasts, id), (agent, cpus, mem));
            if let Some(since) = self.big_waiting.remove(&id) {
                self.big_waits.push(now - since);
            }
        }
        self.busy += self
            .free
            .iter()
            .map(|(cpus, _)| AGENT_CPUS * 1000 - cpus)
            .sum::<i64>();
        self.kept += self.matcher.kept().count();
    }

    fn arrive(&mut self, now: i64) {
        let capacity = AGENTS as f64 * AGENT_CPUS as f64;
        for (kind, load) in [(0, 0.93), (1, 0.08)] {
            // Cpu seconds a second; each task takes its own off.
            self.due[kind] += capacity * load;
            while self.due[kind] > 0.0 {
                let (cpus, mem, lasts) = self.task(kind);
                self.due[kind] -= cpus as f64 / 1000.0 * lasts as f64;
                self.made += 1;
                let amount = Resources::new(
                    Scalar::from_thousandths(cpus),
                    Scalar::from_units(mem),
                    Scalar::ZERO,
                );
                let demand = self.matcher.demand(&Demand::new(amount));
                let task = Waiting {
                    id: self.made,
                    since: now * 1000,
                    ..Waiting::default()
                };
                self.matcher.enqueue(demand, task);
                self.matcher.release(demand);
                self.wanted.insert(self.made, (cpus, mem, lasts));
                if kind == 1 {
                    self.big_waiting.insert(self.made, now);
                }
            }
        }
    }

    fn task(&mut self, kind: usize) -> (i64, i64, i64) {
        // Runtimes of the batch tasks: half within 50 s, nine in ten within 184 s.
        let lasts = match self.rng.f64() {
            share if share < 0.5 => 5.0 + 90.0 * share,
            share if share < 0.9 => 50.0 + 335.0 * (share - 0.5),
            share => 184.0 + 2_920.0 * (share - 0.9),
        };
        let lasts = lasts as i64;
        if kind == 1 {
            (AGENT_CPUS * 500, AGENT_MEM / 2, lasts)
        } else {
            let cpus = *[100, 500, 1000].get(self.rng.usize(..3)).expect("three");
            (cpus, cpus * 3, lasts)
        }
    }

    fn offer(&mut self, agent: usize, id: &str) {
        let (cpus, mem) = self.free[agent];
        self.offers += 1;
        let amount = Resources::new(
            Scalar::from_thousandths(cpus),
            Scalar::from_units(mem),
            Scalar::from_units(100),
        );
        let attributes = Attributes::new("node", []);
        self.matcher.offer(Offer::plain(
            id,
            format!("agent-{agent}"),
            &amount,
            attributes,
        ));
    }
}
