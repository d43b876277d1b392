//! The contract, on the memory store and on the embedded one.

use async_trait::async_trait;
use chronos_store::{
    MemoryStore, SqliteOptions, SqliteStore, Store,
    contract::{StoreFactory, bounds_history, random_histories},
    store_contract,
};
use tempfile::TempDir;

/// Small, so that pruning takes part in every test.
const HISTORY: usize = 16;

struct Memory(MemoryStore, usize);

impl Memory {
    fn new() -> Self {
        Self::with_history(HISTORY)
    }

    fn with_history(history: usize) -> Self {
        Self(MemoryStore::with_history(history), history)
    }
}

#[async_trait]
impl StoreFactory for Memory {
    async fn open(&mut self) -> Box<dyn Store> {
        Box::new(self.0.clone())
    }

    fn history(&self) -> usize {
        self.1
    }
}

struct Sqlite(TempDir, usize);

impl Sqlite {
    fn new() -> Self {
        Self::with_history(HISTORY)
    }

    fn with_history(history: usize) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        Self(dir, history)
    }
}

#[async_trait]
impl StoreFactory for Sqlite {
    async fn open(&mut self) -> Box<dyn Store> {
        let options = SqliteOptions::new(self.0.path().join("store")).history(self.1);
        Box::new(SqliteStore::open(&options).expect("the store opens"))
    }

    fn history(&self) -> usize {
        self.1
    }
}

store_contract!(memory, Memory::new());
store_contract!(sqlite, Sqlite::new());

#[test]
fn memory_agrees_with_itself() {
    random_histories(64, Memory::new);
}

#[test]
fn sqlite_agrees_with_memory() {
    random_histories(64, Sqlite::new);
}

// So few have no slack: the bound is met to the run.
#[tokio::test]
async fn short_histories_are_exact() {
    for history in [1, 3, 7] {
        bounds_history(&mut Memory::with_history(history)).await;
        bounds_history(&mut Sqlite::with_history(history)).await;
    }
}
