//! What an operator may order when masters do not want us.

use mesos_v1::driver::Request;
use thiserror::Error;
use tokio::sync::{mpsc, watch};

use crate::{Standing, Status};

/// What an operator may order.
#[derive(Clone, Debug)]
pub struct Control {
    requests: mpsc::Sender<Request>,
    status: watch::Receiver<Status>,
}

/// Why an order is not carried out.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum NotOrdered {
    /// The masters did not refuse us, so there is nothing to try again.
    #[error("nothing was refused: {0}")]
    NotRefused(Status),
    /// An id that was removed stays removed, however often it is tried.
    #[error("the framework was removed, and masters never take it back; it can be forgotten")]
    IsRemoved,
    /// The framework was not removed: if it were forgotten, its tasks would run on without anybody who knows them.
    #[error("the framework was not removed, so it is not forgotten: {0}")]
    NotRemoved(Status),
    /// Another framework is ours.
    #[error("our framework is {ours}, not {asked}")]
    Other {
        /// Whose id it is.
        ours: String,
        /// Whose id was said.
        asked: String,
    },
    /// The connection has stopped.
    #[error("the connection to Mesos has stopped")]
    Stopped,
}

impl Control {
    pub(crate) const fn new(
        requests: mpsc::Sender<Request>,
        status: watch::Receiver<Status>,
    ) -> Self {
        Self { requests, status }
    }

    /// Tries again although the masters refused us.
    ///
    /// # Errors
    ///
    /// [`NotOrdered`].
    pub async fn retry(&self) -> Result<(), NotOrdered> {
        let status = self.status.borrow().clone();
        match status.standing {
            Standing::Refused(_) => self.order(Request::Retry).await,
            Standing::Removed(_) => Err(NotOrdered::IsRemoved),
            Standing::Starting | Standing::Subscribed | Standing::Waiting(_) | Standing::Idle => {
                Err(NotOrdered::NotRefused(status))
            }
        }
    }

    /// Gives up the id of a framework that was removed: what ran counts as lost, and we register as a new one. The id is
    /// said once more by whoever orders it.
    ///
    /// # Errors
    ///
    /// [`NotOrdered`].
    pub async fn forget_framework(&self, id: &str) -> Result<(), NotOrdered> {
        let status = self.status.borrow().clone();
        if !matches!(status.standing, Standing::Removed(_)) {
            return Err(NotOrdered::NotRemoved(status));
        }
        let ours = status.framework.unwrap_or_default();
        if ours != id {
            let asked = id.to_owned();
            return Err(NotOrdered::Other { ours, asked });
        }
        self.order(Request::ForgetFramework).await
    }

    async fn order(&self, request: Request) -> Result<(), NotOrdered> {
        let sent = self.requests.send(request).await;
        sent.map_err(|_closed| NotOrdered::Stopped)
    }
}
