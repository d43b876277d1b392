//! What holds for every cluster and every queue.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows panics, which is the report"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use proptest::prelude::*;
use resources::{
    Attribute, AttributeValue, Attributes, Constraint, Identity, Operator, Parcel, Parcels, Ranges,
    Resources, Scalar,
};

use crate::{
    AgentId, Demand, DemandId, Fitness, Gpus, Lasts, Matcher, Offer, OfferId, Policy, Ticket,
    Waiting, Window, facts::row::RowKey, reference::match_naively,
};

mod disks;

#[derive(Clone, Debug)]
enum Step {
    Offer(u8, u8, u8),
    Rescind(u8),
    Enqueue(u8, u8, u8),
    /// More tasks than are few.
    Burst(u8),
    Withdraw(u8),
    End(u8),
    Drain(u8, bool),
    Away(u8, Option<u8>),
    Fetched(u8, bool),
    Forget(u8),
    /// An agent is in another rack from its next offer on, or in none.
    Change(u8, u8),
    /// A task of a job is found running.
    Found(u8, u8),
    Round(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<(u8, u8, u8)>().prop_map(|(agent, size, kind)| Step::Offer(agent, size, kind)),
        1 => any::<u8>().prop_map(Step::Rescind),
        12 => any::<(u8, u8, u8)>().prop_map(|(demand, priority, since)| Step::Enqueue(demand, priority, since)),
        1 => any::<u8>().prop_map(Step::Burst),
        1 => any::<u8>().prop_map(Step::Withdraw),
        2 => any::<u8>().prop_map(Step::End),
        1 => any::<(u8, bool)>().prop_map(|(agent, on)| Step::Drain(agent, on)),
        1 => any::<(u8, Option<u8>)>().prop_map(|(agent, at)| Step::Away(agent, at)),
        1 => any::<(u8, bool)>().prop_map(|(agent, on)| Step::Fetched(agent, on)),
        1 => any::<u8>().prop_map(Step::Forget),
        1 => any::<(u8, u8)>().prop_map(|(agent, rack)| Step::Change(agent, rack)),
        1 => any::<(u8, u8)>().prop_map(|(job, agent)| Step::Found(job, agent)),
        4 => any::<u8>().prop_map(Step::Round),
    ]
}

// What a round of many has: offers, each with its agent, size and kind, and more tasks than are few. Half of those
// have a rule about where the others of their job are.
fn many() -> impl Strategy<Value = [Vec<(u8, u8, u8)>; 2]> {
    let anywhere = (0..2_u8, 0..2_u8).prop_map(|(version, disk)| 48 * version + 16 * disk + 15);
    let rule = prop_oneof![1 => Just(3), 1 => Just(4), 3 => Just(5)];
    let apart = (0..2_u8, rule).prop_map(|(version, rule)| 48 * version + rule);
    let staged = prop_oneof![Just(11), Just(12), Just(59)];
    let kind = prop_oneof![4 => anywhere, 4 => apart, 1 => staged, 1 => 0..176_u8];
    // Of either role, with reserved parts.
    let offer = (
        0..7_u8,
        any::<u8>(),
        prop_oneof![3 => Just(17), 1 => Just(24)],
    );
    let offers = prop::collection::vec(offer, 1..7);
    let tasks = prop::collection::vec((kind, 0..3_u8, Just(0)), 9..20);
    (offers, tasks).prop_map(|(offers, tasks)| [offers, tasks])
}

fn policy() -> impl Strategy<Value = Policy> {
    (any::<bool>(), any::<[bool; 4]>()).prop_map(|(spread, [shared, home, keep, combine])| Policy {
        combine,
        fitness: if spread {
            Fitness::Spread
        } else {
            Fitness::Pack
        },
        gpus: if shared {
            Gpus::Shared
        } else {
            Gpus::Restricted
        },
        home_region: home.then(|| "here".into()),
        keep_permille: if keep { 200 } else { 0 },
        keep_after_millis: 20,
        keep_millis: 90,
        unknown_lasts_millis: 10,
        ..Policy::default()
    })
}

fn units(number: u8) -> Scalar {
    Scalar::from_units(i64::from(number))
}

/// A cluster of few agents, with everything that makes a difference.
pub(crate) struct World {
    pub(crate) matcher: Matcher,
    now: i64,
    made: u64,
    tickets: Vec<Ticket>,
    offers: Vec<Offer>,
    groups: Vec<(Arc<str>, AgentId)>,
    demands: BTreeMap<u64, (Demand, DemandId)>,
    racks: [usize; 7],
}

