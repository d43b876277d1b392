//! A daemon whose jobs run on Mesos.

use std::time::{Duration, SystemTime};

use chronos_model::Timestamp;
use mesos_fake::{
    Fake, Plan,
    cluster::{AgentSpec, Settings},
    script::{Behaviour, Script, Step},
};
use mesos_v1::proto::{TaskState, scheduler::call::Type};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    client::by_hand,
    daemon::{Daemon, Process},
    home::Home,
    patience::{wait_at_most, wait_for},
};

/// A fake cluster whose tasks are processes of this machine, and the threads on which it lives.
pub(crate) struct Cluster {
    pub(crate) fake: Fake,
    runtime: Runtime,
}

impl Cluster {
    pub(crate) fn start(agents: u16) -> Self {
        let mut script = Script::default();
        script.set("", Behaviour::Process);
        Self::with(agents, script, Duration::from_millis(100))
    }

    // With so much time between two rounds of offers.
    fn with(agents: u16, script: Script, allocation_interval: Duration) -> Self {
        let plan = Plan {
            settings: Settings {
                script,
                allocation_interval,
                ..Settings::default()
            },
            agents: (1..=agents).map(AgentSpec::plain).collect(),
            ..Plan::default()
        };
        let runtime = Runtime::new().unwrap();
        let fake = runtime.block_on(async {
            let mut fake = Fake::start(plan).await.unwrap();
            fake.real_time();
            fake
        });
        Self { fake, runtime }
    }

    pub(crate) fn spawn(&self, home: &Home, more: &[&str]) -> Process {
        let master = self.master();
        let args: Vec<&str> = [&*master].into_iter().chain(more.iter().copied()).collect();
        Process::spawn(home, &args)
    }

    /// The flag with which a daemon finds the master.
    pub(crate) fn master(&self) -> String {
        format!("--master={}", self.fake.address(0))
    }

    pub(crate) fn frameworks(&self) -> Vec<String> {
        let all = self.fake.cluster(|cluster| cluster.frameworks());
        all.into_iter().map(|(id, _, _)| id).collect()
    }

    fn teardown(&self, id: &str) {
        // Processes are ended by threads of the cluster.
        let _entered = self.runtime.enter();
        self.fake.cluster(|cluster| assert!(cluster.teardown(id)));
    }

    pub(crate) fn tasks(&self) -> usize {
        self.fake.cluster(|cluster| cluster.tasks()).len()
    }

    pub(crate) fn wait_healthy(daemon: &Daemon) {
        wait_for("a healthy connection to Mesos", || {
            let health: Value = serde_json::from_str(&daemon.get("/health").body).unwrap();
            let mut parts = health["parts"].as_array().unwrap().iter();
            parts
                .any(|part| part["name"] == "mesos" && part["status"] == "ok")
                .then_some(())
        });
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _entered = self.runtime.enter();
    }
}

#[test]
fn jobs_run_on_mesos_and_outlive_the_daemon() {
    let (home, cluster) = (Home::new(), Cluster::start(2));
    let daemon = cluster.spawn(&home, &[]).ready();
    Cluster::wait_healthy(&daemon);
    let command = format!(
        "echo one; echo oops >&2; {}; echo two; exit 3",
        home.until("second")
    );
    daemon.create(&by_hand("talker", &command));
    daemon.run_now("talker");
    let run = daemon.wait_running("talker");
    let id = run["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/scheduler/runs/{id}/log");
    let mut log = daemon.open(&format!("{path}?follow=true"));
    assert_eq!(log.next().as_deref(), Some("one"));

    daemon.into_process().kill9();
    assert_eq!(cluster.tasks(), 1, "it runs on");
    let daemon = cluster.spawn(&home, &[]).ready();
    daemon.wait_running("talker");
    let mut log = daemon.open(&format!("{path}?follow=true"));
    assert_eq!(log.next().as_deref(), Some("one"));
    home.touch("second");
    let rest: Vec<String> = log.collect();
    assert_eq!(rest, ["two"]);
    let run = daemon.wait_outcome("talker", "failed");
    assert_eq!(run["exitCode"], 3);
    assert_eq!(daemon.get(&format!("{path}?stream=stderr")).body, "oops\n");
    wait_for("an acknowledged end", || {
        (cluster.tasks() == 0).then_some(())
    });
    assert_eq!(cluster.frameworks().len(), 1, "one framework, always");
    daemon.stop();
}

#[test]
fn a_framework_that_was_removed_is_forgotten_by_order() {
    let (home, cluster) = (Home::new(), Cluster::start(1));
    let daemon = cluster.spawn(&home, &[]).ready();
    Cluster::wait_healthy(&daemon);
    let job = by_hand("sleeper", "sleep 600");
    daemon.create(&job);
    daemon.run_now("sleeper");
    daemon.wait_running("sleeper");
    let id = cluster.frameworks().remove(0);
    let order = format!("/v1/scheduler/cluster/framework/{id}");
    assert_eq!(daemon.delete(&order).status, 409, "it is there");
    cluster.teardown(&id);
    let show =
        || -> Value { serde_json::from_str(&daemon.get("/v1/scheduler/cluster").body).unwrap() };
    wait_for("word of the removal", || {
        (show()["standing"] == "removed").then_some(())
    });
    // Another start does not try again; the id is known though no master said it.
    daemon.into_process().kill9();
    let daemon = cluster.spawn(&home, &[]).ready();
    let show =
        || -> Value { serde_json::from_str(&daemon.get("/v1/scheduler/cluster").body).unwrap() };
    wait_for("word of the removal", || {
        (show()["standing"] == "removed").then_some(())
    });
    assert_eq!(show()["framework"], id);
    assert_eq!(daemon.post("/v1/scheduler/cluster/retry", "").status, 409);
    assert_eq!(daemon.delete(&order).status, 202);
    Cluster::wait_healthy(&daemon);
    daemon.wait_outcome("sleeper", "failed");
    assert_ne!(show()["framework"], id);
    daemon.stop();
}

