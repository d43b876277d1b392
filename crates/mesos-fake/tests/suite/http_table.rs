//! Answers to requests, right and wrong ones, beside those of a real master.

use std::{collections::BTreeSet, fs, net::SocketAddr};

use bytes::Bytes;
use mesos_fake::{Fake, Mode, Plan, cluster::AgentSpec};
use serde_json::{Value, json};

use crate::client::{Answer, Stream, recording, request};

#[tokio::test]
async fn answers_are_those_of_a_real_master() {
    let fake = Fake::start(Plan {
        agents: vec![AgentSpec::plain(1)],
        ..Plan::default()
    })
    .await
    .expect("it starts");
    let address = fake.address(0);
    let table = table("http-errors/table.json");
    let (recorded_id, recorded_stream) = ids_of(&table);
    let (id, mut stream) = subscribe(address).await;
    let mut tried = 0;
    for entry in &table {
        let name = entry["name"].as_str().expect("a name");
        match name {
            "call after the stream was closed (within failover_timeout)" => {
                let gone = std::mem::replace(&mut stream, subscribe(address).await.1);
                let old = gone.id.clone();
                drop(gone);
                close_and_wait(&fake, &id).await;
                stream.id = old;
            }
            "call after TEARDOWN" => fake.cluster(|cluster| assert!(cluster.teardown(&id))),
            _ => {}
        }
        let text = entry.to_string().replace(&recorded_id, &id);
        let entry: Value =
            serde_json::from_str(&text.replace(&recorded_stream, &stream.id)).expect("JSON");
        check(address, &entry, name).await;
        tried += 1;
    }
    assert_eq!(tried, 33);
}

#[tokio::test]
async fn credentials_are_asked_for_as_a_real_master_does() {
    let fake = Fake::start(Plan {
        credentials: BTreeSet::from([("chronos".to_owned(), "s3cret".to_owned())]),
        ..Plan::default()
    })
    .await
    .expect("it starts");
    let table = table("authentication/table.json");
    for entry in &table {
        let name = entry["name"].as_str().expect("a name");
        let answer = send(fake.address(0), &with_body(&entry["request"])).await;
        compare_head(&answer, &entry["response"], name);
        if answer.status != 200 {
            assert_eq!(answer.text().await, entry["response"]["body"], "{name}");
        }
    }
    assert_eq!(table.len(), 5);
}

#[tokio::test]
async fn refused_subscriptions_are_refused_in_the_same_words() {
    for name in [
        "bad-role",
        "role-and-roles",
        "roles-without-capability",
        "suppressed-not-subscribed",
    ] {
        let fake = Fake::start(Plan::default()).await.expect("it starts");
        let log = recording(&format!("errors/{name}.json.log.jsonl"));
        let log = fs::read_to_string(log).expect("a recording");
        let call: Value = serde_json::from_str(log.lines().next().expect("a line")).expect("JSON");
        let answer = send(fake.address(0), &with_body(&call["request"])).await;
        assert_eq!(answer.status, 200, "{name}");
        let mut stream = Stream::new(answer);
        let record = stream.next_record().await.expect("an event");
        let want = fs::read(recording(&format!("errors/{name}.json.events.recordio")))
            .expect("a recording");
        let begin = want
            .iter()
            .position(|byte| *byte == b'\n')
            .expect("a length")
            + 1;
        assert_eq!(
            String::from_utf8_lossy(&record),
            String::from_utf8_lossy(&want[begin..]),
            "{name}"
        );
        assert_eq!(stream.next_record().await, None, "{name}: the stream ends");
    }
}

