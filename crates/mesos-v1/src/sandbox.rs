//! Reading files of sandboxes from agents.

use prost::Message as _;

use crate::{
    event::{EventError, WireError},
    proto::agent::{Call, Response, call, response},
};

/// Where an agent takes calls.
pub const PATH: &str = "/api/v1";

/// The part of a file.
pub use response::ReadFile as FilePart;

/// The body of a call that asks for at most `length` bytes of a file, from `offset` on.
pub fn read_file(path: String, offset: u64, length: u64) -> Vec<u8> {
    let call = Call {
        r#type: Some(call::Type::ReadFile.into()),
        read_file: Some(call::ReadFile {
            path,
            offset,
            length: Some(length),
        }),
        ..Call::default()
    };
    call.encode_to_vec()
}

/// Reads the answer to it.
///
/// # Errors
///
/// When it is no such answer.
pub fn file_part(body: &[u8]) -> Result<FilePart, EventError> {
    let answer = Response::decode(body).map_err(|error| EventError::Bytes(WireError(error)))?;
    answer.read_file.ok_or(EventError::Missing("read_file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_and_reads() {
        // type 8, read_file 5 with path, offset and length.
        let call = read_file("/a".into(), 1, 2);
        assert_eq!(call, b"\x08\x08\x2a\x08\x0a\x02/a\x10\x01\x18\x02");
        let part = file_part(b"\x08\x07\x42\x06\x08\x09\x12\x02ok").unwrap();
        assert_eq!((part.size, part.data), (9, b"ok".to_vec()));
        assert_eq!(
            file_part(b"").unwrap_err(),
            EventError::Missing("read_file")
        );
        assert!(file_part(b"\xff").is_err());
    }
}
