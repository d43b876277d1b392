//! A fake Mesos: a master and agents over real HTTP, for tests and for trying things out.
//!
//! A crate of its own because it is a program, too, and because what it knows of Mesos must not come from the driver
//! that is tested with it. It was written from descriptions of the protocol and is compared with recordings of a real
//! master.
//!
//! ```text
//!   client ──HTTP──► front (checks, words) ──► cluster (master's memory, agents, tasks) ──► streams
//!                       ▲                          ▲                │
//!                    faults                  time, by hand          └──► processes, if wanted
//! ```
//!
//! Time stands still unless somebody moves it, so a test of ten minutes of silence takes none.

mod age;
pub mod cluster;
mod fake;
mod faults;
mod files;
mod front;
mod process;
mod resources;
pub mod script;
mod tls;
mod world;

pub use fake::{Fake, Plan};
pub use faults::Fault;
pub use resources::{ports, scalar_of};
pub use tls::Tls;
pub use world::{Mode, Seen};
