//! The command `import`: what Chronos left on ZooKeeper comes over.

mod report;

use std::io;

use chronos_zk::{ChronosTree, ImportOptions, ImportPlan, ReadError, ZkAddress};
use clap::Args;

use crate::{
    exit::Failure,
    place::{Place, ZK_TIMEOUT, block_on, now, with_auth},
    security::{FromSecurity, ToSecurity},
};

/// Takes over the jobs that Chronos 2.x or 3.x left on ZooKeeper.
///
/// It reads the path that Chronos' flag `--zk_path` said, and only reads it. Jobs come with their schedule where Chronos
/// left it, and with their counters. What meant something else to Chronos is told job by job; what cannot be taken is
/// listed with the reason and stays where it is. It may be run again: what is there already and the same is left alone,
/// what is different too, unless told otherwise.
///
/// It writes into a store that no daemon uses: stop Chronos, import, start chronosd. It ends with 3 when something was
/// not taken.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// Where Chronos has its state: zk://host:port,host:port/chronos/state, unless its `--zk_path` says otherwise.
    #[arg(long, value_name = "ZK")]
    from: ZkAddress,

    /// User and password of Chronos' `--zk_auth`, as user:password. Better given in the environment, where other users of
    /// this machine do not see it.
    #[arg(
        long,
        value_name = "USER:PASSWORD",
        env = "CHRONOS_FROM_ZK_AUTH",
        hide_env_values = true
    )]
    from_auth: Option<String>,

    #[command(flatten)]
    from_security: FromSecurity,

    /// The store to write into: a data folder, or zk://host:port,host:port/path.
    #[arg(long, value_name = "STORE")]
    to: Place,

    /// User and password for that, as user:password. Better given in the environment.
    #[arg(
        long,
        value_name = "USER:PASSWORD",
        env = "CHRONOS_ZK_AUTH",
        hide_env_values = true
    )]
    to_auth: Option<String>,

    #[command(flatten)]
    to_security: ToSecurity,

    /// There: let nobody but the user read what is written, either, as the daemon's `--zk_private` does.
    #[arg(long)]
    to_private: bool,

    /// Say what would be done and write nothing, neither there nor here.
    #[arg(long)]
    dry_run: bool,

    /// Replace jobs, and the framework's id, that the store has and that are different.
    #[arg(long)]
    replace: bool,

    /// Take over the framework's id, so that no second framework stands beside ours. Tasks of Chronos that run are killed when
    /// we subscribe. Chronos must never run again then.
    #[arg(long)]
    take_framework_id: bool,

    /// Make runs of the tasks that a 2.x had taken from their schedules and not finished, unless they are too late.
    /// Whatever of them runs on Mesos at this moment runs twice then.
    #[arg(long)]
    take_tasks: bool,

    /// Import although Chronos runs. What it does from now on is not seen.
    #[arg(long)]
    while_running: bool,

    /// Print a JSON object a line.
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(crate) fn run(self) -> Result<(), Failure> {
        block_on(self.import())
    }

    async fn import(self) -> Result<(), Failure> {
        let now = now();
        let from = with_auth(self.from.clone(), self.from_auth.as_deref())?;
        let from = self.from_security.secure(from)?;
        let to = self.to.clone().with_auth(self.to_auth.as_deref())?;
        let to = to.with_zk(|address| self.to_security.secure(address))?;
        let to = to.private(self.to_private)?;
        let tree = ChronosTree::read(&from, ZK_TIMEOUT, now).await;
        let tree = tree.map_err(|error| match error {
            ReadError::NotFound { .. } => Failure::Refused(error.to_string()),
            ReadError::Unavailable { .. } | _ => io::Error::other(error.to_string()).into(),
        })?;
        if !tree.candidates.is_empty() && !self.dry_run && !self.while_running {
            return Err(Failure::Refused(format!(
                "Chronos still runs there ({}); stop it first, or say --while-running",
                tree.candidates.join(", ")
            )));
        }
        let options = ImportOptions {
            now,
            replace: self.replace,
            take_framework_id: self.take_framework_id,
            take_tasks: self.take_tasks,
        };
        let plan = if self.dry_run {
            ImportPlan::new(&tree, &to.look().await?, &options)
        } else {
            let taken = to.take(to.history()).await?;
            let plan = ImportPlan::new(&tree, &taken.snapshot, &options);
            let applied = plan.apply(&*taken.store, taken.term).await;
            applied.map_err(|error| io::Error::other(error.to_string()))?;
            plan
        };
        let mut out = io::stdout().lock();
        if self.json {
            report::json(&mut out, &plan)?;
        } else {
            report::people(&mut out, &plan, self.dry_run)?;
        }
        if report::is_complete(&plan) {
            Ok(())
        } else {
            Err(Failure::Told)
        }
    }
}
