//! Launches a second through a fake master over loopback, each with its intent and its result on disk.
//!
//! `cargo bench --bench mesos_launch`: the scheduler's loop, the store on SQLite, and the connection to Mesos, as the daemon
//! has them, against a fake cluster in the same process, on the same cores. With `-- zk` the store is one `ZooKeeper` server,
//! which it starts itself; `-- batches` and `-- single` measure one of the two cases. Tasks finish at once. All runs are due
//! at the same moment; counted is from then until the last launch is with the master, and until the last end is on record.
#![expect(clippy::print_stdout, reason = "a report for people")]

use std::{
    fmt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use benches::zookeeper::Ensemble;
use chronos_api::{Backend as _, LogError, LogPart};
use chronos_core::{Command, Settings};
use chronos_mesos::{Keeper, KeeperError, Mesos, MesosConfig};
use chronos_model::{FrameworkId, JobDefaults, JobKind, JobSpec, Timestamp, Write};
use chronos_runtime::{Cluster, Handle, LogQuery, Mandate, RunLogs, Runtime, Tenure};
use chronos_store::{SqliteOptions, SqliteStore, Store};
use chronos_zk::{ZkOptions, ZkStore};
use mesos_fake::{
    Fake, Plan,
    cluster::{AgentSpec, Settings as FakeSettings},
    script::{Behaviour, Script},
};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long the jobs are prepared before they are due.
const LEAD: Duration = Duration::from_secs(20);

/// What one measurement does.
struct Case {
    /// Asks for it.
    word: &'static str,
    name: &'static str,
    agents: u16,
    /// Cores of each agent, for tasks of a tenth.
    cpus: f64,
    runs: usize,
}

const CASES: [Case; 2] = [
    Case {
        word: "batches",
        name: "batches: 100 agents with room for 40",
        agents: 100,
        cpus: 4.0,
        runs: 20_000,
    },
    Case {
        word: "single",
        name: "one task for each offer: 1,000 agents with room for one",
        agents: 1_000,
        cpus: 0.1,
        runs: 5_000,
    },
];

struct StoreKeeper(Arc<dyn Store>, watch::Receiver<Option<Tenure>>);

impl fmt::Debug for StoreKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreKeeper").finish_non_exhaustive()
    }
}

impl StoreKeeper {
    async fn commit(&self, writes: Vec<Write>) -> Result<(), KeeperError> {
        let tenure = self.1.borrow().clone().ok_or(KeeperError::Deposed)?;
        let committed = self.0.commit(tenure.term, writes).await;
        committed.map_err(|error| KeeperError::Unknown(error.to_string()))
    }
}

#[async_trait]
impl Keeper for StoreKeeper {
    async fn lead(&self) -> Option<String> {
        let mut tenure = self.1.clone();
        let begun = tenure.wait_for(Option::is_some).await;
        let begun = begun.expect("the loop runs").clone();
        Some(begun?.framework_id?.to_string())
    }

    async fn deposed(&self) {
        std::future::pending::<()>().await;
    }

    async fn still_leads(&self) -> Result<(), KeeperError> {
        self.commit(Vec::new()).await
    }

    async fn store_framework(&self, id: Option<String>) -> Result<(), KeeperError> {
        let id: Option<FrameworkId> = id.map(|id| id.parse().expect("an id"));
        self.commit(vec![Write::PutFrameworkId(id)]).await
    }
}

struct NoLogs;

#[async_trait]
impl RunLogs for NoLogs {
    async fn read(&self, _query: LogQuery) -> Result<LogPart, LogError> {
        let problem = "nobody asks".to_owned();
        Err(LogError::NotFound { problem })
    }
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    let asked = |word: &str| words.iter().any(|asked| asked == word);
    let all = !CASES.iter().any(|case| asked(case.word));
    for case in CASES.iter().filter(|case| all || asked(case.word)) {
        let folder = tempfile::tempdir()?;
        let servers = asked("zk").then(|| Ensemble::start(folder.path(), 1));
        let servers = servers.transpose()?;
        let (launched, ended) = runtime.block_on(async {
            let store = open(folder.path(), servers.as_ref()).await?;
            anyhow::Ok(measure(case, store).await)
        })?;
        let rate = |took: Duration| {
            let runs = u32::try_from(case.runs).expect("a number of runs");
            f64::from(runs) / took.as_secs_f64()
        };
        println!(
            "{}, {}: {} runs, {:.0} durable launches/s, {:.0} runs/s from target to recorded end",
            case.name,
            servers.map_or("embedded store", |_| "ZooKeeper"),
            case.runs,
            rate(launched),
            rate(ended)
        );
    }
    Ok(())
}

