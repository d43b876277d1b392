//! What the crate promises, from outside.

mod generated;
mod golden;
mod recordings;
mod recordio;
