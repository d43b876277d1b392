//! Job documents as people gave them to Chronos, unchanged.

use serde_json::json;

use crate::{daemon::Daemon, home::Home, patience::wait_for};

const TEST_API: &str = r#"{"schedule":"R/2017-05-04T02:58:00Z/PT24H","name":"Test-Chronos-API","description":"Sleep for 60 seconds and return.","cpus":0.5,"mem":128,"disk":500,"command":"sleep 60"}"#;

const TEST: &str = r#"{"schedule":"R/2017-05-04T14:25:00.000+08:00/PT24H","name":"Test-Chronos","description":"Sleep for 60 seconds and return.","cpus":0.5,"mem":128,"disk":500,"command":"sleep 30"}"#;

const TEST_DOCKER: &str = r#"{"schedule":"R/2017-05-04T05:50:00Z/PT24H","name":"Test-Chronos-Docker","container":{"type":"DOCKER","image":"busybox","network":"BRIDGE","volumes":[{"containerPath":"/var/log/","hostPath":"/var/log/","mode":"RW"}]},"cpus":"0.5","mem":"128","fetch":[],"command":"while sleep 10; do date -u +%T; done"}"#;

#[test]
fn jobs_of_chronos_are_taken_as_they_are_and_run() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    for job in [TEST_API, TEST, TEST_DOCKER] {
        daemon.post("/v1/scheduler/iso8601", job).check_no_content();
    }
    for job in ["Test-Chronos-API", "Test-Chronos"] {
        daemon.wait_running(job);
    }
    check_stored(&daemon);
    for job in ["Test-Chronos-API", "Test-Chronos"] {
        let kill = format!("/v1/scheduler/task/kill/{job}");
        daemon.delete(&kill).check_no_content();
        let run = daemon.wait_outcome(job, "killed");
        assert_eq!(
            (&run["state"], &run["exitCode"]),
            (&json!("ended"), &json!(null))
        );
    }
    // The document with the container is still there after a crash, and still waits.
    daemon.kill9();
    let daemon = Daemon::start(&home);
    check_stored(&daemon);
    daemon.stop();
}

fn check_stored(daemon: &Daemon) {
    let api = daemon.job("Test-Chronos-API");
    assert_eq!(api["schedule"], "R/2017-05-04T02:58:00Z/PT24H");
    assert_eq!(api["description"], "Sleep for 60 seconds and return.");
    assert_eq!(
        (&api["cpus"], &api["mem"], &api["disk"]),
        (&json!(0.5), &json!(128.0), &json!(500.0))
    );
    let zoned = daemon.job("Test-Chronos");
    assert_eq!(zoned["schedule"], "R/2017-05-04T14:25:00.000+08:00/PT24H");
    assert!(
        zoned["nextRun"]
            .as_str()
            .unwrap()
            .ends_with("T06:25:00.000Z"),
        "{zoned}"
    );
    let docker = daemon.job("Test-Chronos-Docker");
    assert_eq!(docker["container"]["image"], "busybox");
    assert_eq!(
        docker["container"]["volumes"][0]["containerPath"],
        "/var/log/"
    );
    assert_eq!(docker["cpus"], 0.5);
    assert_eq!(docker["state"], "queued");
    wait_for("a reason that names the container runtime", || {
        let runs = daemon.runs("Test-Chronos-Docker");
        let reason = runs.first()?["reason"].as_str()?.to_owned();
        let why = "no container runtime for DOCKER";
        (reason.contains(why) && daemon.waiting("Test-Chronos-Docker").contains(why)).then_some(())
    });
}
