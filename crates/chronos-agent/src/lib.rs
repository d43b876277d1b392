//! Runs tasks on this machine, as a cluster of one agent.
//!
//! A crate of its own because it is the other half of what `chronos-mesos` is: both speak the words
//! of `chronos_core`'s cluster, so that the scheduler has one code path for both. What it owns is
//! processes: sandboxes, supervisors, exit codes, logs.
//!
//! **A run outlives the daemon.** Each run has a supervisor, a small process of its own
//! ([`supervise_main`]), that starts the command, waits for it, and writes down how it ended. The
//! agent only watches; after a crash the next one reads the folders, finds what still runs, and
//! reports what ended meanwhile with its true exit code.
//!
//! **A run is started once.** See `claim.rs` for the protocol. What cannot be known is called lost,
//! never "not started".
//!
//! Linux only: it leans on pidfds and `/proc`.

mod agent;
mod claim;
mod conclude;
mod config;
mod folder;
mod host;
mod id;
mod launch;
mod logs;
mod offers;
mod process;
mod record;
mod retention;
mod run;
mod supervise;
mod user;
mod worker;

pub use agent::{Agent, AgentError, CALLS_LEN_MAX, EVENTS_LEN_MAX, LocalCluster, Stopped};
pub use config::{
    AgentConfig, KILL_GRACE, MayLaunch, RESEND_DELAY, RETENTION_AGE, RETENTION_COUNT,
    SupervisorProgram,
};
pub use host::detect_resources;
pub use id::agent_id;
pub use logs::{LOG_CHUNK_LEN_MAX, LogChunk, LogError, LogStream, Logs};
pub use supervise::supervise_main;
