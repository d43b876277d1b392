//! What the machine does with each word, as a table of small stories.

use chronos_core::Abilities;
use resources::Resources;

use super::*;

const LOST_AFTER: i64 = 900_000;

fn agent(name: &str) -> AgentId {
    AgentId(name.into())
}

fn key(due: i64) -> RunKey {
    format!("ct:{due}:0:job:").parse().unwrap()
}

fn offer(id: &str) -> Offer {
    Offer {
        id: OfferId(id.into()),
        agent: agent("own"),
        hostname: "h".into(),
        resources: Resources::default(),
        attributes: std::sync::Arc::default(),
        role: None,
        abilities: Abilities::default(),
    }
}

fn update(key: RunKey, who: &str, state: TaskState) -> TaskUpdate {
    TaskUpdate {
        key,
        launch: Some(Launch(None)),
        agent: agent(who),
        state,
        exit_code: None,
        message: None,
        started_at: None,
        at: Timestamp::from_millis(5),
    }
}

fn launched(due: i64, who: &str) -> Launched {
    Launched {
        key: key(due),
        launch: Launch(None),
        agent: Some(agent(who)),
    }
}

fn note(key: RunKey, text: String, version: i32) -> Note {
    Note { key, text, version }
}

/// A machine that is asked what it wants, and told what was found.
struct Bench {
    machine: Machine,
    now: Clocks,
}

impl Bench {
    fn new() -> Self {
        Self {
            machine: Machine::new(agent("own"), LOST_AFTER),
            now: Clocks { wall: 0, mono: 0 },
        }
    }

    fn leading() -> Self {
        let mut bench = Self::new();
        bench.machine.term(TermNews::Begun);
        bench
    }

    /// Carries out a round that finds this; returns what was to be written.
    fn look(&mut self, found: Found) -> Round {
        let round = self.machine.round();
        self.machine.done(&round, found, self.now);
        round
    }

    fn news(&mut self, who: &str, update: &TaskUpdate, version: i32) -> Round {
        let found = note(update.key.clone(), notes::update_text(update), version);
        self.look(Found {
            news: vec![(agent(who), found)],
            here: [agent(who)].into(),
            ..Found::default()
        })
    }

    fn gone(&mut self, who: &str, since: i64) -> Round {
        self.look(Found {
            gone: [(agent(who), since)].into(),
            ..Found::default()
        })
    }

    fn heard(&mut self) -> Vec<ClusterEvent> {
        self.machine.to_scheduler.drain(..).collect()
    }

    fn states(&mut self) -> Vec<TaskState> {
        let heard = self.heard().into_iter();
        heard
            .map(|event| match &event {
                ClusterEvent::Update(update) => update.state,
                ClusterEvent::Offers(_) | ClusterEvent::Rescinded(_) => panic!("{event:?}"),
            })
            .collect()
    }
}

#[test]
fn a_follower_keeps_offers_for_itself_and_writes_down_what_becomes_of_runs() {
    let mut bench = Bench::new();
    let offers = ClusterEvent::Offers(vec![offer("o1"), offer("o2")]);
    bench.machine.agent_says(offers);
    let rescinded = ClusterEvent::Rescinded(OfferId("o1".into()));
    bench.machine.agent_says(rescinded);
    let running = update(key(1), "own", TaskState::Running);
    let finished = update(key(1), "own", TaskState::Finished);
    for update in [running, finished.clone()] {
        bench.machine.agent_says(ClusterEvent::Update(update));
    }
    assert_eq!(bench.heard(), []);
    // Only the newest word, and until it was written.
    assert_eq!(bench.look(Found::default()).news, [finished]);
    assert_eq!(bench.machine.round().news, []);
    bench.machine.term(TermNews::Begun);
    assert_eq!(bench.heard(), [ClusterEvent::Offers(vec![offer("o2")])]);
}

