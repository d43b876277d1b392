//! What the adapter sends to a master that says what a real one said, compared with what was sent then: byte for byte
//! where the same facts lead to the same call.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chronos_core::{ClusterCall, ClusterEvent, OfferId};
use chronos_mesos::{Keeper, Mesos, MesosCluster, MesosConfig};
use mesos_v1::{
    proto::{
        Resource,
        scheduler::{Call, Event, call::Type},
    },
    recordio::Decoder,
};
use prost::Message as _;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use crate::kit::{Notebook, PATIENCE, task};

/// The end of an answer in chunks. Without it the stream stays open.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A request as it was on the wire.
#[derive(Clone, Debug)]
struct Sent {
    /// In lower case, without those that depend on addresses and lengths.
    headers: BTreeSet<String>,
    body: Vec<u8>,
}

impl Sent {
    fn call(&self) -> Call {
        Call::decode(&*self.body).unwrap()
    }
}

/// Answers `SUBSCRIBE` with the recorded bytes, and everything else with 202.
struct Tape {
    sent: Arc<Mutex<Vec<Sent>>>,
    more: Arc<Notify>,
    address: String,
}

impl Tape {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tape = Self {
            sent: Arc::default(),
            more: Arc::default(),
            address: listener.local_addr().unwrap().to_string(),
        };
        let (sent, more) = (Arc::clone(&tape.sent), Arc::clone(&tape.more));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, Arc::clone(&sent), Arc::clone(&more)));
            }
        });
        tape
    }

    fn of(&self, kind: Type) -> Vec<Sent> {
        let sent = self.sent.lock().unwrap();
        let all = sent.iter().filter(|sent| sent.call().r#type() == kind);
        all.cloned().collect()
    }

    fn bodies(&self, kind: Type) -> BTreeSet<Vec<u8>> {
        self.of(kind).into_iter().map(|sent| sent.body).collect()
    }

    async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let wait = async {
            loop {
                let more = self.more.notified();
                if done(self) {
                    break;
                }
                more.await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_elapsed| panic!("no {what}"));
    }
}

async fn serve(connection: TcpStream, sent: Arc<Mutex<Vec<Sent>>>, more: Arc<Notify>) {
    let mut connection = BufReader::new(connection);
    while let Some(request) = read(&mut connection).await {
        let kind = request.call().r#type();
        sent.lock().unwrap().push(request);
        more.notify_one();
        let answer = if kind == Type::Subscribe {
            let whole = std::fs::read(recording("protobuf.wire.http")).unwrap();
            whole.strip_suffix(LAST_CHUNK).unwrap().to_vec()
        } else {
            b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_vec()
        };
        connection.get_mut().write_all(&answer).await.unwrap();
    }
}

