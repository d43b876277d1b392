//! Agents kept free for tasks that others overtake.

use std::sync::Arc;

use offer_match::{AgentId, DeclineWhy, Demand, Matcher, Offer, OfferId, Policy, Waiting};
use resources::{Attribute, AttributeValue, Attributes, Constraint, Operator, Resources, Scalar};

const AFTER: i64 = 1_000;
const KEEP: i64 = 100_000;

struct World {
    matcher: Matcher,
    offers: u32,
    now: i64,
}

fn cpus(units: i64) -> Resources {
    Resources::new(Scalar::from_units(units), Scalar::ZERO, Scalar::ZERO)
}

impl World {
    // Agents of eight cpus, which are all in use.
    fn new(policy: Policy, agents: &[&str]) -> Self {
        let mut world = Self {
            matcher: Matcher::new(Policy {
                keep_after_millis: AFTER,
                keep_millis: KEEP,
                ..policy
            }),
            offers: 0,
            now: 0,
        };
        for agent in agents {
            let offer = world.offer(agent, 8);
            assert!(world.matcher.rescind(&offer));
        }
        world
    }

    // An agent in the rack of its first two letters.
    fn offer(&mut self, agent: &str, units: i64) -> OfferId {
        self.offers += 1;
        let rack = Attribute::new("rack", AttributeValue::text(&agent[..2]));
        let attributes = Attributes::new(agent, [rack]);
        let offer = Offer::plain(format!("o{}", self.offers), agent, &cpus(units), attributes);
        let id = offer.id.clone();
        self.matcher.offer(offer);
        id
    }

    fn enqueue(&mut self, ids: impl IntoIterator<Item = u64>, demand: &Demand) {
        let demand = self.matcher.demand(demand);
        for id in ids {
            let task = Waiting {
                id,
                ..Waiting::default()
            };
            self.matcher.enqueue(demand, task);
        }
        self.matcher.release(demand);
    }

    // What a round places and what is kept after it: the same from scratch.
    fn round(&mut self) -> (Vec<String>, Vec<String>) {
        let outcome = |matcher: &mut Matcher| {
            let show = |(task, agent): (u64, &AgentId)| format!("{task} {agent}");
            let now = self.now;
            let placed: Vec<String> = matcher.round(now).placements().map(show).collect();
            let kept = matcher
                .kept()
                .map(|(agent, task)| format!("{task} {agent}"));
            (placed, kept.collect::<Vec<String>>())
        };
        let mut scratch = self.matcher.rebuilt();
        let again = outcome(&mut scratch);
        let mine = outcome(&mut self.matcher);
        assert_eq!(mine, again, "from scratch");
        mine
    }

    // A small task overtakes those that wait: returns what is kept then.
    fn overtake(&mut self, id: u64, agent: &str) -> Vec<String> {
        self.now += AFTER;
        self.offer(agent, 1);
        self.enqueue([id], &Demand::new(cpus(1)));
        let (placed, kept) = self.round();
        assert_eq!(placed, [format!("{id} {agent}")]);
        kept
    }
}

fn apart(units: i64, attribute: &str) -> Demand {
    let constraint = Constraint::new(attribute, Operator::Unique, "");
    Demand {
        constraints: vec![constraint.expect("right")],
        group: Some("job".into()),
        ..Demand::new(cpus(units))
    }
}

fn many() -> Policy {
    Policy {
        keep_permille: 1000,
        ..Policy::default()
    }
}

// In one round both agents of a rack become free.
#[test]
fn tasks_that_have_to_be_apart_are_so_on_agents_that_are_kept() {
    let mut world = World::new(many(), &["r1-a", "r1-b", "r2-c"]);
    world.enqueue(0..2, &apart(8, "rack"));
    assert_eq!(world.overtake(10, "r2-c").len(), 2);
    for agent in ["r1-a", "r1-b"] {
        world.offer(agent, 8);
    }
    let (placed, _) = world.round();
    assert_eq!(placed, ["0 r1-a"]);
}

