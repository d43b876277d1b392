//! Recorded sessions, played again with the fake: the same calls lead to the same news of each task.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    time::Duration,
};

use mesos_fake::{
    Fake, Plan,
    cluster::{AgentSpec, Settings},
    script::{Behaviour, Script, Step},
};
use mesos_v1::proto::{TaskState, scheduler::Event, task_status::Reason};
use serde_json::Value;

use crate::client::{Stream, recording, request};

#[tokio::test]
async fn a_whole_session() {
    check("session/json").await;
}

#[tokio::test]
async fn a_session_without_capabilities() {
    check("session-plain/json").await;
}

#[tokio::test]
async fn agents_that_go_and_come_back() {
    for name in ["aware", "notaware", "nocheckpoint"] {
        check(&format!("agent-lost/{name}.json")).await;
    }
    check("agent-gone/json").await;
    check("agent-shutdown/aware.json").await;
    check("agent-shutdown/notaware.json").await;
    check("agent-restart/json").await;
    check("drain/json").await;
    check("maintenance/json").await;
}

#[tokio::test]
async fn reserved_resources() {
    for name in ["plain-role", "multi-role", "refinement"] {
        check(&format!("reserved/{name}.json")).await;
    }
}

/// Plays a recording and compares.
async fn check(name: &str) {
    let log = fs::read_to_string(recording(&format!("{name}.log.jsonl"))).expect("a recording");
    let log: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let mut player = Player::new(name, &log).await;
    for line in &log {
        player.play(line).await;
    }
    player.compare(name, &log);
}

struct Player {
    fake: Fake,
    address: SocketAddr,
    stream: Option<Stream>,
    events: Vec<Event>,
    recorded_id: String,
    /// How far the recording is. The fake may be ahead, when it was waited for something.
    at: Duration,
    /// What was recorded, and what it is here.
    names: BTreeMap<String, String>,
    /// The agent of each recorded offer.
    agent_of: BTreeMap<String, String>,
    /// Offers of the fake that were not used yet, by agent.
    open: BTreeMap<String, Vec<String>>,
    /// By task, the different uuids, in the recording and here.
    recorded_uuids: BTreeMap<String, Vec<String>>,
}

