//! A fake cluster, the adapter, and a scheduler that says what a test wants.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chronos_core::{
    ClusterCall, ClusterEvent, Launch, Launched, Offer, OfferId, Task, TaskState, TaskUpdate,
};
use chronos_mesos::{
    Keeper, KeeperError, Masters, Mesos, MesosCluster, MesosConfig, Standing, task_id,
};
use chronos_model::{JobDefaults, JobKind, JobSpec, RunKey, Timestamp};
use mesos_fake::{
    Fake, Plan,
    cluster::{AgentSpec, Settings},
    script::{Behaviour, Script},
};
use mesos_v1::proto::{TaskInfo, scheduler::call::Type};
use serde_json::{Value, json};
use tokio::sync::watch;

/// Longer than anything takes that is going to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What survives the daemon, and whether it leads.
#[derive(Debug)]
pub(crate) struct Notebook {
    pub(crate) id: Mutex<Option<String>>,
    pub(crate) leads: watch::Sender<bool>,
    /// How often the id was stored or erased.
    pub(crate) writes: Mutex<Vec<Option<String>>>,
}

#[async_trait]
impl Keeper for Notebook {
    async fn lead(&self) -> Option<String> {
        let mut leads = self.leads.subscribe();
        leads.wait_for(|leads| *leads).await.unwrap();
        self.id.lock().unwrap().clone()
    }

    async fn deposed(&self) {
        let mut leads = self.leads.subscribe();
        leads.wait_for(|leads| !*leads).await.unwrap();
    }

    async fn still_leads(&self) -> Result<(), KeeperError> {
        if *self.leads.borrow() {
            Ok(())
        } else {
            Err(KeeperError::Deposed)
        }
    }

    async fn store_framework(&self, id: Option<String>) -> Result<(), KeeperError> {
        self.writes.lock().unwrap().push(id.clone());
        *self.id.lock().unwrap() = id;
        Ok(())
    }
}

impl Notebook {
    pub(crate) fn new(id: Option<&str>) -> Arc<Self> {
        Arc::new(Self {
            id: Mutex::new(id.map(str::to_owned)),
            leads: watch::channel(true).0,
            writes: Mutex::default(),
        })
    }

    pub(crate) fn id(&self) -> Option<String> {
        self.id.lock().unwrap().clone()
    }
}

pub(crate) struct Kit {
    pub(crate) fake: Fake,
    pub(crate) config: MesosConfig,
    pub(crate) keeper: Arc<Notebook>,
    pub(crate) cluster: MesosCluster,
    pub(crate) offers: VecDeque<Offer>,
    updates: VecDeque<TaskUpdate>,
}

/// Settings in which everything that happens again and again does so within a test.
pub(crate) fn quick(behaviour: Behaviour) -> Settings {
    let mut script = Script::default();
    script.set("", behaviour);
    Settings {
        script,
        allocation_interval: Duration::from_millis(50),
        heartbeat: Duration::from_secs(1),
        update_retry: Duration::from_millis(300),
        ..Settings::default()
    }
}

pub(crate) fn plan(settings: Settings) -> Plan {
    Plan {
        settings,
        agents: vec![AgentSpec::plain(1)],
        ..Plan::default()
    }
}

