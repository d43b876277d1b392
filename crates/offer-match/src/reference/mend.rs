//! Room made by moving, slowly.

use std::{cmp::Reverse, collections::BTreeSet};

use crate::{
    AgentId,
    amounts::{Amounts, add, dominant, fits, lack, lean, misfit, subtract},
    round::{CHOICES, mend},
};

use super::{Naive, allows};

impl Naive<'_> {
    pub(super) fn mended(mut self) -> Vec<(u64, AgentId)> {
        let placed: BTreeSet<usize> = self.placements.iter().map(|(task, _)| *task).collect();
        let missed: Vec<usize> = (0..self.tasks.len())
            .filter(|task| !placed.contains(task))
            .collect();
        let dead: BTreeSet<u32> = missed.iter().map(|&task| self.tasks[task].class).collect();
        let (mut tries, mut moved, mut stuck) = (mend::TRIES_MAX, false, BTreeSet::new());
        if placed.len() > mend::PLACED_MAX {
            return self.placed();
        }
        for &task in missed.iter().take(mend::TASKS_MAX) {
            let class = self.tasks[task].class;
            if tries == 0 || stuck.contains(&class) {
                continue;
            }
            let direct = moved.then(|| self.elsewhere(task, usize::MAX)).flatten();
            let row = direct.or_else(|| {
                let mut near = self.nearest(task, &dead).into_iter();
                let row = near.find(|&row| {
                    let may_try = tries > 0;
                    tries -= usize::from(may_try);
                    may_try && self.make_room(task, row, &dead)
                });
                moved |= row.is_some();
                row
            });
            if let Some(row) = row {
                let need = self.brief(task).need;
                subtract(&mut self.rows[row].whole, &need);
                self.placements.push((task, row));
            } else {
                stuck.insert(class);
            }
        }
        self.placed()
    }

    fn may_be(&self, task: usize, row: usize, free: &Amounts) -> bool {
        let (brief, row) = (self.brief(task), &self.rows[row]);
        self.demand(task).is_some_and(|demand| {
            brief.plain
                && allows(self.matcher, &demand, row)
                && demand
                    .roles
                    .first()
                    .is_none_or(|role| row.key.role == *role)
                && row.room(self.now) >= brief.lasts
                && fits(&brief.need, free)
        })
    }

    fn movable(&self, row: usize, dead: &BTreeSet<u32>) -> Vec<usize> {
        let may = |&number: &usize| {
            let (task, at) = self.placements[number];
            at == row && self.brief(task).plain && !dead.contains(&self.tasks[task].class)
        };
        let mut all: Vec<usize> = (0..self.placements.len()).filter(may).collect();
        let need = |number: usize| self.brief(self.placements[number].0).need;
        all.sort_by_key(|&number| Reverse(dominant(&need(number))));
        all
    }

    fn nearest(&self, task: usize, dead: &BTreeSet<u32>) -> Vec<usize> {
        let near = (0..self.rows.len()).filter(|&row| {
            let mut most = self.rows[row].whole;
            for number in self.movable(row, dead) {
                add(&mut most, &self.brief(self.placements[number].0).need);
            }
            self.may_be(task, row, &most)
        });
        let mut near: Vec<usize> = near.take(mend::COMPARED_MAX).collect();
        near.sort_by_key(|&row| lack(&self.brief(task).need, &self.rows[row].whole));
        near.truncate(mend::TRIED_MAX);
        near
    }

    fn elsewhere(&self, task: usize, but: usize) -> Option<usize> {
        let need = self.brief(task).need;
        let fitting = (0..self.rows.len())
            .filter(|&row| row != but && self.may_be(task, row, &self.rows[row].whole));
        fitting.take(CHOICES).min_by_key(|&row| {
            64 * self.levels[row] + misfit(&self.rows[row].whole, &need, lean(&need))
        })
    }

    fn make_room(&mut self, task: usize, row: usize, dead: &BTreeSet<u32>) -> bool {
        let need = self.brief(task).need;
        let before = (self.rows.clone(), self.placements.clone());
        for number in self.movable(row, dead) {
            let (other, _) = self.placements[number];
            let away = self.brief(other).need;
            if !mend::helps(&need, &self.rows[row].whole, &away) {
                continue;
            }
            let Some(to) = self.elsewhere(other, row) else {
                continue;
            };
            subtract(&mut self.rows[to].whole, &away);
            add(&mut self.rows[row].whole, &away);
            self.placements[number].1 = to;
            if fits(&need, &self.rows[row].whole) {
                return true;
            }
        }
        (self.rows, self.placements) = before;
        false
    }
}
