//! What a round decided.

use std::sync::Arc;

use resources::{Parcel, Parcels, Ranges, Scalar};

use crate::{
    AgentId, DemandId, Matcher, OfferId,
    amounts::{CPUS, DISK, GPUS, MEM, NAMES},
    disks::Disks,
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

/// The tasks that go to one agent in one call, as [`Launch`] without what each takes.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    plan: Plan<'a>,
    slots: [Option<u32>; 2],
}

/// One task with what it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct LaunchedTask {
    /// The caller's number of the task.
    pub id: u64,
    /// The caller's other number of it, as in [`Waiting::tag`](crate::Waiting::tag).
    pub tag: u32,
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

    /// Returns the tasks that got a place, each with its agent: in the order of the queue, and behind those the
    /// tasks for which others made room.
    pub fn placements(&self) -> impl Iterator<Item = (u64, &'a AgentId)> {
        let facts = &self.matcher.facts;
        self.matcher.round.placements.iter().map(|placement| {
            let row = &facts.rows[placement.slot as usize];
            (placement.task, &row.key.agent)
        })
    }

    /// Returns which tasks are launched together, by agent and role; see [`launches`](Self::launches).
    pub fn batches(&self) -> impl Iterator<Item = Batch<'a>> {
        let plan = *self;
        self.groups().map(move |slots| Batch { plan, slots })
    }

    /// Returns what to launch, by agent and role.
    ///
    /// Every task gets entries exactly as they were offered: reserved ones first, then unreserved ones. A disk that is
    /// taken whole is a whole entry, and tasks that use a shared volume have each the same entry.
    /// Ports are taken from a place that depends on the task's number, so that a port which was used a
    /// moment ago rests while others are free.
    pub fn launches(&self) -> Vec<Launch> {
        let launch = |batch: Batch<'a>| {
            let slots = batch.slots.into_iter().flatten();
            Launch {
                agent: batch.agent().clone(),
                role: Arc::clone(batch.role()),
                offers: batch.offers().cloned().collect(),
                tasks: slots.flat_map(|slot| self.fill(slot)).collect(),
            }
        };
        self.batches().map(launch).collect()
    }

    // The rows that were used, by key; firm and revocable ones of the same offers together.
    fn groups(self) -> impl Iterator<Item = [Option<u32>; 2]> {
        let rows = &self.matcher.facts.rows;
        let spent = &self.matcher.round.spent;
        let (only, mut slots) = match spent.as_slice() {
            [only] => (Some([Some(only.slot), None]), Vec::new()),
            many => (None, many.iter().map(|spent| spent.slot).collect()),
        };
        slots.sort_unstable_by_key(|&slot| &rows[slot as usize].key);
        let same = |one: &u32, two: &u32| {
            let [one, two] = [one, two].map(|slot| &rows[*slot as usize].key);
            (&one.agent, &one.role, one.lane) == (&two.agent, &two.role, two.lane)
        };
        let groups: Vec<[Option<u32>; 2]> = slots
            .chunk_by(same)
            .map(|group| [group.first().copied(), group.get(1).copied()])
            .collect();
        only.into_iter().chain(groups)
    }

    // What was placed in a row, in order.
    fn placed_in(self, slot: u32) -> impl Iterator<Item = &'a Placement> {
        let round = &self.matcher.round;
        let find = |number: u32| round.placements.get(number as usize);
        let last = round.last_in.get(slot as usize);
        let last = last.and_then(|&last| find(last));
        let mut others = Vec::new();
        let mut before = last.and_then(|last| find(last.before));
        while let Some(placement) = before {
            others.push(placement);
            before = find(placement.before);
        }
        others.into_iter().rev().chain(last)
    }

    // Fixed ports of all tasks first, so that no other task is given one of them.
    fn fill(self, slot: u32) -> Vec<LaunchedTask> {
        let row = &self.matcher.facts.rows[slot as usize];
        let all = row.spent.iter().map(|part| part.supply.parcels());
        let mut stock = all.fold(Parcels::default(), |sum, parcels| sum.plus(&parcels));
        let (classes, briefs) = (&self.matcher.facts.classes, &self.matcher.facts.briefs);
        let placed: Vec<&Placement> = self.placed_in(slot).collect();
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
                tag: placement.tag,
                demand: DemandId {
                    slot: placement.class,
                    generation: class.generation,
                },
                parcels: parcels.expect("the round saw these ports"),
                ports,
            });
        }
        // A port that two entries name is still one port.
        let all = tasks.iter().map(|task| &task.ports);
        let mut used = all.fold(Ranges::default(), |sum, ports| sum.plus(ports));
        for (placement, task) in placed.iter().zip(&mut tasks) {
            let class = &classes[placement.class];
            let need = &briefs[placement.class as usize].need;
            let scalars = [CPUS, MEM, DISK, GPUS].map(|column| {
                let amount = Scalar::from_thousandths(need[column]);
                (NAMES[column], amount)
            });
            let others = class.others.iter().map(|(name, amount)| (&**name, *amount));
            for (name, amount) in scalars.into_iter().chain(others) {
                let part = stock.take(name, amount, |identity| row.has(identity));
                let part = part.expect("the round counted this amount");
                task.parcels = task.parcels.plus(&part);
            }
            let wanted = need[crate::amounts::PORTS];
            let missing = u64::try_from(wanted).unwrap_or(0);
            let missing = missing.saturating_sub(class.fixed_ports.len() as u64);
            if missing > 0 {
                let free = stock.numbers("ports", |identity| row.has(identity));
                let ports = pick(&free.minus(&used), missing, placement.task);
                used = used.plus(&ports);
                let part = stock.take_numbers("ports", &ports, |identity| row.has(identity));
                let part = part.expect("they were picked from what is there");
                task.parcels = task.parcels.plus(&part);
                task.ports = task.ports.plus(&ports);
            }
        }
        self.fill_disks(row, &placed, &mut tasks);
        tasks
    }

    // In the order in which the round gave them out, so each task gets what the round saw.
    fn fill_disks(self, row: &Row, placed: &[&Placement], tasks: &mut [LaunchedTask]) {
        let wishes = |placement: &Placement| &self.matcher.facts.classes[placement.class].wishes;
        if placed.iter().all(|placement| wishes(placement).is_empty()) {
            return;
        }
        let mut disks = Disks::default();
        let supplies = row.spent.iter().map(|part| &part.supply);
        disks.gather(supplies, row.key.revocable);
        let name: Arc<str> = NAMES[DISK].into();
        for (placement, task) in placed.iter().zip(tasks) {
            disks.take(wishes(placement), |identity, part| {
                let part = Scalar::from_thousandths(part);
                let parcel = Parcel::scalar(Arc::clone(&name), part, identity);
                task.parcels.add(parcel);
            });
        }
    }
}

