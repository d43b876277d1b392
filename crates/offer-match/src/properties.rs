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
    Waiting, Window, reference::match_naively,
};

mod checks;
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
        checks::check_batches(plan, &launches);
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
