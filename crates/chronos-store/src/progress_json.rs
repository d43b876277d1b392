//! The JSON of a job's progress, as it is stored.
//!
//! It outlives the program that wrote it, in both directions:
//!
//! * new reader, old data: a missing field has its default, and so does `null`;
//! * old reader, new data: an unknown field is ignored, and lost when the record is next written. A
//!   field that must not be lost raises [`VERSION`], which older readers refuse: the record is
//!   quarantined there, not misread.
//!
//! A field that is there but of the wrong kind is an error: guessing at progress would run a job
//! twice or not at all.

use std::collections::BTreeMap;

use chronos_model::{JobName, JobProgress, JobSource, NextTarget, Timestamp};
use serde_json::{Map, Value, json};

/// The version of the format.
const VERSION: u64 = 1;

/// Returns the stored form of a job's progress.
pub(crate) fn encode(progress: &JobProgress) -> String {
    // Listed field by field, so that a new one cannot be forgotten here.
    let JobProgress {
        created_at,
        anchor,
        next,
        due_max,
        due_floor,
        due_birth,
        completed,
        completions: _,
        consumed,
        generation: _,
        success_count,
        error_count,
        errors_since_last_success,
        last_success,
        last_error,
        source,
    } = progress;
    let mut json = Map::new();
    let mut put = |field: &str, value: Value| json.insert(field.to_owned(), value);
    put("v", VERSION.into());
    put("createdAt", created_at.millis().into());
    put("anchor", anchor.millis().into());
    if let Some(NextTarget { index, at }) = next {
        put("next", json!({ "index": index, "at": at.millis() }));
    }
    if let Some(due_max) = due_max {
        put("dueMax", due_max.millis().into());
    }
    if let Some(due_floor) = due_floor {
        put("dueFloor", due_floor.millis().into());
    }
    if let Some(due_birth) = due_birth {
        put("dueBirth", due_birth.millis().into());
    }
    put("generation", (*completed).into());
    if !consumed.is_empty() {
        let consumed = consumed
            .iter()
            .map(|(parent, &generation)| (parent.as_str().to_owned(), generation.into()));
        put("consumed", Value::Object(consumed.collect()));
    }
    put("successCount", (*success_count).into());
    put("errorCount", (*error_count).into());
    put(
        "errorsSinceLastSuccess",
        (*errors_since_last_success).into(),
    );
    if let Some(last_success) = last_success {
        put("lastSuccess", last_success.millis().into());
    }
    if let Some(last_error) = last_error {
        put("lastError", last_error.millis().into());
    }
    if let Some(JobSource { file, digest }) = source {
        // As text: JSON tools cut numbers over 53 bits.
        let digest = format!("{digest:016x}");
        put("source", json!({ "file": file, "digest": digest }));
    }
    Value::Object(json).to_string()
}

/// Reads the stored form of a job's progress; the error says which field is wrong.
pub(crate) fn decode(text: &str) -> Result<JobProgress, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let json = Fields::new("", &json)?;
    let version = json.count("v")?.unwrap_or(VERSION);
    if version > VERSION {
        return Err(format!(
            "format version is {version}, and this program knows {VERSION}"
        ));
    }
    Ok(JobProgress {
        created_at: json.instant("createdAt")?.unwrap_or_default(),
        anchor: json.instant("anchor")?.unwrap_or_default(),
        next: json.object("next")?.map(next).transpose()?,
        due_max: json.instant("dueMax")?,
        due_floor: json.instant("dueFloor")?,
        due_birth: json.instant("dueBirth")?,
        completed: json.count("generation")?.unwrap_or_default(),
        completions: Vec::new(),
        generation: None,
        consumed: match json.object("consumed")? {
            Some(consumed) => consumed
                .0
                .keys()
                .map(|key| parent(consumed, key))
                .collect::<Result<_, _>>()?,
            None => BTreeMap::new(),
        },
        success_count: json.count("successCount")?.unwrap_or_default(),
        error_count: json.count("errorCount")?.unwrap_or_default(),
        errors_since_last_success: json.count("errorsSinceLastSuccess")?.unwrap_or_default(),
        last_success: json.instant("lastSuccess")?,
        last_error: json.instant("lastError")?,
        source: json.object("source")?.map(source).transpose()?,
    })
}

fn next(json: Fields<'_>) -> Result<NextTarget, String> {
    // Half a target is no target: neither part has a default.
    Ok(NextTarget {
        index: json.count("index")?.ok_or("next.index is missing")?,
        at: json.instant("at")?.ok_or("next.at is missing")?,
    })
}

fn parent(json: Fields<'_>, key: &str) -> Result<(JobName, u64), String> {
    let name = key
        .parse()
        .map_err(|error| format!("consumed holds {key:?}, which {error}"))?;
    Ok((name, json.count(key)?.unwrap_or_default()))
}

