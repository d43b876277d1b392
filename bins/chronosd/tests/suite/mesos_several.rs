//! Several daemons, or one, over ZooKeeper and Mesos: leadership that goes and comes, and servers that are away.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    client::by_hand,
    daemon::{Daemon, Process},
    home::Home,
    mesos::Cluster,
    patience::wait_for,
    several::{SESSION, role, spawn_with, wait_role},
    zookeeper::ZooKeeper,
};

fn spawn(home: &Home, zookeeper: &ZooKeeper, cluster: &Cluster) -> Process {
    spawn_with(home, zookeeper, &[&cluster.master()])
}

fn standing(daemon: &Daemon) -> Value {
    daemon.json("/v1/scheduler/cluster")["standing"].clone()
}

fn wait_standing(daemon: &Daemon, wanted: &str) {
    wait_for(wanted, || (standing(daemon) == wanted).then_some(()));
}

#[test]
fn a_leader_that_was_followed_leads_again_and_subscribes_again() {
    let (zookeeper, cluster) = (ZooKeeper::start(1), Cluster::start(1));
    let homes = [Home::new(), Home::new()];
    let first = spawn(&homes[0], &zookeeper, &cluster).ready();
    wait_role(&first, "leader");
    wait_standing(&first, "subscribed");
    let second = spawn(&homes[1], &zookeeper, &cluster).ready();
    wait_role(&second, "follower");
    let command = format!(
        "{}; {}",
        homes[0].append("ran", "long"),
        homes[0].until("end")
    );
    first.create(&by_hand("long", &command));
    first.run_now("long");
    first.wait_running("long");

    // The other one takes over while this one sees nothing.
    first.process().signal(Signal::STOP);
    wait_role(&second, "leader");
    wait_standing(&second, "subscribed");
    first.process().signal(Signal::CONT);
    wait_role(&first, "follower");
    wait_standing(&first, "idle");
    second.wait_running("long");

    second.kill9();
    wait_role(&first, "leader");
    wait_standing(&first, "subscribed");
    first.wait_running("long");
    homes[0].touch("end");
    first.wait_outcome("long", "succeeded");
    assert_eq!(homes[0].lines("ran"), ["long"]);
    assert_eq!(cluster.frameworks().len(), 1, "one framework, always");
    first.stop();
}

/// How many sessions the servers are away below: for daemon and masters it is as long as an hour, since nothing that
/// they wait for is longer.
const SESSIONS_AWAY: u32 = 3;

#[test]
fn servers_that_are_away_for_long_change_nothing_for_runs() {
    let (mut zookeeper, cluster) = (ZooKeeper::start(1), Cluster::start(2));
    let home = Home::new();
    let mut daemon = spawn(&home, &zookeeper, &cluster).ready();
    wait_role(&daemon, "leader");
    wait_standing(&daemon, "subscribed");
    for name in ["ends-meanwhile", "goes-on"] {
        let command = format!("{}; {}", home.append("ran", name), home.until(name));
        daemon.create(&by_hand(name, &command));
        daemon.run_now(name);
        daemon.wait_running(name);
    }
    let mut ticker = by_hand("ticker", &home.append("ticks", "$mesos_task_id"));
    ticker["schedule"] = json!("R//PT1S");
    daemon.create(&ticker);
    daemon.wait_outcome("ticker", "succeeded");

    let begun = Instant::now();
    zookeeper.kill(0);
    home.touch("ends-meanwhile");
    wait_for("word of the servers", || {
        (role(&daemon) != "leader").then_some(())
    });
    // An hour of the cluster: masters speak on, agents hold what nobody acknowledges.
    cluster.fake.advance(Duration::from_secs(3600));
    // What was launched when they went may have come late; after a session nobody may launch. Nothing can be waited for
    // here: it is seen that nothing happens.
    let session = Duration::from_millis(SESSION);
    let mut launched = None;
    while begun.elapsed() < SESSIONS_AWAY * session {
        assert!(!daemon.has_ended());
        if begun.elapsed() > session {
            let launched = *launched.get_or_insert_with(|| cluster.fake.launches());
            assert_eq!(cluster.fake.launches(), launched);
        }
        thread::sleep(Duration::from_millis(100));
    }
    zookeeper.start_one(0);
    wait_role(&daemon, "leader");
    wait_standing(&daemon, "subscribed");
    daemon.wait_outcome("ends-meanwhile", "succeeded");
    daemon.wait_running("goes-on");
    let ticks = home.lines("ticks").len();
    wait_for("ticks", || {
        (home.lines("ticks").len() > ticks).then_some(())
    });
    home.touch("goes-on");
    daemon.wait_outcome("goes-on", "succeeded");
    assert_eq!(home.lines("ran"), ["ends-meanwhile", "goes-on"]);
    let mut ids = home.lines("ticks");
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "no run twice");
    assert_eq!(cluster.frameworks().len(), 1, "one framework, always");
    daemon.stop();
}
