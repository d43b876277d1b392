//! Policies, triggers and schedules beyond those of Chronos.

use chronos_model::{
    CatchUp, DstPolicy, JobKind, JobSpec, Overlap, ParentRule, RetryBackoff, Trigger, limits,
};
use iso8601_repeat::{Gap, Overlap as Repeated};
use serde_json::{Value, json};

use crate::support::{NOW, accept, accept_with, base, with};

#[test]
fn catch_up() {
    let default = limits::CATCH_UP_LIMIT_DEFAULT;
    for (fields, want) in [
        (r"{}", CatchUp::Latest),
        (r#"{"catchUp": "latest"}"#, CatchUp::Latest),
        (r#"{"catchUp": "NONE"}"#, CatchUp::None),
        (r#"{"catchUp": "all"}"#, CatchUp::All { limit: default }),
        (
            r#"{"catchUp": "all", "catchUpLimit": "7"}"#,
            CatchUp::All { limit: 7 },
        ),
        (
            r#"{"catchUp": "all", "catchUpLimit": 10000}"#,
            CatchUp::All { limit: 10_000 },
        ),
        (
            r#"{"catchUp": "none", "catchUpLimit": null}"#,
            CatchUp::None,
        ),
    ] {
        assert_eq!(accept_with(fields).policies.catch_up, want, "{fields}");
    }
}

#[test]
fn overlap_and_concurrent() {
    let default = limits::OVERLAP_LIMIT_DEFAULT;
    let allow = |limit| Overlap::Allow { limit };
    for (fields, want) in [
        (r"{}", Overlap::QueueOne),
        (r#"{"concurrent": false}"#, Overlap::QueueOne),
        (r#"{"concurrent": true}"#, allow(None)),
        (r#"{"concurrent": 1, "overlapLimit": 3}"#, allow(Some(3))),
        (r#"{"overlap": "allow"}"#, allow(None)),
        (
            r#"{"overlap": "allow", "concurrent": true, "overlapLimit": "2"}"#,
            allow(Some(2)),
        ),
        (r#"{"overlap": "skip"}"#, Overlap::Skip),
        (r#"{"overlap": "skip", "concurrent": false}"#, Overlap::Skip),
        (r#"{"overlap": "queueone"}"#, Overlap::QueueOne),
        (
            r#"{"overlap": "queueAll"}"#,
            Overlap::QueueAll { limit: default },
        ),
        (
            r#"{"overlap": "queueAll", "overlapLimit": 5}"#,
            Overlap::QueueAll { limit: 5 },
        ),
        (
            r#"{"overlap": "replace", "concurrent": "false"}"#,
            Overlap::Replace,
        ),
    ] {
        let spec = accept_with(fields);
        assert_eq!(spec.overlap, want, "{fields}");
        assert_eq!(
            spec.concurrent(),
            matches!(want, Overlap::Allow { .. }),
            "{fields}"
        );
    }
}

#[test]
fn retries_and_times() {
    let exponential = |delay_max_secs| RetryBackoff::Exponential { delay_max_secs };
    for (fields, want) in [
        (r"{}", RetryBackoff::Fixed),
        (r#"{"retryBackoff": "fixed"}"#, RetryBackoff::Fixed),
        (r#"{"retryBackoff": "exponential"}"#, exponential(3600)),
        (
            r#"{"retryBackoff": "Exponential", "retryDelayMax": "90"}"#,
            exponential(90),
        ),
    ] {
        assert_eq!(accept_with(fields).policies.retry_backoff, want, "{fields}");
    }
    let spec = accept_with(r#"{"startTimeout": "600", "jitter": 86400}"#);
    assert_eq!(
        (spec.policies.start_timeout_secs, spec.policies.jitter_secs),
        (600, 86_400)
    );
}

#[test]
fn calendars() {
    for (calendar, want) in [
        (r"null", vec![]),
        (r#""""#, vec![]),
        (r"[]", vec![]),
        (r#""holidays""#, vec!["holidays"]),
        (r#"["b", null, "a", "", "b"]"#, vec!["b", "a"]),
        (r"2026", vec!["2026"]),
    ] {
        let spec = accept_with(&format!(r#"{{"calendar": {calendar}}}"#));
        let names: Vec<_> = spec
            .details
            .calendars
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(names, want, "{calendar}");
    }
}

/// A job with these fields instead of a schedule.
fn unscheduled(fields: &str) -> Value {
    let mut document = with(fields);
    if let Some(document) = document.as_object_mut() {
        document.remove("schedule");
    }
    document
}

fn first(spec: &JobSpec) -> Option<String> {
    let targets = spec.schedule()?.targets(NOW).expect("targets");
    targets.first().map(|target| target.at.to_string())
}

#[test]
fn cron_and_lists() {
    for (fields, text, first_at) in [
        (
            r#"{"cron": "30 6 * * *"}"#,
            "30 6 * * *",
            "2017-03-13T06:30:00.000Z",
        ),
        (
            r#"{"cron": "30 6 * * *", "scheduleTimeZone": "Europe/Paris", "schedule": null}"#,
            "30 6 * * *",
            "2017-03-13T05:30:00.000Z",
        ),
        (
            r#"{"schedules": ["R/2030-01-01T00:00:00/P1D"], "scheduleTimeZone": "Europe/Paris"}"#,
            "R/2030-01-01T00:00:00/P1D",
            "2029-12-31T23:00:00.000Z",
        ),
        (
            r#"{"schedules": [null, {"cron": "@daily", "scheduleTimeZone": "Asia/Tokyo"},
                {"schedule": "R/2030-01-01T00:00:00Z/P1D"}], "scheduleTimeZone": "Europe/Paris"}"#,
            "@daily and R/2030-01-01T00:00:00Z/P1D",
            "2017-03-13T15:00:00.000Z",
        ),
    ] {
        for kind in [JobKind::Scheduled, JobKind::Any] {
            let spec = accept(&unscheduled(fields), kind);
            assert_eq!(spec.schedule().unwrap().text(), text, "{fields}");
            assert_eq!(first(&spec).as_deref(), Some(first_at), "{fields}");
        }
    }
}

#[test]
fn ends_and_changes_of_clocks() {
    let spec = accept_with(
        r#"{"endTime": "2030-06-01T00:00:00+05:00", "scheduleTimeZone": "Europe/Paris",
            "dst": {"gap": "SKIP", "overlap": "both"}}"#,
    );
    let schedule = spec.schedule().unwrap();
    assert_eq!(schedule.end_text(), Some("2030-06-01T00:00:00+05:00"));
    assert_eq!(
        schedule.end_at().unwrap().to_string(),
        "2030-05-31T22:00:00.000Z"
    );
    let both = DstPolicy {
        gap: Gap::Skip,
        overlap: Repeated::Both,
    };
    assert_eq!(schedule.dst(), both);
    for fields in [
        r#"{"endTime": "", "dst": {}}"#,
        r#"{"endTime": null, "dst": null}"#,
    ] {
        assert_eq!(
            accept_with(fields),
            accept(&base(), JobKind::Any),
            "{fields}"
        );
    }
    // An end that has passed is no mistake: the same file may be posted again later.
    let over = accept_with(r#"{"endTime": "2017-01-01"}"#);
    assert_eq!(first(&over), None);
    // Without any schedule the job runs once, now, with what is said of it.
    let once = accept(&unscheduled(r#"{"endTime": "2018-01-01"}"#), JobKind::Any);
    assert_eq!(first(&once).as_deref(), Some("2017-03-13T00:34:43.932Z"));
}

#[test]
fn schedule_and_parents() {
    for kind in [JobKind::Scheduled, JobKind::Dependent, JobKind::Any] {
        for schedule in [
            r#""schedule": "R/2030-01-01T00:00:00Z/P1D""#,
            r#""schedule": null, "cron": "0 6 * * *""#,
            r#""schedule": null, "schedules": [{"cron": "0 6 * * *"}]"#,
        ] {
            let fields = format!(
                r#"{{{schedule}, "parents": ["b", "a"], "scheduleAndParents": "true", "dependencyRule": "anyfailure"}}"#
            );
            let spec = accept(&with(&fields), kind);
            assert!(matches!(spec.trigger, Trigger::Both { .. }), "{fields}");
            assert_eq!(spec.parents().len(), 2);
            assert!(spec.schedule().is_some());
            assert_eq!(spec.parent_rule, ParentRule::AnyFailure);
        }
    }
    // Without the switch parents win, as in Chronos: case 186.
    for fields in [
        r#"{"parents": ["a"], "cron": "FOO"}"#,
        r#"{"parents": ["a"], "scheduleAndParents": false, "schedules": 5}"#,
    ] {
        let spec = accept(&with(fields), JobKind::Dependent);
        assert!(matches!(spec.trigger, Trigger::Parents(_)), "{fields}");
        assert_eq!(spec.parent_rule, ParentRule::AllSuccess);
    }
    for rule in ParentRule::ALL {
        let fields = json!({"parents": ["a"], "dependencyRule": rule.name()}).to_string();
        assert_eq!(accept_with(&fields).parent_rule, rule);
    }
}
