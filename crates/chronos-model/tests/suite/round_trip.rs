//! What is written reads back as it was, and nothing that is read ever panics.

use chronos_model::{
    FetchOutput, FieldProblem, JobDefaults, JobKind, JobProgress, JobSpec, PROBLEMS_MAX, Timestamp,
};
use proptest::prelude::*;
use resources::Resources;
use serde_json::{Value, json};

use crate::{
    generate,
    support::{NOW, base, read},
};

// Through bytes, as it goes to a store or over a wire: numbers and escapes included.
fn through_text(document: impl Into<Value>) -> Value {
    let text = document.into().to_string();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn assert_round_trips(spec: &JobSpec) -> Result<(), TestCaseError> {
    let stored = through_text(spec.to_stored_json());
    prop_assert_eq!(JobSpec::from_stored_json(&stored), Ok(spec.clone()));

    // A document that was got may be posted again (case 189), and means the same job.
    let got = through_text(spec.to_json(&JobProgress::default(), FetchOutput::AsGiven));
    prop_assert_eq!(read(&got, JobKind::Any), Ok(spec.clone()));

    let got = through_text(spec.to_json(&JobProgress::default(), FetchOutput::Mirrored));
    let again = read(&got, JobKind::Any)
        .map_err(|problems| TestCaseError::fail(format!("{got}: {problems:?}")))?;
    let files = |spec: &JobSpec| spec.files().collect::<Vec<_>>();
    prop_assert_eq!(files(&again), files(spec));
    let unspelled = |spec: &JobSpec| {
        let mut spec = spec.clone();
        spec.details.fetch.clear();
        spec.details.uris.clear();
        spec
    };
    prop_assert_eq!(unspelled(&again), unspelled(spec));
    Ok(())
}

fn assert_sensible(problems: &[FieldProblem]) -> Result<(), TestCaseError> {
    prop_assert!(!problems.is_empty());
    prop_assert!(problems.len() <= PROBLEMS_MAX + 1);
    for problem in problems {
        prop_assert!(!problem.field.is_empty());
        prop_assert!(!problem.problem.is_empty());
        prop_assert!(problem.problem.chars().count() <= 401, "{}", problem);
    }
    Ok(())
}

const KINDS: [JobKind; 3] = [JobKind::Scheduled, JobKind::Dependent, JobKind::Any];

proptest! {
    #[test]
    fn any_job(spec in generate::spec()) {
        assert_round_trips(&spec)?;
    }

    #[test]
    fn any_json(document in generate::json()) {
        for kind in KINDS {
            match read(&document, kind) {
                Ok(spec) => assert_round_trips(&spec)?,
                Err(problems) => assert_sensible(&problems)?,
            }
        }
        if let Err(problems) = JobSpec::from_stored_json(&document) {
            assert_sensible(&problems)?;
        }
    }

    // Nearly right documents: far more of them get past the first checks.
    #[test]
    fn any_job_with_a_few_fields_overwritten(
        spec in generate::spec(),
        fields in proptest::collection::vec((generate::key(), generate::json()), 1..4),
        in_container in any::<bool>(),
    ) {
        let mut document = Value::from(spec.to_stored_json());
        let target = if in_container && document["container"].is_object() {
            &mut document["container"]
        } else {
            &mut document
        };
        target.as_object_mut().unwrap().extend(fields);
        for kind in KINDS {
            match read(&document, kind) {
                Ok(spec) => assert_round_trips(&spec)?,
                Err(problems) => assert_sensible(&problems)?,
            }
        }
        match JobSpec::from_stored_json(&document) {
            Ok(spec) => {
                let stored = through_text(spec.to_stored_json());
                prop_assert_eq!(JobSpec::from_stored_json(&stored), Ok(spec));
            }
            Err(problems) => assert_sensible(&problems)?,
        }
    }
}

// Cases 180 and 181: everything but the counters, whose place is elsewhere.
#[test]
fn the_stored_form_is_readable_by_every_later_version() {
    let first_version = r#"{"version":1,"name":"job","command":"echo","shell":true,"executor":"e",
        "executorFlags":"f","taskInfoData":"t","retries":5,"owner":"o","ownerName":"n",
        "description":"d","cpus":0.1,"disk":256.0,"mem":128.0,"disabled":true,"softError":true,
        "dataProcessingJobType":false,"fetch":[],"uris":["u"],
        "environmentVariables":[{"name":"A","value":"b"}],"arguments":["-v"],"highPriority":true,
        "runAsUser":"root","concurrent":false,"maxCompletionTime":60,
        "container":{"type":"DOCKER","image":"busybox","network":"HOST","networkInfos":[],
        "volumes":[{"containerPath":"/a","mode":"RO"}],"forcePullImage":true,"parameters":[]},
        "constraints":[["rack","EQUALS","r1"]],"schedule":"R/2017-05-04T02:58:00Z/PT24H",
        "scheduleTimeZone":"","retryDelay":90,"epsilon":"PT15M"}"#;
    let value: Value = serde_json::from_str(first_version).unwrap();
    let spec = JobSpec::from_stored_json(&value).unwrap();
    assert_eq!(spec.policies.retry_delay_secs, Some(90));
    let mut written = String::new();
    for line in first_version.lines() {
        written.push_str(line.trim_start());
    }
    assert_eq!(Value::from(spec.to_stored_json()).to_string(), written);
}

