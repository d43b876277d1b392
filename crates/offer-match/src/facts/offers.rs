//! Offers and agents: taken in, taken back, forgotten.

use std::{borrow::Cow, sync::Arc};

use resources::{Attributes, Constraint};

use super::{
    Facts, IDLE_ROWS_MAX,
    condition::ConditionKey,
    row::{Part, Row, RowKey},
};
use crate::{
    AgentId, Offer, OfferId, Window,
    amounts::{GPUS, dominant},
};

impl Facts {
    pub(crate) fn take_offer(&mut self, offer: Offer) {
        self.drop_offer(&offer.id);
        let Offer {
            id,
            agent,
            role,
            supply,
            attributes,
            abilities,
            unavailable,
        } = offer;
        let kinds = supply.kinds();
        let lane = self.free_lane(&agent, &role);
        let mut slots = [None; 2];
        for (side, revocable) in [false, true].into_iter().enumerate() {
            if !kinds[side] {
                continue;
            }
            let known = self.find_row(&agent, &role, lane, revocable);
            let slot = known.unwrap_or_else(|| {
                self.add_row(RowKey {
                    agent: agent.clone(),
                    role: Arc::clone(&role),
                    lane,
                    revocable,
                })
            });
            self.describe(slot, &attributes, &abilities, unavailable);
            let part = Part {
                id: id.clone(),
                supply: supply.clone(),
            };
            self.put_part(slot, part);
            slots[side] = Some(slot);
        }
        self.offers.insert(id, slots);
    }

    fn put_part(&mut self, slot: u32, part: Part) {
        let row = &mut self.rows[slot as usize];
        // By name, so that the order in which they came does not matter.
        let place = row.offers.partition_point(|known| known.id < part.id);
        row.offers.insert(place, part);
        row.refresh();
        self.at_hand.set(slot as usize, true);
        self.learn_disks(slot);
        let row = &mut self.rows[slot as usize];
        let had_gpus = row.total[GPUS] > 0;
        if row.grow() {
            let gets_gpus = !had_gpus && row.total[GPUS] > 0;
            self.sizes[slot as usize] = dominant(&row.total);
            self.capacity_age = self.capacity_age.saturating_add(1);
            if gets_gpus {
                self.note_gpus(slot);
            }
        }
        self.touch(slot);
    }

    // An agent has GPUs: that matters in all of its rows.
    fn note_gpus(&mut self, slot: u32) {
        for slot in self.rows_of(&self.rows[slot as usize].key.agent) {
            self.rows[slot as usize].beside_gpus = true;
            self.evaluate_row(slot);
        }
    }

    // Looks at the disks at hand in a row, some of which may be new.
    fn learn_disks(&mut self, slot: u32) {
        let row = &mut self.rows[slot as usize];
        let Some(disks) = row.disks.as_mut().filter(|disks| disks.are_new()) else {
            return;
        };
        for volume in disks.volumes() {
            self.volumes.remove(&(Arc::clone(volume), slot));
        }
        disks.remember();
        for volume in disks.volumes() {
            self.volumes.insert((Arc::clone(volume), slot));
        }
        self.evaluate_those(slot, |key| matches!(key, ConditionKey::Wishes(_)));
    }

    /// Takes an offer back; `false` when there is none.
    pub(crate) fn drop_offer(&mut self, id: &OfferId) -> bool {
        let Some(slots) = self.offers.remove(id) else {
            return false;
        };
        for slot in slots.into_iter().flatten() {
            self.take_out(slot, id);
        }
        true
    }

    /// Moves the offers of a row to those that are used up.
    pub(crate) fn set_aside(&mut self, slot: u32) {
        let row = &mut self.rows[slot as usize];
        row.spent.clear();
        std::mem::swap(&mut row.spent, &mut row.offers);
    }

    /// Forgets offers that were set aside; those that a row shares with another are gone from there too.
    pub(crate) fn void(&mut self, slots: impl ExactSizeIterator<Item = u32> + Clone) {
        // One pass over all is less than finding each, if they are many.
        if slots.len() > self.offers.len() / 8 {
            self.void_all();
        } else {
            slots.clone().for_each(|slot| self.void_one_by_one(slot));
        }
        slots.for_each(|slot| self.note_taken_back(slot));
    }

    fn void_all(&mut self) {
        let rows = &self.rows;
        let is_used = |slot: &u32| !rows[*slot as usize].spent.is_empty();
        let mut shared: Vec<(u32, OfferId)> = Vec::new();
        self.offers.retain(|id, slots| {
            let slots = slots.iter().flatten();
            let used = slots.clone().any(is_used);
            if used {
                let others = slots.filter(|slot| !is_used(slot));
                shared.extend(others.map(|&slot| (slot, id.clone())));
            }
            !used
        });
        for (slot, id) in shared {
            self.take_out(slot, &id);
        }
    }

