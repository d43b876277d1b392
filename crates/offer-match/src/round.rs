//! One round: a walk over the queue that gives each task the first row that fits it.

pub(crate) mod few;
pub(crate) mod keep;
pub(crate) mod mend;
pub(crate) mod rank;
mod table;
mod walk;

use crate::{
    Ticket,
    amounts::{Amounts, dominant},
    bits::Bits,
    facts::Facts,
    queue::Queue,
};

use self::{
    keep::Keeps,
    mend::Mender,
    rank::Ranker,
    table::{NONE, Table},
};

/// From how many rows that have room a task gets the best.
pub(crate) const CHOICES: usize = 4;

/// A task that got its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    pub(crate) task: u64,
    pub(crate) class: u32,
    pub(crate) slot: u32,
    pub(crate) tag: u32,
    /// The placement before this one in the same row.
    pub(crate) before: u32,
}

/// A row of which something was used: its offers are spent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) slot: u32,
    left: Amounts,
}

/// The working memory of a round, and its result until the next one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    table: Table,
    ranker: Ranker,
    candidates: Bits,
    states: Vec<State>,
    lives: Vec<Live>,
    /// The classes that were looked at closely.
    touched: Vec<u32>,
    /// The classes that fit nowhere, some of them twice.
    missed: Vec<u32>,
    open: usize,
    /// Where the next task goes that is spread.
    next: usize,
    now: i64,
    pub(crate) placements: Vec<Placement>,
    /// The last placement of each row.
    pub(crate) last_in: Vec<u32>,
    used: Vec<u32>,
    pub(crate) spent: Vec<Spent>,
    last_placed: Option<Ticket>,
    mender: Mender,
    /// Values that stop being full do not make a class look again at once, but are noted.
    notes_rises: bool,
    /// The classes of which that was noted.
    risen: Vec<u32>,
    /// How many were placed where an agent was kept for them.
    kept_placed: usize,
    /// Classes that nobody but this round's result needs any more.
    pub(crate) done: Vec<u32>,
}

/// How a class stands in this round.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    Unseen,
    Live,
    Dead,
    /// Dead, and no room could be made.
    Stuck,
}

/// A class in this round; what the walk reads lies together.
#[derive(Clone, Copy, Debug, Default)]
struct Live {
    mask: u32,
    stage: u32,
    /// The first rows that have room, as far as is known.
    choices: [Choice; CHOICES],
    /// Rows before this one are among the choices or have no room.
    cursor: u32,
    placed: u32,
    found: u8,
    only_changed: bool,
}

/// A row that has room.
#[derive(Clone, Copy, Debug, Default)]
struct Choice {
    position: u32,
    /// How often something had been taken when this was found out.
    taken: u32,
    /// How much would be left.
    remains: u64,
}

impl Round {
    /// Places what fits.
    pub(crate) fn run(
        &mut self,
        facts: &mut Facts,
        queue: &mut Queue,
        keeps: &mut Keeps,
        now: i64,
    ) {
        self.reset(facts, now);
        facts.end_windows(now);
        queue.sort_in();
        facts.recount_moved();
        keeps.review(facts, queue, now);
        self.use_keeps(facts, queue, keeps);
        facts.wake_evenly();
        let looks = !facts.woken.is_empty() || !facts.changed.is_empty();
        if looks {
            self.open = facts.waiting_classes;
            if self.open > 0 && Self::are_few(facts, queue) {
                self.walk_few(facts, queue);
            } else if self.open > 0 {
                self.prepare(facts);
                self.walk(facts, queue);
                self.mend(facts, queue);
            }
            self.finish(facts);
        }
        self.spend(facts);
        if looks {
            let missed = queue.iter().filter(|task| self.is_dead(task));
            keeps.choose(facts, missed.copied(), self.last_placed, now);
        }
    }

