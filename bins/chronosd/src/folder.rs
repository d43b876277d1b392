//! The folder of job files: what is in it becomes what runs, at start and on every change.

mod files;
mod sync;
mod watch;

pub(crate) use watch::keep_in_step;
