//! What the notes between a leader and the agents of others say, as JSON.
//!
//! A note may come from a newer or an older version: unknown fields are ignored, and one that cannot be
//! understood is left alone.

use chronos_core::{AgentId, Launch, TaskState, TaskUpdate};
use chronos_model::{RunKey, Timestamp};
use serde_json::{Value, json};

/// The longest message that is passed on, in characters; a leader shows no more of it.
const MESSAGE_CHARS_MAX: usize = 1000;

/// The states by their words.
const STATES: [(TaskState, &str); 8] = [
    (TaskState::Starting, "starting"),
    (TaskState::Running, "running"),
    (TaskState::Unreachable, "unreachable"),
    (TaskState::Finished, "finished"),
    (TaskState::Failed, "failed"),
    (TaskState::Killed, "killed"),
    (TaskState::Lost, "lost"),
    (TaskState::Dropped, "dropped"),
];

/// What a leader wants of an agent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ask {
    /// To say where a run stands.
    Where(Launch),
    /// To end it.
    Kill,
    /// To tell of it no more: its end is on record.
    Acknowledge,
}

impl Ask {
    /// Whether this one says all that the other does.
    pub(crate) const fn covers(self, other: Self) -> bool {
        match self {
            Self::Acknowledge => true,
            Self::Kill => !matches!(other, Self::Acknowledge),
            Self::Where(_) => matches!(other, Self::Where(_)),
        }
    }

    pub(crate) fn to_text(self) -> String {
        let json = match self {
            Self::Where(launch) => json!({"ask": "where", "launch": millis(launch.0)}),
            Self::Kill => json!({"ask": "kill"}),
            Self::Acknowledge => json!({"ask": "acknowledge"}),
        };
        json.to_string()
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let json: Value = serde_json::from_str(text).ok()?;
        match json.get("ask")?.as_str()? {
            "where" => Some(Self::Where(Launch(time(&json, "launch")))),
            "kill" => Some(Self::Kill),
            "acknowledge" => Some(Self::Acknowledge),
            _ => None,
        }
    }
}

/// Writes an update down.
pub(crate) fn update_text(update: &TaskUpdate) -> String {
    let state = STATES.iter().find(|(state, _)| *state == update.state);
    let message = update.message.as_ref();
    let message: Option<String> =
        message.map(|text| text.chars().take(MESSAGE_CHARS_MAX).collect());
    let launch = update.launch.map(|launch| json!({"at": millis(launch.0)}));
    json!({
        "state": state.map(|(_, word)| word),
        "launch": launch,
        "exitCode": update.exit_code,
        "message": message,
        "startedAt": millis(update.started_at),
        "at": update.at.millis(),
    })
    .to_string()
}

/// Reads an update of an agent about a run.
pub(crate) fn read_update(key: RunKey, agent: AgentId, text: &str) -> Option<TaskUpdate> {
    let json: Value = serde_json::from_str(text).ok()?;
    let word = json.get("state")?.as_str()?;
    let (state, _) = STATES.iter().find(|(_, known)| *known == word)?;
    let launch = json.get("launch").filter(|launch| launch.is_object());
    let exit_code = json.get("exitCode").and_then(Value::as_i64);
    let message = json.get("message").and_then(Value::as_str);
    Some(TaskUpdate {
        key,
        launch: launch.map(|launch| Launch(time(launch, "at"))),
        agent,
        state: *state,
        exit_code: exit_code.and_then(|code| code.try_into().ok()),
        message: message.map(str::to_owned),
        started_at: time(&json, "startedAt"),
        at: time(&json, "at")?,
    })
}

fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::millis)
}

fn time(json: &Value, field: &str) -> Option<Timestamp> {
    let millis = json.get(field)?.as_i64()?;
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> RunKey {
        "ct:7:0:job:".parse().unwrap()
    }

    #[test]
    fn says_again_what_was_said() {
        let agent = AgentId("a".into());
        for (state, _) in STATES {
            for launch in [
                None,
                Some(Launch(None)),
                Some(Launch(Some(Timestamp::from_millis(9)))),
            ] {
                let update = TaskUpdate {
                    key: key(),
                    launch,
                    agent: agent.clone(),
                    state,
                    exit_code: Some(-3),
                    message: Some("why".to_owned()),
                    started_at: Some(Timestamp::from_millis(1)),
                    at: Timestamp::from_millis(2),
                };
                let text = update_text(&update);
                assert_eq!(
                    read_update(key(), agent.clone(), &text),
                    Some(update),
                    "{text}"
                );
            }
        }
        for ask in [Ask::Where(Launch(None)), Ask::Kill, Ask::Acknowledge] {
            assert_eq!(Ask::from_text(&ask.to_text()), Some(ask));
        }
    }

    #[test]
    fn leaves_alone_what_it_does_not_understand() {
        for text in [
            "",
            "{",
            "[]",
            r#"{"ask":"dance"}"#,
            r#"{"state":"gone","at":1}"#,
        ] {
            assert_eq!(Ask::from_text(text), None);
            assert_eq!(read_update(key(), AgentId("a".into()), text), None);
        }
    }
}
