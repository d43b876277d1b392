//! Exact resource quantities, agent attributes and the constraints over them.
//!
//! A crate of its own because three very different users share it: the job model (what a task
//! wants), the offer matcher (what an agent has) and the Mesos adapter (what goes on the wire).
//! Quantities are integers of thousandths, as Mesos itself compares them, so that subtracting what
//! was added always ends at the same value.
//!
//! # Examples
//!
//! ```
//! use resources::{Attribute, AttributeValue, Attributes, Constraint, Operator, Resources, Scalar};
//!
//! let offered = Resources::new("4".parse()?, "2048".parse()?, "10000".parse()?);
//! let wanted = Resources::new("0.1".parse()?, "128".parse()?, "256".parse()?);
//! assert!(offered.covers(&wanted));
//! assert_eq!(offered.minus(&wanted).cpus, "3.9".parse()?);
//!
//! let attributes = Attributes::new("node-1", [Attribute::new("rack", AttributeValue::text("r7"))]);
//! let constraint = Constraint::new("rack", Operator::Like, "r[0-9]")?;
//! assert!(constraint.holds(&attributes));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

mod attributes;
mod constraint;
mod quantity;
mod scalar;

pub use attributes::{Attribute, AttributeValue, Attributes};
pub use constraint::{Constraint, ConstraintError, Operator};
pub use quantity::{Resource, Resources};
pub use scalar::{Scalar, ScalarError};