impl Kit {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        Self::with(plan(quick(behaviour))).await
    }

    pub(crate) async fn with(plan: Plan) -> Self {
        let mut fake = Fake::start(plan).await.unwrap();
        fake.real_time();
        let masters: Masters = fake.address(0).to_string().parse().unwrap();
        Self::of(fake, MesosConfig::new(masters), Notebook::new(None)).await
    }

    pub(crate) async fn of(fake: Fake, config: MesosConfig, keeper: Arc<Notebook>) -> Self {
        let kit = Self::idle(fake, config, keeper);
        kit.call(ClusterCall::Want { offers: true }).await;
        kit
    }

    pub(crate) fn idle(fake: Fake, config: MesosConfig, keeper: Arc<Notebook>) -> Self {
        let cluster = Mesos::start(config.clone(), Arc::clone(&keeper) as Arc<dyn Keeper>).unwrap();
        Self {
            fake,
            config,
            keeper,
            cluster,
            offers: VecDeque::new(),
            updates: VecDeque::new(),
        }
    }

    /// The daemon dies and another one starts, with what was stored.
    pub(crate) async fn restart(self, runs: Vec<Launched>) -> Self {
        let kit = Self::idle(
            self.fake,
            self.config,
            Notebook::new(self.keeper.id().as_deref()),
        );
        kit.call(ClusterCall::Reconcile { tasks: runs }).await;
        kit.call(ClusterCall::Want { offers: true }).await;
        kit
    }

    pub(crate) async fn call(&self, call: ClusterCall) {
        self.cluster.calls.send(call).await.unwrap();
    }

    async fn hear(&mut self) {
        let event = tokio::time::timeout(PATIENCE, self.cluster.events.recv()).await;
        self.heard(event.expect("something happens").expect("it lives"));
    }

    fn heard(&mut self, event: ClusterEvent) {
        match event {
            ClusterEvent::Offers(offers) => self.offers.extend(offers),
            ClusterEvent::Rescinded(id) => self.offers.retain(|offer| offer.id != id),
            ClusterEvent::Update(update) => self.updates.push_back(update),
        }
    }

    /// Hears what has been said so far.
    pub(crate) fn catch_up(&mut self) {
        while let Ok(event) = self.cluster.events.try_recv() {
            self.heard(event);
        }
    }

    pub(crate) async fn offer(&mut self) -> Offer {
        loop {
            if let Some(offer) = self.offers.pop_front() {
                return offer;
            }
            self.hear().await;
        }
    }

    pub(crate) async fn update(&mut self) -> TaskUpdate {
        loop {
            if let Some(update) = self.updates.pop_front() {
                return update;
            }
            self.hear().await;
        }
    }

    /// Waits until a task is in a state, and returns the update that said so.
    pub(crate) async fn until(&mut self, state: TaskState) -> TaskUpdate {
        loop {
            let update = self.update().await;
            if update.state == state {
                return update;
            }
            assert!(
                !update.state.is_terminal(),
                "waiting for {state:?}: {update:?}"
            );
        }
    }

    /// Waits for an end and acknowledges it.
    pub(crate) async fn end(&mut self) -> TaskUpdate {
        loop {
            let update = self.update().await;
            if update.state.is_terminal() {
                let key = update.key.clone();
                self.call(ClusterCall::Acknowledge { key }).await;
                return update;
            }
        }
    }

    /// Launches a task of a job, with the next offer.
    pub(crate) async fn launch(&mut self, job: Value) -> Launched {
        let offer = self.offer().await;
        self.launch_on(&offer, vec![task(job)]).await
    }

    pub(crate) async fn launch_on(&mut self, offer: &Offer, tasks: Vec<Task>) -> Launched {
        let launched = Launched {
            key: tasks[0].key.clone(),
            launch: tasks[0].launch,
            agent: Some(offer.agent.clone()),
        };
        let offer = offer.id.clone();
        self.call(ClusterCall::Launch {
            offers: vec![offer],
            tasks,
        })
        .await;
        launched
    }

    pub(crate) async fn standing(&mut self, wanted: impl FnMut(&Standing) -> bool) -> Standing {
        let mut wanted = wanted;
        let found = self
            .cluster
            .status
            .wait_for(|status| wanted(&status.standing));
        let found = tokio::time::timeout(PATIENCE, found).await;
        found
            .expect("it comes to stand so")
            .unwrap()
            .standing
            .clone()
    }

    pub(crate) fn count(&self, kind: Type) -> usize {
        let calls = self.fake.calls();
        calls.iter().filter(|seen| seen.kind == kind).count()
    }

    /// The tasks that were launched, as the master got them.
    pub(crate) fn launched(&self) -> Vec<TaskInfo> {
        let calls = self.fake.calls().into_iter();
        let accepts = calls.filter_map(|seen| seen.call.accept);
        let operations = accepts.flat_map(|accept| accept.operations);
        let launches = operations.filter_map(|operation| operation.launch);
        launches.flat_map(|launch| launch.task_infos).collect()
    }

    /// The tasks that agents have, and where they stand.
    pub(crate) fn on_agents(&self) -> Vec<(String, mesos_v1::proto::TaskState)> {
        let tasks = self.fake.cluster(|cluster| cluster.tasks());
        let tasks = tasks.into_iter();
        tasks.map(|(_, task, _, state)| (task, state)).collect()
    }

    /// Waits until the cluster and the calls that it got are as wanted.
    pub(crate) async fn settled(&self, what: &str, mut look: impl FnMut(&Self) -> bool) {
        let wait = async {
            while !look(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_elapsed| panic!("{what} does not come about"));
    }

    pub(crate) fn agent(&self) -> String {
        self.fake.cluster(|cluster| cluster.agent_ids()).remove(0)
    }

    /// Stops in an orderly way.
    pub(crate) async fn stop(self) -> Fake {
        let MesosCluster {
            calls,
            events,
            stopped,
            ..
        } = self.cluster;
        drop((calls, events));
        stopped.wait().await;
        self.fake
    }
}

pub(crate) fn spec(job: Value) -> JobSpec {
    let mut whole = json!({
        "name": "job", "command": "sleep 600", "schedule": "R/2030-01-01T00:00:00Z/P1D",
        "owner": "ops@example.com", "mem": 32, "disk": 10,
    });
    for (field, value) in job.as_object().unwrap() {
        whole[field] = value.clone();
    }
    JobSpec::from_json(
        &whole,
        JobKind::Any,
        &JobDefaults::default(),
        Timestamp::from_millis(0),
    )
    .unwrap()
}

pub(crate) fn task(job: Value) -> Task {
    let spec = spec(job);
    Task {
        key: RunKey {
            job: spec.name.clone(),
            due: Timestamp::from_millis(7),
            attempt: 0,
        },
        launch: Launch::default(),
        target: Timestamp::from_millis(7),
        spec: Arc::new(spec),
        arguments: None,
        parent_runs: Vec::new(),
    }
}

pub(crate) fn id_of(launched: &Launched) -> String {
    task_id(&launched.key, launched.launch)
}

pub(crate) fn no_offer() -> OfferId {
    OfferId("gone".into())
}
