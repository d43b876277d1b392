//! Several daemons that share their jobs, as their operators have them.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::{
    client::by_hand,
    daemon::{Daemon, Process},
    home::Home,
    patience::wait_for,
    zookeeper::ZooKeeper,
};

/// How long a session lasts, in milliseconds: long enough for a busy machine.
pub(crate) const SESSION: u64 = 3000;

/// Starts a daemon of several on a home of its own.
pub(crate) fn spawn(home: &Home, zookeeper: &ZooKeeper) -> Process {
    spawn_with(home, zookeeper, &[])
}

pub(crate) fn spawn_with(home: &Home, zookeeper: &ZooKeeper, more: &[&str]) -> Process {
    let servers = zookeeper.flag();
    let timeout = format!("--zk_timeout={SESSION}");
    let args = [
        &*servers,
        &timeout,
        "--hostname=127.0.0.1",
        "--run_history=1000",
    ];
    Process::spawn(home, &[&args, more].concat())
}

pub(crate) fn role(daemon: &Daemon) -> String {
    let answer = daemon.get("/health");
    let health: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    health["role"].as_str().unwrap().to_owned()
}

pub(crate) fn wait_role(daemon: &Daemon, wanted: &str) {
    wait_for(wanted, || (role(daemon) == wanted).then_some(()));
}

#[test]
fn one_leads_the_others_pass_changes_on_and_take_over() {
    let zookeeper = ZooKeeper::start(1);
    let homes = [Home::new(), Home::new()];
    let first = spawn(&homes[0], &zookeeper).ready();
    wait_role(&first, "leader");
    let second = spawn(&homes[1], &zookeeper).ready();
    wait_role(&second, "follower");
    let leader = first.get("/leader").body;
    wait_for("the follower knows who leads", || {
        (second.get("/leader").body == leader).then_some(())
    });
    second.create(&by_hand("by-follower", "echo said"));
    first.run_now("by-follower");
    let run = first.wait_outcome("by-follower", "succeeded");
    // What it printed is on the machine of the first, and can be read by way of the other.
    let log = format!("/v1/scheduler/runs/{}/log", run["id"].as_str().unwrap());
    wait_for("its log is there", || {
        let answer = second.get(&log);
        (answer.status == 200 && answer.body == "said\n").then_some(())
    });
    // What the leader wrote is seen by the follower soon, as it is.
    wait_for("both show the same", || {
        let shown = |daemon: &Daemon| {
            let job = daemon.get("/v1/scheduler/job/by-follower");
            // A follower may not have seen the job yet.
            let runs = (job.status == 200).then(|| daemon.runs("by-follower"));
            (job.status, job.body, runs)
        };
        let (here, there) = (shown(&second), shown(&first));
        (here == there && here.0 == 200).then_some(())
    });
    // A clean end hands over at once.
    let begun = Instant::now();
    first.stop();
    wait_role(&second, "leader");
    assert!(
        begun.elapsed() < Duration::from_millis(SESSION),
        "{:?}",
        begun.elapsed()
    );
    second.run_now("by-follower");
    wait_for("both runs are on record", || {
        let runs = second.runs("by-follower");
        let mut ended = runs.iter().filter(|run| run["outcome"] == "succeeded");
        (ended.by_ref().count() == 2).then_some(())
    });
    second.stop();
}

#[test]
fn a_run_stays_with_its_machine_and_is_told_of_when_that_is_back() {
    let zookeeper = ZooKeeper::start(1);
    let homes = [Home::new(), Home::new()];
    let ran = homes[0].append("ran", "$mesos_task_id");
    let first = spawn(&homes[0], &zookeeper).ready();
    wait_role(&first, "leader");
    let second = spawn(&homes[1], &zookeeper).ready();
    let mut jobs = Vec::new();
    for name in ["ends", "goes-on", "is-killed"] {
        let command = format!("{ran}; {}", homes[0].until(name));
        let mut job = by_hand(name, &command);
        job["retries"] = json!(2);
        first.create(&job);
        first.run_now(name);
        jobs.push(name);
    }
    for name in &jobs {
        first.wait_running(name);
    }
    first.kill9();
    wait_role(&second, "leader");
    homes[0].touch("ends");
    // Asked while nobody hears it.
    second
        .delete("/v1/scheduler/task/kill/is-killed")
        .check_no_content();
    for name in &jobs {
        wait_for("the run is in doubt", || {
            let runs = second.runs(name);
            let reason = runs[0]["reason"].as_str().unwrap_or_default().to_owned();
            assert_eq!(
                (runs.len(), &runs[0]["outcome"]),
                (1, &json!(null)),
                "{runs:?}"
            );
            (reason.contains("out of reach") || *name == "is-killed").then_some(())
        });
    }
    let first = spawn(&homes[0], &zookeeper).ready();
    second.wait_outcome("ends", "succeeded");
    second.wait_outcome("is-killed", "killed");
    second.wait_running("goes-on");
    homes[0].touch("goes-on");
    second.wait_outcome("goes-on", "succeeded");
    assert_eq!(homes[0].lines("ran").len(), 3, "each ran once");
    for name in jobs {
        assert_eq!(second.runs(name).len(), 1);
    }
    wait_role(&first, "follower");
    first.stop();
    second.stop();
}

