//! The scheduler in a world of which every part behaves: a store, an agent, two clocks.
#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "in tests a panic is the report, and JSON is written in place"
)]

mod acceptance;
mod catch_up;
mod cluster;
mod commands;
mod generations;
mod launches;
mod overlap;
mod parents;
mod policies;
mod portions;
mod recovery;
mod retries;
mod rules;
mod schedules;
mod semantics;
mod simulation;
mod sources;
mod upkeep;
mod world;
