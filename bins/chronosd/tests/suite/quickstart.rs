//! What a newcomer sees first: the jobs of `examples/quickstart`.

use crate::{daemon::Daemon, home::Home, patience::wait_for};

#[test]
fn the_jobs_of_the_quickstart_show_up_and_run() {
    let home = Home::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/quickstart");
    let daemon = Daemon::start_with(&home, &["--jobs", folder]);
    let names = [
        "clean-customers",
        "clean-orders",
        "extract",
        "hello",
        "morning",
        "report",
        "second-chance",
        "three-times",
    ];
    wait_for("all jobs of the folder", || {
        (daemon.job_names() == names).then_some(())
    });
    for job in [
        "hello",
        "extract",
        "clean-orders",
        "clean-customers",
        "report",
    ] {
        let run = daemon.wait_outcome(job, "succeeded");
        assert_eq!(run["exitCode"], 0, "{run}");
    }
    let hello = daemon.wait_outcome("hello", "succeeded");
    let id = hello["id"].as_str().unwrap();
    let log = daemon.get(&format!("/v1/scheduler/runs/{id}/log")).body;
    assert!(log.starts_with("hello from hello, due at "), "{log}");
    assert!(log.ends_with(&format!("as task {id}\n")), "{log}");
    assert_eq!(
        daemon.process().log().with("job file"),
        [(); 0].map(|()| "")
    );
    daemon.stop();
}
