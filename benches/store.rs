//! The stores: creating, loading, updates and runs a second, backup and restore.
//!
//! `cargo bench --bench store` measures the embedded store, and with `-- zk` and `-- zk3` the one on one
//! and on three `ZooKeeper` servers, which it starts itself; a number says how many jobs (10,000). The
//! numbers are those of the disk under the temporary folder.
#![expect(clippy::print_stdout, reason = "a report for people")]

use std::{
    collections::VecDeque,
    io::BufReader,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result, bail};
use benches::zookeeper::Ensemble;
use chronos_model::{
    JobName, JobProgress, JobSpec, NextTarget, Outcome, Run, RunCause, RunKey, RunQuery, RunState,
    Timestamp, Write,
};
use chronos_store::{
    SqliteOptions, SqliteReader, SqliteStore, Store, Term,
    backup::{BackupReader, BackupWriter, clear, restore},
};
use chronos_zk::{ZkAddress, ZkOptions, ZkReader, ZkStore};
use serde_json::json;

const JOBS_DEFAULT: u64 = 10_000;

/// How many commits are in the line at once.
const IN_FLIGHT: [usize; 5] = [1, 8, 64, 512, 1024];

/// How long each rate is measured.
const MEASURED: Duration = Duration::from_secs(3);

/// How long `ZooKeeper` is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

enum Place {
    Folder(std::path::PathBuf),
    Zk(ZkAddress),
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut servers = 0;
    let mut jobs = JOBS_DEFAULT;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "zk" => servers = 1,
            "zk3" => servers = 3,
            // What cargo says to every bench.
            "--bench" => {}
            number => {
                jobs = number
                    .parse()
                    .with_context(|| format!("{number:?} is no number of jobs"))?;
            }
        }
    }
    let folder = tempfile::tempdir()?;
    if servers == 0 {
        return runtime.block_on(measure(&Place::Folder(folder.path().join("store")), jobs));
    }
    let ensemble = Ensemble::start(folder.path(), servers)?;
    let address = ensemble.address("/measured").parse()?;
    runtime.block_on(measure(&Place::Zk(address), jobs))
}

async fn measure(place: &Place, jobs: u64) -> Result<()> {
    let store = place.open().await?;
    let mut bench = Bench {
        term: store.begin_term().await?,
        store,
        jobs,
        revisions: Vec::new(),
        next: 0,
    };
    bench.fill().await?;
    // A new leader, who knows nothing.
    drop(bench.store);
    let begun = Instant::now();
    bench.store = place.open().await?;
    bench.term = bench.store.begin_term().await?;
    println!("open and begin a term: {:.1} ms", millis(begun));
    for _ in 0..3 {
        let begun = Instant::now();
        let loaded = bench.store.load(bench.term).await?.jobs.len();
        println!("load {loaded} jobs: {:.2} s", begun.elapsed().as_secs_f64());
    }
    for in_flight in IN_FLIGHT {
        bench.updates(in_flight).await?;
    }
    for in_flight in IN_FLIGHT {
        bench.runs(in_flight).await?;
    }
    bench.history().await?;
    bench.back_up(place).await
}

