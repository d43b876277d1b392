//! Carries out what a candidate orders, in a thread and a session of its own.
//!
//! The session is not that of the store: its signs of life must not wait behind large writes.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::{oneshot, watch};

use super::{Candidate, Event, Lease, Order, Own};
use crate::{
    OpenError, ZkAddress,
    connection::Connection,
    session::{Failure, Op, Session},
    store::unique,
};

/// How long is waited after a look that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// How to take part in an [`Election`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ElectionOptions {
    /// The servers and the root node.
    pub address: ZkAddress,
    /// How long a session lasts without a sign of life, which is how long a dead leader leads.
    pub session_timeout: Duration,
    /// The node of the candidates, below the root; that of Chronos.
    pub folder: String,
    /// What is shown of this one: its host and port, as Chronos does.
    pub name: String,
}

impl ElectionOptions {
    /// Takes an address and a name, and the defaults.
    pub fn new(address: ZkAddress, name: impl Into<String>) -> Self {
        Self {
            address,
            session_timeout: Duration::from_secs(10),
            folder: "/candidate".to_owned(),
            name: name.into(),
        }
    }
}

/// What a daemon is to do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Leadership {
    /// Nothing: somebody else leads, or nobody.
    #[default]
    None,
    /// Lead. The number is another one for each time that it begins.
    Leading(u64),
    /// Start nothing and acknowledge nothing, but keep what is known.
    Suspended(u64),
}

