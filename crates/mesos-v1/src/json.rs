//! Calls and events as the JSON that Mesos speaks; the feature `json`.
//!
//! A master answers a client that does not ask for protobuf in JSON, and people read it more easily. The scheduler itself
//! has no use for it.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, SerializeOptions,
    prost_types::{FileDescriptorSet, field_descriptor_proto::Type},
};

use crate::event::WireError;

static DESCRIPTORS: &[u8] = include_bytes!("gen/descriptors.bin");

/// Fields that are text in JSON and bytes for us, so that one bad byte does not spoil the message.
const TEXTS: [(&str, &str); 5] = [
    ("TaskStatus", "message"),
    ("Error", "message"),
    ("Label", "value"),
    ("Text", "value"),
    ("OperationStatus", "message"),
];

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let mut described = <FileDescriptorSet as Message>::decode(DESCRIPTORS)
        .expect("checked in, and checked by a test");
    for file in &mut described.file {
        for message in &mut file.message_type {
            as_text(message);
        }
    }
    DescriptorPool::from_file_descriptor_set(described).expect("it was compiled from .proto files")
});

fn as_text(message: &mut prost_reflect::prost_types::DescriptorProto) {
    for nested in &mut message.nested_type {
        as_text(nested);
    }
    let name = message.name().to_owned();
    for field in &mut message.field {
        if TEXTS.contains(&(&name, field.name())) {
            // The wire form is the same.
            field.set_type(Type::String);
        }
    }
}

/// The full names of the messages that have a JSON form here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A call of a framework.
    Call,
    /// An event of the master.
    Event,
    /// A call to an agent.
    AgentCall,
    /// The answer of an agent.
    AgentResponse,
    /// A call of an operator to the master.
    MasterCall,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Call => "mesos.v1.scheduler.Call",
            Self::Event => "mesos.v1.scheduler.Event",
            Self::AgentCall => "mesos.v1.agent.Call",
            Self::AgentResponse => "mesos.v1.agent.Response",
            Self::MasterCall => "mesos.v1.master.Call",
        }
    }
}

/// What to do with a field that is not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unknown {
    /// Pass over it, as Mesos does.
    Ignore,
    /// Refuse the text; for tests.
    Refuse,
}

/// Reads JSON into the wire form of a message.
///
/// # Errors
///
/// When the text is no JSON, or not that of such a message.
pub fn to_wire(kind: Kind, text: &[u8], unknown: Unknown) -> Result<Vec<u8>, JsonError> {
    let descriptor = descriptor(kind);
    let options = DeserializeOptions::new().deny_unknown_fields(unknown == Unknown::Refuse);
    let mut reader = serde_json::Deserializer::from_slice(text);
    let message = DynamicMessage::deserialize_with_options(descriptor, &mut reader, &options)
        .map_err(JsonError::Text)?;
    reader.end().map_err(JsonError::Text)?;
    Ok(message.encode_to_vec())
}

/// Prints the wire form of a message as JSON, with the field names of Mesos.
///
/// # Errors
///
/// When the bytes are no such message, or hold a text that is not UTF-8.
pub fn from_wire(kind: Kind, bytes: &[u8]) -> Result<Vec<u8>, JsonError> {
    let message = DynamicMessage::decode(descriptor(kind), bytes)
        .map_err(|error| JsonError::Bytes(WireError(error)))?;
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .stringify_64_bit_integers(false);
    let mut text = Vec::new();
    let mut writer = serde_json::Serializer::new(&mut text);
    message
        .serialize_with_options(&mut writer, &options)
        .map_err(JsonError::Text)?;
    Ok(text)
}

fn descriptor(kind: Kind) -> prost_reflect::MessageDescriptor {
    POOL.get_message_by_name(kind.name())
        .expect("all kinds are declared in proto/")
}

/// Why something is not the JSON, or not the bytes, of a message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The text cannot be read, or not be written.
    #[error("no JSON of this message")]
    Text(#[source] serde_json::Error),
    /// The bytes cannot be read.
    #[error("not the bytes of this message")]
    Bytes(#[source] WireError),
}
