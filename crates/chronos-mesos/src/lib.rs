//! The cluster that Apache Mesos is, in the words of `chronos_core`.
//!
//! A crate of its own because it is the other half of what `chronos-agent` is, and because of what it brings along: an
//! HTTP client, TLS, and the search for the leading master. It decides nothing about the subscription; that is
//! `mesos_v1::driver`, which it drives.
//!
//! ```text
//!                       ┌─────────────── worker ────────────────┐
//!   ClusterCall ───────►│ offers  what was offered, what is left│◄──── detect   who leads: addresses, ZooKeeper
//!                       │ task    a run as a TaskInfo           │◄───► http     one connection to listen, one to call
//!   ClusterEvent ◄──────│ news    what an update means          │◄───► Keeper   the term, and our id in the store
//!                       └───────────────────────────────────────┘
//! ```
//!
//! **A run is one task, a launch is one id.** A run that never started is launched again under another task id
//! ([`task_id()`]), so that no late word about the first launch is taken for one about the second.
//!
//! **No end is lost.** The end of a task is acknowledged to its agent when the scheduler says that it is on record, and
//! not before. What an update means for its run is in [`Meaning`].

mod address;
mod attributes;
mod config;
mod constraints;
mod container;
mod control;
mod counts;
mod desk;
mod detect;
mod directory;
mod entries;
mod executor;
mod http;
mod keeper;
mod lanes;
mod logs;
mod news;
mod offers;
mod status;
mod task;
mod task_id;
mod tls;
mod tracked;
mod worker;

pub use address::{Masters, MastersError};
pub use config::{
    Credentials, CredentialsError, DECLINE, DECLINE_IDLE, FAILOVER_TIMEOUT_SECS, KILL_GRACE,
    MesosConfig, OnRemoved, PATIENCE,
};
pub use control::{Control, NotOrdered};
pub use counts::{Count, Counts};
pub use keeper::{Keeper, KeeperError};
pub use logs::{LOG_PART_LEN_MAX, LogPart, LogsError, MesosLogs};
pub use mesos_v1::driver::Pace;
pub use news::{Meaning, read_status};
pub use status::{Standing, Status};
pub use task_id::{parse_task_id, task_id};
pub use tls::{Tls, TlsError};
pub use worker::{CALLS_LEN_MAX, EVENTS_LEN_MAX, Mesos, MesosCluster, Stopped};
