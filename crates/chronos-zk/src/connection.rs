//! The session that is used, and the next one when it is over.
//!
//! A session that looks for a server may find one and go on. One that expired never does: then a new
//! one is made, again and again until there is one, and the daemon goes on living.

use std::{fmt, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};

use crate::{
    ZkAddress,
    session::{Failure, Session, Standing, Watcher},
};

/// How long nothing is tried after a session could not be made. The attempt before it took as long as
/// a session lasts, so this only keeps a refusal at once from being repeated at once.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Connection {
    address: ZkAddress,
    timeout: Duration,
    state: State,
    problem: Option<String>,
}

/// The session is over, and the next one is not there yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Over;

enum State {
    Up(Session, Watcher),
    Down(BoxFuture<'static, Result<Session, Failure>>),
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("address", &self.address)
            .field("problem", &self.problem)
            .finish_non_exhaustive()
    }
}

impl Connection {
    pub(crate) fn new(address: ZkAddress, timeout: Duration, session: Session) -> Self {
        let watcher = session.watcher();
        Self {
            address,
            timeout,
            state: State::Up(session, watcher),
            problem: None,
        }
    }

    /// Begins without a session; the first one is made from now on, as all that follow.
    pub(crate) fn start(address: ZkAddress, timeout: Duration) -> Self {
        let attempt = attempt(&address, timeout, Duration::ZERO);
        Self {
            address,
            timeout,
            state: State::Down(attempt),
            problem: Some("no server has been reached yet".to_owned()),
        }
    }

    /// Returns what is wrong, if anything.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Returns the session if a request may be sent now.
    pub(crate) fn session(&self) -> Result<Session, String> {
        match &self.state {
            State::Up(session, _) if session.standing() == Standing::Connected => {
                Ok(session.clone())
            }
            State::Up(..) => Err("no connection to a server".to_owned()),
            State::Down(_) => {
                let problem = self.problem.clone();
                Err(problem.unwrap_or_else(|| "a new session is being made".to_owned()))
            }
        }
    }

    /// Returns the number of the session while it is connected, `None` while it is not; an error when
    /// the session is over.
    pub(crate) fn session_id(&self) -> Result<Option<i64>, Over> {
        match &self.state {
            State::Up(session, _) if session.standing() == Standing::Connected => {
                Ok(Some(session.id()))
            }
            State::Up(..) => Ok(None),
            State::Down(_) => Err(Over),
        }
    }

    /// Waits for a session that can be used, for as long as a session lasts.
    pub(crate) async fn ready(&mut self) -> Result<Session, String> {
        let patience = self.timeout;
        let wait = async {
            loop {
                if let Ok(session) = self.session() {
                    return session;
                }
                self.changed().await;
            }
        };
        if let Ok(session) = tokio::time::timeout(patience, wait).await {
            return Ok(session);
        }
        self.session()
    }

    /// Waits for the next change and follows it; may be dropped at any time.
    pub(crate) async fn changed(&mut self) {
        match &mut self.state {
            State::Up(_, watcher) => match watcher.changed().await {
                Standing::Connected => self.problem = None,
                Standing::Disconnected => {
                    self.problem = Some("no connection to a server".to_owned());
                }
                Standing::Over => {
                    self.problem = Some("the session is over".to_owned());
                    self.connect(Duration::ZERO);
                }
            },
            State::Down(attempt) => match attempt.await {
                Ok(session) => {
                    self.problem = None;
                    let watcher = session.watcher();
                    self.state = State::Up(session, watcher);
                }
                Err(failure) => {
                    self.problem = Some(failure.to_string());
                    self.connect(PAUSE);
                }
            },
        }
    }

    fn connect(&mut self, pause: Duration) {
        self.state = State::Down(attempt(&self.address, self.timeout, pause));
    }
}

fn attempt(
    address: &ZkAddress,
    timeout: Duration,
    pause: Duration,
) -> BoxFuture<'static, Result<Session, Failure>> {
    let address = address.clone();
    async move {
        tokio::time::sleep(pause).await;
        Session::connect(&address, timeout).await
    }
    .boxed()
}