async fn read(connection: &mut BufReader<TcpStream>) -> Option<Sent> {
    let mut length = 0;
    let mut headers = BTreeSet::new();
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        match &*name.to_lowercase() {
            "" => break,
            "content-length" => length = value.parse().unwrap(),
            "host" | "user-agent" => {}
            name => {
                headers.insert(format!("{name}: {value}").trim_end_matches(": ").to_owned());
            }
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.ok()?;
    Some(Sent { headers, body })
}

fn recording(file: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mesos-v1/tests/recordings/session");
    folder.join(file)
}

fn lines() -> Vec<Value> {
    let log = std::fs::read_to_string(recording("protobuf.log.jsonl")).unwrap();
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

// The bodies of the recorded calls, in order.
fn recorded(kind: Type) -> Vec<Vec<u8>> {
    let lines = lines();
    let bodies = lines
        .iter()
        .filter_map(|line| line.pointer("/request/body_base64"));
    let bodies = bodies.map(|body| STANDARD.decode(body.as_str().unwrap()).unwrap());
    let ours = |body: &Vec<u8>| Call::decode(&**body).unwrap().r#type() == kind;
    bodies.filter(ours).collect()
}

// The entries of an offer, as the master wrote them.
fn offered(id: &str) -> Vec<Resource> {
    let mut decoder = Decoder::default();
    decoder.push(&std::fs::read(recording("protobuf.events.recordio")).unwrap());
    let records = std::iter::from_fn(|| decoder.next_record().unwrap());
    let events = records.map(|record| Event::decode(&*record).unwrap());
    let mut offers = events
        .filter_map(|event| event.offers)
        .flat_map(|it| it.offers);
    offers.find(|offer| offer.id.value == id).unwrap().resources
}

async fn start(tape: &Tape) -> MesosCluster {
    let config = MesosConfig {
        // As the recorded client called itself.
        name: "golden-session".to_owned(),
        failover_timeout: Duration::from_secs(120),
        decline: Duration::from_secs(1),
        ..MesosConfig::new(tape.address.parse().unwrap())
    };
    let cluster = Mesos::start(config, Notebook::new(None) as Arc<dyn Keeper>).unwrap();
    let want = ClusterCall::Want { offers: true };
    cluster.calls.send(want).await.unwrap();
    cluster
}

// The ids of all offers of the recording, once they have been heard of.
async fn offers(cluster: &mut MesosCluster) -> Vec<OfferId> {
    let mut ids = Vec::new();
    while ids.len() < 19 {
        let event = tokio::time::timeout(PATIENCE, cluster.events.recv()).await;
        if let Some(ClusterEvent::Offers(offers)) = event.expect("more offers") {
            ids.extend(offers.into_iter().map(|offer| offer.id));
        }
    }
    ids
}

#[tokio::test]
async fn a_subscription_is_what_a_real_master_took() {
    let tape = Tape::start().await;
    let mut cluster = start(&tape).await;
    offers(&mut cluster).await;
    let sent = tape.of(Type::Subscribe).remove(0);
    let ours = sent.call().subscribe.unwrap();
    let mut want = Call::decode(&*recorded(Type::Subscribe)[0]).unwrap();
    let theirs = want.subscribe.as_mut().unwrap();
    // We know more than the recorded client did, and say where we are.
    let known = &ours.framework_info.capabilities;
    let missing = theirs
        .framework_info
        .capabilities
        .iter()
        .find(|it| !known.contains(it));
    assert_eq!(missing, None);
    theirs.framework_info.capabilities.clone_from(known);
    theirs.framework_info.hostname = ours.framework_info.hostname;
    theirs.framework_info.webui_url = ours.framework_info.webui_url;
    // Nothing was wanted yet, or was: that is a race.
    theirs.suppressed_roles = ours.suppressed_roles;
    assert_eq!(sent.body, want.encode_to_vec());
    let headers = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    let mut want: BTreeSet<String> = headers(&[
        "accept: application/x-protobuf",
        "content-type: application/x-protobuf",
        "post /api/v1/scheduler http/1.1",
    ]);
    assert_eq!(sent.headers, want, "no stream id");
    tape.until("other call", |tape| {
        !tape.bodies(Type::Reconcile).is_empty()
    })
    .await;
    let line = &lines()[0];
    let id = line.pointer("/response/headers/Mesos-Stream-Id").unwrap();
    want.insert(format!("mesos-stream-id: {}", id.as_str().unwrap()));
    assert_eq!(tape.of(Type::Reconcile)[0].headers, want);
}

#[tokio::test]
async fn calls_are_those_that_were_recorded() {
    let tape = Tape::start().await;
    let mut cluster = start(&tape).await;
    let ids = offers(&mut cluster).await;
    // The same offers are declined one by one.
    let single = |body: &Vec<u8>| {
        Call::decode(&**body)
            .unwrap()
            .decline
            .unwrap()
            .offer_ids
            .len()
            == 1
    };
    let declines = recorded(Type::Decline).into_iter().filter(single);
    let declines: BTreeSet<Vec<u8>> = declines.collect();
    assert_eq!(declines.len(), 3);
    for (number, offer) in ids[14..17].iter().enumerate() {
        let offer = offer.clone();
        cluster
            .calls
            .send(ClusterCall::Decline { offer })
            .await
            .unwrap();
        tape.until("decline", |tape| tape.of(Type::Decline).len() > number)
            .await;
    }
    assert_eq!(tape.bodies(Type::Decline), declines);
    // Every update that asks for it was acknowledged, with the same bytes: nobody waits for those tasks.
    let acknowledged: BTreeSet<Vec<u8>> = recorded(Type::Acknowledge).into_iter().collect();
    tape.until("acknowledgements", |tape| {
        tape.bodies(Type::Acknowledge).len() == acknowledged.len()
    })
    .await;
    assert_eq!(tape.bodies(Type::Acknowledge), acknowledged);
    // The question about all tasks.
    let all = recorded(Type::Reconcile).into_iter().find(|body| {
        let call = Call::decode(&**body).unwrap();
        call.reconcile.unwrap().tasks.is_empty()
    });
    tape.until("question", |tape| {
        tape.bodies(Type::Reconcile).contains(all.as_ref().unwrap())
    })
    .await;
}

#[tokio::test]
async fn a_launch_takes_what_was_offered_as_it_was_written() {
    let tape = Tape::start().await;
    let mut cluster = start(&tape).await;
    let offer = offers(&mut cluster).await.remove(0);
    let id = offer.to_string();
    let tasks = vec![task(json!({
        "cpus": 0.1, "mem": 32, "disk": 10,
        "container": {"image": "img", "network": "BRIDGE", "networkInfos": [
            {"name": "net", "portMappings": [{"hostPort": 31000, "containerPort": 80}]},
        ]},
    }))];
    cluster
        .calls
        .send(ClusterCall::Launch {
            offers: vec![offer],
            tasks,
        })
        .await
        .unwrap();
    tape.until("launch", |tape| !tape.of(Type::Accept).is_empty())
        .await;
    let sent = tape.of(Type::Accept).remove(0);
    let mut ours = sent.call().accept.unwrap();
    let mut launch = ours.operations.remove(0).launch.unwrap();
    // All around the task is as it was recorded.
    let mut want = Call::decode(&*recorded(Type::Accept)[0]).unwrap();
    let accept = want.accept.as_mut().unwrap();
    let theirs = accept.operations[0].launch.as_mut().unwrap();
    theirs.task_infos.clone_from(&launch.task_infos);
    accept.filters = ours.filters;
    assert_eq!(sent.body, want.encode_to_vec());
    // What it takes is what was offered, but for the amount.
    let task = launch.task_infos.remove(0);
    assert_eq!(task.resources.len(), 4);
    for mut taken in task.resources {
        let mut offered = offered(&id).into_iter().filter(|it| it.name == taken.name);
        let offered = offered.next().unwrap();
        assert_ne!(taken, offered, "only a part is taken");
        taken.scalar = offered.scalar;
        taken.ranges.clone_from(&offered.ranges);
        assert_eq!(taken.encode_to_vec(), offered.encode_to_vec());
    }
}
