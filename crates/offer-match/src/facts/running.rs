//! How many tasks of each group run on each agent.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::AgentId;

/// The tasks that run, by group and agent.
///
/// Each group has a list of its own, in which there is room for those that wait: a round makes none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running(BTreeMap<Arc<str>, Vec<(AgentId, u32)>>);

impl Running {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

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

    /// Returns the groups of which a task runs on one of some agents.
    pub(crate) fn groups_on(&self, agents: &BTreeSet<AgentId>) -> impl Iterator<Item = &Arc<str>> {
        let is_on = |list: &[(AgentId, u32)]| {
            if list.len() < agents.len() {
                return list.iter().any(|(agent, _)| agents.contains(agent));
            }
            let mut agents = agents.iter();
            agents.any(|agent| list.binary_search_by(|(known, _)| known.cmp(agent)).is_ok())
        };
        let groups = self.0.iter().filter(move |(_, list)| is_on(list));
        groups.map(|(group, _)| group)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use resources::{Attributes, Constraint, Operator, Resources};

    use crate::{Demand, Matcher, Offer, Policy, Waiting};

    #[test]
    fn nothing_is_left_of_a_job_that_is_over() {
        let mut matcher = Matcher::new(Policy::default());
        for number in 0..10 {
            let group: Arc<str> = format!("job-{number}").into();
            let demand = matcher.demand(&Demand {
                constraints: vec![Constraint::new("hostname", Operator::Unique, "").unwrap()],
                group: Some(Arc::clone(&group)),
                ..Demand::default()
            });
            let host = Attributes::new("host", []);
            matcher.offer(Offer::plain("offer", "agent", &Resources::default(), host));
            matcher.enqueue(demand, Waiting::default());
            matcher.release(demand);
            assert_eq!(matcher.round(number).len(), 1);
            // Before the demand is let go of, and after.
            if number % 2 == 0 {
                matcher.round(number);
            }
            matcher.ended(&group, &"agent".into());
            matcher.round(number);
            assert_eq!(matcher.facts.running.0.len(), 0);
        }
    }
}
