//! Jobs and runs on `ZooKeeper`: a store for several daemons of which one leads.
//!
//! A crate of its own because of what it brings along: a client with a reactor thread of its own. That
//! client is used in `session` only and shows in no signature. [`ZkStore`] keeps the promise of
//! [`chronos_store::Store`]; which records are where is in `tree`, and in `docs/zookeeper.md` for
//! people.

mod address;
mod board;
mod connection;
mod election;
mod follower;
mod group;
mod import;
mod security;
mod session;
mod store;
mod tree;

pub use address::{AddressError, ZkAddress};
pub use board::{Board, BoardError, NOTES_PER_LOOK_MAX, Note, Notes};
pub use election::{
    Candidate, Election, ElectionOptions, Event, Guard, Leadership, Lease, Order, Own, Proof,
};
pub use follower::{Change, Follower};
pub use group::{Group, Leader};
pub use import::{
    Action, ChronosTree, FoundJob, FoundTask, ImportError, ImportOptions, ImportPlan, NextRun,
    PlannedJob, PlannedTask, ReadError, TaskFate,
};
pub use security::{SaslFile, SecurityError, SecurityFiles, SecurityOption, TlsFiles};
pub use store::{OpenError, ZK_HISTORY_DEFAULT, ZkOptions, ZkReader, ZkStore, candidates};
