//! Input that is odd, and legal.

use std::sync::Arc;

use offer_match::{Demand, Fitness, Lasts, Matcher, Offer, Policy, Waiting, Window};
use resources::{Attributes, Constraint, Identity, Operator, Parcel, Parcels, Resources, Scalar};

const FEW_AND_MANY: [u64; 2] = [1, 20];

fn amount(thousandths: i64) -> Resources {
    let [cpus, mem, disk] = [thousandths; 3].map(Scalar::from_thousandths);
    Resources::new(cpus, mem, disk)
}

fn offer(id: &str, agent: &str, amount: &Resources) -> Offer {
    Offer::plain(id, agent, amount, Attributes::new(agent, []))
}

fn enqueue(matcher: &mut Matcher, demand: &Demand, tasks: impl IntoIterator<Item = Waiting>) {
    let demand = matcher.demand(demand);
    for task in tasks {
        matcher.enqueue(demand, task);
    }
    matcher.release(demand);
}

fn numbered(ids: std::ops::Range<u64>) -> impl Iterator<Item = Waiting> {
    ids.map(|id| Waiting {
        id,
        ..Waiting::default()
    })
}

// Places what it can, says why not the others and what to do with offers, as it would from scratch.
fn settle(matcher: &mut Matcher, now: i64) -> Vec<u64> {
    let mut scratch = matcher.rebuilt();
    let of = |matcher: &mut Matcher| -> Vec<u64> {
        let plan = matcher.round(now);
        plan.placements().map(|(task, _)| task).collect()
    };
    let placed = of(matcher);
    assert_eq!(placed, of(&mut scratch), "from scratch");
    let tasks = matcher.plan().launches().into_iter();
    assert_eq!(
        tasks.map(|launch| launch.tasks.len()).sum::<usize>(),
        placed.len()
    );
    matcher.advise(now, Some(now));
    placed
}

#[test]
fn the_largest_amounts_are_only_amounts() {
    for count in FEW_AND_MANY {
        let mut matcher = Matcher::new(Policy::default());
        let most = amount(i64::MAX);
        for id in ["one", "two"] {
            matcher.offer(offer(id, "agent-a", &most));
        }
        matcher.offer(offer("three", "agent-b", &amount(i64::MAX - 1)));
        enqueue(&mut matcher, &Demand::new(most), numbered(0..count));
        let like = Constraint::new("hostname", Operator::Like, "agent-b").expect("right");
        let there = Demand {
            constraints: vec![like],
            ..Demand::new(amount(i64::MAX - 1))
        };
        enqueue(&mut matcher, &there, numbered(100..100 + count));
        assert_eq!(settle(&mut matcher, 0), [0, 100], "{count}");
        let why = matcher.explain_demand(&there).to_string();
        assert!(why.contains("lacks cpus"), "{why}");
    }
}

#[test]
fn the_ends_of_time_and_of_priority_are_in_order() {
    let ends = [i64::MIN, -1, 0, 1, i64::MAX];
    for (now, priority_millis) in ends.into_iter().zip([0, 1, Policy::STRICT, i64::MAX, 1]) {
        for fitness in [Fitness::Pack, Fitness::Spread] {
            let mut matcher = Matcher::new(Policy {
                priority_millis,
                fitness,
                keep_after_millis: i64::MAX,
                keep_millis: i64::MAX,
                unknown_lasts_millis: i64::MAX,
                ..Policy::default()
            });
            matcher.offer(offer("one", "agent", &amount(7)));
            let mut id = 0;
            for (since, priority) in ends.into_iter().zip([i32::MIN, -1, 0, 1, i32::MAX]) {
                for lasts in [
                    Lasts::Unknown,
                    Lasts::Millis(i64::MIN),
                    Lasts::Millis(i64::MAX),
                ] {
                    let demand = Demand {
                        lasts,
                        ..Demand::new(amount(1))
                    };
                    id += 1;
                    let task = Waiting {
                        id,
                        priority,
                        since,
                        ..Waiting::default()
                    };
                    enqueue(&mut matcher, &demand, [task]);
                }
            }
            assert_eq!(settle(&mut matcher, now).len(), 7, "{now}");
            for start in ends {
                for end in ends.map(Some).into_iter().chain([None]) {
                    let window = Window { start, end };
                    matcher.offer(offer("two", "agent", &amount(0)));
                    matcher.unavailable(&"agent".into(), Some(window));
                    settle(&mut matcher, now);
                }
            }
            matcher.offer(offer("three", "agent", &amount(8)));
            assert_eq!(settle(&mut matcher, now).len(), 8, "{now}");
            assert_eq!(matcher.waiting(), 0);
        }
    }
}

