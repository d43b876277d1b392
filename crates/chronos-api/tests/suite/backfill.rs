//! Running targets again that have passed.

use axum::body::Body;
use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{JSON, Site};

/// An hourly job that has had six targets, with a child.
async fn site() -> Site {
    let site = Site::new();
    site.hourly("a").await;
    site.child("child", &["a"]).await;
    for _ in 0..6 {
        site.daemon.pass(3600);
        site.daemon.finish_job("a", 0);
        site.daemon.finish_job("child", 0);
    }
    site
}

async fn runs(site: &Site, job: &str) -> Vec<Value> {
    let runs = site.json(&format!("/v1/scheduler/job/{job}/runs")).await;
    runs.as_array().unwrap().clone()
}

#[tokio::test]
async fn runs_a_range_again_oldest_first() {
    let site = site().await;
    let range = json!({"from": "2024-05-01T02:30:00Z", "to": "2024-05-01T07:00:00+02:00"});
    let answer = site.post("/v1/scheduler/job/a/backfill", &range).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let body = answer.json();
    let ids = body["runs"].as_array().unwrap();
    assert_eq!(ids.len(), 3);
    let mut targets = Vec::new();
    for id in ids {
        let run = site
            .json(&format!("/v1/scheduler/runs/{}", id.as_str().unwrap()))
            .await;
        assert_eq!(run["cause"], "backfill");
        assert_eq!(run["id"], *id);
        targets.push(run["target"].clone());
        assert_eq!(site.daemon.finish_job("a", 0).to_string(), *id);
    }
    let hours = ["03", "04", "05"];
    assert_eq!(
        targets,
        hours.map(|hour| format!("2024-05-01T{hour}:00:00.000Z"))
    );
    assert_eq!(site.daemon.running("child"), None, "nobody asked for it");
}

#[tokio::test]
async fn runs_the_children_too_when_asked_and_names_their_parents_runs() {
    let range = |children: Value| json!({"from": " 2024-05-01T03:00:00Z ", "to": "2024-05-01T03:00:00.000Z", "children": children, "more": 1});
    for (children, want) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(1), true),
        (json!(false), false),
        (json!("false"), false),
        (json!(0), false),
        (json!(null), false),
    ] {
        let site = site().await;
        let answer = site
            .post("/scheduler/job/a/backfill", &range(children.clone()))
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        let parent = site.daemon.finish_job("a", 0);
        let run = &runs(&site, "child").await[0];
        assert_eq!(site.daemon.running("child").is_some(), want, "{children}");
        if want {
            assert_eq!(run["cause"], "backfillWithChildren");
            assert_eq!(run["parents"], json!([parent.to_string()]));
        }
        assert!(runs(&site, "a").await[0].get("parents").is_none());
    }
}

/// Bodies that are no range, and what they are blamed on.
const BODIES: &[(&str, &[&str])] = &[
    ("", &["body"]),
    ("{", &["body"]),
    ("[]", &["body"]),
    ("7", &["body"]),
    ("null", &["body"]),
    ("{}", &["from", "to"]),
    (r#"{"from": null, "to": []}"#, &["from", "to"]),
    (
        r#"{"from": "yesterday", "to": 5, "children": "perhaps"}"#,
        &["from", "to", "children"],
    ),
    (r#"{"from": "2024-05-01T01:00:00Z"}"#, &["to"]),
    (r#"{"to": "2024-05-01T01:00:00Z"}"#, &["from"]),
    (
        r#"{"from": "2024-05-01", "to": "2024-05-01T01:00:00"}"#,
        &["from", "to"],
    ),
    (
        r#"{"from": "2024-05-01T01:00:00Z", "to": "2024-05-01T02:00:00Z", "children": []}"#,
        &["children"],
    ),
    (
        r#"{"from": "2024-05-01T01:00:00Z", "to": "2024-05-01T02:00:00Z", "children": 0.5}"#,
        &["children"],
    ),
    // What the scheduler refuses.
    (
        r#"{"from": "2024-05-01T02:00:00Z", "to": "2024-05-01T01:00:00Z"}"#,
        &["from"],
    ),
    (
        r#"{"from": "2024-05-01T02:00:00Z", "to": "2024-05-02T01:00:00Z"}"#,
        &["to"],
    ),
    (
        r#"{"from": "2024-05-01T02:10:00Z", "to": "2024-05-01T02:20:00Z"}"#,
        &["from"],
    ),
];

#[tokio::test]
async fn refuses_what_is_no_range_and_changes_nothing() {
    let site = site().await;
    let before = runs(&site, "a").await;
    let path = "/v1/scheduler/job/a/backfill";
    for (body, fields) in BODIES {
        let answer = site.ask("POST", path, &[JSON], *body).await;
        for field in *fields {
            answer.check_error(400, Some(field));
        }
        let errors = answer.json()["errors"].as_array().unwrap().len();
        assert_eq!(errors, fields.len(), "{body}: {}", answer.text());
        assert_eq!(runs(&site, "a").await, before, "{body}");
    }
    let long = json!({"from": "x".repeat(100_000), "to": "2024-05-01T01:00:00Z"});
    let answer = site.post(path, &long).await;
    answer.check_error(400, Some("from"));
    assert!(answer.body.len() < 1000);
}

#[tokio::test]
async fn refuses_jobs_that_have_no_targets_to_run_again() {
    let site = site().await;
    let off = json!({"name": "off", "command": "true", "schedule": "R//PT1H", "disabled": true});
    site.post("/v1/scheduler/iso8601", &off)
        .await
        .check_no_content();
    let range = json!({"from": "2024-05-01T01:00:00Z", "to": "2024-05-01T02:00:00Z"});
    for (job, status, field) in [
        ("nobody", 404, "name"),
        ("no%2Fname", 404, "name"),
        ("child", 400, "job"),
        ("off", 400, "job"),
    ] {
        let path = format!("/v1/scheduler/job/{job}/backfill");
        site.post(&path, &range)
            .await
            .check_error(status, Some(field));
    }
    let seconds =
        json!({"name": "s", "command": "true", "schedule": "R/2024-05-01T00:00:00Z/PT1S"});
    site.post("/v1/scheduler/iso8601", &seconds)
        .await
        .check_no_content();
    let before = runs(&site, "s").await;
    site.post("/v1/scheduler/job/s/backfill", &range)
        .await
        .check_error(400, Some("to"));
    assert_eq!(runs(&site, "s").await, before);
}

#[tokio::test]
async fn takes_json_only() {
    let site = site().await;
    let path = "/v1/scheduler/job/a/backfill";
    site.ask("POST", path, &[], "{}")
        .await
        .check_error(415, Some("body"));
    site.ask("POST", path, &[JSON], " ".repeat(2 << 20))
        .await
        .check_error(413, Some("body"));
    site.ask("GET", path, &[], Body::empty())
        .await
        .check_error(405, Some("method"));
}

#[tokio::test]
async fn backfills_a_job_that_is_called_like_a_route() {
    let site = Site::new();
    site.hourly("success").await;
    site.daemon.pass(3600);
    site.daemon.finish_job("success", 0);
    let range = json!({"from": "2024-05-01T01:00:00Z", "to": "2024-05-01T01:00:00Z"});
    let answer = site
        .post("/v1/scheduler/job/success/backfill", &range)
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
}
