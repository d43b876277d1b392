//! Calendars: created, replaced, shown, deleted, and what jobs make of them.

use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{JSON, Site};

const CALENDARS: &str = "/v1/scheduler/calendars";

/// May begins on a Wednesday; the hourly jobs of the tests begin at 01:00.
async fn site() -> Site {
    let site = Site::new();
    site.calendar(
        "nights",
        &json!({"windows": [{"from": "22:00", "to": "06:00"}]}),
    )
    .await;
    site
}

async fn put_job(site: &Site, name: &str, calendar: &Value) {
    let job = json!({"name": name, "command": "true", "schedule": "R/2024-05-01T01:00:00Z/PT1H", "calendar": calendar});
    site.post("/v1/scheduler/iso8601", &job)
        .await
        .check_no_content();
}

#[tokio::test]
async fn creates_replaces_shows_and_deletes_under_both_prefixes() {
    for prefix in ["/v1/scheduler", "/scheduler"] {
        let site = Site::new();
        let path = format!("{prefix}/calendar/a%20b");
        let put =
            async |document: Value| site.ask("PUT", &path, &[JSON], document.to_string()).await;
        let created = put(json!({"weekdays": ["saturday", "SUN"], "more": 1})).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.text());
        assert!(created.body.is_empty());
        let shown = site.get(&path).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(shown.text(), @r#"{"name":"a b","weekdays":["SAT","SUN"]}"#);
        }
        put(json!({"name": "a b", "dates": ["--12-25"]}))
            .await
            .check_no_content();
        put(json!({"name": null, "dates": ["--12-25"]}))
            .await
            .check_no_content();
        let want = json!({"name": "a b", "dates": ["--12-25"]});
        assert_eq!(site.json(&path).await, want);
        site.calendar("0", &json!({"name": 0})).await;
        assert_eq!(
            site.json(&format!("{prefix}/calendars")).await,
            json!([{"name": "0"}, want])
        );
        assert_eq!(site.json("/health").await["calendars"], 2);
        site.delete(&path).await.check_no_content();
        site.delete(&path).await.check_error(404, Some("name"));
        site.get(&path).await.check_error(404, Some("name"));
        assert_eq!(site.json(CALENDARS).await, json!([{"name": "0"}]));
    }
}

#[tokio::test]
async fn a_job_leaves_out_what_its_calendars_do() {
    let site = site().await;
    site.calendar(
        "morning",
        &json!({"windows": [{"from": "06:00", "to": "09:30"}]}),
    )
    .await;
    let next =
        async |job: &str| site.json(&format!("/scheduler/job/{job}")).await["nextRun"].clone();
    put_job(&site, "a", &json!("nights")).await;
    assert_eq!(next("a").await, "2024-05-01T06:00:00.000Z");
    put_job(&site, "b", &json!(["nights", "morning"])).await;
    assert_eq!(next("b").await, "2024-05-01T10:00:00.000Z");
    let job = site.json("/v1/scheduler/job/b").await;
    assert_eq!(job["calendar"], json!(["nights", "morning"]));
    let explained = site.json("/v1/scheduler/job/b/explain").await;
    assert_eq!(
        explained["next"],
        json!({
            "target": "2024-05-01T10:00:00.000Z",
            "start": "2024-05-01T10:00:00.000Z",
            "leftOut": {"target": "2024-05-01T01:00:00.000Z", "calendar": "nights"},
            "parents": [],
        })
    );
    // A calendar that is replaced counts for the jobs that name it.
    site.calendar(
        "nights",
        &json!({"windows": [{"from": "00:00", "to": "03:00"}]}),
    )
    .await;
    assert_eq!(next("a").await, "2024-05-01T03:00:00.000Z");
    site.daemon.pass(2 * 3600);
    assert_eq!(site.daemon.running("a"), None);
    site.daemon.pass(3600);
    assert!(site.daemon.running("a").is_some());
}

#[tokio::test]
async fn a_calendar_in_use_stays() {
    let site = site().await;
    for name in ["b", "a"] {
        put_job(&site, name, &json!("nights")).await;
    }
    let refused = site.delete("/v1/scheduler/calendar/nights").await;
    refused.check_error(409, Some("jobs"));
    let error = refused.json();
    assert_eq!(
        error["errors"],
        json!([{"field": "jobs", "problem": "a"}, {"field": "jobs", "problem": "b"}])
    );
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("nights") && message.contains("a, b"),
        "{message}"
    );
    assert_eq!(site.json(CALENDARS).await[0]["name"], "nights");
    for name in ["a", "b"] {
        put_job(&site, name, &json!(null)).await;
    }
    site.delete("/v1/scheduler/calendar/nights")
        .await
        .check_no_content();
}

