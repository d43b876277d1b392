//! The resources of a cluster, as Apache Mesos counts them: amounts, whose they are, what agents say
//! of themselves, and conditions over that.
//!
//! A crate of its own because three very different users share it: the job model (what a task
//! wants), the offer matcher (what an agent has) and a Mesos adapter (what goes on the wire). It knows
//! no messages: converting is a field by field copy.
//!
//! | for | see |
//! |---|---|
//! | exact numbers: thousandths in an integer, as the master compares them | [`Scalar`] |
//! | cpus, mem and disk together, what every task wants | [`Resources`] |
//! | ports and other ranges | [`Ranges`] |
//! | an entry of an offer: name, amount, and whose it is | [`Parcel`], [`Amount`], [`Identity`] |
//! | all entries of an offer, with sums that never mix two owners | [`Parcels`] |
//! | what an agent says of itself | [`Attributes`] |
//! | conditions over that, compiled once | [`Constraint`] |
//!
//! # One minute
//!
//! ```
//! use std::sync::Arc;
//! use resources::{
//!     Attribute, AttributeValue, Attributes, Constraint, Identity, Operator, Parcel, Parcels, Ranges,
//!     Resources, Scalar,
//! };
//!
//! // Plain amounts: exact, so that what is taken can be given back.
//! let offered = Resources::new("4".parse()?, "2048".parse()?, "10000".parse()?);
//! let wanted = Resources::new("0.1".parse()?, "128".parse()?, "256".parse()?);
//! assert!(offered.covers(&wanted));
//! assert_eq!(offered.minus(&wanted).cpus, "3.9".parse()?);
//!
//! // An offer as Mesos makes it: some of it reserved for a role. The reserved part is used first.
//! let reserved = Arc::new(Identity::from_single("cron", None).allocated_to("cron"));
//! let unreserved = Arc::new(Identity::from_single("*", None).allocated_to("cron"));
//! let mut offer = Parcels::new([
//!     Parcel::scalar("cpus", Scalar::from_units(1), &reserved),
//!     Parcel::scalar("cpus", Scalar::from_units(3), &unreserved),
//!     Parcel::ranges("ports", Ranges::new([(31_000, 31_999)]), &unreserved),
//! ]);
//! let task = offer.take("cpus", Scalar::from_units(2), |_| true).expect("there are four");
//! assert_eq!(task.to_string(), "cpus(cron):1; cpus(*):1");
//!
//! // A condition on the agent.
//! let agent = Attributes::new("node-1", [Attribute::new("rack", AttributeValue::text("r7"))]);
//! assert!(Constraint::new("rack", Operator::Like, "r[0-9]")?.holds(&agent));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Promises
//!
//! * Adding and subtracting are exact, and defined only between entries that differ in nothing but
//!   the amount: another reservation, label, disk, provider or revocability is another resource.
//! * Every value is a plain value: no clock, no hashing, no global state. Equal questions get equal
//!   answers, and the order of the input does not matter.
//! * An unknown operator is an error, and so is a value that its operator cannot use.
#![cfg_attr(doctest, doc = include_str!("../README.md"))]
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

mod attributes;
mod constraint;
mod expression;
mod identity;
mod number;
mod operator;
mod parcel;
mod parcels;
mod quantity;
mod ranges;
mod scalar;

pub use attributes::{Attribute, AttributeValue, Attributes};
pub use constraint::{Constraint, ConstraintError, Spread};
pub use identity::{
    ANY_ROLE, Disk, DiskSource, Identity, Reservation, ReservationForm, ReservationKind,
};
pub use number::Number;
pub use operator::Operator;
pub use parcel::{Amount, Parcel};
pub use parcels::{NotContained, Parcels};
pub use quantity::{Resource, Resources};
pub use ranges::Ranges;
pub use scalar::{Scalar, ScalarError};
