//! Offers and demands that nobody should make, and what is learned of agents while their offers are at hand.

use std::sync::Arc;

use offer_match::{Demand, Matcher, Offer, Policy, Waiting, match_once};
use resources::{
    Attribute, AttributeValue, Attributes, Constraint, Identity, Operator, Parcel, Parcels, Ranges,
    Resources, Scalar,
};

fn one_cpu() -> Resources {
    Resources::new(Scalar::from_units(1), Scalar::ZERO, Scalar::ZERO)
}

fn offer(id: &str, role: &str, parcels: &[Parcel], attributes: Attributes) -> Offer {
    let mut all = Parcels::plain(
        &Resources::new(Scalar::from_units(8), Scalar::ZERO, Scalar::ZERO),
        &Arc::default(),
    );
    for parcel in parcels {
        all.add(parcel.clone());
    }
    Offer {
        supply: all.into(),
        role: role.into(),
        ..Offer::plain(id, "agent-1", &one_cpu(), attributes)
    }
}

fn waiting(id: u64) -> Waiting {
    Waiting {
        id,
        ..Waiting::default()
    }
}

// The parcels of each task, once all are placed that can be.
fn launched(demands: &[(u64, Demand)], offers: &[Offer]) -> Vec<String> {
    let tasks = demands
        .iter()
        .map(|(id, demand)| (demand.clone(), waiting(*id)));
    let matcher = match_once(Policy::default(), tasks, offers.iter().cloned(), 0);
    let launches = matcher.plan().launches();
    let tasks = launches.iter().flat_map(|launch| &launch.tasks);
    tasks.map(|task| task.parcels.to_string()).collect()
}

#[test]
fn an_amount_that_is_asked_for_twice_is_the_sum_and_one_below_zero_is_none() {
    type Others = [(&'static str, i64)];
    let cases: &[(&Others, &[&str])] = &[
        (&[("fuel", 1), ("fuel", 1)], &["cpus(*):1; fuel(*):2"]),
        (&[("fuel", 1), ("fuel", 2)], &[]),
        (&[("fuel", -1), ("fuel", 1)], &["cpus(*):1; fuel(*):1"]),
        (&[("fuel", -1)], &["cpus(*):1"]),
        (&[("coal", 0)], &["cpus(*):1"]),
        // Those that have a place of their own as well.
        (&[("cpus", 2)], &["cpus(*):3"]),
        (&[("cpus", 8)], &[]),
        (&[("gpus", 1)], &[]),
    ];
    let fuel = Parcel::scalar("fuel", Scalar::from_units(2), &Arc::default());
    let offer = offer("o", "*", &[fuel], Attributes::default());
    for (others, want) in cases {
        let units = |(name, units): &(&str, i64)| ((*name).into(), Scalar::from_units(*units));
        let demand = Demand {
            others: others.iter().map(units).collect(),
            ..Demand::new(one_cpu())
        };
        let offers = std::slice::from_ref(&offer);
        assert_eq!(launched(&[(0, demand)], offers), *want, "{others:?}");
    }
}

#[test]
fn a_port_that_two_entries_name_goes_to_one_task() {
    let reserved = Arc::new(Identity::from_single("cron", None));
    let ports = |from, to, identity| Parcel::ranges("ports", Ranges::new([(from, to)]), identity);
    let offer = offer(
        "o",
        "*",
        &[ports(7, 7, &reserved), ports(7, 8, &Arc::default())],
        Attributes::default(),
    );
    let any = Demand {
        ports: 1,
        ..Demand::new(one_cpu())
    };
    let seven = Demand {
        fixed_ports: vec![7],
        ..Demand::new(one_cpu())
    };
    let offers = [offer];
    let got = launched(&[(0, any.clone()), (2, any.clone())], &offers);
    let want = ["cpus(*):1; ports(cron):[7-7]", "cpus(*):1; ports(*):[8-8]"];
    assert_eq!(got, want);
    assert_eq!(launched(&[(0, seven), (2, any)], &offers), want);
}

// An agent may be given more attributes while it runs tasks.
#[test]
fn the_attributes_of_an_agent_are_those_of_its_newest_offer_for_all_roles() {
    let rack = || [Attribute::new("rack", AttributeValue::text("r1"))];
    let mut matcher = Matcher::new(Policy {
        roles: vec!["a".into(), "b".into()],
        ..Policy::default()
    });
    matcher.offer(offer("o1", "a", &[], Attributes::new("node-1", [])));
    let in_a_rack = matcher.demand(&Demand {
        constraints: vec![Constraint::new("rack", Operator::Exists, "").unwrap()],
        roles: vec!["a".into()],
        ..Demand::new(one_cpu())
    });
    matcher.enqueue(in_a_rack, waiting(1));
    assert_eq!(matcher.round(0).len(), 0, "not known to be in one");
    let group: Arc<str> = "job".into();
    matcher.running(&group, &"agent-1".into());
    matcher.offer(offer("o2", "b", &[], Attributes::new("node-1", rack())));
    let unique = matcher.demand(&Demand {
        constraints: vec![Constraint::new("rack", Operator::Unique, "").unwrap()],
        group: Some(group),
        ..Demand::new(one_cpu())
    });
    matcher.enqueue(unique, waiting(0));
    let placed: Vec<u64> = matcher.round(0).placements().map(|(id, _)| id).collect();
    assert_eq!(placed, [1], "one of the group runs in the rack");
}

#[test]
fn where_home_is_may_be_found_out_late_and_may_change() {
    let there = Attributes::new("node-1", []).with_domain("there", "z");
    let mut matcher = Matcher::new(Policy {
        home_region: Some("".into()),
        ..Policy::default()
    });
    let demand = matcher.demand(&Demand::new(one_cpu()));
    matcher.offer(offer("o", "*", &[], there));
    for (home, want) in [("", 1), ("here", 0), ("here", 0), ("there", 1)] {
        let mut copy = matcher.clone();
        copy.set_home_region(home);
        copy.enqueue(demand, waiting(0));
        assert_eq!(copy.round(0).len(), want, "{home}");
    }
    matcher.set_home_region("here");
    matcher.enqueue(demand, waiting(0));
    assert_eq!(matcher.round(0).len(), 0);
    assert_eq!(
        matcher.explain(demand).to_string(),
        "1 agent is in another region"
    );
    matcher.set_home_region("there");
    assert_eq!(matcher.round(0).len(), 1, "the agent is looked at again");
}
