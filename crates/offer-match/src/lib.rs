//! Matches tasks that wait to resource offers.
//!
//! A crate of its own because it is useful to any framework that takes offers.
#![warn(clippy::arithmetic_side_effects)]

mod amounts;
mod bits;
mod demand;
mod facts;
mod interner;
mod matcher;
mod misses;
mod offer;
mod plan;
mod policy;
mod queue;
mod round;

pub use demand::{Demand, DemandId, Lasts, Ticket, Waiting};
pub use matcher::{Matcher, match_once};
pub use misses::{Misses, Nearest, Why};
pub use offer::{AgentId, Offer, OfferId, Window};
pub use plan::{Launch, LaunchedTask, Plan};
pub use policy::{Fitness, Gpus, Policy};

#[cfg(test)]
mod properties;
#[cfg(any(test, feature = "reference"))]
pub mod reference;
