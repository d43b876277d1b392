//! A store, an agent and a clock around the scheduler, all of which keep their promises.
//!
//! After every input the scheduler's invariants are walked, and these oracles look on: a launch follows
//! only a durable intent, no task is started twice, no run ends twice.

mod disk;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use chronos_core::{
    Abilities, AgentId, Cascade, ClusterCall, ClusterEvent, Command, Deadline, Effect, Input, Mono,
    Notice, Now, Offer, OfferId, PersistId, Refusal, Reply, RequestId, Scheduler, Settings,
    TaskState, TaskUpdate, View,
};
use chronos_model::{
    JobDefaults, JobKind, JobName, JobSpec, Outcome, RunKey, RunState, Snapshot, Timestamp, Write,
};
use resources::{Attributes, Resources, Scalar};
use serde_json::Value;

pub(crate) use self::disk::Disk;
use self::disk::largest_group;

pub(crate) struct World {
    pub(crate) scheduler: Scheduler,
    pub(crate) store: Disk,
    pub(crate) agent: Machine,
    pub(crate) settings: Settings,
    wall: Timestamp,
    mono: u64,
    /// Whether writes become durable at once; else only by [`World::write`].
    pub(crate) slow_store: bool,
    unwritten: VecDeque<(PersistId, Vec<Write>)>,
    largest_write: usize,
    requests: u64,
    replies: BTreeMap<RequestId, Result<Reply, Refusal>>,
    pub(crate) trace: Vec<String>,
    pub(crate) notices: Vec<Notice>,
}

/// An agent: what it was given, and what it has told.
pub(crate) struct Machine {
    pub(crate) slots: usize,
    offers: u64,
    pub(crate) open: BTreeSet<OfferId>,
    pub(crate) running: BTreeSet<RunKey>,
    pub(crate) started: BTreeSet<RunKey>,
    started_at: BTreeMap<RunKey, Timestamp>,
    unacknowledged: BTreeMap<RunKey, TaskUpdate>,
    /// Orders to kill are lost on the way.
    pub(crate) deaf: bool,
    /// How many there were.
    pub(crate) kills: usize,
    /// Tasks do not come to run.
    pub(crate) stuck: bool,
}

impl World {
    pub(crate) fn new(start: &str) -> Self {
        Self::with_settings(start, Settings::default())
    }

    pub(crate) fn with_settings(start: &str, settings: Settings) -> Self {
        let wall = instant(start);
        let now = Now {
            wall,
            mono: Mono(0),
        };
        let mut world = Self {
            scheduler: Scheduler::recover(settings.clone(), now, Snapshot::default()),
            store: Disk::default(),
            agent: Machine {
                slots: 20,
                offers: 0,
                open: BTreeSet::new(),
                running: BTreeSet::new(),
                started: BTreeSet::new(),
                started_at: BTreeMap::new(),
                unacknowledged: BTreeMap::new(),
                deaf: false,
                kills: 0,
                stuck: false,
            },
            settings,
            wall,
            mono: 0,
            slow_store: false,
            unwritten: VecDeque::new(),
            largest_write: 0,
            requests: 0,
            replies: BTreeMap::new(),
            trace: Vec::new(),
            notices: Vec::new(),
        };
        world.offer();
        world
    }

    // Time.

    pub(crate) fn now(&self) -> Timestamp {
        self.wall
    }

    /// Goes on to an instant, as the daemon does: by way of each deadline.
    pub(crate) fn until(&mut self, time: &str) {
        self.until_instant(instant(time));
    }

    pub(crate) fn until_instant(&mut self, end: Timestamp) {
        while let Some(deadline) = self.next_deadline().filter(|&deadline| deadline <= end) {
            self.set_clock(deadline.max(self.wall));
        }
        self.set_clock(end);
    }

    // Both clocks go alike while nobody sets one.
    fn next_deadline(&self) -> Option<Timestamp> {
        let Deadline { wall, mono } = self.scheduler.deadline();
        let mono = mono.map(|Mono(mono)| {
            let left = i64::try_from(mono.saturating_sub(self.mono)).unwrap();
            self.wall.plus_millis(left)
        });
        wall.into_iter().chain(mono).min()
    }