impl Place {
    async fn open(&self) -> Result<Box<dyn Store>> {
        Ok(match self {
            Self::Folder(folder) => Box::new(SqliteStore::open(&SqliteOptions::new(folder))?),
            Self::Zk(address) => {
                let mut options = ZkOptions::new(address.clone());
                options.session_timeout = PATIENCE;
                let begun = Instant::now();
                loop {
                    match ZkStore::open(&options).await {
                        Ok(store) => break Box::new(store),
                        // The servers may still look for one another.
                        Err(_) if begun.elapsed() < PATIENCE => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        })
    }

    async fn back_up(&self, file: &Path) -> Result<()> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let now = Timestamp::from_millis(i64::try_from(now.as_millis())?);
        let out = std::io::BufWriter::new(std::fs::File::create(file)?);
        let mut backup = BackupWriter::new(out, "a measurement", now)?;
        match self {
            Self::Folder(folder) => SqliteReader::open(folder)?.back_up(&mut backup)?,
            Self::Zk(address) => {
                let reader = ZkReader::open(address, PATIENCE).await?;
                reader.back_up(&mut backup).await?;
            }
        }
        backup.finish()?.0.into_inner()?.sync_all()?;
        Ok(())
    }
}

struct Bench {
    store: Box<dyn Store>,
    term: Term,
    jobs: u64,
    revisions: Vec<u64>,
    next: u64,
}

type Commits = Vec<Vec<Write>>;

impl Bench {
    async fn fill(&mut self) -> Result<()> {
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

    /// One update of the progress of a job for each commit.
    async fn updates(&mut self, in_flight: usize) -> Result<()> {
        let commits = |_: u64, number, revision| Ok(vec![vec![put_progress(number, revision)?]]);
        let (rate, p50, p99) = self.rate(in_flight, commits).await?;
        println!("{in_flight:>4} in flight: {rate:>6.0} updates/s; p50 {p50:.2}, p99 {p99:.2} ms");
        Ok(())
    }

    /// Intent and result of a run, as the scheduler writes them: two commits of two records.
    async fn runs(&mut self, in_flight: usize) -> Result<()> {
        let commits = |next: u64, number, revision| {
            let due = next.cast_signed();
            let run = |state| put_run(number, due, state);
            let intent = vec![put_progress(number, revision)?, run(RunState::Starting)?];
            let result = vec![put_progress(number, revision + 1)?, run(RunState::Ended)?];
            Ok(vec![intent, result])
        };
        let (rate, p50, p99) = self.rate(in_flight, commits).await?;
        println!(
            "{in_flight:>4} in flight: {:>6.0} runs/s; p50 {p50:.2}, p99 {p99:.2} ms a commit",
            rate / 2.0
        );
        Ok(())
    }

    async fn rate(
        &mut self,
        in_flight: usize,
        commits: impl Fn(u64, u64, u64) -> Result<Commits>,
    ) -> Result<(f64, f64, f64)> {
        let mut answers = VecDeque::new();
        let mut times = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < MEASURED {
            while answers.len() < in_flight {
                let number = self.next % self.jobs;
                let index = usize::try_from(number)?;
                self.next += 1;
                for writes in commits(self.next, number, self.revisions[index])? {
                    self.revisions[index] += 1;
                    answers.push_back((Instant::now(), self.store.commit(self.term, writes)));
                }
            }
            if let Some((called, answer)) = answers.pop_front() {
                answer.await?;
                times.push(millis(called));
            }
        }
        let rate = f64::from(u32::try_from(times.len())?) / begun.elapsed().as_secs_f64();
        for (_, answer) in answers {
            answer.await?;
        }
        times.sort_unstable_by(f64::total_cmp);
        let at = |part: usize| times[(times.len() - 1) * part / 100];
        Ok((rate, at(50), at(99)))
    }

    async fn history(&self) -> Result<()> {
        const READS: u32 = 2000;
        let begun = Instant::now();
        for number in 0..READS {
            let query = RunQuery {
                job: name(u64::from(number) % self.jobs)?,
                before: None,
                limit: 50,
            };
            self.store.runs(query).await?;
        }
        let each = begun.elapsed() / READS;
        println!("newest 50 runs of a job: {} us", each.as_micros());
        Ok(())
    }

    /// A backup, its verification, and the store made anew of it.
    async fn back_up(self, place: &Place) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("backup");
        let begun = Instant::now();
        place.back_up(&file).await?;
        let size = file.metadata()?.len() >> 20;
        println!("backup: {:.0} ms, {size} MiB", millis(begun));
        let read = || -> Result<_> {
            let input = BufReader::new(std::fs::File::open(&file)?);
            Ok(BackupReader::new(input)?)
        };
        let begun = Instant::now();
        let summary = read()?.verify()?;
        println!(
            "verify {} jobs and {} runs: {:.0} ms",
            summary.jobs,
            summary.ended_runs,
            millis(begun)
        );
        let snapshot = self.store.load(self.term).await?;
        clear(&*self.store, self.term, &snapshot, Timestamp::default()).await?;
        let begun = Instant::now();
        restore(&*self.store, self.term, &mut read()?, 10).await?;
        println!("restore: {:.2} s", begun.elapsed().as_secs_f64());
        let again = self.store.load(self.term).await?.jobs.len();
        if u64::try_from(again)? != self.jobs {
            bail!("{again} jobs came back of {}", self.jobs);
        }
        Ok(())
    }
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

fn name(number: u64) -> Result<JobName> {
    Ok(format!("team-{}.nightly-job-{number}", number % 97).parse()?)
}

fn put_spec(number: u64) -> Result<Write> {
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
    let spec = JobSpec::from_stored_json(&stored);
    let spec = spec.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    Ok(Write::PutSpec {
        spec: Arc::new(spec),
        expected: 0,
    })
}

fn put_progress(number: u64, expected: u64) -> Result<Write> {
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

fn put_run(number: u64, due: i64, state: RunState) -> Result<Write> {
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
        agent: Some("agent-17.example.com".into()),
        created_at: due,
        started_at: ended.then_some(due),
        ended_at: ended.then_some(due),
        kill_requested: false,
        parents: None,
        covers: None,
    })))
}
