//! Other ways to do it, and the rules that every result is held to.
//!
//! The baselines get their conditions compiled to one bit for each job and agent, which none of the
//! originals has and which is not timed; so what is compared is the search.

use std::{collections::BTreeMap, time::Duration};

use offer_match::Lasts;
use resources::Operator;

use crate::{Stopwatch, workload::Workload};

/// Where each task went: (position in the queue, agent).
pub(crate) type Placed = Vec<(usize, usize)>;

/// A workload in plain arrays.
pub(crate) struct Plain<'a> {
    pub(crate) work: &'a Workload,
    pub(crate) need: Vec<[i64; 5]>,
    lasts: Vec<i64>,
    // By job: which agents its conditions allow.
    allowed: Vec<std::rc::Rc<Vec<bool>>>,
    spread: Vec<Option<Rule>>,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    Host,
    Rack(u32),
}

#[derive(Default)]
struct Counts {
    hosts: BTreeMap<(usize, usize), u32>,
    racks: BTreeMap<(usize, u32), u32>,
}

impl<'a> Plain<'a> {
    pub(crate) fn new(work: &'a Workload) -> Self {
        let mut known: BTreeMap<(Vec<String>, bool), std::rc::Rc<Vec<bool>>> = BTreeMap::new();
        // Each constraint is evaluated once for each agent; many jobs have the same.
        let mut answers: BTreeMap<String, Vec<bool>> = BTreeMap::new();
        let mut plain = Self {
            work,
            need: Vec::new(),
            lasts: Vec::new(),
            allowed: Vec::new(),
            spread: Vec::new(),
        };
        for job in &work.jobs {
            let demand = &job.demand;
            let amounts = &demand.resources;
            plain.need.push([
                amounts.cpus.thousandths(),
                amounts.mem.thousandths(),
                amounts.disk.thousandths(),
                demand.gpus.thousandths(),
                demand.ports.into(),
            ]);
            plain.lasts.push(match demand.lasts {
                Lasts::Millis(millis) => millis,
                Lasts::Unknown | Lasts::Indifferent => 0,
            });
            let rule = demand
                .constraints
                .iter()
                .find(|one| one.operator().is_spread());
            plain.spread.push(rule.map(|one| {
                if one.operator() == Operator::Unique {
                    Rule::Host
                } else {
                    Rule::Rack(2)
                }
            }));
            let wants_gpus = !demand.gpus.is_zero();
            let texts: Vec<String> = demand.constraints.iter().map(ToString::to_string).collect();
            let allowed = known.entry((texts, wants_gpus)).or_insert_with(|| {
                let gpus = work.agents.iter().map(|agent| agent.free[3] > 0);
                let mut allowed: Vec<bool> = gpus.map(|has| has == wants_gpus).collect();
                for one in &demand.constraints {
                    let answers = answers.entry(one.to_string()).or_insert_with(|| {
                        let agents = work.agents.iter();
                        agents.map(|agent| one.holds(&agent.attributes)).collect()
                    });
                    for (allowed, answer) in allowed.iter_mut().zip(answers) {
                        *allowed &= *answer;
                    }
                }
                std::rc::Rc::new(allowed)
            });
            plain.allowed.push(std::rc::Rc::clone(allowed));
        }
        plain
    }

    fn may(&self, job: usize, agent: usize, free: &[[i64; 5]], counts: &Counts) -> bool {
        let fits = self.need[job]
            .iter()
            .zip(&free[agent])
            .all(|(need, free)| need <= free);
        fits && self.allowed[job][agent]
            && self.work.agents[agent].room >= self.lasts[job]
            && match self.spread[job] {
                None => true,
                Some(Rule::Host) => !counts.hosts.contains_key(&(job, agent)),
                Some(Rule::Rack(most)) => {
                    let rack = self.work.agents[agent].rack;
                    counts
                        .racks
                        .get(&(job, rack))
                        .is_none_or(|&count| count < most)
                }
            }
    }

    fn take(&self, job: usize, agent: usize, free: &mut [[i64; 5]], counts: &mut Counts) {
        for (free, need) in free[agent].iter_mut().zip(self.need[job]) {
            *free -= need;
        }
        if self.spread[job].is_some() {
            *counts.hosts.entry((job, agent)).or_default() += 1;
            let rack = self.work.agents[agent].rack;
            *counts.racks.entry((job, rack)).or_default() += 1;
        }
    }