#[tokio::test]
async fn names_as_many_jobs_in_the_way_as_problems_are_listed() {
    let site = site().await;
    for number in 0..103 {
        put_job(&site, &format!("job-{number:03}"), &json!("nights")).await;
    }
    let refused = site.delete("/v1/scheduler/calendar/nights").await.json();
    let errors = refused["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 101);
    assert_eq!(errors[99], json!({"field": "jobs", "problem": "job-099"}));
    assert_eq!(
        errors[100],
        json!({"field": "job", "problem": "3 further jobs are not listed"})
    );
    assert!(refused["message"].as_str().unwrap().chars().count() <= 501);
}

/// Documents that are no calendar, and the fields that are named.
const BAD: &[(&str, &[&str])] = &[
    ("", &["body"]),
    ("{", &["body"]),
    ("[]", &["calendar"]),
    ("null", &["calendar"]),
    ("\"nights\"", &["calendar"]),
    (r#"{"name": "days"}"#, &["name"]),
    (r#"{"name": "Nights"}"#, &["name"]),
    (r#"{"name": ""}"#, &["name"]),
    (r#"{"name": ["nights"]}"#, &["name"]),
    (r#"{"zone": "Mars/Olympus"}"#, &["zone"]),
    (r#"{"dates": "2026-01-01"}"#, &["dates"]),
    (
        r#"{"dates": ["2026-01-01", "2026-02-30", "tomorrow"]}"#,
        &["dates[1]", "dates[2]"],
    ),
    (r#"{"dates": ["2026-02-02/2026-02-01"]}"#, &["dates[0]"]),
    (r#"{"weekdays": ["SAT", "Caturday"]}"#, &["weekdays[1]"]),
    (r#"{"windows": [{"from": "22:00"}]}"#, &["windows[0].to"]),
    (
        r#"{"windows": [{"from": "25:00", "to": "x"}]}"#,
        &["windows[0].from", "windows[0].to"],
    ),
    (
        r#"{"windows": [{"from": "22:00", "to": "22:00"}]}"#,
        &["windows[0]"],
    ),
    (
        r#"{"windows": [{"from": "22:00", "to": "23:00", "weekdays": []}]}"#,
        &["windows[0].weekdays"],
    ),
    (
        r#"{"weekdays": ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]}"#,
        &["calendar"],
    ),
    (
        r#"{"zone": "Nowhere", "weekdays": [7], "description": {}}"#,
        &["zone"],
    ),
];

#[tokio::test]
async fn refuses_what_is_no_calendar_and_changes_nothing() {
    let site = site().await;
    put_job(&site, "a", &json!("nights")).await;
    let state = async || {
        let (calendars, jobs) = (site.get(CALENDARS).await, site.get("/scheduler/jobs").await);
        (calendars.body, jobs.body)
    };
    let before = state().await;
    for (body, fields) in BAD {
        for name in ["nights", "new"] {
            let path = format!("/v1/scheduler/calendar/{name}");
            let body = body.replace("\"nights\"", &format!("{name:?}"));
            let answer = site.ask("PUT", &path, &[JSON], body.clone()).await;
            for field in *fields {
                answer.check_error(400, Some(field));
            }
            assert!(state().await == before, "{body} changed something");
        }
    }
    let path = "/v1/scheduler/calendar/new";
    let dates = json!({"dates": vec!["2026-01-01"; 2001]}).to_string();
    site.ask("PUT", path, &[JSON], dates)
        .await
        .check_error(400, Some("dates"));
    site.ask("PUT", path, &[], "{}")
        .await
        .check_error(415, Some("body"));
    site.ask("PUT", path, &[JSON], " ".repeat(2 << 20))
        .await
        .check_error(413, Some("body"));
    for (method, path, status) in [
        ("PUT", "/v1/scheduler/calendar/a%2Fb", 400),
        ("PUT", "/v1/scheduler/calendar/a:b", 400),
        ("GET", "/v1/scheduler/calendar/a%2Fb", 404),
        ("GET", "/v1/scheduler/calendar/none", 404),
        ("DELETE", "/v1/scheduler/calendar/a%2Fb", 404),
        ("DELETE", "/v1/scheduler/calendar/none", 404),
    ] {
        site.ask(method, path, &[JSON], "{}")
            .await
            .check_error(status, Some("name"));
    }
    assert!(state().await == before);
}
