//! `ZooKeeper` servers from Debian's package, on free ports of the loopback, for as long as a measurement
//! takes.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

/// Where Debian's `libzookeeper-java` puts the server; its manifest names all others but a logger.
const CLASSES: &str = "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar";

/// How long servers may take to find each other.
const PATIENCE: Duration = Duration::from_secs(60);

/// Servers that run; they end with this value.
#[derive(Debug)]
pub struct Ensemble {
    servers: Vec<Child>,
    ports: Vec<u16>,
}

impl Ensemble {
    /// Starts so many servers that keep their data below a folder.
    ///
    /// # Errors
    ///
    /// When they cannot be started, or do not serve in time.
    pub fn start(folder: &Path, count: usize) -> Result<Self> {
        let ports: Vec<u16> = (0..3 * count).map(|_| free_port()).collect::<Result<_>>()?;
        let mut ensemble = Self {
            servers: Vec::new(),
            ports: ports.iter().copied().take(count).collect(),
        };
        let other = |server: usize| {
            let [a, b] = [1, 2].map(|kind| ports[kind * count + server]);
            format!("server.{}=127.0.0.1:{a}:{b}", server + 1)
        };
        let others = (0..count).map(other).collect::<Vec<_>>().join("\n");
        for (server, port) in ensemble.ports.clone().into_iter().enumerate() {
            let data = folder.join(format!("server-{server}"));
            fs::create_dir_all(&data)?;
            fs::write(data.join("myid"), format!("{}\n", server + 1))?;
            let others = if count > 1 { others.as_str() } else { "" };
            let config = format!(
                "tickTime=2000\ninitLimit=10\nsyncLimit=5\nadmin.enableServer=false\nmaxClientCnxns=0\n\
                 dataDir={}\nclientPortAddress=127.0.0.1\nclientPort={port}\n{others}",
                data.display()
            );
            let file = data.join("zoo.cfg");
            fs::write(&file, config)?;
            ensemble.servers.push(spawn(&file)?);
        }
        ensemble.wait()?;
        Ok(ensemble)
    }

    /// Returns the address of a root node.
    pub fn address(&self, root: &str) -> String {
        let hosts: Vec<_> = self
            .ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        format!("zk://{}{root}", hosts.join(","))
    }

    fn wait(&self) -> Result<()> {
        let begun = Instant::now();
        while !self
            .ports
            .iter()
            .all(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok())
        {
            if begun.elapsed() > PATIENCE {
                bail!("the servers do not serve after {PATIENCE:?}");
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

impl Drop for Ensemble {
    fn drop(&mut self) {
        for server in &mut self.servers {
            // One that has ended already needs no more.
            drop(server.kill());
            drop(server.wait());
        }
    }
}

fn spawn(config: &Path) -> Result<Child> {
    let mut server = Command::new("java")
        .args([
            "-Xmx1g",
            "-Dorg.slf4j.simpleLogger.logFile=System.out",
            "-cp",
            CLASSES,
        ])
        .arg("org.apache.zookeeper.server.quorum.QuorumPeerMain")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start java; get Java and ZooKeeper with: cargo xtask test --setup")?;
    // Its log must not fill the pipe.
    if let Some(log) = server.stdout.take() {
        thread::spawn(move || BufReader::new(log).lines().for_each(drop));
    }
    Ok(server)
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