#[test]
fn a_leader_that_was_stopped_starts_nothing_when_it_wakes_up() {
    let zookeeper = ZooKeeper::start(1);
    let homes = [Home::new(), Home::new()];
    let first = spawn(&homes[0], &zookeeper).ready();
    wait_role(&first, "leader");
    let second = spawn(&homes[1], &zookeeper).ready();
    let mut job = by_hand("often", &homes[0].append("ran", "$mesos_task_id $HOME"));
    job["schedule"] = json!("R//PT1S");
    first.create(&job);
    first.wait_outcome("often", "succeeded");
    first.process().signal(Signal::STOP);
    wait_role(&second, "leader");
    wait_for("the second runs it", || {
        let runs = second.runs("often");
        let agent = |run: &serde_json::Value| run["agent"].clone();
        let mut ended = runs.iter().filter(|run| run["outcome"] == "succeeded");
        ended
            .any(|run| agent(run) != agent(&runs[runs.len() - 1]))
            .then_some(())
    });
    let told = first.process().log().lines().len();
    first.process().signal(Signal::CONT);
    wait_role(&first, "follower");
    second.delete("/v1/scheduler/job/often").check_no_content();
    wait_for("nothing runs any more", || {
        second.job_names().is_empty().then_some(())
    });
    let mut ids: Vec<String> = homes[0].lines("ran");
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "no run twice");
    let launched = |daemon: &Daemon| daemon.process().log().with("run launched");
    let over = first.process().log().lines().split_off(told);
    // Which of them it notices first is a matter of luck: the session or a write that is refused.
    let ends = [
        "leadership is in doubt; nothing is started until it is settled",
        "leadership is lost; following",
        "term is over; starting anew from the store",
    ];
    let is_end = |line: &serde_json::Value| ends.iter().any(|end| line["message"] == *end);
    let lost = over.iter().position(is_end);
    let after = over[lost.expect("it says so")..].iter();
    let late = after.filter(|line| line["message"] == "run launched");
    assert_eq!(late.count(), 0);
    assert!(!launched(&second).is_empty());
    first.stop();
    second.stop();
}

#[test]
fn daemons_wait_for_servers_and_outlive_them() {
    let mut zookeeper = ZooKeeper::start(1);
    zookeeper.kill(0);
    let home = Home::new();
    let process = spawn(&home, &zookeeper);
    wait_for("it says what is missing", || {
        let lines = process.log().with("store cannot be used");
        let problem = lines.first()?["problem"].as_str()?.to_owned();
        assert!(problem.contains("cannot be connected to"), "{problem}");
        Some(())
    });
    zookeeper.start_one(0);
    let daemon = process.ready();
    wait_role(&daemon, "leader");
    daemon.create(&by_hand("job", "true"));
    // Longer than a session, and what is asked meanwhile is refused.
    zookeeper.kill(0);
    wait_role(&daemon, "follower");
    assert_eq!(daemon.get("/health").status, 503);
    assert_eq!(daemon.put("/v1/scheduler/job/job").status, 503);
    assert_eq!(daemon.get("/leader").status, 503);
    zookeeper.start_one(0);
    wait_role(&daemon, "leader");
    daemon.run_now("job");
    daemon.wait_outcome("job", "succeeded");
    let said = daemon.process().log().with("store cannot be used").len();
    assert!(said <= 3, "{said} times");
    daemon.stop();
}

#[test]
fn a_machine_that_does_not_come_back_is_given_up() {
    let zookeeper = ZooKeeper::start(1);
    let homes = [Home::new(), Home::new()];
    let start = |home: &Home| spawn_with(home, &zookeeper, &["--agent_lost_after=2"]);
    let first = start(&homes[0]).ready();
    wait_role(&first, "leader");
    let second = start(&homes[1]).ready();
    let command = format!(
        "{}; case $CHRONOS_JOB_RUN_ATTEMPT in 0) {} ;; esac",
        homes[0].append("ran", "$mesos_task_id"),
        homes[0].until("end")
    );
    let mut job = by_hand("job", &command);
    job["retries"] = json!(1);
    job["retryDelay"] = json!(1);
    first.create(&job);
    first.run_now("job");
    first.wait_running("job");
    first.kill9();
    wait_role(&second, "leader");
    let lost = second.wait_outcome("job", "failed");
    let reason = lost["reason"].as_str().unwrap();
    assert!(reason.contains("no daemon speaks for it since"), "{lost}");
    let again = second.wait_outcome("job", "succeeded");
    assert_ne!(lost["agent"], again["agent"]);
    assert_eq!(homes[0].lines("ran").len(), 2);
    // What was given up stays so, whatever is told of it later.
    homes[0].touch("end");
    let first = start(&homes[0]).ready();
    wait_role(&first, "follower");
    second.run_now("job");
    wait_for("another run", || {
        let runs = second.runs("job");
        let outcomes: Vec<_> = runs.iter().map(|run| run["outcome"].clone()).collect();
        (outcomes.len() == 3 && outcomes[0] == "succeeded").then_some(())
    });
    assert_eq!(second.run(lost["id"].as_str().unwrap()), lost);
    first.stop();
    second.stop();
}
