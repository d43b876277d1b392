//! What keeps a daemon from starting, and how it says so.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::Path,
};

use serde_json::Value;

use crate::{
    client::by_hand,
    daemon::{Daemon, Ended, Process},
    home::Home,
    patience::wait_for,
};

#[track_caller]
fn check_refused(ended: &Ended, code: i32, said: &str) {
    assert_eq!(ended.status.code(), Some(code), "{:#?}", ended.log);
    let text = ended.log.iter().map(Value::to_string).collect::<String>();
    assert!(text.contains(said), "{said} not in {text}");
}

fn shown(path: &Path) -> String {
    path.canonicalize().unwrap().display().to_string()
}

#[test]
fn a_second_daemon_on_the_same_folder_is_refused_and_disturbs_nobody() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let second = Process::spawn(&home, &[]).wait();
    check_refused(&second, 3, &shown(&home.data()));
    check_refused(&second, 3, "in use");
    daemon.create(&by_hand("after", "true"));
    daemon.run_now("after");
    daemon.wait_outcome("after", "succeeded");
    daemon.stop();
    Daemon::start(&home).stop();
}

// A process that was killed holds what it had until the system has taken it apart.
#[test]
fn what_is_held_by_a_daemon_that_is_going_is_waited_for() {
    const WAITS: &str = "waiting for whoever is there to go";
    let home = Home::new();
    fs::create_dir(home.data()).unwrap();
    let lock = File::create(home.data().join("lock")).unwrap();
    lock.lock().unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("--http_port={}", socket.local_addr().unwrap().port());
    let process = Process::spawn(&home, &[&port]);
    let waits = |count| (process.log().with(WAITS).len() == count).then_some(());
    wait_for("it waits for the folder", || waits(1));
    lock.unlock().unwrap();
    wait_for("it waits for the port", || waits(2));
    drop(socket);
    process.ready().stop();
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let home = Home::new();
    home.touch("data");
    let ended = Process::spawn(&home, &[]).wait();
    check_refused(&ended, 3, &home.data().display().to_string());
}

#[test]
fn a_port_in_use_is_named() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let port = format!("--http_port={}", address.port());
    let ended = Process::spawn(&home, &[&port]).wait();
    check_refused(&ended, 4, &address.to_string());
    check_refused(&ended, 4, "--http_port");
    // Nothing is held afterwards.
    Daemon::start(&home).stop();
}

#[test]
fn wrong_flags_are_refused() {
    for (args, said) in [
        (&["--http_prot=80"][..], "--http_prot"),
        (&["--http_port=eighty"], "eighty"),
        (&["--mesos_task_cpu=-1"], "-1"),
        (&["--failure_retry", "soon"], "soon"),
        (&["--log_format=xml"], "xml"),
        (&["run"], "run"),
    ] {
        check_refused(&Process::spawn_plain(args).wait(), 2, said);
    }
}

#[test]
fn a_folder_of_jobs_that_is_not_there_is_named() {
    let home = Home::new();
    let ended = Process::spawn(&home, &["--jobs", "/nowhere/at/all"]).wait();
    check_refused(&ended, 1, "/nowhere/at/all");
}

#[test]
fn credentials_are_asked_for_and_never_logged() {
    let home = Home::new();
    let daemon = Daemon::start_with(&home, &["--http_credentials=chronos:s3cr3t"]);
    assert_eq!(daemon.get("/ping").status, 401);
    let token = ("Authorization", "Basic Y2hyb25vczpzM2NyM3Q=");
    assert_eq!(daemon.ask("GET", "/ping", &[token], "").body, "pong\n");
    let ended = daemon.stop();
    let text = ended.log.iter().map(Value::to_string).collect::<String>();
    assert!(!text.contains("s3cr3t"), "{text}");
    let ended = Process::spawn(&home, &["--http_credentials=s3cr3t"]).wait();
    check_refused(&ended, 1, "--http_credentials");
    let text = ended.log.iter().map(Value::to_string).collect::<String>();
    assert!(!text.contains("s3cr3t"), "{text}");
}
