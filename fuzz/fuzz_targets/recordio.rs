//! However a stream is cut, RecordIO gives the same records, and an event that is read is written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesos_v1::{event::Event, proto::scheduler, recordio::{Decoder, encode}};
use prost::Message as _;

const LEN_MAX: usize = 4_096;

fuzz_target!(|input: (Vec<u8>, &[u8])| {
    let (cuts, stream) = input;
    let mut whole = Decoder::with_len_max(LEN_MAX);
    whole.push(stream);
    let mut want = Vec::new();
    let end = loop {
        match whole.next_record() {
            Ok(Some(record)) => want.push(record),
            Ok(None) => break whole.finish(),
            Err(error) => break Err(error),
        }
    };

    let mut pieces = Decoder::with_len_max(LEN_MAX);
    let (mut got, mut rest, mut broken) = (Vec::new(), stream, false);
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() && !broken {
        let cut = cuts.next().map_or(1, |cut| usize::from(*cut) + 1).min(rest.len());
        pieces.push(&rest[..cut]);
        rest = &rest[cut..];
        loop {
            match pieces.next_record() {
                Ok(Some(record)) => got.push(record),
                Ok(None) => break,
                Err(_refused) => {
                    broken = true;
                    break;
                }
            }
        }
    }
    assert_eq!(got, want);
    assert_eq!(pieces.finish().is_ok(), end.is_ok());

    let mut again = Vec::new();
    for record in &want {
        encode(record, &mut again);
        let _read = Event::decode(record);
        if let Ok(event) = scheduler::Event::decode(record.as_ref()) {
            let written = event.encode_to_vec();
            let read = scheduler::Event::decode(written.as_slice()).expect("it was just written");
            assert_eq!(read.encode_to_vec(), written);
        }
    }
    let mut decoder = Decoder::with_len_max(LEN_MAX);
    decoder.push(&again);
    for record in &want {
        assert_eq!(decoder.next_record().expect("encoded").as_ref(), Some(record));
    }
});
