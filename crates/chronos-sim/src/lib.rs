//! A seeded world around the scheduler, and the oracles that judge what happened in it.
//!
//! A [`Script`](script::Script) says what operators do and what breaks; [`World`](world::World) plays
//! it around the real scheduler, in virtual time, and leaves [`Evidence`](evidence::Evidence); the
//! [`oracles`] look at the evidence alone. [`trial`] puts these together, [`shrink`] makes a failing
//! script smaller.
//!
//! A crate of its own because nothing that is shipped may know it; it is for tests, benches and
//! `cargo xtask simulate`.

pub mod clock;
pub mod dice;
pub mod document;
pub mod evidence;
pub mod oracles;
pub mod plan;
pub mod script;
pub mod shrink;
pub mod store;
pub mod trial;
pub mod work;
pub mod world;
