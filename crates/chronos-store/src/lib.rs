//! Where jobs and runs are kept: the trait every store fulfils, its contract, and two stores.
//!
//! A crate of its own because its promise is its own: what [`Store`] says holds for every store, and
//! the `contract` module (feature `contract`) is the suite that each must pass. [`MemoryStore`] is
//! for tests and simulation; [`SqliteStore`] is what a daemon alone uses. Nothing above sees SQL.

pub mod backup;
pub mod check;
#[cfg(feature = "contract")]
pub mod contract;
mod error;
pub mod json;
mod limits;
mod memory;
mod sqlite;
mod store;

pub use error::{CommitError, ErrorClass, RecordKey, StoreError};
pub use limits::{
    COMMIT_BYTES_MAX, HISTORY_DEFAULT, RUNS_PER_QUERY_MAX, VALUE_BYTES_MAX, WRITE_OVERHEAD_BYTES,
    check_sizes, history_slack, write_len,
};
pub use memory::{Fault, MemoryStore};
pub use sqlite::{OpenError, SqliteOptions, SqliteReader, SqliteStore};
pub use store::{Committing, Store, StoreHealth, Term};
