//! The driver, fed with what a real master sent, ends where the recording says, and acknowledges what the recorded
//! client did.

use std::{collections::BTreeSet, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mesos_v1::{
    Mono,
    driver::{
        Answer, CallId, Config, Driver, Input, Leader, Notice, Output, Pace, Refusal, StateKind,
        Subscription,
    },
    json::{self, Kind, Unknown},
    proto::{
        FrameworkInfo,
        scheduler::{Call, call},
    },
    recordio,
};
use prost::Message as _;
use serde_json::Value;

use crate::{
    kit::framework,
    recordings::{files, records},
};

#[test]
fn the_driver_ends_where_the_recording_says() {
    let mut seen = 0;
    for file in files(".events.recordio") {
        let name = name(&file);
        let replay = Replay::of(&file);
        let (state, refusal) = (replay.driver.state(), replay.driver.refusal());
        let scenario = name.replace(".json", "").replace(".protobuf", "");
        match scenario.as_str() {
            "errors/removed-framework"
            | "scheduler-failover/4-after-removal"
            | "scheduler-failover-timeout-0/2-after" => {
                assert_eq!(refusal, Some(&Refusal::Removed), "{name}");
            }
            "errors/bad-role"
            | "errors/role-and-roles"
            | "errors/roles-without-capability"
            | "errors/suppressed-not-subscribed" => {
                assert!(
                    matches!(refusal, Some(Refusal::Config(_))),
                    "{name}: {refusal:?}"
                );
            }
            "scheduler-failover/1-first-connection" => {
                assert_eq!(refusal, Some(&Refusal::FailedOver), "{name}");
            }
            // The question whether we lead comes first, then the master that was named.
            "non-leader/json" | "non-leader/protobuf" | "non-leader" => {
                assert_eq!(state, StateKind::Fencing, "{name}");
            }
            // The master was killed, or the framework torn down: the stream just ends.
            "master-failover/1-before" | "zookeeper-down" | "session" | "session-plain" => {
                assert_eq!(state, StateKind::Subscribed, "{name}");
                let mut replay = replay;
                replay.give(Input::Closed {
                    subscription: replay.subscription,
                    why: "end of stream".into(),
                });
                assert_eq!(replay.driver.state(), StateKind::Backoff, "{name}");
            }
            _ => assert_eq!(state, StateKind::Subscribed, "{name}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 59);
}

#[test]
fn the_driver_acknowledges_what_the_recorded_client_did() {
    let mut count = 0;
    for file in files("protobuf.events.recordio") {
        let replay = Replay::of(&file);
        let recorded = acknowledged(&log_of(&file));
        let missing: Vec<_> = recorded.difference(&replay.acknowledged).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", name(&file));
        count += recorded.len();
    }
    assert_eq!(count, ACKNOWLEDGED);
}

/// Different `ACKNOWLEDGE` bodies in the protobuf logs, counted once by other means.
const ACKNOWLEDGED: usize = 81;

#[test]
fn calls_are_made_as_the_recorded_client_made_them() {
    let mut made = std::collections::BTreeMap::new();
    for file in files("protobuf.log.jsonl") {
        for line in fs::read_to_string(&file).expect("a recording").lines() {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let body = line.pointer("/request/body_base64").and_then(Value::as_str);
            let Some(body) = body.map(|body| STANDARD.decode(body).expect("base64")) else {
                continue;
            };
            let recorded = Call::decode(body.as_slice()).expect("a call");
            if let Some(call) = made_anew(&recorded) {
                assert_eq!(call.encode_to_vec(), body, "{}: {line}", file.display());
                *made.entry(recorded.r#type().as_str_name()).or_insert(0) += 1;
            }
        }
    }
    let made: Vec<String> = made
        .iter()
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    assert_eq!(made.join(", "), MADE);
}

/// How many recorded calls are such as we make.
const MADE: &str = "ACCEPT 34, DECLINE 10, KILL 1, RECONCILE 24, SUBSCRIBE 29, TEARDOWN 15";

// The call that we make of the same parts; none for a call such as we never make.
fn made_anew(call: &Call) -> Option<Call> {
    use mesos_v1::call as make;
    let id = call.framework_id.as_ref();
    Some(match call.r#type() {
        call::Type::Subscribe => {
            let subscribe = call.subscribe.clone()?;
            // The recorded client also tried what a master refuses.
            if subscribe.framework_info.id != call.framework_id {
                return None;
            }
            make::subscribe(
                id,
                &subscribe.framework_info,
                subscribe.suppressed_roles,
                subscribe.offer_constraints,
            )
        }
        call::Type::Accept => {
            let accept = call.accept.clone()?;
            let refuse = accept.filters?.refuse_seconds?;
            make::accept(id?, accept.offer_ids, accept.operations, refuse)
        }
        call::Type::Decline => {
            let decline = call.decline.clone()?;
            let refuse = decline.filters?.refuse_seconds?;
            make::decline(id?, decline.offer_ids, refuse)
        }
        call::Type::Kill => {
            let kill = call.kill.clone()?;
            if kill.agent_id.is_some() {
                return None;
            }
            make::kill(id?, kill.task_id, kill.kill_policy)
        }
        call::Type::Reconcile => {
            let tasks = call.reconcile.clone()?.tasks.into_iter();
            make::reconcile(id?, tasks.map(|task| (task.task_id, task.agent_id)))
        }
        // Without roles the recorded client wrote an empty message, and we none.
        call::Type::Suppress => {
            let roles = call.suppress.clone().unwrap_or_default().roles;
            let id = id.filter(|_| !roles.is_empty());
            return id.map(|id| make::suppress(id, roles));
        }
        call::Type::Revive => {
            let roles = call.revive.clone().unwrap_or_default().roles;
            let id = id.filter(|_| !roles.is_empty());
            return id.map(|id| make::revive(id, roles));
        }
        call::Type::Teardown => make::teardown(id?),
        call::Type::AcceptInverseOffers => {
            let accept = call.accept_inverse_offers.clone()?;
            if accept.filters.is_some() {
                return None;
            }
            make::accept_inverse_offers(id?, accept.inverse_offer_ids)
        }
        // Compared with what the driver says, above.
        call::Type::Acknowledge
        | call::Type::Unknown
        | call::Type::Shutdown
        | call::Type::Message
        | call::Type::Request
        | call::Type::DeclineInverseOffers
        | call::Type::AcknowledgeOperationStatus
        | call::Type::ReconcileOperations
        | call::Type::UpdateFramework => return None,
    })
}

struct Replay {
    driver: Driver,
    subscription: Subscription,
    acknowledged: BTreeSet<Vec<u8>>,
}

impl Replay {
    fn of(file: &Path) -> Self {
        let log = log_of(file);
        let subscribe = log
            .iter()
            .find(|line| {
                line.pointer("/request/call/type")
                    .is_some_and(|kind| kind == "SUBSCRIBE")
            })
            .expect("each log has one");
        let sent_id = subscribe
            .pointer("/request/call/framework_id/value")
            .and_then(Value::as_str);
        let mut replay = Self {
            driver: Driver::new(Config {
                info: FrameworkInfo::default(),
                id: sent_id.map(framework),
                seed: 0,
                pace: Pace::default(),
            }),
            subscription: Subscription(0),
            acknowledged: BTreeSet::new(),
        };
        replay.give(Input::Start);
        replay.give(Input::Leader(Leader {
            authority: "127.0.0.1:5050".into(),
            id: None,
        }));
        replay.give(Input::Head {
            subscription: replay.subscription,
            answer: answer_of(subscribe),
        });
        let in_json = name(file).contains("json");
        for record in records(file) {
            let record = if in_json {
                json::to_wire(Kind::Event, &record, Unknown::Refuse).expect("an event")
            } else {
                record
            };
            let mut bytes = Vec::new();
            recordio::encode(&record, &mut bytes);
            // Cut in the middle; what an event leads to happens before the next one comes.
            let (head, tail) = bytes.split_at(bytes.len() / 2);
            for bytes in [head, tail] {
                replay.give(Input::Data {
                    subscription: replay.subscription,
                    bytes: bytes.to_vec().into(),
                });
            }
        }
        replay
    }

    // Does what a caller does when all goes well.
    fn give(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            self.driver.handle(Mono(0), input);
            while let Some(output) = self.driver.next_output() {
                self.carry_out(output, &mut inputs);
            }
        }
    }

    fn carry_out(&mut self, output: Output, inputs: &mut Vec<Input>) {
        match output {
            Output::CheckFence { subscription } if subscription == Subscription(1) => {
                self.subscription = subscription;
                inputs.push(Input::FenceHeld { subscription });
            }
            Output::StoreId { subscription, .. } => inputs.push(Input::IdStored { subscription }),
            Output::Send {
                subscription,
                call,
                body,
                ..
            } => {
                self.note(&body);
                inputs.push(received(subscription, call));
            }
            Output::Tell(Notice::Update(update)) => inputs.push(Input::Recorded(update.receipt)),
            Output::CheckFence { .. }
            | Output::Detect
            | Output::Subscribe { .. }
            | Output::Close { .. }
            | Output::EraseId
            | Output::Tell(_) => {}
        }
    }

    fn note(&mut self, body: &[u8]) {
        let call = Call::decode(body).expect("a call");
        if call.r#type() == call::Type::Acknowledge {
            self.acknowledged.insert(body.to_vec());
        }
    }
}

fn received(subscription: Subscription, call: CallId) -> Input {
    Input::CallAnswered {
        subscription,
        call,
        answer: Answer {
            status: 202,
            ..Answer::default()
        },
    }
}

fn answer_of(call: &Value) -> Answer {
    let header = |name: &str| {
        call.pointer(&format!("/response/headers/{name}"))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let status = call
        .pointer("/response/status")
        .and_then(Value::as_str)
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok())
        .expect("a status");
    Answer {
        status,
        stream_id: header("Mesos-Stream-Id"),
        location: header("Location"),
        body: Vec::new(),
    }
}

fn acknowledged(log: &[Value]) -> BTreeSet<Vec<u8>> {
    log.iter()
        .filter(|line| {
            line.pointer("/request/call/type")
                .is_some_and(|kind| kind == "ACKNOWLEDGE")
        })
        .filter_map(|line| line.pointer("/request/body_base64").and_then(Value::as_str))
        .map(|body| STANDARD.decode(body).expect("base64"))
        .collect()
}

fn log_of(file: &Path) -> Vec<Value> {
    let log = file
        .to_string_lossy()
        .replace(".events.recordio", ".log.jsonl");
    fs::read_to_string(log)
        .expect("each stream has a log")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn name(file: &Path) -> String {
    let file = file.to_string_lossy().replace(".events.recordio", "");
    let parts: Vec<&str> = file.rsplitn(3, '/').collect();
    let (leaf, scenario) = (parts[0], parts[1]);
    // A scenario with one stream is called as its folder.
    match leaf {
        "json" | "protobuf" => format!("{scenario}.{leaf}"),
        _ => format!("{scenario}/{leaf}"),
    }
}
