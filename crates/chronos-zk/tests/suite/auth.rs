//! Who may write what a daemon with a password wrote.

use std::time::Duration;

use chronos_store::{Store, StoreError, contract::fill};
use chronos_zk::{Election, ElectionOptions, Leadership, OpenError, ZkAddress, ZkOptions, ZkStore};

use zookeeper_client::{Acls, Client, CreateMode, Permission};

use crate::{
    proxy::{Lose, Proxy},
    server::{Fresh as _, shared},
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

// All nodes below a root with the rights that everybody has.
async fn rights_of_others(client: &Client, root: &str) -> Vec<(String, Permission)> {
    let mut open = vec![root.to_owned()];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        let (acl, _) = client.get_acl(&path).await.unwrap();
        let others = acl.iter().filter(|acl| acl.auth_id().scheme() == "world");
        let rights = others.fold(Permission::NONE, |all, acl| all | acl.permission());
        let (children, _) = client.get_children(&path).await.unwrap();
        open.extend(children.into_iter().map(|child| format!("{path}/{child}")));
        found.push((path, rights));
    }
    found
}

#[tokio::test]
async fn no_node_of_a_user_can_be_written_by_others() {
    let server = shared();
    let connector = Client::connector().with_auth("digest", b"cron:secret");
    let client = connector.connect(server.fresh().hosts()).await.unwrap();
    for private in [false, true] {
        let root = server.fresh().root().to_owned();
        // Who comes second takes after the tree.
        let first = address(server.port(), "cron:secret@", &root);
        let second = first.clone();
        let first = if private { first.private() } else { first };
        let rights = if private {
            Permission::NONE
        } else {
            Permission::READ
        };
        let store = ZkStore::open(&ZkOptions::new(first)).await.unwrap();
        let term = store.begin_term().await.unwrap();
        fill(&store, term, 3).await;
        drop(store);
        let store = ZkStore::open(&ZkOptions::new(second.clone()))
            .await
            .unwrap();
        let term = store.begin_term().await.unwrap();
        let jobs = store.load(term).await.unwrap().jobs;
        let mut again = chronos_model::JobSpec::clone(&jobs[0].spec);
        again.name = "another".parse().unwrap();
        let write = chronos_model::Write::PutSpec {
            spec: again.into(),
            expected: 0,
        };
        store.commit(term, vec![write]).await.unwrap();
        let election = Election::join(&ElectionOptions::new(second, "one:1")).unwrap();
        let mut leadership = election.leadership();
        let leads = |now: &Leadership| matches!(now, Leadership::Leading(_));
        leadership.wait_for(leads).await.unwrap();
        let found = rights_of_others(&client, &root).await;
        assert!(found.len() > 30, "{found:?}");
        for (path, found) in found {
            assert_eq!(found, rights, "{path}");
        }
    }
}

#[tokio::test]
async fn a_root_that_anybody_may_write_does_not_open_what_is_below() {
    let server = shared();
    let root = server.fresh().root().to_owned();
    let connector = Client::connector().with_auth("digest", b"cron:secret");
    let client = connector.connect(server.fresh().hosts()).await.unwrap();
    let open = CreateMode::Persistent.with_acls(Acls::anyone_all());
    client.mkdir(&root, &open).await.unwrap();
    let options = ZkOptions::new(address(server.port(), "cron:secret@", &root));
    let store = ZkStore::open(&options).await.unwrap();
    let term = store.begin_term().await.unwrap();
    fill(&store, term, 3).await;
    for (path, found) in rights_of_others(&client, &root).await {
        if path != root {
            assert_eq!(found, Permission::READ, "{path}");
        }
    }
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
