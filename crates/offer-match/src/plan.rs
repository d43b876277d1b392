//! What a round decided.

use std::sync::Arc;

use resources::{Parcels, Ranges, Scalar};

use crate::{
    AgentId, DemandId, Matcher, OfferId,
    amounts::{CPUS, DISK, GPUS, MEM, NAMES},
    facts::row::Row,
    round::Placement,
};

/// What a round decided: which tasks go where.
///
/// It is a view: what it shows is computed when asked for.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    matcher: &'a Matcher,
}

/// The tasks that go to one agent, in one call that uses up the offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// Where.
    pub agent: AgentId,
    /// The role to which everything used here is allocated.
    pub role: Arc<str>,
    /// The offers, all of this agent and this role.
    pub offers: Vec<OfferId>,
    /// The tasks.
    pub tasks: Vec<LaunchedTask>,
}

/// One task with what it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct LaunchedTask {
    /// The caller's number of the task.
    pub id: u64,
    /// What it wanted.
    pub demand: DemandId,
    /// What it takes: entries as they were offered, reserved ones first.
    pub parcels: Parcels,
    /// Its ports.
    pub ports: Ranges,
}

impl<'a> Plan<'a> {
    pub(crate) const fn new(matcher: &'a Matcher) -> Self {
        Self { matcher }
    }

    /// Returns how many tasks got a place.
    pub const fn len(&self) -> usize {
        self.matcher.round.placements.len()
    }

    /// Whether no task got a place.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the tasks that got a place, in the order of the queue, each with its agent.
    pub fn placements(&self) -> impl Iterator<Item = (u64, &'a AgentId)> {
        let facts = &self.matcher.facts;
        self.matcher.round.placements.iter().map(|placement| {
            let row = &facts.rows[placement.slot as usize];
            (placement.task, &row.key.0)
        })
    }

    /// Returns what to launch, by agent and role.
    ///
    /// Every task gets entries exactly as they were offered: reserved ones first, then unreserved ones.
    /// Ports are taken from a place that depends on the task's number, so that a port which was used a
    /// moment ago rests while others are free.
    pub fn launches(&self) -> Vec<Launch> {
        let facts = &self.matcher.facts;
        let mut spent: Vec<_> = self.matcher.round.spent.iter().collect();
        spent.sort_unstable_by_key(|spent| &facts.rows[spent.slot as usize].key);
        let mut launches: Vec<Launch> = Vec::new();
        for spent in spent {
            let row = &facts.rows[spent.slot as usize];
            let (agent, role, _) = &row.key;
            let same = launches
                .last()
                .is_some_and(|last| last.agent == *agent && last.role == *role);
            if !same {
                launches.push(Launch {
                    agent: agent.clone(),
                    role: Arc::clone(role),
                    offers: Vec::new(),
                    tasks: Vec::new(),
                });
            }
            let Some(launch) = launches.last_mut() else {
                continue;
            };
            for part in &spent.parts {
                if !launch.offers.contains(&part.id) {
                    launch.offers.push(part.id.clone());
                }
            }
            let all = spent.parts.iter().map(|part| &*part.parcels);
            let stock = all.fold(Parcels::default(), |sum, parcels| sum.plus(parcels));
            launch.tasks.extend(self.fill(row, spent.slot, stock));
        }
        launches
    }

    fn placed_in(self, slot: u32) -> Vec<&'a Placement> {
        let round = &self.matcher.round;
        let mut next = round.last_in.get(slot as usize).copied();
        let mut placed = Vec::new();
        while let Some(placement) = next.and_then(|next| round.placements.get(next as usize)) {
            placed.push(placement);
            next = Some(placement.before);
        }
        placed.reverse();
        placed
    }

    // Fixed ports of all tasks first, so that no other task is given one of them.
    fn fill(self, row: &Row, slot: u32, mut stock: Parcels) -> Vec<LaunchedTask> {
        let classes = &self.matcher.facts.classes;
        let placed = self.placed_in(slot);
        let mut tasks: Vec<LaunchedTask> = Vec::with_capacity(placed.len());
        for placement in &placed {
            let class = &classes[placement.class];
            let fixed = class
                .fixed_ports
                .iter()
                .map(|&port| (port.into(), port.into()));
            let ports = Ranges::new(fixed);
            let parcels = stock.take_numbers("ports", &ports, |identity| row.has(identity));
            tasks.push(LaunchedTask {
                id: placement.task,
                demand: DemandId {
                    slot: placement.class,
                    generation: class.generation,
                },
                parcels: parcels.expect("the round saw these ports"),
                ports,
            });
        }
        for (placement, task) in placed.iter().zip(&mut tasks) {
            let class = &classes[placement.class];
            let scalars = [CPUS, MEM, DISK, GPUS].map(|column| {
                let amount = Scalar::from_thousandths(class.need[column]);
                (NAMES[column], amount)
            });
            let others = class.others.iter().map(|(name, amount)| (&**name, *amount));
            for (name, amount) in scalars.into_iter().chain(others) {
                let part = stock.take(name, amount, |identity| row.has(identity));
                let part = part.expect("the round counted this amount");
                task.parcels = task.parcels.plus(&part);
            }
            let wanted = class.need[crate::amounts::PORTS];
            let missing = u64::try_from(wanted).unwrap_or(0);
            let missing = missing.saturating_sub(class.fixed_ports.len() as u64);
            if missing > 0 {
                let free = stock.numbers("ports", |identity| row.has(identity));
                let ports = pick(&free, missing, placement.task);
                let part = stock.take_numbers("ports", &ports, |identity| row.has(identity));
                let part = part.expect("they were picked from what is there");
                task.parcels = task.parcels.plus(&part);
                task.ports = task.ports.plus(&ports);
            }
        }
        tasks
    }
}

// Consecutive free ports from a place by the task's number on, around the end.
fn pick(free: &Ranges, count: u64, task: u64) -> Ranges {
    let mut skip = task.checked_rem(free.len()).unwrap_or(0);
    let mut picked = Vec::new();
    let mut missing = count;
    for &(begin, end) in free.as_slice().iter().chain(free.as_slice()) {
        let len = end.saturating_sub(begin).saturating_add(1);
        if skip >= len {
            skip = skip.saturating_sub(len);
            continue;
        }
        let from = begin.saturating_add(skip);
        skip = 0;
        let there = end.saturating_sub(from).saturating_add(1).min(missing);
        if there > 0 {
            picked.push((from, from.saturating_add(there.saturating_sub(1))));
        }
        missing = missing.saturating_sub(there);
    }
    Ranges::new(picked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_picked_around_the_end() {
        let free = Ranges::new([(10, 12), (20, 21)]);
        let cases = [
            (1, 0, "[10-10]"),
            (2, 1, "[11-12]"),
            (2, 2, "[12-12, 20-20]"),
            (3, 4, "[10-11, 21-21]"),
            (5, 3, "[10-12, 20-21]"),
            (2, 7, "[12-12, 20-20]"),
        ];
        for (count, task, want) in cases {
            assert_eq!(pick(&free, count, task).to_string(), want, "{count} {task}");
        }
    }
}
