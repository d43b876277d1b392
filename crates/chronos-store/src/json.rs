//! The JSON in which stores keep values: one form for all of them.
//!
//! It outlives the program that wrote it, in both directions:
//!
//! * new reader, old data: a missing field has its default, and so does `null`;
//! * old reader, new data: an unknown field is ignored, and lost when the record is next written. A
//!   field that must not be lost raises the record's version, which older readers refuse: the record
//!   is quarantined there, not misread.
//!
//! A field that is there but of the wrong kind is an error that names it: guessing at progress would
//! run a job twice or not at all. What is written is listed field by field, by taking the value apart,
//! so that a new field cannot be forgotten.

mod calendar;
mod fields;
mod framework;
mod generation;
mod progress;
mod run;
mod spec;
mod tomb;

pub(crate) use self::generation::{decode_generation, encode_generation};
pub use self::{
    calendar::{decode_calendar, encode_calendar},
    framework::{decode_framework_id, encode_framework_id},
    progress::{decode_progress, encode_progress},
    run::{decode_run, encode_run},
    spec::{decode_spec, encode_spec},
    tomb::{decode_tomb, encode_tomb},
};