    fn reset(&mut self, facts: &mut Facts, now: i64) {
        for class in self.done.drain(..) {
            facts.release_class(class);
        }
        for spent in self.spent.drain(..) {
            if let Some(row) = facts.rows.get_mut(spent.slot as usize) {
                row.left = None;
                row.spent.clear();
                row.ports_taken.clear();
            }
            self.last_in[spent.slot as usize] = NONE;
        }
        for class in self.touched.drain(..).chain(self.missed.drain(..)) {
            self.states[class as usize] = State::Unseen;
        }
        self.now = now;
        facts.now = now;
        self.next = 0;
        self.placements.clear();
        self.used.clear();
        self.table.clear();
        self.last_placed = None;
        grow(&mut self.last_in, facts.rows.len(), NONE);
        grow(&mut self.states, facts.classes.bound(), State::Unseen);
        grow(&mut self.lives, facts.classes.bound(), Live::default());
    }

    // All rows at hand when some class may fit any; only those that changed when none does.
    fn prepare(&mut self, facts: &mut Facts) {
        facts.number_rows();
        self.candidates.clear();
        let mut consider = |slot: u32| {
            let row = &facts.rows[slot as usize];
            if row.is_at_hand() && !row.draining && !row.kept {
                self.candidates.set(slot as usize, true);
            }
        };
        if facts.woken.is_empty() {
            facts.changed.iter().copied().for_each(&mut consider);
        } else {
            facts.row_ids.values().copied().for_each(&mut consider);
        }
        self.ranker.rank(facts, &self.candidates);
        self.table.build(facts, self.ranker.ranked(), self.now);
    }

    fn die(&mut self, class: u32) {
        self.states[class as usize] = State::Dead;
        self.missed.push(class);
        self.open = self.open.saturating_sub(1);
    }

    // Takes what only some tasks take.
    fn count_special(&mut self, facts: &mut Facts, id: u32, slot: u32) {
        let class = &facts.classes[id];
        for &port in &class.fixed_ports {
            let taken = &mut facts.rows[slot as usize].ports_taken;
            let place = taken.partition_point(|known| *known < port);
            taken.insert(place, port);
        }
        for (name, amount) in &class.others {
            let others = &mut facts.rows[slot as usize].others;
            if let Some((_, have)) = others.iter_mut().find(|(known, _)| known == name) {
                *have = have.saturating_sub(amount.thousandths());
            }
        }
        facts.rows[slot as usize].take_disks(&class.wishes);
        if let Some(group) = class.group.clone() {
            facts.count_placed(&group, slot, |class| self.restart(class));
        }
    }

    // Values that were full are not any more: the class looks again from the start.
    fn restart(&mut self, class: u32) {
        if self.notes_rises {
            self.risen.push(class);
            return;
        }
        let state = &mut self.states[class as usize];
        if *state == State::Dead {
            self.open = self.open.saturating_add(1);
        }
        if *state != State::Unseen {
            *state = State::Live;
            let live = &mut self.lives[class as usize];
            live.cursor = 0;
            live.found = 0;
            // One before the first stage, so that its mask is found again.
            live.stage = u32::MAX;
            live.mask = NONE;
        }
    }

    fn note(&mut self, task: &Ticket, slot: u32) {
        let placement = Placement {
            task: task.id,
            class: task.class,
            slot,
            tag: task.tag,
            before: self.last_in[slot as usize],
        };
        if placement.before == NONE {
            self.used.push(slot);
        }
        self.last_in[slot as usize] = u32::try_from(self.placements.len()).unwrap_or(NONE);
        self.placements.push(placement);
        self.last_placed = Some(*task);
    }

    // Gives kept rows to the tasks for which they were kept.
    fn use_keeps(&mut self, facts: &mut Facts, queue: &mut Queue, keeps: &mut Keeps) {
        self.notes_rises = true;
        keeps.give(facts, self.now, |facts, ticket, slot| {
            queue.remove(ticket);
            self.note_kept(facts, ticket, slot);
        });
        self.notes_rises = false;
        for class in self.risen.drain(..) {
            facts.wake(class);
        }
        self.kept_placed = self.placements.len();
    }

