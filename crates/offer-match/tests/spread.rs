//! Rules about how the tasks of a job lie over agents, over several rounds.

use offer_match::{AgentId, Demand, DemandId, Matcher, Offer, Policy, Waiting};
use resources::{Attribute, AttributeValue, Attributes, Constraint, Operator, Resources, Scalar};

struct World {
    matcher: Matcher,
    offers: u32,
    now: i64,
}

impl World {
    fn new() -> Self {
        Self {
            matcher: Matcher::new(Policy::default()),
            offers: 0,
            now: 0,
        }
    }

    // Where two tasks of the job run in the one rack and one in the other.
    fn with_three() -> Self {
        let mut world = Self::new();
        for agent in ["r1-a", "r1-a", "r2-b"] {
            world.matcher.running(&"job".into(), &agent.into());
        }
        world
    }

    // An agent in the rack of its first two letters, or in none.
    fn offer(&mut self, agent: &str, cpus: i64) {
        self.offers += 1;
        let amount = Resources::new(Scalar::from_units(cpus), Scalar::ZERO, Scalar::ZERO);
        let rack = Attribute::new("rack", AttributeValue::text(&agent[..2]));
        let rack = (!agent.starts_with("no")).then_some(rack);
        let attributes = Attributes::new(agent, rack);
        let id = format!("offer-{}", self.offers);
        let offer = Offer::plain(id.as_str(), agent, &amount, attributes);
        self.matcher.offer(offer);
    }

    fn demand(
        &mut self,
        cpus: i64,
        (attribute, operator, value): (&str, Operator, &str),
    ) -> DemandId {
        let amount = Resources::new(Scalar::from_units(cpus), Scalar::ZERO, Scalar::ZERO);
        self.matcher.demand(&Demand {
            constraints: vec![Constraint::new(attribute, operator, value).expect("right")],
            group: Some("job".into()),
            ..Demand::new(amount)
        })
    }

    fn anywhere(&mut self) -> DemandId {
        let amount = Resources::new(Scalar::from_units(1), Scalar::ZERO, Scalar::ZERO);
        self.matcher.demand(&Demand::new(amount))
    }

    fn enqueue(&mut self, demand: DemandId, ids: impl IntoIterator<Item = u64>) {
        for id in ids {
            let task = Waiting {
                id,
                ..Waiting::default()
            };
            self.matcher.enqueue(demand, task);
        }
    }

    // What a round places: the same from scratch.
    fn round(&mut self) -> Vec<String> {
        let mut scratch = self.matcher.rebuilt();
        let show = |(task, agent): (u64, &AgentId)| format!("{task} {agent}");
        let again: Vec<String> = scratch.round(self.now).placements().map(show).collect();
        let placed: Vec<String> = self
            .matcher
            .round(self.now)
            .placements()
            .map(show)
            .collect();
        assert_eq!(placed, again, "from scratch");
        placed
    }
}

// A rack that was full of them takes one more when the other rack got one.
#[test]
fn a_place_elsewhere_opens_one_on_an_agent_that_did_not_change() {
    for others in [0, 20] {
        let mut world = World::with_three();
        let demand = world.demand(1, ("rack", Operator::GroupBy, ""));
        world.enqueue(demand, 0..2);
        // So many that the round makes a table.
        let never = world.demand(1000, ("rack", Operator::Equals, "r1"));
        world.enqueue(never, 10..10 + others);
        world.offer("r1-a", 4);
        world.offer("r2-b", 0);
        assert!(world.round().is_empty(), "r1 has two of three");
        world.offer("r2-b", 1);
        assert_eq!(world.round(), ["0 r2-b", "1 r1-a"]);
    }
}

