//! What is promised in numbers: how near to the optimum, how long a big task waits.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows panics, which is the report"
)]

use std::sync::Arc;

use resources::{Attributes, Disk, DiskSource, Identity, Parcel, Parcels, Resources, Scalar};

use crate::{Demand, DiskDemand, DiskKind, Matcher, Offer, Policy, Waiting};

fn amount(cpus: i64, mem: i64) -> Resources {
    Resources::new(
        Scalar::from_units(cpus),
        Scalar::from_units(mem * 1024),
        Scalar::ZERO,
    )
}

fn offer(agent: usize, amount: &Resources) -> Offer {
    let name = format!("agent-{agent}");
    let attributes = Attributes::new(&name, []);
    Offer::plain(name.as_str(), name.as_str(), amount, attributes)
}

// A small generator; the seed is the case.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % bound).unwrap()
    }
}

// The most tasks that fit, by trying everything.
fn optimum(tasks: &[(i64, i64)], free: &mut Vec<(i64, i64)>) -> usize {
    let Some(((cpus, mem), rest)) = tasks.split_first() else {
        return 0;
    };
    let mut best = optimum(rest, free);
    for agent in 0..free.len() {
        if best == tasks.len() {
            break;
        }
        if free[agent].0 >= *cpus && free[agent].1 >= *mem {
            free[agent].0 -= cpus;
            free[agent].1 -= mem;
            best = best.max(1 + optimum(rest, free));
            free[agent].0 += cpus;
            free[agent].1 += mem;
        }
    }
    best
}

// Seven tasks in the order of a queue for three agents that hold about five of them. A queue's order is
// a promise to those in front, so the optimum, which may leave out a big one in front, is out of reach.
#[test]
fn small_cases_are_within_a_tenth_of_the_optimum() {
    let (mut ours, mut best) = (0, 0);
    for seed in 0..400 {
        let mut numbers = Numbers(seed);
        let tasks: Vec<(i64, i64)> = (0..7)
            .map(|_| (1 + numbers.below(6), 1 + numbers.below(6)))
            .collect();
        let mut free: Vec<(i64, i64)> = (0..3)
            .map(|_| (4 + numbers.below(5), 4 + numbers.below(5)))
            .collect();
        let mut matcher = Matcher::new(Policy::default());
        for (agent, (cpus, mem)) in free.iter().enumerate() {
            matcher.offer(offer(agent, &amount(*cpus, *mem)));
        }
        for (id, (cpus, mem)) in (0..).zip(&tasks) {
            let demand = matcher.demand(&Demand::new(amount(*cpus, *mem)));
            let task = Waiting {
                id,
                ..Waiting::default()
            };
            matcher.enqueue(demand, task);
        }
        let placed = matcher.round(0).len();
        let most = optimum(&tasks, &mut free);
        assert!(placed <= most, "seed {seed}");
        ours += placed;
        best += most;
    }
    let share = ours * 1000 / best;
    assert!(share >= 900, "{share} thousandths of the optimum");
}

// On two agents, and with cpus alone to decide: the last task that waits would have no room either if some
// other task that was placed went to the other agent.
#[test]
fn a_task_waits_only_if_no_other_can_make_room() {
    let mut waited = 0;
    for seed in 0..400 {
        let mut numbers = Numbers(seed);
        let wants: Vec<i64> = (0..12).map(|_| 1 + numbers.below(30)).collect();
        let mut free: Vec<i64> = (0..2).map(|_| 70 + numbers.below(20)).collect();
        let mut matcher = Matcher::new(Policy::default());
        for (agent, cpus) in free.iter().enumerate() {
            matcher.offer(offer(agent, &amount(*cpus, 1)));
        }
        // A third one leaves before any of them ends.
        matcher.offer(offer(2, &amount(90, 1)));
        let window = crate::Window {
            start: 5_000,
            end: None,
        };
        matcher.unavailable(&"agent-2".into(), Some(window));
        for (id, cpus) in (0..).zip(&wants) {
            let demand = matcher.demand(&Demand {
                lasts: crate::Lasts::Millis(10_000),
                ..Demand::new(amount(*cpus, 0))
            });
            let task = Waiting {
                id,
                ..Waiting::default()
            };
            matcher.enqueue(demand, task);
        }
        let want = |task: u64| wants[usize::try_from(task).unwrap()];
        let plan = matcher.round(0);
        let placed: Vec<(u64, usize)> = plan
            .placements()
            .map(|(task, agent)| (task, ["agent-0", "agent-1"].map(|one| *one == *agent.0)))
            .map(|(task, is)| (task, is.iter().position(|is| *is).unwrap()))
            .collect();
        for &(task, agent) in &placed {
            free[agent] -= want(task);
        }
        let waits = |task: &u64| placed.iter().all(|(known, _)| known != task);
        let missed: Vec<u64> = (0..12).filter(waits).collect();
        // An equal task that waits already says that nothing can be done.
        let known = |task: u64| missed.iter().any(|&other| want(other) == want(task));
        let Some(last) = missed.last().filter(|_| missed.len() == 1) else {
            continue;
        };
        waited += 1;
        for &(task, agent) in placed.iter().filter(|(task, _)| !known(*task)) {
            let room = free[1 - agent] >= want(task) && free[agent] + want(task) >= want(*last);
            assert!(!room, "seed {seed}: {task} could go for {last}");
        }
    }
    assert!(waited > 20, "{waited} cases");
}

