//! The JSON of the name that a Mesos master gave to this framework, for stores without columns.

use chronos_model::{FrameworkId, FrameworkIdError};
use serde_json::{Value, json};

use super::fields::Fields;

/// The version of the format.
const VERSION: u64 = 1;

/// Returns the stored form of a framework's id.
pub fn encode_framework_id(id: &FrameworkId) -> String {
    json!({ "v": VERSION, "id": id.as_str() }).to_string()
}

/// Reads the stored form of a framework's id.
///
/// # Errors
///
/// Says which field is wrong.
pub fn decode_framework_id(text: &str) -> Result<FrameworkId, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let json = Fields::new(&json)?;
    json.check_version(VERSION)?;
    let id = json.text("id")?.ok_or("id is missing")?;
    id.parse()
        .map_err(|error: FrameworkIdError| format!("id {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let id: FrameworkId = "20140101-1-0000".parse().unwrap();
        let text = r#"{"v":1,"id":"20140101-1-0000"}"#;
        assert_eq!(encode_framework_id(&id), text);
        assert_eq!(decode_framework_id(text), Ok(id));
        for (text, problem) in [
            ("{}", "id is missing"),
            (r#"{"v":1,"id":""}"#, "id is empty"),
            (r#"{"v":1,"id":7}"#, "id is no text"),
            (
                r#"{"v":2,"id":"a"}"#,
                "format version is 2, and this program knows 1",
            ),
        ] {
            assert_eq!(decode_framework_id(text), Err(problem.to_owned()), "{text}");
        }
    }
}
