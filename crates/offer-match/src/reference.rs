//! The same decisions, made slowly.
//!
//! Every task looks at every agent, and every constraint is evaluated each time. It shares the
//! definitions with the matcher (order of tasks, order of agents) and none of the machinery, so the two
//! agreeing says that the machinery is right. Agents kept for starving tasks are not part of it.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "it is compared, not run in production"
)]
#![expect(
    clippy::mutable_key_type,
    reason = "constraints compare by their texts, which do not change"
)]

use std::{collections::BTreeMap, sync::Arc};

mod disks;
mod mend;

use resources::{Parcel, Spread};

use crate::{
    AgentId, Demand, Fitness, Gpus, Matcher, Ticket,
    amounts::{Amounts, dominant, fits, lean, misfit, subtract},
    facts::{class::Brief, row::Row},
    round::{CHOICES, few::TASKS_MAX, rank::place},
};

/// Places the tasks of a matcher as its next round should.
pub fn match_naively(matcher: &Matcher, now: i64) -> Vec<(u64, AgentId)> {
    let one = Naive::new(matcher, now, false).attempt();
    let mut tasks = matcher.queue.iter_all();
    let pack = matcher.facts.policy.fitness == Fitness::Pack;
    if !pack || matcher.waiting() > TASKS_MAX {
        return if pack { one.mended() } else { one.placed() };
    }
    if !tasks.all(|task| matcher.facts.briefs[task.class as usize].plain) {
        return one.placed();
    }
    let two = Naive::new(matcher, now, true).attempt();
    let missed = |naive: &Naive<'_>| {
        let tasks = naive.tasks.len();
        let first = (0..tasks).find(|&task| naive.place_of(task).is_none());
        (naive.placements.len(), first.unwrap_or(tasks))
    };
    let ((placed, first), (more, not_before)) = (missed(&one), missed(&two));
    let better = more > placed && not_before >= first;
    if better { two.placed() } else { one.placed() }
}

struct Naive<'a> {
    matcher: &'a Matcher,
    now: i64,
    by_name: bool,
    // In the order in which they are tried.
    rows: Vec<Row>,
    // How much is competed for each.
    levels: Vec<u64>,
    ports: Vec<Vec<u16>>,
    disks: Vec<Vec<Parcel>>,
    running: BTreeMap<(String, AgentId), u32>,
    next: usize,
    tasks: Vec<Ticket>,
    // Which task, in which row.
    placements: Vec<(usize, usize)>,
}

