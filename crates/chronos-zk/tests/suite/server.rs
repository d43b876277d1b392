//! A `ZooKeeper` server for the tests, from Debian's package, on a free port of the loopback.

use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use chronos_zk::ZkAddress;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Where Debian's `libzookeeper-java` puts the server; its manifest names all others but a logger.
const CLASSES: &str = "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar";

/// The shell that starts the server ends it when its own input ends, which is when this process does,
/// however it does. It says the server's process id first.
const SHELL: &str = r#"
    java -Xmx256m -Xshare:auto -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Dorg.slf4j.simpleLogger.logFile=System.out \
        -cp "$0" org.apache.zookeeper.server.ZooKeeperServerMain "$1" </dev/null 2>&1 &
    server=$!
    echo "$server"
    cat >/dev/null
    kill -9 "$server"
    wait
"#;

/// How often another port is tried when somebody takes the free one first.
const TRIES: usize = 5;

/// A running server; it ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    running: Option<Running>,
    port: u16,
    folder: TempDir,
}

#[derive(Debug)]
struct Running {
    shell: Child,
    // Closing it ends the server.
    input: Option<ChildStdin>,
    pid: Pid,
}

impl Server {
    /// Starts a server of its own.
    pub(crate) fn start() -> Self {
        assert!(
            Path::new("/usr/share/java/zookeeper.jar").exists(),
            "ZooKeeper is missing; get it with: cargo xtask test --setup"
        );
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..TRIES {
            let port = free_port();
            if let Some(running) = Running::start(&folder, port) {
                return Self {
                    running: Some(running),
                    port,
                    folder,
                };
            }
        }
        panic!("no server starts");
    }

    /// Kills it, as the end of its machine would.
    pub(crate) fn kill(&mut self) {
        drop(self.running.take());
    }

    /// Starts it on the same port with the same data.
    pub(crate) fn start_again(&mut self) {
        let running = (0..TRIES).find_map(|_| Running::start(&self.folder, self.port));
        self.running = Some(running.expect("the server starts again"));
    }

    /// Stops its time.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets its time go on.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let running = self.running.as_ref().unwrap();
        kill_process(running.pid, signal).unwrap();
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Returns an address with an empty root of its own.
    pub(crate) fn fresh(&self) -> ZkAddress {
        self.fresh_at(self.port)
    }

    /// Returns such an address by way of another port.
    #[expect(clippy::unused_self, reason = "an address of this server")]
    pub(crate) fn fresh_at(&self, port: u16) -> ZkAddress {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let text = format!("zk://127.0.0.1:{port}/test/{number}");
        text.parse().unwrap()
    }
}

impl Running {
    fn start(folder: &TempDir, port: u16) -> Option<Self> {
        let config = folder.path().join("zoo.cfg");
        let data = folder.path().join("data");
        // Sessions may last from one second to a minute.
        let text = format!(
            "tickTime=500\nmaxSessionTimeout=60000\nmaxClientCnxns=0\nadmin.enableServer=false\n\
             dataDir={}\nclientPortAddress=127.0.0.1\nclientPort={port}\n",
            data.display()
        );
        fs::write(&config, text).unwrap();
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, CLASSES])
            .arg(&config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = shell.stdin.take().unwrap();
        let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let pid = first.parse().ok().and_then(Pid::from_raw);
        let running = Self {
            shell,
            input: Some(input),
            pid: pid.unwrap(),
        };
        if !is_ready(&mut lines) {
            return None;
        }
        // Its log must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        Some(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.input.take());
        drop(self.shell.wait());
    }
}

/// The server that tests share which do not hurt it.
pub(crate) fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(Server::start)
}

fn is_ready(lines: &mut Lines<BufReader<ChildStdout>>) -> bool {
    lines.any(|line| line.is_ok_and(|line| line.contains("started, reconfigEnabled")))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
