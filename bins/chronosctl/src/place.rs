//! Where a store is: a data folder, or a node of ZooKeeper.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    str::FromStr,
    time::{Duration, SystemTime},
};

use chronos_model::{Snapshot, Timestamp};
use chronos_store::{HISTORY_DEFAULT, SqliteOptions, SqliteReader, SqliteStore, Store, Term};
use chronos_zk::{
    AddressError, ZK_HISTORY_DEFAULT, ZkAddress, ZkOptions, ZkReader, ZkStore, candidates,
};

use crate::exit::Failure;

/// How long servers are waited for.
pub(crate) const ZK_TIMEOUT: Duration = Duration::from_secs(10);

/// The database in a data folder.
const DATABASE: &str = "chronos.sqlite3";

/// A data folder, or `zk://host:port/path`.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Folder(PathBuf),
    Zk(ZkAddress),
}

impl FromStr for Place {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.starts_with("zk://") {
            return text.parse().map(Self::Zk);
        }
        Ok(Self::Folder(text.into()))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Zk(address) => address.fmt(f),
        }
    }
}

impl Place {
    /// Takes user and password, where they were given beside the address.
    pub(crate) fn with_auth(self, auth: Option<&str>) -> Result<Self, Failure> {
        match (self, auth) {
            (Self::Zk(address), Some(auth)) => Ok(Self::Zk(with_auth(address, Some(auth))?)),
            (place, _) => Ok(place),
        }
    }

    /// Says how ZooKeeper is spoken to; a folder needs nothing.
    pub(crate) fn with_zk(
        self,
        secure: impl FnOnce(ZkAddress) -> Result<ZkAddress, Failure>,
    ) -> Result<Self, Failure> {
        match self {
            Self::Zk(address) => secure(address).map(Self::Zk),
            Self::Folder(_) => Ok(self),
        }
    }

    /// Makes what is written there readable by its user only, as `--zk_private` of the daemon does.
    pub(crate) fn private(self, private: bool) -> Result<Self, Failure> {
        match self {
            Self::Zk(address) if private && address.has_auth() => Ok(Self::Zk(address.private())),
            Self::Zk(address) if private => Err(Failure::Refused(format!(
                "{address}: only what belongs to a user can be private; give a user"
            ))),
            place @ (Self::Folder(_) | Self::Zk(_)) => Ok(place),
        }
    }

    /// Returns how many ended runs of each job a store there keeps, unless told otherwise.
    pub(crate) const fn history(&self) -> usize {
        match self {
            Self::Folder(_) => HISTORY_DEFAULT,
            Self::Zk(_) => ZK_HISTORY_DEFAULT,
        }
    }

    /// Returns what is stored there, without writing anything; nothing where there is no store.
    pub(crate) async fn look(&self) -> Result<Snapshot, Failure> {
        match self {
            Self::Folder(folder) if !folder.join(DATABASE).exists() => Ok(Snapshot::default()),
            Self::Folder(folder) => Ok(open_folder(folder)?.load()?),
            Self::Zk(address) => match ZkReader::open(address, ZK_TIMEOUT).await {
                Ok(reader) => Ok(reader.load().await?),
                Err(chronos_zk::OpenError::Missing { .. }) => Ok(Snapshot::default()),
                Err(error) => Err(zk_failure(&error)),
            },
        }
    }

    /// Opens the store for writing, with a term of its own, where no daemon uses it.
    pub(crate) async fn take(&self, history: usize) -> Result<Taken, Failure> {
        let store: Box<dyn Store> = match self {
            Self::Folder(folder) => {
                let options = SqliteOptions::new(folder).history(history);
                let store = SqliteStore::open(&options);
                Box::new(store.map_err(|error| sqlite_failure(&error))?)
            }
            Self::Zk(address) => {
                refuse_leaders(address).await?;
                let mut options = ZkOptions::new(address.clone());
                options.history = history;
                let store = ZkStore::open(&options).await;
                Box::new(store.map_err(|error| zk_failure(&error))?)
            }
        };
        let failed = |error: chronos_store::StoreError| io::Error::other(error.to_string());
        let term = store.begin_term().await.map_err(failed)?;
        let snapshot = store.load(term).await.map_err(failed)?;
        Ok(Taken {
            store,
            term,
            snapshot,
        })
    }
}

/// A store that is ours for now, and what is in it.
pub(crate) struct Taken {
    pub(crate) store: Box<dyn Store>,
    pub(crate) term: Term,
    pub(crate) snapshot: Snapshot,
}

// A data folder has a lock; on ZooKeeper a second writer would push the leader aside.
async fn refuse_leaders(address: &ZkAddress) -> Result<(), Failure> {
    let candidates = candidates(address, ZK_TIMEOUT).await?;
    if candidates.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "{address} is in use by {}; stop the daemons first",
        candidates.join(", ")
    )))
}

/// Opens the database in a folder for reading.
pub(crate) fn open_folder(folder: &Path) -> Result<SqliteReader, Failure> {
    if !folder.join(DATABASE).exists() {
        return Err(Failure::Refused(format!(
            "{} holds no database ({DATABASE})",
            folder.display()
        )));
    }
    SqliteReader::open(folder).map_err(|error| sqlite_failure(&error))
}

/// Takes user and password into an address; they are never shown.
pub(crate) fn with_auth(address: ZkAddress, auth: Option<&str>) -> Result<ZkAddress, Failure> {
    match auth {
        None => Ok(address),
        Some(auth) => address
            .with_auth(auth)
            .map_err(|error| Failure::Refused(format!("user and password: {error}"))),
    }
}

/// Now, by the wall clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// Runs what waits for stores.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}

fn sqlite_failure(error: &chronos_store::OpenError) -> Failure {
    match error {
        chronos_store::OpenError::Folder { source, .. } => {
            io::Error::new(source.kind(), format!("{error}: {source}")).into()
        }
        chronos_store::OpenError::Thread { .. } | chronos_store::OpenError::Database { .. } => {
            io::Error::other(error.to_string()).into()
        }
        chronos_store::OpenError::Locked { .. }
        | chronos_store::OpenError::NetworkFileSystem { .. }
        | chronos_store::OpenError::NewerFormat { .. }
        | chronos_store::OpenError::OlderFormat { .. }
        | chronos_store::OpenError::Foreign { .. }
        | _ => Failure::Refused(error.to_string()),
    }
}

/// Says whose fault it is that a tree cannot be opened.
pub(crate) fn zk_failure(error: &chronos_zk::OpenError) -> Failure {
    match error {
        chronos_zk::OpenError::Foreign { .. } | chronos_zk::OpenError::Missing { .. } => {
            Failure::Refused(error.to_string())
        }
        chronos_zk::OpenError::Unavailable { .. } | chronos_zk::OpenError::Thread { .. } | _ => {
            io::Error::other(error.to_string()).into()
        }
    }
}