impl World {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            matcher: Matcher::new(policy),
            now: 0,
            made: 0,
            tickets: Vec::new(),
            offers: Vec::new(),
            groups: Vec::new(),
            demands: BTreeMap::new(),
            racks: [0, 1, 2, 0, 1, 2, 0],
        }
    }

    fn agent(number: u8) -> AgentId {
        AgentId(format!("agent-{}", number % 7).into())
    }

    fn make_offer(&mut self, agent: u8, size: u8, kind: u8) -> Offer {
        self.made += 1;
        let number = agent % 7;
        let role: Arc<str> = if kind.is_multiple_of(8) { "b" } else { "a" }.into();
        let plain = Arc::new(Identity::from_single("*", None).allocated_to(&*role));
        let mine = Arc::new(Identity::from_single(&role, None).allocated_to(&*role));
        let revocable = Arc::new(Identity {
            revocable: true,
            ..(*plain).clone()
        });
        let part = |one: u8, two: u8| units(size / one % two);
        let mut parcels = vec![
            Parcel::scalar("cpus", part(1, 9), &plain),
            Parcel::scalar("mem", part(3, 9), &plain),
            Parcel::scalar("disk", part(5, 9), &plain),
        ];
        if kind & 16 != 0 {
            parcels.push(Parcel::scalar("cpus", part(7, 5), &mine));
            parcels.push(Parcel::scalar("mem", part(2, 5), &mine));
        }
        if kind & 32 != 0 {
            parcels.push(Parcel::scalar("cpus", part(4, 5), &revocable));
            parcels.push(Parcel::scalar("mem", part(1, 5), &revocable));
        }
        if number == 6 {
            parcels.push(Parcel::scalar("gpus", part(2, 3), &plain));
        }
        if kind & 64 != 0 {
            let port = 100 * self.made;
            let ranges = Ranges::new([(port, port + u64::from(kind % 5)), (7, 8)]);
            parcels.push(Parcel::ranges("ports", ranges, &plain));
            parcels.push(Parcel::scalar("bandwidth", part(1, 4), &plain));
        }
        if kind & 128 != 0 {
            parcels.extend(disks::offered(size, [&plain, &mine, &revocable]));
        }
        let text = |name: &str, value: &str| Attribute::new(name, AttributeValue::text(value));
        let rack = ["r1", "r2", "r3", "r4"].get(self.racks[usize::from(number)]);
        let mut attributes: Vec<Attribute> =
            rack.map(|rack| text("rack", rack)).into_iter().collect();
        if !number.is_multiple_of(4) {
            attributes.push(text("zone", ["z1", "z2"][usize::from(number % 2)]));
        }
        let generation = AttributeValue::Scalar(units(number % 3).into());
        attributes.push(Attribute::new("generation", generation));
        let mut attributes = Attributes::new(&format!("host-{number}"), attributes);
        if number == 5 {
            attributes = attributes.with_domain("away", "z");
        }
        Offer {
            id: OfferId(format!("offer-{}", self.made).into()),
            agent: Self::agent(agent),
            role,
            supply: Parcels::new(parcels).into(),
            attributes: attributes.into(),
            abilities: if number.is_multiple_of(2) {
                vec!["docker".into()]
            } else {
                vec![]
            },
            unavailable: None,
        }
    }

    fn demand(kind: u8) -> Demand {
        // Few jobs, so that tasks of one meet.
        let (job, shape) = (kind / 16 % 3, kind % 16);
        // And two versions of each.
        let cpus = units(1 + kind / 48 % 2);
        let small = Demand::new(Resources::new(cpus, units(1), units(job % 3)));
        let limited = |constraint: (&str, Operator, &str)| Demand {
            constraints: vec![Constraint::new(constraint.0, constraint.1, constraint.2).unwrap()],
            group: Some(format!("job-{job}").into()),
            ..small.clone()
        };
        if kind >= 176 {
            return disks::wanted(shape, small);
        }
        match shape {
            0 => Demand::new(Resources::new(units(6), units(5), units(1))),
            1 => limited(("rack", Operator::Equals, "r1")),
            2 => limited(("zone", Operator::Unlike, "z2")),
            3 => limited(("hostname", Operator::Unique, "")),
            4 => limited(("rack", Operator::MaxPer, "2")),
            5 => limited(("rack", Operator::GroupBy, "")),
            6 => limited(("generation", Operator::Greater, "0.5")),
            7 => Demand { ports: 2, ..small },
            8 => Demand {
                fixed_ports: vec![7],
                ports: 1,
                ..small
            },
            9 => Demand {
                gpus: units(1),
                ..small
            },
            10 => Demand {
                revocable: true,
                ..small
            },
            11 => Demand {
                roles: vec!["b".into(), "a".into()],
                ..small
            },
            12 => Demand {
                affinity: Some("data".into()),
                ..small
            },
            13 => Demand {
                abilities: vec!["docker".into()],
                lasts: Lasts::Millis(50),
                ..small
            },
            14 => Demand {
                others: vec![("bandwidth".into(), units(1))],
                ..small
            },
            _ => small,
        }
    }

    fn enqueue(&mut self, kind: u8, priority: u8, since: u8) {
        let demand = Self::demand(kind);
        self.made += 1;
        let id = self.matcher.demand(&demand);
        let task = Waiting {
            id: self.made,
            tag: u32::try_from(self.made).unwrap(),
            priority: i32::from(priority % 3) - 1,
            since: self.now - i64::from(since),
        };
        self.tickets.push(self.matcher.enqueue(id, task));
        self.matcher.release(id);
        self.demands.insert(self.made, (demand, id));
    }

    /// Takes a step; a round is checked.
    fn step(&mut self, step: &Step) {
        match *step {
            Step::Offer(agent, size, kind) => {
                let offer = self.make_offer(agent, size, kind);
                self.offers.push(offer.clone());
                self.matcher.offer(offer);
            }
            Step::Rescind(which) => {
                if let Some(offer) = nth(&self.offers, which) {
                    self.matcher.rescind(&offer.id);
                }
            }
            Step::Enqueue(kind, priority, since) => self.enqueue(kind, priority, since),
            Step::Burst(kind) => {
                for number in 0..12 {
                    self.enqueue(kind.wrapping_add(number * 7), number, number);
                }
            }
            Step::Withdraw(which) => {
                if let Some(ticket) = nth(&self.tickets, which) {
                    self.matcher.withdraw(ticket);
                }
            }
            Step::End(which) => {
                if !self.groups.is_empty() {
                    let at = usize::from(which) % self.groups.len();
                    let (group, agent) = self.groups.remove(at);
                    self.matcher.ended(&group, &agent);
                }
            }
            Step::Drain(agent, on) => self.matcher.drain(&Self::agent(agent), on),
            Step::Away(agent, at) => {
                let window = at.map(|at| Window {
                    start: self.now + i64::from(at % 64),
                    end: (at % 2 == 0).then(|| self.now + i64::from(at % 64) + 30),
                });
                self.matcher.unavailable(&Self::agent(agent), window);
            }
            Step::Fetched(agent, on) => {
                self.matcher
                    .fetched(&Self::agent(agent), &"data".into(), on);
            }
            Step::Forget(agent) => self.matcher.forget(&Self::agent(agent)),
            Step::Change(agent, rack) => {
                self.racks[usize::from(agent % 7)] = usize::from(rack % 5);
            }
            Step::Found(job, agent) => {
                let group: Arc<str> = format!("job-{}", job % 3).into();
                self.matcher.running(&group, &Self::agent(agent));
                self.groups.push((group, Self::agent(agent)));
            }
            Step::Round(after) => {
                self.now += i64::from(after);
                self.round();
            }
        }
    }

    fn round(&mut self) {
        let at_hand: Vec<OfferId> = self.matcher.offers().cloned().collect();
        let kept_before = self.matcher.kept().count();
        let mut scratch = self.matcher.rebuilt();
        let keeps = self.matcher.facts.policy.keep_permille > 0;
        let naive = (!keeps).then(|| match_naively(&self.matcher, self.now));
        let plan = self.matcher.round(self.now);
        let placed: Vec<_> = plan
            .placements()
            .map(|(id, agent)| (id, agent.clone()))
            .collect();
        let launches = plan.launches();
        check_batches(plan, &launches);
        let again = scratch.round(self.now);
        assert_eq!(launches.len(), again.launches().len());
        let again: Vec<_> = again
            .placements()
            .map(|(id, agent)| (id, agent.clone()))
            .collect();
        assert_eq!(placed, again, "from scratch");
        if let Some(naive) = naive {
            assert_eq!(placed, naive, "as the reference");
        }
        let kept: Vec<_> = self.matcher.kept().collect();
        let again: Vec<_> = scratch.kept().collect();
        assert_eq!(kept, again, "kept from scratch");
        self.check(&launches, &at_hand);
        self.check_apart(&launches);
        assert_eq!(
            launches
                .iter()
                .map(|launch| launch.tasks.len())
                .sum::<usize>(),
            placed.len()
        );
        let agents = self.matcher.facts.row_ids.keys().map(|key| &key.agent);
        let agents = agents.collect::<BTreeSet<_>>().len();
        let bound = (agents * 200 / 1000).max(1);
        assert!(
            self.matcher.kept().count() <= bound.max(kept_before),
            "a bounded number is kept"
        );
        for (id, agent) in placed {
            if let Some(group) = &self.demands[&id].0.normal().group {
                self.groups.push((Arc::clone(group), agent));
            }
        }
        // Nothing is left that fits.
        let left = self.matcher.rebuilt().round(self.now).len();
        let spreads = self.demands.values().any(|(demand, _)| {
            demand
                .constraints
                .iter()
                .any(|constraint| constraint.operator() == Operator::GroupBy)
        });
        assert!(left == 0 || spreads || keeps, "{left} would still fit");
        self.check_explanations(spreads || keeps);
    }

    // Each row is counted once, but what an agent has beside the kind that is wanted.
    fn check_explanations(&self, some_fit: bool) {
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
    fn check_apart(&self, launches: &[crate::Launch]) {
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
    fn check(&self, launches: &[crate::Launch], at_hand: &[OfferId]) {
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

    fn check_task(&self, task: &crate::LaunchedTask, offer: &Offer) {
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

fn check_batches(plan: crate::Plan<'_>, launches: &[crate::Launch]) {
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

fn nth<T>(all: &[T], which: u8) -> Option<&T> {
    all.get(usize::from(which).checked_rem(all.len())?)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn rounds_are_right_and_the_same_from_scratch(
        policy in policy(), steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut world = World::new(policy);
        for step in &steps {
            world.step(step);
        }
        world.round();
    }

    // Tasks that have to be apart find the agents full of others, as in a cluster that is too small.
    #[test]
    fn many_rounds_of_many_tasks_make_room_as_the_reference_does(
        rounds in prop::collection::vec(many(), 1..6), ended in any::<u8>(),
    ) {
        let mut world = World::new(Policy {
            keep_permille: 0,
            ..Policy::default()
        });
        for [offers, tasks] in rounds {
            for (agent, size, kind) in offers {
                world.step(&Step::Offer(agent, size, kind));
            }
            for (kind, priority, since) in tasks {
                world.step(&Step::Enqueue(kind, priority, since));
            }
            world.round();
            world.step(&Step::End(ended));
            world.round();
        }
    }

    #[test]
    fn the_order_of_the_facts_does_not_matter(
        policy in policy(),
        offers in prop::collection::vec(any::<(u8, u8, u8)>(), 0..12),
        tasks in prop::collection::vec(any::<(u8, u8, u8)>(), 0..40),
        seed in any::<u64>(),
    ) {
        // Offers that are not combined are numbered as they come.
        let policy = Policy { combine: true, ..policy };
        let mut world = World::new(policy.clone());
        let offers: Vec<Offer> = offers
            .into_iter()
            .map(|(agent, size, kind)| world.make_offer(agent, size, kind))
            .collect();
        let tasks: Vec<(Demand, Waiting)> = (0..)
            .zip(tasks)
            .map(|(id, (kind, priority, since))| {
                let priority = i32::from(priority % 3);
                (World::demand(kind), Waiting { id, priority, since: since.into(), ..Waiting::default() })
            })
            .collect();
        let run = |offers: Vec<Offer>, tasks: Vec<(Demand, Waiting)>| {
            let matcher = crate::match_once(policy.clone(), tasks, offers, 300);
            matcher
                .plan()
                .placements()
                .map(|(id, agent)| (id, agent.clone()))
                .collect::<Vec<_>>()
        };
        let shuffled = |len: usize| {
            let mut order: Vec<usize> = (0..len).collect();
            order.sort_by_key(|&at| seed.wrapping_mul(at as u64 * 2 + 1) >> 7);
            order
        };
        let other_offers = shuffled(offers.len()).into_iter().map(|at| offers[at].clone());
        let other_tasks = shuffled(tasks.len()).into_iter().map(|at| tasks[at].clone());
        let other = run(other_offers.collect(), other_tasks.collect());
        prop_assert_eq!(run(offers, tasks), other);
    }
}
