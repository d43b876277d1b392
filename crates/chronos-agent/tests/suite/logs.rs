//! Reading logs while they are written.

use std::{fs, os::unix::fs::symlink};

use chronos_agent::{LOG_CHUNK_LEN_MAX, LogError, LogStream};
use chronos_core::TaskState;

use crate::{
    kit::{Kit, home, lines, until},
    shared::{job, task},
};

#[tokio::test]
async fn a_log_is_followed_from_any_place_to_its_end() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let go = home.path().join("go");
    let key = kit.begin(job("a", &until(&go, "echo ended"))).await;
    lines(&kit.cluster.logs, &key, 1).await;
    let logs = kit.cluster.logs.clone();
    let chunk = logs.read(&key, LogStream::Stdout, 2, 3).await.unwrap();
    let found = (
        chunk.offset,
        chunk.bytes.as_slice(),
        chunk.size,
        chunk.running,
    );
    assert_eq!(found, (2, b"gun".as_slice(), 6, true));
    let chunk = logs.read(&key, LogStream::Stdout, 6, 100).await.unwrap();
    assert!(chunk.bytes.is_empty() && chunk.running);
    fs::write(&go, "").unwrap();
    kit.wait(&key, TaskState::Finished).await;
    let chunk = logs
        .read(&key, LogStream::Stdout, 6, usize::MAX)
        .await
        .unwrap();
    let found = (chunk.bytes.as_slice(), chunk.size, chunk.running);
    assert_eq!(found, (b"ended\n".as_slice(), 12, false));
    let chunk = logs.read(&key, LogStream::Stdout, 99, 10).await.unwrap();
    assert_eq!((chunk.bytes.len(), chunk.size), (0, 12), "beyond the end");
    let chunk = logs.read(&key, LogStream::Stderr, 0, 10).await.unwrap();
    assert_eq!((chunk.bytes.len(), chunk.size), (0, 0));
    kit.stop().await;
}

#[tokio::test]
async fn one_read_is_bounded() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let update = kit.end_of(job("a", "head -c 200000 /dev/zero")).await;
    let chunk = kit
        .cluster
        .logs
        .read(&update.key, LogStream::Stdout, 0, usize::MAX)
        .await
        .unwrap();
    assert_eq!(
        (chunk.bytes.len(), chunk.size),
        (LOG_CHUNK_LEN_MAX, 200_000)
    );
    kit.stop().await;
}

#[tokio::test]
async fn a_log_that_is_none_is_refused() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let logs = kit.cluster.logs.clone();
    let unknown = task(job("never", "true")).key;
    let error = logs
        .read(&unknown, LogStream::Stdout, 0, 1)
        .await
        .unwrap_err();
    assert!(matches!(error, LogError::NotFound), "{error}");

    let swap = "rm stdout stderr; ln -s /etc/passwd stdout; mkfifo stderr";
    let key = kit.end_of(job("a", swap)).await.key;
    for stream in LogStream::ALL {
        let error = logs.read(&key, stream, 0, 10).await.unwrap_err();
        assert!(matches!(error, LogError::NotAFile), "{error}");
    }
    // A link to nowhere is no plain file either.
    let stdout = kit.sandbox(&key).join("stdout");
    fs::remove_file(&stdout).unwrap();
    symlink("/nowhere", &stdout).unwrap();
    assert!(logs.read(&key, LogStream::Stdout, 0, 10).await.is_err());
    kit.stop().await;
}
