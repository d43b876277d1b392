//! Mesos in place of this machine: its flags, and what the daemon knows of it.

mod keeper;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use async_trait::async_trait;
use chronos_api::{ClusterCount, ClusterInfo, ClusterOrder, LogError, LogPart, OrderError};
use chronos_mesos::{
    Control, Count, Counts, Credentials, LogsError, Masters, Mesos, MesosCluster, MesosConfig,
    MesosLogs, OnRemoved, Pace, Status, Stopped, Tls,
};
use chronos_runtime::{Cluster, LogQuery, RunLogs, Tenure};
use chronos_store::Store;
use clap::{Args, ValueEnum};
use tokio::sync::watch;

use self::keeper::StoreKeeper;
use crate::exit::Failure;

/// What `--master` says when there is no Mesos.
const LOCAL: &str = "local";

/// The flags about Mesos. Those of Chronos have Chronos' names.
#[derive(Args, Debug)]
#[command(next_help_heading = "Mesos")]
pub(crate) struct MesosArgs {
    /// Where the Mesos masters are: host:port or several with commas, https://host:port, zk://host:port/path, or a file://
    /// that holds one of these; `local` runs jobs on this machine. With a password it is better given in the environment.
    #[arg(
        long = "master",
        value_name = "WHERE",
        default_value = LOCAL,
        env = "CHRONOS_MASTER",
        hide_env_values = true
    )]
    master: String,

    /// Name of the framework.
    #[arg(
        long = "mesos_framework_name",
        value_name = "NAME",
        default_value = "chronos"
    )]
    mesos_framework_name: String,

    /// Roles whose resources are used, separated by commas.
    #[arg(
        long = "mesos_role",
        value_name = "ROLES",
        default_value = "*",
        value_delimiter = ','
    )]
    mesos_role: Vec<String>,

    /// Tasks outlive a restart of their agent.
    #[arg(
        long = "mesos_checkpoint",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    mesos_checkpoint: bool,

    /// Tell masters (Mesos 1.11 and later) which agents they need not offer, by the constraints of what waits.
    #[arg(
        long = "mesos_offer_constraints",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    pub(crate) mesos_offer_constraints: bool,

    /// Seconds for which masters keep our tasks while no daemon is there. With 0 one broken connection kills them all.
    #[arg(
        long = "failover_timeout",
        short = 'f',
        value_name = "SECONDS",
        default_value_t = chronos_mesos::FAILOVER_TIMEOUT_SECS
    )]
    failover_timeout: u64,

    /// Who we are to the masters.
    #[arg(
        long = "mesos_authentication_principal",
        value_name = "PRINCIPAL",
        value_parser = clap::builder::NonEmptyStringValueParser::new()
    )]
    mesos_authentication_principal: Option<String>,

    /// File with the secret of the principal, where masters want to see one.
    #[arg(
        long = "mesos_authentication_secret_file",
        value_name = "FILE",
        requires = "mesos_authentication_principal"
    )]
    mesos_authentication_secret_file: Option<PathBuf>,

    /// Give principal and secret to agents too, to read logs.
    #[arg(long = "mesos_agent_auth")]
    mesos_agent_auth: bool,

    /// Speak TLS to masters and agents, where --master does not say https://.
    #[arg(long = "mesos_https")]
    mesos_https: bool,

    /// File of certificates (PEM) to trust instead of those that this machine trusts.
    #[arg(long = "mesos_ca", value_name = "FILE")]
    mesos_ca: Option<PathBuf>,

    /// File with our own certificate (PEM), where masters demand one.
    #[arg(
        long = "mesos_certificate",
        value_name = "FILE",
        requires = "mesos_key"
    )]
    mesos_certificate: Option<PathBuf>,

    /// File with the key of that certificate (PEM).
    #[arg(
        long = "mesos_key",
        value_name = "FILE",
        requires = "mesos_certificate"
    )]
    mesos_key: Option<PathBuf>,

    /// Ask for agents with GPUs too; masters do not offer them to others.
    #[arg(long = "mesos_gpus")]
    mesos_gpus: bool,

    /// Milliseconds for which offers that do not fit are not wanted again.
    #[arg(
        long = "decline_offer_duration",
        value_name = "MS",
        default_value_t = 5_000
    )]
    decline_offer_duration: u64,

    /// Ask for offers as soon as a job waits. This is always done; the flag is that of Chronos.
    #[arg(long = "revive_offers_for_new_jobs")]
    revive_offers_for_new_jobs: bool,

    /// Milliseconds between two times that offers are asked for, at least.
    #[arg(
        long = "min_revive_offers_interval",
        value_name = "MS",
        default_value_t = 5_000
    )]
    min_revive_offers_interval: u64,

    /// Seconds between two times that masters are asked about all tasks.
    #[arg(long = "reconciliation_interval", value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(10..))]
    reconciliation_interval: u64,

    /// Address of this daemon that Mesos' pages show [default: made of host name and port]
    #[arg(long = "webui_url", value_name = "URL")]
    webui_url: Option<String>,

    /// Seconds between SIGTERM and SIGKILL of a task that is killed.
    #[arg(
        long = "mesos_kill_grace",
        value_name = "SECONDS",
        default_value_t = chronos_mesos::KILL_GRACE.as_secs()
    )]
    mesos_kill_grace: u64,

    /// Seconds for which a Mesos agent may be out of reach before what runs there counts as lost.
    #[arg(
        long = "mesos_agent_lost_after",
        value_name = "SECONDS",
        default_value_t = chronos_mesos::PATIENCE.as_secs()
    )]
    mesos_agent_lost_after: u64,

    /// What to do when the masters removed our framework, and with it all that ran.
    #[arg(
        long = "mesos_on_removed",
        value_name = "WHAT",
        value_enum,
        default_value_t = Removed::Wait
    )]
    mesos_on_removed: Removed,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Removed {
    /// Nothing, and say so, until somebody decides.
    Wait,
    /// Call what ran lost, and register as a new framework.
    Register,
}

