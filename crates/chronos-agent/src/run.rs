//! One run as the daemon sees it: prepared, started, watched, and told about.
//!
//! Everything that may wait for a disk happens on tokio's blocking threads, a bounded number at a
//! time; the loop of the agent only hears the [`Note`]s.

use std::{
    fs::{self, DirBuilder},
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{fs::DirBuilderExt as _, process::CommandExt as _},
    },
    process::{Child, Command, Stdio},
    sync::Arc,
};

use chronos_core::{Launch, Task};
use chronos_model::{RunKey, Timestamp};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::{Semaphore, mpsc},
};

use crate::{
    conclude::{Standing, Yard},
    config::{MayLaunch, SupervisorProgram},
    folder::RunFolder,
    record::{self, ExitFile, TaskFile},
};

/// How many runs touch the disk at once. Starting one blocks a thread for the length of an exec, so
/// a few per core keep the cores busy; many more would only take turns.
pub(crate) const DISK_WORK_MAX: usize = 16;

/// What everybody who works on runs shares.
#[derive(Debug)]
pub(crate) struct Workshop {
    pub(crate) yard: Yard,
    pub(crate) hostname: String,
    pub(crate) supervisor: SupervisorProgram,
    pub(crate) base_env: Vec<(String, String)>,
    pub(crate) default_user: String,
    pub(crate) grace_ms: u64,
    pub(crate) may_launch: MayLaunch,
    pub(crate) disk_work: Semaphore,
    pub(crate) notes: mpsc::Sender<Note>,
    /// Locked: one agent at a time.
    pub(crate) _lock: fs::File,
}

/// What the loop hears of a run.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) key: RunKey,
    pub(crate) news: News,
}

/// What is new.
#[derive(Debug)]
pub(crate) enum News {
    /// Its supervisor lives and can be signalled.
    Running {
        supervisor: Arc<OwnedFd>,
        started_at: Option<Timestamp>,
    },
    Ended(ExitFile),
    NeverStarted(String),
    /// Asked for: what the folder says of a run that is not tracked, and of which launch it was asked.
    Found(Option<Standing>, Option<Launch>),
}

impl Workshop {
    pub(crate) fn folder(&self, key: &RunKey) -> RunFolder {
        RunFolder::new(&self.yard.runs, key)
    }

