//! Daemons die; runs do not, and none runs twice.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use chronos_core::TaskState;
use rustix::process::{Signal, kill_process};

use crate::{
    kit::{Kit, config, home, lines, process_gone, supervisor_gone, supervisor_of, until},
    shared::{job, task},
};

#[tokio::test]
async fn a_daemon_that_is_killed_loses_nothing() {
    let home = home();
    let [go_first, go_second, count] =
        ["first", "second", "count"].map(|name| home.path().join(name));
    let tick = format!("echo x >> '{}';", count.display());
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_chronos-agent-testd"))
        .arg("daemon")
        .arg(home.path().join("agent"))
        .arg(format!("{tick} {}", until(&go_first, "exit 7")))
        .arg(format!("{tick} {}", until(&go_second, "exit 5")))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(daemon.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "running\n");
    let [first, second] = ["job-0", "job-1"].map(|name| task(job(name, "")).key);
    let logs = chronos_agent::Logs::new(&home.path().join("agent"));
    for key in [&first, &second] {
        lines(&logs, key, 1).await;
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();

    // The first one ends while nobody is there.
    fs::write(&go_first, "").unwrap();
    supervisor_gone(logs.sandbox(&first).parent().unwrap().to_owned()).await;

    let mut kit = Kit::start(&home).await;
    let update = kit.wait(&first, TaskState::Failed).await;
    assert_eq!(update.exit_code, Some(7));
    assert!(update.started_at.is_some());
    let update = kit.wait(&second, TaskState::Running).await;
    assert!(update.started_at.is_some());
    fs::write(&go_second, "").unwrap();
    let update = kit.wait(&second, TaskState::Failed).await;
    assert_eq!(update.exit_code, Some(5));
    assert_eq!(
        fs::read_to_string(&count).unwrap(),
        "x\nx\n",
        "each ran once"
    );
    kit.stop().await;
}

#[tokio::test]
async fn an_end_is_told_until_it_is_acknowledged() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let key = kit.end_of(job("a", "exit 3")).await.key;
    kit.stop().await;

    let mut kit = Kit::start(&home).await;
    let again = kit.wait(&key, TaskState::Failed).await;
    assert_eq!(again.exit_code, Some(3));
    kit.ack(&key).await;
    kit.stop().await;

    let mut kit = Kit::start(&home).await;
    kit.reconcile(&key).await;
    // Asked, it still knows; the only update is the answer.
    assert_eq!(kit.next(&key).await, again);
    kit.stop().await;
    let mut kit = Kit::start(&home).await;
    let other = kit.end_of(job("b", "true")).await;
    assert_eq!((other.state, kit.unread), (TaskState::Finished, Vec::new()));
    kit.cluster.stop().await;
}

#[tokio::test]
async fn an_end_is_told_again_after_a_while() {
    let home = home();
    let mut kit = Kit::start_with({
        let mut config = config(home.path());
        config.resend_delay = Duration::from_millis(20);
        config
    })
    .await;
    let first = kit.end_of(job("a", "exit 3")).await;
    let again = kit.next(&first.key).await;
    assert_eq!(first, again);
    kit.ack(&first.key).await;
    kit.stop().await;
}

#[tokio::test]
async fn a_run_that_nobody_claimed_may_be_launched_again() {
    let home = home();
    let mut kit = Kit::start_with({
        let mut config = config(home.path());
        // A supervisor that dies before it claims.
        config.supervisor.program = "/bin/false".into();
        config
    })
    .await;
    let first = task(job("a", "true"));
    let key = first.key.clone();
    kit.launch(vec![first.clone()]).await;
    kit.wait(&key, TaskState::Running).await;
    kit.wait(&key, TaskState::Dropped).await;
    assert!(!kit.folder(&key).exists());
    kit.stop().await;

    // As a daemon leaves it that dies between the folder and the supervisor's claim.
    let kit = Kit::start(&home).await;
    fs::create_dir_all(kit.sandbox(&key)).unwrap();
    fs::write(kit.folder(&key).join("task.json"), "{\"ke").unwrap();
    kit.stop().await;
    let mut kit = Kit::start(&home).await;
    kit.reconcile(&key).await;
    kit.wait(&key, TaskState::Dropped).await;
    kit.launch(vec![first]).await;
    kit.wait(&key, TaskState::Running).await;
    kit.wait(&key, TaskState::Finished).await;
    kit.stop().await;
}

#[tokio::test]
async fn a_late_supervisor_finds_the_door_closed() {
    let home = home();
    let count = home.path().join("count");
    let mut kit = Kit::start(&home).await;
    let key = kit
        .end_of(job("a", &format!("echo x >> '{}'", count.display())))
        .await
        .key;
    let late = |folder| {
        Command::new(env!("CARGO_BIN_EXE_chronos-agent-testd"))
            .arg("supervise")
            .arg(folder)
            .status()
            .unwrap()
    };
    // Claimed by another; then gone.
    assert!(late(kit.folder(&key)).success());
    fs::remove_dir_all(kit.folder(&key)).unwrap();
    assert!(!late(kit.folder(&key)).success());
    assert_eq!(fs::read_to_string(&count).unwrap(), "x\n");
    assert!(!kit.folder(&key).exists());
    kit.stop().await;
}

