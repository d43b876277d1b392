//! What `docs/http-api.md` says is there, is there.

use chronos_api::ClusterInfo;
use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{JSON, Site};

const DOCS: &str = include_str!("../../../../docs/http-api.md");

/// Returns what stands between backticks.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Returns the JSON of the first block after a heading.
fn block(heading: &str) -> Value {
    let (_, section) = DOCS.split_once(&format!("\n## {heading}\n")).unwrap();
    let (_, block) = section.split_once("```json\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    serde_json::from_str(block).unwrap()
}

#[tokio::test]
async fn every_route_of_the_table_is_served() {
    let rows = DOCS.lines().filter_map(|line| {
        let cell = line.strip_prefix("| `")?.split(" | ").next()?;
        line.contains("` `/").then(|| format!("`{cell}"))
    });
    let mut served = 0;
    for row in rows {
        let path = words(&row).find(|word| word.starts_with('/')).unwrap();
        let path = path
            .replace("{name}", "a")
            .replace("{id}", "ct:1714525200000:0:a:")
            .replace("{key}", "mean");
        for method in words(&row).filter(|word| !word.starts_with('/')) {
            for prefix in ["/v1/scheduler", "/scheduler"] {
                let site = Site::new();
                site.hourly("a").await;
                site.calendar("a", &json!({})).await;
                site.daemon.pass(3600);
                site.daemon.set_cluster(ClusterInfo {
                    kind: "mesos",
                    standing: "removed",
                    problem: None,
                    framework: Some("ct:1714525200000:0:a:".to_owned()),
                    master: None,
                    counts: Vec::new(),
                });
                let answer = site
                    .ask(method, &format!("{prefix}{path}"), &[JSON], "{}")
                    .await;
                let status = answer.status;
                assert!(
                    status.is_success() || status == StatusCode::BAD_REQUEST,
                    "{method} {path}: {}",
                    answer.text()
                );
            }
            served += 1;
        }
    }
    assert_eq!(served, 32, "a route that is new or gone is to be counted");
}

#[tokio::test]
async fn the_examples_hold() {
    let site = Site::new();
    let calendar = block("A calendar");
    let answer = site.calendar("closed", &calendar).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(
        site.json("/scheduler/calendar/closed").await["name"],
        "closed"
    );
    let document = json!({"cron": "30 2 * * *", "scheduleTimeZone": "Europe/Berlin"});
    let path = "/scheduler/schedule/preview?from=2026-03-28T00:00:00Z&count=2";
    let shown = site.post(path, &document).await.json();
    assert_eq!(block("A preview")["targets"][0], shown["targets"][1]);
    let audit = block("Health");
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(&audit), keys(&site.json("/health").await["audit"]));
    site.hourly("a").await;
    let explained = site.json("/scheduler/job/a/explain").await;
    let want = block("Why a job does not run");
    assert_eq!(keys(&want), keys(&explained));
    assert_eq!(keys(&want["next"]), keys(&explained["next"]));
}
