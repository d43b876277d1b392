//! Whatever is wrong with a request: the status and the field say what, and nothing changes.

use axum::body::Body;
use serde_json::{Value, json};

use crate::client::{JSON, Site};

const ISO: &str = "/v1/scheduler/iso8601";
const DEPENDENCY: &str = "/v1/scheduler/dependency";

/// Two jobs and a child: what must not change.
async fn site() -> Site {
    let site = Site::new();
    site.hourly("extract").await;
    site.hourly("other").await;
    site.child("load", &["extract"]).await;
    site.child("report", &["load"]).await;
    site.calendar(
        "nights",
        &json!({"windows": [{"from": "22:00", "to": "06:00"}]}),
    )
    .await;
    site
}

async fn state(site: &Site) -> [Vec<u8>; 4] {
    let look = async |path: &str| site.get(&format!("/v1/scheduler/{path}")).await.body;
    [
        look("jobs").await,
        look("graph/csv").await,
        look("calendars").await,
        look("job/extract/runs").await,
    ]
}

/// One bad request, and what is said to it.
struct Row {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, &'static str)>,
    body: Body,
    status: u16,
    field: &'static str,
}

impl Row {
    /// A document sent to an endpoint.
    fn document(path: &str, body: impl Into<Body>, field: &'static str) -> Self {
        Self {
            method: "POST",
            path: path.to_owned(),
            headers: vec![JSON],
            body: body.into(),
            status: 400,
            field,
        }
    }
}

/// Sends each request, and checks the answer and that nothing changed.
async fn check(rows: Vec<Row>) {
    let site = site().await;
    let before = state(&site).await;
    for (position, row) in rows.into_iter().enumerate() {
        let answer = site
            .ask(row.method, &row.path, &row.headers, row.body)
            .await;
        let (method, path) = (row.method, &row.path);
        let what = format!("row {position}, {method} {path}: {}", answer.text());
        assert_eq!(answer.status, row.status, "{what}");
        answer.check_error(row.status, Some(row.field));
        assert!(state(&site).await == before, "something changed: {what}");
    }
}

/// A good job with some fields replaced.
fn job(changes: &Value) -> Value {
    let mut job =
        json!({"name": "new", "command": "true", "schedule": "R/2030-01-01T00:00:00Z/PT1H"});
    for (key, value) in changes.as_object().unwrap() {
        job[key] = value.clone();
    }
    job
}

