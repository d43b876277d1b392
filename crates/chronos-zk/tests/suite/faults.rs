//! Lost requests, lost answers, servers that die: what is answered is what is there.

use std::{sync::Arc, time::Duration};

use chronos_model::{
    JobProgress, JobSpec, Run, RunCause, RunKey, RunState, Snapshot, Timestamp, Write,
};
use chronos_store::{CommitError, Store, StoreError, Term};
use chronos_zk::{ZkAddress, ZkOptions, ZkStore};
use serde_json::json;
use zookeeper_client::Client;

use crate::{
    proxy::{Lose, Proxy},
    server::{Fresh as _, Server, shared},
};

/// Commits on their way together, each with four records: several writes of the store.
const COMMITS: u64 = 120;

/// How often a load is asked for before a test fails; each waits for a connection by itself.
const LOADS_MAX: usize = 50;

async fn open(address: &ZkAddress, session_timeout: Duration) -> ZkStore {
    let mut options = ZkOptions::new(address.clone());
    options.session_timeout = session_timeout;
    options.shards = 4;
    ZkStore::open(&options).await.unwrap()
}

fn put_spec(name: &str) -> Write {
    let stored = json!({
        "version": 1, "name": name, "command": "true",
        "schedule": "R/2030-01-01T00:00:00Z/PT1H", "scheduleTimeZone": "UTC",
    });
    Write::PutSpec {
        spec: JobSpec::from_stored_json(&stored).unwrap().into(),
        expected: 0,
    }
}

fn put_progress(completed: u64, expected: u64) -> Write {
    Write::PutProgress {
        job: "a".parse().unwrap(),
        progress: Arc::new(JobProgress {
            completed,
            ..JobProgress::default()
        }),
        expected,
    }
}

fn put_run(job: &str, due: u64) -> Write {
    let due = Timestamp::from_millis(due.cast_signed());
    Write::PutRun(Arc::new(Run {
        key: RunKey {
            job: job.parse().unwrap(),
            due,
            attempt: 0,
        },
        target: due,
        cause: RunCause::Manual,
        arguments: None,
        state: RunState::Queued,
        not_before: None,
        outcome: None,
        reason: None,
        exit_code: None,
        agent: None,
        created_at: due,
        started_at: None,
        ended_at: None,
        kill_requested: false,
        parents: None,
        covers: None,
    }))
}

// One commit of a chain: each needs the one before it. Three runs say that it was done whole.
fn link(number: u64) -> Vec<Write> {
    let runs = ["a", "b", "c"].map(|job| put_run(job, number));
    let mut writes = vec![put_progress(number + 1, number)];
    writes.extend(runs);
    writes
}

// Loads as often as it takes until there is a connection again.
async fn load(store: &ZkStore, term: Term) -> Snapshot {
    for _ in 0..LOADS_MAX {
        match store.load(term).await {
            Ok(snapshot) => return snapshot,
            Err(StoreError::Unavailable { .. }) => {}
            Err(error) => panic!("expected a picture, found {error}"),
        }
    }
    panic!("no picture after {LOADS_MAX} loads")
}

// How many commits of the chain are there; all of them whole, and nothing else.
fn links(snapshot: &Snapshot) -> u64 {
    let [job] = snapshot.jobs.as_slice() else {
        panic!("expected one job, found {:?}", snapshot.jobs);
    };
    let done = job.progress_revision;
    assert_eq!(job.progress.completed, done);
    for name in ["a", "b", "c"] {
        let runs = snapshot.active_runs.iter();
        let runs = runs.filter(|run| run.key.job.as_str() == name);
        let due: Vec<i64> = runs.map(|run| run.key.due.millis()).collect();
        let want: Vec<i64> = (0..done.cast_signed()).collect();
        assert_eq!(due, want, "{name}");
    }
    done
}

async fn loses(at: usize, what: Lose) -> bool {
    let server = shared();
    let proxy = Proxy::start(server.port());
    let address = server.fresh_at(proxy.port);
    let store = open(&address, Duration::from_secs(10)).await;
    let term = store.begin_term().await.unwrap();
    store.commit(term, vec![put_spec("a")]).await.unwrap();
    proxy.lose(at, what);
    let answers: Vec<_> = (0..COMMITS)
        .map(|number| store.commit(term, link(number)))
        .collect();
    let mut acknowledged = 0;
    let mut possible = 0;
    let mut refused = Vec::new();
    for (number, answer) in (1..).zip(answers) {
        match answer.await {
            // Those before it are there as well, also one of which nobody knew.
            Ok(()) => (acknowledged, possible) = (number, number),
            Err(CommitError::Unknown { .. }) => possible = number,
            Err(CommitError::Unavailable { .. } | CommitError::Conflict { .. }) => {
                refused.push(number);
            }
            Err(error) => panic!("{at} {what:?}: {error}"),
        }
    }
    let done = links(&load(&store, term).await);
    assert!(
        (acknowledged..=possible).contains(&done),
        "{at} {what:?}: {done} are there, {acknowledged} were acknowledged, {possible} possible"
    );
    assert!(
        refused.iter().all(|refused| *refused > done),
        "{at} {what:?}: {done} are there, {refused:?} were said not to be"
    );
    // The store goes on as if nothing had been, and what is done stays done.
    for number in done..done + 3 {
        let mut result = store.commit(term, link(number)).await;
        for _ in 0..LOADS_MAX {
            match result {
                Err(CommitError::Unavailable { .. }) => {
                    load(&store, term).await;
                    result = store.commit(term, link(number)).await;
                }
                Err(CommitError::Unknown { .. }) => {
                    result = match links(&load(&store, term).await) {
                        done if done == number + 1 => Ok(()),
                        _ => store.commit(term, link(number)).await,
                    };
                }
                _ => break,
            }
        }
        assert_eq!(result, Ok(()), "{at} {what:?}");
    }
    assert_eq!(links(&load(&store, term).await), done + 3);
    proxy.has_lost()
}

