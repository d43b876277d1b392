//! The flags. Those of Chronos have Chronos' names.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use clap::{Parser, ValueEnum};
use resources::Scalar;

use crate::{mesos::MesosArgs, store::ZkSecurityArgs};

/// A distributed cron: runs jobs with ISO 8601 repeating schedules or with parent jobs, at the right
/// time, once.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Folder for everything that must survive a restart.
    #[arg(
        long = "data_dir",
        value_name = "DIR",
        default_value = "./chronos-data"
    )]
    pub(crate) data_dir: PathBuf,

    /// Folder of job files (JSON or YAML, one or many jobs a file), loaded at start and on every change.
    #[arg(long = "jobs", value_name = "DIR")]
    pub(crate) jobs: Option<PathBuf>,

    /// Address to listen on. Anything but loopback opens the API to the network.
    #[arg(long = "http_address", value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) http_address: IpAddr,

    /// Port to listen on; 0 takes a free one.
    #[arg(long = "http_port", value_name = "PORT", default_value_t = 4400)]
    pub(crate) http_port: u16,

    /// Name under which this machine is known, to clients and in HOST of each run [default: its host name]
    #[arg(long = "hostname", value_name = "NAME")]
    pub(crate) hostname: Option<String>,

    /// User and password that every request must give, as user:password. Better given in the
    /// environment, where other users of this machine do not see it.
    #[arg(
        long = "http_credentials",
        value_name = "USER:PASSWORD",
        env = "MESOSPHERE_HTTP_CREDENTIALS",
        hide_env_values = true
    )]
    pub(crate) http_credentials: Option<String>,

    /// What a browser calls the place that asks for the password.
    #[arg(long = "http_realm", value_name = "NAME", default_value = "Mesosphere")]
    pub(crate) http_realm: String,

    /// Do not compress responses.
    #[arg(long = "disable_http_compression")]
    pub(crate) disable_http_compression: bool,

    /// User to run commands as, where the job does not say [default: the user of the daemon]
    #[arg(long = "user", short = 'u', value_name = "USER")]
    pub(crate) user: Option<String>,

    /// Milliseconds before a failed run is tried again, where the job has no retryDelay.
    #[arg(long = "failure_retry", value_name = "MS", default_value_t = 60_000, value_parser = clap::value_parser!(u32))]
    pub(crate) failure_retry: u32,

    /// Seconds after which a run that has not started is told of as late, where the job has no epsilon; 0
    /// for never.
    #[arg(long = "late_after", value_name = "SECONDS", default_value_t = 300)]
    pub(crate) late_after: u32,

    /// Failures in a row after which a job is disabled; 0 for never.
    #[arg(
        long = "disable_after_failures",
        short = 'd',
        value_name = "COUNT",
        default_value_t = 0
    )]
    pub(crate) disable_after_failures: u64,

    /// Cores for a job that names none.
    #[arg(long = "mesos_task_cpu", value_name = "CORES", default_value = "0.1")]
    pub(crate) mesos_task_cpu: Scalar,

    /// Megabytes of memory for a job that names none.
    #[arg(long = "mesos_task_mem", value_name = "MB", default_value = "128")]
    pub(crate) mesos_task_mem: Scalar,

    /// Megabytes of disk for a job that names none.
    #[arg(long = "mesos_task_disk", value_name = "MB", default_value = "256")]
    pub(crate) mesos_task_disk: Scalar,

    /// Cores of this machine to give to jobs [default: all]
    #[arg(long = "agent_cpus", value_name = "CORES")]
    pub(crate) agent_cpus: Option<Scalar>,

    /// Megabytes of memory of this machine to give to jobs [default: all]
    #[arg(long = "agent_mem", value_name = "MB")]
    pub(crate) agent_mem: Option<Scalar>,

    /// Megabytes of disk of this machine to give to jobs [default: what is free at start]
    #[arg(long = "agent_disk", value_name = "MB")]
    pub(crate) agent_disk: Option<Scalar>,

    /// Ended runs to keep of each job [default: 1000; 10 on ZooKeeper]
    #[arg(long = "run_history", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) run_history: Option<u32>,

    /// ZooKeeper servers that hold the jobs, for several daemons of which one leads: h1:2181,h2:2181 or
    /// zk://h1:2181,h2:2181/chronos [default: none; this daemon is alone and keeps all in its data folder]
    #[arg(
        long = "zk_hosts",
        short = 'z',
        value_name = "HOSTS",
        env = "CHRONOS_ZK_HOSTS",
        hide_env_values = true
    )]
    pub(crate) zk_hosts: Option<String>,

    /// Node under which everything is [default: the path given with the servers, else /chronos/state]
    #[arg(long = "zk_path", value_name = "PATH")]
    pub(crate) zk_path: Option<String>,

    /// Milliseconds without a sign of life after which the servers give a leader up.
    #[arg(long = "zk_timeout", value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(500..=600_000))]
    pub(crate) zk_timeout: u32,

    /// Seconds after which a machine whose daemon does not come back is given up: its runs are lost, and
    /// tried again as their jobs say.
    #[arg(
        long = "agent_lost_after",
        value_name = "SECONDS",
        default_value_t = 900
    )]
    pub(crate) agent_lost_after: u32,

    /// Name and password for the servers, as user:password; what is written then belongs to that user.
    /// Better given in the environment.
    #[arg(
        long = "zk_auth",
        value_name = "USER:PASSWORD",
        env = "CHRONOS_ZK_AUTH",
        hide_env_values = true
    )]
    pub(crate) zk_auth: Option<String>,

    /// Nobody but that user may read what is written, either. A tree that was made so stays so.
    #[arg(long = "zk_private")]
    pub(crate) zk_private: bool,

    #[command(flatten)]
    pub(crate) zk_security: ZkSecurityArgs,

    #[command(flatten)]
    pub(crate) mesos: MesosArgs,

    /// How log lines look.
    #[arg(long = "log_format", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,

    /// Which log lines to print: error, warn, info, debug or trace, for all or by target (`chronos_runtime=debug`).
    #[arg(long = "log_level", value_name = "FILTER", default_value = "info")]
    pub(crate) log_level: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn flags_are_consistent_and_have_the_documented_defaults() {
        Cli::command().debug_assert();
        let cli = Cli::parse_from(["chronosd"]);
        assert_eq!(
            (cli.http_address.to_string().as_str(), cli.http_port),
            ("127.0.0.1", 4400)
        );
        assert_eq!(cli.data_dir, PathBuf::from("./chronos-data"));
        assert_eq!(cli.failure_retry, 60_000);
    }

    #[test]
    fn takes_flags_as_chronos_did() {
        let cli = Cli::parse_from([
            "chronosd",
            "--http_port=8080",
            "--mesos_task_cpu",
            "0.5",
            "-u",
            "jobs",
        ]);
        assert_eq!(cli.http_port, 8080);
        assert_eq!(cli.mesos_task_cpu, Scalar::from_thousandths(500));
        assert_eq!(cli.user.as_deref(), Some("jobs"));
    }
}
