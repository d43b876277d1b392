//! Which part talks to which.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use chronos_agent::{Agent, AgentConfig, LocalCluster, MayLaunch};
use chronos_api::ApiConfig;
use chronos_core::{AgentId, Settings};
use chronos_model::JobDefaults;
use chronos_runtime::{Cluster, Handle, Mandate, RunLogs, Runtime, SharedLogs, Tenure};
use chronos_store::Store;
use chronos_zk::{Board, Election, Guard};
use resources::Resources;
use tokio::{net::TcpListener, sync::watch};
use tracing::{info, warn};

use crate::{
    cli::Cli,
    exit::Failure,
    folder, ha,
    handover::patiently,
    mesos, signals,
    store::{self, Servers},
};

/// Runs the daemon until it is told to stop.
pub(crate) async fn serve(cli: Cli) -> Result<(), Failure> {
    let shutdown = signals::watch().map_err(Failure::other)?;
    let hostname = cli.hostname.clone().unwrap_or_else(host_name);
    let data_dir = prepare_data_dir(&cli)?;
    let servers = store::servers(&cli)?;
    // Before anything else: it takes the lock of the folder.
    let local = match &servers {
        Some(_) => None,
        None => Some(store::local(&cli, &data_dir).await?),
    };
    // Before anything is started: two daemons on one port would both think they serve it.
    let listener = listen(&cli).await?;
    let address = listener.local_addr().map_err(Failure::other)?;

    let own = format!("{hostname}:{}", address.port());
    let seat = match (local, &servers) {
        (Some(store), _) => Seat::alone(store, own.clone()),
        (None, Some(servers)) => Seat::among_others(&cli, servers, own.clone())?,
        (None, None) => return Err(Failure::other(anyhow!("there is no store"))),
    };
    let workers = match &servers {
        _ if cli.mesos.is_wanted() => on_mesos(&cli, &hostname, address, &seat)?,
        None => on_this_machine(&cli, &data_dir, &hostname, &seat, None).await?,
        Some(servers) => on_all(&cli, &data_dir, &hostname, &seat, servers, &own).await?,
    };
    let (runtime, handle) = Runtime::new(
        settings(&cli),
        seat.store,
        workers.cluster,
        workers.logs,
        defaults(&cli),
        seat.mandate,
    );
    let runtime = match workers.tenure {
        Some(tenure) => runtime.telling(tenure),
        None => runtime,
    };
    let runtime = match &servers {
        Some(servers) => runtime.following(ha::follower(servers)?),
        None => runtime,
    };

    let mut loop_task = tokio::spawn(runtime.run(shutdown.clone()));
    let folder_task = cli
        .jobs
        .clone()
        .map(|jobs| tokio::spawn(folder::keep_in_step(jobs, handle.clone(), shutdown.clone())));
    let router = chronos_api::router(
        Arc::new(handle.clone()),
        api_config(&cli, address, &hostname)?,
    );
    let server = tokio::spawn(chronos_api::serve(
        listener,
        router,
        shutdown.clone().cancelled_owned(),
    ));
    announce(address, &cli, handle);

    let ended = tokio::select! {
        ended = &mut loop_task => ended,
        () = shutdown.cancelled() => (&mut loop_task).await,
    };
    shutdown.cancel();
    // First of all: others wait for it.
    ha::leave(seat.election).await;
    stop(folder_task, server, workers.stopped).await;
    match ended {
        Ok(result) => result.map_err(Failure::other),
        Err(panic) => Err(Failure::Bug(
            anyhow!(panic).context("the scheduler broke an invariant"),
        )),
    }
}

/// Who runs the jobs.
struct Workers {
    cluster: Cluster,
    logs: Arc<dyn RunLogs>,
    /// Ends once they have stopped, which they do when the cluster's channels are closed.
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// To be told in which term we lead.
    tenure: Option<watch::Sender<Option<Tenure>>>,
}

