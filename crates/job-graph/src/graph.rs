//! The graph: nodes, edges from parent to child, and no cycles.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::{Direction, stable_graph::NodeIndex, stable_graph::StableDiGraph};

use crate::GraphError;

/// Dependencies between nodes, always acyclic.
///
/// Every answer is in the order of the keys, so that equal graphs give equal answers.
#[derive(Clone, Debug)]
pub struct JobGraph<K> {
    edges: StableDiGraph<K, ()>,
    nodes: BTreeMap<K, NodeIndex>,
}

impl<K: Clone + Ord> JobGraph<K> {
    /// Makes an empty graph.
    pub fn new() -> Self {
        Self {
            edges: StableDiGraph::new(),
            nodes: BTreeMap::new(),
        }
    }

    /// Returns the number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether the node is there.
    pub fn contains(&self, key: &K) -> bool {
        self.nodes.contains_key(key)
    }

    /// Puts a node with exactly these parents; one that is there gets them instead of its old ones.
    ///
    /// Costs the number of nodes below `key`, which is none for a new one.
    ///
    /// # Errors
    ///
    /// [`GraphError::UnknownParents`] and [`GraphError::Cycle`]; the graph is left as it was.
    pub fn insert(
        &mut self,
        key: K,
        parents: impl IntoIterator<Item = K>,
    ) -> Result<(), GraphError<K>> {
        let parents: BTreeSet<K> = parents.into_iter().collect();
        self.check(&key, &parents)?;
        let node = if let Some(&node) = self.nodes.get(&key) {
            node
        } else {
            let node = self.edges.add_node(key.clone());
            self.nodes.insert(key, node);
            node
        };
        let old: Vec<_> = self
            .edges
            .edges_directed(node, Direction::Incoming)
            .map(|edge| edge_id(&edge))
            .collect();
        for edge in old {
            self.edges.remove_edge(edge);
        }
        for parent in &parents {
            if let Some(&parent) = self.nodes.get(parent) {
                self.edges.add_edge(parent, node, ());
            }
        }
        Ok(())
    }

    /// Says whether [`insert`](Self::insert) would succeed, without changing anything.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn check(&self, key: &K, parents: &BTreeSet<K>) -> Result<(), GraphError<K>> {
        if parents.contains(key) {
            return Err(GraphError::Cycle {
                path: vec![key.clone(), key.clone()],
            });
        }
        let unknown: Vec<K> = parents
            .iter()
            .filter(|parent| !self.contains(parent))
            .cloned()
            .collect();
        if !unknown.is_empty() {
            return Err(GraphError::UnknownParents { parents: unknown });
        }
        match self.path_to_any(key, parents) {
            Some(path) => Err(GraphError::Cycle { path }),
            None => Ok(()),
        }
    }

    /// Removes a node that nobody depends on; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// [`GraphError::HasChildren`] with all of them.
    pub fn remove(&mut self, key: &K) -> Result<(), GraphError<K>> {
        let children = self.children(key);
        if !children.is_empty() {
            return Err(GraphError::HasChildren { children });
        }
        if let Some(node) = self.nodes.remove(key) {
            self.edges.remove_node(node);
        }
        Ok(())
    }

    /// Returns the nodes that depend on this one directly.
    pub fn children(&self, key: &K) -> Vec<K> {
        self.neighbours(key, Direction::Outgoing)
    }

    /// Returns the nodes this one depends on directly.
    pub fn parents(&self, key: &K) -> Vec<K> {
        self.neighbours(key, Direction::Incoming)
    }

    /// Returns all nodes that depend on this one, directly or not, parents before children.
    pub fn descendants(&self, key: &K) -> Vec<K> {
        let mut found = BTreeSet::new();
        let mut open = vec![key.clone()];
        while let Some(next) = open.pop() {
            for child in self.children(&next) {
                if found.insert(child.clone()) {
                    open.push(child);
                }
            }
        }
        self.order()
            .into_iter()
            .filter(|node| found.contains(node))
            .collect()
    }

    /// Returns all nodes, parents before children, and by key where that leaves a choice.
    pub fn order(&self) -> Vec<K> {
        let mut waiting: BTreeMap<&K, usize> = self
            .nodes
            .iter()
            .map(|(key, &node)| {
                (
                    key,
                    self.edges.edges_directed(node, Direction::Incoming).count(),
                )
            })
            .collect();
        let mut ready: BTreeSet<&K> = waiting
            .iter()
            .filter(|&(_, &count)| count == 0)
            .map(|(&key, _)| key)
            .collect();
        let mut order = Vec::with_capacity(self.nodes.len());
        while let Some(key) = ready.pop_first() {
            order.push(key.clone());
            let Some(&node) = self.nodes.get(key) else {
                continue;
            };
            for child in self.edges.neighbors_directed(node, Direction::Outgoing) {
                let Some(child) = self.edges.node_weight(child) else {
                    continue;
                };
                if let Some(count) = waiting.get_mut(child) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        ready.insert(child);
                    }
                }
            }
        }
        order
    }

    /// Returns all edges, as parent and child.
    pub fn links(&self) -> Vec<(K, K)> {
        self.nodes
            .keys()
            .flat_map(|key| {
                self.children(key)
                    .into_iter()
                    .map(move |child| (key.clone(), child))
            })
            .collect()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.nodes.keys()
    }

    fn neighbours(&self, key: &K, direction: Direction) -> Vec<K> {
        let Some(&node) = self.nodes.get(key) else {
            return Vec::new();
        };
        let mut found: Vec<K> = self
            .edges
            .neighbors_directed(node, direction)
            .filter_map(|other| self.edges.node_weight(other))
            .cloned()
            .collect();
        found.sort();
        found
    }

    // The way down from `key` to one of `targets`, which an edge back to `key` would close.
    fn path_to_any(&self, key: &K, targets: &BTreeSet<K>) -> Option<Vec<K>> {
        let &start = self.nodes.get(key)?;
        let goals: BTreeSet<NodeIndex> = targets
            .iter()
            .filter_map(|target| self.nodes.get(target))
            .copied()
            .collect();
        if goals.is_empty() {
            return None;
        }
        let mut came_from = BTreeMap::from([(start, start)]);
        let mut open = std::collections::VecDeque::from([start]);
        while let Some(node) = open.pop_front() {
            if goals.contains(&node) {
                return Some(self.path_back(start, node, &came_from));
            }
            for child in self.edges.neighbors_directed(node, Direction::Outgoing) {
                came_from.entry(child).or_insert_with(|| {
                    open.push_back(child);
                    node
                });
            }
        }
        None
    }

    fn path_back(
        &self,
        start: NodeIndex,
        end: NodeIndex,
        came_from: &BTreeMap<NodeIndex, NodeIndex>,
    ) -> Vec<K> {
        let mut nodes = vec![start];
        let mut node = end;
        while node != start {
            nodes.push(node);
            match came_from.get(&node) {
                Some(&before) => node = before,
                None => break,
            }
        }
        nodes.push(start);
        nodes.reverse();
        nodes
            .into_iter()
            .filter_map(|node| self.edges.node_weight(node))
            .cloned()
            .collect()
    }
}