#[test]
fn orders_go_where_the_run_is() {
    let mut bench = Bench::leading();
    let tasks = vec![launched(1, "own"), launched(2, "other")];
    bench
        .machine
        .scheduler_says(ClusterCall::Reconcile { tasks });
    let own = vec![launched(1, "own")];
    assert_eq!(
        bench.machine.to_agent,
        [ClusterCall::Reconcile { tasks: own }]
    );
    bench.machine.to_agent.clear();
    let ask = |ask| vec![(agent("other"), key(2), ask)];
    assert_eq!(bench.machine.round().asks, ask(Ask::Where(Launch(None))));
    for due in [1, 2] {
        bench
            .machine
            .scheduler_says(ClusterCall::Kill { key: key(due) });
    }
    assert_eq!(bench.machine.to_agent, [ClusterCall::Kill { key: key(1) }]);
    // It says all that the question said.
    assert_eq!(bench.look(Found::default()).asks, ask(Ask::Kill));
    assert_eq!(bench.machine.round().asks, []);
}

#[test]
fn the_end_of_a_run_elsewhere_is_told_once_and_acknowledged_there() {
    let mut bench = Bench::leading();
    let tasks = vec![launched(2, "other")];
    bench
        .machine
        .scheduler_says(ClusterCall::Reconcile { tasks });
    bench.look(Found::default());
    let finished = update(key(2), "other", TaskState::Finished);
    for _ in 0..2 {
        bench.news("other", &finished, 0);
    }
    assert_eq!(bench.states(), [TaskState::Finished]);
    // Written again: the agent has not heard.
    bench.news("other", &finished, 1);
    assert_eq!(bench.states(), [TaskState::Finished]);
    bench
        .machine
        .scheduler_says(ClusterCall::Acknowledge { key: key(2) });
    let round = bench.machine.round();
    assert_eq!(round.asks, [(agent("other"), key(2), Ask::Acknowledge)]);
    let (kind, version) = (Notes::News, None);
    let taken = Taken {
        kind,
        key: key(2),
        version,
    };
    assert_eq!(round.take, [(agent("other"), taken)]);
    assert!(bench.machine.to_agent.is_empty());
}

#[test]
fn a_run_that_nobody_knows_is_settled_with_whoever_tells_of_it() {
    let mut bench = Bench::leading();
    let finished = update(key(3), "other", TaskState::Finished);
    bench.news("other", &finished, 0);
    assert_eq!(bench.states(), [TaskState::Finished]);
    bench
        .machine
        .scheduler_says(ClusterCall::Acknowledge { key: key(3) });
    let asks = bench.machine.round().asks;
    assert_eq!(asks, [(agent("other"), key(3), Ask::Acknowledge)]);
}

#[test]
fn an_agent_does_as_it_is_asked_and_takes_the_note_away() {
    let mut bench = Bench::new();
    let finished = update(key(1), "own", TaskState::Finished);
    bench.machine.agent_says(ClusterEvent::Update(finished));
    let asks = [
        (1, Ask::Acknowledge),
        (2, Ask::Kill),
        (3, Ask::Where(Launch(None))),
    ];
    let notes = asks.map(|(due, ask)| note(key(due), ask.to_text(), 4));
    let strange = note(key(4), "{}".to_owned(), 4);
    // Nothing was written of the first one yet, and nothing is any more.
    let round = bench.machine.round();
    let asks = notes.into_iter().chain([strange]).collect();
    let found = Found {
        asks,
        ..Found::default()
    };
    bench.machine.done(
        &Round {
            news: Vec::new(),
            ..round
        },
        found,
        bench.now,
    );
    let agent_hears = [
        ClusterCall::Acknowledge { key: key(1) },
        ClusterCall::Kill { key: key(2) },
        ClusterCall::Reconcile {
            tasks: vec![Launched {
                agent: None,
                ..launched(3, "own")
            }],
        },
    ];
    assert_eq!(bench.machine.to_agent, agent_hears);
    let round = bench.machine.round();
    assert_eq!(round.news, []);
    let taken = round
        .take
        .iter()
        .map(|(_, taken)| (taken.key.due.millis(), taken.version));
    assert_eq!(
        taken.collect::<Vec<_>>(),
        [(1, Some(4)), (2, Some(4)), (3, Some(4))]
    );
}

