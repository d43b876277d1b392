//! What a master says, read and checked.
//!
//! `prost` takes a missing field for an empty one, and an enum of a later version for its first value. So every event
//! passes through here: ids that are needed must be there, and what is not known is named by its number.

use prost::Message as _;

use crate::proto::{
    FrameworkId, InverseOffer, MasterInfo, Offer, OfferId, OperationStatus, TaskState, TaskStatus,
    scheduler,
};

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The subscription stands.
    Subscribed {
        /// Our id, given or confirmed.
        framework: FrameworkId,
        /// Seconds between heartbeats, when the master says so.
        heartbeat: Option<f64>,
        /// Who leads.
        master: Option<Box<MasterInfo>>,
    },
    /// New offers.
    Offers(Vec<Offer>),
    /// An offer that no longer stands.
    Rescind(OfferId),
    /// News of a task.
    Update(Box<TaskStatus>),
    /// Bytes from an executor.
    Message(scheduler::event::Message),
    /// An agent that is gone, or an executor that ended.
    Failure(scheduler::event::Failure),
    /// The end of the subscription.
    Error(String),
    /// The master is there.
    Heartbeat,
    /// Requests to leave agents.
    InverseOffers(Vec<InverseOffer>),
    /// A request to leave that no longer stands.
    RescindInverseOffer(OfferId),
    /// News of an operation.
    OperationStatus(Box<OperationStatus>),
    /// An event that this version does not know.
    Unknown(i32),
}

impl Event {
    /// Reads a record of the stream.
    ///
    /// # Errors
    ///
    /// When it is no event, or one without what makes it useful.
    pub fn decode(record: &[u8]) -> Result<Self, EventError> {
        scheduler::Event::decode(record)
            .map_err(|error| EventError::Bytes(WireError(error)))?
            .try_into()
    }
}

impl TryFrom<scheduler::Event> for Event {
    type Error = EventError;

    fn try_from(event: scheduler::Event) -> Result<Self, EventError> {
        use scheduler::event::Type;

        let number = event.r#type.unwrap_or_default();
        let Ok(kind) = Type::try_from(number) else {
            return Ok(Self::Unknown(number));
        };
        Ok(match kind {
            Type::Unknown => Self::Unknown(number),
            Type::Heartbeat => Self::Heartbeat,
            Type::Subscribed => subscribed(there(event.subscribed, "subscribed")?)?,
            Type::Offers => offers(event.offers.unwrap_or_default())?,
            Type::Rescind => {
                let offer = there(event.rescind, "rescind")?.offer_id;
                named(&offer.value, "rescind.offer_id")?;
                Self::Rescind(offer)
            }
            Type::Update => {
                let status = there(event.update, "update")?.status;
                named(&status.task_id.value, "update.status.task_id")?;
                Self::Update(Box::new(status))
            }
            Type::Message => Self::Message(there(event.message, "message")?),
            Type::Failure => Self::Failure(there(event.failure, "failure")?),
            Type::Error => {
                let text = there(event.error, "error")?.message;
                Self::Error(String::from_utf8_lossy(&text).into_owned())
            }
            Type::InverseOffers => {
                Self::InverseOffers(event.inverse_offers.unwrap_or_default().inverse_offers)
            }
            Type::RescindInverseOffer => Self::RescindInverseOffer(
                there(event.rescind_inverse_offer, "rescind_inverse_offer")?.inverse_offer_id,
            ),
            Type::UpdateOperationStatus => Self::OperationStatus(Box::new(
                there(event.update_operation_status, "update_operation_status")?.status,
            )),
        })
    }
}

fn subscribed(event: scheduler::event::Subscribed) -> Result<Event, EventError> {
    named(&event.framework_id.value, "subscribed.framework_id")?;
    Ok(Event::Subscribed {
        framework: event.framework_id,
        heartbeat: event.heartbeat_interval_seconds,
        master: event.master_info.map(Box::new),
    })
}

// One offer that nobody can use or give back spoils none of the others: those would be held for ever.
fn offers(mut event: scheduler::event::Offers) -> Result<Event, EventError> {
    let is_empty = event.offers.is_empty();
    event.offers.retain(|offer| !offer.id.value.is_empty());
    if event.offers.is_empty() && !is_empty {
        return Err(EventError::Missing("offers.id"));
    }
    Ok(Event::Offers(event.offers))
}

