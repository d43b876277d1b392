//! How many runs a second can one agent do, and how soon does a command start?
//!
//! `cargo run --release -p chronos-agent --example launch_rate [-- FOLDER [RUNS]]`; the folder should
//! be on the disk that would hold the data, as every run ends with a sync of it.

use std::{
    collections::BTreeMap,
    env,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use chronos_agent::{Agent, AgentConfig, LocalCluster, LogStream, supervise_main};
use chronos_core::{ClusterCall, ClusterEvent, OfferId, Task, TaskState};
use chronos_model::RunKey;
use resources::{Resources, Scalar};

#[path = "../tests/shared.rs"]
mod shared;

/// Runs at a time in the first measurement.
const AT_ONCE: usize = 20;

/// Starts a second in the second one.
const PACE: u32 = 100;

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    let folder = args.next();
    if folder.as_ref().is_some_and(|first| first == "supervise") {
        return supervise_main(args);
    }
    let folder = folder.map_or_else(
        || env::temp_dir().join("chronos-launch-rate"),
        PathBuf::from,
    );
    let runs = args
        .next()
        .and_then(|runs| runs.to_str()?.parse().ok())
        .unwrap_or(3000);
    match measure(folder, runs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The one place where there is nobody else to tell.
            let told = writeln!(io::stderr(), "launch_rate: {error}");
            if told.is_ok() {
                ExitCode::FAILURE
            } else {
                ExitCode::from(2)
            }
        }
    }
}

#[tokio::main]
async fn measure(folder: PathBuf, runs: usize) -> io::Result<()> {
    let mut config = AgentConfig::new(folder, "localhost");
    let much = Scalar::from_units(1_000_000_000);
    config.resources = Some(Resources::new(much, much, much));
    let cluster = Agent::start(config).await.map_err(io::Error::other)?;
    let mut bench = Bench {
        cluster,
        offer: None,
        sent: BTreeMap::new(),
        dropped: 0,
        salt: now_ms(),
    };
    let mut out = io::stdout();

    for (name, shell) in [("without a shell", false), ("by the shell", true)] {
        let began = Instant::now();
        bench.throughput(runs, shell).await?;
        let took = began.elapsed().as_secs_f64();
        let rate = f64::from(u32::try_from(runs).map_err(io::Error::other)?) / took;
        writeln!(
            out,
            "{runs} runs of `true` {name}, {AT_ONCE} at once: {rate:.0} a second"
        )?;
    }

    let mut lags = bench.lags(PACE * 10).await?;
    lags.sort_unstable();
    let at = |percent: usize| {
        lags.get(lags.len() * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    writeln!(
        out,
        "{PACE} starts a second, launch to the command's clock: p50 {:?}, p99 {:?}, max {:?}",
        at(50),
        at(99),
        lags.last().copied().unwrap_or_default()
    )?;
    writeln!(
        out,
        "launches that crossed a rescinded offer: {}",
        bench.dropped
    )?;
    bench.cluster.stop().await;
    Ok(())
}

struct Bench {
    cluster: LocalCluster,
    offer: Option<OfferId>,
    sent: BTreeMap<RunKey, Duration>,
    dropped: u32,
    salt: i64,
}

impl Bench {
    fn task(&mut self, command: &str, argument: Option<&str>, shell: bool) -> Task {
        self.salt += 1;
        let mut spec = shared::job("launch-rate", command);
        spec.shell = shell;
        spec.details.arguments.extend(argument.map(str::to_owned));
        let mut task = shared::task(spec);
        task.key.due = shared::DUE.plus_millis(self.salt);
        task
    }

    async fn call(&self, call: ClusterCall) -> io::Result<()> {
        self.cluster
            .calls
            .send(call)
            .await
            .map_err(io::Error::other)
    }

    /// Takes note of one event; returns the run that ended, if one did.
    async fn note(&mut self, event: Option<ClusterEvent>) -> io::Result<Option<RunKey>> {
        match event.ok_or_else(|| io::Error::other("the agent stopped"))? {
            ClusterEvent::Offers(offers) => {
                self.offer = offers.into_iter().next().map(|offer| offer.id);
            }
            ClusterEvent::Rescinded(id) => {
                self.offer = self.offer.take().filter(|offer| *offer != id);
            }
            ClusterEvent::Update(update) if update.state == TaskState::Finished => {
                self.call(ClusterCall::Acknowledge {
                    key: update.key.clone(),
                })
                .await?;
                return Ok(Some(update.key));
            }
            ClusterEvent::Update(update) if update.state == TaskState::Dropped => {
                // The launch crossed a rescind.
                self.dropped += 1;
                return Ok(Some(update.key));
            }
            ClusterEvent::Update(update) if update.state.is_terminal() => {
                return Err(io::Error::other(format!("{update:?}")));
            }
            ClusterEvent::Update(_) => {}
        }
        Ok(None)
    }

    async fn throughput(&mut self, runs: usize, shell: bool) -> io::Result<()> {
        let (mut left, mut flying) = (runs, 0);
        while left > 0 || flying > 0 {
            if flying < AT_ONCE
                && left > 0
                && let Some(offer) = self.offer.take()
            {
                let count = left.min(AT_ONCE - flying);
                let tasks: Vec<_> = (0..count).map(|_| self.task("true", None, shell)).collect();
                (left, flying) = (left - count, flying + count);
                self.call(ClusterCall::Launch {
                    offers: vec![offer],
                    tasks,
                })
                .await?;
            }
            let event = self.cluster.events.recv().await;
            if self.note(event).await?.is_some() {
                flying -= 1;
            }
        }
        Ok(())
    }

    async fn lags(&mut self, runs: u32) -> io::Result<Vec<Duration>> {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / PACE);
        let (mut launched, mut ended, mut lags) = (0, 0, Vec::new());
        while ended < runs {
            tokio::select! {
                _ = ticks.tick(), if launched < runs && self.offer.is_some() => {
                    let task = self.task("date", Some("+%s%N"), false);
                    launched += 1;
                    self.sent.insert(task.key.clone(), now());
                    if let Some(offer) = self.offer.take() {
                        self.call(ClusterCall::Launch { offers: vec![offer], tasks: vec![task] }).await?;
                    }
                }
                event = self.cluster.events.recv() => {
                    if let Some(key) = self.note(event).await? {
                        ended += 1;
                        lags.extend(self.lag(&key).await?);
                    }
                }
            }
        }
        Ok(lags)
    }

    async fn lag(&mut self, key: &RunKey) -> io::Result<Option<Duration>> {
        let Ok(chunk) = self.cluster.logs.read(key, LogStream::Stdout, 0, 64).await else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&chunk.bytes).into_owned();
        let started = Duration::from_nanos(text.trim().parse().map_err(io::Error::other)?);
        Ok(self
            .sent
            .remove(key)
            .map(|sent| started.saturating_sub(sent)))
    }
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn now_ms() -> i64 {
    i64::try_from(now().as_millis()).unwrap_or_default()
}