fn source(json: Fields<'_>) -> Result<JobSource, String> {
    let digest = json.text("digest")?.unwrap_or_default();
    Ok(JobSource {
        file: json.text("file")?.unwrap_or_default().to_owned(),
        // An unknown digest only means that the file is read again.
        digest: u64::from_str_radix(digest, 16).unwrap_or_default(),
    })
}

// The fields of an object, which know where it stands in the record.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a Map<String, Value>, &'static str);

impl<'a> Fields<'a> {
    fn new(path: &'static str, json: &'a Value) -> Result<Self, String> {
        match json.as_object() {
            Some(fields) => Ok(Self(fields, path)),
            None => Err(format!("{path} is no object").trim_start().to_owned()),
        }
    }

    fn get<T>(
        self,
        field: &str,
        kind: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| {
                let dot = if self.1.is_empty() { "" } else { "." };
                format!("{}{dot}{field} is no {kind}", self.1)
            }),
        }
    }

    fn count(self, field: &str) -> Result<Option<u64>, String> {
        self.get(field, "count", Value::as_u64)
    }

    fn instant(self, field: &str) -> Result<Option<Timestamp>, String> {
        self.get(field, "instant", |value| {
            value.as_i64().map(Timestamp::from_millis)
        })
    }

    fn text(self, field: &str) -> Result<Option<&'a str>, String> {
        self.get(field, "text", Value::as_str)
    }

    fn object(self, field: &'static str) -> Result<Option<Self>, String> {
        let fields = self.get(field, "object", Value::as_object)?;
        Ok(fields.map(|fields| Self(fields, field)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> JobProgress {
        JobProgress {
            created_at: Timestamp::from_millis(1),
            anchor: Timestamp::from_millis(-2),
            next: Some(NextTarget {
                index: 3,
                at: Timestamp::from_millis(4),
            }),
            due_max: Some(Timestamp::from_millis(5)),
            due_floor: Some(Timestamp::from_millis(13)),
            due_birth: Some(Timestamp::from_millis(14)),
            completed: 6,
            completions: Vec::new(),
            generation: None,
            consumed: [
                ("a b".parse().unwrap(), 7),
                ("c#".parse().unwrap(), u64::MAX),
            ]
            .into(),
            success_count: 8,
            error_count: 9,
            errors_since_last_success: 10,
            last_success: Some(Timestamp::from_millis(11)),
            last_error: Some(Timestamp::from_millis(12)),
            source: Some(JobSource {
                file: "a/b.yaml".to_owned(),
                digest: u64::MAX - 1,
            }),
        }
    }

    #[test]
    fn writes_this() {
        // The format is a promise to older and newer programs: this text may grow, not change.
        assert_eq!(
            encode(&full()),
            concat!(
                r#"{"v":1,"createdAt":1,"anchor":-2,"next":{"index":3,"at":4},"dueMax":5,"dueFloor":13,"dueBirth":14,"#,
                r#""generation":6,"consumed":{"a b":7,"c#":18446744073709551615},"successCount":8,"#,
                r#""errorCount":9,"errorsSinceLastSuccess":10,"lastSuccess":11,"lastError":12,"#,
                r#""source":{"file":"a/b.yaml","digest":"fffffffffffffffe"}}"#
            )
        );
    }

    #[test]
    fn reads_what_it_writes() {
        for progress in [full(), JobProgress::default()] {
            assert_eq!(decode(&encode(&progress)), Ok(progress));
        }
    }

    #[test]
    fn reads_older_and_newer_records() {
        assert_eq!(decode("{}"), Ok(JobProgress::default()));
        assert_eq!(
            decode(r#"{"v":1,"dueMax":null,"fromTheFuture":{"x":[1]},"generation":2}"#),
            Ok(JobProgress {
                completed: 2,
                ..JobProgress::default()
            })
        );
    }

    #[test]
    fn refuses_what_it_would_misread() {
        for (text, problem) in [
            (
                r#"{"v":2}"#,
                "format version is 2, and this program knows 1",
            ),
            ("[]", "is no object"),
            (r#"{"generation":"2"}"#, "generation is no count"),
            (r#"{"generation":-1}"#, "generation is no count"),
            (r#"{"next":{"at":1}}"#, "next.index is missing"),
            (r#"{"next":{"index":1,"at":"x"}}"#, "next.at is no instant"),
            (r#"{"source":{"file":1}}"#, "source.file is no text"),
            (
                r#"{"consumed":{"a/b":1}}"#,
                "consumed holds \"a/b\", which holds '/' at byte 1; letters, digits, '-', '_', '.', '#' and inner spaces are allowed",
            ),
            (r#"{"consumed":{"a":1.5}}"#, "consumed.a is no count"),
        ] {
            assert_eq!(decode(text), Err(problem.to_owned()), "{text}");
        }
        assert!(decode("{").is_err());
    }
}
