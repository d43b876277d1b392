//! The graph as a picture description for Graphviz.

use std::{collections::BTreeMap, fmt, fmt::Write as _};

use crate::JobGraph;

impl<K: Clone + fmt::Display + Ord> JobGraph<K> {
    /// Returns the graph in the DOT language, in the shape that Chronos' clients parse: numbered
    /// nodes with a label, then the edges between the numbers.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut graph = job_graph::JobGraph::new();
    /// graph.insert("a", [])?;
    /// graph.insert("b", ["a"])?;
    /// assert_eq!(
    ///     graph.dot(),
    ///     "digraph G {\n  1 [ label=\"a\" ];\n  2 [ label=\"b\" ];\n  1 -> 2;\n}\n"
    /// );
    /// # Ok::<(), job_graph::GraphError<&str>>(())
    /// ```
    pub fn dot(&self) -> String {
        let numbers: BTreeMap<&K, usize> = self.keys().zip(1..).collect();
        let mut text = String::from("digraph G {\n");
        for (key, number) in &numbers {
            // Writing to a string cannot fail.
            let _always_ok = writeln!(
                text,
                "  {number} [ label=\"{}\" ];",
                escaped(&key.to_string())
            );
        }
        for (parent, child) in self.links() {
            if let (Some(parent), Some(child)) = (numbers.get(&parent), numbers.get(&child)) {
                let _always_ok = writeln!(text, "  {parent} -> {child};");
            }
        }
        text.push_str("}\n");
        text
    }
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"")
}