fn there<T>(payload: Option<T>, field: &'static str) -> Result<T, EventError> {
    payload.ok_or(EventError::Missing(field))
}

fn named(id: &str, field: &'static str) -> Result<(), EventError> {
    if id.is_empty() {
        return Err(EventError::Missing(field));
    }
    Ok(())
}

/// Where a task stands, when this version knows the state.
///
/// # Errors
///
/// The number of a state that it does not know. The update is acknowledged all the same.
pub fn task_state(status: &TaskStatus) -> Result<TaskState, i32> {
    TaskState::try_from(status.state).map_err(|_unknown| status.state)
}

/// Whether the update is repeated until it is acknowledged.
pub fn wants_acknowledgement(status: &TaskStatus) -> bool {
    status.uuid.as_ref().is_some_and(|uuid| !uuid.is_empty())
}

/// Whether a master forgets a task in this state once it is acknowledged.
///
/// `TASK_LOST` is among them and may still come back; see `TaskState` in `proto/`.
pub const fn is_terminal(state: TaskState) -> bool {
    match state {
        TaskState::TaskFinished
        | TaskState::TaskFailed
        | TaskState::TaskKilled
        | TaskState::TaskError
        | TaskState::TaskLost
        | TaskState::TaskDropped
        | TaskState::TaskGone
        | TaskState::TaskGoneByOperator => true,
        TaskState::TaskStaging
        | TaskState::TaskStarting
        | TaskState::TaskRunning
        | TaskState::TaskKilling
        | TaskState::TaskUnreachable
        | TaskState::TaskUnknown => false,
    }
}

/// The text of an update, readable whatever bytes it holds.
pub fn message(status: &TaskStatus) -> Option<String> {
    let text = status.message.as_deref()?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// Why a record is no event.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The bytes are no message.
    #[error("record is no event")]
    Bytes(#[source] WireError),
    /// What makes the event useful is not there.
    #[error("event without `{0}`")]
    Missing(&'static str),
}

/// What is wrong with the bytes of a message.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(transparent)]
pub struct WireError(pub(crate) prost::DecodeError);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::TaskId;

    #[test]
    fn names_what_it_does_not_know() {
        let event = scheduler::Event {
            r#type: Some(99),
            ..Default::default()
        };
        assert_eq!(Event::try_from(event), Ok(Event::Unknown(99)));
        assert_eq!(Event::decode(b""), Ok(Event::Unknown(0)));
        let status = TaskStatus {
            state: 99,
            ..Default::default()
        };
        assert_eq!(task_state(&status), Err(99));
    }

    #[test]
    fn a_bad_byte_spoils_no_update() {
        let event = scheduler::Event {
            r#type: Some(scheduler::event::Type::Update.into()),
            update: Some(scheduler::event::Update {
                status: TaskStatus {
                    task_id: TaskId { value: "t".into() },
                    message: Some(b"caf\xe9".to_vec()),
                    ..Default::default()
                },
            }),
            ..Default::default()
        };
        let Ok(Event::Update(status)) = Event::decode(&event.encode_to_vec()) else {
            panic!("it is an update");
        };
        assert_eq!(message(&status).as_deref(), Some("caf\u{fffd}"));
    }

    #[test]
    fn refuses_what_has_no_name() {
        check_missing(b"\x08\x01", "subscribed");
        check_missing(b"\x08\x01\x12\x00", "subscribed.framework_id");
        check_missing(b"\x08\x03\x22\x02\x0a\x00", "rescind.offer_id");
        check_missing(b"\x08\x04\x2a\x02\x0a\x00", "update.status.task_id");
        check_missing(b"\x08\x02\x1a\x02\x0a\x00", "offers.id");
    }

    #[test]
    fn an_offer_without_a_name_spoils_no_other() {
        // The second one has an id.
        let event = Event::decode(b"\x08\x02\x1a\x09\x0a\x00\x0a\x05\x0a\x03\x0a\x01O");
        let Ok(Event::Offers(offers)) = event else {
            panic!("there is one: {event:?}");
        };
        let ids: Vec<_> = offers.iter().map(|offer| offer.id.value.as_str()).collect();
        assert_eq!(ids, ["O"]);
    }

    #[track_caller]
    fn check_missing(record: &[u8], want: &'static str) {
        assert_eq!(Event::decode(record), Err(EventError::Missing(want)));
    }
}