// A big task gets an agent kept, though the small one behind it has room now.
#[test]
fn no_agent_is_kept_or_given_that_leaves_before_the_task_ends() {
    let leaves = |start| Some(crate::Window { start, end: None });
    let mut matcher = Matcher::new(Policy {
        keep_after_millis: 0,
        ..Policy::default()
    });
    let big = matcher.demand(&Demand {
        lasts: crate::Lasts::Millis(10_000),
        ..Demand::new(amount(8, 8))
    });
    let small = matcher.demand(&Demand {
        lasts: crate::Lasts::Indifferent,
        ..Demand::new(amount(1, 1))
    });
    for agent in 0..2 {
        matcher.offer(offer(agent, &amount(8, 8)));
    }
    // Most of the first is free, but it leaves.
    matcher.offer(offer(0, &amount(6, 6)));
    matcher.offer(offer(1, &amount(2, 2)));
    matcher.unavailable(&"agent-0".into(), leaves(9_999));
    for (id, demand) in [(1, big), (2, small)] {
        let task = Waiting {
            id,
            ..Waiting::default()
        };
        matcher.enqueue(demand, task);
    }
    assert_eq!(matcher.round(0).len(), 1, "the small one");
    let kept: Vec<_> = matcher
        .kept()
        .map(|(agent, task)| (&*agent.0, task))
        .collect();
    assert_eq!(kept, [("agent-1", 1)]);
    // Then this one is going to leave as well, and not after all.
    for (window, placed) in [(leaves(9_999), 0), (None, 1)] {
        matcher.offer(offer(1, &amount(8, 8)));
        matcher.unavailable(&"agent-1".into(), window);
        assert_eq!(matcher.round(0).len(), placed);
    }
}

// Each of three agents has a disk that the others have not, which is in use, and the task needs one of them.
#[test]
fn the_agent_is_kept_whose_disk_the_task_needs() {
    let disk = |source, persistence: Option<&str>| Disk {
        source,
        persistence: persistence.map(Into::into),
        ..Disk::default()
    };
    let disks = [
        disk(Some(DiskSource::Mount { root: None }), None),
        disk(Some(DiskSource::Path { root: None }), None),
        disk(None, Some("data")),
    ];
    let parts = |agent: usize, cpus: i64, has_disk: bool| {
        let amount = amount(cpus, 8);
        let mut parcels = Parcels::plain(&amount, &Arc::default());
        if has_disk {
            let identity = Identity {
                disk: Some(disks[agent].clone()),
                ..Identity::default()
            };
            let size = Scalar::from_units(60);
            parcels.add(Parcel::scalar("disk", size, &Arc::new(identity)));
        }
        Offer {
            supply: parcels.into(),
            ..offer(agent, &amount)
        }
    };
    let sized = |kind| DiskDemand::new(kind, Scalar::from_units(60));
    for (agent, wanted, volume) in [
        (0, vec![sized(DiskKind::Mount)], None),
        (1, vec![sized(DiskKind::Path)], None),
        (2, Vec::new(), Some(Arc::from("data"))),
    ] {
        let mut matcher = Matcher::new(Policy {
            keep_after_millis: 0,
            ..Policy::default()
        });
        let big = matcher.demand(&Demand {
            disks: wanted,
            volumes: volume.into_iter().collect(),
            ..Demand::new(amount(8, 8))
        });
        let small = matcher.demand(&Demand::new(amount(1, 1)));
        for has_disk in [true, false] {
            (0..3).for_each(|one| matcher.offer(parts(one, 8, has_disk)));
        }
        // More of the others is free.
        matcher.offer(parts(agent, 4, false));
        for (id, demand) in [(1, big), (2, small)] {
            let task = Waiting {
                id,
                ..Waiting::default()
            };
            matcher.enqueue(demand, task);
        }
        assert_eq!(matcher.round(0).len(), 1, "the small one");
        let kept: Vec<_> = matcher.kept().map(|(agent, _)| agent.to_string()).collect();
        assert_eq!(kept, [format!("agent-{agent}")]);
        for (cpus, has_disk, placed) in [(8, false, 0), (7, true, 0), (8, true, 1)] {
            matcher.offer(parts(agent, cpus, has_disk));
            assert_eq!(matcher.round(0).len(), placed, "{cpus} {has_disk}");
        }
        let launches = matcher.plan().launches();
        let parcels = launches[0].tasks[0].parcels.as_slice();
        let mut disks_of_it = parcels.iter().filter_map(|one| one.identity.disk.as_ref());
        assert_eq!(disks_of_it.next(), Some(&disks[agent]));
    }
}