fn on_mesos(
    cli: &Cli,
    hostname: &str,
    address: SocketAddr,
    seat: &Seat,
) -> Result<Workers, Failure> {
    let around = mesos::Surroundings {
        hostname: hostname.to_owned(),
        user: cli.user.clone(),
        own_url: format!("http://{hostname}:{}", address.port()),
        zk_timeout: Duration::from_millis(cli.zk_timeout.into()),
    };
    let started = mesos::start(&cli.mesos, around, Arc::clone(&seat.store))?;
    Ok(Workers {
        cluster: started.cluster,
        logs: Arc::new(started.logs),
        stopped: Box::pin(started.stopped.wait()),
        tenure: Some(started.tenure),
    })
}

async fn on_all(
    cli: &Cli,
    data_dir: &Path,
    hostname: &str,
    seat: &Seat,
    servers: &Servers,
    own: &str,
) -> Result<Workers, Failure> {
    let board = ha::board(servers, &agent_id(data_dir, hostname)?, own);
    on_this_machine(cli, data_dir, hostname, seat, Some(board)).await
}

async fn on_this_machine(
    cli: &Cli,
    data_dir: &Path,
    hostname: &str,
    seat: &Seat,
    board: Option<Arc<Board>>,
) -> Result<Workers, Failure> {
    let mut config = agent_config(cli, data_dir, hostname).map_err(Failure::Data)?;
    config.id = agent_id(data_dir, hostname)?;
    config.may_launch = seat.may_launch();
    let agent = Agent::start(config).await;
    let LocalCluster {
        calls,
        events,
        logs,
        stopped,
    } = agent.map_err(|error| Failure::Data(error.into()))?;
    let cluster = Cluster {
        calls,
        events,
        terms: None,
    };
    let stopped = Box::pin(stopped.wait());
    let tenure = None;
    Ok(match board {
        None => Workers {
            cluster,
            logs: Arc::new(logs),
            stopped,
            tenure,
        },
        Some(board) => {
            let lost_after = Duration::from_secs(cli.agent_lost_after.into());
            let logs = SharedLogs::new(logs, Arc::clone(&board));
            Workers {
                cluster: chronos_runtime::fleet(cluster, board, lost_after),
                logs: Arc::new(logs),
                stopped,
                tenure,
            }
        }
    })
}

fn agent_id(data_dir: &Path, hostname: &str) -> Result<AgentId, Failure> {
    let work_dir = data_dir.join(AGENT_DIR);
    chronos_agent::agent_id(&work_dir, hostname)
        .with_context(|| format!("cannot name the agent of {}", work_dir.display()))
        .map_err(Failure::Data)
}

/// Where in the data folder the agent keeps its runs.
const AGENT_DIR: &str = "agent";

/// Where the jobs are, and who decides whether this daemon leads.
struct Seat {
    store: Arc<dyn Store>,
    mandate: Mandate,
    election: Option<Election>,
}

impl Seat {
    fn alone(store: Arc<dyn Store>, own: String) -> Self {
        Self {
            store,
            mandate: Mandate::alone(own),
            election: None,
        }
    }

    fn among_others(cli: &Cli, servers: &Servers, own: String) -> Result<Self, Failure> {
        let guard = Guard::new();
        let store = store::shared(cli, servers, guard.clone())?;
        let election = ha::join(servers, &own, guard)?;
        Ok(Self {
            store,
            mandate: ha::mandate(&election, own),
            election: Some(election),
        })
    }

    fn may_launch(&self) -> MayLaunch {
        match &self.election {
            Some(election) => {
                let proof = election.proof();
                MayLaunch::new(move || proof.may_act())
            }
            None => MayLaunch::default(),
        }
    }
}

/// How long open responses, such as a log that is followed, may hold the end up; the agent too.
const LAST_WORDS: Duration = Duration::from_secs(2);

async fn stop(
    folder_task: Option<tokio::task::JoinHandle<anyhow::Result<()>>>,
    server: tokio::task::JoinHandle<io::Result<()>>,
    workers: impl Future<Output = ()>,
) {
    if tokio::time::timeout(LAST_WORDS, server).await.is_err() {
        warn!("closing connections that are still open");
    }
    if tokio::time::timeout(LAST_WORDS, workers).await.is_err() {
        warn!("what runs the jobs has not stopped in time; nothing is lost by that");
    }
    if let Some(folder_task) = folder_task {
        match folder_task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(
                error = format!("{error:#}"),
                "folder of jobs is not watched"
            ),
            Err(error) => warn!(%error, "folder of jobs is not watched"),
        }
    }
}