impl Player {
    async fn new(name: &str, log: &[Value]) -> Self {
        let timeout = if name.starts_with("agent-lost") {
            4
        } else {
            75
        };
        let fake = Fake::start(Plan {
            settings: Settings {
                version: "1.12.0".into(),
                agent_timeout: Duration::from_secs(timeout),
                script: script(),
                ..Settings::default()
            },
            agents: if name.starts_with("reserved") {
                vec![reserved_agent()]
            } else {
                vec![AgentSpec::plain(1), AgentSpec::plain(2)]
            },
            ..Plan::default()
        })
        .await
        .expect("it starts");
        let mut agent_of = BTreeMap::new();
        let mut recorded_uuids: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in log {
            for offer in line
                .pointer("/event/offers/offers")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                agent_of.insert(text(&offer["id"]), text(&offer["agent_id"]));
            }
            if let Some(status) = line.pointer("/event/update/status")
                && let Some(uuid) = status["uuid"].as_str()
            {
                let uuids = recorded_uuids.entry(text(&status["task_id"])).or_default();
                if !uuids.contains(&uuid.to_owned()) {
                    uuids.push(uuid.to_owned());
                }
            }
        }
        let mut names = BTreeMap::new();
        let ids = fake.cluster(|cluster| cluster.agent_ids());
        for recorded in agent_of.values() {
            // The one with the same number.
            let number = recorded
                .rsplit('S')
                .next()
                .and_then(|number| number.parse::<usize>().ok());
            if let Some(id) = number.and_then(|number| ids.get(number)) {
                names.insert(recorded.clone(), id.clone());
            }
        }
        Self {
            at: Duration::ZERO,
            recorded_id: log
                .iter()
                .find_map(|line| line.pointer("/event/subscribed/framework_id"))
                .map(text)
                .expect("it was subscribed"),
            address: fake.address(0),
            fake,
            stream: None,
            events: Vec::new(),
            names,
            agent_of,
            open: BTreeMap::new(),
            recorded_uuids,
        }
    }

    async fn play(&mut self, line: &Value) {
        if let Some(seconds) = line["t"].as_f64() {
            let at = Duration::from_secs_f64(seconds);
            self.advance(at.saturating_sub(self.at)).await;
            self.at = at;
        }
        match line["kind"].as_str() {
            Some("call") => self.call(line).await,
            Some("note") => self.act(&text_of(&line["note"])).await,
            _ => {}
        }
    }

    async fn advance(&mut self, by: Duration) {
        self.fake.advance(by);
        self.drain().await;
    }

    // Reads what came, up to a mark of our own.
    async fn drain(&mut self) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        let mark = Event {
            r#type: Some(99),
            ..Event::default()
        };
        let ids: Vec<String> = self
            .fake
            .cluster(|cluster| cluster.frameworks())
            .into_iter()
            .filter(|(_id, _name, active)| *active)
            .map(|(id, _name, _active)| id)
            .collect();
        for id in &ids {
            self.fake.say(id, mark.clone());
        }
        while let Some(event) = next_or_mark(stream).await {
            let Some(event) = event else {
                return;
            };
            for offer in event.offers.iter().flat_map(|offers| &offers.offers) {
                let open = self.open.entry(offer.agent_id.value.clone()).or_default();
                open.push(offer.id.value.clone());
            }
            if let Some(rescind) = &event.rescind {
                for open in self.open.values_mut() {
                    open.retain(|id| *id != rescind.offer_id.value);
                }
            }
            self.events.push(event);
        }
    }

    async fn call(&mut self, line: &Value) {
        let recorded = &line["request"];
        let mut call = recorded["call"].clone();
        let kind = text_of(&call["type"]);
        for list in ["accept", "decline"] {
            let offers = call[list]["offer_ids"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            for offer in offers {
                self.map_offer(&text(&offer)).await;
            }
        }
        for list in ["accept_inverse_offers", "decline_inverse_offers"] {
            let offers = call[list]["inverse_offer_ids"].as_array().cloned();
            for offer in offers.unwrap_or_default() {
                self.map_inverse(&text(&offer));
            }
        }
        if kind == "UPDATE_MAINTENANCE_SCHEDULE" {
            self.operate(&call);
        }
        if kind == "ACKNOWLEDGE" {
            self.map_uuid(&mut call).await;
        }
        let mut body = call.to_string();
        for (recorded, here) in &self.names {
            body = body.replace(&format!("\"{recorded}\""), &format!("\"{here}\""));
        }
        if kind == "SUBSCRIBE" {
            body = without_id(&body);
        }
        let path = text_of(&recorded["path"]);
        let mut headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        if let (Some(stream), true) = (
            &self.stream,
            path.ends_with("scheduler") && kind != "SUBSCRIBE",
        ) {
            headers.push(("mesos-stream-id".to_owned(), stream.id.clone()));
        }
        let answer = request(self.address, "POST", &path, &headers, body.into()).await;
        let want = text_of(&line["response"]["status"]);
        // What operators are answered is not recorded by its number everywhere.
        if path.ends_with("scheduler") {
            assert!(
                want.contains(&format!(" {} ", answer.status.as_u16())),
                "{call}: {want}"
            );
        }
        if kind == "SUBSCRIBE" {
            let mut stream = Stream::new(answer);
            let first = stream.next().await.expect("an event");
            if let Some(subscribed) = &first.subscribed {
                let recorded = self.recorded_id.clone();
                self.names
                    .insert(recorded, subscribed.framework_id.value.clone());
            }
            self.events.push(first);
            self.stream = Some(stream);
        }
        if kind == "TEARDOWN" {
            self.stream = None;
        }
        self.drain().await;
    }

    // An offer of the same agent that was not used; the same one again, if it was recorded again.
    async fn map_offer(&mut self, recorded: &str) {
        if self.names.contains_key(recorded) {
            return;
        }
        let agent = self.agent_of.get(recorded).expect("it was offered");
        let agent = self.names.get(agent).expect("the agent is there").clone();
        for _second in 0..30 {
            let open = self.open.entry(agent.clone()).or_default();
            if !open.is_empty() {
                let id = open.remove(0);
                self.names.insert(recorded.to_owned(), id);
                return;
            }
            self.advance(Duration::from_secs(1)).await;
        }
        // Resources may be cut differently; what is not there needs no declining.
        self.names
            .insert(recorded.to_owned(), format!("none for {recorded}"));
    }

    async fn map_uuid(&mut self, call: &mut Value) {
        let task = text(&call["acknowledge"]["task_id"]);
        let recorded = text_of(&call["acknowledge"]["uuid"]);
        let number = self
            .recorded_uuids
            .get(&task)
            .and_then(|uuids| uuids.iter().position(|uuid| *uuid == recorded))
            .expect("it came with an update");
        for _step in 0..100 {
            if let Some(uuid) = self.uuids_here(&task).get(number) {
                call["acknowledge"]["uuid"] = Value::String(uuid.clone());
                return;
            }
            self.advance(Duration::from_millis(100)).await;
        }
        panic!("no update {number} of {task}");
    }

    fn uuids_here(&self, task: &str) -> Vec<String> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};

        let mut uuids: Vec<String> = Vec::new();
        for status in self.events.iter().filter_map(|event| event.update.as_ref()) {
            let status = &status.status;
            if status.task_id.value == task
                && let Some(uuid) = &status.uuid
            {
                let uuid = STANDARD.encode(uuid);
                if !uuids.contains(&uuid) {
                    uuids.push(uuid);
                }
            }
        }
        uuids
    }

    // What an operator asked for in a way that the fake does not take.
    fn operate(&mut self, call: &Value) {
        let agent = self.fake.cluster(|cluster| cluster.agent_ids()).remove(0);
        let hour = Duration::from_secs(3_600);
        self.fake.cluster(|cluster| {
            if call
                .pointer("/update_maintenance_schedule/schedule/windows")
                .is_some()
            {
                cluster.plan_maintenance(&agent, hour, hour);
            } else {
                cluster.cancel_maintenance(&agent);
            }
        });
    }

    // An inverse offer, in the order in which they came.
    fn map_inverse(&mut self, recorded: &str) {
        let sent = self
            .events
            .iter()
            .filter_map(|event| event.inverse_offers.as_ref());
        let sent: Vec<_> = sent.flat_map(|event| &event.inverse_offers).collect();
        let taken: Vec<_> = self.names.values().cloned().collect();
        let next = sent.iter().find(|offer| !taken.contains(&offer.id.value));
        if let (false, Some(next)) = (self.names.contains_key(recorded), next) {
            self.names
                .insert(recorded.to_owned(), next.id.value.clone());
        }
    }

    async fn act(&mut self, note: &str) {
        let agents = self.fake.cluster(|cluster| cluster.agent_ids());
        let Some(agent) = agents.first() else {
            return;
        };
        if note.starts_with("agent process killed") || note.starts_with("SIGTERM to the agent") {
            self.fake
                .cluster(|cluster| cluster.lose_agent(agent, false));
        } else if note.starts_with("agent started again") {
            self.fake.cluster(|cluster| cluster.return_agent(agent));
        } else if note.starts_with("SIGUSR1 to the agent") {
            self.fake.cluster(|cluster| cluster.unregister_agent(agent));
        }
        self.drain().await;
    }

    fn compare(&self, name: &str, log: &[Value]) {
        let recorded: Vec<Event> = log
            .iter()
            .filter_map(|line| line.get("event"))
            .map(|event| {
                use mesos_v1::json::{Kind, Unknown, to_wire};
                use prost::Message as _;

                let wire = to_wire(Kind::Event, event.to_string().as_bytes(), Unknown::Refuse)
                    .expect("an event");
                Event::decode(wire.as_slice()).expect("an event")
            })
            .collect();
        assert_eq!(news(&self.events), news(&recorded), "{name}");
    }
}

