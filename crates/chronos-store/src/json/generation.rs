//! The JSON of the parents' completions behind a run, and of what the two have in common with
//! progress: runs by name and lineages.

use chronos_model::{Generation, RunKey};
use serde_json::{Map, Value, json};

use super::fields::{Fields, counts, job_name};

/// Returns the stored form of a generation.
pub(crate) fn encode_generation(generation: &Generation) -> String {
    generation_value(generation).to_string()
}

/// Reads the stored form of a generation; the error says which field is wrong.
pub(crate) fn decode_generation(text: &str) -> Result<Generation, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    read_generation(Fields::new(&json)?)
}

pub(super) fn generation_value(generation: &Generation) -> Value {
    let Generation { runs, lineage } = generation;
    let mut json = Map::new();
    if !runs.is_empty() {
        let runs = runs.iter().map(run_key_value).collect();
        json.insert("runs".to_owned(), Value::Array(runs));
    }
    if !lineage.is_empty() {
        json.insert("lineage".to_owned(), counts(lineage));
    }
    Value::Object(json)
}

pub(super) fn read_generation(json: Fields<'_>) -> Result<Generation, String> {
    Ok(Generation {
        runs: json.list("runs", read_run_key)?,
        lineage: json.counts("lineage")?,
    })
}

// By its parts: the text of a task id has no times before 1970.
pub(super) fn run_key_value(key: &RunKey) -> Value {
    let RunKey { job, due, attempt } = key;
    json!({ "job": job.as_str(), "due": due.millis(), "attempt": attempt })
}

// A run without one of its parts would be another run: none of them has a default.
pub(super) fn read_run_key(json: Fields<'_>) -> Result<RunKey, String> {
    let job = json.text("job")?.ok_or("job is missing")?;
    Ok(RunKey {
        job: job_name(job).map_err(|problem| format!("job {problem}"))?,
        due: json.instant("due")?.ok_or("due is missing")?,
        attempt: json.number("attempt")?.ok_or("attempt is missing")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let key = |job: &str, due, attempt| RunKey {
            job: job.parse().unwrap(),
            due: chronos_model::Timestamp::from_millis(due),
            attempt,
        };
        let full = Generation {
            runs: vec![key("a b", -1, u32::MAX), key("c", i64::MAX, 0)],
            lineage: [("a b".parse().unwrap(), u64::MAX)].into(),
        };
        let text = encode_generation(&full);
        assert_eq!(
            text,
            concat!(
                r#"{"runs":[{"job":"a b","due":-1,"attempt":4294967295},"#,
                r#"{"job":"c","due":9223372036854775807,"attempt":0}],"#,
                r#""lineage":{"a b":18446744073709551615}}"#
            )
        );
        assert_eq!(decode_generation(&text), Ok(full));
        assert_eq!(encode_generation(&Generation::default()), "{}");
        assert_eq!(decode_generation("{}"), Ok(Generation::default()));
    }

    #[test]
    fn refuses_half_a_run() {
        for (text, problem) in [
            ("7", "is no object"),
            (r#"{"runs":{}}"#, "runs is no list"),
            (r#"{"runs":[7]}"#, "runs[0] is no object"),
            (
                r#"{"runs":[{"due":1,"attempt":0}]}"#,
                "runs[0].job is missing",
            ),
            (
                r#"{"runs":[{"job":"a","attempt":0}]}"#,
                "runs[0].due is missing",
            ),
            (
                r#"{"runs":[{"job":"a","due":1}]}"#,
                "runs[0].attempt is missing",
            ),
            (
                r#"{"runs":[{"job":"","due":1,"attempt":0}]}"#,
                "runs[0].job \"\" is empty",
            ),
            (
                r#"{"runs":[{"job":"a","due":1,"attempt":4294967296}]}"#,
                "runs[0].attempt is no number of its range",
            ),
            (r#"{"lineage":{"a":-1}}"#, "lineage.a is no count"),
        ] {
            assert_eq!(decode_generation(text), Err(problem.to_owned()), "{text}");
        }
        assert!(decode_generation("{").is_err());
    }
}
