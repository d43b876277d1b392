//! What the crate promises, from outside.

mod constraints;
mod generated;
mod golden;
mod histories;
mod invariants;
mod kit;
mod recorded;
mod recordings;
mod recordio;
mod transitions;
