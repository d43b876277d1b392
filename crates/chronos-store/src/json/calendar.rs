//! The JSON of a calendar: the model's own, as text.

use chronos_model::Calendar;
use serde_json::Value;

use super::spec::join;

/// Returns the stored form of a calendar.
pub fn encode_calendar(calendar: &Calendar) -> String {
    Value::Object(calendar.to_json()).to_string()
}

/// Reads the stored form of a calendar.
///
/// # Errors
///
/// The error names every field that is wrong.
pub fn decode_calendar(text: &str) -> Result<Calendar, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Calendar::from_json(&json).map_err(|problems| join(&problems))
}
