//! Matches tasks that wait to resource offers.
//!
//! A crate of its own because it is useful to any framework that takes offers.
#![warn(clippy::arithmetic_side_effects)]

mod advice;
mod amounts;
mod bits;
mod demand;
mod facts;
mod interner;
mod matcher;
mod misses;
mod offer;
mod offer_constraints;
mod plan;
mod policy;
mod queue;
mod round;

pub use advice::{Advice, Decline, DeclineWhy, RoleAdvice};
pub use demand::{Demand, DemandId, Lasts, Ticket, Waiting};
pub use matcher::{Matcher, match_once};
pub use misses::{Misses, Nearest, Why};
pub use offer::{AgentId, Offer, OfferId, Window};
pub use offer_constraints::{
    ConstraintPacer, OfferConstraint, OfferConstraints, Predicate, Selector,
};
pub use plan::{Launch, LaunchedTask, Plan};
pub use policy::{Fitness, Gpus, Policy};

#[cfg(test)]
mod properties;
#[cfg(any(test, feature = "reference"))]
pub mod reference;
