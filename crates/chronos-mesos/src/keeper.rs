//! What the adapter needs of whoever leads and stores.

use std::fmt;

use async_trait::async_trait;
use thiserror::Error;

/// Says whether we lead, and keeps the id of our framework.
#[async_trait]
pub trait Keeper: fmt::Debug + Send + Sync + 'static {
    /// Waits until we lead, and returns the id that is stored, if one is.
    async fn lead(&self) -> Option<String>;

    /// Waits until we do not lead any more, as we did when [`lead`](Self::lead) returned.
    async fn deposed(&self);

    /// Makes sure that we still lead; asked before every subscription.
    ///
    /// # Errors
    ///
    /// [`KeeperError::Unknown`] when that cannot be told now.
    async fn still_leads(&self) -> Result<(), KeeperError>;

    /// Stores the id, or that there is none.
    ///
    /// # Errors
    ///
    /// [`KeeperError`]; the id may or may not be stored then.
    async fn store_framework(&self, id: Option<String>) -> Result<(), KeeperError>;
}

/// What keeps a [`Keeper`] from it.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum KeeperError {
    /// Somebody else leads.
    #[error("somebody else leads")]
    Deposed,
    /// The store does not answer, or says that it does not know.
    #[error("the store does not say: {0}")]
    Unknown(String),
}
