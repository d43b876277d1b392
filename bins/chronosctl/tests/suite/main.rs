//! The program from outside.

mod batch;
mod flags;
mod people;
mod program;
mod store;
mod tables;
