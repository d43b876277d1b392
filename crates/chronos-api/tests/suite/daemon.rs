//! A daemon in memory: the real scheduler, writes that are durable at once, and an agent that starts
//! what it is given and ends it when the test says so. Time stands still until it is moved.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use chronos_api::{
    Backend, ClusterInfo, ClusterOrder, CommandError, Health, LogError, LogPart, LogStream,
    OrderError, Part, Unavailable,
};
use chronos_core::{
    Abilities, AgentId, ClusterCall, ClusterEvent, Command, Effect, Input, Mono, Now, Offer,
    OfferId, Reply, RequestId, Scheduler, Settings, Task, TaskState, TaskUpdate, View,
};
use chronos_model::{JobDefaults, Run, RunKey, RunQuery, RunState, Snapshot, Timestamp, Write};
use resources::{Attributes, Resources, Scalar};

/// Where time begins: 2024-05-01T00:00:00Z.
pub(crate) const START: &str = "2024-05-01T00:00:00.000Z";

const AGENT: &str = "agent-1";

/// How many ended runs a query returns at most, so that lists have to be asked for page by page.
pub(crate) const PAGE_LEN: usize = 3;

#[derive(Debug)]
pub(crate) struct Daemon {
    defaults: JobDefaults,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    scheduler: Scheduler,
    now: Timestamp,
    store: BTreeMap<RunKey, Run>,
    tasks: BTreeMap<RunKey, Task>,
    offers: u64,
    inputs: VecDeque<Input>,
    replies: BTreeMap<RequestId, Result<Reply, chronos_core::Refusal>>,
    requests: u64,
    logs: BTreeMap<RunKey, Vec<u8>>,
    /// What is wrong, when nothing can be asked of it.
    outage: Option<String>,
    /// Who leads, when it is another one.
    follows: Option<String>,
    /// Who has the logs, when it is another one.
    logs_at: Option<String>,
    /// Where the tasks run, when not here.
    cluster: Option<ClusterInfo>,
    /// The next command panics.
    defect: bool,
    /// Commands are never answered.
    hanging: bool,
    /// How often a log was read.
    log_reads: u64,
}

impl Daemon {
    pub(crate) fn new() -> Arc<Self> {
        let now: Timestamp = START.parse().unwrap();
        let clocks = Now {
            wall: now,
            mono: Mono(0),
        };
        let scheduler = Scheduler::recover(Settings::default(), clocks, Snapshot::default());
        let mut inner = Inner {
            scheduler,
            now,
            store: BTreeMap::new(),
            tasks: BTreeMap::new(),
            offers: 0,
            inputs: VecDeque::new(),
            replies: BTreeMap::new(),
            requests: 0,
            logs: BTreeMap::new(),
            outage: None,
            follows: None,
            logs_at: None,
            cluster: None,
            defect: false,
            hanging: false,
            log_reads: 0,
        };
        inner.offer();
        inner.work();
        Arc::new(Self {
            defaults: JobDefaults::default(),
            inner: Mutex::new(inner),
        })
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, secs: i64) {
        let mut inner = self.lock();
        inner.now = inner.now.plus_millis(secs * 1000);
        inner.inputs.push_back(Input::Tick);
        inner.work();
    }

    /// Lets the scheduler look after so many jobs.
    pub(crate) fn audit(&self, jobs: usize) {
        let mut inner = self.lock();
        inner.inputs.push_back(Input::Audit { jobs });
        inner.work();
    }

    /// Ends a task with an exit code.
    pub(crate) fn finish(&self, key: &RunKey, exit_code: i32) {
        self.lock().finish(key, exit_code);
    }

    /// Ends the only task of a job.
    pub(crate) fn finish_job(&self, job: &str, exit_code: i32) -> RunKey {
        let key = self.running(job).expect("the job has a task");
        self.finish(&key, exit_code);
        key
    }

    /// Returns the task of a job that runs.
    pub(crate) fn running(&self, job: &str) -> Option<RunKey> {
        let inner = self.lock();
        inner
            .tasks
            .keys()
            .find(|key| key.job.as_str() == job)
            .cloned()
    }

    /// Returns the arguments that the task of a job was given.
    pub(crate) fn arguments(&self, job: &str) -> Option<String> {
        let key = self.running(job)?;
        self.lock().tasks.get(&key)?.arguments.clone()
    }

    /// Lets a run print something to its standard output.
    pub(crate) fn print(&self, key: &RunKey, text: &[u8]) {
        let mut inner = self.lock();
        inner.logs.entry(key.clone()).or_default().extend(text);
    }

