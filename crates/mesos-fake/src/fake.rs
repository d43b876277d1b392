//! A fake cluster that runs: masters and agents on loopback, and the handle with which a test moves it.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use mesos_v1::proto::scheduler::{Event, call::Type};
use tokio::{
    net::TcpListener,
    sync::Notify,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior},
};

use crate::{
    cluster::{AgentSpec, Cluster, Settings},
    faults::{Fault, Faults},
    files,
    front::{self, Answer, Link},
    process::Processes,
    tls::{self, Tls},
    world::{Mode, Seen, Shared, World},
};

/// How often time goes on when it is real.
const REAL_TICK: Duration = Duration::from_millis(20);

/// A cluster on loopback. It ends when it is dropped, and its processes with it.
#[derive(Debug)]
pub struct Fake {
    shared: Shared,
    servers: Vec<Option<JoinHandle<()>>>,
    agents: Vec<JoinHandle<()>>,
    clock: Option<JoinHandle<()>>,
    tls: Option<Tls>,
    /// Removed with it, when nobody named another one.
    _folder: Option<tempfile::TempDir>,
}

/// What to start.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What can be chosen about the cluster.
    pub settings: Settings,
    /// Masters besides the leader.
    pub followers: usize,
    /// Agents.
    pub agents: Vec<AgentSpec>,
    /// The port of the first master; any, when 0.
    pub port: u16,
    /// Principals and their secrets; nobody is asked, when empty.
    pub credentials: BTreeSet<(String, String)>,
    /// Where sandboxes are; a temporary folder, if nowhere.
    pub work_dir: Option<PathBuf>,
    /// Masters and agents speak TLS only.
    pub tls: Option<Tls>,
}

impl Fake {
    /// Starts it. Its time stands still until [`Fake::advance`] or [`Fake::real_time`].
    ///
    /// # Errors
    ///
    /// When a port or a folder cannot be had.
    pub async fn start(plan: Plan) -> io::Result<Self> {
        let (folder, work_dir) = if let Some(work_dir) = plan.work_dir {
            (None, work_dir)
        } else {
            let folder = tempfile::tempdir()?;
            let path = folder.path().to_owned();
            (Some(folder), path)
        };
        let tls = plan.tls;
        let mut listeners = vec![bind(plan.port).await?];
        for _follower in 0..plan.followers {
            listeners.push(bind(0).await?);
        }
        let addresses = listeners
            .iter()
            .map(TcpListener::local_addr)
            .collect::<io::Result<Vec<SocketAddr>>>()?;
        let mut modes = vec![Mode::Follower; addresses.len()];
        modes[0] = Mode::Leader;
        let cluster = Cluster::new(plan.settings, "127.0.0.1", addresses[0].port());
        let shared = Shared::new(World {
            cluster,
            streams: BTreeMap::new(),
            modes,
            killed: addresses.iter().map(|_| Arc::new(Notify::new())).collect(),
            addresses,
            faults: Faults::default(),
            credentials: plan.credentials,
            calls: Vec::new(),
            launches: 0,
            chunk: None,
            processes: Processes::new(work_dir),
        });
        let servers = listeners
            .into_iter()
            .enumerate()
            .map(|(master, listener)| Some(serve_master(&shared, master, listener, tls.clone())))
            .collect();
        let mut fake = Self {
            shared,
            servers,
            agents: Vec::new(),
            clock: None,
            tls,
            _folder: folder,
        };
        for agent in plan.agents {
            fake.add_agent(agent).await?;
        }
        Ok(fake)
    }

    /// Where a master listens; 0 is the one that led first.
    pub fn address(&self, master: usize) -> SocketAddr {
        self.shared.with(|world| world.addresses[master])
    }

    /// Adds an agent with an HTTP of its own; returns its id.
    ///
    /// # Errors
    ///
    /// When a port cannot be had.
    pub async fn add_agent(&mut self, mut spec: AgentSpec) -> io::Result<String> {
        let listener = bind(0).await?;
        spec.port = listener.local_addr()?.port();
        let id = self.shared.with(|world| world.cluster.add_agent(spec));
        self.agents.push(serve_agent(
            &self.shared,
            id.clone(),
            listener,
            self.tls.clone(),
        ));
        Ok(id)
    }

    /// Changes the cluster, and sends what comes of it.
    pub fn cluster<T>(&self, act: impl FnOnce(&mut Cluster) -> T) -> T {
        self.shared.with(|world| act(&mut world.cluster))
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.shared.with(|world| world.advance(by));
    }