/// What only the rest of the daemon knows.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) hostname: String,
    /// The user of tasks that name none.
    pub(crate) user: Option<String>,
    /// Where this daemon is reached.
    pub(crate) own_url: String,
    pub(crate) zk_timeout: Duration,
}

impl MesosArgs {
    /// Whether jobs run on Mesos.
    pub(crate) fn is_wanted(&self) -> bool {
        self.master != LOCAL
    }

    fn config(&self, around: Surroundings) -> Result<MesosConfig, Failure> {
        let wrong = |error: anyhow::Error| Failure::Other(error);
        // The text is not repeated: it may hold a password.
        let masters: Masters = self.master.parse().context("--master").map_err(wrong)?;
        let https = masters.is_https() || self.mesos_https;
        let credentials = self.credentials().map_err(wrong)?;
        if self.failover_timeout == 0 {
            tracing::warn!("with --failover_timeout=0 one broken connection kills all tasks");
        }
        Ok(MesosConfig {
            tls: Tls {
                ca: self.mesos_ca.clone(),
                own: self.mesos_certificate.clone().zip(self.mesos_key.clone()),
            },
            credentials,
            principal: self.mesos_authentication_principal.clone(),
            agent_credentials: self.mesos_agent_auth,
            name: self.mesos_framework_name.clone(),
            // Masters take nobody for a user.
            user: around
                .user
                .filter(|user| !user.is_empty())
                .unwrap_or_else(|| "root".to_owned()),
            roles: self.roles().map_err(wrong)?,
            hostname: around.hostname,
            webui_url: Some(self.webui_url.clone().unwrap_or(around.own_url)),
            failover_timeout: Duration::from_secs(self.failover_timeout),
            checkpoint: self.mesos_checkpoint,
            gpus: self.mesos_gpus,
            decline: Duration::from_millis(self.decline_offer_duration),
            kill_grace: Duration::from_secs(self.mesos_kill_grace),
            patience: Duration::from_secs(self.mesos_agent_lost_after),
            zk_timeout: around.zk_timeout,
            pace: Pace {
                reconcile: Duration::from_secs(self.reconciliation_interval),
                revive: Duration::from_millis(self.min_revive_offers_interval),
            },
            on_removed: match self.mesos_on_removed {
                Removed::Wait => OnRemoved::Wait,
                Removed::Register => OnRemoved::Register,
            },
            ..MesosConfig::new(masters.with_https(https))
        })
    }

    fn roles(&self) -> anyhow::Result<Vec<String>> {
        let mut roles: Vec<String> = self
            .mesos_role
            .iter()
            .map(|role| role.trim().to_owned())
            .collect();
        roles.sort_unstable();
        roles.dedup();
        if roles.iter().any(String::is_empty) {
            return Err(anyhow!("--mesos_role has an empty role"));
        }
        Ok(roles)
    }

