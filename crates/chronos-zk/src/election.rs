//! Who leads: at most one of several daemons, and another one when that one is gone.
//!
//! `candidate` decides, as a pure value, and `driver` carries out what it says; `lease` says for how long a leader may act on what it last
//! heard. Whoever leads begins a term in the store, and from then on the servers refuse what an older
//! leader still sends, so an election that is wrong for a moment costs time and no job.

mod candidate;
mod driver;
mod guard;
mod lease;
#[cfg(test)]
mod world;

pub use candidate::{Candidate, Event, Order, Own};
pub use driver::{Election, ElectionOptions, Leadership, Proof};
pub use guard::Guard;
pub use lease::Lease;
