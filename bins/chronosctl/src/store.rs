//! The noun `store`: what can be done with a store as a whole.

mod backup;
mod check;
mod restore;

use clap::{Args, Subcommand};

use crate::{exit::Failure, place::Place, security::ZkSecurity};

/// `chronosctl store …`
#[derive(Debug, Args)]
pub(crate) struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Looks at everything in a store and lists what is wrong.
    Check(check::Check),
    /// Writes a store into one file, also while a daemon uses it.
    Backup(backup::Backup),
    /// Makes a store out of a backup, or only verifies the backup.
    Restore(restore::Restore),
}

/// Which store.
#[derive(Args, Debug)]
struct Which {
    /// The data folder of a daemon, or zk://host:port,host:port/path.
    #[arg(long, value_name = "STORE")]
    store: Place,

    #[command(flatten)]
    auth: Auth,
}

/// Who we are to ZooKeeper.
#[derive(Args, Debug)]
struct Auth {
    /// User and password for ZooKeeper, as user:password. Better given in the environment, where other users of this
    /// machine do not see it.
    #[arg(
        long,
        value_name = "USER:PASSWORD",
        env = "CHRONOS_ZK_AUTH",
        hide_env_values = true
    )]
    zk_auth: Option<String>,

    #[command(flatten)]
    security: ZkSecurity,
}

impl Auth {
    fn take(&self, store: Place) -> Result<Place, Failure> {
        let place = store.with_auth(self.zk_auth.as_deref())?;
        place.with_zk(|address| self.security.secure(address))
    }
}

impl Which {
    fn place(self) -> Result<Place, Failure> {
        self.auth.take(self.store)
    }
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.verb {
            Verb::Check(check) => check.run(),
            Verb::Backup(backup) => backup.run(),
            Verb::Restore(restore) => restore.run(),
        }
    }
}