impl<'a> Batch<'a> {
    /// Returns where.
    pub fn agent(&self) -> &'a AgentId {
        &self.row().key.agent
    }

    /// Returns the role to which everything used here is allocated.
    pub fn role(&self) -> &'a Arc<str> {
        &self.row().key.role
    }

    /// Returns the offers that are used up.
    pub fn offers(&self) -> impl Iterator<Item = &'a OfferId> {
        let rows = &self.plan.matcher.facts.rows;
        let [one, two] = self.slots.map(|slot| {
            let parts = slot.map(|slot| rows[slot as usize].spent.as_slice());
            parts.unwrap_or_default()
        });
        let news = two
            .iter()
            .filter(|part| one.iter().all(|known| known.id != part.id));
        one.iter().chain(news).map(|part| &part.id)
    }

    /// Returns the numbers and the tags of the tasks.
    pub fn tasks(&self) -> impl Iterator<Item = (u64, u32)> {
        let plan = self.plan;
        let slots = self.slots.into_iter().flatten();
        slots.flat_map(move |slot| {
            let placed = plan.placed_in(slot);
            placed.map(|placement| (placement.task, placement.tag))
        })
    }

    fn row(&self) -> &'a Row {
        let slot = self.slots[0].unwrap_or_default();
        &self.plan.matcher.facts.rows[slot as usize]
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
