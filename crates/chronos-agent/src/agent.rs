//! Starting an agent, and what its user holds of it.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use chronos_core::{ClusterCall, ClusterEvent, Launch};
use chronos_model::{RunKey, Timestamp};
use resources::Resources;
use thiserror::Error;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};

use crate::{
    AgentConfig, Logs,
    conclude::{Standing, Yard},
    config::PASSED_ON,
    folder::{self, RunFolder},
    host::{self, Boot},
    logs,
    offers::{OfferBook, OfferTemplate},
    record::{self, TaskFile},
    retention::{self, Kept},
    run::{DISK_WORK_MAX, Note, Workshop},
    worker::{Worker, WorkerSetup},
};

/// How many calls may wait for the agent. It takes them faster than anybody makes them, except when
/// nobody reads its events; then the caller has to wait.
pub const CALLS_LEN_MAX: usize = 1024;

/// How many events may wait in the channel: two for each call, as a run has a start and an end.
pub const EVENTS_LEN_MAX: usize = 2 * CALLS_LEN_MAX;

/// How many notes of runs may wait for the agent's loop; who notes more waits, to nobody's harm.
const NOTES_LEN_MAX: usize = 1024;

/// How long a start waits for an agent that is just going: it may be writing its last file.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// The wait between two looks at the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The agent of this machine.
#[derive(Debug)]
pub struct Agent;

/// A running agent, seen as a cluster.
///
/// Whoever sends calls has to read events at the same time: an agent whose events nobody reads
/// takes no more calls.
#[derive(Debug)]
pub struct LocalCluster {
    /// Takes instructions. The agent stops when all senders are gone.
    pub calls: mpsc::Sender<ClusterCall>,
    /// Gives facts.
    pub events: mpsc::Receiver<ClusterEvent>,
    /// Reads what commands wrote.
    pub logs: Logs,
    /// Tells when the agent has stopped.
    pub stopped: Stopped,
}

/// Waits for an agent to stop.
#[derive(Debug)]
#[must_use = "an agent that is not waited for may still write when the process ends"]
pub struct Stopped(JoinHandle<()>);

impl Stopped {
    /// Returns when the agent has stopped, which it does after the last sender of calls is dropped.
    /// Runs go on; the next agent on the same folder picks them up.
    pub async fn wait(self) {
        if let Err(error) = self.0.await {
            tracing::error!(%error, "agent stopped early");
        }
    }
}

impl LocalCluster {
    /// Stops the agent and waits for it. Runs go on; the next agent on the same folder picks them up.
    pub async fn stop(self) {
        let Self {
            calls,
            events,
            logs: _,
            stopped,
        } = self;
        drop((calls, events));
        stopped.wait().await;
    }
}

/// Why an agent cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AgentError {
    /// Another process has the folder.
    #[error("another agent uses {}", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder cannot be used.
    #[error("the agent's folder {} cannot be used", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What the machine has cannot be found out.
    #[error("the resources of this machine cannot be found out")]
    Resources(#[source] io::Error),
    /// The machine is not one that this agent can work on.
    #[error("this system cannot give handles of processes (pidfd_open, Linux 5.3)")]
    System(#[source] io::Error),
}

impl Agent {
    /// Starts the agent: looks what earlier lives left, takes it over, and offers what is free.
    ///
    /// # Errors
    ///
    /// [`AgentError`]: its folder is in use or cannot be used, or the system lacks something.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use chronos_agent::{Agent, AgentConfig};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut cluster = Agent::start(AgentConfig::new("chronos-data/agent", "localhost")).await?;
    /// while let Some(event) = cluster.events.recv().await {
    ///     println!("{event:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start(config: AgentConfig) -> Result<LocalCluster, AgentError> {
        let (notes_tx, notes) = mpsc::channel(NOTES_LEN_MAX);
        let own = rustix::process::getpid();
        rustix::process::pidfd_open(own, rustix::process::PidfdFlags::empty())
            .map_err(|error| AgentError::System(error.into()))?;
        let work_dir = config.work_dir.clone();
        let found = tokio::task::spawn_blocking(move || Found::open(config, notes_tx))
            .await
            .map_err(|error| AgentError::Folder {
                path: work_dir,
                source: io::Error::other(error),
            })??;
        let (calls_tx, calls) = mpsc::channel(CALLS_LEN_MAX);
        let (events_tx, events) = mpsc::channel(EVENTS_LEN_MAX);
        let logs = Logs::new(&found.work_dir);
        let mut worker = Worker::new(found.setup);
        for found in found.runs {
            worker.adopt(found.key, found.launch, found.standing, found.kill);
        }
        let stopped = Stopped(tokio::spawn(worker.run(calls, events_tx, notes)));
        Ok(LocalCluster {
            calls: calls_tx,
            events,
            logs,
            stopped,
        })
    }
}

// What is there at the start.
struct Found {
    work_dir: PathBuf,
    setup: WorkerSetup,
    runs: Vec<FoundRun>,
}

/// A run that an earlier life left.
struct FoundRun {
    key: RunKey,
    launch: Option<Launch>,
    standing: Standing,
    /// Somebody asked to end it.
    kill: bool,
}