impl<K: Clone + Ord> Default for JobGraph<K> {
    fn default() -> Self {
        Self::new()
    }
}

fn edge_id<E: petgraph::visit::EdgeRef>(edge: &E) -> E::EdgeId {
    edge.id()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&'static str, &[&'static str])]) -> JobGraph<&'static str> {
        let mut graph = JobGraph::new();
        for (key, parents) in edges {
            graph.insert(*key, parents.iter().copied()).unwrap();
        }
        graph
    }

    #[test]
    fn refuses_cycles_with_their_path_and_stays_as_it_was() {
        let mut graph = graph(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("d", &["a"])]);
        let cases: [(&str, &[&str], &[&str]); 4] = [
            ("a", &["a"], &["a", "a"]),
            ("a", &["c"], &["a", "b", "c", "a"]),
            ("b", &["d", "c"], &["b", "c", "b"]),
            ("new", &["new"], &["new", "new"]),
        ];
        for (key, parents, path) in cases {
            let before = graph.links();
            let got = graph.insert(key, parents.iter().copied());
            assert_eq!(
                got,
                Err(GraphError::Cycle {
                    path: path.to_vec()
                }),
                "{key} after {parents:?}"
            );
            assert_eq!(graph.links(), before);
        }
    }

    #[test]
    fn names_all_unknown_parents() {
        let mut graph = graph(&[("a", &[])]);
        let got = graph.insert("b", ["y", "a", "x"]);
        assert_eq!(
            got,
            Err(GraphError::UnknownParents {
                parents: vec!["x", "y"]
            })
        );
        assert!(!graph.contains(&"b"));
    }

    #[test]
    fn replaces_parents() {
        // Case 119 of Chronos: a new definition keeps the edges to its children.
        let mut graph = graph(&[("a", &[]), ("b", &[]), ("c", &["a"]), ("d", &["c"])]);
        graph.insert("c", ["b"]).unwrap();
        assert_eq!(graph.links(), [("b", "c"), ("c", "d")]);
        graph.insert("c", []).unwrap();
        assert_eq!(graph.links(), [("c", "d")]);
    }

    #[test]
    fn removes_only_what_nobody_needs() {
        let mut graph = graph(&[("a", &[]), ("b", &["a"]), ("c", &["a"])]);
        assert_eq!(
            graph.remove(&"a"),
            Err(GraphError::HasChildren {
                children: vec!["b", "c"]
            })
        );
        graph.remove(&"b").unwrap();
        graph.remove(&"c").unwrap();
        graph.remove(&"a").unwrap();
        graph.remove(&"a").unwrap();
        assert!(graph.is_empty());
    }

    #[test]
    fn orders_parents_first() {
        let graph = graph(&[("z", &[]), ("m", &["z"]), ("a", &["m"]), ("b", &["z"])]);
        assert_eq!(graph.order(), ["z", "b", "m", "a"]);
        assert_eq!(graph.descendants(&"m"), ["a"]);
        assert_eq!(graph.descendants(&"z"), ["b", "m", "a"]);
    }
}