type News = (String, String, String, bool, String);

// What was said of each task, in order.
fn news(events: &[Event]) -> BTreeMap<String, Vec<News>> {
    let mut news: BTreeMap<String, Vec<News>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for event in events {
        if let Some(update) = &event.update {
            let status = &update.status;
            // How often something is repeated depends on time alone.
            if let Some(uuid) = &status.uuid
                && !seen.insert(uuid.clone())
            {
                continue;
            }
            let message = String::from_utf8_lossy(status.message()).into_owned();
            news.entry(status.task_id.value.clone()).or_default().push((
                status.state().as_str_name().to_owned(),
                status.source().as_str_name().to_owned(),
                status.reason.map_or_else(String::new, |_number| {
                    status.reason().as_str_name().to_owned()
                }),
                status.uuid.is_some(),
                plain(&message),
            ));
        } else if event.failure.is_some() || event.inverse_offers.is_some() {
            let failed = event
                .failure
                .iter()
                .filter_map(|failure| failure.agent_id.as_ref());
            let inverse = event
                .inverse_offers
                .iter()
                .flat_map(|event| &event.inverse_offers);
            let leaving = inverse.filter_map(|offer| offer.agent_id.as_ref());
            let agent = failed
                .chain(leaving)
                .next()
                .expect("an agent")
                .value
                .clone();
            let number = agent.rsplit('S').next().unwrap_or_default().to_owned();
            news.entry(format!("agent {number}")).or_default().push((
                event.r#type().as_str_name().to_owned(),
                String::new(),
                String::new(),
                false,
                String::new(),
            ));
        }
    }
    news
}

