//! How long it takes until another daemon leads and starts runs, with many jobs.
//!
//! With few jobs by default. To measure, with a daemon that was built for it:
//!
//! ```sh
//! cargo build --release -p chronosd
//! CHRONOSD=target/release/chronosd CHRONOS_TAKEOVER_JOBS=100000 \
//!     cargo nextest run -p chronosd -E 'test(takes_over)' --no-capture
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chronos_model::{JobSpec, Timestamp, Write};
use chronos_store::{CommitError, Store as _};
use chronos_zk::{ZkOptions, ZkStore};
use serde_json::{Value, json};
use zk_server::Setup;

use crate::{
    client::by_hand,
    daemon::Daemon,
    home::Home,
    patience::{PATIENCE, wait_at_most},
    several::{SESSION, role, spawn, wait_role},
    zookeeper::ZooKeeper,
};

/// How many jobs there are when nobody says otherwise.
const JOBS: u64 = 1000;

/// How many jobs are written at once.
const BATCH: u64 = 200;

/// How long a leader that was elected may take to its first launch: what is promised for 10,000 jobs.
const FIRST_LAUNCH: Duration = Duration::from_secs(2);

/// How long a clean end may take until another daemon leads. On a quiet machine it is a tenth of this.
const HAND_OVER: Duration = Duration::from_secs(1);

#[test]
fn takes_over_quickly_with_many_jobs() {
    let jobs = std::env::var("CHRONOS_TAKEOVER_JOBS");
    let jobs = jobs.map_or(JOBS, |jobs| jobs.parse().unwrap());
    let servers = std::env::var("CHRONOS_TAKEOVER_SERVERS");
    let servers = servers.map_or(1, |servers| servers.parse().unwrap());
    let patience = PATIENCE + Duration::from_millis(jobs);
    let setup = Setup {
        heap: (jobs > 20_000).then_some("1g"),
        ..Setup::default()
    };
    let zookeeper = ZooKeeper::start_with(servers, &setup);
    fill(&zookeeper, jobs);
    let homes = [Home::new(), Home::new()];
    let first = spawn(&homes[0], &zookeeper).ready();
    wait_role(&first, "leader");
    let mut clock = by_hand("clock", "true");
    clock["schedule"] = json!("R//PT1S");
    // A run that is in doubt must not keep the next one waiting.
    clock["concurrent"] = json!(true);
    first.create(&clock);
    first.wait_outcome("clock", "succeeded");
    let second = spawn(&homes[1], &zookeeper).ready();
    wait_at_most(patience, "the follower sees all", || {
        (second.json("/health")["jobs"] == jobs + 1).then_some(())
    });

    let begun = now();
    first.stop();
    let [leads, ready, launched] = times(&second, begun, patience);
    eprintln!(
        "{jobs} jobs, {servers} servers, handed over: leads after {leads} ms, ready after {ready} ms, \
         first launch after {launched} ms"
    );
    assert!(leads < millis(HAND_OVER), "{leads} ms");

    let first = spawn(&homes[0], &zookeeper).ready();
    wait_at_most(patience, "the first follows", || {
        (role(&first) == "follower").then_some(())
    });
    let begun = now();
    second.kill9();
    let [leads, ready, launched] = times(&first, begun, patience);
    eprintln!(
        "{jobs} jobs, {servers} servers, killed (session {SESSION} ms): leads after {leads} ms, then ready after \
         {} ms, first launch after {} ms",
        ready - leads,
        launched - leads
    );
    if jobs <= 10_000 {
        assert!(
            launched - leads < millis(FIRST_LAUNCH),
            "{launched} - {leads} ms"
        );
    }
    first.stop();
}

/// When after an instant a daemon was elected, had read the store, and started its first run.
fn times(daemon: &Daemon, begun: i64, patience: Duration) -> [i64; 3] {
    ["this daemon leads", "scheduler ready", "run launched"].map(|message| {
        wait_at_most(patience, message, || {
            let lines = daemon.process().log().with(message);
            lines
                .iter()
                .map(|line| at(line) - begun)
                .find(|after| *after >= 0)
        })
    })
}

fn at(line: &Value) -> i64 {
    let at: Timestamp = line["timestamp"].as_str().unwrap().parse().unwrap();
    at.millis()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    millis(since)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap()
}

/// Writes jobs that never run, as fast as the store takes them.
fn fill(zookeeper: &ZooKeeper, jobs: u64) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = ZkOptions::new(zookeeper.address().parse().unwrap());
        let store = ZkStore::open(&options).await.unwrap();
        let term = store.begin_term().await.unwrap();
        store.load(term).await.unwrap();
        for first in (0..jobs).step_by(usize::try_from(BATCH).unwrap()) {
            let writes: Vec<Write> = (first..jobs.min(first + BATCH)).map(put).collect();
            loop {
                match store.commit(term, writes.clone()).await {
                    Ok(()) => break,
                    Err(CommitError::Unavailable { .. }) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
}

fn put(number: u64) -> Write {
    let stored = json!({
        "version": 1,
        "name": format!("report-of-the-department-{number}"),
        "description": "What a job has to say of itself, of the usual length.",
        "command": "/usr/local/bin/report --department --since yesterday --format pdf --mail everybody",
        "schedule": "R/2099-01-01T00:00:00Z/P1D",
        "scheduleTimeZone": "Europe/Berlin",
        "owner": "reports@example.org",
        "cpus": 0.1, "mem": 128, "disk": 256, "retries": 2,
    });
    Write::PutSpec {
        spec: JobSpec::from_stored_json(&stored).unwrap().into(),
        expected: 0,
    }
}