// Where one of the group runs, the next has no place however much is free.
#[test]
fn no_agent_is_kept_where_a_rule_forbids_it_or_comes_to_forbid_it() {
    let mut world = World::new(Policy::default(), &["r1-a", "r1-b", "r2-c"]);
    let group: Arc<str> = "job".into();
    world.matcher.running(&group, &"r1-a".into());
    world.enqueue(0..1, &apart(8, "hostname"));
    assert_eq!(world.overtake(10, "r1-a"), ["0 r1-b"]);
    world.matcher.running(&group, &"r1-b".into());
    assert_eq!(world.overtake(11, "r1-a"), ["0 r2-c"]);
}

// One agent may be kept, and more tasks than are tried in a round could run nowhere.
#[test]
fn tasks_that_could_run_nowhere_are_in_nobodys_way() {
    for (kinds, each) in [(1, 1), (1, 2_000), (30, 1), (30, 100)] {
        let mut world = World::new(Policy::default(), &["r1-a", "r1-b"]);
        for kind in 0..kinds {
            let from = 1_000 * kind;
            let wanted = cpus(9 + i64::try_from(kind).expect("few"));
            world.enqueue(from..from + each, &Demand::new(wanted));
        }
        world.enqueue([500_000], &Demand::new(cpus(8)));
        let kept = (1_000_000..1_000_010).find(|&id| !world.overtake(id, "r1-b").is_empty());
        assert!(kept.is_some(), "{kinds} kinds of {each}");
        assert_eq!(world.overtake(2_000_000, "r1-b"), ["500000 r1-a"]);
    }
}

// An agent that makes no offers any more is not chosen for ever.
#[test]
fn an_agent_that_was_kept_in_vain_is_not_the_next_one() {
    let mut world = World::new(Policy::default(), &["r1-a", "r1-b", "r1-c"]);
    world.enqueue([0], &Demand::new(cpus(8)));
    let mut kept = Vec::new();
    for id in 1..=6 {
        kept.extend(world.overtake(id, "r1-c"));
        world.now += KEEP;
    }
    assert_eq!(kept, ["0 r1-a", "0 r1-b", "0 r1-c"]);
}

// With and without a place for each of its offers, all that an agent has is kept, and given back at once.
#[test]
fn all_offers_of_a_kept_agent_are_kept_and_given_back_together() {
    for combine in [true, false] {
        let policy = Policy {
            combine,
            ..Policy::default()
        };
        let mut world = World::new(policy, &["r1-a", "r1-b"]);
        world.enqueue([0], &Demand::new(cpus(8)));
        assert_eq!(world.overtake(1, "r1-b"), ["0 r1-a"]);
        world.enqueue(2..5, &Demand::new(cpus(1)));
        let mut held = Vec::new();
        let declined = loop {
            held.push(world.offer("r1-a", 1));
            assert_eq!(world.round().0, [""; 0], "{combine}: nobody else gets it");
            let advice = world.matcher.advise(world.now, None);
            if let Some(decline) = advice.declines.into_iter().next() {
                break decline;
            }
            world.now += 4_000;
        };
        assert_eq!((declined.why, declined.millis), (DeclineWhy::Kept, 0));
        assert_eq!(declined.offers, held, "{combine}");
        assert_eq!(held.len(), 4, "after ten seconds and at most one step");
        for offer in held {
            assert!(world.matcher.rescind(&offer));
        }
        // Held anew.
        world.offer("r1-a", 3);
        world.now += 4_000;
        assert_eq!(world.round().0, [""; 0]);
        assert_eq!(world.matcher.advise(world.now, None).declines, []);
        world.now += 9_000;
        assert_eq!(world.matcher.advise(world.now, None).declines, []);
        world.offer("r1-a", 8);
        assert_eq!(world.round().0[0], "0 r1-a");
    }
}

// What is remembered of another agent takes its number, and is kept as well.
#[test]
fn nothing_is_kept_of_an_agent_that_is_forgotten() {
    let policy = Policy {
        combine: false,
        ..many()
    };
    let mut world = World::new(policy, &["r1-a", "r1-b", "r1-c"]);
    world.enqueue(0..2, &Demand::new(cpus(8)));
    assert_eq!(world.overtake(10, "r1-c"), ["0 r1-a", "1 r1-b"]);
    world.matcher.forget(&"r1-a".into());
    for _ in 0..2 {
        world.offer("r1-b", 1);
    }
    assert_eq!(world.round().1, ["1 r1-b"]);
}
