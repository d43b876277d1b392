//! Rounds in which few tasks wait: each looks at the rows one by one, which costs less than making a
//! table of them.
//!
//! If some find no place, it is tried once more in another way, and the better result counts.

use crate::{
    Fitness, Ticket,
    amounts::{Amounts, fits, subtract},
    bits::{WORD, ones},
    facts::Facts,
    queue::{GONE, Queue},
};

use super::{
    CHOICES, Live, Round, State, agrees_special,
    rank::{level, place, remains},
};

/// How many tasks are few.
pub(crate) const TASKS_MAX: usize = 8;

/// What each task takes and where, in the order of the queue.
type Outcome = [Option<u32>; TASKS_MAX];

impl Round {
    /// Whether a table is more than it takes.
    pub(super) fn are_few(facts: &Facts, queue: &Queue) -> bool {
        queue.len() <= TASKS_MAX && facts.policy.fitness == Fitness::Pack
    }

    pub(super) fn walk_few(&mut self, facts: &mut Facts, queue: &mut Queue) {
        facts.number_rows();
        self.ranker.press_few(facts, queue.iter());
        // One alone gets a place in both ways or in none.
        let plain = queue.len() > 1
            && queue
                .iter()
                .all(|task| facts.briefs[task.class as usize].plain);
        let known = plain.then(|| self.try_both(facts, queue));
        let mut number = 0_usize;
        for piece in 0..queue.pieces() {
            for task in queue.piece(piece) {
                let outcome = known.as_ref().and_then(|known| known.get(number));
                number = number.saturating_add(1);
                if self.states[task.class as usize] == State::Dead {
                    continue;
                }
                self.begin_few(facts, task);
                let slot = match outcome {
                    Some(outcome) => *outcome,
                    None => self.find_few(facts, task.class, &[], false),
                };
                if let Some(slot) = slot {
                    self.take_few(facts, task, slot);
                    task.class = GONE;
                } else {
                    self.die(task.class);
                }
            }
            queue.sweep(piece);
        }
        queue.drop_empty_pieces();
    }

    // The other way counts if it places more and the first task that is left is not nearer to the front.
    fn try_both(&self, facts: &Facts, queue: &Queue) -> Outcome {
        let tasks = queue.len();
        let one = self.attempt(facts, queue, false);
        let missed = |outcome: &Outcome| {
            let mut found = outcome.iter().take(tasks);
            let first = found.clone().position(Option::is_none).unwrap_or(tasks);
            (found.by_ref().flatten().count(), first)
        };
        let (placed, first) = missed(&one);
        if placed == tasks {
            return one;
        }
        let two = self.attempt(facts, queue, true);
        let (more, not_before) = missed(&two);
        if more > placed && not_before >= first {
            two
        } else {
            one
        }
    }

    // Where tasks would go; nothing is changed.
    fn attempt(&self, facts: &Facts, queue: &Queue, by_name: bool) -> Outcome {
        let mut outcome = Outcome::default();
        let mut taken: [(u32, Amounts); TASKS_MAX] = [(0, [0; 5]); TASKS_MAX];
        let mut rows = 0_usize;
        for (task, outcome) in queue.iter().zip(&mut outcome) {
            let taken_so_far = taken.get(..rows).unwrap_or_default();
            *outcome = self.find_few(facts, task.class, taken_so_far, by_name);
            if let Some(slot) = *outcome {
                let known = taken_so_far.iter().position(|(known, _)| *known == slot);
                let at = known.unwrap_or(rows);
                rows = rows.max(at.saturating_add(1));
                taken[at].0 = slot;
                for (taken, need) in taken[at]
                    .1
                    .iter_mut()
                    .zip(facts.briefs[task.class as usize].need)
                {
                    *taken = taken.saturating_add(need);
                }
            }
        }
        outcome
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

    // As the walk does: of the first rows that have room, the one with the least remainder. Or the first
    // one by name.
    fn find_few(
        &self,
        facts: &Facts,
        id: u32,
        taken: &[(u32, Amounts)],
        by_name: bool,
    ) -> Option<u32> {
        let (class, brief) = (&facts.classes[id], &facts.briefs[id as usize]);
        let only_changed = facts.exhausted[id as usize] == facts.age;
        if only_changed && facts.changed.is_empty() {
            return None;
        }
        let left = |slot: u32| {
            let row = &facts.rows[slot as usize];
            let mut whole = row.whole;
            if let Some((_, taken)) = taken.iter().find(|(known, _)| *known == slot) {
                subtract(&mut whole, taken);
            }
            let usable = !row.draining && !row.kept && (row.changed || !only_changed);
            let fitting = usable
                && fits(&brief.need, &whole)
                && row.room(self.now) >= brief.lasts
                && (brief.plain || agrees_special(facts, id, slot));
            fitting.then_some(whole)
        };
        class.stages.iter().find_map(|&stage| {
            let conditions = facts.sets.key(stage)?;
            let mut choices = Choices::default();
            for (index, &at_hand) in facts.at_hand.words().iter().enumerate() {
                let of = |&condition: &u32| facts.conditions[condition].rows.word(index);
                let word = conditions
                    .iter()
                    .map(of)
                    .fold(at_hand, |all, one| all & one);
                for bit in ones(word) {
                    let slot = index.saturating_mul(WORD).saturating_add(bit);
                    let slot = u32::try_from(slot).unwrap_or(u32::MAX);
                    let Some(left) = left(slot) else {
                        continue;
                    };
                    let row = &facts.rows[slot as usize];
                    if by_name {
                        choices.offer((0, row.ordinal), (u64::from(row.ordinal), slot));
                    } else {
                        let level = level(self.ranker.pressure_of_few(facts, slot));
                        let remains = remains(level, &left, brief);
                        choices.offer((place(level, row.spare), row.ordinal), (remains, slot));
                    }
                }
            }
            choices.best()
        })
    }

    fn take_few(&mut self, facts: &mut Facts, task: &Ticket, slot: u32) {
        let brief = &facts.briefs[task.class as usize];
        subtract(&mut facts.rows[slot as usize].whole, &brief.need);
        let live = &mut self.lives[task.class as usize];
        live.placed = live.placed.saturating_add(1);
        if !brief.plain {
            self.count_special(facts, task.class, slot);
        }
        self.note(task, slot);
    }
}

/// The first rows in order, each with how much would be left there.
#[derive(Default)]
struct Choices {
    found: [((u64, u32), (u64, u32)); CHOICES],
    len: usize,
}

impl Choices {
    fn offer(&mut self, place: (u64, u32), row: (u64, u32)) {
        let known = self.found.iter().take(self.len);
        let at = known.filter(|(known, _)| *known < place).count();
        let later = self.found.get_mut(at..).unwrap_or_default();
        if !later.is_empty() {
            later.rotate_right(1);
            later[0] = (place, row);
            self.len = self.len.saturating_add(1).min(CHOICES);
        }
    }

    // The first of those with the least remainder.
    fn best(&self) -> Option<u32> {
        let found = self.found.iter().take(self.len);
        let best = found.min_by_key(|(_, (remains, _))| *remains);
        best.map(|(_, (_, slot))| *slot)
    }
}
