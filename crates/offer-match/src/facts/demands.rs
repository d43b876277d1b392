//! Demands: compiled once into numbers, dropped when nobody holds them.

use std::sync::Arc;

use resources::{Constraint, Scalar, Spread};

use super::{
    Facts,
    class::{Brief, Class},
    column::Column,
    condition::{Condition, ConditionKey, Set},
    spread::SpreadState,
};
use crate::{
    AgentId, Demand, DemandId, Gpus, Lasts,
    amounts::{Amounts, fits, lean, steps},
    bits::Bits,
    disks::Wish,
    round::agrees_special,
};

impl Facts {
    pub(crate) fn hold_demand(&mut self, demand: &Demand) -> DemandId {
        let normal = Arc::new(demand.normal());
        let slot = match self.classes.hold(&normal) {
            Some(slot) => slot,
            None => self.add_class(normal),
        };
        DemandId {
            slot,
            generation: self.classes[slot].generation,
        }
    }

    /// Lets go of a class; tasks that wait keep it.
    pub(crate) fn release_class(&mut self, slot: u32) {
        let brief = &mut self.briefs[slot as usize];
        if brief.waiting > 0 && self.classes.holders(slot) == 1 {
            brief.orphan = true;
            return;
        }
        let Some(class) = self.classes.release(slot) else {
            return;
        };
        for set in class.stages {
            self.release_set(set);
        }
        if let Some(group) = &class.group {
            self.running.tidy(group);
        }
        for spread in class.spreads {
            if let Some(state) = self.spreads.get_mut(spread) {
                state.classes.retain(|&known| known != slot);
            }
            if let Some(state) = self.spreads.release(spread) {
                self.evenly.remove(&spread);
                self.columns.release(state.column);
            }
        }
    }

    fn release_set(&mut self, set: u32) {
        let key = self.sets.key(set).map(Arc::clone);
        if self.sets.release(set).is_none() {
            return;
        }
        for &condition in key.iter().flat_map(|key| key.iter()) {
            if let Some(gone) = self.conditions.release(condition)
                && let Some(column) = gone.column
            {
                self.columns.release(column);
            }
        }
    }

    fn add_class(&mut self, demand: Arc<Demand>) -> u32 {
        let need = need(&demand);
        let mut base: Vec<ConditionKey> = Vec::new();
        for constraint in &demand.constraints {
            base.push(ConditionKey::Constraint(constraint.clone()));
        }
        for ability in &demand.abilities {
            base.push(ConditionKey::Ability(ability.clone()));
        }
        if demand.gpus.is_zero() {
            if self.policy.gpus == Gpus::Restricted {
                base.push(ConditionKey::WithoutGpus);
            }
        } else {
            base.push(ConditionKey::WithGpus);
        }
        let names_region = |constraint: &Constraint| constraint.attribute() == "@region";
        if self.policy.home_region.is_some() && !demand.constraints.iter().any(names_region) {
            base.push(ConditionKey::Local);
        }
        base.push(ConditionKey::Revocable(demand.revocable));
        let wishes = demand.wishes();
        if !wishes.is_empty() {
            base.push(ConditionKey::Wishes(wishes.clone()));
        }
        let stages = self.stages(&demand, &base);
        let spreads = self.spreads_of(&demand);
        self.generation = self.generation.wrapping_add(1);
        let plain = stages.len() == 1
            && spreads.is_empty()
            && demand.others.is_empty()
            && wishes.is_empty()
            && demand.fixed_ports.is_empty();
        let brief = Brief {
            need,
            lasts: match demand.lasts {
                Lasts::Unknown => self.policy.unknown_lasts_millis,
                Lasts::Millis(millis) => millis.max(0),
                Lasts::Indifferent => i64::MIN,
            },
            set: stages.last().copied().unwrap_or_default(),
            steps: steps(&need),
            waiting: 0,
            plain,
            woken: false,
            orphan: false,
            lean: lean(&need),
        };
        let class = Class {
            stages,
            fixed_ports: demand.fixed_ports.clone(),
            others: demand.others.clone(),
            wishes,
            spreads: spreads.clone(),
            group: demand.group.clone(),
            generation: self.generation,
        };
        let slot = self.classes.insert(demand, class);
        self.briefs.resize(self.classes.bound(), brief);
        self.briefs[slot as usize] = brief;
        self.exhausted.resize(self.classes.bound(), 0);
        self.exhausted[slot as usize] = 0;
        for spread in spreads {
            self.spreads[spread].classes.push(slot);
        }
        slot
    }

