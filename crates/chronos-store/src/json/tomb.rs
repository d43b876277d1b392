//! The JSON of what is left of a deleted job, for stores without columns.

use chronos_model::{Timestamp, Tomb};
use serde_json::{Map, Value};

use super::fields::Fields;

/// Returns the stored form of a tomb.
pub fn encode_tomb(tomb: &Tomb) -> String {
    let Tomb {
        deleted_at,
        due_max,
    } = tomb;
    let mut json = Map::new();
    json.insert("deletedAt".to_owned(), deleted_at.millis().into());
    if let Some(due_max) = due_max.map(Timestamp::millis) {
        json.insert("dueMax".to_owned(), due_max.into());
    }
    Value::Object(json).to_string()
}

/// Reads the stored form of a tomb.
///
/// # Errors
///
/// Says which field is wrong.
pub fn decode_tomb(text: &str) -> Result<Tomb, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let json = Fields::new(&json)?;
    Ok(Tomb {
        deleted_at: json.instant("deletedAt")?.unwrap_or_default(),
        due_max: json.instant("dueMax")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let at = Timestamp::from_millis;
        let tombs = [
            (
                at(-1),
                Some(at(i64::MAX)),
                r#"{"deletedAt":-1,"dueMax":9223372036854775807}"#,
            ),
            (at(2), None, r#"{"deletedAt":2}"#),
        ];
        for (deleted_at, due_max, text) in tombs {
            let tomb = Tomb {
                deleted_at,
                due_max,
            };
            assert_eq!(encode_tomb(&tomb), text);
            assert_eq!(decode_tomb(text), Ok(tomb));
        }
        let wrong = decode_tomb(r#"{"dueMax":"x"}"#);
        assert_eq!(wrong, Err("dueMax is no instant".to_owned()));
    }
}
