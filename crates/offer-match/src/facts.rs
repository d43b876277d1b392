//! What is known between rounds: agents with their offers, demands, conditions, running tasks.
//!
//! Everything that costs texts or expressions happens here, when something is new. A condition is
//! evaluated once for each different value of its attribute and kept as bits over rows; a round only
//! combines bits.

pub(crate) mod class;
pub(crate) mod column;
pub(crate) mod condition;
mod demands;
mod offers;
pub(crate) mod row;
mod running;
pub(crate) mod spread;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use self::{
    class::{Brief, Class},
    column::Column,
    condition::{Condition, ConditionKey, Set},
    row::{Row, RowKey},
    running::Running,
    spread::{SpreadKey, SpreadState},
};
use crate::{
    AgentId, Demand, OfferId, Policy,
    bits::{Bits, WORD, ones},
    interner::Interner,
};

/// How many agents without an offer at hand are remembered.
///
/// What they had in all tells which big tasks they could take. About 1 KB each.
const IDLE_ROWS_MAX: usize = 65_536;

/// What is known.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) policy: Policy,
    pub(crate) rows: Vec<Row>,
    /// By row: how much it has in all, as one number.
    pub(crate) sizes: Vec<u32>,
    pub(crate) row_ids: BTreeMap<RowKey, u32>,
    /// How many agents there are: some have several rows.
    pub(crate) agents: usize,
    free_rows: Vec<u32>,
    /// The row that was made last.
    last_row: u32,
    revocable_rows: usize,
    /// Rows with an offer at hand.
    pub(crate) at_hand: Bits,
    /// Rows that changed since the last round.
    pub(crate) changed: Vec<u32>,
    /// Rows with a window of unavailability that ends, each behind when it does.
    pub(crate) windows: BTreeSet<(i64, u32)>,
    ordinals_stale: bool,
    /// Counts changes of what agents have in all, and of which agents there are.
    pub(crate) capacity_age: u64,
    pub(crate) offers: BTreeMap<OfferId, [Option<u32>; 2]>,
    pub(crate) columns: Interner<Arc<str>, Column>,
    pub(crate) conditions: Interner<ConditionKey, Condition>,
    pub(crate) sets: Interner<Arc<[u32]>, Set>,
    pub(crate) classes: Interner<Arc<Demand>, Class>,
    pub(crate) spreads: Interner<SpreadKey, SpreadState>,
    /// The rules whose limit rises with the number of tasks.
    evenly: BTreeSet<u32>,
    /// Agents that came, went or changed since their tasks were counted.
    moved: BTreeSet<AgentId>,
    /// Groups of which a task came or went there since.
    miscounted: BTreeSet<Arc<str>>,
    /// Rows that were kept when their agents were forgotten, since the last round: the numbers may be others' now.
    pub(crate) unkept: Vec<u32>,
    /// Agents that take no new tasks.
    pub(crate) draining: BTreeSet<AgentId>,
    generation: u32,
    // An empty text and some memory, so that a round makes none.
    nothing: Arc<str>,
    concerned: Vec<(u32, resources::Spread)>,
    /// The rows in which a persistent volume was seen.
    volumes: BTreeSet<(Arc<str>, u32)>,
    /// How many tasks of a group run on an agent.
    pub(crate) running: Running,
    pub(crate) fetched: BTreeSet<(Arc<str>, AgentId)>,
    /// Classes that may fit rows that did not change.
    pub(crate) woken: Vec<u32>,
    /// By class: what a round reads of it.
    pub(crate) briefs: Vec<Brief>,
    /// As of which state of the rows each class was seen to fit nowhere.
    pub(crate) exhausted: Vec<u64>,
    /// Classes that began to wait since somebody asked what to do about roles.
    pub(crate) began: Bits,
    /// How many classes have tasks that wait.
    pub(crate) waiting_classes: usize,
    /// When the last round was.
    pub(crate) now: i64,
    /// Counts the rounds that looked at changed rows.
    pub(crate) age: u64,
}

