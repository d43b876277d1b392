//! The HTTP API: Chronos' routes in Chronos' shapes, and what ours adds.
//!
//! ```text
//!   connection ─ serve ─▶ guard (host, credentials, origin, path) ─▶ bounds ─▶ handler
//!                                                                            │    │
//!                                                     picture of now: Backend::view │
//!                                                     changes: Backend::command ◀─┘
//! ```
//!
//! A crate of its own because it is all that knows of HTTP: what it needs of the daemon is the trait
//! [`Backend`], which a test fulfils with a scheduler in memory. Nothing here decides when or where
//! anything runs.

mod array;
mod backend;
mod backfill;
mod body;
mod bounds;
mod calendars;
mod cluster;
mod config;
mod definitions;
mod error;
mod explain;
mod forward;
mod graph;
mod guard;
mod job_json;
mod jobs;
mod log;
mod metrics;
mod orders;
mod params;
mod preview;
mod router;
mod run_json;
mod runs;
mod serve;
mod stats;
mod status;

pub use backend::{Backend, CommandError, Health, LogError, LogPart, LogStream, Part, Unavailable};
pub use body::BODY_LEN_MAX;
pub use cluster::{ClusterCount, ClusterInfo, ClusterOrder, OrderError};
pub use config::ApiConfig;
pub use router::router;
pub use serve::serve;
