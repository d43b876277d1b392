//! What clients are told when the daemon itself is in trouble.

use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::{task::JoinSet, time::Instant};
use tower::ServiceExt;

use crate::client::{JSON, Site, request};

#[tokio::test]
async fn answers_503_while_a_part_is_unavailable() {
    let site = Site::new();
    site.hourly("a").await;
    site.put("/v1/scheduler/job/a").await.check_no_content();
    let key = site.daemon.finish_job("a", 0);
    let before = site.get("/v1/scheduler/jobs").await.body;
    site.daemon.set_outage(Some("the store does not answer"));
    let job = r#"{"name": "b", "command": "true", "schedule": "R//PT1H"}"#;
    for (method, path, body) in [
        ("POST", "/v1/scheduler/iso8601".to_owned(), job),
        ("PUT", "/v1/scheduler/job/a".to_owned(), ""),
        ("PUT", "/v1/scheduler/job/success/a".to_owned(), ""),
        ("DELETE", "/v1/scheduler/job/a".to_owned(), ""),
        ("DELETE", "/v1/scheduler/task/kill/a".to_owned(), ""),
        ("GET", "/v1/scheduler/job/a/runs".to_owned(), ""),
        ("GET", format!("/v1/scheduler/runs/{key}"), ""),
        ("DELETE", format!("/v1/scheduler/runs/{key}"), ""),
        ("GET", format!("/v1/scheduler/runs/{key}/log"), ""),
        ("GET", "/v1/scheduler/job/stat/a".to_owned(), ""),
        ("GET", "/v1/scheduler/stats/mean".to_owned(), ""),
        ("GET", "/v1/scheduler/leader".to_owned(), ""),
    ] {
        let answer = site.ask(method, &path, &[JSON], body).await;
        answer.check_error(503, None);
        assert_eq!(answer.header("retry-after"), "2", "{path}");
    }
    // What is known still shows.
    assert_eq!(site.get("/v1/scheduler/jobs").await.body, before);
    assert_eq!(site.get("/ping").await.text(), "pong\n");
    let health = site.get("/health").await;
    assert_eq!(health.status, 503);
    let health = health.json();
    assert_eq!(health["status"], "failing");
    assert_eq!(health["parts"][0]["problem"], "the store does not answer");
    assert_eq!(health["parts"][1]["status"], "ok");
    site.daemon.set_outage(None);
    assert_eq!(site.get("/health").await.status, 200);
}

#[tokio::test]
async fn answers_500_after_a_panic_and_says_nothing_of_it() {
    let site = Site::new();
    site.hourly("a").await;
    site.daemon.set_defect();
    let answer = site.put("/v1/scheduler/job/a").await;
    answer.check_error(500, None);
    assert!(!answer.text().contains("secret"));
    site.put("/v1/scheduler/job/a").await.check_no_content();
}

#[tokio::test(start_paused = true)]
async fn gives_up_on_what_is_not_answered() {
    let site = Site::new();
    site.hourly("a").await;
    site.daemon.hang();
    let start = Instant::now();
    let answer = site.put("/v1/scheduler/job/a").await;
    answer.check_error(503, None);
    assert!(answer.text().contains("not known"), "{}", answer.text());
    assert_eq!(start.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn says_how_it_is_while_all_room_is_taken() {
    let site = Site::new();
    site.hourly("a").await;
    site.daemon.hang();
    let mut hanging = JoinSet::new();
    for _ in 0..128 {
        let request = request("PUT", "/v1/scheduler/job/a", &[], "");
        hanging.spawn(site.router.clone().oneshot(request));
    }
    // Each of them gets its turn, and time does not pass before.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    assert_eq!(site.get("/health").await.status, 200);
    assert_eq!(site.get("/ping").await.status, 200);
    assert_eq!(start.elapsed().as_secs(), 0);
    assert_eq!(site.get("/v1/scheduler/jobs").await.status, 200);
    assert_eq!(start.elapsed().as_secs(), 19, "it waited for room");
    let answers = hanging.join_all().await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().unwrap().status() == 503)
    );
}

#[tokio::test(start_paused = true)]
async fn does_not_wait_for_a_body_for_ever() {
    let site = Site::new();
    let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let start = Instant::now();
    let answer = site
        .ask("POST", "/v1/scheduler/iso8601", &[JSON], body)
        .await;
    answer.check_error(408, Some("body"));
    assert_eq!(start.elapsed().as_secs(), 15);
    let broken = stream::iter([Ok(Bytes::from("{")), Err(std::io::Error::other("gone"))]);
    let body = Body::from_stream(broken);
    let answer = site
        .ask("POST", "/v1/scheduler/iso8601", &[JSON], body)
        .await;
    answer.check_error(400, Some("body"));
}