// The same when it is another version of the job that gets a place, whatever its rule is.
#[test]
fn a_place_for_one_version_of_a_job_opens_one_for_the_other() {
    let rules = [
        ("rack", Operator::GroupBy, ""),
        ("hostname", Operator::Unique, ""),
    ];
    for (others, rule) in [0, 20]
        .into_iter()
        .flat_map(|n| rules.map(|rule| (n, rule)))
    {
        let mut world = World::with_three();
        let large = world.demand(2, ("rack", Operator::GroupBy, ""));
        world.enqueue(large, 5..6);
        let never = world.demand(1000, ("rack", Operator::Equals, "r1"));
        world.enqueue(never, 10..10 + others);
        for (agent, cpus) in [("r1-a", 4), ("r2-b", 0), ("r2-c", 1)] {
            world.offer(agent, cpus);
        }
        assert!(
            world.round().is_empty(),
            "r1 has two of three, r2 has no room"
        );
        let small = world.demand(1, rule);
        world.enqueue(small, 0..1);
        assert_eq!(world.round(), ["0 r2-c", "5 r1-a"], "{rule:?}");
        assert_eq!(world.matcher.waiting_for(large), 0);
    }
}

// Of a job with two versions, one found no room before the others made some for the other one.
#[test]
fn a_place_that_others_made_opens_one_in_the_next_round() {
    let mut world = World::with_three();
    for (agent, cpus) in [("r1-a", 0), ("r1-d", 4), ("r2-b", 1), ("no-e", 2)] {
        world.offer(agent, cpus);
    }
    let either = world.demand(1, ("hostname", Operator::Like, "r2-b|no-e"));
    world.enqueue(either, 0..1);
    let large = world.demand(2, ("rack", Operator::GroupBy, ""));
    world.enqueue(large, 1..2);
    let small = world.demand(1, ("rack", Operator::GroupBy, ""));
    world.enqueue(small, 2..3);
    // So many want to be there that the others do not, at first.
    let never = world.demand(1000, ("hostname", Operator::Equals, "no-e"));
    world.enqueue(never, 10..30);
    assert_eq!(world.round(), ["0 no-e", "2 r2-b"]);
    assert_eq!(world.round(), ["1 r1-d"]);
}

#[test]
fn what_made_room_does_so_again() {
    let mut world = World::new();
    for (agent, cpus) in [("r1-a", 1), ("r2-b", 1), ("r3-c", 1)] {
        world.offer(agent, cpus);
    }
    let anywhere = world.anywhere();
    world.enqueue(anywhere, 0..1);
    for (id, agent) in (1..).zip(["r1-a", "r2-b"]) {
        let there = world.demand(1, ("hostname", Operator::Equals, agent));
        world.enqueue(there, id..=id);
    }
    let never = world.demand(1000, ("rack", Operator::Equals, "r1"));
    world.enqueue(never, 10..30);
    assert_eq!(world.round(), ["0 r3-c", "1 r1-a", "2 r2-b"]);
}

// Tasks that may go anywhere were placed first, where the others have to be.
#[test]
fn tasks_without_rules_make_room_for_those_that_have_to_be_apart() {
    let rules = [
        ("hostname", Operator::Unique, ""),
        ("rack", Operator::MaxPer, "1"),
        ("rack", Operator::GroupBy, ""),
    ];
    for rule in rules {
        let mut world = World::new();
        world.matcher.running(&"job".into(), &"r1-a".into());
        for (agent, cpus) in [("r1-a", 4), ("r2-b", 1), ("r3-c", 1)] {
            world.offer(agent, cpus);
        }
        let anywhere = world.anywhere();
        world.enqueue(anywhere, 0..2);
        let apart = world.demand(1, rule);
        world.enqueue(apart, 2..5);
        let never = world.demand(1000, ("rack", Operator::Equals, "r1"));
        world.enqueue(never, 10..30);
        let mut want = vec!["0 r1-a", "1 r1-a", "2 r2-b", "3 r3-c"];
        if rule.1 == Operator::GroupBy {
            // One in each rack: so one more may be in any.
            want.push("4 r1-a");
        }
        let mut placed = world.round();
        placed.sort_unstable();
        assert_eq!(placed, want, "{rule:?}");
    }
}

