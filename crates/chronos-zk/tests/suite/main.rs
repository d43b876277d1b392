//! The store on real servers.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, helpers included"
)]

mod auth;
mod backup;
mod board;
mod contract;
mod election;
mod faults;
mod follower;
mod frozen;
mod import;
mod proxy;
mod secure;
mod server;
