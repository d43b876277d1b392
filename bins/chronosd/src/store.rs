//! Where jobs and runs are kept: in the data folder, or on ZooKeeper.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use chronos_store::{OpenError, SqliteOptions, SqliteStore, Store};
use chronos_zk::{
    Guard, SaslFile, SecurityFiles, SecurityOption, TlsFiles, ZkAddress, ZkOptions, ZkStore,
};
use clap::Args;

use crate::{cli::Cli, exit::Failure, handover::patiently};

/// Where Chronos keeps its own, unless told otherwise.
const ZK_PATH_DEFAULT: &str = "/chronos/state";

/// The flags that say how the servers of `--zk_hosts` know us, and we them. Secrets are in files.
#[derive(Args, Debug, Default)]
pub(crate) struct ZkSecurityArgs {
    /// Speak TLS to ZooKeeper, and trust who is in this file of certificates (PEM). The servers must have certificates
    /// for the names that are given with them.
    #[arg(long = "zk_tls_ca_file", value_name = "FILE")]
    tls_ca_file: Option<PathBuf>,

    /// File with our own certificate (PEM), where the servers demand one.
    #[arg(
        long = "zk_tls_cert_file",
        value_name = "FILE",
        requires = "tls_ca_file",
        requires = "tls_key_file"
    )]
    tls_cert_file: Option<PathBuf>,

    /// File with the key of that certificate (PEM, without a password).
    #[arg(
        long = "zk_tls_key_file",
        value_name = "FILE",
        requires = "tls_cert_file"
    )]
    tls_key_file: Option<PathBuf>,

    /// Who we are to the servers, by SASL (DIGEST-MD5); what is written then belongs to that user.
    #[arg(
        long = "zk_sasl_user",
        value_name = "USER",
        requires = "sasl_password_file",
        conflicts_with = "zk_auth"
    )]
    sasl_user: Option<String>,

    /// File with the password of that user.
    #[arg(
        long = "zk_sasl_password_file",
        value_name = "FILE",
        requires = "sasl_user"
    )]
    sasl_password_file: Option<PathBuf>,
}

impl ZkSecurityArgs {
    // Pairs are whole: the parser of flags sees to it.
    fn files(&self) -> SecurityFiles {
        let own = self.tls_cert_file.clone().zip(self.tls_key_file.clone());
        let ca = self.tls_ca_file.clone();
        let user = self.sasl_user.clone().zip(self.sasl_password_file.clone());
        SecurityFiles {
            tls: ca.map(|ca| TlsFiles { ca, own }),
            sasl: user.map(|(user, password)| SaslFile { user, password }),
        }
    }
}

fn secured(address: ZkAddress, files: &SecurityFiles) -> anyhow::Result<ZkAddress> {
    let secured = address.secured(files).map_err(|error| {
        let option = error.option().map_or("hosts", SecurityOption::name);
        anyhow!(error).context(format!("--zk_{option}"))
    })?;
    for file in files.open_to_all() {
        tracing::warn!(file = %file.display(), "anybody on this machine can read the secret for ZooKeeper");
    }
    Ok(secured)
}

/// How the servers of `--zk_hosts` are spoken to.
#[derive(Clone, Debug)]
pub(crate) struct Servers {
    pub(crate) address: ZkAddress,
    pub(crate) session_timeout: Duration,
}

/// Reads the flags about ZooKeeper; `None` when there are none.
pub(crate) fn servers(cli: &Cli) -> Result<Option<Servers>, Failure> {
    let files = cli.zk_security.files();
    let Some(hosts) = &cli.zk_hosts else {
        let is_about_it = cli.zk_path.is_some() || cli.zk_auth.is_some() || cli.zk_private;
        if is_about_it || files != SecurityFiles::default() {
            return Err(Failure::other(anyhow!(
                "--zk_path, --zk_auth, --zk_private, --zk_tls_… and --zk_sasl_… need --zk_hosts"
            )));
        }
        return Ok(None);
    };
    let address = address(hosts, cli.zk_path.as_deref(), cli.zk_auth.as_deref());
    let address = address.and_then(|address| secured(address, &files));
    let mut address = address.map_err(Failure::Other)?;
    if cli.zk_private {
        if !address.has_auth() {
            return Err(Failure::other(anyhow!(
                "--zk_private needs --zk_auth or --zk_sasl_user"
            )));
        }
        address = address.private();
    }
    Ok(Some(Servers {
        address,
        session_timeout: Duration::from_millis(cli.zk_timeout.into()),
    }))
}

