//! A `ZooKeeper` server from Debian's package, on a free port of the loopback.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    thread,
};

use tempfile::TempDir;

/// Where Debian's `libzookeeper-java` puts the server; its manifest names all others but a logger.
const CLASSES: &str = "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar";

/// Ends the server when its own input ends, which is when this process does, however it does.
const SHELL: &str = r#"
    java -Xmx128m -Xshare:auto -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Dorg.slf4j.simpleLogger.logFile=System.out \
        -cp "$0" org.apache.zookeeper.server.ZooKeeperServerMain "$1" </dev/null 2>&1 &
    server=$!
    cat >/dev/null
    kill -9 "$server"
    wait
"#;

/// A running server; it ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    shell: Child,
    port: u16,
    _folder: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let config = folder.path().join("zoo.cfg");
        let text = format!(
            "tickTime=500\nmaxSessionTimeout=60000\nadmin.enableServer=false\ndataDir={}\n\
             clientPortAddress=127.0.0.1\nclientPort={port}\n",
            folder.path().join("data").display()
        );
        fs::write(&config, text).unwrap();
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, CLASSES])
            .arg(&config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
        let started = |line: &str| line.contains("started, reconfigEnabled");
        let ready = lines.any(|line| line.is_ok_and(|line| started(&line)));
        assert!(
            ready,
            "ZooKeeper does not start; is it there? cargo xtask test --setup"
        );
        // Its log must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        Self {
            shell,
            port,
            _folder: folder,
        }
    }

    pub(crate) fn hosts(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        drop(self.shell.stdin.take());
        drop(self.shell.wait());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
