//! Acyclic dependencies over any ordered key.
//!
//! A crate of its own because it knows nothing of jobs: it keeps who depends on whom, refuses
//! cycles with the path that would close, and gives orders and pictures. `petgraph` does the
//! storage and never shows in a signature.
//!
//! # Examples
//!
//! ```
//! use job_graph::{GraphError, JobGraph};
//!
//! let mut graph = JobGraph::new();
//! graph.insert("extract", [])?;
//! graph.insert("load", ["extract"])?;
//! graph.insert("report", ["load"])?;
//! assert_eq!(graph.children(&"extract"), ["load"]);
//! assert_eq!(graph.order(), ["extract", "load", "report"]);
//!
//! let error = graph.insert("extract", ["report"]).unwrap_err();
//! assert_eq!(error.to_string(), "would close the cycle extract -> load -> report -> extract");
//! # Ok::<(), GraphError<&str>>(())
//! ```
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

mod dot;
mod error;
mod graph;

pub use error::GraphError;
pub use graph::JobGraph;
