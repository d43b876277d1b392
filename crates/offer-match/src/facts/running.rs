//! How many tasks of each group run on each agent.

use std::{collections::BTreeMap, sync::Arc};

use crate::AgentId;

/// The tasks that run, by group and agent.
///
/// Each group has a list of its own, in which there is room for those that wait: a round makes none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running(BTreeMap<Arc<str>, Vec<(AgentId, u32)>>);

impl Running {
    /// Makes room for so many agents more.
    pub(crate) fn reserve(&mut self, group: &Arc<str>, more: usize) {
        self.list(group).reserve(more);
    }

    pub(crate) fn add(&mut self, group: &Arc<str>, agent: &AgentId) {
        let list = self.list(group);
        match list.binary_search_by(|(known, _)| known.cmp(agent)) {
            Ok(place) => list[place].1 = list[place].1.saturating_add(1),
            Err(place) => list.insert(place, (agent.clone(), 1)),
        }
    }

    /// Takes a task out; `false` when none is known there.
    pub(crate) fn remove(&mut self, group: &Arc<str>, agent: &AgentId) -> bool {
        let Some(list) = self.0.get_mut(group) else {
            return false;
        };
        let Ok(place) = list.binary_search_by(|(known, _)| known.cmp(agent)) else {
            return false;
        };
        list[place].1 = list[place].1.saturating_sub(1);
        if list[place].1 == 0 {
            list.remove(place);
        }
        true
    }

    /// Drops the list of a group of which nothing runs, with the room in it.
    pub(crate) fn tidy(&mut self, group: &Arc<str>) {
        if self.of(group).is_empty() {
            self.0.remove(group);
        }
    }

    /// Returns the agents of a group, in order, each with how many tasks.
    pub(crate) fn of(&self, group: &str) -> &[(AgentId, u32)] {
        self.0.get(group).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn is_on(&self, group: &str, agent: &AgentId) -> bool {
        let list = self.of(group);
        list.binary_search_by(|(known, _)| known.cmp(agent)).is_ok()
    }

    fn list(&mut self, group: &Arc<str>) -> &mut Vec<(AgentId, u32)> {
        self.0.entry(Arc::clone(group)).or_default()
    }

    #[cfg(any(test, feature = "reference"))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &AgentId, u32)> {
        self.0
            .iter()
            .flat_map(|(group, list)| list.iter().map(move |(agent, n)| (group, agent, *n)))
    }
}