fn announce(address: SocketAddr, cli: &Cli, mut handle: Handle) {
    if !address.ip().is_loopback() && cli.http_credentials.is_none() {
        warn!(%address, "anybody who reaches this address can run commands here; see --http_credentials");
    }
    tokio::spawn(async move {
        handle.ready().await;
        info!(url = format!("http://{address}"), "chronosd is ready");
    });
}

fn prepare_data_dir(cli: &Cli) -> Result<PathBuf, Failure> {
    let usable = || -> anyhow::Result<PathBuf> {
        let folder = &cli.data_dir;
        private_folder(folder)
            .with_context(|| format!("cannot create --data_dir {}", folder.display()))?;
        fs::canonicalize(folder)
            .with_context(|| format!("cannot use --data_dir {}", folder.display()))
    };
    if let Some(jobs) = cli.jobs.as_ref().filter(|jobs| !jobs.is_dir()) {
        return Err(Failure::Other(anyhow!(
            "--jobs {} is no folder",
            jobs.display()
        )));
    }
    usable().map_err(Failure::Data)
}

// Jobs hold secrets, so nobody else may look around here; but a command that runs as another user must
// reach its sandbox below. A folder that is there stays as it is.
fn private_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(folder)
}

async fn listen(cli: &Cli) -> Result<TcpListener, Failure> {
    let address = SocketAddr::new(cli.http_address, cli.http_port);
    let is_held = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
    let listener = patiently(async || TcpListener::bind(address).await, is_held).await;
    listener
        .with_context(|| format!("cannot listen on {address}; see --http_address and --http_port"))
        .map_err(Failure::Address)
}

fn settings(cli: &Cli) -> Settings {
    Settings {
        failure_retry_millis: i64::from(cli.failure_retry),
        disable_after_failures: cli.disable_after_failures,
        returns_offers: cli.mesos.is_wanted(),
        constrains_offers: cli.mesos.is_wanted() && cli.mesos.mesos_offer_constraints,
        late_limit_millis: (cli.late_after > 0).then(|| i64::from(cli.late_after) * 1000),
        ..Settings::default()
    }
}

fn defaults(cli: &Cli) -> JobDefaults {
    JobDefaults {
        resources: Resources::new(cli.mesos_task_cpu, cli.mesos_task_mem, cli.mesos_task_disk),
        user: cli.user.clone().unwrap_or_default(),
    }
}

fn agent_config(cli: &Cli, data_dir: &Path, hostname: &str) -> anyhow::Result<AgentConfig> {
    let work_dir = data_dir.join(AGENT_DIR);
    fs::create_dir_all(&work_dir)
        .with_context(|| format!("cannot create {}", work_dir.display()))?;
    let found =
        chronos_agent::detect_resources(&work_dir).context("cannot see what this machine has")?;
    let offered = Resources::new(
        cli.agent_cpus.unwrap_or(found.cpus),
        cli.agent_mem.unwrap_or(found.mem),
        cli.agent_disk.unwrap_or(found.disk),
    );
    info!(cpus = %offered.cpus, mem_mb = %offered.mem, disk_mb = %offered.disk, "this machine offers");
    let mut config = AgentConfig::new(work_dir, hostname);
    config.resources = Some(offered);
    config.default_user = cli.user.clone().unwrap_or_default();
    Ok(config)
}

fn api_config(cli: &Cli, address: SocketAddr, hostname: &str) -> Result<ApiConfig, Failure> {
    let credentials = match &cli.http_credentials {
        None => None,
        Some(text) => match text.split_once(':') {
            Some((user, password)) if !user.is_empty() => {
                Some((user.to_owned(), password.to_owned()))
            }
            // The text itself is a secret, be it malformed.
            _ => {
                return Err(Failure::Other(anyhow!(
                    "--http_credentials is not of the form user:password"
                )));
            }
        },
    };
    Ok(ApiConfig {
        credentials,
        realm: cli.http_realm.clone(),
        compression: !cli.disable_http_compression,
        loopback_only: address.ip().is_loopback(),
        hostnames: vec![hostname.to_owned()],
    })
}

fn host_name() -> String {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    if name.is_empty() {
        "localhost".to_owned()
    } else {
        name
    }
}
