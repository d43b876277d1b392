//! Carries out what a candidate orders, in a thread and a session of its own.
//!
//! The session is not that of the store: its signs of life must not wait behind large writes.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::{oneshot, watch};

use super::{Candidate, Event, Guard, Lease, Order, Own};
use crate::{
    OpenError, ZkAddress,
    connection::Connection,
    session::{Failure, Op, Session},
    store::unique,
    tree::CANDIDATES,
};

/// How long is waited after a look that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// How often it is looked who leads: what a follower tells its clients is at most so old.
const LEADER_LOOK: Duration = Duration::from_secs(1);

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
    /// Where the store learns which node is ours.
    pub guard: Guard,
}

impl ElectionOptions {
    /// Takes an address and a name, and the defaults.
    pub fn new(address: ZkAddress, name: impl Into<String>) -> Self {
        Self {
            address,
            session_timeout: Duration::from_secs(10),
            folder: CANDIDATES.to_owned(),
            name: name.into(),
            guard: Guard::new(),
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
    leader: watch::Receiver<Option<String>>,
    problem: watch::Receiver<Option<String>>,
    lease: Arc<Mutex<Lease>>,
    resign: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Election {
    /// Takes part from now on, whenever there is a server.
    ///
    /// # Errors
    ///
    /// [`OpenError::Thread`].
    pub fn join(options: &ElectionOptions) -> Result<Self, OpenError> {
        let (told, leadership) = watch::channel(Leadership::default());
        let (leader_in, leader) = watch::channel(None);
        let (problem_in, problem) = watch::channel(None);
        let (resign, resigned) = oneshot::channel();
        let lease = Arc::new(Mutex::new(Lease::new(options.session_timeout)));
        let tell = Tell {
            leadership: told,
            leader: leader_in,
            problem: problem_in,
        };
        let (options, theirs) = (options.clone(), lease.clone());
        let thread = thread::Builder::new().name("election".to_owned());
        let thread = thread.spawn(move || serve(options, theirs, tell, resigned));
        let thread = thread.map_err(|source| OpenError::Thread { source })?;
        Ok(Self {
            leadership,
            leader,
            problem,
            lease,
            resign: Some(resign),
            thread: Some(thread),
        })
    }

    /// Tells the name of who leads, as it was seen within the last second or so; `None` when that is not
    /// known or nobody does.
    pub fn leader(&self) -> watch::Receiver<Option<String>> {
        self.leader.clone()
    }

    /// Tells what is wrong with the connection, if anything.
    pub fn problem(&self) -> watch::Receiver<Option<String>> {
        self.problem.clone()
    }

    /// Tells what to do, now and whenever it changes.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// Whether the leader may start something at this moment: it leads, and its last proof of that is
    /// not old.
    pub fn may_act(&self) -> bool {
        self.proof().may_act()
    }

    /// Returns what answers [`may_act`](Self::may_act) for whoever has to ask and cannot hold this.
    pub fn proof(&self) -> Proof {
        Proof {
            leadership: self.leadership.clone(),
            lease: self.lease.clone(),
        }
    }
}

/// Answers whether a leader may act.
#[derive(Clone, Debug)]
pub struct Proof {
    leadership: watch::Receiver<Leadership>,
    lease: Arc<Mutex<Lease>>,
}

impl Proof {
    /// Whether the leader may start something at this moment.
    pub fn may_act(&self) -> bool {
        let leads = matches!(*self.leadership.borrow(), Leadership::Leading(_));
        let lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        leads && lease.may_act(now())
    }
}

/// What the thread tells.
#[derive(Debug)]
struct Tell {
    leadership: watch::Sender<Leadership>,
    leader: watch::Sender<Option<String>>,
    problem: watch::Sender<Option<String>>,
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
    lease: Arc<Mutex<Lease>>,
    tell: Tell,
    resigned: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the election cannot begin");
            tell.problem.send_replace(Some(error.to_string()));
            return;
        }
    };
    runtime.block_on(async {
        let (address, timeout) = (options.address.clone(), options.session_timeout);
        let driver = Driver {
            connection: Connection::start(address, timeout),
            options,
            candidate: Candidate::new(),
            me: unique(),
            own: None,
            session: None,
            lease,
            tell,
            leads: 0,
            doubts: Doubts::default(),
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
    /// Our node, when it was last looked at.
    own: Option<String>,
    session: Option<i64>,
    lease: Arc<Mutex<Lease>>,
    tell: Tell,
    /// How often we have begun to lead.
    leads: u64,
    doubts: Doubts,
    tasks: FuturesUnordered<BoxFuture<'static, Done>>,
}

/// Which doubts about our leadership are told: a connection that comes and goes each second is one trouble,
/// not sixty a minute.
#[derive(Debug, Default)]
struct Doubts {
    told_at: Option<Instant>,
    is_told: bool,
}

impl Doubts {
    /// How long after one the next ones are not told.
    const PAUSE: Duration = Duration::from_secs(30);

    fn begin(&mut self, now: Instant) -> bool {
        let is_soon = |at: Instant| now.saturating_duration_since(at) < Self::PAUSE;
        self.is_told = !self.told_at.is_some_and(is_soon);
        if self.is_told {
            self.told_at = Some(now);
        }
        self.is_told
    }

    fn end(&mut self) -> bool {
        std::mem::take(&mut self.is_told)
    }
}

/// What a request came to.
enum Done {
    Event(Event),
    /// The answer to a request that left at this instant, and only asked for a sign of life.
    Alive(Duration),
    /// Who leads.
    Leader(Option<String>),
    Nothing,
}

impl Driver {
    async fn run(mut self, mut resigned: oneshot::Receiver<()>) {
        let keepalive = self.lease().keepalive();
        let mut ticks = tokio::time::interval(keepalive);
        let mut looks = tokio::time::interval(LEADER_LOOK);
        self.follow_connection();
        loop {
            tokio::select! {
                () = self.connection.changed() => self.follow_connection(),
                Some(done) = self.tasks.next(), if !self.tasks.is_empty() => match done {
                    Done::Event(event) => self.handle(event),
                    Done::Alive(sent_at) => self.lease().renew(sent_at),
                    Done::Leader(name) => self.tell_leader(name),
                    Done::Nothing => {}
                },
                _ = ticks.tick() => self.ask_for_life(),
                _ = looks.tick() => self.look_for_leader(),
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
        let problem = self.connection.problem().map(str::to_owned);
        self.tell.problem.send_if_modified(|told| {
            let is_news = *told != problem;
            *told = problem;
            is_news
        });
        match self.connection.session_id() {
            Ok(Some(session)) => {
                if self.session.replace(session) != Some(session) {
                    self.me = unique();
                    if let Ok(session) = self.connection.session() {
                        self.lease().begin(session.timeout());
                    }
                }
                self.handle(Event::Connected(session));
            }
            Ok(None) => {
                self.tell_leader(None);
                self.handle(Event::Disconnected);
            }
            Err(_over) => {
                self.tell_leader(None);
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

    fn look_for_leader(&self) {
        if let Ok(session) = self.connection.session() {
            let folder = self.options.folder.clone();
            let asked = async move { leader(&session, &folder).await };
            self.tasks.push(
                asked
                    .map(|found| found.map_or(Done::Nothing, Done::Leader))
                    .boxed(),
            );
        }
    }

    fn tell_leader(&self, name: Option<String>) {
        self.tell.leader.send_if_modified(|told| {
            let is_news = *told != name;
            *told = name;
            is_news
        });
    }

    fn handle(&mut self, event: Event) {
        if let Event::Assessed { own, .. } = &event {
            self.own = own.as_ref().map(|own| own.node.clone());
        }
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
            Order::Lead => self.lead(),
            Order::Suspend => {
                if self.doubts.begin(Instant::now()) {
                    tracing::warn!(
                        "leadership is in doubt; nothing is started until it is settled"
                    );
                }
                self.tell(Leadership::Suspended(self.leads));
            }
            Order::Resume => {
                if self.doubts.end() {
                    tracing::info!("this daemon leads on");
                }
                self.tell(Leadership::Leading(self.leads));
            }
            Order::StepDown => {
                tracing::warn!("this daemon does not lead any more");
                self.options.guard.set(None);
                self.tell(Leadership::None);
                self.look_for_leader();
            }
        }
    }

    fn lead(&mut self) {
        self.leads += 1;
        self.ask_for_life();
        let folder = &self.options.folder;
        let node = self.own.as_ref().map(|node| format!("{folder}/{node}"));
        self.options.guard.set(node);
        tracing::info!("this daemon leads");
        self.tell(Leadership::Leading(self.leads));
        self.tell_leader(Some(self.options.name.clone()));
    }

    fn tell(&self, leadership: Leadership) {
        self.tell.leadership.send_replace(leadership);
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

// The name that the first in line shows. It may be gone when it is looked at; then the next look tells.
async fn leader(session: &Session, folder: &str) -> Option<Option<String>> {
    let found = candidates(session, folder).await.ok()?;
    let Some((_, node)) = found.first() else {
        return Some(None);
    };
    let node = session.get(&format!("{folder}/{node}")).await.ok()??;
    let name = String::from_utf8(node.data).ok();
    Some(name.filter(|name| !name.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_of_a_doubt_that_comes_again_and_again_once() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut doubts = Doubts::default();
        assert!(doubts.begin(at(0)) && doubts.end());
        assert!(!doubts.begin(at(1)) && !doubts.end());
        assert!(!doubts.begin(at(29)) && !doubts.end());
        assert!(doubts.begin(at(30)) && doubts.end() && !doubts.end());
    }
}
