//! What the crate promises, from outside.

mod generated;
mod golden;
mod histories;
mod invariants;
mod kit;
mod recorded;
mod recordings;
mod recordio;
mod transitions;
