//! The loop of the agent: one task that owns which runs there are and what is free.
//!
//! Calls come in, notes of runs come in, deadlines pass; events go out. Nothing in here waits for a
//! disk or a process.

use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsStr,
    future,
    os::fd::OwnedFd,
    sync::Arc,
    time::Duration,
};

use chronos_core::{AgentId, ClusterCall, ClusterEvent, Launch, Task, TaskState, TaskUpdate};
use chronos_model::{RunKey, Timestamp};
use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use crate::{
    conclude::Standing,
    host::Boot,
    offers::OfferBook,
    record::{self, ExitFile},
    retention::{self, Kept},
    run::{News, Note, Workshop},
};

/// How many events may wait for the scheduler to read them. Beyond this no calls are taken, as each
/// makes events; a launch of a thousand tasks makes two thousand.
const OUTBOX_LEN_MAX: usize = 10_000;

/// How long a call waits at most for the next look at the retention of old runs; timers beyond a
/// day say nothing a day's look would not.
const RETENTION_LOOK_MAX: Duration = Duration::from_secs(24 * 3600);

/// The agent's state.
#[derive(Debug)]
pub(crate) struct Worker {
    shop: Arc<Workshop>,
    id: AgentId,
    boot: Boot,
    runs: BTreeMap<RunKey, Tracked>,
    /// Which launch of its run each of them is, where that is known.
    launches: BTreeMap<RunKey, Launch>,
    book: OfferBook,
    outbox: VecDeque<ClusterEvent>,
    // In order of their instants, as the delay is always the same.
    resends: VecDeque<(Instant, RunKey)>,
    kept: Kept,
    resend_delay: Duration,
    retention_age: Duration,
    retention_count: usize,
    removing: bool,
    // Work that must be over before another agent may take the folder.
    chores: JoinSet<Chore>,
    // Runs that are only looked at; they need no end.
    watchers: JoinSet<()>,
}

#[derive(Debug)]
enum Tracked {
    Starting {
        kill: bool,
    },
    Running {
        supervisor: Arc<OwnedFd>,
        started_at: Option<Timestamp>,
        since: Timestamp,
    },
    Ended(ExitFile),
}

#[derive(Debug)]
enum Chore {
    Done,
    Acked(RunKey),
    Removed,
}

/// What [`Worker::new`] needs.
#[derive(Debug)]
pub(crate) struct WorkerSetup {
    pub(crate) shop: Arc<Workshop>,
    pub(crate) id: AgentId,
    pub(crate) boot: Boot,
    pub(crate) book: OfferBook,
    pub(crate) kept: Kept,
    pub(crate) resend_delay: Duration,
    pub(crate) retention_age: Duration,
    pub(crate) retention_count: usize,
}

impl Worker {
    pub(crate) fn new(setup: WorkerSetup) -> Self {
        let WorkerSetup {
            shop,
            id,
            boot,
            book,
            kept,
            resend_delay,
            retention_age,
            retention_count,
        } = setup;
        Self {
            shop,
            id,
            boot,
            runs: BTreeMap::new(),
            launches: BTreeMap::new(),
            book,
            outbox: VecDeque::new(),
            resends: VecDeque::new(),
            kept,
            resend_delay,
            retention_age,
            retention_count,
            removing: false,
            chores: JoinSet::new(),
            watchers: JoinSet::new(),
        }
    }

    /// Takes over a run that an earlier life left.
    pub(crate) fn adopt(
        &mut self,
        key: RunKey,
        launch: Option<Launch>,
        standing: Standing,
        kill: bool,
    ) {
        if let Some(launch) = launch {
            self.launches.insert(key.clone(), launch);
        }
        match standing {
            Standing::Running {
                supervisor,
                started_at,
            } => {
                self.runs.insert(key.clone(), Tracked::Starting { kill });
                let standing = Standing::Running {
                    supervisor,
                    started_at,
                };
                self.watchers
                    .spawn(Arc::clone(&self.shop).follow(key, standing));
            }
            Standing::Ended(exit) => self.end(&key, exit),
            Standing::NeverStarted => {}
        }
    }

