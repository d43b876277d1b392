//! The daemon as its operator has it: the real program, its folder, its socket, its signals.
//!
//! Each test starts daemons of its own on a folder of its own and a free port, and waits for what it
//! expects by asking; how long a machine takes decides nothing.

#![expect(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, helpers included"
)]

mod chronos_jobs;
mod client;
mod crashes;
mod daemon;
mod dependencies;
mod home;
mod job_folder;
mod logs;
mod mesos;
mod mesos_several;
mod mesos_storm;
mod mesos_versions;
mod orders;
mod patience;
mod quickstart;
mod refusals;
mod secure;
mod several;
mod starting;
mod stopping;
mod storm;
mod survival;
mod takeover;
mod zookeeper;
