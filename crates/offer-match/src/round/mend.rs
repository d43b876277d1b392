//! Room for tasks that found none, made by moving others.
//!
//! The walk decides for one task after the other and looks back at none. So in the end a task may wait although
//! one that was placed in this round, and has not been launched yet, could as well go somewhere else and leave
//! it the room. Such tasks are moved. Nobody loses a place, so it only ever adds tasks.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "counts are bounded by the constants beside them and by what is in memory"
)]

use crate::{
    Fitness, Ticket,
    amounts::{Amounts, add, dominant, fits, lack, subtract},
    facts::{Facts, class::Brief},
    queue::{GONE, Queue},
};

use super::{
    CHOICES, Live, Round, State, agrees_special,
    rank::remains,
    table::{NONE, Place, Wanted},
};

/// A round that places more does not look back: there it would cost more than it gains.
pub(crate) const PLACED_MAX: usize = 8192;

/// How many waiting tasks are looked at in a round.
pub(crate) const TASKS_MAX: usize = 1024;

/// How many agents that might do are compared for a task.
pub(crate) const COMPARED_MAX: usize = 64;

/// How many agents are looked at in a round.
pub(crate) const LOOKED_MAX: usize = 1 << 17;

/// How many agents are tried for one task at most.
const TRIED_MAX: usize = 8;

/// What a round may still do, so that it takes a bounded time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    pub(crate) tasks: usize,
    pub(crate) looks: usize,
    /// How many agents are tried.
    pub(crate) tries: usize,
    /// How many of those for one task.
    pub(crate) tried: usize,
}

/// Memory for the moving.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mender {
    /// What might be moved away, the largest first, each with its number.
    movable: Vec<(u32, u32)>,
    /// Which placement is moved to which position.
    moves: Vec<(u32, usize)>,
    /// By position: what would be free if all went that might.
    most: Vec<Amounts>,
    /// The mask of the agents from which something might go.
    mask: u32,
    budget: Budget,
    /// There may be room where there was none.
    changed: bool,
}

impl Budget {
    /// Makes that of a round that placed so many tasks.
    pub(crate) fn of(placed: usize) -> Self {
        let tries = (placed / 32).clamp(64, 256);
        Self {
            tasks: TASKS_MAX,
            looks: LOOKED_MAX,
            tries,
            tried: (tries / 32).min(TRIED_MAX),
        }
    }

    pub(crate) const fn is_spent(&self) -> bool {
        self.tasks == 0 || self.looks == 0 || self.tries == 0
    }
}

impl Round {
    /// Places tasks that found no room where others can make it.
    pub(super) fn mend(&mut self, facts: &mut Facts, queue: &mut Queue) {
        let placed = self.placements.len() - self.kept_placed;
        let pack = facts.policy.fitness == Fitness::Pack;
        if !pack || placed == 0 || placed > PLACED_MAX {
            return;
        }
        let last_placed = self.last_placed;
        self.mender.budget = Budget::of(placed);
        self.mender.changed = false;
        self.notes_rises = true;
        self.estimate(facts);
        for piece in 0..queue.pieces() {
            let mut placed = false;
            for task in queue.piece(piece) {
                if self.mender.budget.is_spent() {
                    break;
                }
                self.mender.budget.tasks -= 1;
                if self.states[task.class as usize] == State::Stuck {
                    continue;
                }
                if let Some(position) = self.make_room(facts, task.class) {
                    self.note_mended(facts, task, position);
                    task.class = GONE;
                    placed = true;
                } else {
                    self.states[task.class as usize] = State::Stuck;
                }
            }
            if placed {
                queue.sweep(piece);
            }
        }
        queue.drop_empty_pieces();
        self.notes_rises = false;
        // Overtaking is what tasks did that were placed in turn.
        self.last_placed = last_placed;
    }