impl<'a> Naive<'a> {
    fn new(matcher: &'a Matcher, now: i64, by_name: bool) -> Self {
        let facts = &matcher.facts;
        let usable = |row: &&Row| row.is_at_hand() && !row.draining && !row.kept;
        let all: Vec<&Row> = facts
            .row_ids
            .values()
            .map(|&slot| &facts.rows[slot as usize])
            .collect();
        let mut rows: Vec<Row> = all.iter().copied().filter(usable).cloned().collect();
        let pressures = pressures(matcher, &all, &rows);
        let levels: Vec<u64> = pressures.into_iter().map(level).collect();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&at| {
            let free = dominant(&rows[at].whole);
            let place = match facts.policy.fitness {
                Fitness::Pack => i64::try_from(place(levels[at], free)).unwrap_or(0),
                Fitness::Spread => -i64::from(free),
            };
            (if by_name { 0 } else { place }, rows[at].key.clone())
        });
        let mut queue = matcher.queue.clone();
        queue.sort_in();
        rows = order.iter().map(|&at| rows[at].clone()).collect();
        let levels = order.iter().map(|&at| levels[at]).collect();
        Self {
            matcher,
            now,
            by_name,
            ports: vec![Vec::new(); rows.len()],
            disks: rows.iter().map(disks::of).collect(),
            rows,
            levels,
            running: facts
                .running
                .iter()
                .map(|(group, agent, tasks)| ((group.to_string(), agent.clone()), tasks))
                .collect(),
            next: 0,
            tasks: queue.iter().copied().collect(),
            placements: Vec::new(),
        }
    }

    fn attempt(mut self) -> Self {
        for task in 0..self.tasks.len() {
            let Some(demand) = self.demand(task) else {
                continue;
            };
            let brief = self.brief(task);
            if let Some(row) = self.find(&demand, &brief.need, brief.lasts) {
                self.take(row, &demand, &brief.need);
                self.placements.push((task, row));
            }
        }
        self
    }

    fn demand(&self, task: usize) -> Option<Arc<Demand>> {
        self.matcher
            .facts
            .classes
            .key(self.tasks[task].class)
            .cloned()
    }

    fn brief(&self, task: usize) -> Brief {
        self.matcher.facts.briefs[self.tasks[task].class as usize]
    }

    fn place_of(&self, task: usize) -> Option<usize> {
        let mut placements = self.placements.iter();
        let found = placements.find(|(placed, _)| *placed == task);
        found.map(|(_, row)| *row)
    }

    fn placed(&self) -> Vec<(u64, AgentId)> {
        let shown =
            |&(task, row): &(usize, usize)| (self.tasks[task].id, self.rows[row].key.agent.clone());
        self.placements.iter().map(shown).collect()
    }

    fn find(&mut self, demand: &Demand, need: &Amounts, lasts: i64) -> Option<usize> {
        let stages = demand.roles.len().max(1);
        for stage in 0..stages {
            for near in [true, false] {
                if near && demand.affinity.is_none() {
                    continue;
                }
                let may = |&position: &usize| {
                    let row = &self.rows[position];
                    let role = demand.roles.get(stage);
                    role.is_none_or(|role| row.key.role == *role)
                        && (!near || self.has_data(demand, row))
                        && allows(self.matcher, demand, row)
                        && fits(need, &row.whole)
                        && row.room(self.now) >= lasts
                        && self.allows_special(demand, position)
                };
                let found = if self.matcher.facts.policy.fitness == Fitness::Spread {
                    let from = self.next.min(self.rows.len());
                    (from..self.rows.len()).chain(0..from).find(may)
                } else {
                    let choices = if self.by_name { 1 } else { CHOICES };
                    let first = (0..self.rows.len()).filter(may).take(choices);
                    first.min_by_key(|&position| {
                        let have = &self.rows[position].whole;
                        64 * self.levels[position] + misfit(have, need, lean(need))
                    })
                };
                if let Some(position) = found {
                    self.next = position + 1;
                    return found;
                }
            }
        }
        None
    }

    fn has_data(&self, demand: &Demand, row: &Row) -> bool {
        demand.affinity.as_ref().is_some_and(|data| {
            let entry = (data.clone(), row.key.agent.clone());
            self.matcher.facts.fetched.contains(&entry)
        })
    }

    fn allows_special(&self, demand: &Demand, position: usize) -> bool {
        let row = &self.rows[position];
        let ports = row.ports();
        demand
            .fixed_ports
            .iter()
            .all(|port| ports.contains(u64::from(*port)) && !self.ports[position].contains(port))
            && demand.others.iter().all(|(name, amount)| {
                row.others
                    .iter()
                    .any(|(known, have)| known == name && *have >= amount.thousandths())
                    || amount.is_zero()
            })
            && (disks::asks_none(demand) || disks::without(&self.disks[position], demand).is_some())
            && self.spreads_allow(demand, row)
    }

    fn spreads_allow(&self, demand: &Demand, row: &Row) -> bool {
        let Some(group) = &demand.group else {
            return true;
        };
        let rows = &self.matcher.facts.row_ids;
        let value = |row: &Row, attribute: &str| -> Vec<_> {
            row.attributes.values(attribute).cloned().collect()
        };
        demand.constraints.iter().all(|constraint| {
            let Some(rule) = constraint.spread() else {
                return true;
            };
            let attribute = constraint.attribute();
            let mine = value(row, attribute);
            let mut total = 0;
            let mut same = 0;
            for ((known, agent), &tasks) in &self.running {
                let first = rows.iter().find(|(key, _)| key.agent == *agent);
                let Some((_, &slot)) = first.filter(|_| **known == **group) else {
                    continue;
                };
                let theirs = value(&self.matcher.facts.rows[slot as usize], attribute);
                total += tasks;
                same += if theirs == mine { tasks } else { 0 };
            }
            let mut values: Vec<_> = rows
                .values()
                .map(|&slot| value(&self.matcher.facts.rows[slot as usize], attribute))
                .filter(|value| !value.is_empty())
                .collect();
            values.sort();
            values.dedup();
            let limit = match rule {
                Spread::AtMost(limit) => limit,
                Spread::Evenly(groups) => {
                    let all = u32::try_from(values.len()).unwrap_or(u32::MAX);
                    total / groups.unwrap_or(all).max(1) + 1
                }
            };
            !mine.is_empty() && same < limit
        })
    }

    fn take(&mut self, position: usize, demand: &Demand, need: &Amounts) {
        let row = &mut self.rows[position];
        subtract(&mut row.whole, need);
        self.ports[position].extend(&demand.fixed_ports);
        if !disks::asks_none(demand) {
            let left = disks::without(&self.disks[position], demand);
            self.disks[position] = left.unwrap_or_default();
        }
        for (name, amount) in &demand.others {
            for (known, have) in &mut row.others {
                if known == name {
                    *have -= amount.thousandths();
                }
            }
        }
        if let Some(group) = &demand.group {
            let key = (group.to_string(), row.key.agent.clone());
            *self.running.entry(key).or_default() += 1;
        }
    }
}