    // The preferred role first, and within a role the agents that have the data.
    fn stages(&mut self, demand: &Demand, base: &[ConditionKey]) -> Vec<u32> {
        let roles: Vec<Option<&Arc<str>>> = if demand.roles.is_empty() {
            vec![None]
        } else {
            demand.roles.iter().map(Some).collect()
        };
        let mut stages = Vec::new();
        for role in roles {
            let mut keys = base.to_vec();
            keys.extend(role.map(|role| ConditionKey::Role(Arc::clone(role))));
            if let Some(data) = &demand.affinity {
                let mut near = keys.clone();
                near.push(ConditionKey::Fetched(Arc::clone(data)));
                stages.push(self.hold_set(&near));
            }
            stages.push(self.hold_set(&keys));
        }
        stages
    }

    fn hold_set(&mut self, keys: &[ConditionKey]) -> u32 {
        let mut ids: Vec<u32> = keys.iter().map(|key| self.hold_condition(key)).collect();
        ids.sort_unstable();
        let ids: Arc<[u32]> = ids.into();
        if let Some(set) = self.sets.hold(&ids) {
            for &id in &*ids {
                self.release_condition(id);
            }
            return set;
        }
        let selective = keys.iter().any(|key| {
            matches!(
                key,
                ConditionKey::Constraint(_)
                    | ConditionKey::WithGpus
                    | ConditionKey::Ability(_)
                    | ConditionKey::Wishes(_)
            )
        });
        let set = Set {
            selective,
            demand: 0,
            capacity: 0,
            capacity_age: 0,
        };
        let set = self.sets.insert(ids, set);
        // A round is going to ask; until an agent is new it need not find out.
        self.capacity(set);
        set
    }

    fn release_condition(&mut self, id: u32) {
        if let Some(gone) = self.conditions.release(id)
            && let Some(column) = gone.column
        {
            self.columns.release(column);
        }
    }

    fn hold_condition(&mut self, key: &ConditionKey) -> u32 {
        if let Some(id) = self.conditions.hold(key) {
            return id;
        }
        let column = match key {
            ConditionKey::Constraint(constraint) => Some(self.hold_column(constraint.attribute())),
            ConditionKey::Ability(_)
            | ConditionKey::Local
            | ConditionKey::WithGpus
            | ConditionKey::WithoutGpus
            | ConditionKey::Revocable(_)
            | ConditionKey::Role(_)
            | ConditionKey::Wishes(_)
            | ConditionKey::Fetched(_) => None,
        };
        let condition = Condition {
            column,
            values: Bits::default(),
            rows: Bits::default(),
        };
        let id = self.conditions.insert(key.clone(), condition);
        if let (ConditionKey::Constraint(constraint), Some(column)) = (key, column) {
            self.judge(id, column, constraint);
        }
        let slots: Vec<u32> = if let ConditionKey::Wishes(wishes) = key {
            self.rows_for(wishes)
        } else {
            self.row_ids.values().copied().collect()
        };
        for slot in slots {
            let holds = self.evaluate(id, slot);
            self.conditions[id].rows.set(slot as usize, holds);
        }
        id
    }

    // The rows that may have disks. Volumes come first, and few rows have one, while there may be as many demands.
    fn rows_for(&self, wishes: &[Wish]) -> Vec<u32> {
        let Some(Wish::Volume(id)) = wishes.first() else {
            return self.row_ids.values().copied().collect();
        };
        let from = (Arc::clone(id), 0);
        let rows = self.volumes.range(from..);
        rows.take_while(|(known, _)| known == id)
            .map(|&(_, slot)| slot)
            .collect()
    }

    fn hold_column(&mut self, name: &str) -> u32 {
        let name: Arc<str> = name.into();
        if let Some(column) = self.columns.hold(&name) {
            return column;
        }
        let mut column = Column::new(Arc::clone(&name));
        for &slot in self.row_ids.values() {
            let attributes = &self.rows[slot as usize].attributes;
            let _new = column.note(slot as usize, attributes);
        }
        self.columns.insert(name, column)
    }

