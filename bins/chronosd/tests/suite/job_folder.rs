//! The folder of job files, kept in step while the daemon runs and while it does not.

use serde_json::{Value, json};

use crate::{
    client::{after, by_hand},
    daemon::Daemon,
    home::Home,
    patience::wait_for,
};

fn start(home: &Home) -> Daemon {
    Daemon::start_with(home, &["--jobs", home.jobs().to_str().unwrap()])
}

fn yaml(name: &str, command: &str) -> String {
    format!("name: {name}\nschedule: R/2099-01-01T00:00:00Z/P1D\ncommand: {command}\n")
}

#[track_caller]
fn wait_jobs(daemon: &Daemon, names: &[&str]) {
    wait_for(&format!("the jobs {names:?}"), || {
        (daemon.job_names() == names).then_some(())
    });
}

#[track_caller]
fn wait_command(daemon: &Daemon, job: &str, command: &str) {
    wait_for(&format!("{job} with command {command}"), || {
        (daemon.job(job)["command"] == command).then_some(())
    });
}

#[track_caller]
fn wait_problem(daemon: &Daemon, part: &str) -> Value {
    wait_for(&format!("an error about {part}"), || {
        let mut lines = daemon.process().log().with("job file").into_iter();
        lines.find(|line| line["problem"].as_str().unwrap().contains(part))
    })
}

#[test]
fn files_that_come_change_and_go_are_followed() {
    let home = Home::new();
    let daemon = start(&home);
    daemon.create(&by_hand("by-api", "echo mine"));
    home.put_job_file("a.yaml", &yaml("a", "echo one"));
    wait_jobs(&daemon, &["a", "by-api"]);
    home.put_job_file("a.yaml", &yaml("a", "echo two"));
    wait_command(&daemon, "a", "echo two");

    let documents = [
        yaml("b", "echo b"),
        yaml("c", "echo c"),
        yaml("y", "echo y"),
    ]
    .join("---\n");
    home.put_job_file("many.yml", &documents);
    wait_jobs(&daemon, &["a", "b", "by-api", "c", "y"]);
    let list = json!([by_hand("j1", "true"), after(&["j1"], "j2", "true")]);
    home.put_job_file("list.json", &list.to_string());
    wait_jobs(&daemon, &["a", "b", "by-api", "c", "j1", "j2", "y"]);

    // One entry less, then one file less: both are gone, children first, and nobody else.
    home.put_job_file("many.yml", &yaml("c", "echo c"));
    wait_jobs(&daemon, &["a", "by-api", "c", "j1", "j2"]);
    home.remove("jobs/list.json");
    wait_jobs(&daemon, &["a", "by-api", "c"]);
    assert_eq!(daemon.job("by-api")["command"], "echo mine");
    let ended = daemon.stop();
    assert!(
        ended.log.iter().all(|line| line["level"] == "INFO"),
        "{:#?}",
        ended.log
    );
}

#[test]
fn a_broken_file_is_named_and_takes_nothing_away() {
    let home = Home::new();
    home.put_job_file("good.yaml", &yaml("good", "echo good"));
    home.put_job_file("frail.yaml", &yaml("frail", "echo frail"));
    let daemon = start(&home);
    wait_jobs(&daemon, &["frail", "good"]);
    home.put_job_file("frail.yaml", "name: [frail\n");
    let line = wait_problem(&daemon, "frail.yaml is no valid YAML");
    assert_eq!(line["level"], "ERROR");
    // The others are followed meanwhile.
    home.put_job_file("good.yaml", &yaml("good", "echo better"));
    wait_command(&daemon, "good", "echo better");
    home.put_job_file(
        "wrong.json",
        r#"{"name":"wrong","schedule":"whenever","command":"true"}"#,
    );
    wait_problem(&daemon, "wrong.json: job wrong: schedule");
    assert_eq!(daemon.job_names(), ["frail", "good"]);
    // Nor does a restart take anything away.
    daemon.stop();
    let daemon = start(&home);
    wait_problem(&daemon, "frail.yaml is no valid YAML");
    assert_eq!(daemon.job("frail")["command"], "echo frail");
    home.put_job_file("frail.yaml", &yaml("frail", "echo mended"));
    wait_command(&daemon, "frail", "echo mended");
    daemon.stop();
}

#[test]
fn what_changed_without_the_daemon_is_caught_up_with() {
    let home = Home::new();
    home.put_job_file(
        "jobs.yaml",
        &[yaml("gone", "true"), yaml("kept", "true")].join("---\n"),
    );
    let daemon = start(&home);
    wait_jobs(&daemon, &["gone", "kept"]);
    daemon.run_now("kept");
    daemon.wait_outcome("kept", "succeeded");
    daemon.create(&by_hand("by-api", "true"));
    daemon.stop();
    home.put_job_file(
        "jobs.yaml",
        &[yaml("kept", "echo new"), yaml("new", "true")].join("---\n"),
    );
    let daemon = start(&home);
    wait_jobs(&daemon, &["by-api", "kept", "new"]);
    wait_command(&daemon, "kept", "echo new");
    assert_eq!(daemon.job("kept")["successCount"], 1);
    daemon.stop();
}

#[test]
fn a_job_of_the_folder_that_others_need_is_kept_and_named() {
    let home = Home::new();
    home.put_job_file("parent.yaml", &yaml("parent", "true"));
    let daemon = start(&home);
    wait_jobs(&daemon, &["parent"]);
    daemon.create(&after(&["parent"], "child", "true"));
    home.remove("jobs/parent.yaml");
    wait_problem(&daemon, "removing job parent");
    assert_eq!(daemon.job_names(), ["child", "parent"]);
    // Once nobody needs it, it goes at the next reading.
    daemon.delete("/v1/scheduler/job/child").check_no_content();
    home.put_job_file("other.yaml", &yaml("other", "true"));
    wait_jobs(&daemon, &["other"]);
    daemon.stop();
}
