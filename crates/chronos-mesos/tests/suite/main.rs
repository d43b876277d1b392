//! The adapter against a fake cluster over real HTTP.
#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "in tests a panic is the report, and values are written in place"
)]

mod corners;
mod infos;
mod kit;
mod losses;
mod masters;
mod recorded;
mod streams;
mod tasks;
mod tls;
mod zookeeper;
