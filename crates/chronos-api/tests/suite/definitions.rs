//! Creating, replacing and deleting jobs.

use serde_json::json;

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