/// The part of one daemon in an election.
#[derive(Debug)]
pub struct Election {
    leadership: watch::Receiver<Leadership>,
    lease: Arc<Mutex<Lease>>,
    resign: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Election {
    /// Takes part from now on.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when no server can be reached now.
    pub async fn join(options: &ElectionOptions) -> Result<Self, OpenError> {
        let (told, leadership) = watch::channel(Leadership::default());
        let (resign, resigned) = oneshot::channel();
        let (opened, waiting) = oneshot::channel();
        let options = options.clone();
        let thread = thread::Builder::new().name("election".to_owned());
        let thread = thread.spawn(move || serve(options, told, resigned, opened));
        let thread = thread.map_err(|source| OpenError::Thread { source })?;
        let gone = |_| {
            Err(OpenError::Thread {
                source: std::io::Error::other("it ended at once"),
            })
        };
        let lease = waiting.await.unwrap_or_else(gone)?;
        Ok(Self {
            leadership,
            lease,
            resign: Some(resign),
            thread: Some(thread),
        })
    }

    /// Tells what to do, now and whenever it changes.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// Whether the leader may start something at this moment: it leads, and its last proof of that is
    /// not old.
    pub fn may_act(&self) -> bool {
        let leads = matches!(*self.leadership.borrow(), Leadership::Leading(_));
        let lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        leads && lease.may_act(now())
    }
}

impl Drop for Election {
    /// Leaves: the next one leads within milliseconds.
    fn drop(&mut self) {
        drop(self.resign.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn now() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(now.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}

fn serve(
    options: ElectionOptions,
    told: watch::Sender<Leadership>,
    resigned: oneshot::Receiver<()>,
    opened: oneshot::Sender<Result<Arc<Mutex<Lease>>, OpenError>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(source) => return drop(opened.send(Err(OpenError::Thread { source }))),
    };
    runtime.block_on(async {
        let session = Session::connect(&options.address, options.session_timeout).await;
        let session = match session {
            Ok(session) => session,
            Err(failure) => {
                let (address, problem) = (options.address.clone(), failure.to_string());
                let error = OpenError::Unavailable { address, problem };
                return drop(opened.send(Err(error)));
            }
        };
        let lease = Arc::new(Mutex::new(Lease::new(session.timeout())));
        if opened.send(Ok(lease.clone())).is_err() {
            return;
        }
        let (address, timeout) = (options.address.clone(), options.session_timeout);
        let driver = Driver {
            connection: Connection::new(address, timeout, session),
            options,
            candidate: Candidate::new(),
            me: unique(),
            session: None,
            lease,
            told,
            leads: 0,
            tasks: FuturesUnordered::new(),
        };
        driver.run(resigned).await;
    });
}

struct Driver {
    connection: Connection,
    options: ElectionOptions,
    candidate: Candidate,
    /// What the names of our nodes have in them; another for each session, so that what an old one left
    /// is never taken for ours.
    me: String,
    session: Option<i64>,
    lease: Arc<Mutex<Lease>>,
    told: watch::Sender<Leadership>,
    /// How often we have begun to lead.
    leads: u64,
    tasks: FuturesUnordered<BoxFuture<'static, Done>>,
}

/// What a request came to.
enum Done {
    Event(Event),
    /// The answer to a request that left at this instant, and only asked for a sign of life.
    Alive(Duration),
    Nothing,
}

impl Driver {
    async fn run(mut self, mut resigned: oneshot::Receiver<()>) {
        let keepalive = self.lease().keepalive();
        let mut ticks = tokio::time::interval(keepalive);
        self.follow_connection();
        loop {
            tokio::select! {
                () = self.connection.changed() => self.follow_connection(),
                Some(done) = self.tasks.next(), if !self.tasks.is_empty() => match done {
                    Done::Event(event) => self.handle(event),
                    Done::Alive(sent_at) => self.lease().renew(sent_at),
                    Done::Nothing => {}
                },
                _ = ticks.tick() => self.ask_for_life(),
                _ = &mut resigned => break,
            }
        }
        self.handle(Event::Resign);
        // The session ends with this thread, and the node with it, should this not succeed.
        if let Ok(session) = self.connection.session() {
            drop(self.remove(&session).await);
        }
    }

    fn lease(&self) -> std::sync::MutexGuard<'_, Lease> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow_connection(&mut self) {
        match self.connection.session_id() {
            Ok(Some(session)) => {
                if self.session.replace(session) != Some(session) {
                    self.me = unique();
                }
                self.handle(Event::Connected(session));
            }
            Ok(None) => self.handle(Event::Disconnected),
            Err(_over) => {
                if self.session.take().is_some() {
                    self.lease().end();
                    self.handle(Event::Expired);
                }
            }
        }
    }

    // By way of the servers' own leader: a server that is cut off from the others answers reads for a
    // while.
    fn ask_for_life(&self) {
        if let Ok(session) = self.connection.session() {
            let sent_at = now();
            let asked = async move {
                match session.sync().await {
                    Ok(()) => Done::Alive(sent_at),
                    Err(_) => Done::Nothing,
                }
            };
            self.tasks.push(asked.boxed());
        }
    }

    fn handle(&mut self, event: Event) {
        for order in self.candidate.handle(event) {
            self.carry_out(order);
        }
    }

    fn carry_out(&mut self, order: Order) {
        let session = self.connection.session();
        match order {
            Order::Create { round } => {
                let name = format!("_c_{}-latch-", self.me);
                let data = self.options.name.as_bytes();
                let created =
                    session.map(|session| session.enter(&self.options.folder, &name, data));
                let created = async move {
                    let created = match created {
                        Ok(created) => created.await.is_ok(),
                        Err(_) => false,
                    };
                    Done::Event(if created {
                        Event::Created { round }
                    } else {
                        Event::CreateFailed { round }
                    })
                };
                self.tasks.push(created.boxed());
            }
            Order::Assess { round, again } => {
                let (folder, me) = (self.options.folder.clone(), self.me.clone());
                let assessed = async move {
                    if again {
                        tokio::time::sleep(PAUSE).await;
                    }
                    let own = match session {
                        Ok(session) => assess(&session, &folder, &me).await.ok(),
                        Err(_) => None,
                    };
                    Done::Event(match own {
                        Some(own) => Event::Assessed { round, own },
                        None => Event::AssessFailed { round },
                    })
                };
                self.tasks.push(assessed.boxed());
            }
            Order::Watch { round, node } => {
                let path = format!("{}/{node}", self.options.folder);
                if let Ok(session) = session {
                    let fired = session.until_changed(path);
                    let fired = fired.map(move |()| Done::Event(Event::WatchFired { round }));
                    self.tasks.push(fired.boxed());
                }
            }
            // At the end of `run`, which waits for it.
            Order::Delete => {}
            Order::Lead => {
                self.leads += 1;
                self.ask_for_life();
                self.tell(Leadership::Leading(self.leads));
            }
            Order::Suspend => self.tell(Leadership::Suspended(self.leads)),
            Order::Resume => self.tell(Leadership::Leading(self.leads)),
            Order::StepDown => self.tell(Leadership::None),
        }
    }

    fn tell(&self, leadership: Leadership) {
        tracing::info!(?leadership, name = self.options.name, "leadership");
        self.told.send_replace(leadership);
    }

    async fn remove(&self, session: &Session) -> Result<(), Failure> {
        let folder = &self.options.folder;
        for (_, node) in candidates(session, folder).await? {
            if node.contains(&self.me) {
                let path = format!("{folder}/{node}");
                let delete = Op::Delete {
                    path,
                    version: None,
                };
                session.write(vec![delete]).await?;
            }
        }
        Ok(())
    }
}

// All candidates, by their numbers.
async fn candidates(session: &Session, folder: &str) -> Result<Vec<(u64, String)>, Failure> {
    let nodes = session.children(folder.to_owned()).await?;
    let nodes = nodes.unwrap_or_default().into_iter();
    let number = |node: &str| node.rsplit('-').next()?.parse().ok();
    let mut found: Vec<_> = nodes
        .filter_map(|node| Some((number(&node)?, node)))
        .collect();
    found.sort_unstable();
    Ok(found)
}

async fn assess(session: &Session, folder: &str, me: &str) -> Result<Option<Own>, Failure> {
    // Another server may be behind the one that took our node.
    session.sync().await?;
    let found = candidates(session, folder).await?;
    let Some(at) = found.iter().position(|(_, node)| node.contains(me)) else {
        return Ok(None);
    };
    let node = found[at].1.clone();
    let before = at.checked_sub(1).map(|before| found[before].1.clone());
    let owner = session.owner(&format!("{folder}/{node}")).await?;
    Ok(owner.map(|owner| Own {
        node,
        owner,
        before,
    }))
}
