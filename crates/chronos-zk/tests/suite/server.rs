//! Addresses on the servers of the tests.

use chronos_zk::ZkAddress;
use zk_server::fresh_root;
pub(crate) use zk_server::{Server, shared};

/// Gives every test a tree of its own.
pub(crate) trait Fresh {
    /// Returns an address with an empty root of its own.
    fn fresh(&self) -> ZkAddress;

    /// Returns such an address by way of another port.
    fn fresh_at(&self, port: u16) -> ZkAddress;
}

impl Fresh for Server {
    fn fresh(&self) -> ZkAddress {
        self.fresh_at(self.port())
    }

    fn fresh_at(&self, port: u16) -> ZkAddress {
        let text = format!("zk://127.0.0.1:{port}{}", fresh_root());
        text.parse().unwrap()
    }
}
