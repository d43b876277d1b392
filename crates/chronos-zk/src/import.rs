//! What Chronos left on `ZooKeeper`, and how it comes over.
//!
//! ```text
//! ChronosTree::read ──► ChronosTree ──► ImportPlan::new ──► ImportPlan ──► apply
//! (the old nodes,        jobs, tasks,    (what is in the     each job:       (commits to
//!  only looked at)       framework id    target already)     before, after)   any store)
//! ```
//!
//! `entry` takes the old values out of their envelope, `document` makes definitions of them, `read`
//! walks the nodes, `plan` compares with the target, `next` says when a job comes before and after.
//! Nothing is ever written to the old tree.

mod document;
mod entry;
mod next;
mod plan;
mod read;

pub use next::NextRun;
pub use plan::{Action, ImportError, ImportOptions, ImportPlan, PlannedJob, PlannedTask, TaskFate};
pub use read::{ChronosTree, FoundJob, FoundTask, ReadError};
