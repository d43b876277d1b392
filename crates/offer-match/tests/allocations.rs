//! A round that is not the first decides without asking for memory.
//!
//! One test alone, because what it counts is what the whole process does.

use std::alloc::System;

use offer_match::{Demand, DemandId, DiskDemand, DiskKind, Matcher, Offer, Policy, Waiting};
use resources::{
    Attribute, AttributeValue, Attributes, Constraint, Disk, DiskSource, Identity, Operator,
    Parcel, Parcels, Ranges, Resources, Scalar,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn amount(cpus: i64, mem: i64) -> Resources {
    let [cpus, mem, disk] = [cpus, mem, 10].map(Scalar::from_units);
    Resources::new(cpus, mem, disk)
}

fn disk(source: DiskSource, persistence: Option<&str>) -> Parcel {
    let disk = Disk {
        source: Some(source),
        persistence: persistence.map(Into::into),
        ..Disk::default()
    };
    let identity = Identity {
        shared: persistence.is_some(),
        disk: Some(disk),
        ..Identity::default()
    };
    Parcel::scalar("disk", Scalar::from_units(90), &identity.into())
}

// Every third agent makes two offers, every fourth has some of it reserved, and every other one has disks.
fn offers(agent: u64) -> Vec<Offer> {
    let plain = Identity::default().into();
    let parcels = |port| {
        Parcels::new([
            Parcel::scalar("cpus", Scalar::from_units(8), &plain),
            Parcel::scalar("mem", Scalar::from_units(8_192), &plain),
            Parcel::scalar("disk", Scalar::from_units(1_000), &plain),
            Parcel::scalar("widgets", Scalar::from_units(9), &plain),
            Parcel::ranges("ports", Ranges::new([(port, port + 99)]), &plain),
        ])
    };
    let mut supplies = vec![parcels(agent * 1_000)];
    if agent.is_multiple_of(3) {
        supplies.push(parcels(agent * 1_000 + 500));
    }
    if agent.is_multiple_of(4) {
        let mine = Identity::from_single("cron", None).into();
        supplies[0].add(Parcel::scalar("cpus", Scalar::from_units(2), &mine));
    }
    if agent.is_multiple_of(2) {
        supplies[0].add(disk(DiskSource::Path { root: None }, None));
        supplies[0].add(disk(DiskSource::Mount { root: None }, None));
        supplies[0].add(disk(DiskSource::Path { root: None }, Some("data")));
    }
    let rack = AttributeValue::text(format!("r{}", agent % 10));
    let attributes = Attributes::new(&format!("node-{agent}"), [Attribute::new("rack", rack)]);
    let offer = |(part, supply): (usize, Parcels)| Offer {
        supply: supply.into(),
        ..Offer::plain(
            format!("offer-{agent}-{part}"),
            format!("agent-{agent}"),
            &amount(0, 0),
            attributes.clone(),
        )
    };
    supplies.into_iter().enumerate().map(offer).collect()
}

// Of every kind that a round treats in its own way; jobs of which runs lie apart are new in each round.
fn demands(round: u64) -> Vec<Demand> {
    let plain = Demand::new(amount(1, 500));
    let constrained = |attribute: &str, operator, value: &str| Demand {
        constraints: vec![Constraint::new(attribute, operator, value).expect("written right")],
        group: Some(format!("{attribute} {operator} {round}").into()),
        ..plain.clone()
    };
    vec![
        Demand::new(amount(1, 2_000)),
        constrained("rack", Operator::Like, "r[1-5]"),
        constrained("hostname", Operator::Unique, ""),
        constrained("rack", Operator::MaxPer, "9"),
        constrained("rack", Operator::GroupBy, ""),
        Demand {
            ports: 2,
            ..plain.clone()
        },
        Demand {
            others: vec![("widgets".into(), Scalar::from_units(1))],
            ..plain.clone()
        },
        Demand {
            disks: vec![
                DiskDemand::new(DiskKind::Path, Scalar::from_units(40)),
                DiskDemand::new(DiskKind::Path, Scalar::from_units(5)),
            ],
            ..plain.clone()
        },
        Demand {
            disks: vec![DiskDemand::new(DiskKind::Mount, Scalar::from_units(1))],
            volumes: vec!["data".into()],
            ..plain.clone()
        },
        Demand {
            fixed_ports: vec![1_004],
            ..plain.clone()
        },
        Demand {
            roles: vec!["other".into(), "*".into()],
            affinity: Some("data".into()),
            ..plain
        },
        Demand::new(amount(100, 100)),
    ]
}

/// How often the last of some equal rounds asks for memory, and how many tasks it places.
fn last_round(kinds: usize, tasks: u64, agents: u64) -> (usize, usize) {
    let mut matcher = Matcher::new(Policy::default());
    let mut last = (0, 0);
    for round in 0..4 {
        let mut demands = demands(round);
        demands.truncate(kinds);
        let ids: Vec<DemandId> = demands.iter().map(|one| matcher.demand(one)).collect();
        let waiting = (0..tasks).map(|id| Waiting {
            id,
            ..Waiting::default()
        });
        let tickets: Vec<_> = waiting
            .zip(ids.iter().cycle())
            .map(|(task, &kind)| matcher.enqueue(kind, task))
            .collect();
        for offer in (0..agents).flat_map(offers) {
            matcher.offer(offer);
        }
        let region = Region::new(ALLOCATOR);
        let placed = matcher.round(0).len();
        let change = region.change();
        last = (change.allocations + change.reallocations, placed);
        // What was placed goes on; the others give up.
        for ticket in &tickets {
            matcher.withdraw(ticket);
        }
        for id in ids {
            matcher.release(id);
        }
    }
    last
}

#[test]
fn a_round_asks_for_no_memory() {
    let all = demands(0).len();
    // Many tasks, for which a table is made; few, which look at the agents one by one; and one.
    for (kinds, tasks, agents, at_least) in [
        (all, 1_000, 100, 500),
        (all, 8, 3, 5),
        (1, 2, 1, 2),
        (1, 1, 1, 1),
    ] {
        let (asked, placed) = last_round(kinds, tasks, agents);
        assert!(placed >= at_least, "{placed} of {tasks} placed");
        assert_eq!(asked, 0, "{tasks} tasks, {placed} placed");
    }
}
