//! Run now, count as successful, kill.

use http::StatusCode;
use serde_json::json;

use crate::client::{JSON, Site};

#[tokio::test]
async fn runs_a_job_now_whatever_the_body_says() {
    for (headers, body) in [
        (vec![], ""),
        (vec![JSON], ""),
        (
            vec![("content-type", "application/x-www-form-urlencoded")],
            "",
        ),
        (vec![("content-type", "text/plain")], "{no json"),
    ] {
        let site = Site::new();
        site.hourly("a").await;
        site.ask("PUT", "/v1/scheduler/job/a", &headers, body)
            .await
            .check_no_content();
        assert!(site.daemon.running("a").is_some(), "{headers:?}");
    }
}

#[tokio::test]
async fn gives_arguments_to_this_run_only() {
    for (query, want) in [
        ("?arguments=-debug", Some("-debug")),
        ("?arguments=-a%201+-b%3d%C3%A9", Some("-a 1 -b=é")),
        // As in Chronos: somebody else appends them to a shell command.
        ("?arguments=x%3Brm+y", Some("xrm y")),
        ("?arguments=%20", None),
        ("?arguments=", None),
        ("?arguments", None),
        ("", None),
    ] {
        let site = Site::new();
        site.hourly("a").await;
        let before = site.get("/v1/scheduler/job/a").await.json();
        site.put(&format!("/v1/scheduler/job/a{query}"))
            .await
            .check_no_content();
        assert_eq!(site.daemon.arguments("a").as_deref(), want, "{query}");
        let run = site.json("/v1/scheduler/job/a/runs").await;
        assert_eq!(run[0]["arguments"], json!(want), "{query}");
        assert_eq!(run[0]["cause"], "manual");
        let after = site.get("/v1/scheduler/job/a").await.json();
        assert_eq!(before["command"], after["command"]);
        assert_eq!(before["arguments"], after["arguments"]);
    }
}

#[tokio::test]
async fn says_done_even_when_nothing_runs() {
    let site = Site::new();
    let job = json!({"name": "off", "command": "true", "schedule": "R//PT1H", "disabled": true});
    site.post("/v1/scheduler/iso8601", &job)
        .await
        .check_no_content();
    site.put("/v1/scheduler/job/off").await.check_no_content();
    let runs = site.json("/v1/scheduler/job/off/runs").await;
    assert_eq!(runs[0]["outcome"], "skipped");
    assert_eq!(runs[0]["reason"], "the job is disabled");
    assert_eq!(runs[0]["taskId"], json!(null), "it never was a task");
}

#[tokio::test]
async fn marks_a_job_as_successful() {
    let site = Site::new();
    site.hourly("a b#1").await;
    site.child("next", &["a b#1"]).await;
    for (path, text) in [
        (
            "/v1/scheduler/job/success/a%20b%231",
            "marked job a b#1 as successful: true",
        ),
        (
            "/scheduler/job/success/nobody",
            "marked job nobody as successful: false",
        ),
        (
            "/scheduler/job/success/no%2Fname",
            "marked job no/name as successful: false",
        ),
    ] {
        let answer = site.put(path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.text(), text);
    }
    assert_eq!(
        site.json("/v1/scheduler/job/a%20b%231").await["successCount"],
        1
    );
    assert!(site.daemon.running("next").is_some(), "its children go on");
    let run = site.json("/v1/scheduler/job/next/runs").await[0].clone();
    assert_eq!(run["cause"], "parents");
    assert!(
        run.get("parents").is_none(),
        "no run of a parent is behind it"
    );
}

#[tokio::test]
async fn kills_all_runs_of_a_job() {
    let site = Site::new();
    let job = json!({"name": "many", "command": "true", "schedule": "R/2024-05-01T00:00:10Z/PT10S", "concurrent": true});
    site.post("/v1/scheduler/iso8601", &job)
        .await
        .check_no_content();
    site.daemon.pass(10);
    site.daemon.pass(10);
    assert_eq!(
        site.json("/v1/scheduler/job/many").await["state"],
        "2 running"
    );
    site.delete("/v1/scheduler/task/kill/many")
        .await
        .check_no_content();
    let job = site.json("/v1/scheduler/job/many").await;
    assert_eq!(
        (&job["state"], &job["errorCount"]),
        (&json!("idle"), &json!(0))
    );
    let runs = site.json("/v1/scheduler/job/many/runs").await;
    assert_eq!(
        [&runs[0]["outcome"], &runs[1]["outcome"]],
        ["killed", "killed"]
    );
    // Killing nothing is no error, an unknown job is.
    site.delete("/v1/scheduler/task/kill/many")
        .await
        .check_no_content();
}

#[tokio::test]
async fn knows_jobs_that_are_called_like_routes() {
    let site = Site::new();
    for name in ["success", "runs", "stat"] {
        site.hourly(name).await;
    }
    site.put("/v1/scheduler/job/success")
        .await
        .check_no_content();
    let runs = site.json("/v1/scheduler/job/success/runs").await;
    assert_eq!(runs[0]["job"], "success");
    let marked = site.put("/v1/scheduler/job/success/runs").await;
    assert_eq!(marked.text(), "marked job runs as successful: true");
    let stat = site.json("/v1/scheduler/job/stat/runs").await;
    assert_eq!(stat["histogram"]["count"], 0.0);
    assert_eq!(site.json("/v1/scheduler/job/%73tat/runs").await, json!([]));
}

#[tokio::test]
async fn refuses_arguments_that_no_program_could_be_given() {
    let site = Site::new();
    let long = "x".repeat(90_000);
    let job = json!({"name": "long", "command": long, "schedule": "R/2030-01-01T00:00:00Z/PT1H"});
    site.post("/v1/scheduler/iso8601", &job)
        .await
        .check_no_content();
    let path = |len| format!("/v1/scheduler/job/long?arguments={}", "y".repeat(len));
    site.put(&path(50_000))
        .await
        .check_error(400, Some("arguments"));
    assert_eq!(site.json("/v1/scheduler/job/long/runs").await, json!([]));
    site.put(&path(30_000)).await.check_no_content();
}
