//! The election, on a real server: one leads, and another one when that one is gone.

use std::time::{Duration, Instant};

use chronos_store::{CommitError, Store};
use chronos_zk::{Election, ElectionOptions, Guard, Leadership, ZkAddress, ZkOptions, ZkStore};

use crate::{
    proxy::{Lose, Proxy},
    server::{Fresh as _, Server, shared},
};

fn join(address: &ZkAddress, name: &str, session_timeout: Duration) -> Election {
    let mut options = ElectionOptions::new(address.clone(), name);
    options.session_timeout = session_timeout;
    Election::join(&options).unwrap()
}

async fn until(election: &Election, want: impl Fn(Leadership) -> bool) -> Leadership {
    let mut leadership = election.leadership();
    *leadership.wait_for(|now| want(*now)).await.unwrap()
}

fn leads(leadership: Leadership) -> bool {
    matches!(leadership, Leadership::Leading(_))
}

#[tokio::test]
async fn hands_over_to_the_next_in_line() {
    let address = shared().fresh();
    let long = Duration::from_secs(10);
    let first = join(&address, "first:1", long);
    until(&first, leads).await;
    let second = join(&address, "second:1", long);
    let third = join(&address, "third:1", long);
    assert_eq!(*second.leadership().borrow(), Leadership::None);
    assert!(!second.may_act() && !third.may_act());
    let told = first.leadership();
    let begun = Instant::now();
    drop(first);
    assert_eq!(*told.borrow(), Leadership::None);
    tokio::select! {
        _ = until(&second, leads) => {}
        _ = until(&third, leads) => {}
    }
    // Far less than a session: nobody waited for it to end.
    assert!(begun.elapsed() < long / 2, "{:?}", begun.elapsed());
    let leaders = [&second, &third].map(|one| leads(*one.leadership().borrow()));
    assert_eq!(leaders.iter().filter(|leads| **leads).count(), 1);
}

#[tokio::test]
async fn goes_on_after_a_lost_connection_and_looks_first() {
    let server = shared();
    let proxy = Proxy::start(server.port());
    let address = server.fresh_at(proxy.port);
    let one = join(&address, "one:1", Duration::from_secs(10));
    let before = until(&one, leads).await;
    for what in [Lose::Request, Lose::Answer] {
        proxy.lose(0, what);
        // Its next sign of life is lost, and the connection with it.
        until(&one, |now| matches!(now, Leadership::Suspended(_))).await;
        assert!(!one.may_act());
        assert_eq!(until(&one, leads).await, before, "it led all the time");
    }
}

#[tokio::test]
async fn a_leader_that_is_cut_off_stops_and_its_writes_are_refused() {
    let server = Server::start();
    let address = server.fresh();
    let old = join(&address, "old:1", Duration::from_secs(1));
    until(&old, leads).await;
    let store = ZkStore::open(&ZkOptions::new(address.clone()))
        .await
        .unwrap();
    let term = store.begin_term().await.unwrap();
    server.freeze();
    until(&old, |now| !leads(now)).await;
    assert!(!old.may_act());
    server.thaw();
    // It was away for longer than its session, or not; either way it leads again, in the end.
    until(&old, leads).await;
    let other = ZkStore::open(&ZkOptions::new(address)).await.unwrap();
    other.begin_term().await.unwrap();
    loop {
        match store.commit(term, Vec::new()).await {
            Err(CommitError::Unavailable { .. } | CommitError::Unknown { .. }) => {
                drop(store.load(term).await);
            }
            result => {
                assert_eq!(result, Err(CommitError::Fenced));
                break;
            }
        }
    }
}

#[tokio::test]
async fn everybody_is_told_who_leads() {
    let address = shared().fresh();
    let long = Duration::from_secs(10);
    let first = join(&address, "first:1", long);
    until(&first, leads).await;
    let second = join(&address, "second:1", long);
    for one in [&first, &second] {
        let mut leader = one.leader();
        let is_first = |name: &Option<String>| name.as_deref() == Some("first:1");
        leader.wait_for(is_first).await.unwrap();
    }
    drop(first);
    let mut leader = second.leader();
    let is_second = |name: &Option<String>| name.as_deref() == Some("second:1");
    leader.wait_for(is_second).await.unwrap();
}

#[tokio::test]
async fn waits_for_a_server_that_is_not_there_yet() {
    let mut server = Server::start();
    let address = server.fresh();
    server.kill();
    let session_timeout = Duration::from_secs(1);
    let guard = Guard::new();
    let mut options = ElectionOptions::new(address.clone(), "one:1");
    options.session_timeout = session_timeout;
    options.guard = guard.clone();
    let election = Election::join(&options).unwrap();
    let mut options = ZkOptions::new(address);
    options.session_timeout = session_timeout;
    options.guard = Some(guard);
    let store = ZkStore::start(&options).unwrap();
    assert!(store.begin_term().await.is_err());
    assert!(store.health().problem.is_some());
    server.start_again();
    until(&election, leads).await;
    while store.begin_term().await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.health().problem, None);
}

#[tokio::test]
async fn without_its_node_in_the_election_a_leader_writes_nothing() {
    let address = shared().fresh();
    let guard = Guard::new();
    let mut options = ElectionOptions::new(address.clone(), "one:1");
    options.guard = guard.clone();
    let election = Election::join(&options).unwrap();
    let mut options = ZkOptions::new(address.clone());
    options.guard = Some(guard.clone());
    let store = ZkStore::open(&options).await.unwrap();
    until(&election, leads).await;
    let term = store.begin_term().await.unwrap();
    store.load(term).await.unwrap();
    assert_eq!(store.commit(term, Vec::new()).await, Ok(()));
    assert!(guard.node().is_some());
    // Nobody else has begun a term: the servers know by the election alone.
    drop(election);
    let refused = store.commit(term, Vec::new()).await;
    assert_eq!(refused, Err(CommitError::Fenced));
    assert_eq!(guard.node(), None);
    assert!(store.begin_term().await.is_err(), "nor begins it a term");
}
