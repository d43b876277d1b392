//! The election, on a real server: one leads, and another one when that one is gone.

use std::time::{Duration, Instant};

use chronos_store::{CommitError, Store};
use chronos_zk::{Election, ElectionOptions, Leadership, ZkAddress, ZkOptions, ZkStore};

use crate::{
    proxy::{Lose, Proxy},
    server::{Server, shared},
};

async fn join(address: &ZkAddress, name: &str, session_timeout: Duration) -> Election {
    let mut options = ElectionOptions::new(address.clone(), name);
    options.session_timeout = session_timeout;
    Election::join(&options).await.unwrap()
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
    let first = join(&address, "first:1", long).await;
    until(&first, leads).await;
    let second = join(&address, "second:1", long).await;
    let third = join(&address, "third:1", long).await;
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
    let one = join(&address, "one:1", Duration::from_secs(10)).await;
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
    let old = join(&address, "old:1", Duration::from_secs(1)).await;
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