#[tokio::test]
async fn a_dead_supervisor_makes_a_run_lost_and_dead() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    // The grandchild leaves the group but not the session.
    let command = "echo $$; sh -c 'sleep 600 & echo $!; wait' & wait";
    for (name, restart) in [("a", false), ("b", true)] {
        let key = kit.begin(job(name, command)).await;
        let pids = lines(&kit.cluster.logs, &key, 2).await;
        let supervisor = supervisor_of(&kit, &key).await;
        let folder = kit.folder(&key);
        if restart {
            kit.stop().await;
            kill_process(supervisor, Signal::KILL).unwrap();
            supervisor_gone(folder).await;
            kit = Kit::start(&home).await;
        } else {
            kill_process(supervisor, Signal::KILL).unwrap();
        }
        let update = kit.wait(&key, TaskState::Lost).await;
        assert_eq!(
            update.message.as_deref(),
            Some("the supervisor of the run died")
        );
        assert!(update.started_at.is_some());
        for pid in pids {
            process_gone(pid.parse().unwrap()).await;
        }
        kit.ack(&key).await;
    }
    kit.stop().await;
}

#[tokio::test]
async fn a_run_is_started_once_however_often_it_is_launched() {
    let home = home();
    let [go, count] = ["go", "count"].map(|name| home.path().join(name));
    let mut kit = Kit::start(&home).await;
    let command = format!("echo x >> '{}'; {}", count.display(), until(&go, "exit 2"));
    let run = task(job("a", &command));
    let key = run.key.clone();
    kit.launch(vec![run.clone(), run.clone()]).await;
    kit.wait(&key, TaskState::Starting).await;
    kit.wait(&key, TaskState::Running).await;
    kit.launch(vec![run.clone()]).await;
    kit.wait(&key, TaskState::Running).await;
    fs::write(&go, "").unwrap();
    kit.wait(&key, TaskState::Failed).await;
    kit.launch(vec![run.clone()]).await;
    kit.wait(&key, TaskState::Failed).await;
    kit.ack(&key).await;
    kit.stop().await;
    // Also after it is history.
    let mut kit = Kit::start(&home).await;
    kit.launch(vec![run]).await;
    let update = kit.wait(&key, TaskState::Failed).await;
    assert_eq!(update.exit_code, Some(2));
    assert_eq!(fs::read_to_string(&count).unwrap(), "x\n");
    kit.stop().await;
}

#[tokio::test]
async fn a_run_from_before_can_be_killed() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let [first, second] = ["a", "b"].map(|name| job(name, "echo begun; exec sleep 600"));
    let first = kit.begin(first).await;
    let second = kit.begin(second).await;
    for key in [&first, &second] {
        lines(&kit.cluster.logs, key, 1).await;
    }
    // A daemon that died between writing the request down and sending the signal.
    fs::write(kit.folder(&second).join("kill"), "").unwrap();
    kit.stop().await;
    let mut kit = Kit::start(&home).await;
    kit.kill(&first).await;
    kit.wait(&first, TaskState::Running).await;
    kit.wait(&first, TaskState::Killed).await;
    kit.wait(&second, TaskState::Running).await;
    kit.wait(&second, TaskState::Killed).await;
    kit.stop().await;
}

#[tokio::test]
async fn after_a_crash_of_the_machine_nothing_is_called_never_started() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let key = kit.begin(job("a", "echo begun; exec sleep 600")).await;
    let unknown = task(job("b", "true")).key;
    kit.reconcile(&unknown).await;
    kit.wait(&unknown, TaskState::Dropped).await;
    kit.kill(&key).await;
    kit.wait(&key, TaskState::Killed).await;
    let folder = kit.folder(&key);
    kit.stop().await;
    fs::write(
        home.path().join("agent/boot.json"),
        r#"{"id":"an earlier life"}"#,
    )
    .unwrap();
    // What is on the disk after a crash: the claim, and a torn record of the end.
    fs::write(folder.join("exit.json"), "").unwrap();
    let mut kit = Kit::start(&home).await;
    kit.wait(&key, TaskState::Lost).await;
    kit.reconcile(&unknown).await;
    let update = kit.wait(&unknown, TaskState::Lost).await;
    assert!(update.message.unwrap().contains("the machine restarted"));
    kit.stop().await;
}

#[tokio::test]
async fn broken_folders_stop_nobody() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let key = kit.end_of(job("a", "true")).await.key;
    let runs = kit.folder(&key).parent().unwrap().to_owned();
    kit.stop().await;
    fs::write(runs.join("a file"), "").unwrap();
    fs::create_dir(runs.join("%zz")).unwrap();
    fs::create_dir_all(runs.join("whose")).unwrap();
    fs::write(runs.join("whose/exit.json"), "{}").unwrap();
    let mut kit = Kit::start(&home).await;
    kit.wait(&key, TaskState::Finished).await;
    kit.stop().await;
}

#[tokio::test]
async fn old_runs_are_removed_but_not_before_they_are_acknowledged() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let first = kit.end_of(job("a", "true")).await.key;
    let second = kit.end_of(job("b", "true")).await.key;
    kit.ack(&first).await;
    let [first, second_folder] = [&first, &second].map(|key| kit.folder(key));
    kit.stop().await;
    assert!(first.exists());

    let mut config = config(home.path());
    config.retention_age = Duration::ZERO;
    let mut kit = Kit::start_with(config).await;
    kit.wait(&second, TaskState::Finished).await;
    kit.stop().await;
    assert!(!first.exists() && second_folder.exists());
}

#[tokio::test]
async fn the_newest_runs_are_kept_up_to_a_number() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let mut folders = Vec::new();
    for name in ["a", "b", "c"] {
        let key = kit.end_of(job(name, "true")).await.key;
        folders.push(kit.folder(&key));
        kit.ack(&key).await;
    }
    kit.stop().await;

    let mut config = config(home.path());
    config.retention_count = 1;
    let mut kit = Kit::start_with(config).await;
    let last = kit.end_of(job("d", "true")).await.key;
    assert!(kit.folder(&last).exists());
    kit.stop().await;
    let left: Vec<_> = folders.iter().map(|folder| folder.exists()).collect();
    assert_eq!(left, [false, false, true]);
}