    fn void_one_by_one(&mut self, slot: u32) {
        for place in 0..self.rows[slot as usize].spent.len() {
            let id = &self.rows[slot as usize].spent[place].id;
            let slots = self.offers.remove(id).into_iter().flatten().flatten();
            for other in slots.filter(|other| *other != slot) {
                let id = self.rows[slot as usize].spent[place].id.clone();
                self.take_out(other, &id);
            }
        }
    }

    fn take_out(&mut self, slot: u32, id: &OfferId) {
        let offers = &mut self.rows[slot as usize].offers;
        offers.retain(|part| part.id != *id);
        self.note_taken_back(slot);
    }

    fn note_taken_back(&mut self, slot: u32) {
        let row = &mut self.rows[slot as usize];
        row.refresh();
        self.at_hand.set(slot as usize, row.is_at_hand());
    }

    // The first lane of an agent without an offer at hand; what is combined has one lane.
    fn free_lane(&self, agent: &AgentId, role: &Arc<str>) -> u32 {
        if self.policy.combine {
            return 0;
        }
        let is_free = |lane: &u32| {
            [false, true].into_iter().all(|revocable| {
                let row = self.find_row(agent, role, *lane, revocable);
                row.is_none_or(|slot| !self.rows[slot as usize].is_at_hand())
            })
        };
        (0..u32::MAX).find(is_free).unwrap_or(u32::MAX)
    }

    fn find_row(
        &self,
        agent: &AgentId,
        role: &Arc<str>,
        lane: u32,
        revocable: bool,
    ) -> Option<u32> {
        if revocable && self.revocable_rows == 0 {
            return None;
        }
        // A small cluster makes its next offer where the last one was.
        let last = self.rows.get(self.last_row as usize);
        let is_last = last.is_some_and(|last| {
            let key = &last.key;
            (key.lane, key.revocable) == (lane, revocable)
                && key.agent == *agent
                && key.role == *role
        });
        if is_last {
            return Some(self.last_row);
        }
        let key = RowKey {
            agent: agent.clone(),
            role: Arc::clone(role),
            lane,
            revocable,
        };
        self.row_ids.get(&key).copied()
    }

    fn add_row(&mut self, key: RowKey) -> u32 {
        let idle = self.row_ids.len().saturating_sub(self.offers.len());
        if idle > IDLE_ROWS_MAX {
            self.forget_idle();
        }
        let mut row = Row::new(key.clone());
        let others = self.rows_of(&key.agent);
        self.agents = self.agents.saturating_add(usize::from(others.is_empty()));
        row.draining = self.draining.contains(&key.agent);
        row.beside_gpus = others
            .iter()
            .any(|&slot| self.rows[slot as usize].beside_gpus);
        row.kept = others.iter().any(|&slot| {
            let other = &self.rows[slot as usize];
            let same = (&other.key.role, other.key.revocable) == (&key.role, key.revocable);
            other.kept && same
        });
        let slot = if let Some(slot) = self.free_rows.pop() {
            self.rows[slot as usize] = row;
            self.sizes[slot as usize] = 0;
            slot
        } else {
            self.rows.push(row);
            self.sizes.push(0);
            u32::try_from(self.rows.len().saturating_sub(1)).expect("agents are fewer than 2^32")
        };
        self.revocable_rows = self
            .revocable_rows
            .saturating_add(usize::from(key.revocable));
        self.row_ids.insert(key, slot);
        self.last_row = slot;
        self.ordinals_stale = true;
        let attributes = Arc::default();
        self.learn(slot, &attributes);
        slot
    }

