//! `ZooKeeper` servers for the tests, as a daemon is told of them.

use std::ops::{Deref, DerefMut};

use zk_server::{Ensemble, Setup};

/// Servers that hold one tree; they end with this value.
#[derive(Debug)]
pub(crate) struct ZooKeeper(Ensemble);

impl ZooKeeper {
    /// Starts so many servers.
    pub(crate) fn start(count: usize) -> Self {
        Self::start_with(count, &Setup::default())
    }

    /// Starts so many servers that are set up like this.
    pub(crate) fn start_with(count: usize, setup: &Setup) -> Self {
        Self(Ensemble::start_with(count, setup))
    }

    /// The flag with which a daemon finds them.
    pub(crate) fn flag(&self) -> String {
        format!("--zk_hosts={}", self.address())
    }

    /// Where they are, and the root node.
    pub(crate) fn address(&self) -> String {
        format!("zk://{}/chronos", self.hosts())
    }
}

impl Deref for ZooKeeper {
    type Target = Ensemble;

    fn deref(&self) -> &Ensemble {
        &self.0
    }
}

impl DerefMut for ZooKeeper {
    fn deref_mut(&mut self) -> &mut Ensemble {
        &mut self.0
    }
}
