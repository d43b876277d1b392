//! Killed again and again under load: every target has one outcome, and no run happened twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::Duration,
};

use fastrand::Rng;
use serde_json::{Value, json};

use crate::{
    client::Client,
    daemon::{Daemon, Process},
    home::Home,
    patience::wait_at_most,
};

pub(crate) const JOBS: usize = 50;

const KILLS: usize = 10;

/// How many targets each job has: as many as come while it is killed, and some more.
const TARGETS: u64 = 22;

/// The time between two targets of a job, in milliseconds.
const PERIOD: i64 = 2000;

/// The last targets come after 44 s, and then there are runs to end.
const END: Duration = Duration::from_secs(120);

/// What a job does, by its number: most only say that they ran.
pub(crate) fn job(home: &Home, number: usize, targets: u64) -> Value {
    // Without what tells launches of one run apart: a second one would be a second line.
    let ran = home.append("ran", "${mesos_task_id%%@*}");
    let (command, retries) = match number % 10 {
        3 => (format!("{ran}; sleep 1"), 0),
        5 => (format!("{ran}; exit 3"), 0),
        7 => (format!("{ran}; exit 4"), 1),
        _ => (ran, 0),
    };
    json!({
        "name": format!("job-{number}"),
        "schedule": format!("R{targets}//PT2S"),
        "command": command,
        "retries": retries,
        "retryDelay": 1,
        "concurrent": number.is_multiple_of(2),
        "cpus": 0.01,
        "mem": 1,
        "disk": 1,
    })
}

fn exit_code(number: usize) -> i64 {
    match number % 10 {
        5 => 3,
        7 => 4,
        _ => 0,
    }
}

#[test]
fn ten_kills_under_load_lose_nothing_and_repeat_nothing() {
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    let home = Home::new();
    let daemon = Daemon::start(&home);
    for number in 0..JOBS {
        daemon.create(&job(&home, number, TARGETS));
    }
    let mut process = daemon.into_process();
    for _ in 0..KILLS {
        // A third of them before it is ready.
        let life = if rng.u8(..3) == 0 {
            rng.u64(..300)
        } else {
            rng.u64(500..4500)
        };
        thread::sleep(Duration::from_millis(life));
        process.kill9();
        if rng.bool() {
            thread::sleep(Duration::from_secs(1));
        }
        process = Process::spawn(&home, &[]);
    }
    let daemon = process.ready();
    check_all(&daemon, &home, TARGETS, END);
    daemon.stop();
}

/// Waits until there is nothing left to run, and checks that each target had one outcome, and that what is
/// on record is what happened; returns how many runs there were.
pub(crate) fn check_all(daemon: &Client, home: &Home, targets: u64, patience: Duration) -> usize {
    check_jobs(daemon, home, JOBS, targets, patience)
}

/// The same for so many jobs.
pub(crate) fn check_jobs(
    daemon: &Client,
    home: &Home,
    jobs: usize,
    targets: u64,
    patience: Duration,
) -> usize {
    wait_at_most(
        patience,
        "all jobs have no targets left and no runs",
        || {
            let jobs = daemon.json("/v1/scheduler/jobs");
            let mut jobs = jobs.as_array().unwrap().iter();
            jobs.all(|job| job["nextRun"].is_null() && job["state"] == "idle")
                .then_some(())
        },
    );
    let ran = Ran::read(home);
    // Not all were missed, or this would show little.
    eprintln!("{} runs", ran.0.len());
    assert!(ran.0.len() > jobs * 4, "{} runs", ran.0.len());
    let mut known = BTreeSet::new();
    for number in 0..jobs {
        check_job(daemon, number, targets, &ran, &mut known);
    }
    let unknown: Vec<_> = ran.0.keys().filter(|id| !known.contains(*id)).collect();
    assert!(unknown.is_empty(), "ran, but nobody knows: {unknown:?}");
    ran.0.len()
}

/// How often each run happened, as the runs themselves say.
struct Ran(BTreeMap<String, u32>);

impl Ran {
    fn read(home: &Home) -> Self {
        let mut times = BTreeMap::new();
        for id in home.lines("ran") {
            *times.entry(id).or_default() += 1;
        }
        Self(times)
    }

    fn times(&self, id: &str) -> u32 {
        self.0.get(id).copied().unwrap_or_default()
    }
}

fn check_job(
    daemon: &Client,
    number: usize,
    targets: u64,
    ran: &Ran,
    known: &mut BTreeSet<String>,
) {
    let runs = daemon.runs(&format!("job-{number}"));
    let mut seen: BTreeMap<i64, u32> = BTreeMap::new();
    for run in &runs {
        check_run(run, number, ran);
        let id = run["id"].as_str().unwrap().to_owned();
        assert!(known.insert(id), "told of twice: {run}");
        if run["attempt"] == 0 {
            for target in targets_of(run) {
                *seen.entry(target).or_default() += 1;
            }
        }
    }
    let first = *seen.keys().next().unwrap();
    let wanted = (0..i64::try_from(targets).unwrap()).map(|k| (first + k * PERIOD, 1));
    assert!(
        seen.iter().map(|(at, times)| (*at, *times)).eq(wanted),
        "job-{number}: {seen:?}"
    );
    // Those that could have been tried again, and were not taken over by newer targets, were.
    let ended = |outcome: &str| runs.iter().filter(|run| run["outcome"] == outcome).count();
    let job = daemon.job(&format!("job-{number}"));
    assert_eq!(job["successCount"], ended("succeeded"), "{job}");
}

fn check_run(run: &Value, number: usize, ran: &Ran) {
    assert_eq!(run["state"], "ended", "{run}");
    let id = run["id"].as_str().unwrap();
    let code = exit_code(number);
    let times = match run["outcome"].as_str().unwrap() {
        "succeeded" => {
            assert_eq!((&run["exitCode"], code), (&json!(0), 0), "{run}");
            1
        }
        "failed" => {
            assert_eq!(run["exitCode"], code, "{run}");
            assert_ne!(code, 0, "{run}");
            1
        }
        "missed" | "superseded" => {
            assert!(run["startedAt"].is_null(), "{run}");
            0
        }
        other => panic!("{other}: {run}"),
    };
    assert_eq!(ran.times(id), times, "{run}");
}

/// The targets that a record stands for, in milliseconds.
fn targets_of(run: &Value) -> impl Iterator<Item = i64> + use<> {
    // `ct:<due>:<attempt>:<job>:`; the due time of a target is the target.
    let due = run["id"].as_str().unwrap().split(':').nth(1).unwrap();
    let due: i64 = due.parse().unwrap();
    let covered = run["covers"]["count"].as_i64().unwrap_or_default();
    (0..=covered).map(move |k| due - k * PERIOD)
}