    fn credentials(&self) -> anyhow::Result<Option<Credentials>> {
        let principal = self.mesos_authentication_principal.as_ref();
        let Some((principal, file)) = principal.zip(self.mesos_authentication_secret_file.as_ref())
        else {
            return Ok(None);
        };
        let credentials = Credentials::from_file(principal, file);
        let credentials = credentials
            .context("--mesos_authentication_principal and --mesos_authentication_secret_file")?;
        warn_if_open(file);
        Ok(Some(credentials))
    }
}

fn warn_if_open(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let open = |found: std::fs::Metadata| found.permissions().mode() & 0o007 != 0;
    if file.metadata().is_ok_and(open) {
        tracing::warn!(file = %file.display(), "anybody on this machine can read the secret for Mesos");
    }
}

/// Mesos as the daemon holds it.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) cluster: Cluster,
    pub(crate) logs: Logs,
    pub(crate) stopped: Stopped,
    /// To be told in which term we lead.
    pub(crate) tenure: watch::Sender<Option<Tenure>>,
}

/// Subscribes as soon as this daemon leads.
pub(crate) fn start(
    args: &MesosArgs,
    around: Surroundings,
    store: Arc<dyn Store>,
) -> Result<Started, Failure> {
    let config = args.config(around)?;
    tracing::info!(masters = %config.masters, framework = config.name, roles = config.roles.join(","), "jobs run on Mesos");
    let (tenure, told) = watch::channel(None);
    let keeper = StoreKeeper::new(store, told);
    let cluster = Mesos::start(config, Arc::new(keeper));
    let MesosCluster {
        calls,
        events,
        logs,
        status,
        control,
        counts,
        stopped,
    } = cluster.context("TLS to Mesos").map_err(Failure::Other)?;
    Ok(Started {
        cluster: Cluster {
            calls,
            events,
            terms: None,
        },
        logs: Logs {
            sandboxes: logs,
            status,
            control,
            counts,
        },
        stopped,
        tenure,
    })
}

/// The logs of runs, on agents.
#[derive(Debug)]
pub(crate) struct Logs {
    sandboxes: MesosLogs,
    status: watch::Receiver<Status>,
    control: Control,
    counts: Counts,
}

/// What this cluster is called.
const KIND: &str = "mesos";

#[async_trait]
impl RunLogs for Logs {
    async fn read(&self, query: LogQuery) -> Result<LogPart, LogError> {
        let Some(run) = &query.run else {
            let problem = "there is no such run (any more)".to_owned();
            return Err(LogError::NotFound { problem });
        };
        let file = match query.stream {
            chronos_api::LogStream::Stdout => "stdout",
            chronos_api::LogStream::Stderr => "stderr",
        };
        let read = self
            .sandboxes
            .read(run, query.custom_executor, file, query.offset, query.max);
        match read.await {
            Ok(part) => Ok(LogPart {
                bytes: part.bytes,
                size: part.size,
                ended: !part.running,
            }),
            Err(error @ (LogsError::NotFound | LogsError::NotPlaced)) => Err(LogError::NotFound {
                problem: error.to_string(),
            }),
            Err(error) => Err(LogError::Unreadable {
                problem: error.to_string(),
            }),
        }
    }

    fn wants_run(&self) -> bool {
        true
    }

    fn health(&self) -> Option<(&'static str, Option<String>)> {
        Some((KIND, self.status.borrow().problem()))
    }

    fn cluster(&self) -> Option<ClusterInfo> {
        let status = self.status.borrow().clone();
        Some(ClusterInfo {
            kind: KIND,
            standing: status.standing.code(),
            problem: status.problem(),
            framework: status.framework,
            master: status.master,
            counts: self.counts.all().into_iter().map(counted).collect(),
        })
    }

    async fn order(&self, order: ClusterOrder) -> Result<(), OrderError> {
        tracing::warn!(?order, "ordered by an operator");
        let carried_out = match order {
            ClusterOrder::Retry => self.control.retry().await,
            ClusterOrder::Forget { framework } => self.control.forget_framework(&framework).await,
        };
        carried_out.map_err(|error| OrderError::Conflict(error.to_string()))
    }
}

