//! Why the graph refuses a change.

use std::fmt;

/// Why the graph refuses a change; it is left as it was.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum GraphError<K> {
    /// The new edges would close a cycle.
    Cycle {
        /// The nodes along it, the first one again at the end.
        path: Vec<K>,
    },
    /// Some parents are not in the graph.
    UnknownParents {
        /// All of them, in order.
        parents: Vec<K>,
    },
    /// Other nodes depend on the one to be removed.
    HasChildren {
        /// All of them, in order.
        children: Vec<K>,
    },
}

impl<K: fmt::Display> fmt::Display for GraphError<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cycle { path } => write!(f, "would close the cycle {}", joined(path, " -> ")),
            Self::UnknownParents { parents } => {
                write!(f, "unknown parents: {}", joined(parents, ", "))
            }
            Self::HasChildren { children } => write!(f, "has children: {}", joined(children, ", ")),
        }
    }
}

impl<K: fmt::Debug + fmt::Display> std::error::Error for GraphError<K> {}

fn joined<K: fmt::Display>(keys: &[K], separator: &str) -> String {
    keys.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(separator)
}