    /// Works until nobody sends calls or reads events any more.
    pub(crate) async fn run(
        mut self,
        mut calls: mpsc::Receiver<ClusterCall>,
        events: mpsc::Sender<ClusterEvent>,
        mut notes: mpsc::Receiver<Note>,
    ) {
        let mut open = true;
        self.book.offer_by(Instant::now());
        while open || !self.is_idle() {
            self.housekeeping(open);
            let deadline = self.deadline();
            tokio::select! {
                call = calls.recv(), if open && self.outbox.len() < OUTBOX_LEN_MAX => match call {
                    Some(call) => self.handle(call),
                    None => open = false,
                },
                Some(note) = notes.recv() => self.hear(note),
                permit = events.reserve(), if open && !self.outbox.is_empty() => match permit {
                    Ok(permit) => {
                        if let Some(event) = self.outbox.pop_front() {
                            permit.send(event);
                        }
                    }
                    Err(_) => open = false,
                },
                Some(chore) = self.chores.join_next() => self.chore_done(chore),
                Some(watched) = self.watchers.join_next() => {
                    if let Err(error) = watched {
                        tracing::error!(%error, "a run is no longer watched");
                    }
                }
                () = sleep_until(deadline), if open => {}
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.chores.is_empty()
            && self
                .runs
                .values()
                .all(|run| !matches!(run, Tracked::Starting { .. }))
    }

    fn deadline(&self) -> Option<Instant> {
        let resend = self.resends.front().map(|(at, _)| *at);
        let removal = (!self.removing)
            .then(|| {
                self.kept
                    .due_in(record::now(), self.retention_age, self.retention_count)
            })
            .flatten()
            .map(|wait| Instant::now() + wait.min(RETENTION_LOOK_MAX));
        [self.book.deadline(), resend, removal]
            .into_iter()
            .flatten()
            .min()
    }

    fn housekeeping(&mut self, open: bool) {
        if !open {
            return;
        }
        let now = Instant::now();
        let outbox = &mut self.outbox;
        self.book.offer(now, |event| outbox.push_back(event));
        while self.outbox.len() < OUTBOX_LEN_MAX
            && self.resends.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, key)) = self.resends.pop_front()
        {
            if matches!(self.runs.get(&key), Some(Tracked::Ended(_))) {
                self.report(&key);
                self.resends.push_back((now + self.resend_delay, key));
            }
        }
        if !self.removing {
            let due = self
                .kept
                .take_due(record::now(), self.retention_age, self.retention_count);
            if !due.is_empty() {
                self.removing = true;
                self.chores.spawn(remove(Arc::clone(&self.shop), due));
            }
        }
    }

    fn handle(&mut self, call: ClusterCall) {
        match call {
            ClusterCall::Launch { offers, tasks } => {
                // Of several there is never more than one that stands, and it has all there is.
                let mut stands = false;
                for offer in &offers {
                    stands |= self.book.take(offer);
                }
                for task in tasks {
                    self.launch(task, stands);
                }
                self.book.offer_by(Instant::now());
            }
            ClusterCall::Decline { offer } => {
                if self.book.take(&offer) {
                    self.book.declined(Instant::now());
                }
            }
            ClusterCall::Kill { key } => self.kill(&key),
            ClusterCall::Acknowledge { key } => self.acknowledge(key),
            ClusterCall::Reconcile { tasks } => {
                for task in tasks {
                    self.tell_where(task.key, Some(task.launch));
                }
            }
            // This machine is ours: all it has is offered, always.
            ClusterCall::Want { .. } | ClusterCall::Constrain { .. } => {}
        }
    }

    fn launch(&mut self, task: Task, offer_stands: bool) {
        let key = task.key.clone();
        let launch = Some(task.launch);
        if self.runs.contains_key(&key) {
            self.report(&key);
        } else if !offer_stands {
            self.drop_task(&key, launch, "the offer does not stand any more");
        } else if let Some(problem) = beyond_us(&task) {
            self.launches.insert(key.clone(), task.launch);
            self.end(&key, ExitFile::failed(problem));
        } else if !self.book.admit(&key, task.spec.resources) {
            self.drop_task(&key, launch, "the offer does not have what the task needs");
        } else {
            self.launches.insert(key.clone(), task.launch);
            self.runs.insert(key, Tracked::Starting { kill: false });
            self.watchers.spawn(Arc::clone(&self.shop).launch(task));
        }
    }

