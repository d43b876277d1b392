//! Kill -9 of a process that writes: what it was told is durable is there, whole.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Write as _},
    path::Path,
};

use chronos_model::RunState;
use chronos_store::{OpenError, SqliteStore, Store};

use crate::values::{
    job, key, open, options, other_process, put_progress, put_run, put_spec, told_folder,
};

const JOBS: i64 = 8;

/// How many commits are under way at once: enough for groups.
const IN_FLIGHT: usize = 64;

/// After how many acknowledged commits the writer is killed, round after round in one folder. Where in
/// a group that is, and in a checkpoint, differs from run to run.
const ROUNDS: [usize; 12] = [1, 2, 3, 40, 170, 333, 64, 1500, 5, 700, 2500, 90];

fn name(number: i64) -> String {
    format!("job {}", number % JOBS)
}

/// The other process: writes until it is killed, and says what was acknowledged.
#[tokio::test]
async fn writer_process() {
    let Some(folder) = told_folder() else { return };
    let store = open(&folder);
    let term = store.begin_term().await.unwrap();
    let loaded = store.load(term).await.unwrap();
    let mut revisions = [0_u64; 8];
    for (job, revision) in loaded.jobs.iter().zip(&mut revisions) {
        *revision = job.progress_revision;
    }
    if loaded.jobs.is_empty() {
        for number in 0..JOBS {
            let writes = vec![put_spec(&name(number), "true", 0)];
            store.commit(term, writes).await.unwrap();
        }
    }
    let newest = loaded.jobs.iter().map(|job| job.progress.completed).max();
    let first = i64::try_from(newest.unwrap_or(0)).unwrap() + 1;
    let mut answers = VecDeque::new();
    for number in first.. {
        let revision = &mut revisions[usize::try_from(number % JOBS).unwrap()];
        // Two tables in one commit: it must never be seen in one of them only.
        let completed = u64::try_from(number).unwrap();
        let writes = vec![
            put_progress(&name(number), completed, *revision),
            put_run(&name(number), number, RunState::Ended),
        ];
        *revision += 1;
        answers.push_back((number, store.commit(term, writes)));
        if answers.len() == IN_FLIGHT {
            let (number, answer) = answers.pop_front().unwrap();
            answer.await.unwrap();
            writeln!(io::stdout(), "\nacknowledged {number}").unwrap();
        }
    }
}

// Lets the other process write, kills it, and returns the last number that it acknowledged.
fn write_and_kill(folder: &Path, count: usize) -> i64 {
    let mut child = other_process("crash::writer_process", folder)
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut numbers = output.lines().filter_map(|line| {
        let line = line.unwrap();
        let number = line.strip_prefix("acknowledged ")?;
        // The last line may be cut; then it was not said.
        number.parse::<i64>().ok()
    });
    let mut last = numbers.by_ref().take(count).last().unwrap();
    match SqliteStore::open(&options(folder)) {
        Err(OpenError::Locked { holder, .. }) => assert_eq!(holder, Some(child.id())),
        other => panic!("expected that the folder is held, found {other:?}"),
    }
    child.kill().unwrap();
    // What it still said before it died counts too. A cut last number is smaller than it was.
    last = numbers.fold(last, i64::max);
    child.wait().unwrap();
    last
}

#[tokio::test]
async fn keeps_what_was_acknowledged_before_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("store");
    let mut before = 0;
    for count in ROUNDS {
        let acknowledged = write_and_kill(&folder, count);
        assert!(acknowledged > before);
        let store = open(&folder);
        let term = store.begin_term().await.unwrap();
        let loaded = store.load(term).await.unwrap();
        assert!(loaded.quarantined.is_empty());
        let newest = loaded.jobs.iter().map(|job| job.progress.completed).max();
        let newest = i64::try_from(newest.unwrap()).unwrap();
        assert!(newest >= acknowledged, "{newest}, {acknowledged}");
        // Commits are durable in their order: all up to the newest, each in both tables.
        for number in before + 1..=newest {
            let run = store.run(&key(&name(number), number)).await.unwrap();
            assert!(run.is_some(), "run {number} of {newest}");
        }
        for found in &loaded.jobs {
            let completed = i64::try_from(found.progress.completed).unwrap();
            let query = chronos_model::RunQuery {
                job: found.spec.name.clone(),
                before: None,
                limit: 1,
            };
            let runs = store.runs(query).await.unwrap();
            let due = runs.first().map_or(0, |run| run.key.due.millis());
            assert_eq!(due, completed, "{}", found.spec.name);
            let commits = (1..=newest).filter(|&n| job(&name(n)) == found.spec.name);
            assert_eq!(found.progress_revision, commits.count() as u64);
        }
        before = newest;
    }
}
