//! Masters found in ZooKeeper, on a real server.

use std::time::Duration;

use chronos_core::TaskState;
use chronos_mesos::{MesosConfig, Standing};
use mesos_fake::{Fake, Plan, script::Behaviour};
use mesos_v1::proto::scheduler::call::Type;
use serde_json::json;
use zk_server::Server;
use zookeeper_client::{Acls, Client, CreateMode};

use crate::kit::{Kit, Notebook, plan, quick};

async fn client(server: &Server) -> Client {
    let timeout = Duration::from_secs(5);
    let connector = Client::connector().with_session_timeout(timeout);
    connector.connect(&server.hosts()).await.unwrap()
}

/// A master enters the group, as Mesos does.
async fn enter(client: &Client, fake: &Fake, master: usize, id: &str) -> String {
    let (ip, port) = (fake.address(master).ip(), fake.address(master).port());
    let info = json!({
        "address": { "hostname": ip.to_string(), "ip": ip.to_string(), "port": port },
        "hostname": ip.to_string(), "id": id, "ip": 16_777_343, "port": port,
        "pid": format!("master@{ip}:{port}"), "version": "1.12.0",
    });
    let mode = CreateMode::EphemeralSequential.with_acls(Acls::anyone_all());
    let path = "/mesos/json.info_";
    let made = client
        .create(path, info.to_string().as_bytes(), &mode)
        .await;
    format!("{path}{}", made.unwrap().1)
}

async fn make(client: &Client, path: &str) {
    let mode = CreateMode::Persistent.with_acls(Acls::anyone_all());
    client.mkdir(path, &mode).await.unwrap();
}

#[tokio::test]
async fn the_leader_is_followed_and_a_lost_server_changes_nothing() {
    let mut server = Server::start();
    let two = Plan {
        followers: 1,
        ..plan(quick(Behaviour::hangs()))
    };
    let mut fake = Fake::start(two).await.unwrap();
    fake.real_time();
    let masters = format!("zk://{}/mesos", server.hosts()).parse().unwrap();
    // There is no group yet.
    let mut kit = Kit::of(fake, MesosConfig::new(masters), Notebook::new(None)).await;
    kit.standing(|standing| matches!(standing, Standing::Waiting(_)))
        .await;
    let first = client(&server).await;
    make(&first, "/mesos/log_replicas").await;
    let second = client(&server).await;
    let leader = enter(&first, &kit.fake, 0, "m0").await;
    enter(&second, &kit.fake, 1, "m1").await;
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    let at = |kit: &Kit| kit.cluster.status.borrow().master.clone().unwrap();
    assert!(at(&kit).starts_with(&kit.fake.address(0).to_string()));

    // The leader goes, and the next one leads.
    kit.fake.fail_over(0, 1);
    first.delete(&leader, None).await.unwrap();
    let next = kit.fake.address(1).to_string();
    kit.settled("the next master", |kit| {
        let status = kit.cluster.status.borrow();
        status.standing == Standing::Subscribed
            && status
                .master
                .as_deref()
                .is_some_and(|it| it.starts_with(&next))
    })
    .await;

    let agent = kit.agent();
    kit.fake
        .cluster(|cluster| cluster.agent_finds_master(&agent));
    // The offers of the first master are void.
    kit.catch_up();

    // Without ZooKeeper a master that speaks still leads, for an hour too.
    let count = |kit: &Kit| kit.count(Type::Subscribe);
    let subscriptions = count(&kit);
    server.kill();
    kit.fake
        .cluster(|cluster| cluster.advance(Duration::from_secs(3600)));
    kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    assert_eq!(kit.cluster.status.borrow().standing, Standing::Subscribed);
    assert_eq!(count(&kit), subscriptions);
    // And when its stream breaks, it is asked again.
    kit.fake.end_streams();
    kit.settled("a new subscription", |kit| {
        let standing = kit.cluster.status.borrow().standing.clone();
        count(kit) > subscriptions && standing == Standing::Subscribed
    })
    .await;
    server.start_again();
    let third = client(&server).await;
    enter(&third, &kit.fake, 1, "m1").await;
    // Those of the stream that broke are void.
    kit.catch_up();
    kit.launch(json!({ "name": "next" })).await;
    kit.settled("both tasks", |kit| kit.on_agents().len() == 2)
        .await;
}
