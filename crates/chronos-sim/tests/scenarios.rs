//! Failures of others that must not come back: each is a script, told in the comment of its test.
//!
//! Where the original was a matter of ZooKeeper, of a driver or of an operating system, the script does
//! to the fake store, cluster and leaders what those did to the scheduler.

use chronos_core::{Settings, TaskState};
use chronos_model::{Outcome, Run, Timestamp};
use chronos_sim::{
    clock::Moment,
    evidence::{Evidence, Fact},
    oracles::judge,
    script::{Act, Fault, Order, Script},
    world::World,
};
use serde_json::{Value, json};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A script that is being written: three machines, two agents, nothing that is left to chance but how
/// long messages take.
struct Story {
    script: Script,
}

impl Story {
    fn new(start: &str, length: u64) -> Self {
        let script = Script {
            seed: 411,
            start: start.parse().expect("the stories give instants"),
            length: Moment(length),
            nodes: 3,
            agents: vec![50, 50],
            noise: 0,
            acts: Vec::new(),
        };
        Self { script }
    }

    fn put(self, at: u64, document: Value) -> Self {
        self.act(at, Act::Operator(Order::Put(document)))
    }

    fn order(self, at: u64, order: Order) -> Self {
        self.act(at, Act::Operator(order))
    }

    fn fault(self, at: u64, fault: Fault) -> Self {
        self.act(at, Act::Fault(fault))
    }

    fn act(mut self, at: u64, act: Act) -> Self {
        self.script.acts.push((Moment(at), act));
        self.script.acts.sort_by_key(|(at, _)| *at);
        self
    }

    /// Plays it, and has all oracles look.
    #[track_caller]
    fn play(self) -> Played {
        let evidence = World::new(&self.script, Settings::default())
            .play()
            .evidence;
        let broken = judge(&self.script, &evidence);
        assert!(broken.is_empty(), "{broken:#?}");
        Played { evidence }
    }
}

struct Played {
    evidence: Evidence,
}

impl Played {
    /// The runs of a job, oldest first.
    fn runs(&self, job: &str) -> Vec<&Run> {
        let runs = self.evidence.store.runs().values();
        runs.filter(|run| run.key.job.as_str() == job).collect()
    }

    /// How many runs of a job ended so.
    fn ended(&self, job: &str, outcome: Outcome) -> usize {
        let runs = self.runs(job);
        let so = runs.iter().filter(|run| run.outcome == Some(outcome));
        so.count()
    }

    /// When commands of a job began.
    fn begins(&self, job: &str) -> Vec<Moment> {
        let facts = self.evidence.facts.iter();
        facts
            .filter(|(_, fact)| matches!(fact, Fact::Began(key) if key.job.as_str() == job))
            .map(|(at, _)| *at)
            .collect()
    }

    /// The targets that were run.
    fn targets(&self, job: &str, outcome: Outcome) -> Vec<String> {
        let runs = self.runs(job);
        let so = runs.iter().filter(|run| run.outcome == Some(outcome));
        so.map(|run| run.target.to_string()).collect()
    }
}

const NEW_YEAR: &str = "2030-01-01T00:00:00Z";

/// mesos/chronos#411: which tasks run was known in memory only. After a failover in the middle of a run
/// the new leader started a second one beside it.
#[test]
fn chronos_411_a_failover_during_a_run_starts_no_second_one() {
    let job = json!({"name": "long", "command": "work 3600000 0 0", "schedule": "R3/2030-01-01T01:00:00Z/PT6H"});
    let played = Story::new(NEW_YEAR, DAY)
        .put(SECOND, job)
        .fault(HOUR + 10 * MINUTE, Fault::Crash { down: 5 * SECOND })
        .fault(7 * HOUR + 10 * MINUTE, Fault::Usurp)
        .play();
    assert_eq!(played.begins("long").len(), 3);
    assert_eq!(played.ended("long", Outcome::Succeeded), 3);
}

/// mesos/chronos#371: a defeated leader kept its queue, its running set and its retry timers, and acted on
/// them when it was elected again.
#[test]
fn chronos_371_a_leader_that_comes_back_has_forgotten_its_old_queue() {
    let job = json!({"name": "retried", "command": "work 1000 100 0", "retries": 3, "retryDelay": 120, "schedule": "R2/2030-01-01T01:00:00Z/PT12H"});
    let played = Story::new(NEW_YEAR, DAY)
        .put(SECOND, job)
        // It waits for the delay of a retry when it stands still; another one leads, then it again.
        .fault(HOUR + MINUTE, Fault::Takeover { asleep: 4 * MINUTE })
        .fault(HOUR + 3 * MINUTE, Fault::Takeover { asleep: 4 * MINUTE })
        .fault(HOUR + 5 * MINUTE, Fault::Usurp)
        .play();
    // Two targets, each tried once and three times more.
    assert_eq!(played.begins("retried").len(), 8);
}