/// Agents of the storm below. There is room for twice as many tasks as come.
const AGENTS: u16 = 500;

/// What masters take when nobody says anything else. With so many agents a round is work.
const MASTERS_OWN: Duration = Duration::from_secs(1);

#[test]
fn ten_thousand_runs_come_at_once() {
    let mut script = Script::default();
    // One word for each: how much is written does not matter here.
    let end = Step::new(Duration::ZERO, TaskState::TaskFinished);
    script.set("", Behaviour::Steps(vec![end]));
    let (home, cluster) = (Home::new(), Cluster::with(AGENTS, script, MASTERS_OWN));
    let daemon = cluster.spawn(&home, &[]).ready();
    Cluster::wait_healthy(&daemon);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let past = now.unwrap().saturating_sub(Duration::from_secs(200));
    let start = Timestamp::from_millis(i64::try_from(past.as_millis()).unwrap());
    for number in 0..100 {
        // A hundred targets that have passed, all of them wanted.
        daemon.create(&json!({
            "name": format!("job-{number}"), "command": "true", "schedule": format!("R100/{start}/PT1S"),
            "catchUp": "all", "overlap": "allow", "retries": 0, "cpus": 0.1, "mem": 32, "disk": 10,
        }));
    }
    let patience = Duration::from_secs(240);
    wait_at_most(patience, "ten thousand launches", || {
        (cluster.fake.launches() >= 10_000).then_some(())
    });
    wait_at_most(patience, "ten thousand ends", || {
        let jobs = daemon.json("/v1/scheduler/jobs");
        let counts = jobs.as_array().unwrap().iter();
        let ended: u64 = counts
            .map(|job| job["successCount"].as_u64().unwrap())
            .sum();
        (ended == 10_000).then_some(())
    });
    assert_eq!(cluster.fake.launches(), 10_000, "each once");
    let calls = cluster.fake.calls();
    let count = |kind| calls.iter().filter(|seen| seen.kind == kind).count();
    assert!(
        count(Type::Accept) <= 2 * usize::from(AGENTS),
        "many tasks in a call"
    );
    let refused = calls
        .iter()
        .filter(|seen| !matches!(seen.status, Some(200 | 202)));
    assert_eq!(refused.count(), 0);
    // Nothing waits any more, and nothing is held.
    wait_for("offers to go back", || {
        (cluster.fake.cluster(|cluster| cluster.offers()) == 0).then_some(())
    });
    daemon.stop();
}

#[test]
fn a_kill_ends_a_task_on_mesos() {
    let (home, cluster) = (Home::new(), Cluster::start(1));
    let daemon = cluster.spawn(&home, &[]).ready();
    daemon.create(&by_hand("sleeper", "sleep 600"));
    daemon.run_now("sleeper");
    daemon.wait_running("sleeper");
    daemon
        .delete("/v1/scheduler/task/kill/sleeper")
        .check_no_content();
    daemon.wait_outcome("sleeper", "killed");
    wait_for("an acknowledged end", || {
        (cluster.tasks() == 0).then_some(())
    });
    daemon.stop();
}

#[test]
fn a_schedule_is_kept_on_mesos_and_offers_go_back_when_it_is_over() {
    let (home, cluster) = (Home::new(), Cluster::start(1));
    let daemon = cluster.spawn(&home, &[]).ready();
    let mut job = by_hand("ticker", &home.append("ran", "$mesos_task_id $HOST"));
    job["schedule"] = json!("R3//PT1S");
    daemon.create(&job);
    wait_for("three runs", || {
        let runs = daemon.runs("ticker");
        let ended = runs.iter().filter(|run| run["outcome"] == "succeeded");
        (ended.count() == 3).then_some(())
    });
    assert_eq!(home.lines("ran").len(), 3);
    wait_for("no more offers", || {
        use mesos_v1::proto::scheduler::call::Type;
        let calls = cluster.fake.calls();
        let last = calls
            .iter()
            .rfind(|seen| matches!(seen.kind, Type::Revive | Type::Suppress));
        last.is_some_and(|seen| seen.kind == Type::Suppress)
            .then_some(())
    });
    daemon.stop();
}

#[test]
fn what_is_wrong_with_mesos_is_shown_and_heals() {
    let (home, cluster) = (Home::new(), Cluster::start(1));
    cluster.fake.set_mode(0, mesos_fake::Mode::NoLeader);
    let daemon = cluster.spawn(&home, &[]).ready();
    wait_for("a problem in /health", || {
        daemon
            .get("/health")
            .body
            .contains("not subscribed to a Mesos master")
            .then_some(())
    });
    cluster.fake.set_mode(0, mesos_fake::Mode::Leader);
    wait_for("no problem in /health", || {
        (!daemon.get("/health").body.contains("not subscribed")).then_some(())
    });
    daemon.stop();
}
