//! The process of a server.

use std::{
    io::{BufRead as _, BufReader, Lines},
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
};

use rustix::process::Pid;

use crate::Setup;

/// Where Debian's `libzookeeper-java` puts the server. Its manifest names all others but a logger, and parts of
/// Netty that only TLS needs.
const CLASSES: &str = "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar:\
     /usr/share/java/netty-codec.jar:/usr/share/java/netty-resolver.jar:\
     /usr/share/java/netty-transport-native-unix-common.jar";

/// The shell that starts the server ends it when its own input ends, which is when this process does,
/// however it does. It says the server's process id first.
const SHELL: &str = r#"
    java "-Xmx$2" -Xshare:auto -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dfile.encoding=UTF-8 \
        -Dorg.slf4j.simpleLogger.logFile=System.out $3 \
        -cp "$0" org.apache.zookeeper.server.quorum.QuorumPeerMain "$1/zoo.cfg" </dev/null 2>&1 &
    server=$!
    echo "$server"
    cat >/dev/null
    kill -9 "$server"
    wait
"#;

/// What the log says when clients are served: one server alone, one of several.
const READY: [&str; 2] = ["started, reconfigEnabled", "- LOOKING"];

#[derive(Debug)]
pub(crate) struct Running {
    shell: Child,
    // Closing it ends the server.
    input: Option<ChildStdin>,
    pid: Pid,
}

impl Running {
    /// Starts it; `None` when it ends at once, as when its port is taken.
    pub(crate) fn start(home: &Path, setup: &Setup, port: u16) -> Option<Self> {
        assert!(
            Path::new("/usr/share/java/zookeeper.jar").exists(),
            "ZooKeeper is missing; get it with: cargo xtask test --setup"
        );
        let users = format!(
            "-Djava.security.auth.login.config={}",
            home.join("jaas.conf").display()
        );
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, CLASSES])
            .arg(home)
            .arg(setup.heap())
            .args((!setup.users.is_empty()).then_some(users))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = shell.stdin.take();
        let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let pid = first.parse().ok().and_then(Pid::from_raw);
        let running = Self {
            shell,
            input,
            pid: pid.expect("the number of a process"),
        };
        if !is_ready(&mut lines) {
            return None;
        }
        // Its log must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        // TLS is listened for a moment after all else.
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            thread::yield_now();
        }
        Some(running)
    }

    pub(crate) const fn pid(&self) -> Pid {
        self.pid
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.input.take());
        drop(self.shell.wait());
    }
}

fn is_ready(lines: &mut Lines<BufReader<ChildStdout>>) -> bool {
    let is_ready = |line: &str| READY.iter().any(|ready| line.contains(ready));
    lines.any(|line| line.is_ok_and(|line| is_ready(&line)))
}
