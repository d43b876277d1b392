//! The messages, as `prost` makes them from `proto/`.
//!
//! What to know before using them:
//!
//! * The accessor of an enum answers an unknown number with the first value that is declared: a task state of a later
//!   version would read as `TASK_STAGING`. Convert the number yourself (`TaskState::try_from(status.state)`).
//! * A required field that is missing is no error; an id may be empty. [`crate::event`] checks what matters.
//! * Required fields are written even when nobody set them, so `..Default::default()` decides on a container type.
//! * Defaults live in accessors: `shell()` is `true` when the field is absent.
//! * Texts that people write are bytes; see `proto/mesos/v1/mesos.proto`.
//!
//! `src/gen` is checked in; a test makes it anew and fails when it differs.

#![expect(
    missing_docs,
    clippy::pedantic,
    clippy::use_self,
    reason = "written by prost; fields are described where they are declared, in proto/"
)]

include!("gen/mesos.v1.rs");

/// What a framework and the master say to each other.
pub mod scheduler {
    include!("gen/mesos.v1.scheduler.rs");
}

/// The part of an agent's API with which logs are read.
pub mod agent {
    include!("gen/mesos.v1.agent.rs");
}

/// The part of the operator's API with which tests move a cluster.
pub mod master {
    include!("gen/mesos.v1.master.rs");
}