#[tokio::test]
async fn a_master_that_does_not_lead_says_who_does() {
    let mut fake = Fake::start(Plan {
        followers: 1,
        ..Plan::default()
    })
    .await
    .expect("it starts");
    let (leader, follower) = (fake.address(0), fake.address(1));
    let log = fs::read_to_string(recording("non-leader/json.log.jsonl")).expect("a recording");
    let mut tried = 0;
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        let path = entry.pointer("/request/path").and_then(Value::as_str);
        // The numbers of a real master are not kept.
        if entry["kind"] != "call" || path == Some("/metrics/snapshot") {
            continue;
        }
        let answer = send(follower, &with_body(&entry["request"])).await;
        let text = entry["response"]
            .to_string()
            .replace("127.0.0.1:5050", &leader.to_string());
        compare_head(&answer, &serde_json::from_str(&text).expect("JSON"), line);
        tried += 1;
    }
    assert_eq!(tried, 7);
    fake.stop_master(0);
    let call = json!({"method": "POST", "path": "/api/v1/scheduler", "headers": {}, "body": ""});
    let answer = send(follower, &call).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.text().await, "No leader elected");
    fake.set_mode(1, Mode::Recovering);
    let answer = send(follower, &call).await;
    assert_eq!(answer.text().await, "Master has not finished recovery");
    fake.set_mode(1, Mode::Booting);
    assert_eq!(send(follower, &call).await.status, 404);
}

async fn close_and_wait(fake: &Fake, id: &str) {
    fake.end_streams();
    // The connection closes when the body has ended.
    fake.until(|cluster, _calls| {
        let all = cluster.frameworks();
        all.iter()
            .any(|(known, _name, active)| known == id && !active)
            .then_some(())
    })
    .await;
}

async fn check(address: SocketAddr, entry: &Value, name: &str) {
    let answer = send(address, &entry["request"]).await;
    compare_head(&answer, &entry["response"], name);
    assert_eq!(answer.text().await, entry["response"]["body"], "{name}");
}

fn compare_head(answer: &Answer, want: &Value, name: &str) {
    let status = want["status"].as_str().expect("a status");
    assert!(
        status.contains(&format!(" {} ", answer.status.as_u16())),
        "{name}: {status}, {}",
        answer.status
    );
    for (header, value) in want["headers"].as_object().expect("headers") {
        // These differ from answer to answer.
        if ["Date", "Mesos-Stream-Id", "Transfer-Encoding"].contains(&header.as_str()) {
            assert!(answer.headers.contains_key(header), "{name}: {header}");
        } else {
            assert_eq!(answer.header(header), value.as_str(), "{name}: {header}");
        }
    }
}

async fn send(address: SocketAddr, entry: &Value) -> Answer {
    let text = |field: &str| entry[field].as_str().unwrap_or_default();
    let headers: Vec<(String, String)> = entry["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    // Bytes that are no text were recorded as the characters with their numbers.
    let body: Vec<u8> = if text("body").chars().any(|c| c == '\u{ff}') {
        text("body")
            .chars()
            .filter_map(|c| u8::try_from(u32::from(c)).ok())
            .collect()
    } else {
        text("body").as_bytes().to_vec()
    };
    request(
        address,
        text("method"),
        text("path"),
        &headers,
        Bytes::from(body),
    )
    .await
}

// Where a call was recorded as what it says, its bytes are made of that.
fn with_body(entry: &Value) -> Value {
    let mut entry = entry.clone();
    if entry.get("call").is_some_and(Value::is_object) {
        entry["body"] = Value::String(entry["call"].to_string());
    }
    entry
}

async fn subscribe(address: SocketAddr) -> (String, Stream) {
    let body = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": {
        "user": "root", "name": "x", "roles": ["*"], "failover_timeout": 120.0, "checkpoint": true,
        "capabilities": [{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}]}}});
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    let answer = request(
        address,
        "POST",
        "/api/v1/scheduler",
        &headers,
        body.to_string().into(),
    )
    .await;
    let mut stream = Stream::new(answer);
    let first = stream.next().await.expect("an event");
    let id = first.subscribed.expect("subscribed").framework_id.value;
    (id, stream)
}

fn ids_of(table: &[Value]) -> (String, String) {
    let entry = table
        .iter()
        .find(|entry| entry["name"] == "unknown field")
        .expect("a call that was right");
    let body: Value = serde_json::from_str(
        entry
            .pointer("/request/body")
            .and_then(Value::as_str)
            .expect("a body"),
    )
    .expect("JSON");
    let id = body["framework_id"]["value"]
        .as_str()
        .expect("an id")
        .to_owned();
    let stream = entry
        .pointer("/request/headers/Mesos-Stream-Id")
        .and_then(Value::as_str);
    (id, stream.expect("a stream id").to_owned())
}

fn table(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(recording(name)).expect("a recording");
    serde_json::from_str(&text).expect("JSON")
}