// The texts are not repeated in errors: they may hold a password.
fn address(hosts: &str, path: Option<&str>, auth: Option<&str>) -> anyhow::Result<ZkAddress> {
    let mut address: ZkAddress = hosts.parse().context("--zk_hosts")?;
    let path = path.or_else(|| address.root().is_empty().then_some(ZK_PATH_DEFAULT));
    if let Some(path) = path {
        address = address.with_root(path).context("--zk_path")?;
    }
    if let Some(auth) = auth {
        if address.has_auth() {
            return Err(anyhow!("--zk_auth and --zk_hosts both name a user"));
        }
        address = address.with_auth(auth).context("--zk_auth")?;
    }
    Ok(address)
}

/// Opens the store of the data folder.
pub(crate) async fn local(cli: &Cli, data_dir: &Path) -> Result<Arc<dyn Store>, Failure> {
    let mut options = SqliteOptions::new(data_dir);
    if let Some(history) = history(cli) {
        options = options.history(history);
    }
    let open = async || SqliteStore::open(&options);
    let is_held = |error: &OpenError| matches!(error, OpenError::Locked { .. });
    let store = patiently(open, is_held).await;
    let store = store.map_err(|error| Failure::Data(error.into()))?;
    Ok(Arc::new(store))
}

/// Opens the store on ZooKeeper, now or as soon as there is a server.
pub(crate) fn shared(
    cli: &Cli,
    servers: &Servers,
    guard: Guard,
) -> Result<Arc<dyn Store>, Failure> {
    let mut options = ZkOptions::new(servers.address.clone());
    options.session_timeout = servers.session_timeout;
    options.guard = Some(guard);
    if let Some(history) = history(cli) {
        options.history = history;
    }
    let store = ZkStore::start(&options).map_err(Failure::other)?;
    Ok(Arc::new(store))
}

fn history(cli: &Cli) -> Option<usize> {
    let history = cli.run_history?;
    Some(usize::try_from(history).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(hosts: &str, path: Option<&str>, want: &str) {
        let address = address(hosts, path, Some("cron:secret")).unwrap();
        assert_eq!(address.to_string(), want);
    }

    #[test]
    fn reads_servers_as_written_for_chronos_and_as_one_address() {
        check("h1:1,h2:2", None, "zk://cron@h1:1,h2:2/chronos/state");
        check("h1:1", Some("/a/b"), "zk://cron@h1:1/a/b");
        check("zk://h1:1,h2:2/prod", None, "zk://cron@h1:1,h2:2/prod");
        // As in Chronos, where the path of --zk_hosts is ignored.
        check("zk://h1:1/mesos", Some("/a"), "zk://cron@h1:1/a");
    }

    #[test]
    fn says_which_flag_is_wrong_and_no_password() {
        for (hosts, path, auth, flag) in [
            ("h1:1,", None, None, "--zk_hosts"),
            ("zk://secret@h1:1", None, None, "--zk_hosts"),
            ("h1:1", Some("a"), None, "--zk_path"),
            ("h1:1", None, Some("secret"), "--zk_auth"),
            ("zk://u:secret@h1:1", None, Some("u:secret"), "--zk_auth"),
        ] {
            let error = address(hosts, path, auth).unwrap_err();
            let text = format!("{error:#}");
            assert!(text.contains(flag) && !text.contains("secret"), "{text}");
        }
    }
}
