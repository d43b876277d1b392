//! `ZooKeeper` servers for tests, from Debian's package, on free ports of the loopback.
//!
//! One ([`Server`]) or several that work together ([`Ensemble`]), which can be killed, started again and
//! frozen; plain, with TLS, with users. They end with their value, and with the process of the test, however
//! that ends. Nothing here waits by the clock but for a port.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on has failed, and says why there"
)]

mod keys;
mod process;
mod setup;

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use rustix::process::{Signal, kill_process};
use tempfile::TempDir;

use self::process::Running;
pub use self::{
    keys::{Authority, Identity},
    setup::{ServerTls, Setup},
};

/// How often another port is tried when somebody takes the free one first.
const TRIES: usize = 5;

/// A running server of its own.
#[derive(Debug)]
pub struct Server {
    member: Member,
    _folder: TempDir,
}

/// Servers that hold one tree.
#[derive(Debug)]
pub struct Ensemble {
    members: Vec<Member>,
    _folder: TempDir,
}

/// One server: its folder with configuration and data, and its process while that runs.
#[derive(Debug)]
struct Member {
    home: PathBuf,
    setup: Setup,
    port: u16,
    running: Option<Running>,
}

impl Server {
    /// Starts a plain one.
    pub fn start() -> Self {
        Self::start_with(&Setup::default())
    }

    /// Starts one that is set up like this.
    pub fn start_with(setup: &Setup) -> Self {
        (0..TRIES)
            .find_map(|_| Self::try_start(setup))
            .expect("a server starts")
    }

    fn try_start(setup: &Setup) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let [[port, ..]] = free_ports(1).try_into().unwrap();
        let mut member = Member::new(folder.path(), setup, port, 1, "");
        member.start().then_some(Self {
            member,
            _folder: folder,
        })
    }

    /// Kills it, as the end of its machine would.
    pub fn kill(&mut self) {
        self.member.kill();
    }

    /// Starts it on the same port with the same data.
    pub fn start_again(&mut self) {
        let started = (0..TRIES).any(|_| self.member.start());
        assert!(started, "the server starts again");
    }

    /// Starts it so with another setup: what it is told at its start changes, its data stay.
    pub fn start_again_with(&mut self, setup: &Setup) {
        self.member.setup = setup.clone();
        self.member.configure(1, "");
        self.start_again();
    }

    /// Stops its time.
    pub fn freeze(&self) {
        self.member.signal(Signal::STOP);
    }

    /// Lets its time go on.
    pub fn thaw(&self) {
        self.member.signal(Signal::CONT);
    }

    /// Returns the port for clients, plain or TLS as it is set up.
    pub const fn port(&self) -> u16 {
        self.member.port
    }

    /// Returns `host:port`.
    pub fn hosts(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }
}

/// Returns the path of a node that no other test of this process has.
pub fn fresh_root() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("/test/{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns the server that the tests of a process share which do not hurt it.
pub fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(Server::start)
}

impl Ensemble {
    /// Starts so many plain ones.
    pub fn start(count: usize) -> Self {
        Self::start_with(count, &Setup::default())
    }

    /// Starts so many that are set up like this.
    pub fn start_with(count: usize, setup: &Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // For clients, for each other, for their election.
        let ports = free_ports(count);
        let peers: Vec<String> = ports
            .iter()
            .enumerate()
            .filter(|_| count > 1)
            .map(|(n, [_, peer, vote])| format!("server.{}=127.0.0.1:{peer}:{vote}\n", n + 1))
            .collect();
        let peers = peers.concat();
        let members = ports.iter().enumerate().map(|(n, [port, ..])| {
            let home = folder.path().join(n.to_string());
            Member::new(&home, setup, *port, n + 1, &peers)
        });
        let mut all = Self {
            members: members.collect(),
            _folder: folder,
        };
        for n in 0..count {
            all.start_one(n);
        }
        all
    }

    /// Returns how many they are.
    pub const fn count(&self) -> usize {
        self.members.len()
    }

    /// Starts one that was killed.
    pub fn start_one(&mut self, number: usize) {
        let member = &mut self.members[number];
        assert!((0..TRIES).any(|_| member.start()), "a server starts");
    }

    /// Kills one, as the end of its machine would.
    pub fn kill(&mut self, number: usize) {
        self.members[number].kill();
    }

    /// Returns where clients find them: `host:port,…`.
    pub fn hosts(&self) -> String {
        let hosts = self.members.iter();
        let hosts: Vec<_> = hosts
            .map(|member| format!("127.0.0.1:{}", member.port))
            .collect();
        hosts.join(",")
    }
}

impl Member {
    fn new(home: &Path, setup: &Setup, port: u16, id: usize, peers: &str) -> Self {
        let new = Self {
            home: home.to_owned(),
            setup: setup.clone(),
            port,
            running: None,
        };
        new.configure(id, peers);
        new
    }

    fn configure(&self, id: usize, peers: &str) {
        let data = self.home.join("data");
        fs::create_dir_all(&data).unwrap();
        if !peers.is_empty() {
            fs::write(data.join("myid"), id.to_string()).unwrap();
        }
        self.setup.write(&self.home, &data, self.port, peers);
    }

    fn start(&mut self) -> bool {
        self.running = Running::start(&self.home, &self.setup, self.port);
        self.running.is_some()
    }

    fn kill(&mut self) {
        drop(self.running.take());
    }

    fn signal(&self, signal: Signal) {
        let running = self.running.as_ref().expect("the server runs");
        kill_process(running.pid(), signal).unwrap();
    }
}

// All at once, so that no two are the same.
fn free_ports(count: usize) -> Vec<[u16; 3]> {
    let listener = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let listeners: Vec<_> = (0..count)
        .map(|_| [listener(), listener(), listener()])
        .collect();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let ports = listeners.iter();
    ports.map(|three| three.each_ref().map(port)).collect()
}
