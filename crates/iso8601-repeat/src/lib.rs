#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::float_arithmetic
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod civil;
mod error;
mod interval;
#[cfg(feature = "jiff")]
mod jiff;
mod moment;
mod occurrence;
mod options;
mod parse;
mod period;
mod profile;
mod repetitions;
mod schedule;
#[cfg(feature = "serde")]
mod serde;
mod stepper;
mod zone;

pub use error::{Hint, ParseError, ParseErrorKind};
pub use interval::{BuildError, IntervalBuilder, RepeatingInterval};
#[cfg(feature = "jiff")]
pub use jiff::JiffError;
pub use moment::Moment;
pub use occurrence::{Occurrence, UnixTime};
pub use options::{Gap, OffsetPolicy, Options, Overlap, UnknownPolicy};
pub use period::Period;
pub use profile::Profile;
pub use repetitions::Repetitions;
pub use schedule::{Backward, Forward, Schedule, ScheduleError};
pub use stepper::Stepper;
pub use zone::{UnknownZone, Zone, table::ZoneTable};