const fn counted(count: Count) -> ClusterCount {
    ClusterCount {
        name: count.name,
        help: count.help,
        value: count.value,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        mesos: MesosArgs,
    }

    fn config(args: &[&str]) -> Result<MesosConfig, String> {
        config_as(None, args)
    }

    fn config_as(user: Option<&str>, args: &[&str]) -> Result<MesosConfig, String> {
        let all = ["chronosd"].iter().chain(args);
        let only = Only::try_parse_from(all).map_err(|error| error.to_string())?;
        let around = Surroundings {
            hostname: "h".to_owned(),
            user: user.map(str::to_owned),
            own_url: "http://h:4400".to_owned(),
            zk_timeout: Duration::from_secs(10),
        };
        only.mesos
            .config(around)
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn flags_are_those_of_chronos_with_its_defaults() {
        let only = Only::parse_from(["chronosd"]);
        assert!(!only.mesos.is_wanted());
        let config = config(&["--master=zk://z:2181/mesos"]).unwrap();
        assert_eq!(
            (config.name.as_str(), config.user.as_str()),
            ("chronos", "root")
        );
        assert_eq!(config.roles, ["*"]);
        assert_eq!(config.failover_timeout, Duration::from_secs(604_800));
        assert!(config.checkpoint);
        assert_eq!(config.decline, Duration::from_secs(5));
        assert_eq!(config.pace.reconcile, Duration::from_secs(600));
        assert_eq!(config.pace.revive, Duration::from_secs(5));
        assert_eq!(config.webui_url.as_deref(), Some("http://h:4400"));
    }

    #[test]
    fn a_framework_has_a_user() {
        for (user, want) in [(None, "root"), (Some(""), "root"), (Some("jobs"), "jobs")] {
            let config = config_as(user, &["--master=m"]).unwrap();
            assert_eq!(config.user, want, "{user:?}");
        }
    }

    #[test]
    fn flags_reach_what_they_are_for() {
        let found = config(&[
            "--master",
            "m1:5050,m2:5050",
            "--mesos_https",
            "--mesos_framework_name",
            "cron",
            "--mesos_role",
            "b,a",
            "--mesos_checkpoint=false",
            "-f",
            "60",
            "--decline_offer_duration=1000",
            "--min_revive_offers_interval=100",
            "--webui_url=https://cron",
            "--mesos_gpus",
            "--revive_offers_for_new_jobs",
            "--mesos_on_removed=register",
            "--mesos_kill_grace=9",
        ])
        .unwrap();
        assert_eq!(found.masters.to_string(), "https://m1:5050,m2:5050");
        assert_eq!(
            (found.name.as_str(), found.roles),
            ("cron", vec!["a".to_owned(), "b".to_owned()])
        );
        assert!(!found.checkpoint && found.gpus);
        assert_eq!(found.failover_timeout, Duration::from_secs(60));
        assert_eq!(found.decline, Duration::from_secs(1));
        assert_eq!(found.pace.revive, Duration::from_millis(100));
        assert_eq!(found.webui_url.as_deref(), Some("https://cron"));
        assert_eq!(found.kill_grace, Duration::from_secs(9));
        assert_eq!(found.on_removed, OnRemoved::Register);
        // Rules of masters name a principal, whether it is proven or not.
        let found = config(&["--master=m", "--mesos_authentication_principal=p"]).unwrap();
        assert_eq!(found.principal.as_deref(), Some("p"));
        assert_eq!(found.credentials, None);
    }

    #[test]
    fn says_which_flag_is_wrong_and_no_secret() {
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(secret.path(), "ge:heim").unwrap();
        let file = format!(
            "--mesos_authentication_secret_file={}",
            secret.path().display()
        );
        for (args, flag) in [
            (&["--master=zk://u:geheim@z:2181"][..], "--master"),
            (&["--master=m:x"], "--master"),
            (&["--master=m", "--mesos_role=a,"], "--mesos_role"),
            (
                &["--master=m", "--mesos_authentication_principal=p", &file],
                "secret_file",
            ),
            (
                &["--master=m", "--mesos_authentication_principal="],
                "mesos_authentication_principal",
            ),
            (&["--master=m", &file], "mesos_authentication_principal"),
            (&["--master=m", "--mesos_certificate=c"], "--mesos_key"),
        ] {
            let error = config(args).unwrap_err();
            assert!(error.contains(flag) && !error.contains("heim"), "{error}");
        }
    }
}
