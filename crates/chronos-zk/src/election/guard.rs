//! The node by which the servers themselves know who leads.

use std::sync::{Arc, Mutex, PoisonError};

/// Tells a store which node of the election is ours while we lead.
///
/// The servers check at each write that it is there. It goes with the session of the election, so what a
/// leader sends that was stopped or cut off is refused from the instant on at which another one may lead,
/// before that one has written anything.
#[derive(Clone, Debug, Default)]
pub struct Guard(Arc<Mutex<Option<String>>>);

impl Guard {
    /// Makes one for a daemon that does not lead.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the path of the node below the root, `None` while we do not lead.
    pub fn node(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set(&self, node: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = node;
    }
}