    fn kill(&mut self, key: &RunKey) {
        match self.runs.get_mut(key) {
            // It is asked as soon as there is somebody to ask.
            Some(Tracked::Starting { kill }) => *kill = true,
            Some(Tracked::Running { supervisor, .. }) => {
                let supervisor = Arc::clone(supervisor);
                self.send_kill(key.clone(), supervisor);
            }
            Some(Tracked::Ended(_)) => self.report(key),
            None => self.tell_where(key.clone(), None),
        }
    }

    fn send_kill(&mut self, key: RunKey, supervisor: Arc<OwnedFd>) {
        let shop = Arc::clone(&self.shop);
        self.chores.spawn(async move {
            let done = shop
                .blocking(move |shop| shop.kill(&key, &supervisor))
                .await;
            log_failure(&done);
            Chore::Done
        });
    }

    fn acknowledge(&mut self, key: RunKey) {
        match self.runs.get(&key) {
            Some(Tracked::Ended(_)) => {}
            Some(Tracked::Starting { .. } | Tracked::Running { .. }) => {
                tracing::warn!(task = %key, "acknowledged before it ended");
                return;
            }
            // Once is enough.
            None => return,
        }
        self.runs.remove(&key);
        self.launches.remove(&key);
        let shop = Arc::clone(&self.shop);
        self.chores.spawn(async move {
            let acked = key.clone();
            let marked = shop.blocking(move |shop| {
                let folder = shop.folder(&acked);
                // A run that was refused has no folder.
                folder.exit().exists() && log_failure(&record::mark(&folder.acked()))
            });
            match marked.await {
                Ok(true) => Chore::Acked(key),
                Ok(false) | Err(_) => Chore::Done,
            }
        });
    }

    fn tell_where(&mut self, key: RunKey, launch: Option<Launch>) {
        if self.runs.contains_key(&key) {
            self.report(&key);
            return;
        }
        // It may have ended and been acknowledged long ago.
        let shop = Arc::clone(&self.shop);
        self.chores.spawn(async move {
            let at = key.clone();
            let found = shop
                .blocking(move |shop| record::read_exit(&shop.folder(&at)))
                .await;
            let found = found.ok().flatten().map(Standing::Ended);
            let note = Note {
                key,
                news: News::Found(found, launch),
            };
            log_failure(&shop.notes.send(note).await);
            Chore::Done
        });
    }

    fn hear(&mut self, note: Note) {
        let Note { key, news } = note;
        match news {
            News::Running {
                supervisor,
                started_at,
            } => {
                let kill = matches!(self.runs.get(&key), Some(Tracked::Starting { kill: true }));
                if kill {
                    self.send_kill(key.clone(), Arc::clone(&supervisor));
                }
                let since = record::now();
                self.runs.insert(
                    key.clone(),
                    Tracked::Running {
                        supervisor,
                        started_at,
                        since,
                    },
                );
                self.report(&key);
            }
            News::Ended(exit) => self.end(&key, exit),
            News::NeverStarted(why) => {
                let before = self.runs.remove(&key);
                self.book.release(&key, Instant::now());
                if matches!(before, Some(Tracked::Starting { kill: true })) {
                    self.end(&key, ExitFile::killed("killed before it started"));
                } else {
                    let launch = self.launches.remove(&key);
                    self.drop_task(&key, launch, &why);
                }
            }
            News::Found(..) if self.runs.contains_key(&key) => self.report(&key),
            News::Found(Some(Standing::Ended(exit)), launch) => {
                let update = self.end_update(&key, &exit);
                self.emit(TaskUpdate { launch, ..update });
            }
            News::Found(Some(Standing::Running { .. } | Standing::NeverStarted) | None, launch) => {
                self.unknown(&key, launch);
            }
        }
    }

