//! The single-writer loop between the pure scheduler and the world.
//!
//! ```text
//!   API ──commands──►┌──────────────┐──writes──► store
//!                    │ run.rs: loop │◄─durable──
//!   clock ──ticks───►│  Scheduler   │──calls───► cluster
//!                    └──────┬───────┘◄─events───
//!   API ◄────snapshot───────┘
//! ```
//!
//! A crate of its own because it is the only one that reads clocks, waits and decides when effects
//! happen. It decides nothing about jobs: that is `chronos-core`.

mod clock;
mod cluster;
mod fleet;
mod follow;
mod handle;
mod journal;
mod logs;
mod mandate;
mod notices;
mod run;
mod standing;

pub use clock::Clock;
pub use cluster::{Cluster, TermNews};
pub use fleet::fleet;
pub use handle::{COMMAND_TIMEOUT, Handle};
pub use logs::{LogQuery, RunLogs, SharedLogs};
pub use mandate::{Mandate, Role};
pub use run::{Runtime, RuntimeError, Tenure};
