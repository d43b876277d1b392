//! How fast is an event of Mesos read?
//!
//! `cargo bench --bench mesos_wire`: an OFFERS event with 1,000 offers, as bytes of a stream in chunks of 64 KiB, through
//! RecordIO and protobuf to checked events. Each offer is that of a plain agent: CPUs, memory, disk, a range of ports,
//! two attributes, a role.

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mesos_v1::{
    event::Event,
    proto::{
        Address, AgentId, Attribute, FrameworkId, Offer, OfferId, Resource, Url,
        resource::AllocationInfo, scheduler, value,
    },
    recordio::{Decoder, encode},
};
use prost::Message as _;

const OFFERS: u32 = 1_000;
/// About what one read of a socket brings.
const CHUNK: usize = 64 * 1024;

fn resource(name: &str, amount: f64) -> Resource {
    Resource {
        name: name.into(),
        r#type: value::Type::Scalar.into(),
        scalar: Some(value::Scalar { value: amount }),
        role: Some("*".into()),
        allocation_info: Some(AllocationInfo {
            role: Some("*".into()),
        }),
        ..Resource::default()
    }
}

fn ports() -> Resource {
    let range = value::Range {
        begin: 31_000,
        end: 31_999,
    };
    Resource {
        r#type: value::Type::Ranges.into(),
        scalar: None,
        ranges: Some(value::Ranges { range: vec![range] }),
        ..resource("ports", 0.0)
    }
}

fn attribute(name: &str, text: &str) -> Attribute {
    Attribute {
        name: name.into(),
        r#type: value::Type::Text.into(),
        text: Some(value::Text { value: text.into() }),
        ..Attribute::default()
    }
}

fn offer(number: u32) -> Offer {
    let master = "3cb96f03-422a-4ebb-bbce-17b1efbd0a00";
    Offer {
        id: OfferId {
            value: format!("{master}-O{number}"),
        },
        framework_id: FrameworkId {
            value: format!("{master}-0000"),
        },
        agent_id: AgentId {
            value: format!("{master}-S{number}"),
        },
        hostname: format!("agent-{number}.example.org"),
        url: Some(Url {
            scheme: "http".into(),
            address: Address {
                hostname: Some(format!("agent-{number}.example.org")),
                ip: Some("10.0.0.1".into()),
                port: 5_051,
            },
            path: Some("/slave(1)".into()),
            ..Url::default()
        }),
        resources: vec![
            ports(),
            resource("cpus", 4.0),
            resource("mem", 4_096.0),
            resource("disk", 4_096.0),
        ],
        attributes: vec![attribute("rack", "r1"), attribute("zone", "a")],
        allocation_info: Some(AllocationInfo {
            role: Some("*".into()),
        }),
        ..Offer::default()
    }
}

fn stream() -> Vec<u8> {
    let event = scheduler::Event {
        r#type: Some(scheduler::event::Type::Offers.into()),
        offers: Some(scheduler::event::Offers {
            offers: (0..OFFERS).map(offer).collect(),
        }),
        ..scheduler::Event::default()
    };
    let mut stream = Vec::new();
    encode(&event.encode_to_vec(), &mut stream);
    stream
}

fn read(decoder: &mut Decoder, stream: &[u8]) -> usize {
    let mut offers = 0;
    for chunk in stream.chunks(CHUNK) {
        decoder.push(chunk);
        while let Some(record) = decoder.next_record().expect("well framed") {
            if let Event::Offers(some) = black_box(Event::decode(&record).expect("an event")) {
                offers += some.len();
            }
        }
    }
    offers
}

fn frame(decoder: &mut Decoder, stream: &[u8]) -> usize {
    let mut bytes = 0;
    for chunk in stream.chunks(CHUNK) {
        decoder.push(chunk);
        while let Some(record) = decoder.next_record().expect("well framed") {
            bytes += black_box(record).len();
        }
    }
    bytes
}

fn mesos_wire(criterion: &mut Criterion) {
    let stream = stream();
    let mut group = criterion.benchmark_group("offers_1000");
    group.measurement_time(Duration::from_secs(5));
    group.throughput(Throughput::Bytes(stream.len() as u64));
    let mut decoder = Decoder::new();
    group.bench_function("frame", |bencher| {
        bencher.iter(|| frame(&mut decoder, black_box(&stream)));
    });
    group.bench_function("frame_and_decode", |bencher| {
        bencher.iter(|| assert_eq!(read(&mut decoder, black_box(&stream)), OFFERS as usize));
    });
    group.finish();
}

criterion_group!(benches, mesos_wire);
criterion_main!(benches);