    fn free(&self) -> Vec<[i64; 5]> {
        self.work.agents.iter().map(|agent| agent.free).collect()
    }

    fn each(
        &self,
        limit: Duration,
        mut choose: impl FnMut(usize, &[[i64; 5]], &Counts) -> Option<usize>,
    ) -> Run {
        let mut free = self.free();
        let mut counts = Counts::default();
        let mut placed = Vec::new();
        let started = Stopwatch::start();
        for (position, (job, _)) in self.work.tasks.iter().enumerate() {
            if let Some(agent) = choose(*job, &free, &counts) {
                self.take(*job, agent, &mut free, &mut counts);
                placed.push((position, agent));
            }
            if position % 64 == 63 && started.elapsed() > limit {
                return Run {
                    placed,
                    looked_at: position + 1,
                    took: started.elapsed(),
                };
            }
        }
        Run {
            placed,
            looked_at: self.work.tasks.len(),
            took: started.elapsed(),
        }
    }

    /// The first agent that fits.
    pub(crate) fn first_fit(&self, limit: Duration) -> Run {
        self.each(limit, |job, free, counts| {
            (0..free.len()).find(|&agent| self.may(job, agent, free, counts))
        })
    }

    /// Every agent is scored by how full it would be, with the tasks on it summed up on each trial.
    pub(crate) fn fenzo(&self, limit: Duration) -> Run {
        let whole = self.free();
        let mut tasks_on: Vec<Vec<usize>> = vec![Vec::new(); whole.len()];
        self.each(limit, |job, free, counts| {
            let mut best: Option<(f64, usize)> = None;
            for agent in 0..free.len() {
                if !self.may(job, agent, free, counts) {
                    continue;
                }
                let mut used = (self.need[job][0], self.need[job][1]);
                for &other in &tasks_on[agent] {
                    used.0 += self.need[other][0];
                    used.1 += self.need[other][1];
                }
                let share = |used: i64, whole: i64| used as f64 / (whole.max(1)) as f64;
                let fitness = f64::midpoint(
                    share(used.0, whole[agent][0]),
                    share(used.1, whole[agent][1]),
                );
                if best.is_none_or(|(most, _)| fitness > most) {
                    best = Some((fitness, agent));
                }
            }
            best.map(|(_, agent)| {
                tasks_on[agent].push(job);
                agent
            })
        })
    }

    /// Best fit by dominant remaining amount, by a scan of every agent.
    pub(crate) fn scan(&self, limit: Duration) -> Run {
        self.each(limit, |job, free, counts| {
            let need = &self.need[job];
            let mut best: Option<(i64, usize)> = None;
            for (agent, have) in free.iter().enumerate() {
                let left = ((have[0] - need[0]) * 4).max((have[1] - need[1]) / 1000);
                if best.is_none_or(|(least, _)| left < least) && self.may(job, agent, free, counts)
                {
                    best = Some((left, agent));
                }
            }
            best.map(|(_, agent)| agent)
        })
    }

    /// Panics on any broken rule.
    pub(crate) fn check(&self, placed: &Placed) {
        let mut free = self.free();
        let mut counts = Counts::default();
        let mut seen = vec![false; self.work.tasks.len()];
        for &(position, agent) in placed {
            let job = self.work.tasks[position].0;
            assert!(
                !std::mem::replace(&mut seen[position], true),
                "a task has one place"
            );
            let demand = &self.work.jobs[job].demand;
            let attributes = &self.work.agents[agent].attributes;
            assert!(demand.constraints.iter().all(|one| one.holds(attributes)));
            assert!(
                self.may(job, agent, &free, &counts),
                "task {position} on agent {agent}"
            );
            self.take(job, agent, &mut free, &mut counts);
        }
    }

    /// Returns the share of the offered cpus that is used.
    pub(crate) fn cpus(&self, placed: &Placed) -> f64 {
        let used: i64 = placed
            .iter()
            .map(|&(task, _)| self.need[self.work.tasks[task].0][0])
            .sum();
        let offered: i64 = self.work.agents.iter().map(|agent| agent.free[0]).sum();
        100.0 * used as f64 / offered as f64
    }

