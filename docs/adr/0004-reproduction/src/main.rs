//! Shows, on a real server, what the ADR says of two ZooKeeper clients.
//!
//! `cargo run -- 127.0.0.1:2181`, with an empty test server of any version from 3.6 on. Both clients
//! go by way of a proxy in this program that cuts their connections; what changes meanwhile is changed
//! by a third connection that is never cut.

use std::{
    io, mem,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{sleep, timeout},
};
use zookeeper_async::{Acl as OldAcl, CreateMode as OldMode, WatchedEvent, ZooKeeper};
use zookeeper_client::{Acls, Client, CreateMode};

const SESSION: Duration = Duration::from_secs(10);
/// Long enough for any of them to notice and to come back.
const PATIENCE: Duration = Duration::from_secs(5);
const ROUNDS: usize = 20;
const READS: usize = 200;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let server = std::env::args().nth(1).unwrap_or("127.0.0.1:2181".into());
    let direct = Client::connect(&server).await?;
    let open = CreateMode::Persistent.with_acls(Acls::anyone_all());
    let root = format!("/reproduction-{}", std::process::id());
    direct.create(&root, b"", &open).await?;
    for name in ["old-watched", "new-watched"] {
        direct.create(&format!("{root}/{name}"), b"", &open).await?;
    }
    for number in 0..READS {
        let path = format!("{root}/{number}");
        direct
            .create(&path, number.to_string().as_bytes(), &open)
            .await?;
    }
    let proxy = Proxy::start(server.parse()?).await?;

    println!("zookeeper-async 5.0.0");
    let old = ZooKeeper::connect(&proxy.address, SESSION, |_: WatchedEvent| {}).await?;
    old_client(&old, &proxy, &direct, &root).await?;
    println!("zookeeper-client 0.11.2");
    let new = Client::connector().with_session_timeout(SESSION);
    let new = new.connect(&proxy.address).await?;
    new_client(&new, &proxy, &direct, &root).await?;
    Ok(())
}

async fn old_client(
    client: &ZooKeeper,
    proxy: &Proxy,
    direct: &Client,
    root: &str,
) -> Result<(), Failure> {
    println!("  several writes as one, with a check of a version: it has no such call");
    let mut wrong = 0;
    let mut failed = 0;
    for round in 0..ROUNDS {
        let reads = (0..READS).map(|number| async move {
            let path = format!("{root}/{number}");
            (number, client.get_data(&path, false).await)
        });
        let auth = client.add_auth("digest", format!("u{round}:p").into_bytes());
        let (reads, _) = tokio::join!(futures_util::future::join_all(reads), auth);
        for (number, result) in reads {
            match result {
                Ok((data, _)) => wrong += usize::from(data != number.to_string().as_bytes()),
                Err(_) => failed += 1,
            }
        }
    }
    println!("  reads while a user is added: {wrong} got another node's data, {failed} failed");

    client.add_auth("digest", b"me:secret".to_vec()).await?;
    let path = format!("{root}/old-mine");
    let acl = OldAcl::creator_all().clone();
    client
        .create(&path, Vec::new(), acl, OldMode::Persistent)
        .await?;
    let (told, event) = tokio::sync::oneshot::channel();
    let watched = format!("{root}/old-watched");
    client
        .get_data_w(&watched, |_| told.send(()).unwrap_or(()))
        .await?;
    proxy.cut();
    sleep(PATIENCE).await;
    println!(
        "  a node of ours after the connection was cut: {:?}",
        client.get_data(&path, false).await.map(drop)
    );
    direct.set_data(&watched, b"changed", None).await?;
    let event = timeout(PATIENCE, event).await;
    println!(
        "  a watch from before the cut: {}",
        if event.is_ok() { "told" } else { "lost" }
    );
    Ok(())
}

async fn new_client(
    client: &Client,
    proxy: &Proxy,
    direct: &Client,
    root: &str,
) -> Result<(), Failure> {
    let mut writer = client.new_multi_writer();
    writer.add_check_version(root, 99)?;
    writer.add_set_data(&format!("{root}/0"), b"not to be", None)?;
    let refused = writer.commit().await;
    println!("  several writes as one, with a check of a wrong version: {refused:?}");
    let mut wrong = 0;
    let mut failed = 0;
    for round in 0..ROUNDS {
        let reads = (0..READS).map(|number| async move {
            let path = format!("{root}/{number}");
            (number, client.get_data(&path).await)
        });
        let auth = format!("u{round}:p");
        let auth = client.auth("digest", auth.as_bytes());
        let (reads, _) = tokio::join!(futures_util::future::join_all(reads), auth);
        for (number, result) in reads {
            match result {
                Ok((data, _)) => wrong += usize::from(data != number.to_string().as_bytes()),
                Err(_) => failed += 1,
            }
        }
    }
    println!("  reads while a user is added: {wrong} got another node's data, {failed} failed");

    client.auth("digest", b"me:secret").await?;
    let path = format!("{root}/new-mine");
    let mine = CreateMode::Persistent.with_acls(Acls::creator_all());
    client.create(&path, b"", &mine).await?;
    let watched = format!("{root}/new-watched");
    let (_, _, watcher) = client.get_and_watch_data(&watched).await?;
    proxy.cut();
    sleep(PATIENCE).await;
    println!(
        "  a node of ours after the connection was cut: {:?}",
        client.get_data(&path).await.map(drop)
    );
    direct.set_data(&watched, b"changed", None).await?;
    let event = timeout(PATIENCE, watcher.changed()).await;
    println!(
        "  a watch from before the cut: {}",
        if event.is_ok() { "told" } else { "lost" }
    );
    Ok(())
}

/// Carries connections to the server until they are cut.
struct Proxy {
    address: String,
    connections: Arc<Mutex<Vec<JoinHandle<io::Result<()>>>>>,
}

impl Proxy {
    async fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let connections = Arc::default();
        let proxy = Self {
            address,
            connections,
        };
        let connections = proxy.connections.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let carry = async move {
                    let mut server = TcpStream::connect(server).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
                    Ok(())
                };
                connections.lock().unwrap().push(tokio::spawn(carry));
            }
        });
        Ok(proxy)
    }

    /// Cuts all connections that there are; new ones may be made at once.
    fn cut(&self) {
        for connection in mem::take(&mut *self.connections.lock().unwrap()) {
            connection.abort();
        }
    }
}