    /// From now on, time passes by itself.
    pub fn real_time(&mut self) {
        let shared = self.shared.clone();
        let clock = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(REAL_TICK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let mut last = Instant::now();
            loop {
                let now = ticks.tick().await;
                let by = now.saturating_duration_since(last);
                last = now;
                shared.with(|world| world.advance(by));
            }
        });
        self.clock = Some(clock);
    }

    /// How a master answers from now on.
    pub fn set_mode(&self, master: usize, mode: Mode) {
        self.shared.with(|world| world.modes[master] = mode);
    }

    /// A master dies: its connections end, nobody listens.
    pub fn stop_master(&mut self, master: usize) {
        if let Some(server) = self.servers[master].take() {
            server.abort();
        }
        self.shared.with(|world| {
            world.modes[master] = Mode::NoLeader;
            world.killed[master].notify_waiters();
        });
    }

    /// A master comes back at its address.
    ///
    /// # Errors
    ///
    /// When its port was taken meanwhile.
    pub async fn start_master(&mut self, master: usize, mode: Mode) -> io::Result<()> {
        let port = self.address(master).port();
        let listener = bind(port).await?;
        self.set_mode(master, mode);
        self.servers[master] = Some(serve_master(
            &self.shared,
            master,
            listener,
            self.tls.clone(),
        ));
        Ok(())
    }

    /// The leader dies, and another master leads. It knows nothing but the names of the agents.
    pub fn fail_over(&mut self, from: usize, to: usize) {
        self.shared.with(|world| {
            let port = world.addresses[to].port();
            world.cluster.fail_over("127.0.0.1", port);
            // Those streams end with their connections, not in order.
            drop(world.cluster.take_emitted());
            world.modes[to] = Mode::Leader;
        });
        self.stop_master(from);
    }

    /// After `pass` more calls of this type, the next one meets the fault.
    pub fn fault(&self, kind: Type, pass: u32, fault: Fault) {
        self.shared
            .with(|world| world.faults.add(kind, pass, fault));
    }

    /// Calls that are held go on.
    pub fn release(&self) {
        self.shared.released.notify_waiters();
    }

    /// Cuts streams into chunks of so many bytes.
    pub fn cut_streams(&self, size: Option<usize>) {
        self.shared.with(|world| world.chunk = size);
    }

    /// Sends bytes over all streams as they are.
    pub fn send_raw(&self, bytes: &[u8]) {
        self.shared.with(|world| world.send_raw(bytes));
    }

    /// Says something to a framework that the cluster would not say.
    pub fn say(&self, framework: &str, event: Event) {
        self.shared
            .with(|world| world.cluster.say(framework, event));
    }

    /// Ends all streams in order, as a proxy does that has enough.
    pub fn end_streams(&self) {
        self.shared.with(|world| world.streams.clear());
    }

    /// The connections of a master break.
    pub fn break_connections(&self, master: usize) {
        self.shared
            .with(|world| world.killed[master].notify_waiters());
    }

    /// The calls that came, oldest first.
    pub fn calls(&self) -> Vec<Seen> {
        self.shared.with(|world| world.calls.clone())
    }

    /// How many tasks were in launches that the master took.
    pub fn launches(&self) -> usize {
        self.shared.look(|world| world.launches)
    }

    /// Waits until cluster and calls are as wanted; looks again whenever something happened.
    pub async fn until<T>(&self, mut look: impl FnMut(&Cluster, &[Seen]) -> Option<T>) -> T {
        loop {
            let changed = self.shared.changed.clone();
            let mut waits = std::pin::pin!(changed.notified());
            // Before looking, so that nothing is missed in between.
            waits.as_mut().enable();
            let found = self.shared.look(|world| look(&world.cluster, &world.calls));
            if let Some(found) = found {
                return found;
            }
            waits.await;
        }
    }

    /// The sandbox of a task on an agent, made if it is not there.
    ///
    /// # Errors
    ///
    /// When there is no such task, or no folder can be made.
    pub fn sandbox(&self, agent: &str, framework: &str, task: &str) -> io::Result<PathBuf> {
        self.shared.with(|world| {
            let container = world
                .cluster
                .sandboxes(agent)
                .into_iter()
                .find(|(owner, executor, _container)| owner == framework && executor == task)
                .map(|(_owner, _executor, container)| container)
                .ok_or(io::ErrorKind::NotFound)?;
            world.processes.sandbox(framework, agent, task, &container)
        })
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let servers = self.servers.iter().flatten();
        for task in servers.chain(&self.agents).chain(&self.clock) {
            task.abort();
        }
        self.shared.with(|world| {
            world.processes.kill_all();
            for killed in &world.killed {
                killed.notify_waiters();
            }
        });
    }
}

async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

fn serve_master(
    shared: &Shared,
    master: usize,
    listener: TcpListener,
    tls: Option<Tls>,
) -> JoinHandle<()> {
    let shared = shared.clone();
    tokio::spawn(async move {
        while let Ok((socket, _peer)) = listener.accept().await {
            // An event and an answer are small, and each is waited for.
            if socket.set_nodelay(true).is_err() {
                continue;
            }
            let killed = shared.with(|world| world.killed[master].clone());
            let close = Arc::new(Notify::new());
            let link = Link {
                shared: shared.clone(),
                master,
                close: close.clone(),
            };
            let service =
                service_fn(move |request: Request<Incoming>| front::answer(link.clone(), request));
            let tls = tls.clone();
            tokio::spawn(async move {
                let Some(stream) = tls::open(tls, socket).await else {
                    return;
                };
                let connection = http1::Builder::new()
                    .title_case_headers(true)
                    .serve_connection(TokioIo::new(stream), service);
                tokio::select! {
                    // How a client leaves is its own affair.
                    _ended = connection => {}
                    () = close.notified() => {}
                    () = killed.notified() => {}
                }
            });
        }
    })
}

fn serve_agent(
    shared: &Shared,
    agent: String,
    listener: TcpListener,
    tls: Option<Tls>,
) -> JoinHandle<()> {
    let shared = shared.clone();
    tokio::spawn(async move {
        while let Ok((socket, _peer)) = listener.accept().await {
            let (shared, agent) = (shared.clone(), agent.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = files::answer(shared.clone(), agent.clone(), request);
                async move { answer.await as Result<Answer, Infallible> }
            });
            let tls = tls.clone();
            tokio::spawn(async move {
                let Some(stream) = tls::open(tls, socket).await else {
                    return;
                };
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                drop(connection.await);
            });
        }
    })
}
