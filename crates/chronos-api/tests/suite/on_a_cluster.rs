//! The connection to a cluster: shown, and ordered about.

use chronos_api::{ClusterCount, ClusterInfo};
use http::StatusCode;
use serde_json::{Value, json};

use crate::client::Site;

fn removed() -> ClusterInfo {
    ClusterInfo {
        kind: "mesos",
        standing: "removed",
        problem: Some("the framework was removed".to_owned()),
        framework: Some("a-0".to_owned()),
        master: None,
        counts: vec![
            ClusterCount {
                name: "offers_total",
                help: "Offers that came.",
                value: 7,
            },
            ClusterCount {
                name: "offers_held",
                help: "Offers here.",
                value: 2,
            },
        ],
    }
}

#[tokio::test]
async fn what_was_counted_of_a_cluster_is_among_the_metrics() {
    let site = Site::new();
    site.daemon.set_cluster(removed());
    let metrics = site.get("/metrics").await;
    let text = metrics.text();
    let at = text.find("# HELP chronos_cluster_").expect("it is there");
    let want = "# HELP chronos_cluster_offers_total Offers that came.\n\
                # TYPE chronos_cluster_offers_total counter\n\
                chronos_cluster_offers_total 7\n\
                # HELP chronos_cluster_offers_held Offers here.\n\
                # TYPE chronos_cluster_offers_held gauge\n\
                chronos_cluster_offers_held 2\n";
    assert_eq!(&text[at..], want);
}

#[tokio::test]
async fn a_cluster_is_shown_and_takes_orders() {
    for prefix in ["/v1/scheduler", "/scheduler"] {
        let site = Site::new();
        site.daemon.set_cluster(removed());
        let path = format!("{prefix}/cluster");
        assert_eq!(
            site.json(&path).await,
            json!({
                "kind": "mesos", "standing": "removed", "problem": "the framework was removed",
                "framework": "a-0", "master": null,
            })
        );
        let other = site.delete(&format!("{path}/framework/b-0")).await;
        other.check_error(409, None);
        let forgotten = site.delete(&format!("{path}/framework/a-0")).await;
        assert_eq!(forgotten.status, StatusCode::ACCEPTED);
        assert_eq!(site.json(&path).await["framework"], Value::Null);
        let retried = site
            .ask("POST", &format!("{path}/retry"), &[], String::new())
            .await;
        assert_eq!(retried.status, StatusCode::ACCEPTED);
        assert_eq!(site.json(&path).await["standing"], "waiting");
    }
}

#[tokio::test]
async fn without_a_cluster_there_is_nothing_to_order() {
    let site = Site::new();
    let path = "/v1/scheduler/cluster";
    site.get(path).await.check_error(404, None);
    site.delete(&format!("{path}/framework/a"))
        .await
        .check_error(404, None);
    let retried = site
        .ask("POST", &format!("{path}/retry"), &[], String::new())
        .await;
    retried.check_error(404, None);
}
