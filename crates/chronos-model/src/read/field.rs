//! Scalars of a document, read as leniently as Chronos reads them, and the path that names them.
//!
//! Where Chronos turned what it could not read into zero or false, there is a problem instead.

use std::{fmt, ops::RangeInclusive};

use resources::{Scalar, ScalarError};
use serde_json::{Map, Value};

use crate::{
    limits::{LIST_LEN_MAX, TEXT_LEN_MAX},
    problem::{Problems, ROOT_FIELD, quote},
};

/// The bound within which a floating-point number is surely a 64-bit integer.
const INTEGER_MAX: f64 = 9.2e18;

/// A place in a document; prints as `container.volumes[0].mode`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'a> {
    /// The document.
    Root,
    /// A field of an object.
    Key(&'a Self, &'a str),
    /// An entry of an array.
    Index(&'a Self, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str(ROOT_FIELD),
            Self::Key(Self::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// An object of a document, with the way to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'a> {
    fields: &'a Map<String, Value>,
    path: Path<'a>,
}

impl<'a> Object<'a> {
    /// Takes a value that must be an object; `example` shows what it should look like.
    pub(crate) fn new(
        value: &'a Value,
        path: Path<'a>,
        example: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        if let Value::Object(fields) = value {
            return Some(Self { fields, path });
        }
        let found = describe(value);
        problems.add(
            path,
            format_args!("expected an object such as {example}, found {found}"),
        );
        None
    }

    /// Returns the path of a field.
    pub(crate) fn at<'p>(&'p self, key: &'p str) -> Path<'p> {
        Path::Key(&self.path, key)
    }

    /// Returns the value of a field; an explicit null is the same as none.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }

    /// Reads a field, if it is there.
    pub(crate) fn read<T>(
        &self,
        key: &str,
        problems: &mut Problems,
        reader: impl FnOnce(&'a Value) -> Result<T, String>,
    ) -> Option<T> {
        match reader(self.get(key)?) {
            Ok(value) => Some(value),
            Err(problem) => {
                problems.add(self.at(key), problem);
                None
            }
        }
    }

    /// Whether there is a container that names an image.
    pub(crate) fn has_container(&self) -> bool {
        let image = self
            .get("container")
            .and_then(|container| container.get("image"));
        image.is_some_and(|image| !image.is_null())
    }

    /// Reads a text, empty when absent.
    pub(crate) fn text(&self, key: &str, problems: &mut Problems) -> String {
        self.read(key, problems, text).unwrap_or_default()
    }

    /// Reads a text that may be absent or empty, which mean the same.
    pub(crate) fn text_opt(&self, key: &str, problems: &mut Problems) -> Option<String> {
        self.read(key, problems, text)
            .filter(|text| !text.is_empty())
    }

    /// Reads a text that must be there and say something.
    pub(crate) fn text_required(&self, key: &str, problems: &mut Problems) -> String {
        self.require(key, problems);
        let found = self.read(key, problems, text);
        if found.as_ref().is_some_and(String::is_empty) {
            problems.add(self.at(key), "is empty");
        }
        found.unwrap_or_default()
    }

    /// Notes a problem when a field is not there.
    pub(crate) fn require(&self, key: &str, problems: &mut Problems) {
        if self.get(key).is_none() {
            problems.add(self.at(key), "is missing");
        }
    }

    /// Reads a switch.
    pub(crate) fn flag(&self, key: &str, default: bool, problems: &mut Problems) -> bool {
        self.read(key, problems, flag).unwrap_or(default)
    }

    /// Reads a whole number within bounds.
    pub(crate) fn integer(
        &self,
        key: &str,
        bounds: RangeInclusive<u64>,
        problems: &mut Problems,
    ) -> Option<u64> {
        self.read(key, problems, |value| integer(value, bounds))
    }

    /// Reads an amount of a resource; zero and nothing mean the default.
    pub(crate) fn amount(&self, key: &str, default: Scalar, problems: &mut Problems) -> Scalar {
        self.read(key, problems, amount)
            .filter(|amount| !amount.is_zero())
            .unwrap_or(default)
    }

    /// Calls `entry` for each entry of an array that is not null.
    pub(crate) fn each<T>(
        &self,
        key: &str,
        problems: &mut Problems,
        entry: impl FnMut(&'a Value, Path<'_>, &mut Problems) -> Option<T>,
    ) -> Vec<T> {
        self.each_of(key, LIST_LEN_MAX, problems, entry)
    }

    /// The same with another bound on the number of entries.
    pub(crate) fn each_of<T>(
        &self,
        key: &str,
        len_max: usize,
        problems: &mut Problems,
        mut entry: impl FnMut(&'a Value, Path<'_>, &mut Problems) -> Option<T>,
    ) -> Vec<T> {
        let Some(entries) = self.read(key, problems, |value| array(value, len_max)) else {
            return Vec::new();
        };
        let path = self.at(key);
        entries
            .iter()
            .enumerate()
            .filter(|(_, value)| !value.is_null())
            .filter_map(|(index, value)| entry(value, Path::Index(&path, index), problems))
            .collect()
    }

    /// Reads an array of texts.
    pub(crate) fn texts(&self, key: &str, problems: &mut Problems) -> Vec<String> {
        self.each(key, problems, |value, path, problems| {
            text(value)
                .map_err(|problem| problems.add(path, problem))
                .ok()
        })
    }
}

/// Takes an array with a bounded number of entries.
pub(crate) fn array(value: &Value, len_max: usize) -> Result<&[Value], String> {
    match value {
        Value::Array(entries) if entries.len() <= len_max => Ok(entries),
        Value::Array(entries) => Err(format!(
            "has {} entries, more than {len_max}",
            entries.len()
        )),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            Err(format!("expected an array, found {}", describe(value)))
        }
    }
}

/// Reads a text; numbers and booleans become theirs.
pub(crate) fn text(value: &Value) -> Result<String, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err(format!("expected a text, found {}", describe(value)));
        }
    };
    if text.len() > TEXT_LEN_MAX {
        return Err(format!(
            "has {} bytes, more than {TEXT_LEN_MAX}",
            text.len()
        ));
    }
    match text.find('\0') {
        // Neither a program's arguments nor a file's name can hold one.
        Some(offset) => Err(format!("holds a NUL character at byte {offset}")),
        None => Ok(text),
    }
}

