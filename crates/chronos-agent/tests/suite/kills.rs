//! Ending runs.

use std::time::Duration;

use chronos_core::TaskState;
use rustix::process::{Signal, kill_process};

use crate::{
    kit::{Kit, config, home, lines, process_gone, supervisor_of},
    shared::{job, task},
};

#[tokio::test]
async fn a_killed_run_ends_with_all_its_processes() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let key = kit
        .begin(job("a", "sleep 600 & echo $!; echo $$; wait"))
        .await;
    let pids = lines(&kit.cluster.logs, &key, 2).await;
    kit.kill(&key).await;
    let update = kit.wait(&key, TaskState::Killed).await;
    assert_eq!(
        update.message.as_deref(),
        Some("killed by signal 15 (SIGTERM)")
    );
    assert!(update.started_at.is_some());
    for pid in pids {
        process_gone(pid.parse().unwrap()).await;
    }
    kit.kill(&key).await;
    kit.wait(&key, TaskState::Killed).await;
    kit.stop().await;
}

#[tokio::test]
async fn a_run_may_tidy_up_but_not_refuse() {
    let home = home();
    let mut kit = Kit::start_with({
        let mut config = config(home.path());
        config.kill_grace = Duration::from_secs(30);
        config
    })
    .await;
    let tidy = "trap 'echo tidy; exit 9' TERM; echo begun; while :; do sleep 0.02; done";
    let key = kit.begin(job("tidy", tidy)).await;
    lines(&kit.cluster.logs, &key, 1).await;
    kit.kill(&key).await;
    let update = kit.wait(&key, TaskState::Killed).await;
    assert_eq!(update.exit_code, Some(9));
    assert_eq!(kit.stdout(&key), "begun\ntidy\n");
    kit.stop().await;

    let mut kit = Kit::start_with({
        let mut config = config(home.path());
        config.kill_grace = Duration::from_millis(50);
        config
    })
    .await;
    let stubborn = "trap 'echo no' TERM; echo begun; while :; do sleep 0.02; done";
    let key = kit.begin(job("stubborn", stubborn)).await;
    lines(&kit.cluster.logs, &key, 1).await;
    kit.kill(&key).await;
    let update = kit.wait(&key, TaskState::Killed).await;
    assert_eq!(
        update.message.as_deref(),
        Some("killed by signal 9 (SIGKILL)")
    );
    assert!(
        kit.stdout(&key).starts_with("begun\nno\n"),
        "it was asked first"
    );
    kit.stop().await;
}

#[tokio::test]
async fn a_run_can_be_killed_before_it_is_known_to_run() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let tasks: Vec<_> = (0..20)
        .map(|n| task(job(&format!("job-{n}"), "sleep 600")))
        .collect();
    let keys: Vec<_> = tasks.iter().map(|task| task.key.clone()).collect();
    kit.launch(tasks).await;
    for key in &keys {
        kit.kill(key).await;
    }
    for key in &keys {
        let mut update = kit.next(key).await;
        while !update.state.is_terminal() {
            update = kit.next(key).await;
        }
        assert_eq!(update.state, TaskState::Killed, "{update:?}");
    }
    kit.stop().await;
}

#[tokio::test]
async fn killing_what_is_not_here_is_answered() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let key = task(job("never", "true")).key;
    kit.kill(&key).await;
    kit.wait(&key, TaskState::Dropped).await;
    kit.stop().await;
}

#[tokio::test]
async fn ending_the_supervisor_politely_ends_the_run() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let key = kit.begin(job("a", "exec sleep 600")).await;
    let supervisor = supervisor_of(&kit, &key).await;
    kill_process(supervisor, Signal::TERM).unwrap();
    kit.wait(&key, TaskState::Killed).await;
    assert!(
        kit.folder(&key).join("kill").exists(),
        "a later daemon would know"
    );
    kit.stop().await;
}
