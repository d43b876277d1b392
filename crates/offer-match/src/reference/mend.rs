//! Room made by moving, slowly.

use std::{cmp::Reverse, collections::BTreeSet};

use crate::{
    AgentId, Demand,
    amounts::{Amounts, add, dominant, fits, lack, lean, misfit, subtract},
    round::{
        CHOICES,
        mend::{self, Budget},
    },
};

use super::{Naive, allows};

/// One of the ways in which a demand is tried: which of its roles, and whether only where its data is.
#[derive(Clone, Copy)]
struct Stage {
    role: usize,
    near: bool,
}

/// What is kept between tasks.
struct Mended {
    budget: Budget,
    /// Classes of which a task found no room in turn.
    dead: BTreeSet<u32>,
    /// Rows from which something might have gone.
    left: BTreeSet<usize>,
}

impl Naive<'_> {
    pub(super) fn mended(mut self) -> Vec<(u64, AgentId)> {
        let placed: BTreeSet<usize> = self.placements.iter().map(|(task, _)| *task).collect();
        let missed: Vec<usize> = (0..self.tasks.len())
            .filter(|task| !placed.contains(task))
            .collect();
        if placed.is_empty() || placed.len() > mend::PLACED_MAX {
            return self.placed();
        }
        let mut mended = Mended {
            budget: Budget::of(placed.len()),
            dead: missed.iter().map(|&task| self.tasks[task].class).collect(),
            left: BTreeSet::new(),
        };
        let rows = 0..self.rows.len();
        mended.left = rows
            .filter(|&row| !self.movable(row, &mended.dead).is_empty())
            .collect();
        let mut stuck = BTreeSet::new();
        for task in missed {
            if mended.budget.is_spent() {
                break;
            }
            mended.budget.tasks -= 1;
            let class = self.tasks[task].class;
            if !stuck.contains(&class) && !self.mend(task, &mut mended) {
                stuck.insert(class);
            }
        }
        self.placed()
    }

    fn mend(&mut self, task: usize, mended: &mut Mended) -> bool {
        let Some(demand) = self.demand(task) else {
            return false;
        };
        for stage in stages(&demand) {
            let direct = self.elsewhere(task, stage, usize::MAX);
            let row = direct.or_else(|| {
                let near = self.nearest(task, stage, mended);
                near.into_iter()
                    .find(|&row| self.make_room(task, row, mended))
            });
            if let Some(row) = row {
                self.take(row, &demand, &self.brief(task).need);
                self.placements.push((task, row));
                return true;
            }
        }
        false
    }

    fn may_be(&self, task: usize, stage: Stage, row: usize, free: &Amounts) -> bool {
        let brief = self.brief(task);
        self.demand(task).is_some_and(|demand| {
            self.is_in(&demand, stage, row)
                && self.rows[row].room(self.now) >= brief.lasts
                && fits(&brief.need, free)
                && self.allows_special(&demand, row)
        })
    }

    fn is_in(&self, demand: &Demand, stage: Stage, row: usize) -> bool {
        let row = &self.rows[row];
        let role = demand.roles.get(stage.role);
        role.is_none_or(|role| row.key.role == *role)
            && (!stage.near || self.has_data(demand, row))
            && allows(self.matcher, demand, row)
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

    fn nearest(&self, task: usize, stage: Stage, mended: &mut Mended) -> Vec<usize> {
        let mut near = Vec::new();
        for &row in &mended.left {
            let is_in = self
                .demand(task)
                .is_some_and(|demand| self.is_in(&demand, stage, row));
            if !is_in {
                continue;
            }
            if mended.budget.looks == 0 {
                break;
            }
            mended.budget.looks -= 1;
            let mut most = self.rows[row].whole;
            for number in self.movable(row, &mended.dead) {
                add(&mut most, &self.brief(self.placements[number].0).need);
            }
            if self.may_be(task, stage, row, &most) {
                near.push(row);
            }
            if near.len() == mend::COMPARED_MAX {
                break;
            }
        }
        near.sort_by_key(|&row| lack(&self.brief(task).need, &self.rows[row].whole));
        near.truncate(mended.budget.tried);
        near
    }

    fn elsewhere(&self, task: usize, stage: Stage, but: usize) -> Option<usize> {
        let need = self.brief(task).need;
        let fitting = (0..self.rows.len())
            .filter(|&row| row != but && self.may_be(task, stage, row, &self.rows[row].whole));
        fitting.take(CHOICES).min_by_key(|&row| {
            64 * self.levels[row] + misfit(&self.rows[row].whole, &need, lean(&need))
        })
    }

    fn make_room(&mut self, task: usize, row: usize, mended: &mut Mended) -> bool {
        if mended.budget.tries == 0 {
            return false;
        }
        mended.budget.tries -= 1;
        let need = self.brief(task).need;
        let before = (self.rows.clone(), self.placements.clone());
        let mut gone = Vec::new();
        for number in self.movable(row, &mended.dead) {
            let (other, _) = self.placements[number];
            let away = self.brief(other).need;
            if !mend::helps(&need, &self.rows[row].whole, &away) {
                continue;
            }
            // What moves is plain: there is one way to try it.
            let only = Stage {
                role: 0,
                near: false,
            };
            let Some(to) = self.elsewhere(other, only, row) else {
                continue;
            };
            subtract(&mut self.rows[to].whole, &away);
            add(&mut self.rows[row].whole, &away);
            self.placements[number].1 = to;
            gone.push(to);
            if fits(&need, &self.rows[row].whole) {
                mended.left.extend(gone);
                return true;
            }
        }
        (self.rows, self.placements) = before;
        false
    }
}

fn stages(demand: &Demand) -> Vec<Stage> {
    let mut stages = Vec::new();
    for role in 0..demand.roles.len().max(1) {
        for near in [true, false] {
            if !near || demand.affinity.is_some() {
                stages.push(Stage { role, near });
            }
        }
    }
    stages
}
