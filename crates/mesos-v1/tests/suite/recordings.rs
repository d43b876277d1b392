//! Everything that was recorded from a real master is read, and nothing of it is lost.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mesos_v1::{
    event::Event,
    json::{self, Kind, Unknown},
    proto::scheduler,
    recordio::Decoder,
};
use prost::Message as _;
use serde_json::Value;

#[test]
fn protobuf_events_are_read_and_written_again() {
    let mut count = 0;
    for file in files("protobuf.events.recordio") {
        for record in records(&file) {
            let event = scheduler::Event::decode(record.as_slice()).expect("an event");
            // The same bytes: no field that a master sends is missing in our schema.
            assert_eq!(event.encode_to_vec(), record, "{}", file.display());
            let read = Event::try_from(event).expect("a whole event");
            assert!(!matches!(read, Event::Unknown(_)), "{read:?}");
            count += 1;
        }
    }
    assert_eq!(count, PROTOBUF_EVENTS);
}

#[test]
fn json_events_are_read_and_written_again() {
    let mut count = 0;
    for file in files("json.events.recordio") {
        for record in records(&file) {
            let wire = json::to_wire(Kind::Event, &record, Unknown::Refuse).expect("an event");
            let event = scheduler::Event::decode(wire.as_slice()).expect("an event");
            assert_eq!(event.encode_to_vec(), wire, "{}", file.display());
            let _read = Event::try_from(event).expect("a whole event");
            let again = json::from_wire(Kind::Event, &wire).expect("it was just read");
            assert_eq!(parse(&again), parse(&record), "{}", file.display());
            count += 1;
        }
    }
    assert_eq!(count, JSON_EVENTS);
}

#[test]
fn recorded_calls_are_written_byte_for_byte() {
    let mut count = 0;
    for file in files("protobuf.log.jsonl") {
        for line in fs::read_to_string(&file).expect("a recording").lines() {
            let line = parse(line.as_bytes());
            let (Some(call), Some(body)) = (
                line.pointer("/request/call"),
                line.pointer("/request/body_base64").and_then(Value::as_str),
            ) else {
                continue;
            };
            if line.pointer("/request/path").and_then(Value::as_str) != Some("/api/v1/scheduler") {
                continue;
            }
            let body = STANDARD.decode(body).expect("base64");
            let text = call.to_string();
            let wire = json::to_wire(Kind::Call, text.as_bytes(), Unknown::Refuse).expect(&text);
            let mut read = scheduler::Call::decode(wire.as_slice()).expect("a call");
            let sent = scheduler::Call::decode(body.as_slice()).expect("a call");
            assert_eq!(sent.encode_to_vec(), body, "{}", file.display());
            if sent.framework_id.is_none()
                && let Some(subscribe) = &mut read.subscribe
            {
                // Who recorded wrote the id that came in the answer into the log of the call.
                subscribe.framework_info.id = None;
            }
            assert_eq!(read, sent, "{}", file.display());
            count += 1;
        }
    }
    assert_eq!(count, CALLS);
}

/// What is in the recordings, counted once by other means.
const PROTOBUF_EVENTS: usize = 260;
const JSON_EVENTS: usize = 266;
const CALLS: usize = 213;

/// The recordings whose name ends so, in order.
pub(crate) fn files(ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    for folder in fs::read_dir(home).expect("the recordings") {
        let folder = folder.expect("a name").path();
        if !folder.is_dir() {
            continue;
        }
        for file in fs::read_dir(folder).expect("a scenario") {
            let file = file.expect("a name").path();
            if file.to_string_lossy().ends_with(ending) {
                found.push(file);
            }
        }
    }
    found.sort();
    found
}

/// The records of a stream, which may break off in the middle of one.
pub(crate) fn records(file: &Path) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::new();
    decoder.push(&fs::read(file).expect("a recording"));
    let mut records = Vec::new();
    while let Some(record) = decoder.next_record().expect("well framed") {
        records.push(record.to_vec());
    }
    decoder.finish().expect("whole");
    records
}

fn parse(text: &[u8]) -> Value {
    let mut value = serde_json::from_slice(text).expect("JSON");
    whole_numbers(&mut value);
    value
}

// 15.0 and 15 are the same number, and so are two that differ by less than a microsecond: the parser is quick, not exact.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(number) = number.as_f64() {
                *value = ((number * 1e6).round() / 1e6).into();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(whole_numbers),
        Value::Object(values) => values.values_mut().for_each(whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