/// Reads a switch: true, false, their names, or a whole number that is true unless it is zero.
pub(crate) fn flag(value: &Value) -> Result<bool, String> {
    let read = match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => whole(number).map(|number| number != 0),
        Value::String(text) => match text.trim() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    read.ok_or_else(|| format!("expected true or false, found {}", describe(value)))
}

/// Reads a switch whose names may be in any case, as `forcePullImage` always could.
pub(crate) fn flag_any_case(value: &Value) -> Result<bool, String> {
    match value.as_str().map(|text| text.trim().to_ascii_lowercase()) {
        Some(text) => flag(&Value::String(text)),
        None => flag(value),
    }
}

/// Reads a whole number within bounds; a fraction is cut.
pub(crate) fn integer(value: &Value, bounds: RangeInclusive<u64>) -> Result<u64, String> {
    let number = match value {
        Value::Number(number) => whole(number).or_else(|| cut(number.as_f64()?)),
        Value::String(text) => {
            let text = text.trim();
            let float = || text.parse().ok().and_then(cut);
            text.parse().ok().or_else(float)
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let number =
        number.ok_or_else(|| format!("expected a whole number, found {}", describe(value)))?;
    let (least, most) = (bounds.start(), bounds.end());
    if number < i128::from(*least) {
        Err(format!("is {number}; the least is {least}"))
    } else if let Ok(number) = u64::try_from(number)
        && number <= *most
    {
        Ok(number)
    } else {
        Err(format!("is {number}; the most is {most}"))
    }
}

fn whole(number: &serde_json::Number) -> Option<i128> {
    number
        .as_i64()
        .map(i128::from)
        .or_else(|| number.as_u64().map(i128::from))
}

#[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
fn cut(number: f64) -> Option<i128> {
    (number.abs() <= INTEGER_MAX).then(|| number.trunc() as i128)
}

/// Reads an amount of a resource.
pub(crate) fn amount(value: &Value) -> Result<Scalar, String> {
    let number: Option<f64> = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let number = number.ok_or_else(|| format!("expected a number, found {}", describe(value)))?;
    let amount = Scalar::from_f64(number).map_err(|error: ScalarError| format!("is {error}"))?;
    // Zero means the default, which whoever wrote so little did not mean.
    if amount.is_zero() && number > 0.0 {
        return Err("is below 0.001, the smallest amount".to_owned());
    }
    Ok(amount)
}

/// Finds a word among the allowed ones, in any case.
pub(crate) fn word<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, String> {
    let found = text(value)?;
    words
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(found.trim()))
        .map(|&(_, meaning)| meaning)
        .ok_or_else(|| {
            let allowed: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            format!(
                "unknown word {}, expected {}",
                quote(&found),
                allowed.join(" or ")
            )
        })
}

/// Says what a value is, for people.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quote(text),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