#[test]
fn strict_priority_orders_whatever_waits() {
    let mut matcher = Matcher::new(Policy {
        priority_millis: Policy::STRICT,
        ..Policy::default()
    });
    matcher.offer(offer("one", "agent", &amount(3)));
    let cases = [(1, 0, 0), (2, 5, 1 << 39), (3, 4, 0), (4, 5, 0)];
    let tasks = cases.map(|(id, priority, since)| Waiting {
        id,
        priority,
        since,
        ..Waiting::default()
    });
    enqueue(&mut matcher, &Demand::new(amount(1)), tasks);
    assert_eq!(settle(&mut matcher, 0), [4, 2, 3]);
}

#[test]
fn nothing_at_all_and_the_same_twice() {
    for count in FEW_AND_MANY {
        let mut matcher = Matcher::new(Policy::default());
        assert_eq!(settle(&mut matcher, 0), []);
        let nothing = Demand::default();
        enqueue(&mut matcher, &nothing, numbered(0..count));
        assert_eq!(settle(&mut matcher, 0), []);
        assert_eq!(
            matcher.explain_demand(&nothing).to_string(),
            "no offers at hand"
        );
        // The same number for all of them.
        let same = (0..count).map(|_| Waiting::default());
        enqueue(&mut matcher, &Demand::new(amount(1)), same);
        // One offer is of two agents, one after the other: the later one counts.
        matcher.offer(offer("one", "agent-a", &amount(100)));
        matcher.offer(offer("one", "agent-b", &amount(0)));
        assert_eq!(matcher.offers().count(), 1);
        assert_eq!(settle(&mut matcher, 0).len() as u64, count);
        let empty = Offer {
            supply: Parcels::default().into(),
            ..offer("two", "agent-a", &amount(0))
        };
        matcher.offer(empty);
        assert_eq!(settle(&mut matcher, 0), []);
        // An agent has offers to two roles.
        let other = Offer {
            role: "z".into(),
            ..offer("three", "agent-a", &amount(100))
        };
        matcher.offer(other);
        assert_eq!(settle(&mut matcher, 0).len() as u64, count);
        assert_eq!(matcher.offers().count(), 1);
    }
}

// Each counts, and what is asked for twice is asked for twice.
#[test]
fn a_scalar_that_is_named_twice_is_the_sum() {
    let named = |amounts: &[i64]| Demand {
        others: amounts
            .iter()
            .map(|&one| ("widgets".into(), Scalar::from_units(one)))
            .collect(),
        ..Demand::default()
    };
    for count in FEW_AND_MANY {
        for (have, wanted, places) in [
            (1, [1, 1], 0),
            (2, [1, 1], 1),
            (3, [1, 2], 1),
            (5, [2, 0], 2),
        ] {
            let mut matcher = Matcher::new(Policy::default());
            let plain = Arc::new(Identity::default());
            let widgets = Parcel::scalar("widgets", Scalar::from_units(have), &plain);
            matcher.offer(Offer {
                supply: Parcels::new([widgets]).into(),
                ..offer("one", "agent", &amount(0))
            });
            enqueue(&mut matcher, &named(&wanted), numbered(0..count));
            let want = count.min(places);
            assert_eq!(
                settle(&mut matcher, 0).len() as u64,
                want,
                "{have} {wanted:?}"
            );
            let why = matcher.explain_demand(&named(&wanted)).to_string();
            assert!(want == count || why.contains("widgets"), "{why}");
        }
    }
}

// An error of the caller that hurts nobody.
#[test]
fn a_demand_that_is_released_too_often_is_kept_by_the_tasks_that_wait() {
    let mut matcher = Matcher::new(Policy::default());
    let demand = matcher.demand(&Demand::new(amount(1)));
    matcher.enqueue(demand, Waiting::default());
    for now in 0..4 {
        matcher.release(demand);
        matcher.release(demand);
        settle(&mut matcher, now);
    }
    matcher.offer(offer("one", "agent", &amount(1)));
    assert_eq!(settle(&mut matcher, 9), [0]);
    settle(&mut matcher, 10);
    assert_eq!(
        matcher.demand(&Demand::new(amount(1))).cmp(&demand),
        std::cmp::Ordering::Greater
    );
}
