//! However a stream is cut into chunks, the records are the same.

use mesos_v1::recordio::{Decoder, FrameError, encode};
use proptest::{collection::vec, prelude::*};

proptest! {
    #[test]
    fn chunks_do_not_matter(
        records in vec(vec(any::<u8>(), 0..300), 0..20),
        cuts in vec(1_usize..40, 1..50),
    ) {
        let mut stream = Vec::new();
        for record in &records {
            encode(record, &mut stream);
        }
        let mut rest = stream.as_slice();
        let mut decoder = Decoder::new();
        let mut got = Vec::new();
        for cut in cuts.iter().cycle() {
            let (chunk, later) = rest.split_at((*cut).min(rest.len()));
            decoder.push(chunk);
            while let Some(record) = decoder.next_record().expect("it was encoded") {
                got.push(record.to_vec());
            }
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(got, records);
        prop_assert_eq!(decoder.finish(), Ok(()));
        prop_assert_eq!(decoder.pending(), 0);
    }

    #[test]
    fn a_cut_stream_is_told(records in vec(vec(any::<u8>(), 1..30), 1..5), at in any::<prop::sample::Index>()) {
        let mut stream = Vec::new();
        let mut ends = vec![0];
        for record in &records {
            encode(record, &mut stream);
            ends.push(stream.len());
        }
        let at = at.index(stream.len());
        let mut decoder = Decoder::new();
        decoder.push(&stream[..at]);
        while decoder.next_record().expect("it was encoded").is_some() {}
        let want = if ends.contains(&at) { Ok(()) } else { Err(FrameError::Cut { at: at as u64 }) };
        prop_assert_eq!(decoder.finish(), want);
    }

    #[test]
    fn rubbish_gives_the_same_whole_or_in_bytes(stream in vec(prop_oneof![Just(b'\n'), b'0'..=b'9', any::<u8>()], 0..60)) {
        let whole = {
            let mut decoder = Decoder::with_len_max(20);
            decoder.push(&stream);
            outcome(&mut decoder, Vec::new())
        };
        let mut decoder = Decoder::with_len_max(20);
        let mut result = (Vec::new(), Ok(()));
        for byte in &stream {
            decoder.push(&[*byte]);
            result = outcome(&mut decoder, result.0);
            if result.1.is_err() {
                break;
            }
        }
        // What is refused is refused at the same place, if not always by the same name: the length grows.
        prop_assert_eq!(&whole.0, &result.0);
        prop_assert_eq!(whole.1.is_err(), result.1.is_err());
    }
}

fn outcome(decoder: &mut Decoder, mut got: Vec<Vec<u8>>) -> (Vec<Vec<u8>>, Result<(), FrameError>) {
    loop {
        match decoder.next_record() {
            Ok(Some(record)) => got.push(record.to_vec()),
            Ok(None) => return (got, Ok(())),
            Err(error) => return (got, Err(error)),
        }
    }
}
