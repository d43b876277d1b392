//! The JSON of a job's progress.

use chronos_model::{
    Completion, CompletionKind, JobLinks, JobProgress, JobSource, NextTarget, Timestamp,
};
use serde_json::{Map, Value, json};

use super::{
    fields::{Fields, counts},
    generation::{generation_value, read_generation, read_run_key, run_key_value},
};

/// The version of the format. The first knew how often a job had completed (as `generation`), but not
/// the completions.
const VERSION: u64 = 2;

/// Returns the stored form of a job's progress.
pub fn encode_progress(progress: &JobProgress) -> String {
    let JobProgress {
        created_at,
        anchor,
        next,
        due_max,
        completed,
        success_count,
        error_count,
        errors_since_last_success,
        last_success,
        last_error,
        links,
    } = progress;
    let JobLinks {
        due_floor,
        due_birth,
        completions,
        consumed,
        generation,
        source,
    } = &**links;
    let mut json = Map::new();
    let mut put = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            json.insert(field.to_owned(), value);
        }
    };
    let instant = |instant: Timestamp| Value::from(instant.millis());
    put("v", Some(VERSION.into()));
    put("createdAt", Some(instant(*created_at)));
    put("anchor", Some(instant(*anchor)));
    put("next", next.map(next_value));
    put("dueMax", due_max.map(instant));
    put("dueFloor", due_floor.map(instant));
    put("dueBirth", due_birth.map(instant));
    put("completed", Some((*completed).into()));
    let values = || completions.iter().map(completion_value).collect();
    put("completions", (!completions.is_empty()).then(values));
    put("consumed", (!consumed.is_empty()).then(|| counts(consumed)));
    put("generation", generation.as_deref().map(generation_value));
    put("successCount", Some((*success_count).into()));
    put("errorCount", Some((*error_count).into()));
    let errors = *errors_since_last_success;
    put("errorsSinceLastSuccess", Some(errors.into()));
    put("lastSuccess", last_success.map(instant));
    put("lastError", last_error.map(instant));
    put("source", source.as_ref().map(source_value));
    Value::Object(json).to_string()
}

/// Reads the stored form of a job's progress.
///
/// # Errors
///
/// The error says which field is wrong.
pub fn decode_progress(text: &str) -> Result<JobProgress, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let json = Fields::new(&json)?;
    json.check_version(VERSION)?;
    // Version 1 counted completions under the name that their newest group has now.
    let of_old = json.get("generation").and_then(Value::as_u64);
    let generation = match of_old {
        Some(_) => None,
        None => json.object("generation", read_generation)?,
    };
    let links = JobLinks {
        due_floor: json.instant("dueFloor")?,
        due_birth: json.instant("dueBirth")?,
        completions: json.list("completions", read_completion)?,
        consumed: json.counts("consumed")?,
        generation: generation.map(Box::new),
        source: json.object("source", read_source)?,
    };
    Ok(JobProgress {
        created_at: json.instant("createdAt")?.unwrap_or_default(),
        anchor: json.instant("anchor")?.unwrap_or_default(),
        next: json.object("next", read_next)?,
        due_max: json.instant("dueMax")?,
        completed: json.count("completed")?.or(of_old).unwrap_or_default(),
        success_count: json.count("successCount")?.unwrap_or_default(),
        error_count: json.count("errorCount")?.unwrap_or_default(),
        errors_since_last_success: json.count("errorsSinceLastSuccess")?.unwrap_or_default(),
        last_success: json.instant("lastSuccess")?,
        last_error: json.instant("lastError")?,
        links: links.into(),
    })
}

fn next_value(next: NextTarget) -> Value {
    let NextTarget { index, at } = next;
    json!({ "index": index, "at": at.millis() })
}

fn read_next(json: Fields<'_>) -> Result<NextTarget, String> {
    // Half a target is no target: neither part has a default.
    Ok(NextTarget {
        index: json.count("index")?.ok_or("index is missing")?,
        at: json.instant("at")?.ok_or("at is missing")?,
    })
}

fn completion_value(completion: &Completion) -> Value {
    let Completion {
        number,
        kind,
        run,
        lineage,
    } = completion;
    let mut json = Map::new();
    json.insert("number".to_owned(), (*number).into());
    json.insert("kind".to_owned(), kind.name().into());
    if let Some(run) = run {
        json.insert("run".to_owned(), run_key_value(run));
    }
    if !lineage.is_empty() {
        json.insert("lineage".to_owned(), counts(lineage));
    }
    Value::Object(json)
}

fn read_completion(json: Fields<'_>) -> Result<Completion, String> {
    // What children count by has no default.
    let kind = json.word("kind", CompletionKind::from_name)?;
    Ok(Completion {
        number: json.count("number")?.ok_or("number is missing")?,
        kind: kind.ok_or("kind is missing")?,
        run: json.object("run", read_run_key)?,
        lineage: json.counts("lineage")?,
    })
}

fn source_value(source: &JobSource) -> Value {
    let JobSource { file, digest } = source;
    // As text: JSON tools cut numbers over 53 bits.
    json!({ "file": file, "digest": format!("{digest:016x}") })
}

