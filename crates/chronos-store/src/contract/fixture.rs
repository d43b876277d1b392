//! Values that the rules write, and the steps they share.

use std::sync::Arc;

use chronos_model::{
    Calendar, CalendarName, Completion, CompletionKind, Generation, JobLinks, JobName, JobProgress,
    JobSpec, Outcome, Run, RunCause, RunKey, RunQuery, RunState, Timestamp, Tomb, Write,
};
use serde_json::json;

use super::StoreFactory;
use crate::{CommitError, RecordKey, Store, Term};

/// A store with a term, and the steps that every rule needs.
pub(super) struct Bench {
    pub(super) store: Box<dyn Store>,
    pub(super) term: Term,
}

impl Bench {
    pub(super) async fn open(factory: &mut impl StoreFactory) -> Self {
        let store = factory.open().await;
        let term = store.begin_term().await.expect("a term begins");
        Self { store, term }
    }

    /// Drops the store and opens it again in a new term.
    pub(super) async fn reopen(self, factory: &mut impl StoreFactory) -> Self {
        drop(self.store);
        Self::open(factory).await
    }

    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        self.store.commit(self.term, writes).await
    }

    pub(super) async fn must_commit(&self, writes: Vec<Write>) {
        let shown = format!("{writes:?}");
        let result = self.commit(writes).await;
        assert_eq!(result, Ok(()), "{}", &shown[..shown.len().min(1000)]);
    }

    pub(super) async fn must_conflict(&self, writes: Vec<Write>, key: RecordKey, found: u64) {
        match self.commit(writes).await {
            Err(CommitError::Conflict {
                key: named,
                found: seen,
                ..
            }) => assert_eq!((named, seen), (key, found)),
            other => panic!("expected a conflict on {key}, found {other:?}"),
        }
    }

    pub(super) async fn load(&self) -> chronos_model::Snapshot {
        self.store.load(self.term).await.expect("the store loads")
    }

    /// Returns the revisions of definition and progress of a job, zeros for none.
    pub(super) async fn revisions(&self, name: &str) -> (u64, u64) {
        let jobs = self.load().await.jobs;
        let job = jobs.iter().find(|job| job.spec.name.as_str() == name);
        job.map_or((0, 0), |job| (job.spec_revision, job.progress_revision))
    }

    /// Returns due times and attempts of the ended runs of a job.
    pub(super) async fn history(&self, name: &str, limit: usize) -> Vec<(i64, u32)> {
        let query = RunQuery {
            job: job(name),
            before: None,
            limit,
        };
        let runs = self.store.runs(query).await.expect("the store reads");
        let parts = |run: &Run| (run.key.due.millis(), run.key.attempt);
        runs.iter().map(parts).collect()
    }
}

pub(super) fn job(name: &str) -> JobName {
    name.parse().expect("rules use valid names")
}

pub(super) fn spec(name: &str, command: &str) -> Arc<JobSpec> {
    let stored = json!({
        "version": 1,
        "name": name,
        "command": "true",
        "schedule": "R/2030-01-01T00:00:00Z/PT1H",
        "scheduleTimeZone": "UTC",
    });
    let mut spec = JobSpec::from_stored_json(&stored).expect("the definition is valid");
    // Also one that is too long.
    spec.command = command.into();
    Arc::new(spec)
}

pub(super) fn put_spec(name: &str, command: &str, expected: u64) -> Write {
    Write::PutSpec {
        spec: spec(name, command),
        expected,
    }
}

pub(super) fn put_progress(name: &str, completed: u64, expected: u64) -> Write {
    Write::PutProgress {
        job: job(name),
        progress: Arc::new(progress(completed)),
        expected,
    }
}

/// Returns progress that differs in its completions too.
pub(super) fn progress(completed: u64) -> JobProgress {
    let completion = Completion {
        number: completed,
        kind: CompletionKind::Failure,
        run: Some(key("parent", 1, 0)),
        lineage: [(job("root"), completed)].into(),
    };
    JobProgress {
        created_at: Timestamp::from_millis(1),
        completed,
        links: JobLinks {
            completions: vec![completion],
            consumed: [(job("parent"), completed)].into(),
            generation: Some(Box::new(generation(completed))),
            ..JobLinks::default()
        }
        .into(),
        ..JobProgress::default()
    }
}

pub(super) fn calendar(name: &str, day: u8) -> Calendar {
    let json = json!({ "name": name, "dates": [format!("2030-01-{day:02}")] });
    Calendar::from_json(&json).expect("the calendar is valid")
}

pub(super) fn put_calendar(name: &str, day: u8) -> Write {
    Write::PutCalendar(Arc::new(calendar(name, day)))
}

pub(super) fn delete_calendar(name: &str) -> Write {
    let name: CalendarName = name.parse().expect("rules use valid names");
    Write::DeleteCalendar(name)
}

pub(super) fn put_framework_id(id: &str) -> Write {
    Write::PutFrameworkId(Some(id.parse().expect("rules use valid ids")))
}

pub(super) fn delete(name: &str, expected: u64) -> Write {
    Write::DeleteJob {
        job: job(name),
        expected,
        tomb: tomb(7),
    }
}

pub(super) const fn tomb(due_max: i64) -> Tomb {
    Tomb {
        deleted_at: Timestamp::from_millis(5),
        due_max: Some(Timestamp::from_millis(due_max)),
    }
}

pub(super) fn key(name: &str, due: i64, attempt: u32) -> RunKey {
    RunKey {
        job: job(name),
        due: Timestamp::from_millis(due),
        attempt,
    }
}

fn generation(number: u64) -> Generation {
    Generation {
        runs: vec![key("parent", 2, 1)],
        lineage: [(job("root"), number)].into(),
    }
}

pub(super) fn run(name: &str, due: i64, attempt: u32, state: RunState) -> Run {
    let ended = state == RunState::Ended;
    Run {
        key: key(name, due, attempt),
        target: Timestamp::from_millis(due),
        cause: RunCause::Schedule,
        arguments: None,
        state,
        not_before: None,
        outcome: ended.then_some(Outcome::Succeeded),
        reason: None,
        exit_code: ended.then_some(0),
        agent: Some("agent".into()),
        created_at: Timestamp::from_millis(due),
        started_at: None,
        ended_at: ended.then_some(Timestamp::from_millis(due)),
        kill_requested: false,
        // Some have parents and some have none.
        parents: (attempt > 0).then(|| Box::new(generation(attempt.into()))),
        covers: None,
    }
}

pub(super) fn put_run(name: &str, due: i64, attempt: u32, state: RunState) -> Write {
    Write::PutRun(Arc::new(run(name, due, attempt, state)))
}
