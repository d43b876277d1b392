//! The contract on both stores, and what only one of them promises.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, helpers included"
)]

mod backup;
mod contract;
mod crash;
mod faults;
mod folder;
mod memory;
mod quarantine;
mod values;
mod write_error;