// The limit of a job rises when a task gets the agent that was kept for it.
#[test]
fn a_kept_agent_opens_a_place_elsewhere_too() {
    let mut world = World::with_three();
    let anywhere = world.anywhere();
    world.enqueue(anywhere, 1..2);
    world.offer("r2-b", 4);
    assert_eq!(world.round(), ["1 r2-b"]);
    let large = world.demand(4, ("rack", Operator::GroupBy, ""));
    world.enqueue(large, 0..1);
    world.offer("r2-b", 3);
    world.enqueue(anywhere, 2..3);
    world.now = Policy::default().keep_after_millis;
    assert_eq!(world.round(), ["2 r2-b"]);
    assert_eq!(world.matcher.kept().count(), 1);
    let small = world.demand(1, ("rack", Operator::GroupBy, ""));
    world.enqueue(small, 3..4);
    world.offer("r1-a", 1);
    assert!(world.round().is_empty(), "r1 has two of three");
    world.offer("r2-b", 4);
    assert_eq!(world.round(), ["0 r2-b", "3 r1-a"]);
}

// What an agent says of itself is so for all of its offers, whichever role they are for.
#[test]
fn an_agent_that_is_in_another_rack_now_is_there_with_all_it_has() {
    let mut world = World::new();
    let demand = world.demand(1, ("rack", Operator::MaxPer, "1"));
    world.offer("r1-a", 0);
    let mut moved = Offer::plain(
        "moved",
        "r1-a",
        &Resources::default(),
        Attributes::default(),
    );
    moved.role = "z".into();
    let rack = Attribute::new("rack", AttributeValue::text("r2"));
    moved.attributes = Attributes::new("r1-a", [rack]).into();
    moved.supply = Resources::new(Scalar::from_units(1), Scalar::ZERO, Scalar::ZERO).into();
    world.matcher.offer(moved);
    world.enqueue(demand, 0..2);
    assert_eq!(world.round(), ["0 r1-a"]);
    world.offer("r2-b", 1);
    assert!(world.round().is_empty(), "r2 has one");
}

#[test]
fn an_agent_drains_that_makes_its_first_offer_later() {
    let mut world = World::new();
    let demand = world.anywhere();
    world.enqueue(demand, 0..1);
    world.matcher.drain(&"r1-a".into(), true);
    world.matcher = world.matcher.rebuilt();
    world.offer("r1-a", 1);
    assert!(world.round().is_empty());
    world.matcher.drain(&"r1-a".into(), false);
    assert_eq!(world.round(), ["0 r1-a"]);
}

// Of three racks there are two left, so each may have one more, though nothing else changed.
#[test]
fn a_rack_that_is_gone_opens_places_in_the_others() {
    for (others, moves) in [(0, false), (0, true), (20, false), (20, true)] {
        let mut world = World::new();
        for agent in ["r1-a", "r2-b"] {
            world.matcher.running(&"job".into(), &agent.into());
        }
        let demand = world.demand(1, ("rack", Operator::GroupBy, ""));
        world.enqueue(demand, 0..1);
        let never = world.demand(1000, ("rack", Operator::Equals, "r1"));
        world.enqueue(never, 10..10 + others);
        for (agent, cpus) in [("r1-a", 4), ("r2-b", 0), ("r3-c", 0)] {
            world.offer(agent, cpus);
        }
        assert!(world.round().is_empty(), "one of one in r1");
        if moves {
            let rack = Attribute::new("rack", AttributeValue::text("r2"));
            let attributes = Attributes::new("r3-c", [rack]);
            let nothing = Resources::default();
            world
                .matcher
                .offer(Offer::plain("moved", "r3-c", &nothing, attributes));
        } else {
            world.matcher.forget(&"r3-c".into());
        }
        assert_eq!(world.round(), ["0 r1-a"], "{others} {moves}");
    }
}