    /// Puts what a run printed aside; what it prints from now on begins anew.
    pub(crate) fn rotate(&self, key: &RunKey) {
        self.lock().logs.insert(key.clone(), Vec::new());
    }

    /// Makes all that needs the store fail, or work again.
    pub(crate) fn set_outage(&self, problem: Option<&str>) {
        self.lock().outage = problem.map(str::to_owned);
    }

    /// Makes it follow another one.
    pub(crate) fn set_follows(&self, leader: Option<String>) {
        self.lock().follows = leader;
    }

    /// Has its logs kept by another one.
    pub(crate) fn set_cluster(&self, cluster: ClusterInfo) {
        self.lock().cluster = Some(cluster);
    }

    pub(crate) fn set_logs_at(&self, host: String) {
        self.lock().logs_at = Some(host);
    }

    /// Makes the next command panic.
    pub(crate) fn set_defect(&self) {
        self.lock().defect = true;
    }

    /// Puts a run into the store, whatever the scheduler knows of it.
    pub(crate) fn remember(&self, run: Run) {
        self.lock().store.insert(run.key.clone(), run);
    }

    /// Leaves all commands unanswered from now on.
    pub(crate) fn hang(&self) {
        self.lock().hanging = true;
    }

    /// Returns how often a log was read.
    pub(crate) fn log_reads(&self) -> u64 {
        self.lock().log_reads
    }

    fn is_hanging(&self) -> bool {
        self.lock().hanging
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn check(&self) -> Result<(), Unavailable> {
        match self.outage.clone() {
            Some(problem) => Err(Unavailable { problem }),
            None => Ok(()),
        }
    }

    /// Takes in what waits, and carries out what follows from it.
    fn work(&mut self) {
        self.effects();
        while let Some(input) = self.inputs.pop_front() {
            let now = Now {
                wall: self.now,
                mono: Mono(u64::try_from(self.now.millis()).unwrap()),
            };
            self.scheduler.handle(now, input);
            self.effects();
        }
    }

    fn effects(&mut self) {
        while let Some(effect) = self.scheduler.next_effect() {
            match effect {
                Effect::Persist { request, writes } => {
                    for write in writes {
                        if let Write::PutRun(run) = write {
                            self.store.insert(run.key.clone(), Run::clone(&run));
                        }
                    }
                    self.inputs.push_back(Input::Persisted(request));
                }
                Effect::Reply { request, reply } => {
                    self.replies.insert(request, reply);
                }
                Effect::Cluster(call) => self.cluster(call),
                Effect::Notice(_) => {}
            }
        }
    }

    fn cluster(&mut self, call: ClusterCall) {
        match call {
            ClusterCall::Launch { tasks, .. } => {
                for task in tasks {
                    let key = task.key.clone();
                    self.tasks.insert(key.clone(), task);
                    self.logs.entry(key.clone()).or_default();
                    self.update(&key, TaskState::Running, None);
                }
                self.offer();
            }
            ClusterCall::Decline { .. } => self.offer(),
            ClusterCall::Kill { key } => {
                if self.tasks.remove(&key).is_some() {
                    self.update(&key, TaskState::Killed, None);
                }
            }
            ClusterCall::Acknowledge { .. }
            | ClusterCall::Reconcile { .. }
            | ClusterCall::Want { .. }
            | ClusterCall::Constrain { .. } => {}
        }
    }

    fn finish(&mut self, key: &RunKey, exit_code: i32) {
        self.tasks.remove(key).expect("the task runs");
        let state = if exit_code == 0 {
            TaskState::Finished
        } else {
            TaskState::Failed
        };
        self.update(key, state, Some(exit_code));
        self.work();
    }

    fn update(&mut self, key: &RunKey, state: TaskState, exit_code: Option<i32>) {
        let message = exit_code
            .filter(|&code| code != 0)
            .map(|code| format!("exited with {code}"));
        let update = TaskUpdate {
            key: key.clone(),
            launch: None,
            agent: AgentId(AGENT.into()),
            state,
            exit_code,
            message,
            started_at: (state == TaskState::Running).then_some(self.now),
            at: self.now,
        };
        self.inputs
            .push_back(Input::Cluster(ClusterEvent::Update(update)));
    }

    // A machine of 8 cores, all of them again each time: what fits where is not tested here.
    fn offer(&mut self) {
        self.offers += 1;
        let offer = Offer {
            id: OfferId(format!("offer-{}", self.offers).into()),
            agent: AgentId(AGENT.into()),
            hostname: "localhost".into(),
            resources: Resources::new(
                Scalar::from_units(8),
                Scalar::from_units(8192),
                Scalar::from_units(100_000),
            ),
            attributes: Arc::new(Attributes::default()),
            role: None,
            abilities: Abilities::default(),
        };
        self.inputs
            .push_back(Input::Cluster(ClusterEvent::Offers(vec![offer])));
    }
}

#[async_trait]
impl Backend for Daemon {
    fn view(&self) -> Arc<View> {
        Arc::new(self.lock().scheduler.view())
    }

