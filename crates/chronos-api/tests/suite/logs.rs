//! What runs printed.

use std::time::Duration;

use axum::body::Body;
use chronos_model::RunKey;
use http_body_util::BodyExt;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::{
    client::{Answer, Site, request},
    sockets::start,
};

async fn started(site: &Site) -> RunKey {
    site.hourly("a").await;
    site.put("/v1/scheduler/job/a").await.check_no_content();
    site.daemon.running("a").unwrap()
}

async fn log(site: &Site, key: &RunKey, query: &str) -> Answer {
    site.get(&format!("/v1/scheduler/runs/{key}/log{query}"))
        .await
}

/// Opens a log that goes on.
async fn follow(site: &Site, key: &RunKey, query: &str) -> Body {
    let path = format!("/v1/scheduler/runs/{key}/log?follow=true{query}");
    let response = site
        .router
        .clone()
        .oneshot(request("GET", &path, &[("accept-encoding", "gzip")], ""))
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get("content-encoding"), None);
    response.into_body()
}

async fn frame(body: &mut Body) -> Option<Vec<u8>> {
    let frame = timeout(Duration::from_secs(10), body.frame())
        .await
        .expect("it goes on");
    frame.map(|frame| frame.unwrap().into_data().unwrap().to_vec())
}

#[tokio::test]
async fn sends_the_octets_as_they_are() {
    let site = Site::new();
    let key = started(&site).await;
    site.daemon.print(&key, b"one\n\xff\x00two");
    let answer = log(&site, &key, "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("x-log-size"), "9");
    assert_eq!(answer.header("x-log-ended"), "false");
    assert_eq!(answer.body, b"one\n\xff\x00two");
    site.daemon.finish(&key, 0);
    for (query, want) in [
        ("?offset=4", &b"\xff\x00two"[..]),
        ("?stream=stdout&offset=8", b"o"),
        ("?offset=9", b""),
        ("?offset=99999999999", b""),
        ("?stream=stderr", b""),
        ("?follow=true&offset=6", b"two"),
        ("?follow=false", b"one\n\xff\x00two"),
    ] {
        let answer = log(&site, &key, query).await;
        assert_eq!(answer.body, want, "{query}");
        assert_eq!(answer.header("x-log-ended"), "true");
    }
}

#[tokio::test]
async fn is_asked_of_the_daemon_that_has_it() {
    let there = Site::new();
    let key = started(&there).await;
    there.daemon.print(&key, b"printed there");
    let server = start(&there).await;
    let here = Site::new();
    assert_eq!(started(&here).await, key);
    here.daemon.set_logs_at(server.address.to_string());
    let answer = log(&here, &key, "?offset=8").await;
    assert_eq!(
        (answer.status.as_u16(), answer.text()),
        (200, "there"),
        "{answer:?}"
    );
    assert_eq!(answer.header("x-log-size"), "13");
    let mut body = follow(&here, &key, "&offset=8").await;
    assert_eq!(frame(&mut body).await.unwrap(), b"there");
    // Who is asked for another looks at what is here, and nowhere else.
    there.daemon.set_logs_at("127.0.0.1:1".to_owned());
    assert_eq!(log(&here, &key, "").await.text(), "printed there");
    assert_eq!(log(&there, &key, "").await.status, 503);
}

#[tokio::test]
async fn ends_where_the_log_ended_when_it_was_asked_for() {
    let site = Site::new();
    let key = started(&site).await;
    site.daemon.print(&key, b"before");
    let path = format!("/v1/scheduler/runs/{key}/log");
    let response = site.router.clone().oneshot(request("GET", &path, &[], ""));
    let response = response.await.unwrap();
    site.daemon.print(&key, b"after");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, &b"before"[..]);
}

#[tokio::test]
async fn sends_a_long_log_in_parts() {
    let site = Site::new();
    let key = started(&site).await;
    let text: Vec<u8> = (0..1_000_000_u32).map(|at| (at % 251) as u8).collect();
    site.daemon.print(&key, &text);
    let answer = log(&site, &key, "?offset=3").await;
    assert!(answer.body == text[3..], "{} bytes", answer.body.len());
    assert!(site.daemon.log_reads() > 10, "no part is large");
}

#[tokio::test]
async fn follows_until_the_run_has_ended() {
    let site = Site::new();
    let key = started(&site).await;
    site.daemon.print(&key, b"one ");
    let mut body = follow(&site, &key, "").await;
    assert_eq!(frame(&mut body).await.unwrap(), b"one ");
    site.daemon.print(&key, b"two ");
    assert_eq!(frame(&mut body).await.unwrap(), b"two ");
    site.daemon.print(&key, b"three");
    site.daemon.finish(&key, 0);
    assert_eq!(frame(&mut body).await.unwrap(), b"three");
    assert_eq!(frame(&mut body).await, None);
}

#[tokio::test]
async fn follows_a_log_that_is_put_aside_and_begins_anew() {
    let site = Site::new();
    let key = started(&site).await;
    site.daemon.print(&key, b"a long line");
    let mut body = follow(&site, &key, "").await;
    assert_eq!(frame(&mut body).await.unwrap(), b"a long line");
    site.daemon.rotate(&key);
    site.daemon.print(&key, b"short");
    assert_eq!(frame(&mut body).await.unwrap(), b"short");
    // Who asks from where there is nothing yet is not given what was before.
    let mut late = follow(&site, &key, "&offset=9").await;
    site.daemon.print(&key, b", then more");
    assert_eq!(frame(&mut late).await.unwrap(), b"en more");
    site.daemon.finish(&key, 0);
    assert_eq!(frame(&mut body).await.unwrap(), b", then more");
    assert_eq!(frame(&mut body).await, None);
}

#[tokio::test]
async fn follows_a_run_that_has_not_started() {
    let site = Site::new();
    let key = started(&site).await;
    site.daemon.finish(&key, 1);
    // Its retry waits.
    let retry = RunKey {
        attempt: 1,
        ..key.clone()
    };
    log(&site, &retry, "").await.check_error(404, None);
    let mut body = follow(&site, &retry, "").await;
    site.daemon.pass(60);
    site.daemon.print(&retry, b"again");
    assert_eq!(frame(&mut body).await.unwrap(), b"again");
    site.daemon.finish(&retry, 1);
    assert_eq!(frame(&mut body).await, None);

    // The next retry is killed before it starts: there is nothing, and then the end.
    let retry = RunKey {
        attempt: 2,
        ..key.clone()
    };
    let mut body = follow(&site, &retry, "").await;
    site.delete(&format!("/v1/scheduler/runs/{retry}"))
        .await
        .check_no_content();
    assert_eq!(frame(&mut body).await, None);
    log(&site, &retry, "?follow=true")
        .await
        .check_error(404, None);
}

#[tokio::test]
async fn refuses_one_follower_too_many_and_makes_room_when_one_goes() {
    let site = Site::new();
    let key = started(&site).await;
    let mut bodies = Vec::new();
    for _ in 0..64 {
        bodies.push(follow(&site, &key, "").await);
    }
    log(&site, &key, "?follow=true")
        .await
        .check_error(503, None);
    assert_eq!(
        log(&site, &key, "").await.status,
        200,
        "looking is no following"
    );
    bodies.pop();
    bodies.push(follow(&site, &key, "").await);
}