    fn make_room(&mut self, facts: &Facts, class: u32) -> Option<usize> {
        let brief = &facts.briefs[class as usize];
        if brief.plain {
            return self.make_room_by(facts, class, brief.set);
        }
        let stages = &facts.classes[class].stages;
        let mut found = stages.iter();
        found.find_map(|&set| self.make_room_by(facts, class, set))
    }

    // Where there is room, or can be, among the agents that a set of conditions allows.
    fn make_room_by(&mut self, facts: &Facts, class: u32, set: u32) -> Option<usize> {
        let brief = &facts.briefs[class as usize];
        let mut live = Live {
            mask: self.table.set_mask(facts, set),
            ..Live::default()
        };
        self.mender.moves.clear();
        // A class that is alive was told in the walk that it may look again, and did not have to.
        if self.mender.changed || self.states[class as usize] != State::Dead {
            let agrees = |place: &Place| Self::agrees(facts, class, brief, place);
            let found = live.choose(&self.table, brief, agrees);
            if found.is_some() {
                return found;
            }
        }
        let near = self.nearest(facts, class, live.mask);
        near.into_iter()
            .map_while(|(_, position)| (position != NONE).then_some(position as usize))
            .find(|&position| self.try_at(facts, class, position))
    }

    // Whether an agent would do if it had room.
    fn agrees(facts: &Facts, class: u32, brief: &Brief, place: &Place) -> bool {
        place.room >= brief.lasts && (brief.plain || agrees_special(facts, class, place.slot))
    }

    // The agents that lack the least, where there would be room if all went that might.
    fn nearest(&mut self, facts: &Facts, class: u32, mask: u32) -> [(u32, u32); TRIED_MAX] {
        let brief = &facts.briefs[class as usize];
        let mut nearest = [(u32::MAX, NONE); TRIED_MAX];
        let (best, _) = nearest.split_at_mut(self.mender.budget.tried);
        let wanted = Wanted {
            need: &[0; 5],
            steps: [0; 3],
            mask,
            also: self.mender.mask,
        };
        let (mut compared, mut looks) = (0, self.mender.budget.looks);
        self.table.search(wanted, 0, |position, place| {
            if looks == 0 {
                return false;
            }
            looks -= 1;
            let enough = fits(&brief.need, &self.mender.most[position]);
            if !(enough && Self::agrees(facts, class, brief, place)) {
                return true;
            }
            compared += 1;
            let position = u32::try_from(position).unwrap_or(NONE);
            let entry = (lack(&brief.need, &place.have), position);
            let at = best.partition_point(|known| *known < entry);
            if let Some(later) = best.get_mut(at..).filter(|later| !later.is_empty()) {
                later.rotate_right(1);
                later[0] = entry;
            }
            compared < COMPARED_MAX
        });
        self.mender.budget.looks = looks;
        nearest
    }

    // Whether a task of a class might go elsewhere; not if another of the class found no room at all.
    fn may_move(&self, facts: &Facts, class: u32) -> bool {
        let brief = &facts.briefs[class as usize];
        let state = self.states[class as usize];
        brief.plain && matches!(state, State::Live | State::Unseen)
    }

    // Sums up for each agent what would be free if all went that might.
    fn estimate(&mut self, facts: &Facts) {
        let mut most = std::mem::take(&mut self.mender.most);
        most.clear();
        most.extend(self.table.places.iter().map(|place| place.have));
        self.mender.mask = self.table.empty_mask();
        for at in self.kept_placed..self.placements.len() {
            let placement = self.placements[at];
            if self.may_move(facts, placement.class) {
                let position = self.table.position(placement.slot);
                let need = &facts.briefs[placement.class as usize].need;
                add(&mut most[position], need);
                self.table.allow(self.mender.mask, position);
            }
        }
        self.mender.most = most;
    }