#[test]
fn the_stored_form_of_a_newer_version_is_refused() {
    let mut stored = Value::from(read(&base(), JobKind::Any).unwrap().to_stored_json());
    for (version, fragment) in [
        (json!(2), "is 2; this program reads up to 1"),
        (json!("1"), "is \"1\"; this program reads up to 1"),
        (json!(null), "is null"),
    ] {
        stored["version"] = version;
        let problems = JobSpec::from_stored_json(&stored).unwrap_err();
        assert_eq!(problems[0].field, "version");
        assert!(problems[0].problem.contains(fragment), "{}", problems[0]);
    }
    let problems = JobSpec::from_stored_json(&base()).unwrap_err();
    assert_eq!(problems[0].to_string(), "version: is missing");
}

// A record that lost its schedule is broken; it is not a job to be run once, now.
#[test]
fn a_stored_job_always_says_what_makes_it_run() {
    let mut stored = read(&base(), JobKind::Any).unwrap().to_stored_json();
    stored.remove("schedule");
    let problems = JobSpec::from_stored_json(&stored.into()).unwrap_err();
    assert_eq!(problems[0].field, "schedule");
    for (key, value) in [
        ("cron", json!("0 6 * * *")),
        ("schedules", json!(["R//PT1H"])),
        ("parents", json!(["parent"])),
    ] {
        let mut stored = read(&base(), JobKind::Any).unwrap().to_stored_json();
        stored.remove("schedule");
        stored.insert(key.to_owned(), value);
        assert!(JobSpec::from_stored_json(&stored.into()).is_ok(), "{key}");
    }
}

#[test]
fn what_was_accepted_under_other_rules_stays_readable() {
    // Zero resources, from daemons started with such flags, and starts before 1970.
    let defaults = JobDefaults {
        resources: Resources::default(),
        user: String::new(),
    };
    let spec = JobSpec::from_json(&base(), JobKind::Any, &defaults, NOW).unwrap();
    let mut stored = Value::from(spec.to_stored_json());
    assert_eq!(JobSpec::from_stored_json(&stored), Ok(spec));
    stored["schedule"] = "R/1969-01-01T00:00:00Z/P1D".into();
    let spec = JobSpec::from_stored_json(&stored).unwrap();
    let first = spec
        .schedule()
        .unwrap()
        .targets(Timestamp::default())
        .unwrap();
    assert_eq!(
        first.first().unwrap().at.to_string(),
        "1969-01-01T00:00:00.000Z",
        "case 32"
    );
}
