//! A persistent array: a copy costs one pointer, and a change copies one small node on each level.
//!
//! Readers hold copies of all jobs, so every job that changes is copied away from them. With wide nodes
//! (64 pointers in the usual libraries) that touches the counters of 64 jobs that have nothing to do with
//! it, each a miss of the cache when there are a million. With eight it is eight, next to each other.

use std::sync::Arc;

/// Pointers in a node, and the bits of an index that choose one.
const WIDTH: usize = 8;
const BITS: u32 = 3;

/// Values by number.
#[derive(Clone, Debug)]
pub(crate) struct Slots<T> {
    root: Arc<Node<T>>,
    /// Levels above the leaves.
    height: u32,
}

#[derive(Debug)]
enum Node<T> {
    Inner([Option<Arc<Self>>; WIDTH]),
    Leaf([Option<Arc<T>>; WIDTH]),
}

impl<T> Clone for Node<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Inner(nodes) => Self::Inner(nodes.clone()),
            Self::Leaf(values) => Self::Leaf(values.clone()),
        }
    }
}

impl<T> Slots<T> {
    pub(crate) fn new() -> Self {
        Self {
            root: Arc::new(Node::Leaf([const { None }; WIDTH])),
            height: 0,
        }
    }

    pub(crate) fn get(&self, index: u32) -> Option<&Arc<T>> {
        if self.is_above(index) {
            return None;
        }
        let mut node = &*self.root;
        let mut level = self.height;
        loop {
            match node {
                Node::Leaf(values) => return values.get(place(index, 0))?.as_ref(),
                Node::Inner(nodes) => {
                    node = nodes.get(place(index, level))?.as_deref()?;
                    level = level.saturating_sub(1);
                }
            }
        }
    }

    pub(crate) fn set(&mut self, index: u32, value: Option<Arc<T>>) {
        while self.is_above(index) {
            let mut nodes = [const { None }; WIDTH];
            if let Some(first) = nodes.first_mut() {
                *first = Some(Arc::clone(&self.root));
            }
            self.root = Arc::new(Node::Inner(nodes));
            self.height = self.height.saturating_add(1);
        }
        *self.slot(index) = value;
    }

    /// Takes a value out; its place stays.
    pub(crate) fn take(&mut self, index: u32) -> Option<Arc<T>> {
        if self.is_above(index) {
            return None;
        }
        self.slot(index).take()
    }

    // The place of an index that is not above what the height allows; makes what is missing.
    fn slot(&mut self, index: u32) -> &mut Option<Arc<T>> {
        let mut node = Arc::make_mut(&mut self.root);
        let mut level = self.height;
        loop {
            match node {
                Node::Leaf(values) => {
                    return values
                        .get_mut(place(index, 0))
                        .expect("a place is below the width");
                }
                Node::Inner(nodes) => {
                    let next = nodes
                        .get_mut(place(index, level))
                        .expect("a place is below the width");
                    level = level.saturating_sub(1);
                    let made = next.get_or_insert_with(|| Arc::new(Node::empty(level)));
                    node = Arc::make_mut(made);
                }
            }
        }
    }

    fn is_above(&self, index: u32) -> bool {
        let bits = self.height.saturating_add(1).saturating_mul(BITS);
        index.checked_shr(bits).is_some_and(|rest| rest > 0)
    }
}

impl<T> Node<T> {
    const fn empty(level: u32) -> Self {
        if level == 0 {
            Self::Leaf([const { None }; WIDTH])
        } else {
            Self::Inner([const { None }; WIDTH])
        }
    }
}

const fn place(index: u32, level: u32) -> usize {
    let shifted = index >> level.saturating_mul(BITS);
    // Three bits fit any machine.
    (shifted & 7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_put_and_leaves_copies_alone() {
        let mut slots = Slots::new();
        let indexes = [0, 7, 8, 63, 64, 65, 4095, 4096, 1_000_000, u32::MAX];
        for index in indexes {
            assert!(slots.get(index).is_none(), "{index}");
            slots.set(index, Some(Arc::new(u64::from(index))));
        }
        let before = slots.clone();
        for index in indexes {
            let mut value = slots.take(index).unwrap();
            assert!(slots.get(index).is_none(), "{index}");
            *Arc::make_mut(&mut value) += 1;
            slots.set(index, Some(value));
        }
        slots.set(64, None);
        for index in indexes {
            let number = u64::from(index);
            assert_eq!(before.get(index).map(|value| **value), Some(number));
            let want = (index != 64).then_some(number + 1);
            assert_eq!(slots.get(index).map(|value| **value), want);
        }
        assert!(slots.get(9).is_none() && slots.take(9).is_none());
    }
}