    async fn command(&self, command: Command) -> Result<Reply, CommandError> {
        if self.is_hanging() {
            std::future::pending::<()>().await;
        }
        let mut inner = self.lock();
        assert!(!std::mem::take(&mut inner.defect), "a secret of the daemon");
        inner.check()?;
        inner.requests += 1;
        let request = RequestId(inner.requests);
        inner.inputs.push_back(Input::Command { request, command });
        inner.work();
        let reply = inner.replies.remove(&request).expect("it was answered");
        Ok(reply?)
    }

    async fn ended_runs(&self, query: RunQuery) -> Result<Vec<Run>, Unavailable> {
        let inner = self.lock();
        inner.check()?;
        let older = match query.before {
            Some(before) => inner.store.range(..before),
            None => inner.store.range::<RunKey, _>(..),
        };
        let runs = older.rev().map(|(_, run)| run);
        let runs = runs.filter(|run| run.key.job == query.job && run.state == RunState::Ended);
        let limit = query.limit.min(PAGE_LEN);
        Ok(runs.take(limit).cloned().collect())
    }

    async fn stored_run(&self, key: &RunKey) -> Result<Option<Run>, Unavailable> {
        let inner = self.lock();
        inner.check()?;
        Ok(inner.store.get(key).cloned())
    }

    async fn read_log(
        &self,
        key: &RunKey,
        stream: LogStream,
        offset: u64,
        max: usize,
    ) -> Result<LogPart, LogError> {
        let mut inner = self.lock();
        inner.log_reads += 1;
        let ended = !inner.tasks.contains_key(key);
        let Some(printed) = inner.logs.get(key) else {
            return Err(LogError::NotFound {
                problem: "the run was never given to an agent".to_owned(),
            });
        };
        let printed: &[u8] = match stream {
            LogStream::Stdout => printed,
            LogStream::Stderr => &[],
        };
        let from = usize::try_from(offset).unwrap().min(printed.len());
        let to = (from + max).min(printed.len());
        Ok(LogPart {
            bytes: Bytes::copy_from_slice(&printed[from..to]),
            size: u64::try_from(printed.len()).unwrap(),
            ended,
        })
    }

    fn cluster(&self) -> Option<ClusterInfo> {
        self.lock().cluster.clone()
    }

    async fn order(&self, order: ClusterOrder) -> Result<(), OrderError> {
        let mut inner = self.lock();
        let cluster = inner.cluster.as_mut().ok_or(OrderError::NoCluster)?;
        match order {
            ClusterOrder::Retry => cluster.standing = "waiting",
            ClusterOrder::Forget { framework }
                if cluster.framework.as_ref() == Some(&framework) =>
            {
                cluster.framework = None;
            }
            ClusterOrder::Forget { framework } => {
                return Err(OrderError::Conflict(format!("not {framework}")));
            }
        }
        Ok(())
    }

    fn defaults(&self) -> &JobDefaults {
        &self.defaults
    }

    fn now(&self) -> Timestamp {
        self.lock().now
    }

    async fn log_host(&self, agent: &str) -> Option<String> {
        assert!(!agent.is_empty(), "a run that was launched has one");
        self.lock().logs_at.clone()
    }

    fn leader(&self) -> Option<String> {
        let inner = self.lock();
        let own = || "localhost:4400".to_owned();
        let leader = inner.follows.clone().unwrap_or_else(own);
        Some(leader).filter(|leader| inner.outage.is_none() && !leader.is_empty())
    }

    fn is_leader(&self) -> bool {
        self.lock().follows.is_none()
    }

    fn health(&self) -> Health {
        Health {
            parts: vec![
                Part::new("store", self.lock().outage.clone()),
                Part::new("agent", None),
            ],
            role: "leader",
            role_since: Timestamp::default(),
            is_shared: false,
        }
    }
}
