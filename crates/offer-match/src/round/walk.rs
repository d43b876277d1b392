//! The walk over the queue in a round with many tasks, which searches a table of rows.

use std::hint::black_box;

use crate::{
    Fitness, Ticket,
    amounts::fits,
    facts::{Facts, class::Brief},
    queue::{GONE, Queue},
};

use super::{
    CHOICES, Choice, Live, Round, State, agrees_special,
    rank::remains,
    table::{NONE, Place, Table, Wanted},
};

impl Round {
    pub(super) fn walk(&mut self, facts: &mut Facts, queue: &mut Queue) {
        self.placements.reserve(queue.len());
        self.missed.reserve(self.open);
        for piece in 0..queue.pieces() {
            if self.open == 0 {
                break;
            }
            self.fetch(facts, queue.piece(piece));
            let mut placed = false;
            for task in queue.piece(piece) {
                let found = match self.states[task.class as usize] {
                    State::Dead | State::Stuck => continue,
                    State::Live => self.place(facts, task.class),
                    State::Unseen => self.place_first(facts, task),
                };
                if let Some(position) = found {
                    self.note(task, self.table.places[position].slot);
                    task.class = GONE;
                    placed = true;
                } else {
                    self.die(task.class);
                }
            }
            if placed {
                queue.sweep(piece);
            }
        }
        queue.drop_empty_pieces();
    }

    // Classes lie in no order that the processor could guess; so all that a piece is going to need are
    // fetched at once, and not one after the other when each is waited for.
    fn fetch(&self, facts: &Facts, tasks: &[Ticket]) {
        let unseen = tasks
            .iter()
            .filter(|task| self.states[task.class as usize] == State::Unseen);
        let sum = unseen.fold(0, |sum, task| {
            sum ^ facts.briefs[task.class as usize].waiting
        });
        black_box(sum);
    }

    // Places the first task of a class that is looked at. Most classes have one task or fit nowhere; those
    // leave nothing behind.
    fn place_first(&mut self, facts: &mut Facts, task: &Ticket) -> Option<usize> {
        let id = task.class;
        let exhausted = facts.exhausted[id as usize] == facts.age;
        if exhausted && facts.changed.is_empty() {
            return None;
        }
        let brief = &facts.briefs[id as usize];
        // Without classes that were woken there are no other rows.
        let mut live = Live {
            only_changed: exhausted && !facts.woken.is_empty(),
            ..Live::default()
        };
        if !brief.plain || facts.policy.fitness != Fitness::Pack {
            live.mask = self.table.set_mask(facts, facts.classes[id].stages[0]);
            self.keep(id, live);
            return self.place(facts, id);
        }
        live.mask = self.table.set_mask(facts, brief.set);
        let lasts = brief.lasts;
        let agrees = |place: &Place| place.room >= lasts;
        let position = live.choose(&self.table, brief, agrees)?;
        self.table.take(position, &brief.need);
        if brief.waiting == 1 {
            self.settle(facts, id, 1);
            self.open = self.open.saturating_sub(1);
        } else {
            live.placed = 1;
            self.keep(id, live);
        }
        Some(position)
    }

    fn keep(&mut self, id: u32, live: Live) {
        self.lives[id as usize] = live;
        self.states[id as usize] = State::Live;
        self.touched.push(id);
    }

    fn count(&mut self, facts: &Facts, id: u32) {
        let live = &mut self.lives[id as usize];
        live.placed = live.placed.saturating_add(1);
        if live.placed == facts.briefs[id as usize].waiting {
            self.open = self.open.saturating_sub(1);
        }
    }

    fn place(&mut self, facts: &mut Facts, id: u32) -> Option<usize> {
        loop {
            let has_mask = self.lives[id as usize].mask != NONE;
            if has_mask && let Some(position) = self.find(facts, id) {
                let brief = &facts.briefs[id as usize];
                self.table.take(position, &brief.need);
                let plain = brief.plain;
                self.count(facts, id);
                if !plain {
                    let slot = self.table.places[position].slot;
                    self.count_special(facts, id, slot);
                }
                return Some(position);
            }
            if facts.briefs[id as usize].plain {
                return None;
            }
            let stages = &facts.classes[id].stages;
            let live = &mut self.lives[id as usize];
            live.stage = live.stage.wrapping_add(1);
            live.cursor = 0;
            live.found = 0;
            let set = *stages.get(live.stage as usize)?;
            live.mask = self.table.set_mask(facts, set);
        }
    }

    fn find(&mut self, facts: &Facts, id: u32) -> Option<usize> {
        let table = &self.table;
        let brief = &facts.briefs[id as usize];
        let live = &mut self.lives[id as usize];
        let agrees = |place: &Place| {
            place.room >= brief.lasts && (brief.plain || agrees_special(facts, id, place.slot))
        };
        if facts.policy.fitness == Fitness::Pack {
            return live.choose(table, brief, agrees);
        }
        let wanted = live.wanted(table, brief);
        // Around the end, from the row after the last one.
        let mut found = None;
        for from in [self.next, 0] {
            table.search(wanted, from, |position, place| {
                found = agrees(place).then_some(position);
                found.is_none()
            });
            if found.is_some() {
                break;
            }
        }
        self.next = found?.saturating_add(1);
        found
    }
}

impl Live {
    const fn wanted<'a>(&self, table: &Table, brief: &'a Brief) -> Wanted<'a> {
        let also = if self.only_changed {
            table.changed
        } else {
            self.mask
        };
        Wanted {
            need: &brief.need,
            steps: brief.steps,
            mask: self.mask,
            also,
        }
    }

    // Of the first rows that have room, the one with the least remainder. Rows before those, and between
    // them, have none and never will.
    pub(super) fn choose(
        &mut self,
        table: &Table,
        brief: &Brief,
        agrees: impl Fn(&Place) -> bool,
    ) -> Option<usize> {
        let wanted = self.wanted(table, brief);
        let mut found = 0;
        // The remainder before the position: one number, so that nothing is guessed.
        let mut best = u64::MAX;
        let remains = |place: &Place| remains(place.level.into(), &place.have, brief);
        for at in 0..usize::from(self.found) {
            let mut known = self.choices[at % CHOICES];
            let place = &table.places[known.position as usize];
            if place.taken != known.taken || !brief.plain {
                if !(fits(wanted.need, &place.have) && agrees(place)) {
                    continue;
                }
                known.taken = place.taken;
                known.remains = remains(place);
                self.choices[found % CHOICES] = known;
            } else if found != at {
                self.choices[found % CHOICES] = known;
            }
            best = best.min(known.remains << 32 | u64::from(known.position));
            found = found.wrapping_add(1);
        }
        if found < CHOICES && self.cursor != NONE {
            let from = std::mem::replace(&mut self.cursor, NONE);
            table.search(wanted, from as usize, |position, place| {
                if !agrees(place) {
                    return true;
                }
                let position = u32::try_from(position).unwrap_or(NONE);
                let remains = remains(place);
                self.choices[found % CHOICES] = Choice {
                    position,
                    taken: place.taken,
                    remains,
                };
                best = best.min(remains << 32 | u64::from(position));
                found = found.wrapping_add(1);
                if found == CHOICES {
                    self.cursor = position.wrapping_add(1);
                }
                found < CHOICES
            });
        }
        self.found = u8::try_from(found).unwrap_or(0);
        let position = best & u64::from(u32::MAX);
        (found > 0).then(|| usize::try_from(position).unwrap_or(0))
    }
}
