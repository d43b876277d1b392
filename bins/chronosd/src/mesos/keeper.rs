//! What the connection to Mesos needs of the store.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chronos_mesos::{Keeper, KeeperError};
use chronos_model::{FrameworkId, Write};
use chronos_runtime::Tenure;
use chronos_store::{ErrorClass, Store, Term};
use tokio::sync::watch;

/// The term and the id, as the store has them.
pub(super) struct StoreKeeper {
    store: Arc<dyn Store>,
    told: watch::Receiver<Option<Tenure>>,
    /// The term in which we began to lead.
    begun: Mutex<Option<Term>>,
}

impl fmt::Debug for StoreKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreKeeper").finish_non_exhaustive()
    }
}

impl StoreKeeper {
    pub(super) fn new(store: Arc<dyn Store>, told: watch::Receiver<Option<Tenure>>) -> Self {
        Self {
            store,
            told,
            begun: Mutex::default(),
        }
    }

    // Under the term that stands; a commit without writes asks whether it does.
    async fn commit(&self, writes: Vec<Write>) -> Result<(), KeeperError> {
        let tenure = self.told.borrow().clone();
        let Some(tenure) = tenure else {
            return Err(KeeperError::Deposed);
        };
        match self.store.commit(tenure.term, writes).await {
            Ok(()) => Ok(()),
            Err(error) if error.class() == ErrorClass::TermOver => Err(KeeperError::Deposed),
            Err(error) => Err(KeeperError::Unknown(error.to_string())),
        }
    }
}

/// How long to wait before a term is looked at again that is over, or of which nobody knows.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

#[async_trait]
impl Keeper for StoreKeeper {
    async fn lead(&self) -> Option<String> {
        let mut told = self.told.clone();
        loop {
            let begun = told.wait_for(Option::is_some).await.map(|it| it.clone());
            let Ok(tenure) = begun else {
                // The loop has ended, and nobody will lead here any more.
                return std::future::pending().await;
            };
            if self.commit(Vec::new()).await.is_ok() {
                let term = tenure.as_ref().map(|tenure| tenure.term);
                *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = term;
                let id = tenure.and_then(|tenure| tenure.framework_id);
                return id.map(|id| id.to_string());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn deposed(&self) {
        let begun = *self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told = self.told.clone();
        let over = told.wait_for(|it| it.as_ref().map(|tenure| tenure.term) != begun);
        // When the loop has ended, its calls end too, and what is owed is to go out before.
        if over.await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    async fn still_leads(&self) -> Result<(), KeeperError> {
        self.commit(Vec::new()).await
    }

    async fn store_framework(&self, id: Option<String>) -> Result<(), KeeperError> {
        let id = id.map(|id| id.parse::<FrameworkId>()).transpose();
        let id = id.map_err(|error| KeeperError::Unknown(format!("the master's id {error}")))?;
        self.commit(vec![Write::PutFrameworkId(id)]).await
    }
}
