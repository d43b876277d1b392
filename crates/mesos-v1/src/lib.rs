//! Apache Mesos v1 without sockets: messages, framing, and the subscription as a state machine.
//!
//! A crate of its own because it has its own dependency (`prost`, which shows nowhere above it but through
//! [`proto`]) and two users: the client that drives it over HTTP, and the fake master that it is tested with.
//!
//! ```text
//!   bytes of a response ──► recordio ──► event ──► driver ──► what to send, what to tell the scheduler
//!                                                    ▲
//!                        answers, timers, requests ──┘
//! ```
//!
//! Nothing here waits, reads a clock or rolls dice: time is an argument ([`Mono`]), and jitter comes from a seed.

pub mod call;
pub mod driver;
pub mod event;
#[cfg(feature = "json")]
pub mod json;
mod mono;
pub mod proto;
pub mod recordio;
pub mod sandbox;

pub use mono::Mono;
