//! What an agent is told.

use std::{
    env,
    ffi::{OsStr, OsString},
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chronos_core::AgentId;
use resources::{Attributes, Resources};

/// What a command is given between the request to end and the end: Mesos' own default.
pub const KILL_GRACE: Duration = Duration::from_secs(3);

/// How long a terminal update waits for its acknowledgement before it is sent again: Mesos' own.
pub const RESEND_DELAY: Duration = Duration::from_secs(10);

/// How long the files of an ended run are kept: a week, so that Monday can look at Friday.
pub const RETENTION_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// How many ended runs are kept: at the usual five files each, a quarter of a million inodes.
pub const RETENTION_COUNT: usize = 50_000;

/// What of the daemon's environment a command gets. The rest stays: it may hold secrets.
pub(crate) const PASSED_ON: [&str; 9] = [
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR",
];

/// How an agent is set up.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// Where it keeps the files of its runs; made when it is not there.
    pub work_dir: PathBuf,
    /// What it calls this machine.
    pub hostname: String,
    /// What it calls itself.
    pub id: AgentId,
    /// What it offers; `None` for what [`detect_resources`](crate::detect_resources) finds.
    pub resources: Option<Resources>,
    /// What it says of itself.
    pub attributes: Attributes,
    /// The program that supervises runs.
    pub supervisor: SupervisorProgram,
    /// Whom commands run as that do not say; empty for the daemon's user.
    ///
    /// Only root may switch users. The folders above `work_dir` must let such users through to
    /// their sandboxes.
    pub default_user: String,
    /// The time between SIGTERM and SIGKILL.
    pub kill_grace: Duration,
    /// How long a terminal update waits for its acknowledgement before it is sent again.
    pub resend_delay: Duration,
    /// How long files of ended runs are kept.
    pub retention_age: Duration,
    /// Of how many ended runs files are kept.
    pub retention_count: usize,
    /// Asked right before a command is started; a run that may not start is dropped.
    pub may_launch: MayLaunch,
}

/// Answers whether a command may be started at this moment: a leader that has been stopped for a while
/// must not start what it decided before.
#[derive(Clone)]
pub struct MayLaunch(Arc<dyn Fn() -> bool + Send + Sync>);

impl MayLaunch {
    /// Takes what answers.
    pub fn new(may_launch: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(may_launch))
    }

    pub(crate) fn ask(&self) -> bool {
        (self.0)()
    }
}

impl Default for MayLaunch {
    /// Always.
    fn default() -> Self {
        Self::new(|| true)
    }
}

impl fmt::Debug for MayLaunch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MayLaunch").field(&self.ask()).finish()
    }
}

impl AgentConfig {
    /// Makes a configuration with the defaults; the agent is called as its machine.
    pub fn new(work_dir: impl Into<PathBuf>, hostname: impl Into<String>) -> Self {
        let hostname = hostname.into();
        Self {
            work_dir: work_dir.into(),
            id: AgentId(hostname.as_str().into()),
            resources: None,
            attributes: Attributes::new(&hostname, []),
            hostname,
            supervisor: SupervisorProgram::default(),
            default_user: String::new(),
            kill_grace: KILL_GRACE,
            resend_delay: RESEND_DELAY,
            retention_age: RETENTION_AGE,
            retention_count: RETENTION_COUNT,
            may_launch: MayLaunch::default(),
        }
    }
}

/// The program that ends in [`supervise_main`](crate::supervise_main), and how it is told to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SupervisorProgram {
    /// The program.
    pub program: PathBuf,
    /// What it is shown as in lists of processes.
    pub name: OsString,
    /// What comes before the arguments of [`supervise_main`](crate::supervise_main).
    pub args: Vec<String>,
}

impl Default for SupervisorProgram {
    /// This program with `supervise`.
    ///
    /// By way of `/proc/self/exe`, which still is this very program when an upgrade has replaced or
    /// removed its file.
    fn default() -> Self {
        let own = env::current_exe().ok();
        let name = own
            .as_deref()
            .and_then(Path::file_name)
            .unwrap_or_else(|| OsStr::new("chronosd"));
        Self {
            program: PathBuf::from("/proc/self/exe"),
            name: name.to_owned(),
            args: vec!["supervise".to_owned()],
        }
    }
}
