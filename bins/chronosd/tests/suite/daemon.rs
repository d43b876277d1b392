//! One `chronosd`, started and ended as an operator does, known by its own process id.

use std::{
    ffi::{OsStr, OsString},
    io::{BufRead as _, BufReader},
    ops::Deref,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{client::Client, home::Home, patience::wait_for};

/// What the machine offers to jobs: the same on each, and room for all jobs of a test.
const ROOM: [&str; 6] = [
    "--agent_cpus=64",
    "--agent_mem=65536",
    "--agent_disk=65536",
    "--hostname=e2e-host",
    "--log_format=json",
    "--http_address=127.0.0.1",
];

/// The program that was built with the tests; measurements want one that was built for them.
fn program() -> OsString {
    let other = std::env::var_os("CHRONOSD");
    other.unwrap_or_else(|| env!("CARGO_BIN_EXE_chronosd").into())
}

/// A daemon's process, ready or not. Dropping it kills it; its runs go on.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: Log,
    reader: Option<JoinHandle<()>>,
}

/// A daemon that is ready, and a client of it.
#[derive(Debug)]
pub(crate) struct Daemon {
    process: Process,
    client: Client,
}

/// What a daemon said when it had ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) log: Vec<Value>,
    pub(crate) took: Duration,
}

/// The lines of a log, read as they come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Value>>>);

impl Log {
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.0.lock().unwrap().clone()
    }

    /// The lines with a message.
    pub(crate) fn with(&self, message: &str) -> Vec<Value> {
        let mut lines = self.lines();
        lines.retain(|line| line["message"] == message);
        lines
    }

    fn read(&self, stderr: ChildStderr) {
        for line in BufReader::new(stderr).lines() {
            let line = line.unwrap();
            // What is no JSON is from before the log, such as a complaint about flags.
            let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
            self.0.lock().unwrap().push(value);
        }
    }
}

impl Process {
    /// Starts a daemon on the home's data folder and a free port; `args` come last.
    pub(crate) fn spawn(home: &Home, args: &[&str]) -> Self {
        Self::spawn_program(&program(), home, args)
    }

    /// Starts another program so.
    pub(crate) fn spawn_program(program: &OsStr, home: &Home, args: &[&str]) -> Self {
        let data = format!("--data_dir={}", home.data().display());
        let flag = |arg: &str| arg.split('=').next().unwrap_or(arg).to_owned();
        let given = |first: &&str| args.iter().any(|arg| flag(arg) == flag(first));
        let first = ROOM.into_iter().chain([&*data, "--http_port=0"]);
        Self::spawn_with(program, first.filter(|first| !given(first)), args)
    }

    /// Starts the program with nothing but `args`.
    pub(crate) fn spawn_plain(args: &[&str]) -> Self {
        Self::spawn_with(&program(), [], args)
    }

    fn spawn_with<'a>(
        program: &OsStr,
        first: impl IntoIterator<Item = &'a str>,
        then: &[&str],
    ) -> Self {
        let mut child = Command::new(program)
            .args(first)
            .args(then)
            .env_remove("MESOSPHERE_HTTP_CREDENTIALS")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let log = Log::default();
        let reader = {
            let log = log.clone();
            thread::spawn(move || log.read(stderr))
        };
        Self {
            child,
            log,
            reader: Some(reader),
        }
    }

    pub(crate) const fn log(&self) -> &Log {
        &self.log
    }

    /// Waits until it says that it is ready.
    pub(crate) fn ready(mut self) -> Daemon {
        let url = wait_for("chronosd is ready", || {
            let ended = self.child.try_wait().unwrap();
            assert_eq!(ended, None, "it ended: {:#?}", self.log.lines());
            let line = self.log.with("chronosd is ready").pop()?;
            Some(line["url"].as_str().unwrap().to_owned())
        });
        Daemon {
            process: self,
            client: Client::new(url),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // Not reaped yet, so the id is nobody else's.
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills it as a power switch would, as far as it is concerned.
    pub(crate) fn kill9(self) {
        self.signal(Signal::KILL);
        let ended = self.wait();
        assert!(!ended.status.success());
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Ended {
        let began = Instant::now();
        let status = wait_for("the daemon ends", || self.child.try_wait().unwrap());
        let took = began.elapsed();
        // Nobody else holds its standard error: the log is whole.
        self.reader.take().unwrap().join().unwrap();
        Ended {
            status,
            log: self.log.lines(),
            took,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        if thread::panicking() {
            // What it said helps to see why; a second panic would hide the first.
            for line in self.log.lines() {
                eprintln!("{line}");
            }
        } else {
            killed.unwrap();
        }
    }
}

impl Daemon {
    pub(crate) fn start(home: &Home) -> Self {
        Self::start_with(home, &[])
    }

    pub(crate) fn start_with(home: &Home, args: &[&str]) -> Self {
        Process::spawn(home, args).ready()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.child.try_wait().unwrap().is_some()
    }

    pub(crate) const fn process(&self) -> &Process {
        &self.process
    }

    pub(crate) fn into_process(self) -> Process {
        self.process
    }

    pub(crate) fn kill9(self) {
        self.process.kill9();
    }

    /// Asks it to end, and checks that it does so well.
    pub(crate) fn stop(self) -> Ended {
        self.process.signal(Signal::TERM);
        let ended = self.process.wait();
        assert_eq!(ended.status.code(), Some(0), "{:#?}", ended.log);
        ended
    }
}

impl Deref for Daemon {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