// Small tasks come faster than they end and run up to ten rounds of a second. The big one needs a whole
// agent; nobody leaves it one by chance.
#[test]
fn a_big_task_waits_a_bounded_time_under_any_load_of_small_ones() {
    for seed in 0..20 {
        let policy = Policy::default();
        // Until an agent is kept, until the last task on it has ended, and a round to see it.
        let bound = policy.keep_after_millis / 1000 + 10 + 2;
        let waited = rounds_until_big_is_placed(seed, policy, 400);
        assert!(waited.is_some_and(|waited| waited <= bound), "{waited:?}");
    }
    let never = Policy {
        keep_permille: 0,
        ..Policy::default()
    };
    assert_eq!(rounds_until_big_is_placed(0, never, 400), None);
}

fn rounds_until_big_is_placed(seed: u64, policy: Policy, rounds: i64) -> Option<i64> {
    const BIG: u64 = 1 << 40;
    let mut numbers = Numbers(seed);
    let mut matcher = Matcher::new(policy);
    let small = matcher.demand(&Demand::new(amount(1, 1)));
    let big = matcher.demand(&Demand::new(amount(8, 8)));
    let mut free = [8_i64; 5];
    let mut ends: Vec<(i64, usize)> = Vec::new();
    let mut ids = 0;
    for now in 0..rounds {
        if now == 20 {
            let task = Waiting {
                id: BIG,
                since: now * 1000,
                ..Waiting::default()
            };
            matcher.enqueue(big, task);
        }
        for _ in 0..12 {
            ids += 1;
            let task = Waiting {
                id: ids,
                since: now * 1000,
                ..Waiting::default()
            };
            matcher.enqueue(small, task);
        }
        ends.retain(|&(end, agent)| {
            free[agent] += i64::from(end <= now);
            end > now
        });
        for (agent, &free) in free.iter().enumerate() {
            if free > 0 {
                matcher.offer(offer(agent, &amount(free, free)));
            }
        }
        let plan = matcher.round(now * 1000);
        for (id, agent) in plan.placements() {
            if id == BIG {
                return Some(now - 20);
            }
            let agent: usize = agent.0["agent-".len()..].parse().unwrap();
            free[agent] -= 1;
            ends.push((now + 1 + numbers.below(10), agent));
        }
    }
    None
}

// The agent that drains makes an offer to a role that it had none for when it was told.
#[test]
fn nothing_goes_to_an_agent_that_drains() {
    let mut matcher = Matcher::new(Policy::default());
    matcher.offer(offer(0, &amount(2, 2)));
    matcher.drain(&"agent-0".into(), true);
    matcher.offer(Offer {
        id: "other".into(),
        role: "other".into(),
        ..offer(0, &amount(2, 2))
    });
    let demand = matcher.demand(&Demand::new(amount(1, 1)));
    matcher.enqueue(demand, Waiting::default());
    assert!(matcher.round(0).is_empty());
    let why = matcher.explain(demand).to_string();
    assert_eq!(why, "2 agents are about to be unavailable");
    matcher.drain(&"agent-0".into(), false);
    assert_eq!(matcher.round(1).len(), 1);
}