    fn note_kept(&mut self, facts: &mut Facts, ticket: &Ticket, slot: u32) {
        let need = &facts.briefs[ticket.class as usize].need;
        crate::amounts::subtract(&mut facts.rows[slot as usize].whole, need);
        self.count_special(facts, ticket.class, slot);
        self.note(ticket, slot);
        // Overtaking is what tasks of the queue do.
        self.last_placed = None;
        self.settle(facts, ticket.class, 1);
    }

    fn is_dead(&self, task: &Ticket) -> bool {
        let state = self.states.get(task.class as usize);
        matches!(state, Some(State::Dead | State::Stuck))
    }

    // Brings the facts up to date with what was placed.
    fn finish(&mut self, facts: &mut Facts) {
        if !facts.changed.is_empty() {
            facts.age = facts.age.saturating_add(1);
        }
        for &slot in &facts.changed {
            facts.rows[slot as usize].changed = false;
        }
        facts.changed.clear();
        for class in facts.woken.drain(..) {
            facts.briefs[class as usize].woken = false;
        }
        for place in 0..self.touched.len() {
            let id = self.touched[place];
            let placed = self.lives[id as usize].placed;
            if placed > 0 {
                self.settle(facts, id, placed);
            }
            if self.states[id as usize] == State::Live {
                facts.wake(id);
            }
        }
        for &class in &self.missed {
            let state = self.states[class as usize];
            if matches!(state, State::Dead | State::Stuck) {
                facts.exhausted[class as usize] = facts.age;
            }
        }
        for class in self.risen.drain(..) {
            facts.wake(class);
        }
    }

    /// Takes tasks of a class out of the accounts.
    pub(crate) fn settle(&mut self, facts: &mut Facts, id: u32, placed: u32) {
        let brief = &mut facts.briefs[id as usize];
        brief.waiting = brief.waiting.saturating_sub(placed);
        if brief.waiting == 0 {
            facts.waiting_classes = facts.waiting_classes.saturating_sub(1);
            if std::mem::take(&mut brief.orphan) {
                self.done.push(id);
            }
        }
        let size = i64::from(dominant(&brief.need)).saturating_mul(i64::from(placed));
        let set = &mut facts.sets[brief.set];
        set.demand = set.demand.saturating_sub(size);
    }

    // The offers of rows that were used are spent, all of them, whatever is left in them.
    fn spend(&mut self, facts: &mut Facts) {
        for &slot in &self.used {
            let left = self.table.left_in(slot);
            let left = left.unwrap_or(facts.rows[slot as usize].whole);
            self.spent.push(Spent { slot, left });
            facts.set_aside(slot);
        }
        facts.void(self.spent.iter().map(|spent| spent.slot));
        for spent in &self.spent {
            let row = &mut facts.rows[spent.slot as usize];
            row.left = Some(spent.left);
            row.spare = dominant(&spent.left);
        }
    }
}

fn grow<T: Clone>(all: &mut Vec<T>, len: usize, value: T) {
    if all.len() < len {
        all.resize(len, value);
    }
}

/// Whether as many tasks of the group may be there as would be with one more.
pub(crate) fn spreads_allow(facts: &Facts, id: u32, slot: u32) -> bool {
    facts.classes[id].spreads.iter().all(|&spread| {
        let state = &facts.spreads[spread];
        let column = &facts.columns[state.column];
        let key = facts.spreads.key(spread);
        key.is_some_and(|(_, _, rule)| state.allows(*rule, column, column.of(slot as usize)))
    })
}

/// Whether what only some tasks ask for is there too.
pub(crate) fn agrees_special(facts: &Facts, id: u32, slot: u32) -> bool {
    let class = &facts.classes[id];
    let row = &facts.rows[slot as usize];
    let has_other = |(name, amount): &(std::sync::Arc<str>, resources::Scalar)| {
        let have = row.others.iter().find(|(known, _)| known == name);
        have.map_or(0, |(_, have)| *have) >= amount.thousandths()
    };
    let has_port = |port: &u16| row.ports_taken.binary_search(port).is_err() && row.has_port(*port);
    spreads_allow(facts, id, slot)
        && class.others.iter().all(has_other)
        && class.fixed_ports.iter().all(has_port)
        && row.has_disks(&class.wishes)
}
