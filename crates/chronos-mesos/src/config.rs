//! What the operator decides about the framework.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use mesos_v1::{
    driver::Pace,
    proto::{
        FrameworkInfo,
        framework_info::{Capability, capability::Type},
    },
};
use thiserror::Error;

use crate::{Masters, Tls};

/// How long an agent may be out of reach before what runs there counts as lost: the 75 s of pings and the 10 minutes to
/// register again, after which a master gives it up, and some more.
pub const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// For how long offers that do not fit are not wanted again, as Mesos has it.
pub const DECLINE: Duration = Duration::from_secs(5);

/// For how long offers are not wanted when nothing waits. Whoever waits then revives.
pub const DECLINE_IDLE: Duration = Duration::from_secs(3600);

/// What a task gets between SIGTERM and SIGKILL, as on this machine.
pub const KILL_GRACE: Duration = Duration::from_secs(3);

/// Seconds for which a master keeps our tasks while we are away: a week.
pub const FAILOVER_TIMEOUT_SECS: u64 = 604_800;

/// All that is to be decided.
#[derive(Clone, Debug)]
pub struct MesosConfig {
    /// Where the masters are.
    pub masters: Masters,
    /// Whom to trust, when they are spoken to by TLS.
    pub tls: Tls,
    /// Who we are to them, with a secret to prove it.
    pub credentials: Option<Credentials>,
    /// Who we are to those that ask for no proof; they have rules for a name all the same.
    pub principal: Option<String>,
    /// Give the same credentials to agents, to read logs.
    pub agent_credentials: bool,
    /// The name that they show.
    pub name: String,
    /// The user of tasks that name none.
    pub user: String,
    /// The roles whose resources we use.
    pub roles: Vec<String>,
    /// The host that they show.
    pub hostname: String,
    /// The address of our pages.
    pub webui_url: Option<String>,
    /// How long a master keeps our tasks while we are away. With zero one broken connection kills them all.
    pub failover_timeout: Duration,
    /// Tasks outlive a restart of their agent.
    pub checkpoint: bool,
    /// Ask for agents with GPUs too.
    pub gpus: bool,
    /// For how long offers that do not fit are not wanted again.
    pub decline: Duration,
    /// The same, while nothing waits.
    pub decline_idle: Duration,
    /// What a task gets between SIGTERM and SIGKILL.
    pub kill_grace: Duration,
    /// How long an agent may be out of reach before what runs there counts as lost.
    pub patience: Duration,
    /// How long a session with the ZooKeeper of the masters lasts without a sign of life.
    pub zk_timeout: Duration,
    /// How often all tasks are asked about, and offers asked for.
    pub pace: Pace,
    /// What to do when our framework was removed.
    pub on_removed: OnRemoved,
}

/// What to do when the masters say that our framework was removed, and with it all that ran.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnRemoved {
    /// Nothing, until an operator decides: who removed it may have had a reason.
    #[default]
    Wait,
    /// Call what ran lost, and register as a new framework.
    Register,
}

impl MesosConfig {
    /// All defaults, for these masters.
    pub fn new(masters: Masters) -> Self {
        Self {
            masters,
            tls: Tls::default(),
            credentials: None,
            principal: None,
            agent_credentials: false,
            name: "chronos".to_owned(),
            user: "root".to_owned(),
            roles: vec!["*".to_owned()],
            hostname: "localhost".to_owned(),
            webui_url: None,
            failover_timeout: Duration::from_secs(FAILOVER_TIMEOUT_SECS),
            checkpoint: true,
            gpus: false,
            decline: DECLINE,
            decline_idle: DECLINE_IDLE,
            kill_grace: KILL_GRACE,
            patience: PATIENCE,
            zk_timeout: Duration::from_secs(10),
            pace: Pace::default(),
            on_removed: OnRemoved::default(),
        }
    }

