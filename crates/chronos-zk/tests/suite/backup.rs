//! Backup, restore and check of a tree on a real server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chronos_model::{JobProgress, JobSpec, Timestamp, Write};
use chronos_store::{
    SqliteOptions, SqliteReader, SqliteStore, Store,
    backup::{BackupReader, BackupRecord, BackupWriter, restore},
    check::Finding,
    contract::fill,
};
use chronos_zk::{ZkAddress, ZkOptions, ZkReader, ZkStore};
use zookeeper_client::{Acls, Client, CreateMode};

use crate::server::{Fresh as _, shared};

const NOW: Timestamp = Timestamp::from_millis(1_773_144_000_000);

async fn reader(address: &ZkAddress) -> ZkReader {
    ZkReader::open(address, Duration::from_secs(10))
        .await
        .unwrap()
}

fn writer() -> BackupWriter<Vec<u8>> {
    BackupWriter::new(Vec::new(), "a test", NOW).unwrap()
}

async fn back_up(address: &ZkAddress) -> Vec<u8> {
    let mut writer = writer();
    reader(address).await.back_up(&mut writer).await.unwrap();
    writer.finish().unwrap().0
}

#[tokio::test]
async fn a_backup_of_the_embedded_store_comes_back_from_here_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(dir.path());
    let store = SqliteStore::open(&options).unwrap();
    let term = store.begin_term().await.unwrap();
    fill(&store, term, 600).await;
    let mut writer = writer();
    let mut embedded = SqliteReader::open(dir.path()).unwrap();
    embedded.back_up(&mut writer).unwrap();
    let (backup, _) = writer.finish().unwrap();

    let address = shared().fresh();
    let store = ZkStore::open(&ZkOptions::new(address.clone()))
        .await
        .unwrap();
    let term = store.begin_term().await.unwrap();
    let mut from = BackupReader::new(backup.as_slice()).unwrap();
    restore(&store, term, &mut from, 10).await.unwrap();
    // Byte for byte; the leader does not notice.
    assert!(back_up(&address).await == backup, "another backup");
    assert_eq!(store.commit(term, Vec::new()).await, Ok(()));
    let found = reader(&address).await.check().await.unwrap();
    let mut there = embedded.check().unwrap();
    there.sort();
    assert_eq!(found, there);
}

/// Definition and progress of each of these are always written together, with the same number in all.
/// Between the reading of the ones and of the others come those of many more jobs.
const TOGETHER: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn number_all(number: u64) -> Vec<Write> {
    let put = |name: &&str| {
        let stored = serde_json::json!({
            "version": 1, "name": name, "command": number.to_string(), "schedule": "R//PT1H",
        });
        let spec = Write::PutSpec {
            spec: JobSpec::from_stored_json(&stored).unwrap().into(),
            expected: number,
        };
        let progress = Write::PutProgress {
            job: name.parse().unwrap(),
            progress: Arc::new(JobProgress {
                completed: number,
                ..JobProgress::default()
            }),
            expected: number,
        };
        [spec, progress]
    };
    TOGETHER.iter().flat_map(put).collect()
}

#[tokio::test]
async fn a_backup_is_of_one_moment_while_a_leader_writes() {
    let address = shared().fresh();
    let store = ZkStore::open(&ZkOptions::new(address.clone()))
        .await
        .unwrap();
    let term = store.begin_term().await.unwrap();
    fill(&store, term, 600).await;
    let ended = AtomicBool::new(false);
    let write = async {
        let mut number = 0;
        while !ended.load(Ordering::Relaxed) {
            store.commit(term, number_all(number)).await.unwrap();
            number += 1;
        }
        number
    };
    let look = async {
        let reader = reader(&address).await;
        for _ in 0..6 {
            let mut writer = writer();
            reader.back_up(&mut writer).await.unwrap();
            let (backup, _) = writer.finish().unwrap();
            let mut from = BackupReader::new(backup.as_slice()).unwrap();
            let mut numbers = Vec::new();
            while let Some(record) = from.next().unwrap() {
                if let BackupRecord::Job { spec, progress } = record
                    && TOGETHER.contains(&spec.name.as_str())
                {
                    numbers.push(progress.completed);
                    numbers.push(spec.command.parse().unwrap());
                }
            }
            assert_eq!(numbers.len(), 2 * TOGETHER.len());
            assert!(numbers.iter().all(|n| *n == numbers[0]), "{numbers:?}");
        }
        ended.store(true, Ordering::Relaxed);
    };
    let (written, ()) = tokio::join!(write, look);
    assert!(written > 20, "only {written} writes were made meanwhile");
}

#[tokio::test]
async fn a_check_finds_what_is_wrong() {
    let address = shared().fresh();
    let store = ZkStore::open(&ZkOptions::new(address.clone()))
        .await
        .unwrap();
    let term = store.begin_term().await.unwrap();
    fill(&store, term, 3).await;
    let reader = reader(&address).await;
    let before = reader.check().await.unwrap();
    let client = Client::connect(address.hosts()).await.unwrap();
    let client = client.chroot(address.root().to_owned()).unwrap();
    let make = CreateMode::Persistent.with_acls(Acls::anyone_all());
    for (node, value) in [
        ("/jobs/00", ""),
        // "report" belongs into the shard eb.
        ("/jobs/00/report", "{}"),
        ("/jobs/00/not%a%name", "{}"),
        ("/calendars/x", "["),
        ("/progress/00", ""),
        ("/tombs/zz", ""),
    ] {
        drop(client.create(node, value.as_bytes(), &make).await);
    }
    let (rings, _) = client.get_children("/history").await.unwrap();
    let shard = format!("/history/{}", rings[0]);
    let (jobs, _) = client.get_children(&shard).await.unwrap();
    let ring = format!("{shard}/{}", jobs[0]);
    client.set_data(&ring, b"{}", None).await.unwrap();
    client.set_data("/term", b"x", None).await.unwrap();
    client.set_data("/framework", b"{}", None).await.unwrap();
    let found = reader.check().await.unwrap();
    let found: Vec<String> = found
        .iter()
        .filter(|one| !before.contains(one))
        .map(Finding::to_string)
        .collect();
    let want = [
        "damage: /jobs/00/not%a%name: no node of this store has such a name",
        "damage: /jobs/00/report: it lies in the wrong shard and is not seen; its place is /jobs/eb/report",
        "damage: /term: it cannot be read, and nobody can lead",
        "damage: calendar x: ",
        "damage: framework: id is missing",
        "damage: history ",
    ];
    assert_eq!(found.len(), want.len(), "{found:#?}");
    for (found, want) in found.iter().zip(want) {
        assert!(found.starts_with(want), "{found}");
    }
}

#[tokio::test]
async fn says_that_there_is_no_tree_and_makes_none() {
    let address = shared().fresh();
    let error = ZkReader::open(&address, Duration::from_secs(10))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("holds nothing of this program"),
        "{error}"
    );
    let client = Client::connect(address.hosts()).await.unwrap();
    assert_eq!(client.check_stat(address.root()).await, Ok(None));
}
