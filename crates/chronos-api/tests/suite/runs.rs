//! Looking at runs, and killing one.

use chronos_api::Backend;
use chronos_model::{Outcome, Run, RunKey, RunState};
use serde_json::{Value, json};

use crate::client::Site;

fn column<'a>(runs: &'a Value, field: &str) -> Vec<&'a str> {
    let runs = runs.as_array().unwrap().iter();
    runs.map(|run| run[field].as_str().unwrap_or("-")).collect()
}

/// A job that ran so many times, a minute apart, and runs again.
async fn busy(site: &Site, ended: usize) {
    site.hourly("a").await;
    for _ in 0..ended {
        site.put("/v1/scheduler/job/a").await.check_no_content();
        site.daemon.pass(1);
        site.daemon.finish_job("a", 0);
        site.daemon.pass(59);
    }
    site.put("/v1/scheduler/job/a").await.check_no_content();
}

#[tokio::test]
async fn shows_a_run_in_full() {
    let site = Site::new();
    site.hourly("a b").await;
    site.daemon.pass(3600);
    let id = "ct:1714525200000:0:a b:";
    let escaped = "ct%3A1714525200000%3A0%3Aa%20b%3A";
    let running = site
        .get("/v1/scheduler/runs/ct:1714525200000:0:a%20b:")
        .await;
    insta::assert_snapshot!(running.text(), @r#"{"id":"ct:1714525200000:0:a b:","job":"a b","target":"2024-05-01T01:00:00.000Z","attempt":0,"taskId":"ct:1714525200000:0:a b:","state":"running","outcome":null,"reason":null,"exitCode":null,"agent":"agent-1","startedAt":"2024-05-01T01:00:00.000Z","endedAt":null,"cause":"schedule","arguments":null,"notBefore":null}"#);
    assert_eq!(running.json()["id"], id);
    site.daemon.pass(5);
    let key = site.daemon.finish_job("a b", 3);
    assert_eq!(key.to_string(), id);
    let ended = site.get(&format!("/scheduler/runs/{escaped}")).await;
    insta::assert_snapshot!(ended.text(), @r#"{"id":"ct:1714525200000:0:a b:","job":"a b","target":"2024-05-01T01:00:00.000Z","attempt":0,"taskId":"ct:1714525200000:0:a b:","state":"ended","outcome":"failed","reason":"exited with 3","exitCode":3,"agent":"agent-1","startedAt":"2024-05-01T01:00:00.000Z","endedAt":"2024-05-01T01:00:05.000Z","cause":"schedule","arguments":null,"notBefore":null}"#);
    let retry = site.json("/v1/scheduler/job/a%20b/runs").await[0].clone();
    assert_eq!(retry["attempt"], 1);
    assert_eq!(retry["state"], "queued");
    assert_eq!(retry["notBefore"], "2024-05-01T01:01:05.000Z");
    assert_eq!(
        retry["reason"],
        "retry 1 of 2 starts at 2024-05-01T01:01:05.000Z"
    );
    assert_eq!(retry["taskId"], json!(null));
}

#[tokio::test]
async fn lists_runs_newest_first_once_each() {
    let site = Site::new();
    busy(&site, 7).await;
    let runs = site.json("/v1/scheduler/job/a/runs").await;
    assert_eq!(
        column(&runs, "state"),
        [
            "running", "ended", "ended", "ended", "ended", "ended", "ended", "ended"
        ]
    );
    let mut sorted = column(&runs, "target");
    sorted.sort_unstable();
    sorted.dedup();
    sorted.reverse();
    assert_eq!(column(&runs, "target"), sorted);
}

#[tokio::test]
async fn pages_through_runs_without_leaving_any_out() {
    let site = Site::new();
    busy(&site, 7).await;
    let all = site.json("/v1/scheduler/job/a/runs").await;
    let all = column(&all, "id");
    for limit in 1..=9 {
        let mut paged: Vec<String> = Vec::new();
        loop {
            let before = paged
                .last()
                .map(|id| format!("&before={id}"))
                .unwrap_or_default();
            let page = site
                .json(&format!("/v1/scheduler/job/a/runs?limit={limit}{before}"))
                .await;
            let ids = column(&page, "id");
            assert!(ids.len() <= limit);
            if ids.is_empty() {
                break;
            }
            paged.extend(ids.into_iter().map(str::to_owned));
        }
        assert_eq!(paged, all, "limit {limit}");
    }
}

#[tokio::test]
async fn an_old_run_that_goes_on_hides_no_ended_one() {
    let site = Site::new();
    let job = json!({"name": "c", "command": "true", "schedule": "R/2024-05-01T00:00:10Z/PT10S", "concurrent": true});
    site.post("/v1/scheduler/iso8601", &job)
        .await
        .check_no_content();
    site.daemon.pass(10);
    let oldest = site.daemon.running("c").unwrap();
    for _ in 0..4 {
        site.daemon.pass(10);
        let all = site.json("/v1/scheduler/job/c/runs?limit=1").await;
        let newest = all[0]["id"].as_str().unwrap().parse().unwrap();
        assert_ne!(newest, oldest);
        site.daemon.finish(&newest, 0);
    }
    let page = site.json("/v1/scheduler/job/c/runs?limit=2").await;
    assert_eq!(column(&page, "state"), ["ended", "ended"]);
    let last = column(&page, "id")[1].to_owned();
    let rest = site
        .json(&format!("/v1/scheduler/job/c/runs?before={last}"))
        .await;
    assert_eq!(column(&rest, "state"), ["ended", "ended", "running"]);
}

/// Returns the run of a job that runs, as if it had ended so many seconds later.
fn ended(site: &Site, key: &RunKey, secs: i64) -> Run {
    let view = site.daemon.view();
    let run = view.job(&key.job).unwrap().run(key).unwrap();
    let mut run = Run::clone(run);
    run.key.due = run.key.due.plus_millis(secs * 1000);
    run.state = RunState::Ended;
    run.outcome = Some(Outcome::Succeeded);
    run
}

#[tokio::test]
async fn a_run_that_ends_meanwhile_is_listed_once() {
    let site = Site::new();
    busy(&site, 2).await;
    let key = site.daemon.running("a").unwrap();
    site.daemon.remember(ended(&site, &key, 0));
    let runs = site.json("/v1/scheduler/job/a/runs").await;
    assert_eq!(column(&runs, "state"), ["running", "ended", "ended"]);
}

#[tokio::test]
async fn lists_so_many_at_most_and_the_rest_with_the_next_page() {
    let site = Site::new();
    busy(&site, 0).await;
    let oldest = site.daemon.running("a").unwrap();
    for secs in 1..=2003 {
        site.daemon.remember(ended(&site, &oldest, secs));
    }
    let page = site.json("/v1/scheduler/job/a/runs").await;
    let ids = column(&page, "id");
    assert_eq!(
        ids.len(),
        2000,
        "the one that runs is older than those left out"
    );
    let rest = format!("/v1/scheduler/job/a/runs?before={}", ids[1999]);
    let rest = site.json(&rest).await;
    assert_eq!(
        column(&rest, "state"),
        ["ended", "ended", "ended", "running"]
    );
}

#[tokio::test]
async fn says_what_a_waiting_run_waits_for() {
    let site = Site::new();
    let job = json!({"name": "huge", "command": "true", "schedule": "R/2024-05-01T00:00:10Z/PT10S", "cpus": 64});
    site.post("/v1/scheduler/iso8601", &job)
        .await
        .check_no_content();
    site.daemon.pass(10);
    let runs = site.json("/v1/scheduler/job/huge/runs").await;
    let reason = runs[0]["reason"].as_str().unwrap();
    assert_eq!(
        reason,
        "no offer fits: 1 offer lacks cpus (needs 64, best 8)"
    );
    assert_eq!(runs[0]["taskId"], json!(null));
    let job = site.json("/v1/scheduler/job/huge").await;
    assert_eq!(job["waiting"], json!([reason]));
    assert_eq!(job["state"], "queued");
    assert_eq!(site.json("/health").await["queued"], 1);
}

#[tokio::test]
async fn says_how_many_targets_a_record_stands_for() {
    let site = Site::new();
    let job = json!({"name": "s", "command": "true", "schedule": "R/2024-05-01T00:00:01Z/PT1S"});
    site.post("/v1/scheduler/iso8601", &job)
        .await
        .check_no_content();
    site.daemon.pass(1000);
    let runs = site.json("/v1/scheduler/job/s/runs").await;
    let covering: Vec<&Value> = runs
        .as_array()
        .unwrap()
        .iter()
        .filter(|run| run.get("covers").is_some())
        .collect();
    assert_eq!(covering.len(), 1);
    assert_eq!(covering[0]["covers"]["first"], "2024-05-01T00:00:01.000Z");
    let count = covering[0]["covers"]["count"].as_u64().unwrap();
    let runs = u64::try_from(runs.as_array().unwrap().len()).unwrap();
    assert_eq!(count + runs, 1000, "each target is in exactly one record");
}

#[tokio::test]
async fn kills_one_run() {
    let site = Site::new();
    site.hourly("a").await;
    site.put("/v1/scheduler/job/a").await.check_no_content();
    let key = site.daemon.running("a").unwrap();
    let path = format!("/v1/scheduler/runs/{key}");
    site.delete(&path).await.check_no_content();
    assert_eq!(site.json(&path).await["outcome"], "killed");
    site.delete(&path).await.check_error(409, Some("id"));
    site.delete("/v1/scheduler/runs/ct:1:0:a:")
        .await
        .check_error(404, Some("id"));
}

#[tokio::test]
async fn a_run_outlives_its_job() {
    let site = Site::new();
    busy(&site, 1).await;
    let runs = site.json("/v1/scheduler/job/a/runs").await;
    let ids = column(&runs, "id");
    site.delete("/v1/scheduler/job/a").await.check_no_content();
    site.get("/v1/scheduler/job/a/runs")
        .await
        .check_error(404, Some("name"));
    for (id, outcome) in ids.iter().zip(["killed", "succeeded"]) {
        let run = site.json(&format!("/v1/scheduler/runs/{id}")).await;
        assert_eq!(run["outcome"], outcome);
    }
}