impl Found {
    fn open(config: AgentConfig, notes: mpsc::Sender<Note>) -> Result<Self, AgentError> {
        let path = config.work_dir.clone();
        let folder_error = move |source| AgentError::Folder {
            path: path.clone(),
            source,
        };
        make_folder(&config.work_dir).map_err(&folder_error)?;
        // Supervisors need the whole path, wherever the daemon was started.
        let work_dir = config.work_dir.canonicalize().map_err(&folder_error)?;
        let lock = lock(&work_dir)?;
        let resources = match config.resources {
            Some(resources) => resources,
            None => host::detect_resources(&work_dir).map_err(AgentError::Resources)?,
        };
        let boot = Boot::note(&work_dir).map_err(&folder_error)?;
        let yard = Yard {
            runs: logs::runs_folder(&work_dir),
            trash: work_dir.join("trash"),
            boot: boot.id.clone(),
        };
        for folder in [&yard.runs, &yard.trash] {
            make_folder(folder).map_err(&folder_error)?;
        }
        yard.empty_trash().map_err(&folder_error)?;
        let mut book = OfferBook::new(template(&config), resources);
        let mut kept = Kept::default();
        let runs = scan(&yard, &mut book, &mut kept).map_err(&folder_error)?;
        let grace_ms = u64::try_from(config.kill_grace.as_millis()).unwrap_or(u64::MAX);
        let setup = WorkerSetup {
            shop: Arc::new(Workshop {
                yard,
                hostname: config.hostname,
                supervisor: config.supervisor,
                base_env: passed_on(),
                default_user: config.default_user,
                grace_ms,
                may_launch: config.may_launch,
                disk_work: Semaphore::new(DISK_WORK_MAX),
                notes,
                _lock: lock,
            }),
            id: config.id,
            boot,
            book,
            kept,
            resend_delay: config.resend_delay,
            retention_age: config.retention_age,
            retention_count: config.retention_count,
        };
        Ok(Self {
            work_dir,
            setup,
            runs,
        })
    }
}

fn template(config: &AgentConfig) -> OfferTemplate {
    // One agent at a time has the folder, so the clock is enough to tell lives apart.
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    OfferTemplate {
        agent: config.id.clone(),
        hostname: config.hostname.as_str().into(),
        attributes: Arc::new(config.attributes.clone()),
        prefix: format!("{nanos:x}-{}", std::process::id()),
    }
}

// Others may walk through, to the sandboxes that are theirs, but not look around.
fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o711).create(path)
}

fn lock(work_dir: &Path) -> Result<File, AgentError> {
    let failed = |source| AgentError::Folder {
        path: work_dir.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(work_dir.join("lock"))
        .map_err(failed)?;
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(AgentError::InUse {
                    path: work_dir.to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

fn passed_on() -> Vec<(String, String)> {
    PASSED_ON
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
        .collect()
}

fn scan(yard: &Yard, book: &mut OfferBook, kept: &mut Kept) -> io::Result<Vec<FoundRun>> {
    let mut runs = Vec::new();
    let mut acked: Vec<(Timestamp, OsString)> = Vec::new();
    for entry in fs::read_dir(&yard.runs)? {
        let name = entry?.file_name();
        let folder = retention::folder_of(&yard.runs, &name);
        // One bad folder must not keep all others waiting.
        match scan_run(yard, &folder) {
            Ok(Left::Acked(at)) => acked.push((at, name)),
            Ok(Left::Run(key, standing)) => {
                let task = record::read::<TaskFile>(&folder.task()).ok().flatten();
                if let Standing::Running { .. } = standing {
                    book.occupy(&key, resources_of(&folder, task.as_ref()));
                }
                runs.push(FoundRun {
                    key,
                    launch: task.and_then(|task| task.launch()),
                    standing,
                    kill: folder.kill().exists(),
                });
            }
            Ok(Left::Nothing) => {}
            Err(error) => {
                tracing::error!(folder = %folder.path().display(), %error, "run cannot be taken over");
            }
        }
    }
    kept.add_all(acked);
    Ok(runs)
}

enum Left {
    Acked(Timestamp),
    Run(RunKey, Standing),
    Nothing,
}

fn scan_run(yard: &Yard, folder: &RunFolder) -> io::Result<Left> {
    if let Some(at) = retention::acked_at(folder)? {
        return Ok(Left::Acked(at));
    }
    let standing = yard.conclude(folder)?;
    if let Standing::NeverStarted = standing {
        return Ok(Left::Nothing);
    }
    let in_task_file = || {
        record::read::<TaskFile>(&folder.task())
            .ok()
            .flatten()?
            .key
            .parse()
            .ok()
    };
    match folder::key_of(folder.name()).or_else(in_task_file) {
        Some(key) => Ok(Left::Run(key, standing)),
        None => Err(io::Error::other("whose run this is cannot be told")),
    }
}

fn resources_of(folder: &RunFolder, task: Option<&TaskFile>) -> Resources {
    if let Some(task) = task {
        task.resources()
    } else {
        tracing::warn!(folder = %folder.path().display(), "what the run uses cannot be told");
        Resources::default()
    }
}
