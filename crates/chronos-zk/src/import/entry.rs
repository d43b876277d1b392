//! The envelope of each value: an `Entry` of the state library of Mesos, as protobuf.

use prost::Message;

/// How long the id of a version is.
const UUID_BYTES: usize = 16;

/// `message Entry { required string name = 1; required bytes uuid = 2; required bytes value = 3; }`
#[derive(Clone, Eq, Message, PartialEq)]
struct Entry {
    #[prost(string, required, tag = "1")]
    name: String,
    #[prost(bytes = "vec", required, tag = "2")]
    uuid: Vec<u8>,
    #[prost(bytes = "vec", required, tag = "3")]
    value: Vec<u8>,
}

/// `message FrameworkID { required string value = 1; }`
#[derive(Clone, Eq, Message, PartialEq)]
struct FrameworkIdMessage {
    #[prost(string, required, tag = "1")]
    value: String,
}

/// Takes the value of a node out of its envelope; the error says what is wrong with it.
pub(super) fn value(node: &str, data: &[u8]) -> Result<Vec<u8>, String> {
    if data.is_empty() {
        return Err("the node is empty".to_owned());
    }
    let entry = Entry::decode(data).map_err(|error| format!("no entry of Mesos: {error}"))?;
    // A field that is missing reads as empty, and each of these has something in it.
    if entry.name != node {
        return Err(format!("the entry is that of {:?}", entry.name));
    }
    if entry.uuid.len() != UUID_BYTES {
        let len = entry.uuid.len();
        return Err(format!(
            "the entry's version has {len} bytes, expected {UUID_BYTES}"
        ));
    }
    if entry.value.is_empty() {
        return Err("the entry has no value".to_owned());
    }
    Ok(entry.value)
}

/// Reads the value of the node with the framework's id.
pub(super) fn framework_id(value: &[u8]) -> Result<String, String> {
    let message = FrameworkIdMessage::decode(value);
    message
        .map(|message| message.value)
        .map_err(|error| format!("no FrameworkID of Mesos: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Written out by hand: tag, length, bytes.
    fn entry(name: &str, uuid: &[u8], value: &[u8]) -> Vec<u8> {
        let mut data = Vec::new();
        for (tag, bytes) in [(0x0a, name.as_bytes()), (0x12, uuid), (0x1a, value)] {
            data.push(tag);
            data.push(u8::try_from(bytes.len()).unwrap());
            data.extend_from_slice(bytes);
        }
        data
    }

    #[test]
    fn opens_what_mesos_closed_and_nothing_else() {
        let good = entry("J_a", &[7; 16], b"{}");
        assert_eq!(value("J_a", &good), Ok(b"{}".to_vec()));
        // Fields that nobody knew are passed over.
        let mut newer = good.clone();
        newer.extend_from_slice(&[0x22, 1, 9]);
        assert_eq!(value("J_a", &newer), Ok(b"{}".to_vec()));
        for (data, want) in [
            (Vec::new(), "the node is empty"),
            (good[..good.len() - 1].to_vec(), "no entry of Mesos"),
            (b"{\"name\":1}".to_vec(), "no entry of Mesos"),
            (
                entry("J_b", &[7; 16], b"{}"),
                "the entry is that of \"J_b\"",
            ),
            (
                entry("J_a", &[7; 15], b"{}"),
                "the entry's version has 15 bytes",
            ),
            (entry("J_a", &[7; 16], b""), "the entry has no value"),
        ] {
            let found = value("J_a", &data).unwrap_err();
            assert!(found.starts_with(want), "{found}");
        }
        assert_eq!(framework_id(&[0x0a, 1, b'x']), Ok("x".to_owned()));
        assert!(framework_id(&[0x0a, 9, b'x']).is_err());
    }
}
