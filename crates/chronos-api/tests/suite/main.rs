//! The API as its clients see it, before a scheduler in memory with an agent that behaves.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, helpers included"
)]

mod backfill;
mod bad_input;
mod calendars;
mod chronos_clients;
mod client;
mod daemon;
mod definitions;
mod docs;
mod explain;
mod following;
mod guard;
mod logs;
mod looking;
mod on_a_cluster;
mod orders;
mod preview;
mod runs;
mod sockets;
mod trouble;
