//! Reading the fields of a stored object.

use std::collections::BTreeMap;

use chronos_model::{JobName, Timestamp};
use serde_json::{Map, Value};

/// The fields of an object; whoever reads one of them learns its name when it is wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(super) fn new(json: &'a Value) -> Result<Self, String> {
        let fields = json.as_object().map(Self);
        fields.ok_or_else(|| "is no object".to_owned())
    }

    /// Refuses a record of a newer version than `known`.
    pub(super) fn check_version(self, known: u64) -> Result<(), String> {
        match self.count("v")? {
            Some(found) if found > known => Err(format!(
                "format version is {found}, and this program knows {known}"
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn get(self, field: &str) -> Option<&'a Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    fn read<T>(
        self,
        field: &str,
        kind: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        let read = read(value).ok_or_else(|| format!("{field} is no {kind}"));
        read.map(Some)
    }

    pub(super) fn count(self, field: &str) -> Result<Option<u64>, String> {
        self.read(field, "count", Value::as_u64)
    }

    /// Reads a number of a smaller type.
    pub(super) fn number<T: TryFrom<i64>>(self, field: &str) -> Result<Option<T>, String> {
        self.read(field, "number of its range", |value| {
            value.as_i64().and_then(|number| T::try_from(number).ok())
        })
    }

    /// Reads a switch, off when it is missing.
    pub(super) fn flag(self, field: &str) -> Result<bool, String> {
        let flag = self.read(field, "flag", Value::as_bool);
        flag.map(Option::unwrap_or_default)
    }

    pub(super) fn instant(self, field: &str) -> Result<Option<Timestamp>, String> {
        let instant = |value: &Value| value.as_i64().map(Timestamp::from_millis);
        self.read(field, "instant", instant)
    }

    pub(super) fn text(self, field: &str) -> Result<Option<&'a str>, String> {
        self.read(field, "text", Value::as_str)
    }

    /// Reads one word of a list.
    pub(super) fn word<T>(
        self,
        field: &str,
        find: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        let found = find(text).ok_or_else(|| format!("{field} is {text:?}, an unknown word"));
        found.map(Some)
    }

    /// Reads an object in it.
    pub(super) fn object<T>(
        self,
        field: &str,
        read: impl FnOnce(Self) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        let Some(fields) = self.read(field, "object", Value::as_object)? else {
            return Ok(None);
        };
        let read = read(Self(fields)).map_err(|problem| format!("{field}.{problem}"));
        read.map(Some)
    }

    /// Reads a list of objects, empty when it is missing.
    pub(super) fn list<T>(
        self,
        field: &str,
        read: impl Fn(Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let list = self.read(field, "list", Value::as_array)?;
        let list = list.into_iter().flatten().enumerate();
        list.map(|(at, value)| {
            let Some(fields) = value.as_object() else {
                return Err(format!("{field}[{at}] is no object"));
            };
            read(Self(fields)).map_err(|problem| format!("{field}[{at}].{problem}"))
        })
        .collect()
    }

    /// Reads a count for each of some jobs, none when it is missing.
    pub(super) fn counts(self, field: &str) -> Result<BTreeMap<JobName, u64>, String> {
        let counts = self.object(field, |counts| {
            let one = |name: &String| {
                let job = job_name(name)?;
                Ok((job, counts.count(name)?.unwrap_or_default()))
            };
            counts.0.keys().map(one).collect()
        });
        counts.map(Option::unwrap_or_default)
    }
}

/// Returns a count for each of some jobs as an object.
pub(super) fn counts(counts: &BTreeMap<JobName, u64>) -> Value {
    let counts = counts.iter();
    let counts = counts.map(|(job, &count)| (job.as_str().to_owned(), count.into()));
    Value::Object(counts.collect())
}

pub(super) fn job_name(text: &str) -> Result<JobName, String> {
    text.parse()
        .map_err(|error: chronos_model::JobNameError| format!("{text:?} {error}"))
}