    fn spreads_of(&mut self, demand: &Demand) -> Vec<u32> {
        let Some(group) = &demand.group else {
            return Vec::new();
        };
        let mut spreads = Vec::new();
        for constraint in &demand.constraints {
            let Some(rule) = constraint.spread() else {
                continue;
            };
            let key = (Arc::clone(group), constraint.attribute().into(), rule);
            let spread = self.spreads.hold(&key).unwrap_or_else(|| {
                let column = self.hold_column(constraint.attribute());
                let spread = self.spreads.insert(key, SpreadState::new(column));
                if matches!(rule, Spread::Evenly(_)) {
                    self.evenly.insert(spread);
                }
                self.recount(spread);
                spread
            });
            spreads.push(spread);
        }
        spreads
    }

    /// Counts the running tasks of a spread rule anew.
    pub(super) fn recount(&mut self, spread: u32) {
        let Some((group, _, rule)) = self.spreads.key(spread).cloned() else {
            return;
        };
        let column = self.spreads[spread].column;
        self.spreads[spread].clear();
        for (agent, tasks) in self.running.of(&group) {
            if let Some(slot) = self.rows_of(agent).first() {
                let column = &self.columns[column];
                let value = column.of(*slot as usize);
                self.spreads[spread].count_in(rule, column, value, *tasks);
            }
        }
    }

    /// Counts again where agents came, went or changed since the last round.
    pub(crate) fn recount_moved(&mut self) {
        let moved = std::mem::take(&mut self.moved);
        let mut groups = std::mem::take(&mut self.miscounted);
        if !moved.is_empty() {
            groups.extend(self.running.groups_on(&moved).cloned());
        }
        for group in groups {
            let mine: Vec<u32> = self.group_spreads(&group).map(|(id, _)| id).collect();
            for spread in mine {
                self.recount(spread);
                self.wake_spread(spread);
            }
        }
    }

    /// Makes room for the tasks of a class that wait, so that a round does not have to.
    pub(crate) fn make_room(&mut self, class: u32) {
        let (Some(group), spreads) = (&self.classes[class].group, &self.classes[class].spreads)
        else {
            return;
        };
        let of = |class: &u32| self.briefs[*class as usize].waiting as usize;
        for &spread in spreads {
            let state = &mut self.spreads[spread];
            // Jobs that change have tasks of two classes.
            let waiting = state.classes.iter().map(of).sum();
            state.reserve(waiting);
            self.running.reserve(group, waiting);
        }
    }

    /// Wakes the classes for which values that are full may stop being so in the next round, because a
    /// task of their group may get a place in it.
    pub(crate) fn wake_evenly(&mut self) {
        let evenly = std::mem::take(&mut self.evenly);
        for &spread in &evenly {
            // How many tasks a value may have depends on how many values there are.
            if self.has_risen(spread) || self.may_rise(spread) {
                self.wake_spread(spread);
            }
        }
        self.evenly = evenly;
    }

    // Whether the limit is above what it was when the last round looked.
    fn has_risen(&mut self, spread: u32) -> bool {
        let Some((_, _, rule)) = self.spreads.key(spread) else {
            return false;
        };
        let (rule, state) = (*rule, &mut self.spreads[spread]);
        let limit = state.limit(rule, &self.columns[state.column]);
        limit > std::mem::replace(&mut state.seen, limit)
    }

    fn may_rise(&self, spread: u32) -> bool {
        let waits = |class: &&u32| self.briefs[**class as usize].waiting > 0;
        let Some((group, ..)) = self.spreads.key(spread) else {
            return false;
        };
        if !self.spreads[spread]
            .classes
            .iter()
            .any(|class| waits(&class))
        {
            return false;
        }
        let mut group = self.group_spreads(group);
        group.any(|(spread, _)| {
            let mut waiting = self.spreads[spread].classes.iter().filter(waits);
            waiting.any(|&class| {
                let mut changed = self.changed.iter();
                self.briefs[class as usize].woken || changed.any(|&slot| self.may_go(class, slot))
            })
        })
    }