impl Facts {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            rows: Vec::new(),
            sizes: Vec::new(),
            row_ids: BTreeMap::new(),
            agents: 0,
            free_rows: Vec::new(),
            last_row: 0,
            revocable_rows: 0,
            at_hand: Bits::default(),
            changed: Vec::new(),
            windows: BTreeSet::new(),
            ordinals_stale: false,
            capacity_age: 1,
            offers: BTreeMap::new(),
            columns: Interner::default(),
            conditions: Interner::default(),
            sets: Interner::default(),
            classes: Interner::default(),
            spreads: Interner::default(),
            evenly: BTreeSet::new(),
            moved: BTreeSet::new(),
            miscounted: BTreeSet::new(),
            unkept: Vec::new(),
            draining: BTreeSet::new(),
            generation: 0,
            nothing: Arc::default(),
            concerned: Vec::new(),
            volumes: BTreeSet::new(),
            running: Running::default(),
            fetched: BTreeSet::new(),
            woken: Vec::new(),
            briefs: Vec::new(),
            exhausted: Vec::new(),
            began: Bits::default(),
            waiting_classes: 0,
            now: 0,
            age: 1,
        }
    }

    /// Makes the next round look at a row again.
    pub(crate) fn touch(&mut self, slot: u32) {
        let row = &mut self.rows[slot as usize];
        if !row.changed {
            row.changed = true;
            self.changed.push(slot);
        }
    }

    /// Makes the next round look for a class everywhere again.
    pub(crate) fn wake(&mut self, class: u32) {
        self.exhausted[class as usize] = 0;
        let brief = &mut self.briefs[class as usize];
        if !brief.woken && brief.waiting > 0 {
            brief.woken = true;
            self.woken.push(class);
        }
    }

    /// Returns the rows of an agent.
    pub(crate) fn rows_of(&self, agent: &AgentId) -> Vec<u32> {
        let from = RowKey::first(agent.clone());
        self.row_ids
            .range(from..)
            .take_while(|(known, _)| known.agent == *agent)
            .map(|(_, &slot)| slot)
            .collect()
    }

    /// Whether an agent offers both firm and revocable resources to the role of a row.
    pub(crate) fn has_twin(&self, slot: usize) -> bool {
        let key = &self.rows[slot].key;
        let twin = RowKey {
            revocable: !key.revocable,
            ..key.clone()
        };
        let twin = self.row_ids.get(&twin);
        let twin = twin.map(|&slot| &self.rows[slot as usize]);
        twin.is_some_and(Row::is_seen)
    }

    /// Brings the order of the rows up to date.
    pub(crate) fn number_rows(&mut self) {
        if !std::mem::take(&mut self.ordinals_stale) {
            return;
        }
        for (ordinal, &slot) in (0..).zip(self.row_ids.values()) {
            self.rows[slot as usize].ordinal = ordinal;
        }
    }

    /// Evaluates a condition for a row.
    fn evaluate(&self, condition: u32, slot: u32) -> bool {
        let row = &self.rows[slot as usize];
        let (Some(key), Some(known)) = (
            self.conditions.key(condition),
            self.conditions.get(condition),
        ) else {
            return false;
        };
        match key {
            ConditionKey::Constraint(_) => known.column.is_some_and(|column| {
                let value = self.columns[column].of(slot as usize);
                known.values.get(value as usize)
            }),
            ConditionKey::Ability(ability) => row.abilities.contains(ability),
            ConditionKey::WithGpus => row.total[crate::amounts::GPUS] > 0,
            ConditionKey::WithoutGpus => !row.beside_gpus,
            ConditionKey::Revocable(revocable) => row.key.revocable == *revocable,
            ConditionKey::Role(role) => row.key.role == *role,
            ConditionKey::Wishes(wishes) => row.could_have_disks(wishes),
            ConditionKey::Fetched(data) => self
                .fetched
                .contains(&(Arc::clone(data), row.key.agent.clone())),
            ConditionKey::Local => {
                let region = row.attributes.values("@region").next();
                // As in Mesos, an agent that does not say where it is, is here.
                self.policy.home_region.as_deref().is_none_or(|home| {
                    home.is_empty()
                        || region
                            .is_none_or(|region| *region == resources::AttributeValue::text(home))
                })
            }
        }
    }

    /// Returns how much the agents that a set allows have in all.
    pub(crate) fn capacity(&mut self, set: u32) -> u64 {
        let age = self.capacity_age;
        if self.sets[set].capacity_age != age {
            let conditions = self.sets.key(set).map_or(&[][..], |key| &**key);
            let (first, others) = conditions.split_first().unwrap_or((&0, &[]));
            let words = self.conditions[*first].rows.words();
            let mut sum = 0_u64;
            for ((index, &word), sizes) in words.iter().enumerate().zip(self.sizes.chunks(WORD)) {
                let of = |&other: &u32| self.conditions[other].rows.word(index);
                let word = others.iter().map(of).fold(word, |all, one| all & one);
                let allowed = ones(word).map(|bit| u64::from(sizes[bit]));
                sum = sum.saturating_add(allowed.sum());
            }
            let known = &mut self.sets[set];
            known.capacity = sum;
            known.capacity_age = age;
        }
        self.sets[set].capacity
    }

    /// Evaluates all conditions for a row of which something is new.
    fn evaluate_row(&mut self, slot: u32) {
        self.evaluate_those(slot, |_| true);
    }

    /// Evaluates some conditions for a row.
    fn evaluate_those(&mut self, slot: u32, concerned: impl Fn(&ConditionKey) -> bool) {
        for id in 0..u32::try_from(self.conditions.bound()).unwrap_or(u32::MAX) {
            if self.conditions.key(id).is_some_and(&concerned) {
                let holds = self.evaluate(id, slot);
                self.conditions[id].rows.set(slot as usize, holds);
            }
        }
        self.capacity_age = self.capacity_age.saturating_add(1);
    }
}
