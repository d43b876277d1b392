//! `ZooKeeper` servers for the tests, one or several that work together, from Debian's package.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    thread,
};

use tempfile::TempDir;

use crate::patience::wait_for;

/// Where Debian's `libzookeeper-java` puts the server; its manifest names all others but a logger.
const CLASSES: &str = "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar";

/// Ends the server when its own input ends, which is when this process does, however it does.
const SHELL: &str = r#"
    java "-Xmx$2" -Xshare:auto -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$0" \
        org.apache.zookeeper.server.quorum.QuorumPeerMain "$1" </dev/null 2>&1 &
    server=$!
    cat >/dev/null
    kill -9 "$server"
    wait
"#;

/// The memory of a server that holds little.
const HEAP: &str = "200m";

/// Servers that hold one tree; they end with this value.
#[derive(Debug)]
pub(crate) struct ZooKeeper {
    servers: Vec<Server>,
    _folder: TempDir,
}

#[derive(Debug)]
struct Server {
    config: String,
    port: u16,
    heap: &'static str,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    shell: Child,
    // Closing it ends the server.
    input: Option<ChildStdin>,
}

impl ZooKeeper {
    /// Starts so many servers.
    pub(crate) fn start(count: usize) -> Self {
        Self::start_with(count, HEAP)
    }

    /// Starts so many servers with so much memory, as Java is told.
    pub(crate) fn start_with(count: usize, heap: &'static str) -> Self {
        assert!(
            Path::new("/usr/share/java/zookeeper.jar").exists(),
            "ZooKeeper is missing; get it with: cargo xtask test --setup"
        );
        let folder = tempfile::tempdir().unwrap();
        // For clients, for each other, for their election.
        let ports: Vec<[u16; 3]> = free_ports(count);
        let peers: Vec<String> = ports
            .iter()
            .enumerate()
            .filter(|_| count > 1)
            .map(|(n, [_, peer, vote])| format!("server.{}=127.0.0.1:{peer}:{vote}\n", n + 1))
            .collect();
        let mut servers = Vec::new();
        for (n, [port, ..]) in ports.iter().enumerate() {
            let home = folder.path().join(n.to_string());
            let data = home.join("data");
            fs::create_dir_all(&data).unwrap();
            fs::write(data.join("myid"), (n + 1).to_string()).unwrap();
            let config = home.join("zoo.cfg");
            // Sessions may last from one second to a minute.
            let text = format!(
                "tickTime=500\ninitLimit=20\nsyncLimit=10\nmaxSessionTimeout=60000\n\
                 maxClientCnxns=0\nadmin.enableServer=false\nfsync.warningthresholdms=60000\n\
                 dataDir={}\nclientPortAddress=127.0.0.1\nclientPort={port}\n{}",
                data.display(),
                peers.concat()
            );
            fs::write(&config, text).unwrap();
            servers.push(Server {
                config: config.display().to_string(),
                port: *port,
                heap,
                running: None,
            });
        }
        let mut all = Self {
            servers,
            _folder: folder,
        };
        for n in 0..count {
            all.start_one(n);
        }
        all
    }

    pub(crate) const fn count(&self) -> usize {
        self.servers.len()
    }

    /// Starts one that was killed.
    pub(crate) fn start_one(&mut self, number: usize) {
        self.servers[number].start();
    }

    /// Kills one, as the end of its machine would.
    pub(crate) fn kill(&mut self, number: usize) {
        drop(self.servers[number].running.take());
    }

    /// The flag with which a daemon finds them.
    pub(crate) fn flag(&self) -> String {
        format!("--zk_hosts={}", self.hosts())
    }

    /// Where they are, and the root node.
    pub(crate) fn hosts(&self) -> String {
        let hosts = self.servers.iter();
        let hosts: Vec<_> = hosts
            .map(|server| format!("127.0.0.1:{}", server.port))
            .collect();
        format!("zk://{}/chronos", hosts.join(","))
    }
}

impl Server {
    fn start(&mut self) {
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, CLASSES, &self.config, self.heap])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = shell.stdin.take();
        let log = BufReader::new(shell.stdout.take().unwrap()).lines();
        // Its log must not fill the pipe.
        thread::spawn(move || log.for_each(drop));
        self.running = Some(Running { shell, input });
        let port = self.port;
        wait_for("a ZooKeeper server listens", || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.input.take());
        drop(self.shell.wait());
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
