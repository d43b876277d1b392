//! Looking at jobs: lists, one, search, overview, graph, health.

use http::StatusCode;
use serde_json::{Value, json};

use crate::client::Site;

fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|job| job["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn shows_a_job_with_the_fields_of_chronos_first() {
    let site = Site::new();
    site.hourly("extract").await;
    let job = site.get("/v1/scheduler/job/extract").await;
    insta::assert_snapshot!(job.text(), @r#"{"name":"extract","command":"echo extract","shell":true,"executor":"","executorFlags":"","taskInfoData":"","retries":2,"owner":"","ownerName":"","description":"","successCount":0,"errorCount":0,"lastSuccess":"","lastError":"","cpus":0.1,"disk":256.0,"mem":128.0,"disabled":false,"softError":false,"dataProcessingJobType":false,"errorsSinceLastSuccess":0,"fetch":[],"uris":[],"environmentVariables":[],"arguments":[],"highPriority":false,"runAsUser":"","concurrent":false,"maxCompletionTime":0,"constraints":[],"schedule":"R/2024-05-01T01:00:00Z/PT1H","scheduleTimeZone":"","nextRun":"2024-05-01T01:00:00.000Z","lastRun":null,"runsRemaining":null,"state":"idle","status":"fresh","waiting":[]}"#);
}

#[tokio::test]
async fn shows_how_far_a_job_has_come() {
    let site = Site::new();
    let job =
        json!({"name": "twice", "command": "true", "schedule": "R2/2024-05-01T01:00:00Z/PT1H"});
    site.post("/v1/scheduler/iso8601", &job)
        .await
        .check_no_content();
    let look = async || {
        let job = site.json("/v1/scheduler/job/twice").await;
        json!([
            job["nextRun"],
            job["lastRun"],
            job["runsRemaining"],
            job["state"],
            job["status"]
        ])
    };
    assert_eq!(
        look().await,
        json!(["2024-05-01T01:00:00.000Z", null, 2, "idle", "fresh"])
    );
    site.daemon.pass(3600);
    assert_eq!(
        look().await,
        json!(["2024-05-01T02:00:00.000Z", null, 1, "1 running", "fresh"])
    );
    site.daemon.finish_job("twice", 0);
    assert_eq!(
        look().await,
        json!([
            "2024-05-01T02:00:00.000Z",
            "2024-05-01T01:00:00.000Z",
            1,
            "idle",
            "success"
        ])
    );
}

#[tokio::test]
async fn says_what_a_job_waits_for() {
    let site = Site::new();
    site.hourly("extract").await;
    site.child("load", &["extract"]).await;
    let waiting =
        async |name: &str| site.json(&format!("/scheduler/job/{name}")).await["waiting"].clone();
    assert_eq!(waiting("extract").await, json!([]));
    assert_eq!(
        waiting("load").await,
        json!(["waits for its parents: extract"])
    );
}

#[tokio::test]
async fn lists_all_jobs_on_one_line_by_name_with_files_in_both_spellings() {
    let site = Site::new();
    assert_eq!(site.get("/v1/scheduler/jobs").await.text(), "[]");
    for name in ["b", "a", "c"] {
        site.hourly(name).await;
    }
    let job =
        json!({"name": "files", "command": "true", "schedule": "R//PT1H", "uris": ["http://h/x"]});
    site.post("/v1/scheduler/iso8601", &job)
        .await
        .check_no_content();
    for prefix in ["/v1/scheduler", "/scheduler"] {
        let answer = site.get(&format!("{prefix}/jobs")).await;
        assert!(!answer.text().contains('\n'));
        let list = answer.json();
        assert_eq!(names(&list), ["a", "b", "c", "files"]);
        assert_eq!(list[3]["fetch"][0]["uri"], "http://h/x");
        assert_eq!(list[3]["uris"], json!(["http://h/x"]));
    }
    let one = site.json("/v1/scheduler/job/files").await;
    assert_eq!(
        one["fetch"],
        json!([]),
        "one job is shown as it was written"
    );
}

#[tokio::test]
async fn tells_machines_how_it_is() {
    let site = Site::new();
    site.hourly("a").await;
    site.daemon.set_outage(Some("no \"disk\""));
    let metrics = site.get("/metrics").await;
    assert!(
        metrics
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let lines: Vec<&str> = metrics
        .text()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(
        lines,
        [
            "chronos_role{role=\"leader\"} 1",
            "chronos_role{role=\"follower\"} 0",
            "chronos_role{role=\"taking over\"} 0",
            "chronos_role{role=\"suspended\"} 0",
            "chronos_role_since_timestamp_seconds 0.000",
            "chronos_part_up{part=\"store\"} 0",
            "chronos_part_up{part=\"agent\"} 1",
            "chronos_jobs 1",
            "chronos_queued_runs 0",
            "chronos_quarantined_records 0",
            "chronos_audit_found_total 0",
        ]
    );
    let helps = metrics
        .text()
        .lines()
        .filter(|line| line.starts_with("# HELP "));
    assert_eq!(helps.count(), 8);
}

#[tokio::test]
async fn sends_many_jobs_in_parts() {
    let site = Site::new();
    let mut wanted = Vec::new();
    for number in 0..300 {
        let name = format!("job-{number:03}");
        site.hourly(&name).await;
        wanted.push(name);
    }
    let answer = site.get("/v1/scheduler/jobs").await;
    assert!(answer.body.len() > 200_000, "more than one part");
    assert_eq!(
        answer.header("content-length"),
        "",
        "not known when it begins"
    );
    assert_eq!(names(&answer.json()), wanted);
    let few = site.get("/v1/scheduler/jobs/search").await;
    assert_eq!(few.header("content-length"), few.body.len().to_string());
}

#[tokio::test]
async fn searches() {
    let site = Site::new();
    for number in 0..12 {
        site.hourly(&format!("Nightly-{number:02}")).await;
    }
    let job = json!({"name": "weekly", "command": "run nightly-03 again", "schedule": "R//PT1H"});
    site.post("/v1/scheduler/iso8601", &job)
        .await
        .check_no_content();
    for (query, want) in [
        ("name=nIGHTLY-03", vec!["Nightly-03"]),
        (
            "command=ECHO&name=1",
            vec!["Nightly-01", "Nightly-10", "Nightly-11"],
        ),
        ("name=weekly&command=echo", vec![]),
        // It filters alone, and brings in besides the others.
        ("any=nightly-03", vec!["Nightly-03", "weekly"]),
        ("any=again", vec!["weekly"]),
        ("any=nowhere", vec![]),
        ("name=-04&any=weekly", vec!["Nightly-04", "weekly"]),
        (
            "name=nightly&limit=2&offset=3",
            vec!["Nightly-03", "Nightly-04"],
        ),
        ("name=nightly&offset=11", vec!["Nightly-11"]),
        ("name=nightly&offset=99", vec![]),
        ("limit=0", vec![]),
        ("name=&any=&limit=1", vec!["Nightly-00"]),
        ("command=run+nightly%2D03", vec!["weekly"]),
    ] {
        let found = site
            .json(&format!("/v1/scheduler/jobs/search?{query}"))
            .await;
        assert_eq!(names(&found), want, "{query}");
    }
    let found = site.json("/v1/scheduler/jobs/search").await;
    assert_eq!(names(&found).len(), 10, "unless told otherwise");
}

#[tokio::test]
async fn sums_up() {
    let site = Site::new();
    assert_eq!(
        site.get("/v1/scheduler/jobs/summary").await.text(),
        r#"{"jobs":[]}"#
    );
    site.hourly("extract").await;
    site.child("load", &["extract"]).await;
    let summary = site.get("/v1/scheduler/jobs/summary").await;
    insta::assert_snapshot!(summary.text(), @r#"{"jobs":[{"name":"extract","status":"fresh","state":"idle","schedule":"R/2024-05-01T01:00:00Z/PT1H","parents":[],"disabled":false},{"name":"load","status":"fresh","state":"idle","schedule":"","parents":["extract"],"disabled":false}]}"#);
    let several =
        json!({"name": "z", "command": "true", "schedules": [{"cron": "@daily"}, "R//PT1H"]});
    site.post("/v1/scheduler/iso8601", &several)
        .await
        .check_no_content();
    let summary = site.json("/v1/scheduler/jobs/summary").await;
    assert_eq!(summary["jobs"][2]["schedule"], "@daily");
}

#[tokio::test]
async fn draws_the_graph() {
    let site = Site::new();
    site.hourly("z").await;
    site.child("a", &["z"]).await;
    site.child("b", &["a", "z"]).await;
    site.put("/v1/scheduler/job/z").await.check_no_content();
    let dot = site.get("/v1/scheduler/graph/dot").await;
    assert!(dot.header("content-type").starts_with("text/plain"));
    insta::assert_snapshot!(dot.text(), @r#"
    digraph G {
      1 [ label="a" ];
      2 [ label="b" ];
      3 [ label="z" ];
      1 -> 2;
      3 -> 1;
      3 -> 2;
    }
    "#);
    let csv = site.get("/scheduler/graph/csv").await;
    assert!(csv.header("content-type").starts_with("text/plain"));
    insta::assert_snapshot!(csv.text(), @r#"
    node,a,fresh,idle
    node,b,fresh,idle
    node,z,fresh,1 running
    link,z,a
    link,a,b
    link,z,b
    "#);
}

#[tokio::test]
async fn answers_about_itself() {
    let site = Site::new();
    site.hourly("a").await;
    for path in ["/leader", "/v1/scheduler/leader", "/scheduler/leader"] {
        assert_eq!(
            site.get(path).await.text(),
            r#"{"leader":"localhost:4400"}"#
        );
    }
    let ping = site
        .ask("GET", "/ping", &[("origin", "http://elsewhere")], "")
        .await;
    assert_eq!(ping.text(), "pong\n");
    assert_eq!(ping.header("content-type"), "text/plain");
    assert_eq!(
        ping.header("cache-control"),
        "must-revalidate,no-cache,no-store"
    );
    assert_eq!(ping.header("access-control-allow-credentials"), "true");
    assert_eq!(
        ping.header("access-control-allow-origin"),
        "http://elsewhere"
    );
    let index = site.get("/").await;
    assert_eq!(index.status, StatusCode::OK);
    assert!(index.header("content-type").starts_with("text/html"));
    let health = site.get("/health").await;
    insta::assert_snapshot!(health.text(), @r#"{"status":"ok","version":"0.0.0","role":"leader","roleSince":"1970-01-01T00:00:00.000Z","leader":"localhost:4400","parts":[{"name":"store","status":"ok","problem":null,"since":null},{"name":"agent","status":"ok","problem":null,"since":null}],"jobs":1,"queued":0,"calendars":0,"audit":{"rounds":0,"lastRound":null,"jobs":0,"found":0},"quarantinedCount":0,"quarantined":[]}"#);
    for name in ["b", "c"] {
        site.hourly(name).await;
    }
    for _ in 0..3 {
        site.daemon.audit(2);
    }
    let audit = site.json("/health").await["audit"].clone();
    assert_eq!(
        audit,
        json!({"rounds": 1, "lastRound": crate::daemon::START, "jobs": 5, "found": 0})
    );
}

#[tokio::test]
async fn answers_head_as_get_without_the_body() {
    let site = Site::new();
    site.hourly("a").await;
    site.calendar(
        "nights",
        &json!({"windows": [{"from": "22:00", "to": "06:00"}]}),
    )
    .await;
    for path in [
        "/",
        "/ping",
        "/leader",
        "/health",
        "/v1/scheduler/jobs",
        "/v1/scheduler/job/a",
        "/scheduler/jobs/search",
        "/scheduler/jobs/summary",
        "/v1/scheduler/graph/dot",
        "/v1/scheduler/graph/csv",
        "/v1/scheduler/job/a/runs",
        "/v1/scheduler/job/a/explain",
        "/v1/scheduler/job/a/preview",
        "/v1/scheduler/calendars",
        "/scheduler/calendar/nights",
        "/v1/scheduler/job/stat/a",
        "/v1/scheduler/stats/mean",
    ] {
        let head = site.ask("HEAD", path, &[], "").await;
        let get = site.get(path).await;
        assert_eq!(head.status, StatusCode::OK, "{path}");
        assert!(head.body.is_empty(), "{path}");
        assert_eq!(
            head.header("content-type"),
            get.header("content-type"),
            "{path}"
        );
        assert!(!get.body.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn counts_how_long_runs_took() {
    let site = Site::new();
    for name in ["slow", "quick", "never"] {
        site.hourly(name).await;
    }
    for (secs, name) in [(1, "quick"), (10, "slow"), (20, "slow"), (90, "slow")] {
        site.put(&format!("/v1/scheduler/job/{name}"))
            .await
            .check_no_content();
        site.daemon.pass(secs);
        site.daemon.finish_job(name, 0);
    }
    site.put("/v1/scheduler/job/slow").await.check_no_content();
    let stat = site.json("/v1/scheduler/job/stat/slow").await;
    let histogram = &stat["histogram"];
    assert_eq!(histogram["count"], 3.0);
    assert_eq!(histogram["mean"], 40_000.0, "not the median");
    assert_eq!(histogram["median"], 20_000.0);
    assert_eq!(histogram["99thPercentile"], 90_000.0);
    let history = stat["taskStatHistory"].as_array().unwrap();
    let status = |index: usize| history[index]["status"].as_str().unwrap();
    assert_eq!([status(0), status(1)], ["Running", "Success"]);
    assert_eq!(history[1]["duration"], "1m30s");
    assert_eq!(history[1]["startTime"], "05/01/24 00:00:31");
    assert_eq!(history[0]["endTime"], "N/A");
    let means = site.json("/v1/scheduler/stats/mean").await;
    assert_eq!(
        means,
        json!([{"jobNameLabel": "slow", "time": 40.0}, {"jobNameLabel": "quick", "time": 1.0}])
    );
    assert_eq!(site.json("/v1/scheduler/stats/nothing").await, json!([]));
}