/// mesos/chronos#508: with no fault at all, jobs with a period below the look-ahead of a minute lost
/// targets.
#[test]
fn chronos_508_targets_a_second_apart_are_all_run() {
    let job = json!({"name": "often", "command": "work 100 0 0", "schedule": "R600/2030-01-01T00:01:00Z/PT1S", "overlap": "allow"});
    let played = Story::new(NEW_YEAR, HOUR).put(SECOND, job).play();
    assert_eq!(played.ended("often", Outcome::Succeeded), 600);
}

/// mesos/chronos#511: after a partition had healed, no offers came for minutes, and nothing ran ever
/// again.
#[test]
fn chronos_511_after_minutes_without_offers_jobs_go_on_by_themselves() {
    let job = json!({"name": "steady", "command": "work 1000 0 0", "schedule": "R/2030-01-01T00:01:00Z/PT1M"});
    let played = Story::new(NEW_YEAR, 4 * HOUR)
        .put(SECOND, job)
        .fault(HOUR, Fault::OffersRescinded)
        .fault(
            HOUR,
            Fault::OffersWithheld {
                length: 20 * MINUTE,
            },
        )
        .fault(
            HOUR,
            Fault::AgentCut {
                agent: 0,
                length: 20 * MINUTE,
            },
        )
        .fault(
            HOUR,
            Fault::AgentCut {
                agent: 1,
                length: 20 * MINUTE,
            },
        )
        .play();
    let begins = played.begins("steady");
    let silent = begins
        .iter()
        .filter(|at| (HOUR + SECOND..HOUR + 20 * MINUTE).contains(&at.0));
    assert_eq!(silent.count(), 0);
    let soon = Moment(HOUR + 21 * MINUTE);
    assert!(
        begins
            .iter()
            .any(|at| (HOUR + 20 * MINUTE..soon.0).contains(&at.0))
    );
    // The newest target waited; those before it gave way to it, and say so.
    assert!((18..=20).contains(&played.ended("steady", Outcome::Superseded)));
}

/// mesos/chronos#512: a node that could not write answered as if the request were wrong. Here it does not
/// answer; what was asked is either done or not, and never half.
#[test]
fn chronos_512_a_write_that_fails_is_not_answered_and_not_half_done() {
    let job = |name: &str| json!({"name": name, "command": "work 10 0 0", "schedule": "R/2030-01-01T01:00:00Z/PT1H"});
    let played = Story::new(NEW_YEAR, 6 * HOUR)
        .fault(MINUTE, Fault::StoreRefuses)
        .put(MINUTE, job("refused"))
        .fault(2 * MINUTE, Fault::StoreUnknown)
        .put(2 * MINUTE, job("unknown"))
        .put(3 * MINUTE, job("fine"))
        .play();
    let answers = played.evidence.facts.iter();
    let answers = answers.filter(|(_, fact)| matches!(fact, Fact::Answered { .. }));
    let during = answers.filter(|(at, _)| *at < Moment(3 * MINUTE));
    assert_eq!(during.count(), 0);
    assert!(played.runs("refused").is_empty());
    assert!(!played.runs("unknown").is_empty());
    assert!(!played.runs("fine").is_empty());
}

/// mesos/chronos#513: cut from the leader of ZooKeeper, the process ended, and nobody started it again.
/// Here the store is gone for half an hour: what needs a write waits, and goes on.
#[test]
fn chronos_513_a_store_that_is_gone_delays_and_loses_nothing() {
    let job = json!({"name": "hourly", "command": "work 1000 0 0", "schedule": "R/2030-01-01T01:00:00Z/PT1H", "catchUp": "all"});
    let played = Story::new(NEW_YEAR, 6 * HOUR)
        .put(SECOND, job)
        .fault(
            HOUR - MINUTE,
            Fault::StoreGone {
                length: 30 * MINUTE,
            },
        )
        .play();
    let gone = played.evidence.facts.iter();
    assert_eq!(
        gone.filter(|(_, fact)| matches!(fact, Fact::Gone { .. }))
            .count(),
        0
    );
    assert_eq!(played.begins("hourly")[0].0 / MINUTE, 89);
}

