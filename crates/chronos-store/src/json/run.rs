//! The JSON of runs, for stores without columns.
//!
//! The job is not in it: such a store has it in the record's name.

use chronos_model::{Covered, JobName, Outcome, Run, RunCause, RunKey, RunState, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    fields::Fields,
    generation::{generation_value, read_generation},
};

/// Returns the stored form of a run.
pub fn encode_run(run: &Run) -> String {
    let Run {
        key: RunKey {
            job: _,
            due,
            attempt,
        },
        target,
        cause,
        arguments,
        state,
        not_before,
        outcome,
        reason,
        exit_code,
        agent,
        created_at,
        started_at,
        ended_at,
        kill_requested,
        parents,
        covers,
    } = run;
    let mut json = Map::new();
    let mut put = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            json.insert(field.to_owned(), value);
        }
    };
    let instant = |instant: Timestamp| Value::from(instant.millis());
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    put("due", Some(instant(*due)));
    put("attempt", Some((*attempt).into()));
    put("target", (target != due).then(|| instant(*target)));
    put("cause", Some(cause.name().into()));
    put("arguments", text(arguments));
    put("state", Some(state.name().into()));
    put("notBefore", not_before.map(instant));
    put("outcome", outcome.map(|outcome| outcome.name().into()));
    put("reason", text(reason));
    put("exitCode", exit_code.map(Value::from));
    put("agent", agent.as_deref().map(Value::from));
    put("createdAt", Some(instant(*created_at)));
    put("startedAt", started_at.map(instant));
    put("endedAt", ended_at.map(instant));
    put("killRequested", kill_requested.then_some(Value::Bool(true)));
    put("parents", parents.as_deref().map(generation_value));
    put(
        "covers",
        covers.map(|Covered { first, count }| json!({ "first": first.millis(), "count": count })),
    );
    Value::Object(json).to_string()
}

/// Reads the stored form of a run of a job.
///
/// # Errors
///
/// Says which field is wrong.
pub fn decode_run(job: &JobName, text: &str) -> Result<Run, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let json = Fields::new(&json)?;
    // What says which run it is, and whether it may start, has no default.
    let due = json.instant("due")?.ok_or("due is missing")?;
    let cause = json.word("cause", RunCause::from_name)?;
    let state = json.word("state", RunState::from_name)?;
    let text = |field| json.text(field).map(|text| text.map(str::to_owned));
    Ok(Run {
        key: RunKey {
            job: job.clone(),
            due,
            attempt: json.number("attempt")?.ok_or("attempt is missing")?,
        },
        target: json.instant("target")?.unwrap_or(due),
        cause: cause.ok_or("cause is missing")?,
        arguments: text("arguments")?,
        state: state.ok_or("state is missing")?,
        not_before: json.instant("notBefore")?,
        outcome: json.word("outcome", Outcome::from_name)?,
        reason: text("reason")?,
        exit_code: json.number("exitCode")?,
        agent: text("agent")?.map(Into::into),
        created_at: json.instant("createdAt")?.unwrap_or_default(),
        started_at: json.instant("startedAt")?,
        ended_at: json.instant("endedAt")?,
        kill_requested: json.flag("killRequested")?,
        parents: json.object("parents", read_generation)?.map(Box::new),
        covers: json.object("covers", read_covered)?,
    })
}

fn read_covered(json: Fields<'_>) -> Result<Covered, String> {
    Ok(Covered {
        first: json.instant("first")?.ok_or("first is missing")?,
        count: json.count("count")?.ok_or("count is missing")?,
    })
}

#[cfg(test)]
mod tests {
    use chronos_model::Generation;

    use super::*;

    fn full() -> Run {
        let at = Timestamp::from_millis;
        Run {
            key: RunKey {
                job: "a b".parse().unwrap(),
                due: at(-1),
                attempt: u32::MAX,
            },
            target: at(-2),
            cause: RunCause::BackfillWithChildren,
            arguments: Some("-x \"ü\"".to_owned()),
            state: RunState::Ended,
            not_before: Some(at(3)),
            outcome: Some(Outcome::Failed),
            reason: Some(String::new()),
            exit_code: Some(i32::MIN),
            agent: Some("agent".into()),
            created_at: at(4),
            started_at: Some(at(5)),
            ended_at: Some(at(6)),
            kill_requested: true,
            parents: Some(Box::new(Generation {
                runs: Vec::new(),
                lineage: [("p".parse().unwrap(), 7)].into(),
            })),
            covers: Some(Covered {
                first: at(8),
                count: u64::MAX,
            }),
        }
    }

    #[test]
    fn writes_this() {
        assert_eq!(
            encode_run(&full()),
            concat!(
                r#"{"due":-1,"attempt":4294967295,"target":-2,"cause":"backfillWithChildren","#,
                r#""arguments":"-x \"ü\"","state":"ended","notBefore":3,"outcome":"failed","reason":"","#,
                r#""exitCode":-2147483648,"agent":"agent","createdAt":4,"startedAt":5,"endedAt":6,"#,
                r#""killRequested":true,"parents":{"lineage":{"p":7}},"#,
                r#""covers":{"first":8,"count":18446744073709551615}}"#
            )
        );
    }

    #[test]
    fn reads_what_it_writes() {
        let full = full();
        let small = decode_run(
            &full.key.job,
            r#"{"due":9,"attempt":0,"cause":"manual","state":"queued"}"#,
        )
        .unwrap();
        assert_eq!(small.target, Timestamp::from_millis(9));
        for run in [full, small] {
            assert_eq!(decode_run(&run.key.job, &encode_run(&run)), Ok(run));
        }
    }

    #[test]
    fn refuses_what_it_would_misread() {
        let job = "a".parse().unwrap();
        let with = |rest: &str| {
            format!(r#"{{"due":1,"attempt":0,"cause":"manual","state":"queued",{rest}}}"#)
        };
        for (text, problem) in [
            ("{}".to_owned(), "due is missing"),
            (
                r#"{"due":1,"cause":"manual","state":"queued"}"#.to_owned(),
                "attempt is missing",
            ),
            (
                r#"{"due":1,"attempt":0,"state":"queued"}"#.to_owned(),
                "cause is missing",
            ),
            (
                r#"{"due":1,"attempt":0,"cause":"whim","state":"queued"}"#.to_owned(),
                "cause is \"whim\", an unknown word",
            ),
            (
                r#"{"due":1,"attempt":0,"cause":"manual"}"#.to_owned(),
                "state is missing",
            ),
            (
                with(r#""exitCode":2147483648"#),
                "exitCode is no number of its range",
            ),
            (with(r#""killRequested":1"#), "killRequested is no flag"),
            (with(r#""covers":{"first":1}"#), "covers.count is missing"),
            (with(r#""parents":{"runs":1}"#), "parents.runs is no list"),
        ] {
            assert_eq!(decode_run(&job, &text), Err(problem.to_owned()), "{text}");
        }
    }
}
