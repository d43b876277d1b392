//! The walk over the queue in a round with many tasks, which searches a table of rows.

use crate::{
    Fitness, Ticket,
    amounts::need_filter,
    facts::Facts,
    queue::{GONE, Queue},
};

use super::{
    Live, Round, State, agrees_special,
    table::{NONE, Table},
};

/// How many classes a family has to have, so that searching for it pays.
const MEMBERS: u32 = if cfg!(test) { 1 } else { 4 };

impl Round {
    pub(super) fn walk(&mut self, facts: &mut Facts, queue: &mut Queue) {
        self.placements.reserve(queue.len());
        for piece in 0..queue.pieces() {
            if self.open == 0 {
                break;
            }
            let mut placed = false;
            for task in queue.piece(piece) {
                let state = self.states[task.class as usize];
                if state == State::Dead {
                    continue;
                }
                if state == State::Unseen && !self.begin(facts, task) {
                    continue;
                }
                if let Some(position) = self.place(facts, task.class) {
                    self.note(facts, task, self.table.slots[position]);
                    task.class = GONE;
                    placed = true;
                } else {
                    self.die(*task);
                }
            }
            if placed {
                queue.sweep(piece);
            }
        }
        queue.drop_empty_pieces();
    }

    // Gets a class ready; `false` when it is plain that it fits nowhere.
    fn begin(&mut self, facts: &Facts, task: &Ticket) -> bool {
        let id = task.class;
        let only_changed = facts.exhausted[id as usize] == facts.age;
        let filter = &facts.filters[id as usize];
        let hopeless = only_changed && facts.changed.is_empty();
        let gone = |family: &u32| self.frontiers.get(*family as usize) == Some(&NONE);
        let too_large =
            facts.families_of[id as usize].iter().any(gone) && self.table.is_boundless();
        if hopeless || too_large || !self.table.may_fit(filter) {
            self.die(*task);
            return false;
        }
        self.touched.push(id);
        let class = &facts.classes[id];
        self.lives[id as usize] = Live {
            filter: *filter,
            need: class.need,
            lasts: class.lasts,
            only_changed,
            plain: class.spreads.is_empty()
                && class.others.is_empty()
                && class.fixed_ports.is_empty(),
            ..Live::default()
        };
        let mask = self.table.set_mask(facts, class.stages[0]);
        self.lives[id as usize].mask = mask;
        self.states[id as usize] = State::Live;
        true
    }

    fn place(&mut self, facts: &mut Facts, id: u32) -> Option<usize> {
        loop {
            let has_mask = self.lives[id as usize].mask != NONE;
            if has_mask && let Some(position) = self.find(facts, id) {
                let need = self.lives[id as usize].need;
                self.table.take(position, &need);
                let live = &mut self.lives[id as usize];
                live.placed = live.placed.saturating_add(1);
                if !live.plain {
                    let slot = self.table.slots[position];
                    self.count_special(facts, id, slot);
                }
                return Some(position);
            }
            let stages = &facts.classes[id].stages;
            let live = &mut self.lives[id as usize];
            live.stage = live.stage.wrapping_add(1);
            live.cursor = 0;
            live.found = false;
            let set = *stages.get(live.stage as usize)?;
            live.mask = self.table.set_mask(facts, set);
        }
    }

    fn find(&mut self, facts: &Facts, id: u32) -> Option<usize> {
        let ports_taken = std::mem::take(&mut self.ports_taken);
        let found = self.find_beside(facts, id, &ports_taken);
        self.ports_taken = ports_taken;
        found
    }

    fn find_beside(&mut self, facts: &Facts, id: u32, ports_taken: &[(u32, u16)]) -> Option<usize> {
        let live = self.lives[id as usize];
        let agrees = |position: usize, table: &Table| {
            table.room[position] >= live.lasts
                && (live.plain || agrees_special(facts, id, table.slots[position], ports_taken))
        };
        let need = (&live.filter, &live.need);
        if facts.policy.fitness == Fitness::Spread {
            let from = |from| (from, live.only_changed);
            let next = self.next;
            let found = self
                .table
                .search(need, live.mask, from(next), agrees)
                .or_else(|| self.table.search(need, live.mask, from(0), agrees))?;
            self.next = found.saturating_add(1);
            return Some(found);
        }
        let cursor = live.cursor as usize;
        if live.found && self.table.fits(cursor, &live.need) && agrees(cursor, &self.table) {
            return Some(cursor);
        }
        let from = cursor.saturating_add(usize::from(live.found));
        let begin = match self.by_family.then(|| self.frontier(facts, id)) {
            None => from,
            Some(frontier) => from.max(frontier.unwrap_or(usize::MAX)),
        };
        let need_here = (&live.need, live.lasts);
        let limited = self
            .table
            .search_limited(need_here, live.mask, (from, begin), agrees);
        let found = limited.or_else(|| {
            let start = (begin, live.only_changed);
            self.table.search(need, live.mask, start, agrees)
        })?;
        let live = &mut self.lives[id as usize];
        live.cursor = u32::try_from(found).unwrap_or(NONE);
        live.found = true;
        Some(found)
    }

    // Where the families of a class begin to fit; nobody of them fits before.
    fn frontier(&mut self, facts: &Facts, id: u32) -> Option<usize> {
        let live = &self.lives[id as usize];
        let mask = live.mask;
        let mut from = 0;
        for family in facts.classes[id].families[live.stage as usize] {
            if facts.families.holders(family) < MEMBERS {
                continue;
            }
            let known = self.frontiers[family as usize];
            if known == NONE {
                return None;
            }
            from = from.max(known);
            let least = facts.families.key(family)?.least();
            // It may not be allowed at the frontier; then the search begins earlier than it could.
            if from != known || !self.table.fits(from as usize, &least) {
                let filter = need_filter(&least);
                let start = (from as usize, false);
                let found = self
                    .table
                    .search((&filter, &least), mask, start, |position, table| {
                        table.room[position] == i64::MAX
                    });
                from = found
                    .and_then(|found| u32::try_from(found).ok())
                    .unwrap_or(NONE);
                self.frontiers[family as usize] = from;
                found?;
            }
        }
        Some(from as usize)
    }
}