async fn open(folder: &Path, servers: Option<&Ensemble>) -> Result<Arc<dyn Store>> {
    Ok(match servers {
        None => Arc::new(SqliteStore::open(&SqliteOptions::new(folder))?),
        Some(servers) => {
            let options = ZkOptions::new(servers.address("/measured").parse()?);
            let store = ZkStore::open(&options).await;
            Arc::new(store.context("the store on ZooKeeper")?)
        }
    })
}

async fn measure(case: &Case, store: Arc<dyn Store>) -> (Duration, Duration) {
    let fake = cluster(case).await;
    let (tenure, told) = watch::channel(None);
    let masters = fake.address(0).to_string().parse().expect("an address");
    let keeper = Arc::new(StoreKeeper(Arc::clone(&store), told));
    let mesos = Mesos::start(MesosConfig::new(masters), keeper).expect("a connection");
    let cluster = Cluster {
        calls: mesos.calls,
        events: mesos.events,
        terms: None,
    };
    let settings = Settings {
        returns_offers: true,
        ..Settings::default()
    };
    let (runtime, mut handle) = Runtime::new(
        settings,
        store,
        cluster,
        Arc::new(NoLogs),
        JobDefaults::default(),
        Mandate::alone("bench:0".to_owned()),
    );
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(runtime.telling(tenure).run(shutdown.clone()));

    handle.ready().await;
    let due = SystemTime::now() + LEAD;
    fill(&handle, case.runs, due).await;
    let left = due
        .duration_since(SystemTime::now())
        .expect("it is prepared in time");
    tokio::time::sleep(left).await;
    let begin = Instant::now();
    let launched = until(|| fake.launches() == case.runs).await - begin;
    let ended = until(|| {
        let view = handle.view();
        let open = view.jobs().any(|job| job.runs().next().is_some());
        !open
    })
    .await
        - begin;
    shutdown.cancel();
    running.await.expect("it ends").expect("it ends well");
    mesos.stopped.wait().await;
    (launched, ended)
}

async fn until(mut done: impl FnMut() -> bool) -> Instant {
    while !done() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Instant::now()
}

async fn cluster(case: &Case) -> Fake {
    let mut script = Script::default();
    script.set("", Behaviour::finishes(Duration::ZERO));
    let agents = (1..=case.agents).map(|number| {
        let mut agent = AgentSpec::plain(number);
        let share = case.cpus / 4.0;
        for resource in &mut agent.resources {
            if let Some(scalar) = &mut resource.scalar {
                scalar.value = match resource.name.as_str() {
                    "cpus" => case.cpus,
                    // Room for as many tasks as there are cores for.
                    _ => 16_384.0 * share,
                };
            }
        }
        agent
    });
    let plan = Plan {
        settings: FakeSettings {
            script,
            allocation_interval: Duration::from_millis(20),
            ..FakeSettings::default()
        },
        agents: agents.collect(),
        ..Plan::default()
    };
    let mut fake = Fake::start(plan).await.expect("a fake cluster");
    fake.real_time();
    fake
}

async fn fill(handle: &Handle, jobs: usize, due: SystemTime) {
    let since = due.duration_since(SystemTime::UNIX_EPOCH).expect("a time");
    let due = Timestamp::from_millis(i64::try_from(since.as_millis()).expect("a time"));
    let schedule = format!("R1/{due}/P1D");
    let put = async |number: usize| {
        let job = json!({
            "name": format!("job-{number}"), "command": "true", "schedule": schedule,
            "cpus": 0.1, "mem": 16, "disk": 16, "retries": 0,
        });
        let now = Timestamp::default();
        let spec = JobSpec::from_json(&job, JobKind::Any, &JobDefaults::default(), now);
        let put = Command::Put {
            spec: Arc::new(spec.expect("a job")),
            source: None,
        };
        handle.command(put).await.expect("it is stored");
    };
    let all: Vec<usize> = (0..jobs).collect();
    for part in all.chunks(500) {
        futures_util::future::join_all(part.iter().map(|number| put(*number))).await;
    }
}