    fn describe(
        &mut self,
        slot: u32,
        attributes: &Arc<Attributes>,
        abilities: &[Cow<'static, str>],
        window: Option<Window>,
    ) {
        self.set_row_window(slot, window);
        let row = &self.rows[slot as usize];
        let is_known = |row: &Row| {
            let same = Arc::ptr_eq(&row.attributes, attributes) || row.attributes == *attributes;
            same && row.abilities == abilities
        };
        if is_known(row) {
            return;
        }
        // What is new of an agent is so in all of its rows.
        for slot in self.rows_of(&self.rows[slot as usize].key.agent) {
            let row = &mut self.rows[slot as usize];
            if !is_known(row) {
                row.abilities = abilities.to_vec();
                self.learn(slot, attributes);
                self.touch(slot);
            }
        }
    }

    // Looks at the attributes of a row, which are new.
    fn learn(&mut self, slot: u32, attributes: &Arc<Attributes>) {
        self.rows[slot as usize].attributes = Arc::clone(attributes);
        let mut news = Vec::new();
        for (id, column) in self.columns.iter_mut() {
            if let Some(value) = column.note(slot as usize, attributes) {
                news.push((id, value));
            }
        }
        for (column, value) in news {
            self.judge_value(column, value);
        }
        self.evaluate_row(slot);
        let agent = self.rows[slot as usize].key.agent.clone();
        self.note_moved(agent);
    }

    // Where nothing runs nothing is counted.
    fn note_moved(&mut self, agent: AgentId) {
        if !self.running.is_empty() {
            self.moved.insert(agent);
        }
    }

    // Asks every constraint on an attribute about a value that is new.
    fn judge_value(&mut self, column: u32, value: u32) {
        if self.columns[column].is_stale() {
            return self.rebuild_column(column);
        }
        let asked: Vec<(u32, Constraint)> = self.constraints_on(column).collect();
        for (id, constraint) in asked {
            let holds = constraint.holds_for(&self.columns[column].values[value as usize]);
            self.conditions[id].values.set(value as usize, holds);
        }
    }

    fn constraints_on(&self, column: u32) -> impl Iterator<Item = (u32, Constraint)> {
        self.conditions.iter().filter_map(move |(id, condition)| {
            let mine = condition.column == Some(column);
            match self.conditions.key(id) {
                Some(ConditionKey::Constraint(constraint)) if mine => {
                    Some((id, constraint.clone()))
                }
                _ => None,
            }
        })
    }

    // Numbers the values of an attribute anew, without those that nobody has any more.
    fn rebuild_column(&mut self, column: u32) {
        let Some(name) = self.columns.key(column).cloned() else {
            return;
        };
        self.columns[column] = super::column::Column::new(name);
        let rows: Vec<(u32, Arc<Attributes>)> = self
            .row_ids
            .values()
            .map(|&slot| (slot, Arc::clone(&self.rows[slot as usize].attributes)))
            .collect();
        for (slot, attributes) in rows {
            let _new = self.columns[column].note(slot as usize, &attributes);
        }
        let asked: Vec<(u32, Constraint)> = self.constraints_on(column).collect();
        for (id, constraint) in asked {
            self.judge(id, column, &constraint);
        }
        let spreads: Vec<u32> = self
            .spreads
            .iter()
            .filter(|(_, spread)| spread.column == column)
            .map(|(id, _)| id)
            .collect();
        for spread in spreads {
            self.recount(spread);
        }
    }

    /// Asks a constraint about all values of its attribute.
    pub(super) fn judge(&mut self, id: u32, column: u32, constraint: &Constraint) {
        let known = &mut self.conditions[id];
        known.values = crate::bits::Bits::default();
        for (value, list) in self.columns[column].values.iter().enumerate() {
            known.values.set(value, constraint.holds_for(list));
        }
    }

    /// Takes over the agents and offers of another.
    pub(crate) fn copy_rows(&mut self, other: &Self) {
        for (key, &slot) in &other.row_ids {
            let theirs = &other.rows[slot as usize];
            let mine = self.add_row(key.clone());
            self.describe(mine, &theirs.attributes, &theirs.abilities, theirs.window);
            self.rows[mine as usize] = Row {
                ordinal: 0,
                changed: false,
                kept: false,
                spent: Vec::new(),
                ports_taken: Vec::new(),
                ..theirs.clone()
            };
            let volumes = theirs.volumes().map(|volume| (Arc::clone(volume), mine));
            self.volumes.extend(volumes);
            self.at_hand.set(mine as usize, theirs.is_at_hand());
            self.sizes[mine as usize] = dominant(&theirs.total);
            for (place, part) in theirs
                .offers
                .iter()
                .map(|part| (usize::from(key.revocable), part))
            {
                self.offers.entry(part.id.clone()).or_default()[place] = Some(mine);
            }
            self.evaluate_row(mine);
            self.touch(mine);
        }
    }

    /// Forgets an agent: its offers are void and it will make no more.
    pub(crate) fn forget_agent(&mut self, agent: &AgentId) {
        self.draining.remove(agent);
        for slot in self.rows_of(agent) {
            self.forget_row(slot);
        }
    }

    fn forget_idle(&mut self) {
        let idle: Vec<u32> = self
            .row_ids
            .values()
            .copied()
            .filter(|&slot| {
                let row = &self.rows[slot as usize];
                !row.is_at_hand() && !row.kept
            })
            .collect();
        for slot in idle {
            self.forget_row(slot);
        }
    }

    fn forget_row(&mut self, slot: u32) {
        let row = std::mem::replace(
            &mut self.rows[slot as usize],
            Row::new(RowKey::first(AgentId("".into()))),
        );
        for volume in row.volumes() {
            self.volumes.remove(&(Arc::clone(volume), slot));
        }
        if row.kept {
            self.unkept.push(slot);
        }
        for part in row.offers {
            self.drop_offer(&part.id);
        }
        self.at_hand.set(slot as usize, false);
        if self.last_row == slot {
            self.last_row = u32::MAX;
        }
        self.row_ids.remove(&row.key);
        let was_last = self.rows_of(&row.key.agent).is_empty();
        self.agents = self.agents.saturating_sub(usize::from(was_last));
        self.revocable_rows = self
            .revocable_rows
            .saturating_sub(usize::from(row.key.revocable));
        if let Some(end) = row.window.and_then(|window| window.end) {
            self.windows.remove(&(end, slot));
        }
        self.changed.retain(|&changed| changed != slot);
        for (_, column) in self.columns.iter_mut() {
            column.forget(slot as usize);
        }
        for (_, condition) in self.conditions.iter_mut() {
            condition.rows.set(slot as usize, false);
        }
        self.free_rows.push(slot);
        self.note_moved(row.key.agent);
        self.ordinals_stale = true;
        self.capacity_age = self.capacity_age.saturating_add(1);
    }

    /// Returns the rows of an agent for one role and kind: one, or one for each of its offers.
    pub(crate) fn lanes(&self, slot: u32) -> impl Iterator<Item = u32> {
        let key = &self.rows[slot as usize].key;
        let first = RowKey {
            lane: 0,
            ..key.clone()
        };
        self.row_ids
            .range(first..)
            .take_while(|(other, _)| (&other.agent, &other.role) == (&key.agent, &key.role))
            .filter(|(other, _)| other.revocable == key.revocable)
            .map(|(_, &slot)| slot)
    }

    /// Keeps an agent for a task, or not any more.
    pub(crate) fn keep(&mut self, slot: u32, on: bool) {
        let lanes: Vec<u32> = self.lanes(slot).collect();
        for slot in lanes {
            let row = &mut self.rows[slot as usize];
            row.kept = on;
            row.held_since = None;
            if !on {
                self.touch(slot);
            }
        }
    }

    /// Stops or allows new tasks on an agent.
    pub(crate) fn drain(&mut self, agent: &AgentId, draining: bool) {
        if draining {
            self.draining.insert(agent.clone());
        } else {
            self.draining.remove(agent);
        }
        for slot in self.rows_of(agent) {
            self.rows[slot as usize].draining = draining;
            if !draining {
                self.touch(slot);
            }
        }
    }

    /// Sets to which region tasks keep that name none.
    pub(crate) fn set_home_region(&mut self, region: Arc<str>) {
        let home = &mut self.policy.home_region;
        if home.as_ref().is_none_or(|home| *home == region) {
            return;
        }
        *home = Some(region);
        self.capacity_age = self.capacity_age.saturating_add(1);
        let slots: Vec<u32> = self.row_ids.values().copied().collect();
        for slot in slots {
            self.evaluate_row(slot);
            self.touch(slot);
        }
    }

    /// Sets when an agent is away.
    pub(crate) fn set_window(&mut self, agent: &AgentId, window: Option<Window>) {
        for slot in self.rows_of(agent) {
            self.set_row_window(slot, window);
            self.touch(slot);
        }
    }

    fn set_row_window(&mut self, slot: u32, window: Option<Window>) {
        let before = std::mem::replace(&mut self.rows[slot as usize].window, window);
        if before != window {
            let end = |window: Option<Window>| window.and_then(|window| window.end);
            if let Some(end) = end(before) {
                self.windows.remove(&(end, slot));
            }
            self.windows.extend(end(window).map(|end| (end, slot)));
        }
    }

    /// Ends the windows that are over.
    pub(crate) fn end_windows(&mut self, now: i64) {
        while let Some((end, slot)) = self.windows.pop_first() {
            if end > now {
                self.windows.insert((end, slot));
                return;
            }
            self.rows[slot as usize].window = None;
            self.touch(slot);
        }
    }

    /// Notes that an agent has fetched data, or has it no more.
    pub(crate) fn note_fetched(&mut self, agent: &AgentId, data: &Arc<str>, has: bool) {
        let entry = (Arc::clone(data), agent.clone());
        if has {
            self.fetched.insert(entry);
        } else {
            self.fetched.remove(&entry);
        }
        if let Some(id) = self
            .conditions
            .find(&ConditionKey::Fetched(Arc::clone(data)))
        {
            for slot in self.rows_of(agent) {
                self.conditions[id].rows.set(slot as usize, has);
            }
        }
    }
}
