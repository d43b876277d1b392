//! Agents kept free for tasks that others overtake.
//!
//! A big task may wait for ever for an agent that is free enough, while small ones take every piece
//! that comes back. So a task that has waited long enough and was overtaken gets an agent that could
//! hold it if it were empty: nobody else gets anything there until the pieces suffice. How many agents
//! are kept, and for how long, is bounded; when the time is over, others get their turn.

use crate::{
    Ticket,
    amounts::fits,
    facts::{Facts, row::Row},
    queue::Queue,
};

use super::agrees_special;

/// How many agents one round begins to keep; looking for one costs a look at every agent.
const NEW_MAX: usize = 8;

/// How many of the oldest tasks that fit nowhere are looked at in one round.
const LOOK_MAX: usize = 1024;

/// The agents that are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keeps {
    kept: Vec<Keep>,
    /// Tasks whose time was over, and until when others go first.
    rested: Vec<(u64, i64)>,
    /// What is free of each row, in the order of the rows, while agents are chosen: rows themselves are far apart.
    spares: Vec<(u32, u32)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Keep {
    pub(crate) ticket: Ticket,
    pub(crate) slot: u32,
    pub(crate) until: i64,
}

impl Keeps {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Keep> {
        self.kept.iter()
    }

    /// Takes over what another keeps, with the numbers that a copy of the facts gave.
    pub(crate) fn copy(&self, theirs: &Facts, mine: &mut Facts) -> Self {
        let kept = self.kept.iter().filter_map(|keep| {
            let row = theirs.rows.get(keep.slot as usize)?;
            let slot = *mine.row_ids.get(&row.key)?;
            let class = mine.classes.find(theirs.classes.key(keep.ticket.class)?)?;
            mine.rows[slot as usize].kept = row.kept;
            let ticket = Ticket {
                class,
                ..keep.ticket
            };
            Some(Keep {
                ticket,
                slot,
                ..*keep
            })
        });
        Self {
            kept: kept.collect(),
            rested: self.rested.clone(),
            spares: Vec::new(),
        }
    }

    /// Ends what has become pointless or too old.
    pub(crate) fn review(&mut self, facts: &mut Facts, queue: &Queue, now: i64) {
        self.rested.retain(|&(_, until)| until > now);
        let Self { kept, rested, .. } = self;
        kept.retain(|keep| {
            let row = &facts.rows[keep.slot as usize];
            let pointless = !queue.contains(&keep.ticket) || !row.kept || row.draining;
            let over = keep.until <= now;
            if over && !pointless {
                let rest = now.saturating_add(facts.policy.keep_millis);
                rested.push((keep.ticket.id, rest));
            }
            if over || pointless {
                facts.rows[keep.slot as usize].kept = false;
                facts.touch(keep.slot);
            }
            !over && !pointless
        });
    }

    /// Takes out the tasks whose agents are free enough now.
    pub(crate) fn ready(&mut self, facts: &mut Facts, now: i64) -> Vec<(Ticket, u32)> {
        let mut ready = Vec::new();
        self.kept.retain(|keep| {
            let row = &facts.rows[keep.slot as usize];
            let class = &facts.briefs[keep.ticket.class as usize];
            let fits = row.is_at_hand()
                && fits(&class.need, &row.whole)
                && row.room(now) >= class.lasts
                && facts.is_allowed(keep.ticket.class, keep.slot)
                && agrees_special(facts, keep.ticket.class, keep.slot, &[]);
            if fits {
                ready.push((keep.ticket, keep.slot));
                facts.rows[keep.slot as usize].kept = false;
                facts.touch(keep.slot);
            }
            !fits
        });
        ready
    }

    /// Keeps agents for tasks that were overtaken.
    pub(crate) fn choose(
        &mut self,
        facts: &mut Facts,
        missed: impl Iterator<Item = Ticket>,
        last_placed: Option<Ticket>,
        now: i64,
    ) {
        let permille = usize::from(facts.policy.keep_permille);
        let Some(last_placed) = last_placed.filter(|_| permille > 0) else {
            return;
        };
        let bound = (facts.row_ids.len().saturating_mul(permille) / 1000).max(1);
        let room = bound.saturating_sub(self.kept.len()).min(NEW_MAX);
        if room == 0 {
            return;
        }
        let before = now.saturating_sub(facts.policy.keep_after_millis);
        let starving: Vec<Ticket> = missed
            .take(LOOK_MAX)
            .take_while(|task| *task < last_placed)
            .filter(|task| task.since <= before)
            .filter(|task| self.kept.iter().all(|keep| keep.ticket != *task))
            .filter(|task| self.rested.iter().all(|(id, _)| *id != task.id))
            .take(room)
            .collect();
        if starving.is_empty() {
            return;
        }
        let spare = |&slot: &u32| (facts.rows[slot as usize].spare, slot);
        self.spares.clear();
        self.spares.extend(facts.row_ids.values().map(spare));
        for ticket in starving {
            if let Some(slot) = roomiest(facts, &self.spares, ticket.class, now) {
                facts.rows[slot as usize].kept = true;
                let until = now.saturating_add(facts.policy.keep_millis);
                self.kept.push(Keep {
                    ticket,
                    slot,
                    until,
                });
            }
        }
    }
}

// The agent with the most to spare among those that could hold the task if they were empty.
fn roomiest(facts: &Facts, spares: &[(u32, u32)], class: u32, now: i64) -> Option<u32> {
    let wanted = &facts.briefs[class as usize];
    let could = |slot: u32, row: &Row| {
        !row.kept
            && !row.draining
            && fits(&wanted.need, &row.total)
            && row.room(now) >= wanted.lasts
            && facts.is_allowed(class, slot)
    };
    let mut best: Option<(u32, u32)> = None;
    for &(spare, slot) in spares {
        let more = best.is_none_or(|(most, _)| spare > most);
        if more && could(slot, &facts.rows[slot as usize]) {
            best = Some((spare, slot));
        }
    }
    best.map(|(_, slot)| slot)
}
