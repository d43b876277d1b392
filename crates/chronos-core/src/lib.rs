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

mod alarm;
mod audit;
mod backfill;
mod begun;
mod calendars;
mod cluster;
mod command;
mod commands;
mod effect;
mod explain;
mod generation;
mod input;
mod job;
mod jobs;
mod links;
mod mutant;
mod notice;
mod overlap;
mod parents;
mod persist;
mod picture;
mod pieces;
mod queue;
mod recovery;
mod run_list;
mod runs;
mod scheduler;
mod settings;
mod slots;
mod supply;
mod targets;
mod validate;
mod view;

pub use audit::AuditReport;
pub use cluster::{
    Abilities, AgentId, Away, ClusterCall, ClusterEvent, Launch, Launched, Offer, OfferId, Task,
    TaskState, TaskUpdate,
};
pub use command::CommandLine;
pub use effect::{Effect, Refusal, Reply};
pub use explain::{Explanation, NextRun, Waiting};
pub use input::{Cascade, Command, Input, Mono, Now, PersistId, RequestId};
pub use job::{Activity, Job, LastStatus};
pub use mutant::Mutant;
pub use notice::Notice;
pub use offer_match::{OfferConstraint, Predicate, Selector};
pub use picture::{Misfit, Picture};
pub use scheduler::{Deadline, Scheduler};
pub use settings::{
    BACKFILL_RUNS_MAX, COMPLETIONS_MAX, KILL_AGAIN_MILLIS, MISSED_RECORDS_MAX, PRIORITY_MILLIS,
    PROMPT_MILLIS, Settings, TOMB_MILLIS, WAITING_RUNS_MAX,
};
pub use view::View;