// Everything about an agent that cannot change in a round, but its role and its data.
fn allows(matcher: &Matcher, demand: &Demand, row: &Row) -> bool {
    let policy = &matcher.facts.policy;
    let has_gpus = |row: &Row| row.total[crate::amounts::GPUS] > 0;
    let gpus = has_gpus(row);
    let mut rows = matcher.facts.rows_of(&row.key.agent).into_iter();
    let beside_gpus = rows.any(|slot| has_gpus(&matcher.facts.rows[slot as usize]));
    let names_region = demand
        .constraints
        .iter()
        .any(|constraint| constraint.attribute() == "@region");
    let local = policy.home_region.as_deref().is_none_or(|home| {
        let region = row.attributes.values("@region").next();
        home.is_empty() || region.is_none_or(|region| region.to_string() == home)
    });
    row.key.revocable == demand.revocable
        && (names_region || local)
        && disks::could_be_had(row, demand)
        && (gpus || demand.gpus.is_zero())
        && (!beside_gpus || !demand.gpus.is_zero() || policy.gpus == Gpus::Shared)
        && demand
            .abilities
            .iter()
            .all(|ability| row.abilities.contains(ability))
        && demand
            .constraints
            .iter()
            .all(|constraint| constraint.holds(&row.attributes))
}

fn pressures(matcher: &Matcher, all: &[&Row], rows: &[Row]) -> Vec<u64> {
    let facts = &matcher.facts;
    let mut pressures = vec![0; rows.len()];
    if facts.policy.fitness == Fitness::Spread {
        return pressures;
    }
    // By what decides where a demand may go at last.
    let mut sets: BTreeMap<_, (u64, Demand)> = BTreeMap::new();
    let mut queue = matcher.queue.clone();
    queue.sort_in();
    for task in queue.iter() {
        let Some(demand) = facts.classes.key(task.class) else {
            continue;
        };
        let key = (
            demand.constraints.clone(),
            demand.abilities.clone(),
            demand.gpus.is_zero(),
            demand.revocable,
            demand.roles.last().cloned(),
            (demand.disks.clone(), demand.volumes.clone()),
        );
        let bound = !demand.constraints.is_empty() || !demand.abilities.is_empty();
        if !bound && demand.gpus.is_zero() && disks::asks_none(demand) {
            continue;
        }
        let entry = sets.entry(key).or_insert_with(|| (0, (**demand).clone()));
        entry.0 += u64::from(dominant(&facts.briefs[task.class as usize].need));
    }
    for (size, demand) in sets.values() {
        let may = |row: &Row| {
            allows(matcher, demand, row)
                && demand.roles.last().is_none_or(|role| row.key.role == *role)
        };
        let capacity: u64 = all
            .iter()
            .filter(|row| may(row))
            .map(|row| u64::from(dominant(&row.total)))
            .sum();
        let Some(weight) = (size << 20).checked_div(capacity) else {
            continue;
        };
        for (pressure, row) in pressures.iter_mut().zip(rows) {
            *pressure += if may(row) { weight.min(1 << 40) } else { 0 };
        }
    }
    pressures
}

fn level(pressure: u64) -> u64 {
    match pressure {
        0 => 0,
        1 => 1,
        _ => {
            let log = u64::from(pressure.ilog2());
            2 * log + 1 + ((pressure >> (log - 1)) & 1)
        }
    }
}
