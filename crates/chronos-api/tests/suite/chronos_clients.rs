//! What the clients written for Chronos expect: chronos-python, go-chronos, chronos-sync, curl.

use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{JSON, Site};

/// The jobs of everybody's first try, as they were sent to Chronos.
const FIRST_JOBS: [&str; 3] = [
    r#"{"schedule":"R/2017-05-04T02:58:00Z/PT24H","name":"Test-Chronos-API","description":"Sleep for 60 seconds and return.","cpus":0.5,"mem":128,"disk":500,"command":"sleep 60"}"#,
    r#"{"schedule":"R/2017-05-04T14:25:00.000+08:00/PT24H","name":"Test-Chronos","description":"Sleep for 60 seconds and return.","cpus":0.5,"mem":128,"disk":500,"command":"sleep 30"}"#,
    r#"{"schedule":"R/2017-05-04T05:50:00Z/PT24H","name":"Test-Chronos-Docker","container":{"type":"DOCKER","image":"busybox","network":"BRIDGE","volumes":[{"containerPath":"/var/log/","hostPath":"/var/log/","mode":"RW"}]},"cpus":"0.5","mem":"128","fetch":[],"command":"while sleep 10; do date -u +%T; done"}"#,
];

#[tokio::test]
async fn takes_the_first_jobs_of_everybody() {
    let site = Site::new();
    for job in FIRST_JOBS {
        site.ask("POST", "/v1/scheduler/iso8601", &[JSON], job)
            .await
            .check_no_content();
    }
    let next = async |name: &str| site.json(&format!("/v1/scheduler/job/{name}")).await;
    let api = next("Test-Chronos-API").await;
    assert_eq!(api["nextRun"], "2024-05-01T02:58:00.000Z");
    assert_eq!(api["schedule"], "R/2017-05-04T02:58:00Z/PT24H");
    assert_eq!(api["disk"].to_string(), "500.0");
    assert_eq!(
        next("Test-Chronos").await["nextRun"],
        "2024-05-01T06:25:00.000Z"
    );
    let docker = next("Test-Chronos-Docker").await;
    assert_eq!(docker["cpus"].to_string(), "0.5");
    assert_eq!(docker["container"]["volumes"][0]["mode"], "RW");
    assert!(
        docker["waiting"]
            .to_string()
            .contains("container runtime for DOCKER"),
        "{docker}"
    );
    assert_eq!(docker["state"], "queued");
}

// chronos-sync reads a job, changes what its file says, and sends the whole back; also to another
// server, which has never heard of it. Only what is computed may differ.
#[tokio::test]
async fn takes_back_what_it_gave_out() {
    let site = Site::new();
    for job in FIRST_JOBS {
        site.ask("POST", "/v1/scheduler/iso8601", &[JSON], job)
            .await
            .check_no_content();
    }
    let fetches = json!({
        "name": "fetches", "command": "true", "schedule": "R//PT1H", "epsilon": "PT5M",
        "fetch": [{"uri": "http://h/x", "executable": true, "output_file": "y"}],
        "environmentVariables": [{"name": "A", "value": "b"}], "arguments": ["-v"],
        "constraints": [["rack", "LIKE", "r[0-9]"]], "retryDelay": 5,
    });
    let uris =
        json!({"name": "uris", "command": "true", "schedule": "R//PT1H", "uris": ["http://h/x"]});
    for job in [fetches, uris] {
        site.post("/v1/scheduler/iso8601", &job)
            .await
            .check_no_content();
    }
    site.child("child", &["uris", "fetches"]).await;
    let list = site.json("/v1/scheduler/jobs").await;
    let fresh = Site::new();
    let scheduled = |job: &&Value| job.get("schedule").is_some();
    let jobs = list.as_array().unwrap();
    for site in [&site, &fresh] {
        // Parents first, as chronos-sync does.
        for job in jobs.iter().filter(scheduled) {
            site.post("/v1/scheduler/iso8601", job)
                .await
                .check_no_content();
        }
        for job in jobs.iter().filter(|job| !scheduled(job)) {
            site.post("/v1/scheduler/dependency", job)
                .await
                .check_no_content();
        }
        let again = site.json("/v1/scheduler/jobs").await;
        assert_eq!(definitions(&again), definitions(&list));
    }
    let again: Value = fresh.json("/v1/scheduler/jobs").await;
    assert_eq!(again[1]["successCount"], 0);
}

