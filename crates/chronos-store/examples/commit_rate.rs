//! Measures the embedded store: commits a second, alone and together, and the load of many jobs.
//!
//! `cargo run --release -p chronos-store --example commit_rate [FOLDER]`; the numbers are those of the
//! disk under the folder (by default a temporary one).
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::{
    collections::VecDeque,
    error::Error,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use chronos_model::{
    JobName, JobProgress, JobSpec, NextTarget, Outcome, Run, RunCause, RunKey, RunQuery, RunState,
    Timestamp, Write,
};
use chronos_store::{SqliteOptions, SqliteStore, Store, Term};
use serde_json::json;

type Failure = Box<dyn Error>;

/// What the scheduler has: the rates are of these commits.
const JOBS: u64 = 100_000;

/// How many commits are in the line at once.
const IN_FLIGHT: [usize; 5] = [1, 8, 64, 512, 4096];

/// How long each rate is measured.
const MEASURED: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1);
    let folder = folder.map_or_else(|| temporary.path().join("store"), Into::into);
    fill(&folder).await?;
    load(&folder).await?;
    let store = SqliteStore::open(&SqliteOptions::new(&folder))?;
    let term = store.begin_term().await?;
    let mut bench = Bench {
        revisions: vec![1; usize::try_from(JOBS)?],
        next: 0,
        store,
        term,
    };
    for in_flight in IN_FLIGHT {
        bench.rate(in_flight).await?;
    }
    bench.history().await?;
    let size = folder.join("chronos.sqlite3").metadata()?.len();
    println!("database: {} MiB", size >> 20);
    Ok(())
}

async fn fill(folder: &Path) -> Result<(), Failure> {
    let store = SqliteStore::open(&SqliteOptions::new(folder))?;
    let term = store.begin_term().await?;
    let begun = Instant::now();
    let mut answers = VecDeque::new();
    for number in 0..JOBS {
        let writes = vec![put_spec(number)?, put_progress(number, 0)?];
        answers.push_back(store.commit(term, writes));
        if answers.len() == 4096
            && let Some(answer) = answers.pop_front()
        {
            answer.await?;
        }
    }
    for answer in answers {
        answer.await?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("create {JOBS} jobs: {seconds:.2} s");
    Ok(())
}

async fn load(folder: &Path) -> Result<(), Failure> {
    let begun = Instant::now();
    let store = SqliteStore::open(&SqliteOptions::new(folder))?;
    let term = store.begin_term().await?;
    let opened = begun.elapsed().as_secs_f64() * 1000.0;
    let begun = Instant::now();
    let jobs = store.load(term).await?.jobs.len();
    let seconds = begun.elapsed().as_secs_f64();
    println!("open: {opened:.1} ms; load {jobs} jobs: {seconds:.2} s");
    Ok(())
}

struct Bench {
    store: SqliteStore,
    term: Term,
    revisions: Vec<u64>,
    next: u64,
}

impl Bench {
    // Commits as the scheduler makes them: a run and the progress of its job.
    async fn rate(&mut self, in_flight: usize) -> Result<(), Failure> {
        let mut answers = VecDeque::new();
        let mut times = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < MEASURED {
            while answers.len() < in_flight {
                let number = self.next % JOBS;
                let revision = &mut self.revisions[usize::try_from(number)?];
                let due = i64::try_from(self.next)?;
                let writes = vec![put_progress(number, *revision)?, put_run(number, due)?];
                *revision += 1;
                self.next += 1;
                answers.push_back((Instant::now(), self.store.commit(self.term, writes)));
            }
            if let Some((called, answer)) = answers.pop_front() {
                answer.await?;
                times.push(called.elapsed());
            }
        }
        let rate = f64::from(u32::try_from(times.len())?) / begun.elapsed().as_secs_f64();
        for (_, answer) in answers {
            answer.await?;
        }
        times.sort_unstable();
        let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1000.0;
        println!(
            "{in_flight:>4} in flight: {rate:>6.0} commits/s; p50 {:.2} ms, p99 {:.2} ms",
            at(50),
            at(99)
        );
        Ok(())
    }

    async fn history(&self) -> Result<(), Failure> {
        const READS: u32 = 2000;
        let begun = Instant::now();
        for number in 0..READS {
            let query = RunQuery {
                job: name(u64::from(number))?,
                before: None,
                limit: 50,
            };
            self.store.runs(query).await?;
        }
        let each = begun.elapsed() / READS;
        println!("newest 50 runs of a job: {} us", each.as_micros());
        Ok(())
    }
}

fn name(number: u64) -> Result<JobName, Failure> {
    Ok(format!("team-{}.nightly-job-{number}", number % 97).parse()?)
}

fn put_spec(number: u64) -> Result<Write, Failure> {
    let stored = json!({
        "version": 1,
        "name": name(number)?.as_str(),
        "command": "/opt/team/bin/run --with some --arguments as --jobs have",
        "schedule": "R/2030-01-01T00:00:00Z/PT1H",
        "scheduleTimeZone": "Europe/Paris",
        "owner": "team@example.com",
        "ownerName": "The Team",
        "description": "What such a job is for, in a sentence or two. ".repeat(4),
    });
    let spec = JobSpec::from_stored_json(&stored).map_err(|problems| format!("{problems:?}"))?;
    Ok(Write::PutSpec {
        spec: Arc::new(spec),
        expected: 0,
    })
}

fn put_progress(number: u64, expected: u64) -> Result<Write, Failure> {
    let at = Timestamp::from_millis(1_893_456_000_000);
    let progress = JobProgress {
        created_at: at,
        anchor: at,
        next: Some(NextTarget {
            index: expected,
            at,
        }),
        due_max: Some(at),
        completed: expected,
        success_count: expected,
        last_success: Some(at),
        ..JobProgress::default()
    };
    Ok(Write::PutProgress {
        job: name(number)?,
        progress: Arc::new(progress),
        expected,
    })
}

fn put_run(number: u64, due: i64) -> Result<Write, Failure> {
    let due = Timestamp::from_millis(1_893_456_000_000 + due);
    Ok(Write::PutRun(Arc::new(Run {
        key: RunKey {
            job: name(number)?,
            due,
            attempt: 0,
        },
        target: due,
        cause: RunCause::Schedule,
        arguments: None,
        state: RunState::Ended,
        not_before: None,
        outcome: Some(Outcome::Succeeded),
        reason: None,
        exit_code: Some(0),
        agent: Some("agent-17.example.com".to_owned()),
        created_at: due,
        started_at: Some(due),
        ended_at: Some(due),
        kill_requested: false,
        parents: None,
        covers: None,
    })))
}
