//! Why a job does not run now, and what comes next.

use serde_json::{Value, json};

use crate::{client::Site, sockets::start};

async fn explain(site: &Site, job: &str) -> Value {
    let answer = site.json(&format!("/v1/scheduler/job/{job}/explain")).await;
    assert_eq!(
        site.json(&format!("/scheduler/job/{job}/explain")).await,
        answer,
        "under both prefixes"
    );
    answer
}

async fn put(site: &Site, job: &Value) {
    site.post("/v1/scheduler/iso8601", job)
        .await
        .check_no_content();
}

/// The reasons of an answer, without their texts, which must be there.
#[track_caller]
fn reasons(answer: &Value) -> Value {
    let mut reasons = answer["reasons"].clone();
    for reason in reasons.as_array_mut().unwrap() {
        let text = reason.as_object_mut().unwrap().remove("text").unwrap();
        assert!(!text.as_str().unwrap().is_empty());
    }
    reasons
}

#[tokio::test]
async fn says_what_comes_next_when_nothing_holds_a_job() {
    let site = Site::new();
    site.hourly("a b").await;
    let answer = site.get("/v1/scheduler/job/a%20b/explain").await;
    insta::assert_snapshot!(answer.text(), @r#"{"job":"a b","state":"idle","reasons":[],"running":[],"next":{"target":"2024-05-01T01:00:00.000Z","start":"2024-05-01T01:00:00.000Z","leftOut":null,"parents":[]},"leader":true}"#);
}

#[tokio::test]
async fn says_what_runs() {
    let site = Site::new();
    site.hourly("a").await;
    site.daemon.pass(3600);
    let answer = explain(&site, "a").await;
    assert_eq!(answer["state"], "1 running");
    assert_eq!(answer["running"], json!(["ct:1714525200000:0:a:"]));
    assert_eq!(answer["reasons"], json!([]));
    assert_eq!(answer["next"]["target"], "2024-05-01T02:00:00.000Z");
}

#[tokio::test]
async fn gives_each_reason_with_its_fields() {
    let site = Site::new();
    let each_ten = "R/2024-05-01T00:00:10Z/PT10S";
    let once =
        json!({"name": "once", "command": "true", "schedule": "R1/2024-05-01T00:00:10Z/PT1H"});
    for job in [
        json!({"name": "off", "command": "true", "schedule": "R//PT1H", "disabled": true}),
        once.clone(),
        json!({"name": "failing", "command": "true", "schedule": each_ten, "retryDelay": 300}),
        json!({"name": "slow", "command": "true", "schedule": each_ten}),
        json!({"name": "big", "command": "true", "schedule": each_ten, "cpus": 100}),
    ] {
        put(&site, &job).await;
    }
    site.child("child", &["off", "once"]).await;
    site.daemon.pass(10);
    site.daemon.finish_job("failing", 1);
    site.daemon.pass(1);
    let retry =
        json!({"code": "retry", "at": "2024-05-01T00:05:10.000Z", "attempt": 1, "retries": 2});
    check(&site, "failing", &json!([retry])).await;
    site.daemon.pass(9);
    site.daemon.finish_job("once", 0);
    check(&site, "once", &json!([{"code": "disabled"}])).await;
    put(&site, &once).await;
    for (job, want) in [
        ("off", json!([{"code": "disabled"}])),
        ("once", json!([{"code": "usedUp"}])),
        ("child", json!([{"code": "parents", "parents": ["off"]}])),
        (
            "slow",
            json!([{"code": "overlap", "run": "ct:1714521610000:0:slow:"}]),
        ),
    ] {
        check(&site, job, &want).await;
    }
    let answer = explain(&site, "big").await;
    let reason = &answer["reasons"][0];
    assert_eq!(reason["code"], "offer");
    assert_eq!(
        reason["text"],
        format!("no offer fits: {}", reason["why"].as_str().unwrap())
    );
    assert_eq!(answer["state"], "queued");
    assert_eq!(explain(&site, "off").await["next"], json!(null));
    assert_eq!(explain(&site, "once").await["next"], json!(null));
}

async fn check(site: &Site, job: &str, want: &Value) {
    let answer = explain(site, job).await;
    assert_eq!(&reasons(&answer), want, "{job}: {answer}");
}

#[tokio::test]
async fn names_the_run_in_front() {
    let site = Site::new();
    site.hourly("a").await;
    for _ in 0..2 {
        site.daemon.pass(3600);
        site.daemon.finish_job("a", 0);
    }
    let range = json!({"from": "2024-05-01T01:00:00Z", "to": "2024-05-01T02:00:00Z"});
    let answer = site.post("/v1/scheduler/job/a/backfill", &range).await;
    let runs = answer.json();
    site.daemon.finish_job("a", 1);
    let answer = explain(&site, "a").await;
    let reasons = reasons(&answer);
    assert_eq!(reasons[0]["code"], "retry");
    let front = answer["reasons"][1]["run"].as_str().unwrap().to_owned();
    assert_eq!(
        reasons[1],
        json!({"code": "line", "run": front, "cause": "backfill"})
    );
    assert_eq!(
        front,
        runs["runs"][0].as_str().unwrap().replace(":0:", ":1:")
    );
}

#[tokio::test]
async fn who_does_not_lead_asks_the_leader_why() {
    let leader = Site::new();
    leader.hourly("a").await;
    assert_eq!(explain(&leader, "a").await["leader"], true);
    let server = start(&leader).await;
    let site = Site::new();
    site.daemon.set_follows(Some(server.address.to_string()));
    assert_eq!(explain(&site, "a").await, explain(&leader, "a").await);
}

#[tokio::test]
async fn explains_a_job_that_is_called_like_a_route() {
    let site = Site::new();
    for name in ["success", "explain", "backfill"] {
        site.hourly(name).await;
    }
    assert_eq!(explain(&site, "success").await["job"], "success");
    assert_eq!(explain(&site, "explain").await["job"], "explain");
    for name in ["explain", "backfill"] {
        let marked = site.put(&format!("/v1/scheduler/job/success/{name}")).await;
        assert_eq!(
            marked.text(),
            format!("marked job {name} as successful: true")
        );
    }
}