// Without ids and amounts.
fn plain(message: &str) -> String {
    for start in [
        "Total resources",
        "Failed to launch container: Failed to fetch all URIs",
        "Task launched with invalid offers: Offer",
        "Task launched with invalid offers: Aggregated offers must belong to one single agent",
        "Task uses invalid agent",
    ] {
        if message.starts_with(start) {
            return start.to_owned();
        }
    }
    message.to_owned()
}

async fn next_or_mark(stream: &mut Stream) -> Option<Option<Event>> {
    let event = stream.next().await?;
    Some((event.r#type != Some(99)).then_some(event))
}

fn without_id(body: &str) -> String {
    let mut call: Value = serde_json::from_str(body).expect("JSON");
    if let Some(call) = call.as_object_mut() {
        call.remove("framework_id");
    }
    if let Some(info) = call
        .pointer_mut("/subscribe/framework_info")
        .and_then(Value::as_object_mut)
    {
        info.remove("id");
    }
    call.to_string()
}

fn text(id: &Value) -> String {
    text_of(&id["value"])
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What the commands of the recordings did.
fn script() -> Script {
    let mut script = Script::default();
    let moment = Duration::from_millis(100);
    script.set("t-", Behaviour::hangs());
    script.set("p-", Behaviour::hangs());
    script.set("p-stubborn", Behaviour::ignores_sigterm());
    for name in [
        "t-ok",
        "t-args",
        "t-noack",
        "t-mixed",
        "t-short",
        "t-restart",
        "p-ok",
    ] {
        script.set(name, Behaviour::finishes(moment));
    }
    script.set("t-fail", Behaviour::exits(moment, 3));
    script.set("p-fail", Behaviour::exits(moment, 3));
    script.set("t-uri", Behaviour::fetch_fails());
    let start = [TaskState::TaskStarting, TaskState::TaskRunning];
    let start = start.map(|state| Step::new(Duration::ZERO, state));
    let killed =
        Step::new(moment, TaskState::TaskFailed).saying("Command terminated with signal Killed");
    script.set(
        "t-signal",
        Behaviour::Steps([start.to_vec(), vec![killed]].concat()),
    );
    let mut healthy =
        Step::new(moment, TaskState::TaskRunning).because(Reason::TaskHealthCheckStatusUpdated);
    healthy.healthy = Some(true);
    script.set(
        "t-health",
        Behaviour::Steps([start.to_vec(), vec![healthy]].concat()),
    );
    script
}

fn reserved_agent() -> AgentSpec {
    let reserved = |mut resource: mesos_v1::proto::Resource| {
        resource.role = Some("batch".into());
        resource
    };
    AgentSpec {
        resources: vec![
            reserved(mesos_fake::scalar_of("cpus", 2.0)),
            reserved(mesos_fake::scalar_of("mem", 1_024.0)),
            reserved(mesos_fake::ports(&[(31_000, 31_099)])),
            mesos_fake::scalar_of("cpus", 2.0),
            mesos_fake::scalar_of("mem", 3_072.0),
            mesos_fake::scalar_of("disk", 4_096.0),
            mesos_fake::ports(&[(31_100, 31_199)]),
        ],
        ..AgentSpec::plain(1)
    }
}
