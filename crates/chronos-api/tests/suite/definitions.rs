//! Creating, replacing and deleting jobs.

use serde_json::{Value, json};

use crate::client::{JSON, Site};

#[tokio::test]
async fn creates_by_post_and_by_put_under_both_prefixes() {
    let site = Site::new();
    for (number, (method, prefix)) in [
        ("POST", "/v1/scheduler"),
        ("POST", "/scheduler"),
        ("PUT", "/v1/scheduler"),
        ("PUT", "/scheduler"),
    ]
    .into_iter()
    .enumerate()
    {
        let parent =
            json!({"name": format!("p{number}"), "command": "true", "schedule": "R//PT1H"});
        let child = json!({"name": format!("c{number}"), "command": "true", "parents": [format!("p{number}")]});
        for (kind, job) in [("iso8601", parent), ("dependency", child)] {
            let path = format!("{prefix}/{kind}");
            site.ask(method, &path, &[JSON], job.to_string())
                .await
                .check_no_content();
        }
        let child = site.json(&format!("{prefix}/job/c{number}")).await;
        assert_eq!(child["parents"], json!([format!("p{number}")]));
        assert!(child.get("schedule").is_none());
    }
}

#[tokio::test]
async fn takes_any_spelling_of_the_content_type() {
    let site = Site::new();
    for (number, kind) in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        "application/json ; charset=\"utf-8\"",
    ]
    .into_iter()
    .enumerate()
    {
        let job =
            json!({"name": format!("job-{number}"), "command": "true", "schedule": "R//PT1H"});
        site.ask(
            "POST",
            "/v1/scheduler/iso8601",
            &[("content-type", kind)],
            job.to_string(),
        )
        .await
        .check_no_content();
    }
}

#[tokio::test]
async fn takes_a_body_of_just_the_size_that_is_allowed() {
    let site = Site::new();
    let job = json!({"name": "padded", "command": "true", "schedule": "R//PT1H"}).to_string();
    let padded = format!("{job}{}", " ".repeat(chronos_api::BODY_LEN_MAX - job.len()));
    site.ask("POST", "/v1/scheduler/iso8601", &[JSON], padded.clone())
        .await
        .check_no_content();
    site.ask("POST", "/v1/scheduler/iso8601", &[JSON], padded + " ")
        .await
        .check_error(413, Some("body"));
}

#[tokio::test]
async fn replaces_a_job_and_keeps_its_counters() {
    let site = Site::new();
    site.hourly("a").await;
    site.put("/v1/scheduler/job/a").await.check_no_content();
    site.daemon.finish_job("a", 0);
    let job =
        json!({"name": "a", "command": "echo other", "schedule": "R/2024-05-01T01:00:00Z/PT1H"});
    site.post("/v1/scheduler/iso8601", &job)
        .await
        .check_no_content();
    let job = site.json("/v1/scheduler/job/a").await;
    assert_eq!(job["command"], "echo other");
    assert_eq!(job["successCount"], 1);
    assert_eq!(job["lastSuccess"], "2024-05-01T00:00:00.000Z");
}

#[tokio::test]
async fn turns_a_scheduled_job_into_a_dependent_one_and_back() {
    let site = Site::new();
    site.hourly("a").await;
    site.hourly("b").await;
    site.child("b", &["a"]).await;
    let job = site.json("/v1/scheduler/job/b").await;
    assert_eq!(
        (&job["parents"], &job["schedule"]),
        (&json!(["a"]), &json!(null))
    );
    assert_eq!(job["runsRemaining"], json!(null));
    site.hourly("b").await;
    let job = site.json("/v1/scheduler/job/b").await;
    assert_eq!(job["schedule"], "R/2024-05-01T01:00:00Z/PT1H");
}