    /// What we say of ourselves, without the id.
    pub(crate) fn framework(&self) -> FrameworkInfo {
        let mut capabilities = vec![
            Type::PartitionAware,
            Type::MultiRole,
            Type::TaskKillingState,
            Type::ReservationRefinement,
            Type::RegionAware,
        ];
        capabilities.extend(self.gpus.then_some(Type::GpuResources));
        let capabilities = capabilities.into_iter().map(|kind| Capability {
            r#type: Some(kind.into()),
        });
        let proven = self.credentials.as_ref().map(|own| &own.principal);
        FrameworkInfo {
            user: self.user.clone(),
            name: self.name.clone(),
            roles: self.roles.clone(),
            hostname: Some(self.hostname.clone()),
            webui_url: self.webui_url.clone(),
            principal: proven.or(self.principal.as_ref()).cloned(),
            failover_timeout: Some(self.failover_timeout.as_secs_f64()),
            checkpoint: Some(self.checkpoint),
            capabilities: capabilities.collect(),
            ..FrameworkInfo::default()
        }
    }
}

/// A principal and its secret.
#[derive(Clone, Eq, PartialEq)]
pub struct Credentials {
    pub(crate) principal: String,
    pub(crate) secret: String,
}

/// Why there are no credentials.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The file with the secret.
    #[error("{} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What cannot be said to a master. The secret is not shown.
    #[error("{0}")]
    Unfit(&'static str),
}

impl Credentials {
    /// Takes a principal and the file with its secret. A newline at the end of the file is not part of it.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`].
    pub fn from_file(principal: &str, path: &Path) -> Result<Self, CredentialsError> {
        let secret = fs::read_to_string(path).map_err(|source| CredentialsError::File {
            path: path.to_owned(),
            source,
        })?;
        Self::new(principal, secret.trim_end_matches(['\n', '\r']))
    }

    /// Takes a principal and its secret.
    ///
    /// # Errors
    ///
    /// [`CredentialsError::Unfit`].
    pub fn new(principal: &str, secret: &str) -> Result<Self, CredentialsError> {
        let problem = if principal.is_empty() || principal.contains(':') {
            "the principal must not be empty and must not hold a colon"
        } else if secret.is_empty() || secret.contains(':') {
            // A master splits at every colon.
            "the secret must not be empty and must not hold a colon"
        } else {
            return Ok(Self {
                principal: principal.to_owned(),
                secret: secret.to_owned(),
            });
        };
        Err(CredentialsError::Unfit(problem))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_of_itself_what_masters_are_to_know() {
        let mut config = MesosConfig::new("m:5050".parse().unwrap());
        config.credentials = Some(Credentials::new("cron", "s").unwrap());
        config.gpus = true;
        let info = config.framework();
        assert_eq!(
            (info.user.as_str(), info.name.as_str()),
            ("root", "chronos")
        );
        assert_eq!((info.role, info.roles), (None, vec!["*".to_owned()]));
        assert_eq!(info.failover_timeout, Some(604_800.0));
        assert_eq!(info.checkpoint, Some(true));
        assert_eq!(info.principal.as_deref(), Some("cron"));
        config.credentials = None;
        assert_eq!(config.framework().principal, None);
        config.principal = Some("batch".to_owned());
        assert_eq!(config.framework().principal.as_deref(), Some("batch"));
        let kinds: Vec<_> = info.capabilities.iter().map(|it| it.r#type).collect();
        assert_eq!(kinds, [5, 6, 2, 7, 8, 3].map(Some));
    }

    #[test]
    fn credentials_are_checked_and_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "geheim\n").unwrap();
        let read = Credentials::from_file("cron", file.path()).unwrap();
        assert_eq!(read, Credentials::new("cron", "geheim").unwrap());
        assert!(!format!("{read:?}").contains("geheim"));
        for (principal, secret) in [("", "s"), ("a:b", "s"), ("a", ""), ("a", "s:t")] {
            assert!(
                Credentials::new(principal, secret).is_err(),
                "{principal} {secret}"
            );
        }
    }
}
