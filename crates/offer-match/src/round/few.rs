//! Rounds in which few tasks wait: each looks at the rows one by one, which costs less than making a
//! table of them.

use crate::{
    Fitness, Ticket,
    amounts::fits,
    bits::{WORD, ones},
    facts::Facts,
    queue::{GONE, Queue},
};

use super::{Live, Round, State, agrees_special, rank::level};

/// How many tasks are few.
const TASKS_MAX: usize = if cfg!(test) { 4 } else { 8 };

impl Round {
    /// Whether a table is more than it takes.
    pub(super) fn are_few(facts: &Facts, queue: &Queue) -> bool {
        queue.len() <= TASKS_MAX && facts.policy.fitness == Fitness::Pack
    }

    pub(super) fn walk_few(&mut self, facts: &mut Facts, queue: &mut Queue) {
        facts.number_rows();
        self.ranker.press_few(facts, queue.iter());
        for piece in 0..queue.pieces() {
            for task in queue.piece(piece) {
                if self.states[task.class as usize] == State::Dead {
                    continue;
                }
                self.begin_few(facts, task);
                if let Some(slot) = self.find_few(facts, task.class) {
                    self.take_few(facts, task, slot);
                    task.class = GONE;
                } else {
                    self.die(*task);
                }
            }
            queue.sweep(piece);
        }
        queue.drop_empty_pieces();
    }

    fn begin_few(&mut self, facts: &Facts, task: &Ticket) {
        let id = task.class;
        let state = &mut self.states[id as usize];
        if *state == State::Unseen {
            *state = State::Live;
            self.touched.push(id);
            self.lives[id as usize] = Live {
                only_changed: facts.exhausted[id as usize] == facts.age,
                ..Live::default()
            };
        }
    }

    // The row with the least pressure that fits, and of those the first one.
    fn find_few(&self, facts: &Facts, id: u32) -> Option<u32> {
        let class = &facts.classes[id];
        let only_changed = self.lives[id as usize].only_changed;
        if only_changed && facts.changed.is_empty() {
            return None;
        }
        let fitting = |slot: u32| {
            let row = &facts.rows[slot as usize];
            !row.draining
                && !row.kept
                && (row.changed || !only_changed)
                && fits(&class.need, &row.whole)
                && row.room(self.now) >= class.lasts
                && agrees_special(facts, id, slot, &self.ports_taken)
        };
        class.stages.iter().find_map(|&stage| {
            let conditions = facts.sets.key(stage)?;
            let words = facts.at_hand.words().iter().enumerate();
            let allowed = words.flat_map(|(index, &at_hand)| {
                let of = |&condition: &u32| facts.conditions[condition].rows.word(index);
                let word = conditions
                    .iter()
                    .map(of)
                    .fold(at_hand, |all, one| all & one);
                ones(word).map(move |bit| index.saturating_mul(WORD).saturating_add(bit))
            });
            let slots = allowed.map(|slot| u32::try_from(slot).unwrap_or(u32::MAX));
            slots.filter(|&slot| fitting(slot)).min_by_key(|&slot| {
                let pressure = self.ranker.pressure_of_few(facts, slot);
                (level(pressure), facts.rows[slot as usize].ordinal)
            })
        })
    }

    fn take_few(&mut self, facts: &mut Facts, task: &Ticket, slot: u32) {
        let need = facts.classes[task.class].need;
        crate::amounts::subtract(&mut facts.rows[slot as usize].whole, &need);
        let live = &mut self.lives[task.class as usize];
        live.placed = live.placed.saturating_add(1);
        self.count_special(facts, task.class, slot);
        self.note(facts, task, slot);
    }
}