/// Fields of a job that Chronos did not have, and how they are shown.
const FIELDS: &[(&str, &str)] = &[
    (
        r#"{"catchUp": "ALL", "catchUpLimit": "7"}"#,
        r#"{"catchUp": "all", "catchUpLimit": 7}"#,
    ),
    (
        r#"{"catchUp": "none"}"#,
        r#"{"catchUp": "none", "catchUpLimit": null}"#,
    ),
    (
        r#"{"overlap": "skip"}"#,
        r#"{"overlap": "skip", "concurrent": false}"#,
    ),
    (
        r#"{"overlap": "queueAll", "overlapLimit": 3, "concurrent": "false"}"#,
        r#"{"overlap": "queueAll", "overlapLimit": 3}"#,
    ),
    (r#"{"overlap": "replace"}"#, r#"{"overlap": "replace"}"#),
    (
        r#"{"overlap": "allow", "overlapLimit": "2"}"#,
        r#"{"overlap": "allow", "overlapLimit": 2, "concurrent": true}"#,
    ),
    (
        r#"{"retryDelay": 1, "retryBackoff": "exponential", "retryDelayMax": 60}"#,
        r#"{"retryDelay": 1, "retryBackoff": "exponential", "retryDelayMax": 60}"#,
    ),
    (
        r#"{"startTimeout": "90", "jitter": 60}"#,
        r#"{"startTimeout": 90, "jitter": 60}"#,
    ),
    (
        r#"{"endTime": "2031-01-01T00:00:00Z", "dst": {"gap": "skip", "overlap": "both"}}"#,
        r#"{"endTime": "2031-01-01T00:00:00Z", "dst": {"gap": "skip", "overlap": "both"}}"#,
    ),
    (r#"{"calendar": "nights"}"#, r#"{"calendar": ["nights"]}"#),
    (
        r#"{"schedule": null, "cron": "30 6 * * MON-FRI"}"#,
        r#"{"schedule": null, "cron": "30 6 * * MON-FRI"}"#,
    ),
    (
        r#"{"schedule": null, "schedules": ["R//P1D", {"cron": "@daily", "scheduleTimeZone": "Asia/Tokyo"}]}"#,
        r#"{"schedules": ["R//P1D", {"cron": "@daily", "scheduleTimeZone": "Asia/Tokyo"}]}"#,
    ),
    (
        r#"{"scheduleAndParents": true, "parents": ["a"], "dependencyRule": "anyFailure"}"#,
        r#"{"schedule": "R/2030-01-01T00:00:00Z/PT1H", "scheduleAndParents": true, "parents": ["a"], "dependencyRule": "anyFailure"}"#,
    ),
];

#[tokio::test]
async fn shows_the_fields_of_ours_as_they_can_be_posted_again() {
    let site = Site::new();
    site.hourly("a").await;
    site.calendar("nights", &json!({"weekdays": ["SUN"]})).await;
    for (fields, want) in FIELDS {
        let mut job =
            json!({"name": "new", "command": "true", "schedule": "R/2030-01-01T00:00:00Z/PT1H"});
        let fields: Value = serde_json::from_str(fields).unwrap();
        for (key, value) in fields.as_object().unwrap() {
            job[key] = value.clone();
        }
        // A job that waits for both may come by either way.
        let both = job.get("scheduleAndParents").is_some();
        let ways = if both {
            &["iso8601", "dependency"][..]
        } else {
            &["iso8601"]
        };
        for way in ways {
            let path = format!("/v1/scheduler/{way}");
            site.post(&path, &job).await.check_no_content();
            let shown = site.json("/v1/scheduler/job/new").await;
            let want: Value = serde_json::from_str(want).unwrap();
            for (key, value) in want.as_object().unwrap() {
                assert_eq!(
                    shown.get(key).unwrap_or(&Value::Null),
                    value,
                    "{key}: {shown}"
                );
            }
            site.post(&path, &shown).await.check_no_content();
            assert_eq!(site.json("/v1/scheduler/job/new").await, shown);
            site.delete("/v1/scheduler/job/new")
                .await
                .check_no_content();
        }
    }
}

#[tokio::test]
async fn a_dependent_job_has_a_rule_for_its_parents() {
    let site = Site::new();
    site.hourly("a").await;
    let job = json!({"name": "new", "command": "true", "parents": ["a"], "dependencyRule": "anyFailure", "retries": 0});
    site.post("/v1/scheduler/dependency", &job)
        .await
        .check_no_content();
    let shown = site.json("/v1/scheduler/job/new").await;
    assert_eq!(shown["dependencyRule"], "anyFailure");
    site.post("/v1/scheduler/dependency", &shown)
        .await
        .check_no_content();
    assert_eq!(site.json("/v1/scheduler/job/new").await, shown);
}

#[tokio::test]
async fn a_job_that_waits_for_both_says_for_which_parents() {
    let site = Site::new();
    site.hourly("a").await;
    let job = json!({"name": "both", "command": "true", "parents": ["a"], "cron": "30 * * * *", "scheduleAndParents": true});
    site.post("/v1/scheduler/iso8601", &job)
        .await
        .check_no_content();
    let explain = async || site.json("/v1/scheduler/job/both/explain").await;
    let next = explain().await["next"].clone();
    assert_eq!(
        (&next["target"], &next["parents"]),
        (&json!("2024-05-01T00:30:00.000Z"), &json!(["a"]))
    );
    site.daemon.pass(1800);
    assert_eq!(site.daemon.running("both"), None);
    assert_eq!(explain().await["reasons"][0]["code"], "parents");
    site.put("/v1/scheduler/job/a").await.check_no_content();
    let parent = site.daemon.finish_job("a", 0);
    assert!(site.daemon.running("both").is_some());
    let run = site.json("/v1/scheduler/job/both/runs").await[0].clone();
    assert_eq!(run["parents"], json!([parent.to_string()]));
    assert_eq!(run["cause"], "schedule");
}

#[tokio::test]
async fn deletes_a_job_with_children_only_when_told_what_becomes_of_them() {
    let site = Site::new();
    site.hourly("root").await;
    site.child("middle", &["root"]).await;
    site.child("left", &["middle"]).await;
    site.child("right", &["middle"]).await;

    let refused = site.delete("/v1/scheduler/job/middle").await;
    refused.check_error(409, Some("children"));
    let error = refused.json();
    assert_eq!(
        error["errors"],
        json!([{"field": "children", "problem": "left"}, {"field": "children", "problem": "right"}])
    );
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("cascade=reparent") && message.contains("left, right"),
        "{message}"
    );
    assert_eq!(
        site.json("/v1/scheduler/job/left").await["parents"],
        json!(["middle"])
    );

    site.delete("/v1/scheduler/job/middle?cascade=reparent")
        .await
        .check_no_content();
    assert_eq!(
        site.json("/v1/scheduler/job/left").await["parents"],
        json!(["root"])
    );

    site.delete("/v1/scheduler/job/root?cascade=delete")
        .await
        .check_no_content();
    assert_eq!(site.get("/v1/scheduler/jobs").await.text(), "[]");
}

#[tokio::test]
async fn deletes_a_job_without_children() {
    let site = Site::new();
    site.hourly("a").await;
    site.delete("/scheduler/job/a").await.check_no_content();
    site.delete("/scheduler/job/a")
        .await
        .check_error(400, Some("name"));
}