/// What is replaced in a good job, and the field that is named.
const FIELDS: &[(&str, &str)] = &[
    (r#"{"name": null}"#, "name"),
    (r#"{"name": ""}"#, "name"),
    (r#"{"name": "a/b"}"#, "name"),
    (r#"{"name": "a:b"}"#, "name"),
    (r#"{"name": " a"}"#, "name"),
    (r#"{"name": ".."}"#, "name"),
    (r#"{"name": "naïve"}"#, "name"),
    (r#"{"name": ["a"]}"#, "name"),
    (r#"{"name": {"a": 1}}"#, "name"),
    (r#"{"command": null}"#, "command"),
    (r#"{"command": "  "}"#, "command"),
    (r#"{"command": ["sleep", "1"]}"#, "command"),
    (r#"{"schedule": ""}"#, "schedule"),
    (r#"{"schedule": "tomorrow"}"#, "schedule"),
    (r#"{"schedule": "R/2030-01-01T00:00:00Z"}"#, "schedule"),
    (r#"{"schedule": "R/2030-01-01T00:00:00Z/PT0S"}"#, "schedule"),
    (r#"{"schedule": "R/1969-01-01T00:00:00Z/PT1H"}"#, "schedule"),
    (r#"{"schedule": 5}"#, "schedule"),
    (r#"{"schedule": ["R//PT1H"]}"#, "schedule"),
    (
        r#"{"scheduleTimeZone": "Mars/Olympus"}"#,
        "scheduleTimeZone",
    ),
    (r#"{"scheduleTimeZone": ["UTC"]}"#, "scheduleTimeZone"),
    (r#"{"parents": ["extract"]}"#, "parents"),
    (r#"{"retries": "many"}"#, "retries"),
    (r#"{"retries": -1}"#, "retries"),
    (r#"{"retries": [1]}"#, "retries"),
    (r#"{"retryDelay": -5}"#, "retryDelay"),
    (r#"{"cpus": "lots"}"#, "cpus"),
    (r#"{"cpus": -1}"#, "cpus"),
    (r#"{"mem": {"mb": 1}}"#, "mem"),
    (r#"{"disk": true}"#, "disk"),
    (r#"{"shell": "yes"}"#, "shell"),
    (r#"{"disabled": "sometimes"}"#, "disabled"),
    (r#"{"concurrent": []}"#, "concurrent"),
    (r#"{"epsilon": "soon"}"#, "epsilon"),
    (r#"{"catchUp": "everything"}"#, "catchUp"),
    (r#"{"catchUpLimit": 5}"#, "catchUpLimit"),
    (r#"{"catchUp": "none", "catchUpLimit": 5}"#, "catchUpLimit"),
    (r#"{"catchUp": "all", "catchUpLimit": 0}"#, "catchUpLimit"),
    (
        r#"{"catchUp": "all", "catchUpLimit": 10001}"#,
        "catchUpLimit",
    ),
    (r#"{"overlap": "sometimes"}"#, "overlap"),
    (r#"{"overlap": "skip", "concurrent": true}"#, "overlap"),
    (r#"{"overlap": "allow", "concurrent": false}"#, "overlap"),
    (r#"{"overlapLimit": 2}"#, "overlapLimit"),
    (
        r#"{"overlap": "queueAll", "overlapLimit": -1}"#,
        "overlapLimit",
    ),
    (r#"{"retryBackoff": "linear"}"#, "retryBackoff"),
    (r#"{"retryDelayMax": 60}"#, "retryDelayMax"),
    (
        r#"{"retryBackoff": "exponential", "retryDelayMax": 604801}"#,
        "retryDelayMax",
    ),
    (r#"{"startTimeout": "soon"}"#, "startTimeout"),
    (r#"{"jitter": 86401}"#, "jitter"),
    (r#"{"endTime": "never"}"#, "endTime"),
    (r#"{"dst": "skip"}"#, "dst"),
    (r#"{"dst": {"gap": "jump"}}"#, "dst.gap"),
    (r#"{"dst": {"overlap": "third"}}"#, "dst.overlap"),
    (r#"{"calendar": "nobody"}"#, "calendar"),
    (r#"{"calendar": ["nights", "nobody"]}"#, "calendar"),
    (r#"{"calendar": ["nights", "a/b"]}"#, "calendar[1]"),
    (r#"{"calendar": {}}"#, "calendar"),
    (r#"{"cron": "0 6 * * *"}"#, "cron"),
    (r#"{"schedule": null, "cron": "0 25 * * *"}"#, "cron"),
    (r#"{"schedule": null, "cron": ["0 6 * * *"]}"#, "cron"),
    (r#"{"schedule": null, "schedules": []}"#, "schedules"),
    (r#"{"schedule": null, "schedules": "R//P1D"}"#, "schedules"),
    (
        r#"{"schedule": null, "schedules": ["R//P1D", {"cron": "x"}]}"#,
        "schedules[1].cron",
    ),
    (r#"{"schedule": null, "schedules": [{}]}"#, "schedules[0]"),
    (r#"{"dependencyRule": "allDone"}"#, "dependencyRule"),
    (r#"{"scheduleAndParents": true}"#, "parents"),
    (
        r#"{"scheduleAndParents": true, "parents": ["nobody"]}"#,
        "parents",
    ),
    (r#"{"scheduleAndParents": "perhaps"}"#, "scheduleAndParents"),
    (r#"{"maxCompletionTime": "an hour"}"#, "maxCompletionTime"),
    (r#"{"arguments": "-v"}"#, "arguments"),
    (r#"{"uris": ["http://a", 7, {}]}"#, "uris[2]"),
    (r#"{"fetch": [{"executable": true}]}"#, "fetch[0].uri"),
    (
        r#"{"uris": ["http://a/b"], "fetch": [{"uri": "http://c/d"}]}"#,
        "uris",
    ),
    (
        r#"{"environmentVariables": [{"value": "x"}]}"#,
        "environmentVariables[0].name",
    ),
    (
        r#"{"environmentVariables": {"A": "b"}}"#,
        "environmentVariables",
    ),
    (
        r#"{"constraints": [["hostname", "CLUSTER", "a"]]}"#,
        "constraints[0][1]",
    ),
    (
        r#"{"constraints": [["hostname", "LIKE", "("]]}"#,
        "constraints[0][2]",
    ),
    (r#"{"constraints": [["hostname"]]}"#, "constraints[0]"),
    (
        r#"{"container": {"image": "a", "network": "PIGEON"}}"#,
        "container.network",
    ),
    (
        r#"{"container": {"image": "a", "type": "JAIL"}}"#,
        "container.type",
    ),
    (
        r#"{"container": {"image": "a", "volumes": [{"mode": "RX", "containerPath": "/a"}]}}"#,
        "container.volumes[0].mode",
    ),
    (r#"{"container": "busybox"}"#, "container"),
];

#[tokio::test]
async fn bad_fields() {
    let mut rows: Vec<(Value, &str)> = FIELDS
        .iter()
        .map(|&(changes, field)| (serde_json::from_str(changes).unwrap(), field))
        .collect();
    rows.extend([
        (json!({"name": "x".repeat(201)}), "name"),
        (json!({"command": "x".repeat(200_000)}), "command"),
        (json!({"schedule": "R".repeat(300)}), "schedule"),
        (json!({"arguments": vec!["-v"; 1001]}), "arguments"),
    ]);
    assert!(rows.len() >= 40);
    let row = |(changes, field): &(Value, &'static str)| {
        Row::document(ISO, job(changes).to_string(), field)
    };
    check(rows.iter().map(row).collect()).await;
}

#[tokio::test]
async fn bad_parents() {
    let rows = [
        (json!({"name": "new", "command": "true"}), "parents"),
        (
            json!({"name": "new", "command": "true", "parents": []}),
            "parents",
        ),
        (
            json!({"name": "new", "command": "true", "parents": "extract"}),
            "parents",
        ),
        (
            json!({"name": "new", "command": "true", "parents": ["nobody"]}),
            "parents",
        ),
        (
            json!({"name": "new", "command": "true", "parents": ["extract", "nobody"]}),
            "parents",
        ),
        (
            json!({"name": "new", "command": "true", "parents": ["a/b"]}),
            "parents[0]",
        ),
        (
            json!({"name": "new", "command": "true", "parents": ["new"]}),
            "parents[0]",
        ),
        (
            json!({"name": "new", "command": "true", "parents": ["extract"], "dependencyRule": "most"}),
            "dependencyRule",
        ),
        (
            json!({"name": "new", "command": "true", "parents": ["extract"], "scheduleAndParents": true}),
            "schedule",
        ),
        (
            json!({"name": "new", "command": "true", "schedule": "R//PT1H", "scheduleAndParents": true}),
            "parents",
        ),
        (
            json!({"name": "load", "command": "true", "parents": ["report"], "cron": "@daily", "scheduleAndParents": true}),
            "parents",
        ),
        // Cycles of two and of three.
        (
            json!({"name": "extract", "command": "true", "parents": ["load"]}),
            "parents",
        ),
        (
            json!({"name": "extract", "command": "true", "parents": ["report", "other"]}),
            "parents",
        ),
        (
            json!({"name": "load", "command": "true", "parents": ["report"]}),
            "parents",
        ),
    ];
    let row =
        |(job, field): &(Value, &'static str)| Row::document(DEPENDENCY, job.to_string(), field);
    check(rows.iter().map(row).collect()).await;
}

/// Bodies that are no job, and what they are blamed on.
const BODIES: &[(&[u8], &str)] = &[
    (b"", "body"),
    (b"{", "body"),
    (b"name=new", "body"),
    (br#"{"name": "new",}"#, "body"),
    (br#"{"name": "new"} x"#, "body"),
    (br#"{"cpus": 1e999}"#, "body"),
    (b"{\"name\": \"\xff\"}", "body"),
    (b"[]", "job"),
    (b"null", "job"),
    (b"\"new\"", "job"),
    (b"7", "job"),
];

/// Content types that are not that of JSON; empty for none.
const CONTENT_TYPES: &[&str] = &[
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/jsonp",
    "application/json5; charset=utf-8",
    "json",
];

#[tokio::test]
async fn bad_bodies() {
    let good = job(&json!({})).to_string();
    let mut rows = Vec::new();
    for (method, path) in [
        ("POST", ISO),
        ("PUT", "/scheduler/iso8601"),
        ("POST", DEPENDENCY),
        ("PUT", "/scheduler/dependency"),
    ] {
        let first = rows.len();
        rows.extend(
            BODIES
                .iter()
                .map(|&(body, field)| Row::document(path, body, field)),
        );
        rows.push(Row::document(path, "[".repeat(1000), "body"));
        rows.extend(CONTENT_TYPES.iter().map(|kind| Row {
            headers: vec![("content-type", kind)],
            status: 415,
            ..Row::document(path, good.clone(), "body")
        }));
        rows.push(Row {
            headers: vec![JSON, ("content-encoding", "gzip")],
            status: 415,
            ..Row::document(path, good.clone(), "body")
        });
        rows.push(Row {
            status: 413,
            ..Row::document(path, " ".repeat(2 << 20), "body")
        });
        for row in &mut rows[first..] {
            row.method = method;
        }
    }
    check(rows).await;
}

#[tokio::test]
async fn broken_json_says_where() {
    let site = site().await;
    let body = "{\n  \"name\": \"new\",\n  \"command\" \"secret\"\n}";
    let answer = site.ask("POST", ISO, &[JSON], body).await;
    answer.check_error(400, Some("body"));
    assert!(
        answer.text().contains("line 3 column 13"),
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains("secret"));
}

/// Requests without a body, and what is said to them.
const REQUESTS: &[(&str, &str, u16, &str)] = &[
    // Unknown jobs, as Chronos answers, and where it had no say.
    ("GET", "/v1/scheduler/job/nobody", 400, "name"),
    ("PUT", "/v1/scheduler/job/nobody", 400, "name"),
    ("DELETE", "/v1/scheduler/job/nobody", 400, "name"),
    ("DELETE", "/v1/scheduler/task/kill/nobody", 400, "name"),
    ("GET", "/v1/scheduler/job/stat/nobody", 400, "name"),
    ("GET", "/v1/scheduler/job/a%2Fb", 400, "name"),
    ("GET", "/v1/scheduler/job/nobody/runs", 404, "name"),
    ("GET", "/v1/scheduler/job/a%2Fb/runs", 404, "name"),
    ("GET", "/v1/scheduler/job/nobody/explain", 404, "name"),
    ("GET", "/v1/scheduler/job/a%2Fb/explain", 404, "name"),
    ("GET", "/v1/scheduler/job/success/explain", 404, "name"),
    ("GET", "/v1/scheduler/job/nobody/preview", 404, "name"),
    ("GET", "/v1/scheduler/calendar/nobody", 404, "name"),
    ("DELETE", "/v1/scheduler/calendar/nobody", 404, "name"),
    // Jobs with children.
    ("DELETE", "/v1/scheduler/job/extract", 409, "children"),
    (
        "DELETE",
        "/v1/scheduler/job/extract?cascade=yes",
        400,
        "cascade",
    ),
    (
        "DELETE",
        "/v1/scheduler/job/report?cascade=Delete",
        400,
        "cascade",
    ),
    // Parameters.
    ("GET", "/v1/scheduler/jobs/search?limit=ten", 400, "limit"),
    ("GET", "/v1/scheduler/jobs/search?limit=-1", 400, "limit"),
    ("GET", "/v1/scheduler/jobs/search?offset=1.5", 400, "offset"),
    (
        "GET",
        "/v1/scheduler/jobs/search?limit=99999999999999999999",
        400,
        "limit",
    ),
    ("GET", "/v1/scheduler/jobs/search?name=%zz", 400, "query"),
    ("GET", "/v1/scheduler/jobs/search?name=%ff", 400, "query"),
    ("GET", "/v1/scheduler/jobs/search?name=%", 400, "query"),
    (
        "PUT",
        "/v1/scheduler/job/extract?arguments=%00",
        400,
        "arguments",
    ),
    (
        "GET",
        "/v1/scheduler/job/extract/runs?limit=0",
        400,
        "limit",
    ),
    (
        "GET",
        "/v1/scheduler/job/extract/runs?limit=x",
        400,
        "limit",
    ),
    (
        "GET",
        "/v1/scheduler/job/extract/runs?before=yesterday",
        400,
        "before",
    ),
    (
        "GET",
        "/v1/scheduler/job/extract/runs?before=ct:1:0:other:",
        400,
        "before",
    ),
    // Runs.
    ("GET", "/v1/scheduler/runs/7", 400, "id"),
    ("GET", "/v1/scheduler/runs/ct:x:0:extract:", 400, "id"),
    ("GET", "/v1/scheduler/runs/ct:1:0:extract:", 404, "id"),
    ("DELETE", "/v1/scheduler/runs/ct:1:0:extract:", 404, "id"),
    ("DELETE", "/v1/scheduler/runs/none", 400, "id"),
    ("GET", "/v1/scheduler/runs/ct:1:0:extract:/log", 404, "id"),
    ("GET", "/v1/scheduler/runs/7/log", 400, "id"),
    (
        "GET",
        "/v1/scheduler/runs/ct:1:0:extract:/log?stream=stdin",
        400,
        "stream",
    ),
    (
        "GET",
        "/v1/scheduler/runs/ct:1:0:extract:/log?offset=-3",
        400,
        "offset",
    ),
    (
        "GET",
        "/v1/scheduler/runs/ct:1:0:extract:/log?follow=maybe",
        400,
        "follow",
    ),
    // Paths and methods.
    ("GET", "/nowhere", 404, "path"),
    ("GET", "/v1/jobs", 404, "path"),
    ("GET", "/v2/scheduler/jobs", 404, "path"),
    ("GET", "/v1/scheduler/job/", 404, "path"),
    ("GET", "/v1/scheduler/job/%zz", 400, "path"),
    ("GET", "/v1/scheduler/job/%ff", 400, "path"),
    ("GET", "/v1/scheduler/job/%ff/explain", 400, "path"),
    ("GET", "/%", 400, "path"),
    ("GET", "/v1/scheduler/iso8601", 405, "method"),
    ("DELETE", "/v1/scheduler/jobs", 405, "method"),
    ("POST", "/v1/scheduler/job/extract", 405, "method"),
    ("PATCH", "/v1/scheduler/job/extract", 405, "method"),
    ("GET", "/v1/scheduler/job/success/extract", 405, "method"),
    ("GET", "/v1/scheduler/task/kill/extract", 405, "method"),
    ("POST", "/v1/scheduler/job/extract/explain", 405, "method"),
    ("GET", "/v1/scheduler/job/extract/backfill", 405, "method"),
    ("POST", "/v1/scheduler/job/extract/preview", 405, "method"),
    ("GET", "/v1/scheduler/schedule/preview", 405, "method"),
    ("PUT", "/v1/scheduler/calendars", 405, "method"),
    ("POST", "/v1/scheduler/calendar/nights", 405, "method"),
    ("GET", "/v1/scheduler/calendar/", 404, "path"),
    ("GET", "/v1/scheduler/job/success/backfill", 405, "method"),
    ("POST", "/ping", 405, "method"),
    ("OPTIONS", "/v1/scheduler/jobs", 405, "method"),
];

#[tokio::test]
async fn bad_requests() {
    let row = |&(method, path, status, field): &(&'static str, &str, u16, &'static str)| Row {
        method,
        path: path.to_owned(),
        headers: Vec::new(),
        body: Body::empty(),
        status,
        field,
    };
    check(REQUESTS.iter().map(row).collect()).await;
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let site = site().await;
    for (method, path, want) in [
        ("GET", "/v1/scheduler/iso8601", "POST,PUT"),
        ("DELETE", "/scheduler/jobs", "GET,HEAD"),
        ("PATCH", "/scheduler/job/extract", "GET,HEAD,PUT,DELETE"),
        ("GET", "/v1/scheduler/job/success/extract", "PUT"),
        ("POST", "/ping", "GET,HEAD"),
    ] {
        let answer = site.ask(method, path, &[], "").await;
        answer.check_error(405, Some("method"));
        assert_eq!(answer.header("allow"), want, "{path}");
    }
}
