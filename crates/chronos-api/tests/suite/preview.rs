//! The next targets of a schedule, before it is saved and after.

use serde_json::{Value, json};

use crate::client::{JSON, Site};

const PREVIEW: &str = "/v1/scheduler/schedule/preview";

async fn targets(site: &Site, query: &str, document: &Value) -> Vec<Value> {
    let answer = site.post(&format!("{PREVIEW}{query}"), document).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["targets"].as_array().unwrap().clone()
}

fn column<'a>(targets: &'a [Value], field: &str) -> Vec<&'a str> {
    let column = targets.iter();
    column
        .map(|target| target[field].as_str().unwrap_or("-"))
        .collect()
}

#[tokio::test]
async fn shows_a_target_in_full() {
    let site = Site::new();
    let document = json!({"schedule": "R2/2024-05-01T12:00:00Z/P1D"});
    let answer = site.post(PREVIEW, &document).await;
    insta::assert_snapshot!(answer.text(), @r#"{"targets":[{"target":"2024-05-01T12:00:00.000Z","start":"2024-05-01T12:00:00.000Z","local":"2024-05-01T12:00:00+00:00","offsetChanged":null,"leftOut":null,"shifted":false,"repeated":false},{"target":"2024-05-02T12:00:00.000Z","start":"2024-05-02T12:00:00.000Z","local":"2024-05-02T12:00:00+00:00","offsetChanged":null,"leftOut":null,"shifted":false,"repeated":false}]}"#);
    let other = site.post("/scheduler/schedule/preview", &document).await;
    assert_eq!(other.body, answer.body, "under both prefixes");
}

#[tokio::test]
async fn shows_as_many_as_are_asked_for_from_when_is_asked_for() {
    let site = Site::new();
    let daily = json!({"cron": "0 12 * * *"});
    for (query, first, count) in [
        ("", "2024-05-01", 10),
        ("?count=3", "2024-05-01", 3),
        ("?count=1000", "2024-05-01", 1000),
        ("?from=2030-01-01T00:00:00Z&count=1", "2030-01-01", 1),
        ("?from=2030-01-01T12:00:00Z&count=1", "2030-01-01", 1),
        ("?from=2030-01-01T12:00:00.001Z&count=2", "2030-01-02", 2),
        ("?from=2030-01-01T23:00:00%2B12:00&count=1", "2030-01-01", 1),
        ("?from=2030-01-02T23:30:00%2B12:00&count=1", "2030-01-02", 1),
        ("?count=&from=", "2024-05-01", 10),
    ] {
        let targets = targets(&site, query, &daily).await;
        assert_eq!(targets.len(), count, "{query}");
        assert!(column(&targets, "target")[0].starts_with(first), "{query}");
    }
    let over = json!({"schedule": "R3/2024-04-01T00:00:00Z/P1D"});
    assert!(targets(&site, "", &over).await.is_empty());
    assert_eq!(
        targets(&site, "?from=2024-04-03T00:00:00Z", &over)
            .await
            .len(),
        1
    );
}

#[tokio::test]
async fn marks_changes_of_clocks() {
    let site = Site::new();
    let mut document =
        json!({"schedule": "R/2026-03-28T02:30:00/P1D", "scheduleTimeZone": "Europe/Berlin"});
    let spring = targets(&site, "?from=2026-03-28T00:00:00Z&count=3", &document).await;
    assert_eq!(
        column(&spring, "local"),
        [
            "2026-03-28T02:30:00+01:00",
            "2026-03-29T03:30:00+02:00",
            "2026-03-30T02:30:00+02:00"
        ]
    );
    let changed = json!({"from": "+01:00", "to": "+02:00"});
    assert_eq!(spring[0]["offsetChanged"], json!(null));
    assert_eq!(spring[1]["offsetChanged"], changed);
    assert_eq!(spring[2]["offsetChanged"], json!(null));
    let flags = |targets: &[Value]| -> Vec<(bool, bool)> {
        let flag = |value: &Value| value.as_bool().unwrap();
        let flags = targets.iter();
        flags
            .map(|target| (flag(&target["shifted"]), flag(&target["repeated"])))
            .collect()
    };
    let plain = (false, false);
    assert_eq!(flags(&spring), [plain, (true, false), plain]);
    document["dst"] = json!({"gap": "skip", "overlap": "both"});
    let autumn = targets(&site, "?from=2026-10-24T00:00:00Z&count=3", &document).await;
    assert_eq!(
        column(&autumn, "local"),
        [
            "2026-10-24T02:30:00+02:00",
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:30:00+01:00"
        ]
    );
    assert_eq!(flags(&autumn), [plain, plain, (false, true)]);
    let west = json!({"cron": "30 2 * * *", "scheduleTimeZone": "America/St_Johns"});
    let west = targets(&site, "?from=2026-03-07T12:00:00Z&count=2", &west).await;
    assert_eq!(west[1]["offsetChanged"], json!(null));
    assert_eq!(column(&west, "local")[0], "2026-03-08T03:30:00-02:30");
    let west = json!({"cron": "30 2 * * *", "scheduleTimeZone": "America/St_Johns"});
    let west = targets(&site, "?from=2026-03-06T12:00:00Z&count=2", &west).await;
    assert_eq!(
        west[1]["offsetChanged"],
        json!({"from": "-03:30", "to": "-02:30"})
    );
}

#[tokio::test]
async fn shows_calendars_jitter_ends_and_several_schedules() {
    let site = Site::new();
    site.calendar("weekend", &json!({"weekdays": ["SAT", "SUN"]}))
        .await;
    let document = json!({
        "name": "report",
        "schedules": ["R/2024-05-02T06:00:00Z/P1D", {"cron": "0 18 * * FRI", "scheduleTimeZone": "Asia/Tokyo"}],
        "calendar": "weekend",
        "jitter": 3600,
        "endTime": "2024-05-05T00:00:00Z",
    });
    let shown = targets(&site, "", &document).await;
    assert_eq!(
        column(&shown, "local"),
        [
            "2024-05-02T06:00:00+00:00",
            "2024-05-03T06:00:00+00:00",
            "2024-05-03T18:00:00+09:00",
            "2024-05-04T06:00:00+00:00"
        ]
    );
    assert_eq!(column(&shown, "leftOut"), ["-", "-", "-", "weekend"]);
    for target in &shown {
        assert!(target["start"].as_str() > target["target"].as_str());
    }
    let mut other = document.clone();
    other["name"] = json!("other");
    let other = targets(&site, "", &other).await;
    assert_ne!(column(&shown, "start"), column(&other, "start"));
    assert_eq!(column(&shown, "target"), column(&other, "target"));
}

#[tokio::test]
async fn looks_at_nothing_but_the_schedule() {
    let site = Site::new();
    for document in [
        json!({"schedule": "R/2024-05-02T06:00:00Z/P1D"}),
        json!({"schedule": "R/2024-05-02T06:00:00Z/P1D", "name": null, "jitter": "0"}),
        json!({
            "schedule": "R/2024-05-02T06:00:00Z/P1D",
            "command": "",
            "retries": "many",
            "parents": ["nobody"],
            "scheduleAndParents": "perhaps",
        }),
    ] {
        let shown = targets(&site, "?count=1", &document).await;
        assert_eq!(column(&shown, "target"), ["2024-05-02T06:00:00.000Z"]);
    }
    // What Chronos makes of a job without any.
    let once = targets(&site, "", &json!({"name": "once"})).await;
    assert_eq!(column(&once, "target"), [crate::daemon::START]);
    assert_eq!(site.json("/v1/scheduler/jobs").await, json!([]));
}

#[tokio::test]
async fn shows_a_stored_job_from_its_own_beginning() {
    let site = Site::new();
    site.calendar(
        "morning",
        &json!({"windows": [{"from": "00:00", "to": "01:00"}]}),
    )
    .await;
    let document = json!({"name": "success", "command": "true", "schedule": "R5//PT20M", "jitter": 60, "calendar": "morning"});
    site.post("/v1/scheduler/iso8601", &document)
        .await
        .check_no_content();
    site.daemon.pass(600);
    for path in [
        "/v1/scheduler/job/success/preview",
        "/scheduler/job/%73uccess/preview",
    ] {
        let answer = site.json(path).await;
        let shown = answer["targets"].as_array().unwrap();
        let minutes = ["00:20", "00:40", "01:00", "01:20"];
        assert_eq!(
            column(shown, "target"),
            minutes.map(|time| format!("2024-05-01T{time}:00.000Z"))
        );
        assert_eq!(column(shown, "leftOut"), ["morning", "morning", "-", "-"]);
        assert!(shown[0]["start"].as_str() > shown[0]["target"].as_str());
    }
    let all = site
        .json("/v1/scheduler/job/success/preview?from=2024-05-01T00:00:00Z&count=2")
        .await;
    let all = all["targets"].as_array().unwrap();
    assert_eq!(column(all, "target")[0], crate::daemon::START);
    assert_eq!(all.len(), 2);
    let marked = site.put("/v1/scheduler/job/success/preview").await;
    assert_eq!(marked.text(), "marked job preview as successful: false");
}

/// Documents that are no schedule, and all fields that are named.
const BAD: &[(&str, &[&str])] = &[
    ("", &["body"]),
    ("{", &["body"]),
    ("[]", &["job"]),
    ("null", &["job"]),
    (r#"{"schedule": ""}"#, &["schedule"]),
    (r#"{"schedule": "tomorrow"}"#, &["schedule"]),
    (
        r#"{"schedule": "R/1969-01-01T00:00:00Z/PT1H"}"#,
        &["schedule"],
    ),
    (r#"{"cron": "61 * * * *"}"#, &["cron"]),
    (r#"{"cron": "@daily", "schedule": "R//P1D"}"#, &["cron"]),
    (r#"{"schedules": []}"#, &["schedules"]),
    (
        r#"{"schedules": ["R//P1D", "never", {"cron": "*"}]}"#,
        &["schedules[1]", "schedules[2].cron"],
    ),
    (
        r#"{"name": "a/b", "schedule": "x", "scheduleTimeZone": "Mars", "endTime": "y", "dst": {"gap": "z"}, "jitter": -1, "calendar": ["c/d"]}"#,
        &[
            "name",
            "schedule",
            "scheduleTimeZone",
            "endTime",
            "dst.gap",
            "jitter",
            "calendar[0]",
        ],
    ),
    (
        r#"{"schedule": "R//PT1H", "calendar": "nobody"}"#,
        &["calendar"],
    ),
    (r#"{"schedule": "R//PT1H", "jitter": 60}"#, &["name"]),
];

#[tokio::test]
async fn refuses_what_is_no_schedule() {
    let site = Site::new();
    for (body, fields) in BAD {
        let answer = site.ask("POST", PREVIEW, &[JSON], *body).await;
        for field in *fields {
            answer.check_error(400, Some(field));
        }
        let errors = answer.json()["errors"].as_array().unwrap().len();
        assert_eq!(errors, fields.len(), "{body}: {}", answer.text());
    }
    site.ask("POST", PREVIEW, &[], "{}")
        .await
        .check_error(415, Some("body"));
    site.hourly("a").await;
    site.child("child", &["a"]).await;
    for (query, field) in [
        ("count=0", "count"),
        ("count=1001", "count"),
        ("count=-1", "count"),
        ("count=ten", "count"),
        ("from=yesterday", "from"),
        ("from=2024-05-01", "from"),
    ] {
        site.post(&format!("{PREVIEW}?{query}"), &json!({}))
            .await
            .check_error(400, Some(field));
        site.get(&format!("/v1/scheduler/job/a/preview?{query}"))
            .await
            .check_error(400, Some(field));
    }
    for (job, status, field) in [
        ("child", 400, "job"),
        ("nobody", 404, "name"),
        ("a%2Fb", 404, "name"),
    ] {
        site.get(&format!("/v1/scheduler/job/{job}/preview"))
            .await
            .check_error(status, Some(field));
    }
}
