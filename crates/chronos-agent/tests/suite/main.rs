//! The agent with real processes.
#![expect(
    clippy::unwrap_used,
    reason = "the configured exemption for tests does not reach their helpers"
)]

mod commands;
mod kills;
mod kit;
mod logs;
mod offers;
mod recovery;
#[path = "../shared.rs"]
mod shared;