    // Moves tasks away, the largest first, until there is room; or back again when there never is.
    fn try_at(&mut self, facts: &Facts, class: u32, position: usize) -> bool {
        let need = &facts.briefs[class as usize].need;
        if self.mender.budget.tries == 0 {
            return false;
        }
        self.mender.budget.tries -= 1;
        self.gather(facts, position);
        self.mender.moves.clear();
        for at in 0..self.mender.movable.len() {
            let (_, number) = self.mender.movable[at];
            let other = self.placements[number as usize].class;
            let away = &facts.briefs[other as usize].need;
            if !helps(need, &self.table.places[position].have, away) {
                continue;
            }
            let Some(to) = self.elsewhere(facts, other, position) else {
                continue;
            };
            self.table.take(to, away);
            self.table.give(position, away);
            self.mender.moves.push((number, to));
            if fits(need, &self.table.places[position].have) {
                return true;
            }
        }
        while let Some((number, to)) = self.mender.moves.pop() {
            let other = self.placements[number as usize].class;
            let away = &facts.briefs[other as usize].need;
            self.table.give(to, away);
            self.table.take(position, away);
        }
        false
    }

    // Lists what might be moved away.
    fn gather(&mut self, facts: &Facts, position: usize) {
        let slot = self.table.places[position].slot;
        self.mender.movable.clear();
        let mut number = self.last_in[slot as usize];
        while let Some(placement) = self.placements.get(number as usize) {
            if number as usize >= self.kept_placed && self.may_move(facts, placement.class) {
                let size = dominant(&facts.briefs[placement.class as usize].need);
                self.mender.movable.push((u32::MAX - size, number));
            }
            number = placement.before;
        }
        self.mender.movable.sort_unstable();
    }

    // As in the walk: of the first agents that have room, but this one, where the least remains.
    fn elsewhere(&mut self, facts: &Facts, class: u32, but: usize) -> Option<usize> {
        let brief = &facts.briefs[class as usize];
        let mask = self.table.set_mask(facts, brief.set);
        let wanted = Wanted {
            need: &brief.need,
            steps: brief.steps,
            mask,
            also: mask,
        };
        let mut best: Option<(u64, usize)> = None;
        let mut found = 0;
        self.table.search(wanted, 0, |position, place: &Place| {
            if position != but && place.room >= brief.lasts {
                found += 1;
                let entry = (remains(place.level.into(), &place.have, brief), position);
                best = Some(best.map_or(entry, |best| best.min(entry)));
            }
            found < CHOICES
        });
        best.map(|(_, position)| position)
    }

    fn note_mended(&mut self, facts: &mut Facts, task: &Ticket, position: usize) {
        let slot = self.table.places[position].slot;
        let brief = facts.briefs[task.class as usize];
        self.table.take(position, &brief.need);
        if !brief.plain {
            self.count_special(facts, task.class, slot);
        }
        // Before the others go, so that the agent is in use all the time.
        self.note(task, slot);
        self.settle(facts, task.class, 1);
        // What goes elsewhere might do so still, from there.
        subtract(&mut self.mender.most[position], &brief.need);
        self.mender.changed = true;
        for at in 0..self.mender.moves.len() {
            let (number, to) = self.mender.moves[at];
            self.table.allow(self.mender.mask, to);
            self.unlink(slot, number);
            let to = self.table.places[to].slot;
            let last = &mut self.last_in[to as usize];
            let placement = &mut self.placements[number as usize];
            placement.slot = to;
            placement.before = std::mem::replace(last, number);
            if placement.before == NONE {
                self.used.push(to);
            }
        }
    }

    // Takes a placement out of those of its row.
    fn unlink(&mut self, slot: u32, number: u32) {
        let before = self.placements[number as usize].before;
        let mut later = self.last_in[slot as usize];
        if later == number {
            self.last_in[slot as usize] = before;
            return;
        }
        while let Some(placement) = self.placements.get_mut(later as usize) {
            if placement.before == number {
                placement.before = before;
                return;
            }
            later = placement.before;
        }
    }
}

/// Whether it would bring a task nearer to its place if another went.
pub(crate) fn helps(need: &Amounts, have: &Amounts, away: &Amounts) -> bool {
    let mut all = need.iter().zip(have).zip(away);
    all.any(|((need, have), away)| need > have && *away > 0)
}