fn read_source(json: Fields<'_>) -> Result<JobSource, String> {
    let digest = json.text("digest")?.unwrap_or_default();
    Ok(JobSource {
        file: json.text("file")?.unwrap_or_default().to_owned(),
        // An unknown digest only means that the file is read again.
        digest: u64::from_str_radix(digest, 16).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use chronos_model::{Generation, Lineage, RunKey};

    use super::*;

    fn key(job: &str, due: i64, attempt: u32) -> RunKey {
        RunKey {
            job: job.parse().unwrap(),
            due: Timestamp::from_millis(due),
            attempt,
        }
    }

    fn full() -> JobProgress {
        JobProgress {
            created_at: Timestamp::from_millis(1),
            anchor: Timestamp::from_millis(-2),
            next: Some(NextTarget {
                index: 3,
                at: Timestamp::from_millis(4),
            }),
            due_max: Some(Timestamp::from_millis(5)),
            completed: 6,
            success_count: 8,
            error_count: 9,
            errors_since_last_success: 10,
            last_success: Some(Timestamp::from_millis(11)),
            last_error: Some(Timestamp::from_millis(12)),
            links: full_links().into(),
        }
    }

    fn full_links() -> JobLinks {
        JobLinks {
            due_floor: Some(Timestamp::from_millis(13)),
            due_birth: Some(Timestamp::from_millis(14)),
            completions: vec![
                Completion {
                    number: 5,
                    kind: CompletionKind::Failure,
                    run: Some(key("me", 3, 1)),
                    lineage: [("e".parse().unwrap(), 2), ("me".parse().unwrap(), 5)].into(),
                },
                Completion {
                    number: 6,
                    kind: CompletionKind::Success,
                    run: None,
                    lineage: Lineage::new(),
                },
            ],
            generation: Some(Box::new(Generation {
                runs: vec![key("a b", 1, 0)],
                lineage: [("e".parse().unwrap(), 3)].into(),
            })),
            consumed: [
                ("a b".parse().unwrap(), 7),
                ("c#".parse().unwrap(), u64::MAX),
            ]
            .into(),
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
            encode_progress(&full()),
            concat!(
                r#"{"v":2,"createdAt":1,"anchor":-2,"next":{"index":3,"at":4},"dueMax":5,"dueFloor":13,"dueBirth":14,"#,
                r#""completed":6,"completions":[{"number":5,"kind":"failure","#,
                r#""run":{"job":"me","due":3,"attempt":1},"lineage":{"e":2,"me":5}},"#,
                r#"{"number":6,"kind":"success"}],"consumed":{"a b":7,"c#":18446744073709551615},"#,
                r#""generation":{"runs":[{"job":"a b","due":1,"attempt":0}],"lineage":{"e":3}},"successCount":8,"#,
                r#""errorCount":9,"errorsSinceLastSuccess":10,"lastSuccess":11,"lastError":12,"#,
                r#""source":{"file":"a/b.yaml","digest":"fffffffffffffffe"}}"#
            )
        );
    }

    #[test]
    fn reads_what_it_writes() {
        for progress in [full(), JobProgress::default()] {
            assert_eq!(decode_progress(&encode_progress(&progress)), Ok(progress));
        }
    }

    #[test]
    fn reads_older_and_newer_records() {
        assert_eq!(decode_progress("{}"), Ok(JobProgress::default()));
        assert_eq!(
            decode_progress(r#"{"v":1,"dueMax":null,"fromTheFuture":{"x":[1]},"generation":2}"#),
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
                r#"{"v":3}"#,
                "format version is 3, and this program knows 2",
            ),
            ("[]", "is no object"),
            (r#"{"generation":"2"}"#, "generation is no object"),
            (r#"{"generation":-1}"#, "generation is no object"),
            (r#"{"completed":-1}"#, "completed is no count"),
            (
                r#"{"generation":{"lineage":{"a":"b"}}}"#,
                "generation.lineage.a is no count",
            ),
            (
                r#"{"completions":[{"kind":"success"}]}"#,
                "completions[0].number is missing",
            ),
            (
                r#"{"completions":[{"number":1}]}"#,
                "completions[0].kind is missing",
            ),
            (
                r#"{"completions":[{"number":1,"kind":"bliss"}]}"#,
                "completions[0].kind is \"bliss\", an unknown word",
            ),
            (
                r#"{"completions":[{"number":1,"kind":"killed","run":{"due":1}}]}"#,
                "completions[0].run.job is missing",
            ),
            (r#"{"next":{"at":1}}"#, "next.index is missing"),
            (r#"{"next":{"index":1,"at":"x"}}"#, "next.at is no instant"),
            (r#"{"source":{"file":1}}"#, "source.file is no text"),
            (
                r#"{"consumed":{"a/b":1}}"#,
                "consumed.\"a/b\" holds '/' at byte 1; letters, digits, '-', '_', '.', '#' and inner spaces are allowed",
            ),
            (r#"{"consumed":{"a":1.5}}"#, "consumed.a is no count"),
        ] {
            assert_eq!(decode_progress(text), Err(problem.to_owned()), "{text}");
        }
        assert!(decode_progress("{").is_err());
    }
}
