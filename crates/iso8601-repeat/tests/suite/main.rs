//! The tests of the crate from outside, one module for each question.

mod chronos;
mod corpus;
mod errors;
mod features;
mod forms;
mod iteration;
mod next;
mod policies;
mod properties;
mod support;
mod zones;