#[test]
fn runs_of_an_agent_that_is_away_are_in_doubt_and_lost_only_after_long() {
    let mut bench = Bench::leading();
    let tasks = vec![launched(2, "other")];
    bench
        .machine
        .scheduler_says(ClusterCall::Reconcile { tasks });
    bench.gone("other", 0);
    assert_eq!(bench.states(), [TaskState::Unreachable]);
    bench.now = Clocks {
        wall: LOST_AFTER - 1,
        mono: 899_999,
    };
    bench.gone("other", 0);
    assert_eq!(bench.states(), []);
    // It comes back, and goes again: then it all begins anew.
    let here = [agent("other")].into();
    bench.look(Found {
        here,
        ..Found::default()
    });
    bench.now.wall = LOST_AFTER;
    bench.gone("other", LOST_AFTER);
    assert_eq!(bench.states(), []);
    bench.now = Clocks {
        wall: 2 * LOST_AFTER,
        mono: 1_800_000,
    };
    bench.gone("other", LOST_AFTER);
    assert_eq!(bench.states(), [TaskState::Lost]);
    bench.now.mono += 9_999;
    bench.gone("other", LOST_AFTER);
    assert_eq!(bench.states(), []);
    bench.now.mono += 1;
    bench.gone("other", LOST_AFTER);
    assert_eq!(
        bench.states(),
        [TaskState::Lost],
        "until it is acknowledged"
    );
    bench
        .machine
        .scheduler_says(ClusterCall::Acknowledge { key: key(2) });
    bench.now.mono += 60_000;
    bench.gone("other", LOST_AFTER);
    assert_eq!(bench.states(), []);
}

#[test]
fn a_clock_that_jumps_gives_nobody_up() {
    let mut bench = Bench::leading();
    let tasks = vec![launched(2, "other")];
    bench
        .machine
        .scheduler_says(ClusterCall::Reconcile { tasks });
    bench.now = Clocks {
        wall: 10 * LOST_AFTER,
        mono: 0,
    };
    bench.gone("other", 0);
    assert_eq!(bench.states(), [TaskState::Unreachable]);
    bench.now.mono = WATCHED_MILLIS;
    bench.gone("other", 0);
    assert_eq!(bench.states(), [TaskState::Lost]);
}

#[test]
fn an_agent_that_nobody_misses_is_forgotten_after_a_day() {
    let mut bench = Bench::leading();
    bench.now = Clocks {
        wall: FORGET_MILLIS,
        mono: 0,
    };
    bench.gone("other", 0);
    assert!(bench.machine.round().forget.is_empty());
    bench.now.mono = WATCHED_MILLIS;
    bench.gone("other", 0);
    assert_eq!(bench.look(Found::default()).forget, [agent("other")]);
    assert!(bench.machine.round().forget.is_empty());
}

#[test]
fn what_a_term_that_is_over_has_not_said_is_not_said() {
    let mut bench = Bench::leading();
    bench
        .machine
        .agent_says(ClusterEvent::Offers(vec![offer("o1")]));
    let tasks = vec![launched(2, "other")];
    bench
        .machine
        .scheduler_says(ClusterCall::Reconcile { tasks });
    let round = bench.machine.round();
    bench.machine.term(TermNews::Over);
    let finished = update(key(2), "other", TaskState::Finished);
    let found = note(key(2), notes::update_text(&finished), 0);
    let found = Found {
        news: vec![(agent("other"), found)],
        ..Found::default()
    };
    bench.machine.done(&round, found, bench.now);
    assert_eq!(bench.heard(), []);
    assert_eq!(bench.machine.round().asks, []);
    bench.machine.term(TermNews::Begun);
    assert_eq!(bench.heard(), [], "its offers were given back");
}

#[test]
fn a_term_that_ended_before_it_began_costs_no_offer() {
    let mut bench = Bench::new();
    let offers = ClusterEvent::Offers(vec![offer("o1")]);
    bench.machine.agent_says(offers.clone());
    bench.machine.term(TermNews::Over);
    bench.machine.term(TermNews::Begun);
    assert_eq!(bench.heard(), [offers]);
}

#[test]
fn a_launch_that_nobody_has_heard_of_is_not_made_when_its_term_is_over() {
    let mut bench = Bench::leading();
    bench
        .machine
        .agent_says(ClusterEvent::Offers(vec![offer("o1")]));
    bench.machine.term(TermNews::Over);
    let offer = OfferId("o1".into());
    let tasks = Vec::new();
    let launch = ClusterCall::Launch {
        offers: vec![offer.clone()],
        tasks,
    };
    for call in [launch, ClusterCall::Kill { key: key(1) }] {
        bench.machine.left_over(call);
    }
    assert_eq!(bench.machine.to_agent, [ClusterCall::Decline { offer }]);
}