    // Whether there is room for a task of a class that is allowed there.
    fn may_go(&self, class: u32, slot: u32) -> bool {
        let (brief, row) = (&self.briefs[class as usize], &self.rows[slot as usize]);
        row.is_at_hand()
            && !(row.draining || row.kept)
            && fits(&brief.need, &row.whole)
            && row.room(self.now) >= brief.lasts
            && self.is_allowed(class, slot)
            && agrees_special(self, class, slot)
    }

    /// Whether the conditions of a class hold for a row.
    pub(crate) fn is_allowed(&self, class: u32, slot: u32) -> bool {
        self.classes[class].stages.iter().any(|&stage| {
            self.sets.key(stage).is_some_and(|conditions| {
                let holds = |&condition: &u32| self.conditions[condition].rows.get(slot as usize);
                conditions.iter().all(holds)
            })
        })
    }

    fn wake_spread(&mut self, spread: u32) {
        for at in 0..self.spreads[spread].classes.len() {
            let class = self.spreads[spread].classes[at];
            self.wake(class);
        }
    }

    /// Notes that a task of a group runs on an agent.
    pub(crate) fn note_running(&mut self, group: &Arc<str>, agent: &AgentId) {
        self.running.add(group, agent);
        self.count_one(group, agent, true);
    }

    /// Notes that one of them ended.
    pub(crate) fn note_ended(&mut self, group: &Arc<str>, agent: &AgentId) {
        if self.running.remove(group, agent) && !self.count_one(group, agent, false) {
            self.running.tidy(group);
        }
    }

    // Counts a task in or out; `false` when there are no rules for its group.
    fn count_one(&mut self, group: &Arc<str>, agent: &AgentId, comes: bool) -> bool {
        let mine: Vec<(u32, Spread)> = self.group_spreads(group).collect();
        if self.moved.contains(agent) {
            self.miscounted.insert(Arc::clone(group));
        } else if let Some(&slot) = self.rows_of(agent).first() {
            for &(spread, rule) in &mine {
                let state = &mut self.spreads[spread];
                let column = &self.columns[state.column];
                let value = column.of(slot as usize);
                if comes {
                    state.count_in(rule, column, value, 1);
                } else {
                    state.count_out(value);
                }
            }
        }
        for &(spread, _) in &mine {
            self.wake_spread(spread);
        }
        !mine.is_empty()
    }

    /// Returns the spread rules of a group.
    fn group_spreads<'a>(
        &'a self,
        group: &'a Arc<str>,
    ) -> impl Iterator<Item = (u32, Spread)> + 'a {
        let from = (
            Arc::clone(group),
            Arc::clone(&self.nothing),
            Spread::AtMost(0),
        );
        self.spreads
            .range(from)
            .take_while(move |((known, _, _), _)| known == group)
            .map(|((_, _, rule), id)| (id, *rule))
    }

    /// Counts a task of a group that a round puts into a row; names the classes for which values
    /// that were full are not any more.
    pub(crate) fn count_placed(&mut self, group: &Arc<str>, slot: u32, mut rose: impl FnMut(u32)) {
        let agent = &self.rows[slot as usize].key.agent;
        self.running.add(group, agent);
        let mut mine = std::mem::take(&mut self.concerned);
        mine.extend(self.group_spreads(group));
        for (spread, rule) in mine.drain(..) {
            let state = &mut self.spreads[spread];
            let column = &self.columns[state.column];
            let value = column.of(slot as usize);
            if state.count_in(rule, column, value, 1) {
                state.seen = state.limit(rule, column);
                state.classes.iter().copied().for_each(&mut rose);
            }
        }
        self.concerned = mine;
    }
}

fn need(demand: &Demand) -> Amounts {
    let fixed = u32::try_from(demand.fixed_ports.len()).unwrap_or(u32::MAX);
    let [cpus, mem, disk, gpus] = [
        demand.resources.cpus,
        demand.resources.mem,
        demand.resources.disk,
        demand.gpus,
    ]
    .map(|amount: Scalar| amount.thousandths().max(0));
    [
        cpus,
        mem,
        disk,
        gpus,
        i64::from(demand.ports.saturating_add(fixed)),
    ]
}
