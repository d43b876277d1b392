//! What an agent offers in more than one pool: to several roles, firm and revocable.

use std::sync::Arc;

use offer_match::{Demand, Matcher, Offer, Policy, Waiting};
use resources::{Attributes, Identity, Parcel, Parcels, Resources, Scalar};

fn amount(cpus: i64) -> Resources {
    Resources::new(Scalar::from_units(cpus), Scalar::ZERO, Scalar::ZERO)
}

fn offer(id: &str, agent: &str, role: &str, gpus: i64) -> Offer {
    let plain = Arc::new(Identity::default());
    let mut parcels = Parcels::plain(&amount(4), &plain);
    parcels.add(Parcel::scalar("gpus", Scalar::from_units(gpus), &plain));
    Offer {
        role: role.into(),
        supply: parcels.into(),
        ..Offer::plain(id, agent, &amount(0), Attributes::new(agent, []))
    }
}

fn waiting(id: u64) -> Waiting {
    Waiting {
        id,
        ..Waiting::default()
    }
}

// In Mesos it is the agent that has GPUs, whatever role they are offered to.
#[test]
fn an_agent_with_gpus_is_for_gpu_tasks_in_all_of_its_roles() {
    let offers = [offer("1", "a", "x", 2), offer("2", "a", "y", 0)];
    for order in [[0, 1], [1, 0]] {
        for together in [true, false] {
            let mut matcher = Matcher::new(Policy::default());
            let plain = matcher.demand(&Demand::new(amount(1)));
            for number in order {
                matcher.offer(offers[number].clone());
                if !together && number == 0 {
                    // The GPUs are in use, or offered to somebody else.
                    matcher.rescind(&offers[0].id);
                }
            }
            matcher.enqueue(plain, waiting(1));
            assert_eq!(matcher.round(0).len(), 0, "{order:?} {together}");
            let why = matcher.explain(plain).to_string();
            assert!(why.ends_with("for GPU tasks only"), "{why}");
            // A row that comes later.
            matcher.offer(offer("3", "a", "z", 0));
            assert_eq!(matcher.round(0).len(), 0);
            matcher.offer(offer("4", "b", "z", 0));
            assert_eq!(matcher.round(0).len(), 1);
        }
    }
}

#[test]
fn what_an_agent_has_of_the_other_kind_is_no_reason_to_wait() {
    let kinds = [false, true].map(|revocable| {
        Arc::new(Identity {
            revocable,
            ..Identity::default()
        })
    });
    let both = kinds
        .iter()
        .map(|kind| Parcel::scalar("cpus", Scalar::from_units(4), kind));
    let both = Offer {
        supply: Parcels::new(both).into(),
        ..Offer::plain("both", "a", &amount(0), Attributes::new("a", []))
    };
    let firm = Offer::plain("firm", "b", &amount(4), Attributes::new("b", []));
    let cases = [
        (false, "2 offers lack cpus (needs 9, best 4)"),
        (
            true,
            "1 offer is not of the kind wanted, firm or revocable; 1 offer lacks cpus (needs 9, best 4)",
        ),
    ];
    for (revocable, want) in cases {
        let mut matcher = Matcher::new(Policy::default());
        let demand = matcher.demand(&Demand {
            revocable,
            ..Demand::new(amount(9))
        });
        for offer in [&both, &firm] {
            matcher.offer(offer.clone());
        }
        matcher.enqueue(demand, waiting(1));
        assert_eq!(matcher.round(0).len(), 0);
        assert_eq!(matcher.explain(demand).to_string(), want);
    }
}

#[test]
#[should_panic(expected = "hostname UNIQUE counts the tasks of a group, and the demand names none")]
fn a_rule_about_the_others_of_a_group_needs_one() {
    let unique = resources::Constraint::new("hostname", resources::Operator::Unique, "");
    Matcher::new(Policy::default()).demand(&Demand {
        constraints: vec![unique.expect("right")],
        ..Demand::new(amount(1))
    });
}

// The bound is of agents, however many roles they offer to.
#[test]
fn no_more_agents_are_kept_than_may_be() {
    let mut matcher = Matcher::new(Policy {
        keep_permille: 100,
        ..Policy::default()
    });
    let pools: Vec<(String, &str)> = (0..20)
        .flat_map(|agent| ["x", "y"].map(|role| (format!("agent-{agent}"), role)))
        .collect();
    let mut offers = 0;
    let mut offer_all = |matcher: &mut Matcher, cpus| {
        for (agent, role) in &pools {
            offers += 1;
            let attributes = Attributes::new(agent, []);
            let id = format!("offer-{offers}");
            matcher.offer(Offer {
                role: (*role).into(),
                ..Offer::plain(id, agent.as_str(), &amount(cpus), attributes)
            });
        }
    };
    let [small, big] = [1, 4].map(|cpus| matcher.demand(&Demand::new(amount(cpus))));
    offer_all(&mut matcher, 4);
    for id in 0..40 {
        matcher.enqueue(small, waiting(id));
    }
    matcher.round(0);
    for offer in matcher.offers().cloned().collect::<Vec<_>>() {
        matcher.rescind(&offer);
    }
    for id in 100..120 {
        matcher.enqueue(big, waiting(id));
    }
    let mut most = 0;
    for round in 1..20 {
        matcher.enqueue(small, waiting(1000 + round));
        offer_all(&mut matcher, 1);
        matcher.round(60_000 * i64::try_from(round).expect("small"));
        for offer in matcher.offers().cloned().collect::<Vec<_>>() {
            matcher.rescind(&offer);
        }
        most = most.max(matcher.kept().count());
    }
    assert_eq!(most, 2, "a tenth of twenty");
}
