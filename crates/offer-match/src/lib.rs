//! Matches wanted tasks to resource offers, and says why the rest waits.
//!
//! A crate of its own because it is useful to any framework that takes offers: given the demands and
//! the offers at hand it decides what goes where. Pure and without memory: the same question gets
//! the same answer.
//!
//! # Examples
//!
//! ```
//! use offer_match::{Demand, Supply, match_offers};
//! use resources::{Attributes, Resources};
//!
//! let small = Resources::new("0.1".parse()?, "128".parse()?, "256".parse()?);
//! let big = Resources::new("64".parse()?, "128".parse()?, "256".parse()?);
//! let agent = Supply::new(Resources::new("2".parse()?, "4096".parse()?, "9000".parse()?), Attributes::new("node-1", []));
//!
//! let plan = match_offers(&[Demand::new(big), Demand::new(small)], &[agent]);
//! assert_eq!(plan.placement(1), Some(0), "the big one in front costs the small one nothing");
//! assert_eq!(plan.misses(0).unwrap().to_string(), "1 offer lacks cpus (needs 64, best 2)");
//! # Ok::<(), resources::ScalarError>(())
//! ```
#![warn(clippy::arithmetic_side_effects)]

mod demand;
mod matcher;
mod misses;

pub use demand::{Demand, Supply};
pub use matcher::{Plan, match_offers};
pub use misses::Misses;