#[tokio::test]
async fn a_lost_request_or_answer_is_told_as_it_is() {
    for what in [Lose::Request, Lose::Answer] {
        let mut lost = 0;
        for at in 0..40 {
            lost += u32::from(loses(at, what).await);
        }
        // The first are the commits, the later ones those of settling, loading and going on.
        assert!(lost >= 20, "{what:?} was lost only {lost} times");
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_at_any_byte_is_told_as_it_is() {
    // Where, by a fixed sequence: within the length, the header, the parts, and near the end.
    let mut random = fastrand::Rng::with_seed(7);
    let mut lost = 0;
    for at in 0..14 {
        let bytes = 1 << random.u32(0..12);
        let bytes = random.usize(bytes / 2..=bytes);
        for what in [Lose::RequestAfter(bytes), Lose::AnswerAfter(bytes)] {
            lost += u32::from(loses(at, what).await);
        }
    }
    assert!(lost >= 14, "only {lost} were cut");
}

#[tokio::test]
async fn a_refused_write_takes_those_behind_it_along() {
    let server = shared();
    let address = server.fresh();
    let store = open(&address, Duration::from_secs(10)).await;
    let term = store.begin_term().await.unwrap();
    let jobs = vec![put_spec("a"), put_spec("b"), put_progress(1, 0)];
    store.commit(term, jobs).await.unwrap();
    // Somebody changes a record by hand, of which the store cannot know.
    let client = Client::connect(address.hosts()).await.unwrap();
    let client = client.chroot(address.root().to_owned()).unwrap();
    let (shards, _) = client.get_children("/progress").await.unwrap();
    let path = format!("/progress/{}/a", shards[0]);
    let (data, _) = client.get_data(&path).await.unwrap();
    client.set_data(&path, &data, None).await.unwrap();
    // So large that each leaves alone, both before the first is answered.
    let many = |job: &str| (0..120).map(|due| put_run(job, due)).collect::<Vec<_>>();
    let mut first = vec![put_progress(2, 1)];
    first.extend(many("a"));
    let answers = [store.commit(term, first), store.commit(term, many("b"))];
    let [first, second] = answers;
    let problem = |result: Result<(), CommitError>| match result {
        Err(CommitError::Unavailable { problem }) => problem,
        result => panic!("expected that nothing was written, found {result:?}"),
    };
    let first = problem(first.await);
    assert!(first.starts_with("somebody else has changed"), "{first}");
    let second = problem(second.await);
    assert_eq!(second, "a write before it was not carried out");
    // The second touches nothing of the first, and is there all the less: commits are in order.
    assert_eq!(load(&store, term).await.active_runs, []);
    assert_eq!(store.commit(term, many("b")).await, Ok(()));
    assert_eq!(load(&store, term).await.active_runs.len(), 120);
}

#[tokio::test]
async fn what_was_late_when_it_was_loaded_is_never_done() {
    let server = shared();
    let proxy = Proxy::start(server.port());
    let address = server.fresh_at(proxy.port);
    let store = open(&address, Duration::from_secs(10)).await;
    let term = store.begin_term().await.unwrap();
    let writes = vec![put_spec("a"), put_progress(1, 0)];
    store.commit(term, writes).await.unwrap();
    let late = vec![put_progress(2, 1), put_run("late", 1)];
    proxy.lose(0, Lose::Connection);
    let error = store.commit(term, late.clone()).await.unwrap_err();
    assert!(matches!(error, CommitError::Unknown { .. }), "{error}");
    let loaded = load(&store, term).await;
    assert_eq!(loaded.jobs[0].progress.completed, 1);
    // By all versions it could be done now.
    proxy.deliver();
    assert_eq!(load(&store, term).await, loaded);
    assert_eq!(store.commit(term, late).await, Ok(()));
    assert_eq!(load(&store, term).await.active_runs.len(), 1);
}

#[tokio::test]
async fn a_new_term_refuses_what_an_old_leader_still_sends() {
    let address = shared().fresh();
    let old = open(&address, Duration::from_secs(10)).await;
    let old_term = old.begin_term().await.unwrap();
    old.commit(old_term, vec![put_spec("a")]).await.unwrap();
    let new = open(&address, Duration::from_secs(10)).await;
    let new_term = new.begin_term().await.unwrap();
    assert!(new_term > old_term);
    // The old one has not heard of it.
    let late: Vec<_> = (0..20).map(|n| old.commit(old_term, link(n))).collect();
    new.commit(new_term, link(0)).await.unwrap();
    for answer in late {
        assert_eq!(answer.await, Err(CommitError::Fenced));
    }
    assert_eq!(old.load(old_term).await, Err(StoreError::Fenced));
    assert_eq!(links(&load(&new, new_term).await), 1);
    // And it may lead again, with what the other one wrote.
    let term = old.begin_term().await.unwrap();
    old.commit(term, link(1)).await.unwrap();
    assert_eq!(links(&load(&old, term).await), 2);
}

#[tokio::test]
async fn leaders_that_take_turns_see_what_the_other_wrote() {
    let address = shared().fresh();
    let stores = [
        open(&address, Duration::from_secs(10)).await,
        open(&address, Duration::from_secs(10)).await,
    ];
    let term = stores[1].begin_term().await.unwrap();
    stores[1].commit(term, vec![put_spec("a")]).await.unwrap();
    let mut last = None;
    for (number, store) in (0..6_u64).zip(stores.iter().cycle()) {
        // No load and no refused commit tells the one what the other did.
        let term = store.begin_term().await.unwrap();
        assert_eq!(store.commit(term, link(number)).await, Ok(()), "{number}");
        // The one before hears of it when it asks.
        let other = &stores[usize::try_from((number + 1) % 2).unwrap()];
        if let Some(before) = last.replace(term) {
            assert_eq!(other.load(before).await, Err(StoreError::Fenced));
        }
    }
}

#[tokio::test]
async fn a_commit_after_a_lost_one_finds_what_is_there() {
    for (what, done) in [(Lose::Request, false), (Lose::Answer, true)] {
        let server = shared();
        let proxy = Proxy::start(server.port());
        let address = server.fresh_at(proxy.port);
        let store = open(&address, Duration::from_secs(10)).await;
        let term = store.begin_term().await.unwrap();
        store.commit(term, vec![put_spec("a")]).await.unwrap();
        proxy.lose(0, what);
        let lost = store.commit(term, link(0)).await;
        assert!(matches!(lost, Err(CommitError::Unknown { .. })), "{lost:?}");
        // Until there is a connection again it is refused at once, and then nobody has loaded.
        let again = loop {
            match store.commit(term, link(0)).await {
                Err(CommitError::Unavailable { .. }) => tokio::task::yield_now().await,
                result => break result,
            }
        };
        if done {
            assert!(
                matches!(again, Err(CommitError::Conflict { found: 1, .. })),
                "{again:?}"
            );
        } else {
            assert_eq!(again, Ok(()));
        }
        assert_eq!(store.commit(term, link(1)).await, Ok(()), "{what:?}");
    }
}

#[tokio::test]
async fn survives_a_server_that_is_killed_and_started_again() {
    let mut server = Server::start();
    let store = open(&server.fresh(), Duration::from_secs(20)).await;
    let term = store.begin_term().await.unwrap();
    store.commit(term, vec![put_spec("a")]).await.unwrap();
    let mut done = 0;
    for _ in 0..3 {
        store.commit(term, link(done)).await.unwrap();
        let answers: Vec<_> = (done + 1..done + 50)
            .map(|number| store.commit(term, link(number)))
            .collect();
        server.kill();
        let mut acknowledged = done + 1;
        for answer in answers {
            acknowledged += u64::from(answer.await.is_ok());
        }
        server.start_again();
        done = links(&load(&store, term).await);
        assert!(done >= acknowledged, "{done}, {acknowledged}");
    }
}

#[tokio::test]
async fn outlives_its_session() {
    let server = Server::start();
    let store = open(&server.fresh(), Duration::from_secs(1)).await;
    let term = store.begin_term().await.unwrap();
    store.commit(term, vec![put_spec("a")]).await.unwrap();
    // A server that stands still for longer than the session lasts.
    server.freeze();
    let mut problems = 0;
    while problems < 4 {
        // Each waits for as long as a session lasts.
        let error = store.load(term).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        problems += 1;
    }
    assert!(store.health().problem.is_some());
    let refused = store.commit(term, link(0)).await;
    assert!(
        matches!(refused, Err(CommitError::Unavailable { .. })),
        "{refused:?}"
    );
    server.thaw();
    assert_eq!(links(&load(&store, term).await), 0);
    assert_eq!(store.commit(term, link(0)).await, Ok(()));
    let health = store.health();
    assert_eq!((health.problem, health.waiting), (None, 0));
}
