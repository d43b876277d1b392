//! Measures the store on `ZooKeeper`: creating and loading jobs, and the run protocol.
//!
//! `cargo run --release -p chronos-zk --example zk_rate -- zk://127.0.0.1:2181/rate [JOBS]`, with a test
//! server (or several) and a root node that is not there yet.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::{
    collections::VecDeque,
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use chronos_model::{
    JobName, JobProgress, JobSpec, NextTarget, Outcome, Run, RunCause, RunKey, RunState, Timestamp,
    Write,
};
use chronos_store::{Store, Term};
use chronos_zk::{ZkOptions, ZkStore};
use serde_json::json;

type Failure = Box<dyn Error>;

const JOBS_DEFAULT: u64 = 10_000;

/// How many commits are in the line at once.
const IN_FLIGHT: [usize; 4] = [1, 16, 64, 1024];

/// How long each rate is measured.
const MEASURED: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("usage: zk_rate ADDRESS [JOBS]")?;
    let jobs = arguments.next().map(|jobs| jobs.parse()).transpose()?;
    let options = ZkOptions::new(address.parse()?);
    let store = ZkStore::open(&options).await?;
    let mut bench = Bench {
        term: store.begin_term().await?,
        store,
        jobs: jobs.unwrap_or(JOBS_DEFAULT),
        revisions: Vec::new(),
        next: 0,
    };
    bench.fill().await?;
    // A new leader: its own session, nothing known.
    bench.store = ZkStore::open(&options).await?;
    bench.term = bench.store.begin_term().await?;
    for _ in 0..3 {
        bench.load().await?;
    }
    for in_flight in IN_FLIGHT {
        bench.updates(in_flight).await?;
    }
    for in_flight in IN_FLIGHT {
        bench.runs(in_flight).await?;
    }
    Ok(())
}

struct Bench {
    store: ZkStore,
    term: Term,
    jobs: u64,
    revisions: Vec<u64>,
    next: u64,
}

impl Bench {
    async fn fill(&mut self) -> Result<(), Failure> {
        let begun = Instant::now();
        let mut answers = VecDeque::new();
        for number in 0..self.jobs {
            let writes = vec![put_spec(number)?, put_progress(number, 0)?];
            answers.push_back(self.store.commit(self.term, writes));
            if answers.len() == 1024
                && let Some(answer) = answers.pop_front()
            {
                answer.await?;
            }
        }
        for answer in answers {
            answer.await?;
        }
        self.revisions = vec![1; usize::try_from(self.jobs)?];
        let seconds = begun.elapsed().as_secs_f64();
        println!("create {} jobs: {seconds:.2} s", self.jobs);
        Ok(())
    }

    async fn load(&self) -> Result<(), Failure> {
        let begun = Instant::now();
        let snapshot = self.store.load(self.term).await?;
        let seconds = begun.elapsed().as_secs_f64();
        assert!(snapshot.quarantined.is_empty(), "all can be read");
        println!("load {} jobs: {seconds:.2} s", snapshot.jobs.len());
        Ok(())
    }

    /// One update of the progress of a job for each commit.
    async fn updates(&mut self, in_flight: usize) -> Result<(), Failure> {
        let (rate, p50, p99) = self
            .rate(in_flight, |bench, number, revision| {
                bench.next += 1;
                Ok(vec![vec![put_progress(number, revision)?]])
            })
            .await?;
        println!("{in_flight:>4} in flight: {rate:>6.0} updates/s; p50 {p50:.2}, p99 {p99:.2} ms");
        Ok(())
    }

    /// Intent and result of a run, as the scheduler writes them: two commits of two records.
    async fn runs(&mut self, in_flight: usize) -> Result<(), Failure> {
        let (rate, p50, p99) = self
            .rate(in_flight, |bench, number, revision| {
                bench.next += 1;
                let due = bench.next.cast_signed();
                let intent = vec![
                    put_progress(number, revision)?,
                    put_run(number, due, RunState::Starting)?,
                ];
                let result = vec![
                    put_progress(number, revision + 1)?,
                    put_run(number, due, RunState::Ended)?,
                ];
                Ok(vec![intent, result])
            })
            .await?;
        println!(
            "{in_flight:>4} in flight: {:>6.0} runs/s; p50 {p50:.2}, p99 {p99:.2} ms a commit",
            rate / 2.0
        );
        Ok(())
    }

    async fn rate(
        &mut self,
        in_flight: usize,
        commits: impl Fn(&mut Self, u64, u64) -> Result<Vec<Vec<Write>>, Failure>,
    ) -> Result<(f64, f64, f64), Failure> {
        let mut answers = VecDeque::new();
        let mut times = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < MEASURED {
            while answers.len() < in_flight {
                let number = self.next % self.jobs;
                let index = usize::try_from(number)?;
                let revision = self.revisions[index];
                for writes in commits(self, number, revision)? {
                    self.revisions[index] += 1;
                    answers.push_back((Instant::now(), self.store.commit(self.term, writes)));
                }
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
        Ok((rate, at(50), at(99)))
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

fn put_run(number: u64, due: i64, state: RunState) -> Result<Write, Failure> {
    let due = Timestamp::from_millis(1_893_456_000_000 + due);
    let ended = state == RunState::Ended;
    Ok(Write::PutRun(Arc::new(Run {
        key: RunKey {
            job: name(number)?,
            due,
            attempt: 0,
        },
        target: due,
        cause: RunCause::Schedule,
        arguments: None,
        state,
        not_before: None,
        outcome: ended.then_some(Outcome::Succeeded),
        reason: None,
        exit_code: ended.then_some(0),
        agent: Some("agent-17.example.com".to_owned()),
        created_at: due,
        started_at: ended.then_some(due),
        ended_at: ended.then_some(due),
        kill_requested: false,
        parents: None,
        covers: None,
    })))
}
