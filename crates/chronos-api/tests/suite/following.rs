//! A daemon that follows: reads are its own, changes are the leader's.

use http::StatusCode;
use serde_json::{Value, json};

use crate::{client::Site, sockets::start};

fn job() -> Value {
    json!({"name": "a", "schedule": "R/2030-01-01T00:00:00Z/P1D", "command": "true"})
}

#[tokio::test]
async fn a_change_is_made_by_the_leader() {
    let leader = Site::new();
    let server = start(&leader).await;
    let follower = Site::new();
    follower
        .daemon
        .set_follows(Some(server.address.to_string()));
    for prefix in ["/v1/scheduler", "/scheduler"] {
        let made = follower.post(&format!("{prefix}/iso8601"), &job()).await;
        assert_eq!(made.status, StatusCode::NO_CONTENT, "{}", made.text());
        let deleted = follower.delete(&format!("{prefix}/job/a")).await;
        assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    }
    follower.post("/v1/scheduler/iso8601", &job()).await;
    let jobs = "/v1/scheduler/jobs";
    assert_eq!(leader.json(jobs).await[0]["name"], "a");
    // What it sees itself it answers itself.
    assert_eq!(follower.json(jobs).await, json!([]));
    let preview = follower
        .post("/v1/scheduler/schedule/preview", &job())
        .await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.text());
    // An error comes back as it was said, with its text.
    let refused = follower.delete("/v1/scheduler/job/nobody").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text().contains("unknown job nobody"));
}

#[tokio::test]
async fn nobody_is_asked_in_circles_or_in_vain() {
    let one = Site::new();
    let other = Site::new();
    let (first, second) = (start(&one).await, start(&other).await);
    one.daemon.set_follows(Some(second.address.to_string()));
    other.daemon.set_follows(Some(first.address.to_string()));
    let asked = one.post("/v1/scheduler/iso8601", &job()).await;
    assert_eq!(asked.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        asked.text().contains("the leader is changing"),
        "{}",
        asked.text()
    );
    for (leader, said) in [
        ("127.0.0.1:1", "nothing was changed"),
        ("no address", "which is no address"),
        ("", "there is no leader now"),
    ] {
        one.daemon.set_follows(Some(leader.to_owned()));
        let asked = one.post("/v1/scheduler/iso8601", &job()).await;
        assert_eq!(asked.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(asked.header("retry-after"), "2");
        assert!(asked.text().contains(said), "{}", asked.text());
    }
}