    /// Sets the wall clock, forwards or back, without stopping in between.
    pub(crate) fn set_clock(&mut self, wall: Timestamp) {
        self.mono += u64::try_from(wall.millis_since(self.wall)).unwrap_or(1);
        self.wall = wall;
        self.input(Input::Tick);
    }

    /// Sets the wall clock without any time passing.
    pub(crate) fn turn_clock(&mut self, wall: Timestamp) {
        self.wall = wall;
        self.input(Input::Tick);
    }

    /// Goes on to whatever comes next.
    pub(crate) fn step(&mut self) {
        let next = self.next_deadline().expect("something is to come");
        self.set_clock(next.max(self.wall));
    }

    /// Lets the scheduler look after some of its jobs.
    pub(crate) fn audit(&mut self, jobs: usize) {
        self.input(Input::Audit { jobs });
    }

    // Commands.

    #[track_caller]
    pub(crate) fn put(&mut self, json: Value) {
        self.try_put(json).unwrap();
    }

    pub(crate) fn try_put(&mut self, json: Value) -> Result<Reply, Refusal> {
        let spec = spec(json, self.wall);
        self.command(Command::Put {
            spec: Arc::new(spec),
            source: None,
        })
    }

    pub(crate) fn command(&mut self, command: Command) -> Result<Reply, Refusal> {
        let request = self.send(command);
        self.replies
            .remove(&request)
            .expect("the store is fast, so there is a reply")
    }