fn definitions(list: &Value) -> Vec<Value> {
    let mut jobs = list.as_array().unwrap().clone();
    for job in &mut jobs {
        let fields = job.as_object_mut().unwrap();
        for computed in [
            "nextRun",
            "lastRun",
            "runsRemaining",
            "state",
            "status",
            "waiting",
        ] {
            fields.remove(computed).expect("it is there");
        }
    }
    jobs
}

// chronos-sync takes the first line of the answer for all of it.
#[tokio::test]
async fn lists_on_one_line_whatever_the_jobs_hold() {
    let site = Site::new();
    let job = json!({"name": "a", "command": "echo 1\necho 2\r\n\u{2028}", "description": "x\ny", "schedule": "R//PT1H"});
    site.post("/v1/scheduler/iso8601", &job)
        .await
        .check_no_content();
    for path in ["jobs", "jobs/search", "jobs/summary", "job/a"] {
        let text = site.get(&format!("/v1/scheduler/{path}")).await.body;
        assert!(!text.contains(&b'\n') && !text.contains(&b'\r'), "{path}");
    }
    assert_eq!(
        site.json("/v1/scheduler/job/a").await["command"],
        job["command"]
    );
}

// All of them percent-encode names; Chronos 2 allowed spaces and '#'.
#[tokio::test]
async fn finds_jobs_by_percent_encoded_names() {
    let site = Site::new();
    site.hourly("nightly report #7").await;
    site.child("after #7", &["nightly report #7"]).await;
    let name = "nightly%20report%20%237";
    for prefix in ["/v1/scheduler", "/scheduler"] {
        let job = site.json(&format!("{prefix}/job/{name}")).await;
        assert_eq!(job["name"], "nightly report #7");
    }
    site.put(&format!("/scheduler/job/{name}"))
        .await
        .check_no_content();
    let key = site.daemon.finish_job("nightly report #7", 0);
    let id = key
        .to_string()
        .replace(' ', "%20")
        .replace('#', "%23")
        .replace(':', "%3A");
    let run = site.json(&format!("/v1/scheduler/runs/{id}")).await;
    assert_eq!(run["id"], "ct:1714521600000:0:nightly report #7:");
    let page = site
        .json(&format!("/v1/scheduler/job/{name}/runs?before={id}"))
        .await;
    assert_eq!(page, json!([]));
    site.delete(&format!("/scheduler/task/kill/{name}"))
        .await
        .check_no_content();
    site.delete(&format!("/scheduler/job/{name}?cascade=delete"))
        .await
        .check_no_content();
}

// paasta sends nulls, Jepsen sends numbers for names, old files have fields that mean nothing now.
#[tokio::test]
async fn takes_what_other_tools_send() {
    let site = Site::new();
    for job in [
        r#"{"name":36,"command":"true","schedule":"R/2030-01-01T00:00:00Z/PT1M","async":false,"owner":null,"scheduleTimeZone":null}"#,
        r#"{"name":"text","command":"true","schedule":"R/2030-01-01T00:00:00Z/PT1M","retries":"3","disabled":"false","shell":"true","cpus":"0.1"}"#,
    ] {
        site.ask("PUT", "/scheduler/iso8601", &[JSON], job)
            .await
            .check_no_content();
    }
    assert_eq!(site.json("/scheduler/job/36").await["owner"], "");
    assert_eq!(site.json("/scheduler/job/text").await["retries"], 3);
}

// chronos-python shows the first 120 characters of the message, and fails on an empty body unless
// the status is 204.
#[tokio::test]
async fn says_what_is_wrong_at_the_start_of_the_message() {
    let site = Site::new();
    let job = json!({"name": "a/b", "command": "", "schedule": "R//PT1H", "retries": "many"});
    let answer = site.post("/v1/scheduler/iso8601", &job).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let error = answer.json();
    let shown: String = error["message"]
        .as_str()
        .unwrap()
        .chars()
        .take(120)
        .collect();
    assert!(
        shown.starts_with("3 problems: name: holds '/' at byte 1"),
        "{shown}"
    );
    let fields: Vec<&Value> = error["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["field"])
        .collect();
    assert_eq!(fields.len(), 3);
    for field in ["name", "command", "retries"] {
        assert!(
            fields.iter().any(|&found| found == field),
            "{field}: {error}"
        );
    }
}
