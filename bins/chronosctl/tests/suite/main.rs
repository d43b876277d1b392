//! The program from outside.

mod batch;
mod flags;
mod import;
mod people;
mod program;
mod secure;
mod store;
mod tables;
