//! Who may write what a daemon with a password wrote.

use std::time::Duration;

use chronos_store::{Store, StoreError};
use chronos_zk::{Election, ElectionOptions, Leadership, OpenError, ZkAddress, ZkOptions, ZkStore};

use crate::{
    proxy::{Lose, Proxy},
    server::shared,
};

fn address(port: u16, auth: &str, root: &str) -> ZkAddress {
    let text = format!("zk://{auth}127.0.0.1:{port}{root}");
    text.parse().unwrap()
}

#[tokio::test]
async fn only_the_user_writes_and_others_look() {
    let server = shared();
    let root = server.fresh().root().to_owned();
    let proxy = Proxy::start(server.port());
    let ours = ZkOptions::new(address(proxy.port, "cron:secret@", &root));
    let store = ZkStore::open(&ours).await.unwrap();
    let term = store.begin_term().await.unwrap();
    for auth in ["", "cron:wrong@"] {
        let theirs = ZkOptions::new(address(server.port(), auth, &root));
        let other = ZkStore::open(&theirs).await.unwrap();
        let refused = other.begin_term().await.unwrap_err();
        let want = StoreError::Unavailable {
            problem: "not authorized".to_owned(),
        };
        assert_eq!(refused, want, "{auth:?}");
    }
    // Whoever we are is said again on the next connection.
    proxy.lose(0, Lose::Answer);
    assert!(store.commit(term, Vec::new()).await.is_err());
    let mut loaded = store.load(term).await;
    while matches!(loaded, Err(StoreError::Unavailable { .. })) {
        loaded = store.load(term).await;
    }
    assert!(loaded.is_ok(), "{loaded:?}");
    assert_eq!(store.commit(term, Vec::new()).await, Ok(()));
    let options = ElectionOptions::new(ours.address.clone(), "one:1");
    let election = Election::join(&options).unwrap();
    let mut leadership = election.leadership();
    let leads = |now: &Leadership| matches!(now, Leadership::Leading(_));
    leadership.wait_for(leads).await.unwrap();
}

#[tokio::test]
async fn says_when_there_is_no_server() {
    let closed = address(1, "cron:secret@", "/x");
    let mut options = ZkOptions::new(closed);
    options.session_timeout = Duration::from_secs(1);
    let error = ZkStore::open(&options).await.unwrap_err();
    assert!(matches!(error, OpenError::Unavailable { .. }), "{error}");
    let text = error.to_string();
    let start = "cannot use zk://cron@127.0.0.1:1/x: ";
    assert!(
        text.starts_with(start) && !text.contains("secret"),
        "{text}"
    );
}
