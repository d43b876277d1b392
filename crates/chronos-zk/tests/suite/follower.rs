//! What a follower sees is what the store has, whatever happens to its connection.

use std::time::Duration;

use chronos_model::{JobProgress, JobSpec, Revision, Timestamp, Tomb, Write};
use chronos_store::{Store, Term};
use chronos_zk::{Change, Follower, ZkOptions, ZkStore};
use serde_json::json;

use crate::{
    proxy::{Lose, Proxy},
    server::{Fresh as _, shared},
};

fn put(name: &str, expected: Revision) -> Vec<Write> {
    let stored = json!({
        "version": 1, "name": name, "command": "true",
        "schedule": "R/2030-01-01T00:00:00Z/PT1H", "scheduleTimeZone": "UTC",
    });
    let spec = Write::PutSpec {
        spec: JobSpec::from_stored_json(&stored).unwrap().into(),
        expected,
    };
    let progress = Write::PutProgress {
        job: name.parse().unwrap(),
        progress: JobProgress {
            completed: expected,
            ..JobProgress::default()
        }
        .into(),
        expected,
    };
    vec![spec, progress]
}

fn delete(name: &str, expected: Revision) -> Vec<Write> {
    vec![Write::DeleteJob {
        job: name.parse().unwrap(),
        expected,
        tomb: Tomb {
            deleted_at: Timestamp::default(),
            due_max: None,
        },
    }]
}

/// The jobs that were seen, with how often each was written.
#[derive(Debug, Default)]
struct Seen {
    jobs: std::collections::BTreeMap<String, u64>,
    loads: usize,
}

impl Seen {
    fn take(&mut self, change: Change) {
        match change {
            Change::All(snapshot) => {
                self.loads += 1;
                let jobs = snapshot.jobs.iter();
                self.jobs = jobs
                    .map(|job| (job.spec.name.to_string(), job.progress.completed))
                    .collect();
            }
            Change::Job(job, Some(record)) => {
                self.jobs.insert(job.to_string(), record.progress.completed);
            }
            Change::Job(job, None) => drop(self.jobs.remove(job.as_str())),
            Change::Run(..) => {}
        }
    }

    /// Looks until it sees these.
    async fn until(&mut self, follower: &mut Follower, wanted: &[(&str, u64)]) {
        let is_seen = |seen: &Self| {
            let jobs = seen.jobs.iter().map(|(job, times)| (job.as_str(), *times));
            jobs.eq(wanted.iter().copied())
        };
        while !is_seen(self) {
            // Trouble passes.
            let changes = follower.next().await.unwrap_or_default();
            for change in changes {
                self.take(change);
            }
        }
    }
}

async fn commit(store: &ZkStore, term: Term, writes: Vec<Write>) {
    store.commit(term, writes).await.unwrap();
}

#[tokio::test]
async fn sees_all_and_then_what_changes() {
    let server = shared();
    let proxy = Proxy::start(server.port());
    let address = server.fresh_at(proxy.port);
    let session = Duration::from_secs(10);
    let mut follower = Follower::start(&address, session).unwrap();
    follower.want(true);
    let ours = format!("zk://127.0.0.1:{}{}", server.port(), address.root());
    let options = ZkOptions::new(ours.parse().unwrap());
    let store = ZkStore::open(&options).await.unwrap();
    let term = store.begin_term().await.unwrap();
    store.load(term).await.unwrap();
    commit(&store, term, put("a", 0)).await;
    let mut seen = Seen::default();
    seen.until(&mut follower, &[("a", 0)]).await;
    let loads = seen.loads;
    commit(&store, term, put("b", 0)).await;
    commit(&store, term, put("a", 1)).await;
    seen.until(&mut follower, &[("a", 1), ("b", 0)]).await;
    commit(&store, term, delete("a", 2)).await;
    seen.until(&mut follower, &[("b", 0)]).await;
    assert_eq!(seen.loads, loads, "only what changed was read");
    // Word of a change may be lost with the connection, so everything is read again.
    proxy.lose(0, Lose::Answer);
    commit(&store, term, put("c", 0)).await;
    seen.until(&mut follower, &[("b", 0), ("c", 0)]).await;
    // What was said for an earlier time is not taken for news.
    follower.want(false);
    commit(&store, term, put("d", 0)).await;
    follower.want(true);
    let first = follower.next().await.unwrap();
    assert!(matches!(first.first(), Some(Change::All(_))), "{first:?}");
}