    fn unknown(&mut self, key: &RunKey, launch: Option<Launch>) {
        if self.boot.doubts(key.due) {
            let why = "the machine restarted, and whether the run had started cannot be known";
            let update = self.end_update(key, &ExitFile::lost(why));
            self.emit(TaskUpdate { launch, ..update });
        } else {
            self.drop_task(key, launch, "nothing is known of this run here");
        }
    }

    fn end(&mut self, key: &RunKey, exit: ExitFile) {
        self.book.release(key, Instant::now());
        self.runs.insert(key.clone(), Tracked::Ended(exit));
        self.report(key);
        self.resends
            .push_back((Instant::now() + self.resend_delay, key.clone()));
    }

    // Says where a tracked run stands.
    fn report(&mut self, key: &RunKey) {
        let update = match self.runs.get(key) {
            Some(Tracked::Starting { .. }) => self.update(key, TaskState::Starting, record::now()),
            Some(Tracked::Running {
                started_at, since, ..
            }) => TaskUpdate {
                started_at: *started_at,
                ..self.update(key, TaskState::Running, *since)
            },
            Some(Tracked::Ended(exit)) => self.end_update(key, exit),
            None => return,
        };
        self.outbox.push_back(ClusterEvent::Update(update));
    }

    fn emit(&mut self, update: TaskUpdate) {
        self.outbox.push_back(ClusterEvent::Update(update));
    }

    fn drop_task(&mut self, key: &RunKey, launch: Option<Launch>, why: &str) {
        let update = TaskUpdate {
            launch,
            message: Some(why.to_owned()),
            ..self.update(key, TaskState::Dropped, record::now())
        };
        self.outbox.push_back(ClusterEvent::Update(update));
    }

    fn end_update(&self, key: &RunKey, exit: &ExitFile) -> TaskUpdate {
        TaskUpdate {
            exit_code: exit.exit_code,
            message: exit.text(),
            started_at: exit.started_at.map(Timestamp::from_millis),
            ..self.update(key, exit.state(), Timestamp::from_millis(exit.ended_at))
        }
    }

    fn update(&self, key: &RunKey, state: TaskState, at: Timestamp) -> TaskUpdate {
        TaskUpdate {
            key: key.clone(),
            launch: self.launches.get(key).copied(),
            agent: self.id.clone(),
            state,
            exit_code: None,
            message: None,
            started_at: None,
            at,
        }
    }

    fn chore_done(&mut self, chore: Result<Chore, tokio::task::JoinError>) {
        match chore {
            Ok(Chore::Done) => {}
            Ok(Chore::Acked(key)) => self.kept.add(&self.shop.folder(&key)),
            Ok(Chore::Removed) => self.removing = false,
            Err(error) => {
                tracing::error!(%error, "work on a run ended early");
                self.removing = false;
            }
        }
    }
}

// What Mesos would do and this agent cannot; the scheduler knows from the abilities.
fn beyond_us(task: &Task) -> Option<&'static str> {
    let spec = &*task.spec;
    if spec.details.container.is_some() {
        Some("this agent has no container runtime")
    } else if !spec.details.executor.is_empty() {
        Some("this agent runs no custom executors")
    } else if !spec.details.fetch.is_empty() || !spec.details.uris.is_empty() {
        Some("this agent fetches no files")
    } else {
        None
    }
}

async fn remove(shop: Arc<Workshop>, names: Vec<Box<OsStr>>) -> Chore {
    let removed = shop.blocking(move |shop| {
        for name in names {
            log_failure(
                &shop
                    .yard
                    .discard(&retention::folder_of(&shop.yard.runs, &name)),
            );
        }
    });
    log_failure(&removed.await);
    Chore::Removed
}

fn log_failure<T, E: std::fmt::Display>(done: &Result<T, E>) -> bool {
    if let Err(error) = done {
        tracing::warn!(%error, "work on a run failed");
    }
    done.is_ok()
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => future::pending().await,
    }
}
