//! The daemon as a whole: how late runs start, how many it carries through, what it costs at rest.
//!
//! `cargo bench --bench daemon` builds `chronosd` in the default release profile, starts it on a new
//! folder for each measurement, and prints the numbers. It takes about a minute and a half.
#![expect(clippy::print_stdout, reason = "a report for people")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// How long each measurement looks on, after a moment to settle.
const WINDOW: Duration = Duration::from_secs(20);
const SETTLE: Duration = Duration::from_secs(4);

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    // This program is also the command of the measured runs: its first act is to read the clock.
    if let [_, word, file] = args.as_slice()
        && word == "stamp"
    {
        return stamp(Path::new(file));
    }
    let chronosd = build()?;
    start_lag(&chronosd)?;
    throughput(&chronosd)?;
    idle(&chronosd)
}

fn stamp(file: &Path) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    let due = std::env::var("CHRONOS_JOB_RUN_TIME")?;
    let line = format!("{due} {now}\n");
    // One short append: other runs write to the same file.
    fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(file)?
        .write_all(line.as_bytes())?;
    Ok(())
}

fn build() -> Result<PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_unset| "cargo".to_owned());
    let output = Command::new(cargo)
        .args([
            "build",
            "--release",
            "-p",
            "chronosd",
            "--bin",
            "chronosd",
            "--message-format",
            "json",
        ])
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = messages
        .filter(|message| message["target"]["name"] == "chronosd")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    program.context("cargo built no chronosd")
}

/// 100 runs a second, spread evenly: the first instruction of each against its target.
fn start_lag(chronosd: &Path) -> Result<()> {
    let daemon = Daemon::start(chronosd)?;
    let file = daemon.folder.path().join("stamps");
    let own = std::env::current_exe()?;
    for job in 0..100 {
        daemon.post(&json!({
            "name": format!("lag-{job}"), "shell": false, "command": own,
            "arguments": ["stamp", file], "retries": 0,
            "schedule": format!("R/2024-01-01T00:00:00.{:03}Z/PT1S", job * 10),
        }))?;
    }
    thread::sleep(SETTLE);
    fs::write(&file, "")?;
    thread::sleep(WINDOW);
    let text = fs::read_to_string(&file)?;
    let mut lags: Vec<i64> = text.lines().filter_map(lag_micros).collect();
    lags.sort_unstable();
    let at = |thousandths: usize| {
        lags.get(lags.len() * thousandths / 1000)
            .copied()
            .unwrap_or_default()
    };
    let millis = |micros: i64| Duration::from_micros(micros.unsigned_abs());
    println!(
        "start lag, 100 runs/s: {} runs in {WINDOW:?}; p50 {:.1?}, p90 {:.1?}, p99 {:.1?}, max {:.1?}",
        lags.len(),
        millis(at(500)),
        millis(at(900)),
        millis(at(990)),
        millis(lags.last().copied().unwrap_or_default()),
    );
    Ok(())
}

fn lag_micros(line: &str) -> Option<i64> {
    let (due, now) = line.split_once(' ')?;
    Some(now.parse::<i64>().ok()? - due.parse::<i64>().ok()? * 1000)
}

/// More targets than can be met: the durable successes each second.
fn throughput(chronosd: &Path) -> Result<()> {
    const JOBS: usize = 2000;
    let daemon = Daemon::start(chronosd)?;
    for job in 0..JOBS {
        daemon.post(&json!({
            "name": format!("rate-{job}"), "shell": false, "command": "true", "retries": 0,
            "schedule": format!("R/2024-01-01T00:00:00.{:03}Z/PT1S", job * 1000 / JOBS),
        }))?;
    }
    thread::sleep(SETTLE);
    let (before, began) = (daemon.successes()?, Instant::now());
    thread::sleep(WINDOW);
    let (after, took) = (daemon.successes()?, began.elapsed());
    let runs = after - before;
    let rate = u128::from(runs) * 1000 / took.as_millis();
    println!("durable runs of `true`, {JOBS} wanted a second: {rate} a second");
    Ok(())
}

/// 1,000 jobs that are not due.
fn idle(chronosd: &Path) -> Result<()> {
    let daemon = Daemon::start(chronosd)?;
    for job in 0..1000 {
        daemon.post(&json!({
            "name": format!("idle-{job}"), "command": "true", "schedule": "R/2099-01-01T00:00:00Z/P1D",
        }))?;
    }
    thread::sleep(SETTLE);
    let before = daemon.cpu_ticks()?;
    thread::sleep(WINDOW);
    let ticks = daemon.cpu_ticks()? - before;
    // A tick is a hundredth of a second on every Linux that people run.
    let share = ticks * 10 * 1000 / u64::try_from(WINDOW.as_millis())?;
    println!(
        "1,000 jobs at rest: {} KB resident, {}.{} % of a core",
        daemon.resident_kb()?,
        share / 10,
        share % 10
    );
    Ok(())
}

/// A running `chronosd`, ended when dropped.
struct Daemon {
    child: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Daemon {
    fn start(chronosd: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut child = Command::new(chronosd)
            .args([
                "--http_port",
                "0",
                "--log_format",
                "json",
                "--log_level",
                "warn,chronosd=info",
            ])
            // A run of `true` asks for a tenth of a core; what limits here is to be the machine.
            .args(["--agent_cpus", "64"])
            .arg("--data_dir")
            .arg(folder.path().join("data"))
            .stderr(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("no log")?).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let line: Value = serde_json::from_str(&line).ok()?;
            line["url"]
                .as_str()?
                .strip_prefix("http://")
                .map(str::to_owned)
        });
        // Somebody has to read the rest, else the daemon would wait for it.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(Self {
            child,
            address: address.context("chronosd did not start")?,
            folder,
        })
    }

    fn post(&self, job: &Value) -> Result<()> {
        let (status, body) = self.request("POST", "/v1/scheduler/iso8601", &job.to_string())?;
        if status != 204 {
            bail!("posting a job: {status} {body}");
        }
        Ok(())
    }

    fn successes(&self) -> Result<u64> {
        let (_, body) = self.request("GET", "/v1/scheduler/jobs", "")?;
        let jobs: Value = serde_json::from_str(&body)?;
        let jobs = jobs.as_array().context("no list of jobs")?;
        Ok(jobs
            .iter()
            .filter_map(|job| job["successCount"].as_u64())
            .sum())
    }

    // HTTP/1.0 needs no more than this: the end of the answer is the end of the connection.
    fn request(&self, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
        let mut stream = std::net::TcpStream::connect(&self.address)?;
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )?;
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer)?;
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Ok((status.context("no status")?, body.to_owned()))
    }

    fn cpu_ticks(&self) -> Result<u64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Behind the name, which may hold anything, the times are the 12th and 13th word.
        let words = stat
            .rsplit(')')
            .next()
            .context("no stat")?
            .split_whitespace();
        Ok(words
            .skip(11)
            .take(2)
            .filter_map(|word| word.parse::<u64>().ok())
            .sum())
    }

    fn resident_kb(&self) -> Result<String> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        Ok(line
            .context("no VmRSS")?
            .trim()
            .trim_end_matches(" kB")
            .to_owned())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A daemon that is gone already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
