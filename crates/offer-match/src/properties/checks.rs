//! What is looked at after each round.

use resources::{Identity, Parcels};

use super::{World, disks};
use crate::{AgentId, Offer, OfferId, Plan, facts::row::RowKey};

impl World {
    // Each row is counted once, but what an agent has beside the kind that is wanted.
    pub(super) fn check_explanations(&self, some_fit: bool) {
        let facts = &self.matcher.facts;
        let rows = facts
            .row_ids
            .values()
            .map(|&slot| &facts.rows[slot as usize]);
        let seen: Vec<_> = rows
            .filter(|row| row.is_at_hand() || row.left.is_some())
            .map(|row| &row.key)
            .collect();
        for ticket in self.matcher.queue.iter() {
            let misses = self.matcher.explain_task(ticket);
            let counted: usize = misses.reasons().map(|(_, count)| count).sum();
            let wanted = self.demands[&ticket.id].0.revocable;
            let is_beside = |key: &&&RowKey| {
                let twin = RowKey {
                    revocable: wanted,
                    ..(**key).clone()
                };
                key.revocable != wanted && seen.contains(&&twin)
            };
            let beside = seen.iter().filter(is_beside).count();
            let seen = seen.len() - beside;
            assert!(counted <= seen, "{misses}");
            assert!(counted == seen || some_fit, "{misses}");
        }
    }

    // No value of an attribute gets more tasks of a job than it may, where all of them that got a place have one rule.
    pub(super) fn check_apart(&self, launches: &[crate::Launch]) {
        for task in launches.iter().flat_map(|launch| &launch.tasks) {
            let demand = self.demands[&task.id].0.normal();
            let Some(group) = &demand.group else {
                continue;
            };
            let mut placed = launches.iter().flat_map(|launch| &launch.tasks);
            let is_other = |task: &crate::LaunchedTask| {
                let other = self.demands[&task.id].0.normal();
                other.group == demand.group && other.constraints != demand.constraints
            };
            if placed.any(is_other) {
                continue;
            }
            for constraint in &demand.constraints {
                let Some(resources::Spread::AtMost(most)) = constraint.spread() else {
                    continue;
                };
                let value = |agent: &AgentId| {
                    let facts = &self.matcher.facts;
                    let slot = *facts.rows_of(agent).first()?;
                    let attributes = &facts.rows[slot as usize].attributes;
                    Some(
                        attributes
                            .values(constraint.attribute())
                            .cloned()
                            .collect::<Vec<_>>(),
                    )
                };
                let launch = launches.iter().find(|launch| launch.tasks.contains(task));
                let there = launch.map(|launch| value(&launch.agent)).unwrap();
                let running = self.matcher.facts.running.of(group).iter();
                let beside = running.filter(|(agent, _)| value(agent) == there);
                let all: u32 = beside.map(|(_, tasks)| tasks).sum();
                assert!(all <= most, "{all} for {constraint}");
            }
        }
    }

    // A Mesos master would accept it, and the task gets what it asked for where it may be.
    pub(super) fn check(&self, launches: &[crate::Launch], at_hand: &[OfferId]) {
        let mut used = Vec::new();
        for launch in launches {
            let offers: Vec<&Offer> = launch
                .offers
                .iter()
                .map(|id| self.offers.iter().rfind(|offer| offer.id == *id).unwrap())
                .collect();
            let combine = self.matcher.facts.policy.combine;
            assert!(combine || offers.len() == 1, "one at a time");
            for offer in &offers {
                assert!(at_hand.contains(&offer.id), "offered");
                assert_eq!((&offer.agent, &offer.role), (&launch.agent, &launch.role));
                assert!(!used.contains(&offer.id), "an offer is used once");
                used.push(offer.id.clone());
            }
            let all = offers.iter().fold(Parcels::default(), |sum, offer| {
                sum.plus(&offer.supply.parcels())
            });
            let mut left = all.clone();
            for task in &launch.tasks {
                // Any number of tasks may use a shared volume.
                let taken = task.parcels.as_slice().iter().cloned();
                let (shared, own) = taken.partition::<Vec<_>, _>(|one| one.identity.shared);
                assert!(all.covers(&Parcels::new(shared)), "offered, to be shared");
                left = left
                    .minus(&Parcels::new(own))
                    .expect("offered, with its role and reservation");
                self.check_task(task, offers[0]);
            }
        }
    }

    pub(super) fn check_task(&self, task: &crate::LaunchedTask, offer: &Offer) {
        let (demand, id) = &self.demands[&task.id];
        assert_eq!(task.demand, *id);
        disks::check(demand, &task.parcels);
        let all = Identity::is_plain;
        for (name, wanted) in [
            ("cpus", demand.resources.cpus),
            ("mem", demand.resources.mem),
            ("disk", demand.resources.disk),
            ("gpus", demand.gpus),
        ] {
            assert_eq!(task.parcels.sum(name, all), wanted, "{name} of {demand:?}");
        }
        for (name, wanted) in &demand.others {
            assert_eq!(task.parcels.sum(name, all), *wanted);
        }
        let ports = u64::from(demand.ports) + demand.fixed_ports.len() as u64;
        assert_eq!(task.ports.len(), ports);
        assert_eq!(task.parcels.numbers("ports", all), task.ports);
        assert!(
            demand
                .fixed_ports
                .iter()
                .all(|&port| task.ports.contains(port.into()))
        );
        for parcel in task.parcels.as_slice() {
            assert_eq!(parcel.identity.revocable, demand.revocable);
            assert_eq!(parcel.identity.allocated_to.as_ref(), Some(&offer.role));
        }
        // What the agent said last of itself.
        let facts = &self.matcher.facts;
        let row = &facts.rows[facts.rows_of(&offer.agent)[0] as usize];
        for constraint in &demand.constraints {
            assert!(constraint.holds(&row.attributes), "{constraint}");
        }
        assert!(demand.roles.is_empty() || demand.roles.contains(&offer.role));
        assert!(
            demand
                .abilities
                .iter()
                .all(|ability| offer.abilities.contains(ability))
        );
    }
}

pub(super) fn check_batches(plan: Plan<'_>, launches: &[crate::Launch]) {
    let batches: Vec<_> = plan.batches().collect();
    assert_eq!(batches.len(), launches.len());
    for (batch, launch) in batches.iter().zip(launches) {
        assert_eq!((batch.agent(), batch.role()), (&launch.agent, &launch.role));
        assert!(batch.offers().eq(&launch.offers));
        let tasks: Vec<(u64, u32)> = batch.tasks().collect();
        let want = launch.tasks.iter().map(|task| task.id);
        assert!(tasks.iter().map(|(id, _)| *id).eq(want));
        assert!(tasks.iter().all(|(id, tag)| *id == u64::from(*tag)));
    }
}
