//! The program from outside.

mod batch;
mod flags;
mod import;
mod people;
mod program;
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "the servers of the tests of chronos-zk, which need more of them"
)]
#[path = "../../../../crates/chronos-zk/tests/suite/server.rs"]
mod server;
mod store;
mod tables;
