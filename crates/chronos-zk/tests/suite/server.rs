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
    shell: Child,
    input: Option<ChildStdin>,
    port: u16,
    _folder: TempDir,
}

impl Server {
    /// Starts a server of its own.
    pub(crate) fn start() -> Self {
        assert!(
            Path::new("/usr/share/java/zookeeper.jar").exists(),
            "ZooKeeper is missing; get it with: apt-get install zookeeper"
        );
        let folder = tempfile::tempdir().unwrap();
        (0..TRIES)
            .find_map(|_| Self::try_start(&folder))
            .map(|(shell, input, port)| Self {
                shell,
                input: Some(input),
                port,
                _folder: folder,
            })
            .expect("a server starts")
    }

    fn try_start(folder: &TempDir) -> Option<(Child, ChildStdin, u16)> {
        let port = free_port();
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
        if !is_ready(&mut lines) {
            drop(input);
            shell.wait().unwrap();
            return None;
        }
        // Its log must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        Some((shell, input, port))
    }

    /// Returns an address with an empty root of its own.
    pub(crate) fn fresh(&self) -> ZkAddress {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let text = format!("zk://127.0.0.1:{}/test/{number}", self.port);
        text.parse().unwrap()
    }
}

impl Drop for Server {
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
