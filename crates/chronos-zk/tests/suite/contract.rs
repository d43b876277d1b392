//! The contract of all stores, on a real server.

use async_trait::async_trait;
use chronos_store::{
    Store,
    contract::{StoreFactory, bounds_history, random_histories},
    store_contract,
};
use chronos_zk::{ZkAddress, ZkOptions, ZkStore};

use crate::server::{Fresh as _, shared};

/// Small, so that pruning takes part in every test.
const HISTORY: usize = 16;

struct ZooKeeper {
    address: ZkAddress,
    history: usize,
    shards: u32,
}

impl ZooKeeper {
    fn new() -> Self {
        Self::with_history(HISTORY)
    }

    fn with_history(history: usize) -> Self {
        Self {
            address: shared().fresh(),
            history,
            shards: 256,
        }
    }

    // So few that jobs meet in a shard.
    fn with_shards(shards: u32) -> Self {
        Self {
            shards,
            ..Self::new()
        }
    }
}

#[async_trait]
impl StoreFactory for ZooKeeper {
    async fn open(&mut self) -> Box<dyn Store> {
        let mut options = ZkOptions::new(self.address.clone());
        options.history = self.history;
        options.shards = self.shards;
        Box::new(ZkStore::open(&options).await.expect("the store opens"))
    }

    fn history(&self) -> usize {
        self.history
    }
}

store_contract!(zookeeper, ZooKeeper::new());

#[test]
fn zookeeper_agrees_with_memory() {
    random_histories(64, || ZooKeeper::with_shards(2));
}

#[tokio::test]
async fn short_histories_are_exact() {
    for history in [1, 3, 7] {
        bounds_history(&mut ZooKeeper::with_history(history)).await;
    }
}