#[test]
fn nothing_goes_to_an_agent_that_will_be_away_before_it_ends() {
    let mut matcher = Matcher::new(Policy::default());
    matcher.offer(offer(0, &amount(8, 8)));
    let window = crate::Window {
        start: 10_000,
        end: Some(20_000),
    };
    matcher.unavailable(&"agent-0".into(), Some(window));
    for (id, lasts) in [
        (1, crate::Lasts::Millis(9_000)),
        (2, crate::Lasts::Millis(11_000)),
        (3, crate::Lasts::Unknown),
        (4, crate::Lasts::Indifferent),
    ] {
        let demand = matcher.demand(&Demand {
            lasts,
            ..Demand::new(amount(1, 1))
        });
        let task = Waiting {
            id,
            ..Waiting::default()
        };
        matcher.enqueue(demand, task);
    }
    let placed = |matcher: &mut Matcher, now| -> Vec<u64> {
        let plan = matcher.round(now);
        plan.placements().map(|(id, _)| id).collect()
    };
    assert_eq!(placed(&mut matcher, 0), [1, 4]);
    matcher.offer(offer(0, &amount(8, 8)));
    matcher.unavailable(&"agent-0".into(), Some(window));
    assert_eq!(placed(&mut matcher, 15_000), [] as [u64; 0]);
    assert_eq!(placed(&mut matcher, 20_000), [2, 3], "it is back");
}

// It was going to be back sooner, and later still, before it was said when.
#[test]
fn an_agent_is_away_until_the_end_that_was_said_last() {
    let ends = [Some(20_000), None, Some(30_000), Some(40_000)];
    for (by_offer, forgotten) in [(false, false), (true, false), (true, true)] {
        let mut matcher = Matcher::new(Policy::default());
        for end in ends {
            let window = Some(crate::Window { start: 0, end });
            if forgotten {
                matcher.forget(&"agent-0".into());
            }
            matcher.offer(Offer {
                unavailable: window.filter(|_| by_offer),
                ..offer(0, &amount(8, 8))
            });
            if !by_offer {
                matcher.unavailable(&"agent-0".into(), window);
            }
        }
        let demand = matcher.demand(&Demand::new(amount(1, 1)));
        matcher.enqueue(demand, Waiting::default());
        for (now, placed) in [(20_000, 0), (30_000, 0), (39_999, 0), (40_000, 1)] {
            assert_eq!(
                matcher.round(now).len(),
                placed,
                "{by_offer} {forgotten} {now}"
            );
        }
    }
}

// Many tasks, so that a table is made; each in turn ends before the agent leaves, or not, or does not mind.
#[test]
fn of_many_tasks_only_those_go_to_an_agent_that_leaves_which_end_before() {
    let mut matcher = Matcher::new(Policy::default());
    matcher.offer(offer(0, &amount(100, 100)));
    let window = crate::Window {
        start: 10_000,
        end: None,
    };
    matcher.unavailable(&"agent-0".into(), Some(window));
    let demands = [
        crate::Lasts::Millis(10_000),
        crate::Lasts::Millis(10_001),
        crate::Lasts::Indifferent,
    ]
    .map(|lasts| {
        matcher.demand(&Demand {
            lasts,
            ..Demand::new(amount(1, 1))
        })
    });
    for id in 0..30 {
        let task = Waiting {
            id,
            ..Waiting::default()
        };
        matcher.enqueue(demands[usize::try_from(id % 3).unwrap()], task);
    }
    let placed = |matcher: &mut Matcher, now| -> Vec<u64> {
        let plan = matcher.round(now);
        plan.placements().map(|(id, _)| id).collect()
    };
    let want: Vec<u64> = (0..30).filter(|id| id % 3 != 1).collect();
    assert_eq!(placed(&mut matcher, 0), want);
    assert_eq!(
        matcher.explain(demands[1]).to_string(),
        "1 agent is about to be unavailable"
    );
    // One that does not leave takes the others.
    matcher.offer(offer(1, &amount(100, 100)));
    assert_eq!(placed(&mut matcher, 1).len(), 10);
}

// The agent that leaves is the largest, so it is reached when the others are full.
#[test]
fn a_job_with_many_tasks_does_not_go_on_to_an_agent_that_leaves() {
    let mut matcher = Matcher::new(Policy::default());
    for agent in 1..=4 {
        matcher.offer(offer(agent, &amount(3, 3)));
    }
    matcher.offer(offer(0, &amount(100, 100)));
    let window = crate::Window {
        start: 10_000,
        end: None,
    };
    matcher.unavailable(&"agent-0".into(), Some(window));
    let demand = matcher.demand(&Demand {
        lasts: crate::Lasts::Millis(10_001),
        ..Demand::new(amount(1, 1))
    });
    for id in 0..20 {
        let task = Waiting {
            id,
            ..Waiting::default()
        };
        matcher.enqueue(demand, task);
    }
    assert_eq!(matcher.round(0).len(), 12);
}
