//! The scheduler as a pure state machine: facts and instants in, effects and deadlines out.
//!
//! ```text
//!             Input (Tick, Command, Cluster, Persisted)
//!                │
//!                ▼
//!   ┌─ Scheduler::handle(now, input) ──────────────────────────┐
//!   │ commands   targets   parents   runs   queue   recovery   │
//!   │     └─────────┴─────────┴───┬────┴──────┘                │
//!   │                      changes of this input               │
//!   └─────────────────────────────┬────────────────────────────┘
//!                 Persist ────────┤ at once
//!      Reply, Launch, Acknowledge ┘ only after `Persisted`
//! ```
//!
//! A crate of its own because it is the part that must be right: it has no clock, no task, no
//! socket and no randomness, so a year of scheduling is a loop in a test. Who carries the effects out
//! is `chronos-runtime`.
#![warn(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::float_arithmetic
)]

mod cluster;
mod command;
mod commands;
mod effect;
mod input;
mod job;
mod notice;
mod parents;
mod persist;
mod queue;
mod recovery;
mod runs;
mod scheduler;
mod settings;
mod targets;
mod validate;
mod view;

pub use cluster::{
    Abilities, AgentId, ClusterCall, ClusterEvent, Offer, OfferId, Task, TaskState, TaskUpdate,
};
pub use command::CommandLine;
pub use effect::{Effect, Refusal, Reply};
pub use input::{Cascade, Command, Input, Mono, Now, PersistId, RequestId};
pub use job::{Activity, Job, LastStatus};
pub use notice::Notice;
pub use scheduler::Scheduler;
pub use settings::{MISSED_RECORDS_MAX, Settings, TOMB_MILLIS, WAITING_RUNS_MAX};
pub use view::{View, Waiting};