/// mesos/chronos#520: after a failover Mesos saw two frameworks, and the ghost of the old one took
/// offers and held them. Here an old leader stands still with all offers in its hands.
#[test]
fn chronos_520_offers_that_an_old_leader_holds_are_made_again_to_the_new_one() {
    let job = json!({"name": "steady", "command": "work 1000 0 0", "schedule": "R/2030-01-01T00:01:00Z/PT1M"});
    let played = Story::new(NEW_YEAR, 3 * HOUR)
        .put(SECOND, job)
        .fault(HOUR + 30 * SECOND, Fault::Takeover { asleep: HOUR })
        .play();
    let begins = played.begins("steady");
    let minutes = begins.iter().filter(|at| (HOUR..2 * HOUR).contains(&at.0));
    assert!((59..=61).contains(&minutes.count()));
}

/// mesos/chronos#522: after losing and regaining leadership, the graph in memory and the store disagreed:
/// "no job found in graph".
#[test]
fn chronos_522_after_leadership_was_lost_and_won_again_the_graph_is_that_of_the_store() {
    let parent = json!({"name": "parent", "command": "work 1000 0 0", "schedule": "R/2030-01-01T00:10:00Z/PT10M"});
    let child = json!({"name": "child", "command": "work 1000 0 0", "parents": ["parent"]});
    let played = Story::new(NEW_YEAR, 3 * HOUR)
        .put(SECOND, parent)
        .fault(
            HOUR,
            Fault::Takeover {
                asleep: 10 * MINUTE,
            },
        )
        // The old leader does not know of it.
        .put(HOUR + 2 * MINUTE, child)
        .fault(HOUR + 20 * MINUTE, Fault::Usurp)
        .fault(HOUR + 40 * MINUTE, Fault::Usurp)
        .play();
    let parents = played.begins("parent");
    let since = parents.iter().filter(|at| at.0 > HOUR + 2 * MINUTE).count();
    assert_eq!(played.ended("child", Outcome::Succeeded), since);
}

/// mesos/chronos#543: P has the children C1 and C2, and E has both as parents. In one cycle C2 fails; in
/// the next C2 succeeds first, and E ran at once, with the C1 of the cycle before.
#[test]
fn chronos_543_a_child_waits_for_parents_of_the_same_cycle() {
    // P runs each hour. C1 takes ten minutes. C2 takes one, and fails in the second cycle.
    let p = json!({"name": "P", "command": "work 1000 0 0", "schedule": "R3/2030-01-01T01:00:00Z/PT1H"});
    let c1 = json!({"name": "C1", "command": "work 600000 0 0", "parents": ["P"], "retries": 0});
    let c2 = |fails: u64| json!({"name": "C2", "command": format!("work 60000 {fails} 0"), "parents": ["P"], "retries": 0});
    let e = json!({"name": "E", "command": "work 1000 0 0", "parents": ["C1", "C2"]});
    let played = Story::new(NEW_YEAR, 6 * HOUR)
        .put(SECOND, p)
        .put(2 * SECOND, c1)
        .put(3 * SECOND, c2(0))
        .put(4 * SECOND, e)
        .put(2 * HOUR - MINUTE, c2(100))
        .put(3 * HOUR - MINUTE, c2(0))
        .play();
    // Never in the second cycle; in the first and the third not before C1 of that cycle has ended.
    let begins: Vec<u64> = played.begins("E").iter().map(|at| at.0 / HOUR).collect();
    assert_eq!(begins, [1, 3]);
    let of_the_third = played.begins("E")[1].0 - 3 * HOUR;
    assert!(of_the_third > 5 * MINUTE, "{of_the_third}");
}

/// mesos/chronos#811: which parents had completed was counted in memory and lost on failover; the child
/// never ran.
#[test]
fn chronos_811_what_parents_have_completed_survives_a_failover() {
    let a = json!({"name": "a", "command": "work 1000 0 0", "schedule": "R1/2030-01-01T01:00:00Z/PT1H"});
    let b = json!({"name": "b", "command": "work 1000 0 0", "schedule": "R1/2030-01-01T02:00:00Z/PT1H"});
    let both = json!({"name": "both", "command": "work 1000 0 0", "parents": ["a", "b"]});
    let played = Story::new(NEW_YEAR, 6 * HOUR)
        .put(SECOND, a)
        .put(SECOND, b)
        .put(2 * SECOND, both)
        .fault(HOUR + 30 * MINUTE, Fault::Crash { down: SECOND })
        .fault(HOUR + 40 * MINUTE, Fault::Usurp)
        .play();
    assert_eq!(played.ended("both", Outcome::Succeeded), 1);
}