    /// Sends a command without waiting for its reply.
    pub(crate) fn send(&mut self, command: Command) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.input(Input::Command { request, command });
        request
    }

    pub(crate) fn reply(&mut self, request: RequestId) -> Option<Result<Reply, Refusal>> {
        self.replies.remove(&request)
    }

    #[track_caller]
    pub(crate) fn run_now(&mut self, job: &str) -> RunKey {
        match self.command(Command::Run {
            job: name(job),
            arguments: None,
        }) {
            Ok(Reply::Run(key)) => key,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn delete(&mut self, job: &str, cascade: Cascade) -> Result<Reply, Refusal> {
        self.command(Command::Delete {
            job: name(job),
            cascade,
        })
    }

    // The agent.

    /// Lets all running tasks of a job end.
    #[track_caller]
    pub(crate) fn finish(&mut self, job: &str, state: TaskState) {
        let keys: Vec<RunKey> = self
            .agent
            .running
            .iter()
            .filter(|key| key.job.as_str() == job)
            .cloned()
            .collect();
        assert!(!keys.is_empty(), "{job} is not running");
        for key in keys {
            self.finish_run(&key, state);
        }
    }

    #[track_caller]
    pub(crate) fn succeed(&mut self, job: &str) {
        self.finish(job, TaskState::Finished);
    }

    #[track_caller]
    pub(crate) fn fail(&mut self, job: &str) {
        self.finish(job, TaskState::Failed);
    }

    pub(crate) fn finish_run(&mut self, key: &RunKey, state: TaskState) {
        self.agent.running.remove(key);
        let code = match state {
            TaskState::Finished => Some(0),
            TaskState::Failed => Some(1),
            TaskState::Starting
            | TaskState::Running
            | TaskState::Unreachable
            | TaskState::Killed
            | TaskState::Lost
            | TaskState::Dropped => None,
        };
        let update = self.agent_update(key, state, code);
        self.agent
            .unacknowledged
            .insert(key.clone(), update.clone());
        self.input(Input::Cluster(ClusterEvent::Update(update)));
        self.offer();
    }

    pub(crate) fn offer(&mut self) {
        let free = self.agent.slots.saturating_sub(self.agent.running.len());
        if !self.agent.open.is_empty() || free == 0 {
            return;
        }
        self.offer_room(free);
    }

    /// The machine offers room for so many tasks of the usual size, beside what it offers already.
    pub(crate) fn offer_room(&mut self, tasks: usize) {
        self.agent.offers += 1;
        let id = OfferId(format!("offer-{}", self.agent.offers).into());
        self.agent.open.insert(id.clone());
        let tenths = i64::try_from(tasks).unwrap();
        let offer = Offer {
            id,
            agent: AgentId("machine".into()),
            hostname: "machine".into(),
            resources: Resources::new(
                Scalar::from_thousandths(100 * tenths),
                Scalar::from_units(128 * tenths),
                Scalar::from_units(256 * tenths),
            ),
            attributes: Arc::new(Attributes::new("machine", [])),
            role: None,
            abilities: Abilities::default(),
        };
        self.input(Input::Cluster(ClusterEvent::Offers(vec![offer])));
    }

    fn agent_update(&self, key: &RunKey, state: TaskState, exit_code: Option<i32>) -> TaskUpdate {
        TaskUpdate {
            key: key.clone(),
            launch: None,
            agent: AgentId("machine".into()),
            state,
            exit_code,
            message: exit_code
                .filter(|&code| code != 0)
                .map(|code| format!("exit code {code}")),
            started_at: self
                .agent
                .started_at
                .get(key)
                .copied()
                .filter(|_| !self.agent.stuck),
            at: self.wall,
        }
    }

    // Crashes.

    /// The scheduler dies with all it remembers; a new one starts from the store.
    pub(crate) fn crash(&mut self) {
        self.trace.push(format!("{} crash", self.wall));
        self.unwritten.clear();
        self.replies.clear();
        self.agent.open.clear();
        let now = Now {
            wall: self.wall,
            mono: Mono(self.mono),
        };
        self.scheduler = Scheduler::recover(self.settings.clone(), now, self.store.snapshot());
        self.input(Input::Tick);
        let repeated: Vec<_> = self.agent.unacknowledged.values().cloned().collect();
        for update in repeated {
            self.input(Input::Cluster(ClusterEvent::Update(update)));
        }
        self.offer();
    }

    /// The same, and it takes until then before the new one starts.
    pub(crate) fn crash_at(&mut self, wall: Timestamp) {
        let passed = wall.millis_since(self.wall);
        self.wall = wall;
        self.mono += u64::try_from(passed).unwrap();
        self.crash();
    }

    /// How many bytes stores count for what has been written of one job at once, at most.
    pub(crate) fn largest_write(&self) -> usize {
        self.largest_write
    }

    /// Makes the oldest write durable, if the store is slow.
    pub(crate) fn write(&mut self) -> bool {
        let Some((request, writes)) = self.unwritten.pop_front() else {
            return false;
        };
        self.store.apply(writes);
        self.input(Input::Persisted(request));
        true
    }

    // Looking.

    pub(crate) fn view(&self) -> View {
        self.scheduler.view()
    }

    /// All runs of a job, oldest first, as `target attempt outcome`.
    pub(crate) fn outcomes(&self, job: &str) -> Vec<String> {
        let runs = self
            .store
            .runs
            .values()
            .filter(|run| run.key.job.as_str() == job);
        runs.map(|run| {
            let end = run.outcome.map_or_else(|| run.state.name(), Outcome::name);
            let time = run.target.to_string();
            format!("{} {} {end}", short(&time), run.key.attempt)
        })
        .collect()
    }

    pub(crate) fn reasons(&self, job: &str) -> Vec<String> {
        let runs = self
            .store
            .runs
            .values()
            .filter(|run| run.key.job.as_str() == job);
        runs.filter_map(|run| run.reason.clone()).collect()
    }

    pub(crate) fn job(&self, job: &str) -> Arc<chronos_core::Job> {
        self.view()
            .job(&name(job))
            .cloned()
            .expect("the job exists")
    }

    pub(crate) fn waiting(&self, job: &str) -> Vec<String> {
        let view = self.view();
        view.why_waiting(&self.job(job))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    // The loop.

    fn input(&mut self, input: Input) {
        let now = Now {
            wall: self.wall,
            mono: Mono(self.mono),
        };
        self.scheduler.handle(now, input);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.scheduler.next_effect() {
            match effect {
                Effect::Persist { request, writes } => {
                    self.largest_write = self.largest_write.max(largest_group(&writes));
                    self.unwritten.push_back((request, writes));
                }
                Effect::Reply { request, reply } => {
                    self.replies.insert(request, reply);
                }
                Effect::Cluster(call) => self.call(call),
                Effect::Notice(notice) => self.note(&notice),
            }
        }
        let broken = self.scheduler.validate();
        assert!(broken.is_empty(), "{broken:?}\n{}", self.trace.join("\n"));
        while !self.slow_store && self.write() {}
    }

    fn note(&mut self, notice: &Notice) {
        self.notices.push(notice.clone());
        if let Notice::UnknownTask { key } = notice {
            panic!(
                "{key} runs and no record knows it\n{}",
                self.trace.join("\n")
            );
        }
    }

    fn call(&mut self, call: ClusterCall) {
        match call {
            ClusterCall::Launch { offers, tasks } => {
                for offer in &offers {
                    assert!(self.agent.open.remove(offer), "{offer} is used once");
                }
                for task in tasks {
                    let stored = self.store.runs.get(&task.key);
                    assert!(
                        stored.is_some_and(|run| run.state == RunState::Starting),
                        "{} is launched without a durable intent: {stored:?}",
                        task.key
                    );
                    assert!(
                        self.agent.started.insert(task.key.clone()),
                        "{} is started twice",
                        task.key
                    );
                    self.trace
                        .push(format!("{} launch {}", self.wall, task.key));
                    self.agent.started_at.insert(task.key.clone(), self.wall);
                    self.agent.running.insert(task.key.clone());
                    let state = if self.agent.stuck {
                        TaskState::Starting
                    } else {
                        TaskState::Running
                    };
                    let update = self.agent_update(&task.key, state, None);
                    self.input(Input::Cluster(ClusterEvent::Update(update)));
                }
                self.offer();
            }
            ClusterCall::Decline { offer } => {
                self.agent.open.remove(&offer);
                self.offer();
            }
            ClusterCall::Kill { key } => {
                self.trace.push(format!("{} kill {key}", self.wall));
                self.agent.kills += 1;
                if !self.agent.deaf && self.agent.running.contains(&key) {
                    self.finish_run(&key, TaskState::Killed);
                }
            }
            ClusterCall::Acknowledge { key } => {
                let ended = self
                    .store
                    .runs
                    .get(&key)
                    .is_some_and(|run| run.state != RunState::Starting);
                assert!(ended, "{key} is acknowledged before its end is durable");
                self.agent.unacknowledged.remove(&key);
            }
            ClusterCall::Reconcile { tasks } => {
                for task in tasks {
                    self.reconcile(&task.key);
                }
            }
            ClusterCall::Want { .. } | ClusterCall::Constrain { .. } => {}
        }
    }

    fn reconcile(&mut self, key: &RunKey) {
        let update = if self.agent.running.contains(key) {
            self.agent_update(key, TaskState::Running, None)
        } else if let Some(update) = self.agent.unacknowledged.get(key) {
            update.clone()
        } else {
            assert!(
                !self.agent.started.contains(key),
                "{key} was acknowledged and is still asked for"
            );
            self.agent_update(key, TaskState::Dropped, None)
        };
        self.input(Input::Cluster(ClusterEvent::Update(update)));
    }
}

pub(crate) fn spec(json: Value, now: Timestamp) -> JobSpec {
    JobSpec::from_json(&json, JobKind::Any, &JobDefaults::default(), now).unwrap()
}

pub(crate) fn name(job: &str) -> JobName {
    job.parse().unwrap()
}

pub(crate) fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

// 2030-01-01T00:00:05.000Z → 00:00:05, with the day when it is not the first.
fn short(time: &str) -> String {
    let clock = time[11..]
        .trim_end_matches('Z')
        .trim_end_matches(".000")
        .to_owned();
    if time.starts_with("2030-01-01") {
        clock
    } else {
        format!("{}T{clock}", &time[5..10])
    }
}
