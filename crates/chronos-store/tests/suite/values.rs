//! Values that the tests write, and another process of this test to write them in.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use chronos_model::{
    Calendar, JobName, JobProgress, JobSpec, Outcome, Run, RunCause, RunKey, RunState, Timestamp,
    Write,
};
use chronos_store::{SqliteOptions, SqliteStore};
use serde_json::json;

pub(crate) fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(&options(folder)).expect("the store opens")
}

pub(crate) fn options(folder: &Path) -> SqliteOptions {
    SqliteOptions::new(folder).history(1_000_000)
}

pub(crate) fn job(name: &str) -> JobName {
    name.parse().expect("a valid name")
}

pub(crate) fn put_spec(name: &str, command: &str, expected: u64) -> Write {
    let stored = json!({
        "version": 1,
        "name": name,
        "command": command,
        "schedule": "R/2030-01-01T00:00:00Z/PT1H",
        "scheduleTimeZone": "UTC",
    });
    let spec = JobSpec::from_stored_json(&stored).expect("a valid definition");
    Write::PutSpec {
        spec: Arc::new(spec),
        expected,
    }
}

pub(crate) fn put_progress(name: &str, completed: u64, expected: u64) -> Write {
    let progress = JobProgress {
        completed,
        ..JobProgress::default()
    };
    Write::PutProgress {
        job: job(name),
        progress: Arc::new(progress),
        expected,
    }
}

pub(crate) fn put_calendar(name: &str) -> Write {
    let json = json!({ "name": name, "dates": ["2030-01-01"] });
    let calendar = Calendar::from_json(&json).expect("a valid calendar");
    Write::PutCalendar(Arc::new(calendar))
}

pub(crate) fn put_run(name: &str, due: i64, state: RunState) -> Write {
    let ended = state == RunState::Ended;
    Write::PutRun(Arc::new(Run {
        key: key(name, due),
        target: Timestamp::from_millis(due),
        cause: RunCause::Schedule,
        arguments: None,
        state,
        not_before: None,
        outcome: ended.then_some(Outcome::Failed),
        reason: Some("exited with 3".to_owned()),
        exit_code: ended.then_some(3),
        agent: Some("agent".into()),
        created_at: Timestamp::from_millis(due),
        started_at: Some(Timestamp::from_millis(due + 5)),
        ended_at: ended.then_some(Timestamp::from_millis(due + 1000)),
        kill_requested: false,
        parents: None,
        covers: None,
    }))
}

pub(crate) fn key(name: &str, due: i64) -> RunKey {
    RunKey {
        job: job(name),
        due: Timestamp::from_millis(due),
        attempt: 0,
    }
}

const FOLDER: &str = "CHRONOS_STORE_TEST_FOLDER";

/// Returns the folder that another process of this test was told to work in; in the test run itself
/// there is none.
pub(crate) fn told_folder() -> Option<PathBuf> {
    env::var_os(FOLDER).map(PathBuf::from)
}

/// Returns a command that runs one test of this program in another process, with a folder.
pub(crate) fn other_process(test: &str, folder: &Path) -> Command {
    let program = env::current_exe().expect("a test knows its program");
    let mut command = Command::new(program);
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}