/// mesos/chronos#814: a retry took from the count of the schedule, which went below zero and meant "for
/// ever" then: a job that was to run once ran endlessly.
#[test]
fn chronos_814_a_job_that_runs_once_and_fails_has_its_retries_and_no_more() {
    let job = json!({"name": "once", "command": "work 1000 100 0", "retries": 2, "retryDelay": 60, "schedule": "R1/2030-01-01T01:00:00Z/PT1H"});
    let played = Story::new(NEW_YEAR, 2 * DAY)
        .put(SECOND, job)
        .fault(HOUR + 90 * SECOND, Fault::Crash { down: SECOND })
        .order(
            DAY,
            Order::Run {
                job: "once".to_owned(),
                arguments: None,
            },
        )
        .play();
    // One target and one run by hand, three attempts each.
    assert_eq!(played.begins("once").len(), 6);
    let targets = played.targets("once", Outcome::Failed);
    assert_eq!(
        targets.iter().filter(|at| at.contains("T01:00:00")).count(),
        3
    );
}

/// hashicorp/nomad#5410: at the change from summer time a job was started thousands of times, until the
/// servers ran out of memory.
#[test]
fn nomad_5410_a_change_of_clocks_starts_nothing_twice() {
    let job = |name: &str, overlap: &str| json!({"name": name, "command": "work 1000 0 0", "cron": "30 1 * * *", "scheduleTimeZone": "America/New_York", "dst": {"overlap": overlap}});
    // At 02:00 on 1 November 2026 it is 01:00 again in New York.
    let played = Story::new("2026-10-30T12:00:00Z", 4 * DAY)
        .put(SECOND, job("first", "first"))
        .put(SECOND, job("second", "second"))
        .put(SECOND, job("both", "both"))
        .fault(DAY + 17 * HOUR + 45 * MINUTE, Fault::Crash { down: SECOND })
        .play();
    let on_the_day = |job: &str| {
        let targets = played.targets(job, Outcome::Succeeded);
        let day = targets.iter().filter(|at| at.starts_with("2026-11-01"));
        day.cloned().collect::<Vec<_>>()
    };
    assert_eq!(on_the_day("first"), ["2026-11-01T05:30:00.000Z"]);
    assert_eq!(on_the_day("second"), ["2026-11-01T06:30:00.000Z"]);
    assert_eq!(
        on_the_day("both"),
        ["2026-11-01T05:30:00.000Z", "2026-11-01T06:30:00.000Z"]
    );
}

/// temporalio/temporal#11869: a schedule stopped without a word: the next time was shown, and the timer for it
/// was not there. Here it is there after every way of coming to be: created, edited, enabled, recovered, and
/// with a clock that was set back. (That the audit finds one that is not, the mutant `ForgetsTimer` shows.)
#[test]
fn temporal_11869_every_next_target_has_its_timer_however_it_came_to_be() {
    let job = |period: &str, disabled: bool| json!({"name": "monthly", "command": "work 1000 0 0", "schedule": format!("R/2030-01-01T06:00:00Z/{period}"), "disabled": disabled});
    let played = Story::new(NEW_YEAR, 70 * DAY)
        .put(SECOND, job("P1M", false))
        .put(DAY, job("P2D", false))
        .put(5 * DAY, job("P2D", true))
        .put(12 * DAY, job("P2D", false))
        .fault(20 * DAY, Fault::Crash { down: HOUR })
        .fault(
            30 * DAY,
            Fault::ClockStep {
                node: 0,
                by: -3_600_000,
            },
        )
        .put(40 * DAY, job("P1M", false))
        .play();
    let last = played.runs("monthly").iter().map(|run| run.target).max();
    let wanted: Timestamp = "2030-03-01T06:00:00Z".parse().unwrap();
    assert_eq!(last, Some(wanted));
}

/// A scenario is nothing without tasks: that one of them is lost must not be told as a success.
#[test]
fn an_agent_that_loses_power_fails_what_it_had() {
    let job = json!({"name": "long", "command": "work 3600000 0 0", "retries": 0, "schedule": "R1/2030-01-01T01:00:00Z/PT1H"});
    let played = Story::new(NEW_YEAR, 6 * HOUR)
        .put(SECOND, job)
        .fault(
            HOUR + 10 * MINUTE,
            Fault::AgentCrash {
                agent: 0,
                down: MINUTE,
            },
        )
        .fault(
            HOUR + 10 * MINUTE,
            Fault::AgentCrash {
                agent: 1,
                down: MINUTE,
            },
        )
        .play();
    assert_eq!(played.ended("long", Outcome::Failed), 1);
    let ends = played.evidence.facts.iter().filter_map(|(_, fact)| {
        if let Fact::Ended { how, .. } = fact {
            return Some(*how);
        }
        None
    });
    assert_eq!(ends.collect::<Vec<_>>(), [TaskState::Lost]);
}
