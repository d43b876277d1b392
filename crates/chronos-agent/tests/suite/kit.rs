//! A scheduler for one test: holds the offer, launches, waits for updates.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use chronos_agent::{Agent, AgentConfig, LocalCluster, Logs, SupervisorProgram};
use chronos_core::{
    ClusterCall, ClusterEvent, Launch, Launched, Offer, OfferId, Task, TaskState, TaskUpdate,
};
use chronos_model::{JobSpec, RunKey};
use resources::{Resources, Scalar};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};
use tempfile::TempDir;

use crate::shared;

/// When a test that waits is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Kit {
    pub(crate) cluster: LocalCluster,
    pub(crate) offer: Option<Offer>,
    /// Events that nobody waited for yet, in order.
    pub(crate) unread: Vec<TaskUpdate>,
    pub(crate) rescinded: Vec<OfferId>,
}

pub(crate) fn config(home: &Path) -> AgentConfig {
    let mut config = AgentConfig::new(home.join("agent"), "testhost");
    config.resources = Some(amount(4, 4096, 4096));
    config.supervisor = SupervisorProgram {
        program: env!("CARGO_BIN_EXE_chronos-agent-testd").into(),
        name: "chronosd".into(),
        args: vec!["supervise".to_owned()],
    };
    config
}

pub(crate) fn amount(cpus: i64, mem: i64, disk: i64) -> Resources {
    let [cpus, mem, disk] = [cpus, mem, disk].map(Scalar::from_units);
    Resources::new(cpus, mem, disk)
}

pub(crate) fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

impl Kit {
    pub(crate) async fn start(home: &TempDir) -> Self {
        Self::start_with(config(home.path())).await
    }

    pub(crate) async fn start_with(config: AgentConfig) -> Self {
        let cluster = Agent::start(config).await.unwrap();
        Self {
            cluster,
            offer: None,
            unread: Vec::new(),
            rescinded: Vec::new(),
        }
    }

    pub(crate) async fn call(&self, call: ClusterCall) {
        self.cluster.calls.send(call).await.unwrap();
    }

    pub(crate) async fn kill(&self, key: &RunKey) {
        self.call(ClusterCall::Kill { key: key.clone() }).await;
    }

    pub(crate) async fn ack(&self, key: &RunKey) {
        self.call(ClusterCall::Acknowledge { key: key.clone() })
            .await;
    }

    pub(crate) async fn reconcile(&self, key: &RunKey) {
        self.call(ClusterCall::Reconcile {
            tasks: vec![Launched {
                key: key.clone(),
                launch: Launch::default(),
                agent: None,
            }],
        })
        .await;
    }

    pub(crate) async fn step(&mut self) {
        let event = tokio::time::timeout(PATIENCE, self.cluster.events.recv()).await;
        match event.expect("an event in time").expect("the agent runs") {
            ClusterEvent::Offers(mut offers) => {
                assert_eq!(
                    (offers.len(), &self.offer),
                    (1, &None),
                    "one offer at a time"
                );
                self.offer = offers.pop();
            }
            ClusterEvent::Rescinded(id) => {
                self.offer.take_if(|offer| offer.id == id);
                self.rescinded.push(id);
            }
            ClusterEvent::Update(update) => self.unread.push(update),
        }
    }

    pub(crate) async fn offer(&mut self) -> Offer {
        loop {
            if let Some(offer) = self.offer.take() {
                return offer;
            }
            self.step().await;
        }
    }

    pub(crate) async fn launch(&mut self, tasks: Vec<Task>) {
        let offer = self.offer().await.id;
        self.call(ClusterCall::Launch {
            offers: vec![offer],
            tasks,
        })
        .await;
    }

    /// The next update of a task, whatever it says.
    pub(crate) async fn next(&mut self, key: &RunKey) -> TaskUpdate {
        loop {
            if let Some(at) = self.unread.iter().position(|update| update.key == *key) {
                return self.unread.remove(at);
            }
            self.step().await;
        }
    }

    pub(crate) async fn wait(&mut self, key: &RunKey, state: TaskState) -> TaskUpdate {
        let update = self.next(key).await;
        assert_eq!(update.state, state, "{update:?}");
        update
    }

    /// Launches a job and waits until it runs.
    pub(crate) async fn begin(&mut self, job: JobSpec) -> RunKey {
        let task = shared::task(job);
        let key = task.key.clone();
        self.launch(vec![task]).await;
        self.wait(&key, TaskState::Running).await;
        key
    }

    /// Launches a job and waits for its end.
    pub(crate) async fn end_of(&mut self, job: JobSpec) -> TaskUpdate {
        let key = self.begin(job).await;
        self.next(&key).await
    }

    pub(crate) fn sandbox(&self, key: &RunKey) -> PathBuf {
        self.cluster.logs.sandbox(key)
    }

    pub(crate) fn folder(&self, key: &RunKey) -> PathBuf {
        self.sandbox(key).parent().unwrap().to_owned()
    }

    pub(crate) fn stdout(&self, key: &RunKey) -> String {
        fs::read_to_string(self.sandbox(key).join("stdout")).unwrap()
    }

    pub(crate) async fn stop(self) {
        self.cluster.stop().await;
    }
}

/// A command that says so in its log when it runs, and goes on when `file` is there.
pub(crate) fn until(file: &Path, then: &str) -> String {
    format!(
        "echo begun; until [ -e '{}' ]; do sleep 0.02; done; {then}",
        file.display()
    )
}

/// Waits until nobody holds the claim of a run: until its supervisor is gone.
pub(crate) async fn supervisor_gone(folder: PathBuf) {
    tokio::task::spawn_blocking(move || File::open(folder.join("claim")).unwrap().lock().unwrap())
        .await
        .unwrap();
}

/// Waits until a run's command is noted, and tells who supervises it.
pub(crate) async fn supervisor_of(kit: &Kit, key: &RunKey) -> Pid {
    let claim = kit.folder(key).join("claim");
    let reading = async {
        loop {
            let text = fs::read_to_string(&claim).unwrap_or_default();
            if text.lines().count() == 2 {
                return text
                    .split(|c: char| !c.is_ascii_digit())
                    .find_map(|part| part.parse().ok());
            }
            tokio::task::yield_now().await;
        }
    };
    let pid = tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("a command in time");
    Pid::from_raw(pid.unwrap()).unwrap()
}

/// Waits until a process is gone or a zombie; its handle tells.
pub(crate) async fn process_gone(pid: i32) {
    let Ok(process) = pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()) else {
        return;
    };
    let patience = Timespec {
        tv_sec: PATIENCE.as_secs().cast_signed(),
        tv_nsec: 0,
    };
    let ended = tokio::task::spawn_blocking(move || {
        poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&patience)).unwrap()
    });
    assert_eq!(ended.await.unwrap(), 1, "process {pid} is still there");
}

/// Waits until a log has so many lines, by following it.
pub(crate) async fn lines(logs: &Logs, key: &RunKey, count: usize) -> Vec<String> {
    let reading = async {
        loop {
            let text = fs::read_to_string(logs.sandbox(key).join("stdout")).unwrap_or_default();
            if text.lines().count() >= count && text.ends_with('\n') {
                return text.lines().map(str::to_owned).collect();
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("lines in time")
}
