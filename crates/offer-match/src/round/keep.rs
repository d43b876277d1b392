//! Agents kept free for tasks that others overtake.
//!
//! A big task may wait for ever for an agent that is free enough, while small ones take every piece
//! that comes back. So a task that has waited long enough and was overtaken gets an agent that could
//! hold it if it were empty: nobody else gets anything there until the pieces suffice. How many agents
//! are kept, and for how long, is bounded; when the time is over, others get their turn.

use crate::{
    Ticket,
    amounts::{dominant, fits},
    facts::Facts,
    queue::Queue,
};

use super::{agrees_special, spreads_allow};

/// For how many tasks one round looks for an agent to keep; one costs a look at every agent.
const SEARCHES_MAX: usize = 8;

/// How many of the oldest tasks that fit nowhere are looked at in one round.
const LOOK_MAX: usize = 1024;

/// The agents that are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keeps {
    kept: Vec<Keep>,
    /// Tasks whose time was over, and until when others go first.
    rested: Vec<(u64, i64)>,
    /// How good each row is, in their order, while agents are chosen: rows themselves are far apart.
    spares: Vec<(u64, u32)>,
    /// Rank and number of the task behind which the next round goes on, when no agent was found for so many that
    /// there was no time for the others.
    looked: Option<(i64, u64)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Keep {
    pub(crate) ticket: Ticket,
    /// Where there was most to spare; other offers of the agent may be in rows beside this one.
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
            if theirs.unkept.contains(&keep.slot) {
                return None;
            }
            let slot = *mine.row_ids.get(&row.key)?;
            let class = mine.classes.find(theirs.classes.key(keep.ticket.class)?)?;
            if row.kept {
                mine.keep(slot, true);
            }
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
            looked: self.looked,
        }
    }

    /// Ends what has become pointless or too old.
    pub(crate) fn review(&mut self, facts: &mut Facts, queue: &Queue, now: i64) {
        self.rested.retain(|&(_, until)| until > now);
        let Self { kept, rested, .. } = self;
        kept.retain(|keep| {
            let (class, slot) = (keep.ticket.class, keep.slot);
            let is_kept = facts.rows[slot as usize].kept && !facts.unkept.contains(&slot);
            let pointless =
                !is_kept || !queue.contains(&keep.ticket) || !could(facts, class, slot, now);
            let over = keep.until <= now;
            if over && !pointless {
                let rest = now.saturating_add(facts.policy.keep_millis);
                rested.push((keep.ticket.id, rest));
                let vain = &mut facts.rows[slot as usize].vain;
                *vain = vain.saturating_add(1);
            }
            if is_kept && (over || pointless) {
                facts.keep(slot, false);
            }
            !over && !pointless
        });
        facts.unkept.clear();
    }

    /// Gives the agents that are free enough now to the tasks for which they were kept, one after the other: what
    /// the first gets may be in the way of the next.
    pub(crate) fn give(
        &mut self,
        facts: &mut Facts,
        now: i64,
        mut give: impl FnMut(&mut Facts, &Ticket, u32),
    ) {
        self.kept.retain(|keep| {
            let class = keep.ticket.class;
            let brief = &facts.briefs[class as usize];
            let fitting = |slot: &u32| {
                let row = &facts.rows[*slot as usize];
                row.is_at_hand()
                    && fits(&brief.need, &row.whole)
                    && row.room(now) >= brief.lasts
                    && facts.is_allowed(class, *slot)
                    && agrees_special(facts, class, *slot)
            };
            let found = facts.lanes(keep.slot).find(fitting);
            if let Some(slot) = found {
                facts.keep(keep.slot, false);
                facts.rows[keep.slot as usize].vain = 0;
                give(facts, &keep.ticket, slot);
            }
            found.is_none()
        });
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
        let bound = (facts.agents.saturating_mul(permille) / 1000).max(1);
        let mut room = bound.saturating_sub(self.kept.len());
        let before = now.saturating_sub(facts.policy.keep_after_millis);
        let from = self.looked.take();
        let is_new = |task: &Ticket| from.is_none_or(|from| (task.rank, task.id) > from);
        let mut missed = missed
            .take_while(|task| *task < last_placed)
            .skip_while(|task| !is_new(task));
        let (mut looks, mut searches) = (LOOK_MAX, SEARCHES_MAX);
        let mut last = None;
        // What could run nowhere, of this round.
        let mut hopeless = [u32::MAX; SEARCHES_MAX];
        while room > 0
            && let Some(ticket) = missed.next()
        {
            if looks == 0 || searches == 0 {
                self.looked = last;
                return;
            }
            looks = looks.saturating_sub(1);
            last = Some((ticket.rank, ticket.id));
            let starves = ticket.since <= before
                && !hopeless.contains(&ticket.class)
                && self.kept.iter().all(|keep| keep.ticket != ticket)
                && self.rested.iter().all(|(id, _)| *id != ticket.id);
            if !starves {
                continue;
            }
            if searches == SEARCHES_MAX {
                self.list_spares(facts);
            }
            searches = searches.saturating_sub(1);
            let Some(slot) = roomiest(facts, &self.spares, ticket.class, now) else {
                hopeless[searches] = ticket.class;
                continue;
            };
            facts.keep(slot, true);
            let until = now.saturating_add(facts.policy.keep_millis);
            self.kept.push(Keep {
                ticket,
                slot,
                until,
            });
            room = room.saturating_sub(1);
        }
    }

    // First those that were kept in vain less often, then those with more to spare.
    fn list_spares(&mut self, facts: &Facts) {
        let spare = |&slot: &u32| {
            let row = &facts.rows[slot as usize];
            let patience = u64::from(u32::MAX.saturating_sub(row.vain));
            (patience << 32 | u64::from(row.spare), slot)
        };
        self.spares.clear();
        self.spares.extend(facts.row_ids.values().map(spare));
    }
}

// The agent with the most to spare among those that could hold the task if they were empty.
fn roomiest(facts: &Facts, spares: &[(u64, u32)], class: u32, now: i64) -> Option<u32> {
    let size = dominant(&facts.briefs[class as usize].need);
    let mut best: Option<(u64, u32)> = None;
    for &(spare, slot) in spares {
        let more = best.is_none_or(|(most, _)| spare > most);
        if more
            && facts.sizes[slot as usize] >= size
            && !facts.rows[slot as usize].kept
            && could(facts, class, slot, now)
        {
            best = Some((spare, slot));
        }
    }
    best.map(|(_, slot)| slot)
}

// Whether an agent could hold a task if nothing else were there.
fn could(facts: &Facts, class: u32, slot: u32, now: i64) -> bool {
    let (wanted, row) = (&facts.briefs[class as usize], &facts.rows[slot as usize]);
    !row.draining
        && fits(&wanted.need, &row.total)
        && row.room(now) >= wanted.lasts
        && facts.is_allowed(class, slot)
        && spreads_allow(facts, class, slot)
}