    /// Prints agents and classes of tasks as lines of numbers.
    pub(crate) fn dump(&self, density: u32) {
        for (at, agent) in self.work.agents.iter().enumerate() {
            println!("agent {density} {at} {:?} {}", agent.free, agent.room);
        }
        let mut classes: BTreeMap<(usize, bool), usize> = BTreeMap::new();
        for (job, _) in &self.work.tasks {
            *classes
                .entry((*job, self.spread[*job].is_some()))
                .or_default() += 1;
        }
        for ((job, _), count) in classes {
            let host = matches!(self.spread[job], Some(Rule::Host));
            let agents = (0..self.work.agents.len()).filter(|&agent| {
                self.allowed[job][agent] && self.work.agents[agent].room >= self.lasts[job]
            });
            let agents: Vec<String> = agents.map(|agent| agent.to_string()).collect();
            println!(
                "class {density} {count} {} {:?} {}",
                u8::from(host),
                self.need[job],
                agents.join(",")
            );
        }
    }

    /// Returns a number of tasks that no matcher can exceed.
    ///
    /// For each set of conditions, and then for all, the smallest tasks that fit the agents as if they
    /// were one; small by a mix of cpus and memory, the best of eleven mixes. Agents with GPUs apart.
    pub(crate) fn bound(&self) -> usize {
        [false, true]
            .into_iter()
            .map(|gpus| self.bound_of(gpus))
            .sum()
    }

    fn bound_of(&self, gpus: bool) -> usize {
        let mut by_set: BTreeMap<usize, Vec<[i64; 2]>> = BTreeMap::new();
        let mut sets: BTreeMap<usize, &Vec<bool>> = BTreeMap::new();
        for (job, _) in &self.work.tasks {
            if (self.need[*job][3] > 0) == gpus {
                let set = std::rc::Rc::as_ptr(&self.allowed[*job]) as usize;
                by_set
                    .entry(set)
                    .or_default()
                    .push([self.need[*job][0], self.need[*job][1]]);
                sets.entry(set).or_insert(&self.allowed[*job]);
            }
        }
        let capacity = |allowed: &dyn Fn(usize) -> bool| {
            let mut sum = [0; 2];
            for (at, agent) in self.work.agents.iter().enumerate() {
                if (agent.free[3] > 0) == gpus && allowed(at) {
                    sum[0] += agent.free[0];
                    sum[1] += agent.free[1];
                }
            }
            sum
        };
        let all = capacity(&|_| true);
        (0..=10)
            .map(|mix| {
                let mix = f64::from(mix) / 10.0;
                let mut kept: Vec<f64> = Vec::new();
                for (set, tasks) in &by_set {
                    let own = capacity(&|agent| sets[set][agent]);
                    let fit = smallest(tasks, own, mix);
                    let mut weights: Vec<f64> =
                        tasks.iter().map(|task| weight(task, all, mix)).collect();
                    weights.sort_by(f64::total_cmp);
                    kept.extend(&weights[..fit]);
                }
                kept.sort_by(f64::total_cmp);
                prefix(&kept)
            })
            .min()
            .unwrap_or(0)
    }
}

fn weight(task: &[i64; 2], whole: [i64; 2], mix: f64) -> f64 {
    let share = |at: usize| task[at] as f64 / (whole[at].max(1)) as f64;
    mix * share(0) + (1.0 - mix) * share(1)
}

fn smallest(tasks: &[[i64; 2]], whole: [i64; 2], mix: f64) -> usize {
    let mut weights: Vec<f64> = tasks.iter().map(|task| weight(task, whole, mix)).collect();
    weights.sort_by(f64::total_cmp);
    prefix(&weights)
}

fn prefix(weights: &[f64]) -> usize {
    let mut sum = 0.0;
    weights
        .iter()
        .take_while(|&&weight| {
            sum += weight;
            sum <= 1.0 + 1e-9
        })
        .count()
}

/// What a matcher did.
pub(crate) struct Run {
    pub(crate) placed: Placed,
    pub(crate) looked_at: usize,
    pub(crate) took: Duration,
}

impl Run {
    pub(crate) fn nanos(&self) -> f64 {
        self.took.as_secs_f64() * 1e9 / self.looked_at.max(1) as f64
    }
}