    /// Does work that may wait for the disk.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> io::Result<T> {
        let _permit = self.disk_work.acquire().await.map_err(io::Error::other)?;
        let shop = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&shop))
            .await
            .map_err(io::Error::other)
    }

    async fn tell(&self, key: &RunKey, news: News) {
        let note = Note {
            key: key.clone(),
            news,
        };
        // Without a listener the agent has stopped, and the next one will look for itself.
        if self.notes.send(note).await.is_err() {
            tracing::debug!(task = %key, "agent stopped before it heard of a run");
        }
    }

    /// Starts a run and stays with it to its end.
    pub(crate) async fn launch(self: Arc<Self>, task: Task) {
        let key = task.key.clone();
        let prepared = self.blocking(move |shop| shop.start(&task)).await;
        match prepared.unwrap_or_else(|error| Prepared::Refused(error.to_string())) {
            Prepared::Started {
                child,
                supervisor,
                started_at,
            } => {
                self.watch(key, Arc::new(supervisor), Some(started_at), Some(child))
                    .await;
            }
            // Launched before: it is told about, not started.
            Prepared::Known(standing) => self.follow(key, standing).await,
            Prepared::Barred => {
                let why = "the right to start it was lost before it started";
                self.tell(&key, News::NeverStarted(why.to_owned())).await;
            }
            Prepared::Refused(problem) => {
                tracing::warn!(task = %key, problem, "run cannot be started");
                self.tell(&key, News::Ended(ExitFile::failed(problem)))
                    .await;
            }
        }
    }

    /// Tells where a run stands, and stays with it if it runs.
    pub(crate) async fn follow(self: Arc<Self>, key: RunKey, standing: Standing) {
        match standing {
            Standing::Running {
                supervisor,
                started_at,
            } => {
                let started_at = started_at.map(Timestamp::from_millis);
                self.watch(key, Arc::new(supervisor), started_at, None)
                    .await;
            }
            Standing::Ended(exit) => self.tell(&key, News::Ended(exit)).await,
            Standing::NeverStarted => self.tell_never_started(&key).await,
        }
    }

    async fn tell_never_started(&self, key: &RunKey) {
        self.tell(
            key,
            News::NeverStarted("the run was not started".to_owned()),
        )
        .await;
    }

    async fn watch(
        self: Arc<Self>,
        key: RunKey,
        mut supervisor: Arc<OwnedFd>,
        mut started_at: Option<Timestamp>,
        mut child: Option<Child>,
    ) {
        loop {
            let news = News::Running {
                supervisor: Arc::clone(&supervisor),
                started_at,
            };
            self.tell(&key, news).await;
            if let Err(error) = ended(&supervisor).await {
                tracing::warn!(task = %key, %error, "supervisor cannot be watched; waiting for it");
                let waited =
                    tokio::task::spawn_blocking(move || block_until_ended(&supervisor)).await;
                tracing::debug!(task = %key, ?waited, "supervisor ended");
            }
            let at = key.clone();
            let mut supervisor_child = child.take();
            let concluded = self
                .blocking(move |shop| {
                    reap(supervisor_child.as_mut());
                    shop.yard.conclude(&shop.folder(&at))
                })
                .await
                .flatten();
            match concluded {
                // Another supervisor was first; stay with that one.
                Ok(Standing::Running {
                    supervisor: other,
                    started_at: at,
                }) => {
                    supervisor = Arc::new(other);
                    started_at = at.map(Timestamp::from_millis);
                }
                Ok(Standing::Ended(exit)) => return self.tell(&key, News::Ended(exit)).await,
                Ok(Standing::NeverStarted) => return self.tell_never_started(&key).await,
                Err(error) => {
                    let why = format!("the files of the run cannot be read: {error}");
                    return self.tell(&key, News::Ended(ExitFile::lost(why))).await;
                }
            }
        }
    }

    /// Asks a run to end.
    pub(crate) fn kill(&self, key: &RunKey, supervisor: &OwnedFd) {
        // First the mark: a supervisor that has not begun yet sees it, and the next daemon as well.
        if let Err(error) = record::mark(&self.folder(key).kill()) {
            tracing::warn!(task = %key, %error, "kill request cannot be written down");
        }
        match pidfd_send_signal(supervisor, Signal::TERM) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => tracing::warn!(task = %key, %error, "supervisor cannot be signalled"),
        }
    }

    fn start(&self, task: &Task) -> Prepared {
        let folder = self.folder(&task.key);
        let user = match &*task.spec.run_as_user {
            "" => &self.default_user,
            user => user,
        };
        // A command under another user must be able to walk to its sandbox, no more.
        let mode = if user.is_empty() { 0o700 } else { 0o711 };
        match DirBuilder::new().mode(mode).create(folder.path()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return self.known(&folder, task);
            }
            Err(error) => return Prepared::Refused(format!("run folder cannot be made: {error}")),
        }
        let prepared = self.start_in(&folder, task, user);
        let prepared = prepared.unwrap_or_else(Prepared::Refused);
        if matches!(prepared, Prepared::Refused(_) | Prepared::Barred)
            && let Err(error) = self.yard.discard(&folder)
        {
            tracing::warn!(task = %task.key, %error, "folder of a refused run stays");
        }
        prepared
    }

    fn known(&self, folder: &RunFolder, task: &Task) -> Prepared {
        let other = record::read::<TaskFile>(&folder.task())
            .ok()
            .flatten()
            .is_some_and(|found| found.key != task.key.to_string());
        if other {
            return Prepared::Refused("another run has a folder of the same name".to_owned());
        }
        match self.yard.conclude(folder) {
            Ok(standing) => Prepared::Known(standing),
            Err(error) => Prepared::Refused(format!("run folder cannot be read: {error}")),
        }
    }

    fn start_in(&self, folder: &RunFolder, task: &Task, user: &str) -> Result<Prepared, String> {
        DirBuilder::new()
            .mode(0o700)
            .create(folder.sandbox())
            .map_err(|error| format!("sandbox cannot be made: {error}"))?;
        let started_at = record::now();
        record::write_new(&folder.task(), &self.task_file(task, user, started_at))
            .map_err(|error| format!("task file cannot be written: {error}"))?;
        // As late as can be: all that comes before may have taken any time.
        if !self.may_launch.ask() {
            return Ok(Prepared::Barred);
        }
        let mut child = self
            .spawn_supervisor(folder)
            .map_err(|error| format!("supervisor cannot be started: {error}"))?;
        match pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) {
            Ok(supervisor) => Ok(Prepared::Started {
                child,
                supervisor,
                started_at,
            }),
            // Without a handle nobody could wait for it; what it did until now is looked up.
            Err(error) => {
                tracing::warn!(task = %task.key, %error, "no handle for a supervisor");
                if let Err(error) = child.kill() {
                    tracing::warn!(task = %task.key, %error, "supervisor cannot be killed");
                }
                reap(Some(&mut child));
                Ok(self.known(folder, task))
            }
        }
    }

    fn spawn_supervisor(&self, folder: &RunFolder) -> io::Result<Child> {
        // No `pre_exec`, user or folder here: the standard library then needs no fork.
        Command::new(&self.supervisor.program)
            .arg0(&self.supervisor.name)
            .args(&self.supervisor.args)
            .arg(folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
    }

    fn task_file(&self, task: &Task, user: &str, started_at: Timestamp) -> TaskFile {
        let wanted = task.spec.resources;
        TaskFile {
            key: task.key.to_string(),
            launch: Some(task.launch.into()),
            cpus: wanted.cpus.thousandths(),
            mem: wanted.mem.thousandths(),
            disk: wanted.disk.thousandths(),
            command: task.command_line().into(),
            base_env: self.base_env.clone(),
            env: task.environment(&self.hostname),
            user: user.to_owned(),
            grace_ms: self.grace_ms,
            started_at: started_at.millis(),
            boot: self.yard.boot.clone(),
            supervisor_args: self.supervisor.args.clone(),
        }
    }
}

enum Prepared {
    Started {
        child: Child,
        supervisor: OwnedFd,
        started_at: Timestamp,
    },
    Known(Standing),
    /// It may not be started any more; nothing of it is left.
    Barred,
    Refused(String),
}

// A handle of a process is readable when the process has ended.
#[expect(
    deprecated,
    reason = "the replacement is unsafe; the flaw needs a handle that closes early, and this one is borrowed"
)]
async fn ended(process: &OwnedFd) -> io::Result<()> {
    let process = AsyncFd::with_interest(process.as_fd(), Interest::READABLE)?;
    let _ready = process.readable().await?;
    Ok(())
}

fn block_until_ended(process: &OwnedFd) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    loop {
        match poll(&mut [PollFd::new(process, PollFlags::IN)], None) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

// How the supervisor itself exited says nothing that its files do not.
fn reap(child: Option<&mut Child>) {
    if let Some(child) = child
        && let Err(error) = child.wait()
    {
        tracing::warn!(%error, "supervisor cannot be reaped");
    }
}
