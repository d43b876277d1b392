//! Reading and writing job documents, against the cases of Chronos and against arbitrary input.

mod accepted;
mod calendar;
mod generate;
mod preview;
mod refused;
mod round_trip;
mod schedule;
mod support;
mod written;
