//! The loop around the driver: connections, clocks, the store, and the scheduler's two channels.

use std::{
    collections::VecDeque,
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};

use chronos_core::{ClusterCall, ClusterEvent};
use mesos_v1::{
    Mono,
    driver::{Config, Driver, Input, Output, Request, StateKind, Subscription},
    proto::FrameworkId,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::sleep,
};

use crate::{
    Control, Counts, Keeper, KeeperError, MesosConfig, MesosLogs, Standing, Status, TlsError,
    desk::Desk,
    detect::{Detector, Found},
    directory::Directory,
    http::{Client, Outgoing, listen},
    lanes::Lanes,
};

/// How many calls of the scheduler may wait: it makes them in bursts, one for each offer that it uses.
pub const CALLS_LEN_MAX: usize = 4096;

/// How many events may wait in the channel: two for each call, as a task has a start and an end.
pub const EVENTS_LEN_MAX: usize = 2 * CALLS_LEN_MAX;

/// How many events may wait for room in the channel before no more calls are taken.
const OUTBOX_LEN_MAX: usize = 4 * EVENTS_LEN_MAX;

/// Facts of connections that may wait: what comes while a batch is worked on. Beyond it the connection waits.
const INPUTS_LEN_MAX: usize = 1024;

/// Calls of the scheduler that are taken together: a call to decline names what many of them decline.
const CALLS_AT_ONCE: usize = 256;

/// How long to wait before a store that does not say is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Mesos as a cluster.
#[derive(Debug)]
pub struct Mesos;

/// A running connection to Mesos, seen as a cluster.
///
/// Whoever sends calls has to read events at the same time: when nobody reads them, no more calls are taken.
#[derive(Debug)]
pub struct MesosCluster {
    /// Takes instructions. The connection is closed when all senders are gone; tasks go on.
    pub calls: mpsc::Sender<ClusterCall>,
    /// Gives facts.
    pub events: mpsc::Receiver<ClusterEvent>,
    /// Reads what commands wrote.
    pub logs: MesosLogs,
    /// How the connection is.
    pub status: watch::Receiver<Status>,
    /// What an operator may order.
    pub control: Control,
    /// How much of what there was.
    pub counts: Counts,
    /// Tells when it has stopped.
    pub stopped: Stopped,
}

/// Waits for the connection to stop.
#[derive(Debug)]
#[must_use = "a connection that is not waited for may have acknowledgements to send"]
pub struct Stopped(JoinHandle<()>);

impl Stopped {
    /// Returns when it has stopped, which it does after the last sender of calls is dropped. Tasks go on.
    pub async fn wait(self) {
        if let Err(error) = self.0.await {
            tracing::error!(%error, "connection to Mesos stopped early");
        }
    }
}

impl Mesos {
    /// Starts to subscribe, as soon as the keeper says that we lead.
    ///
    /// # Errors
    ///
    /// [`TlsError`]: a certificate cannot be used.
    pub fn start(config: MesosConfig, keeper: Arc<dyn Keeper>) -> Result<MesosCluster, TlsError> {
        let https = config.masters.is_https().then(|| config.tls.connector());
        let tls = https.transpose()?;
        let client = Arc::new(Client::new(tls, config.credentials.as_ref()));
        let directory = Directory::default();
        let for_agents = if config.agent_credentials {
            Client::clone(&client)
        } else {
            client.anonymous()
        };
        let logs = MesosLogs::new(directory.clone(), Arc::clone(&client), Arc::new(for_agents));
        let (calls_tx, calls) = mpsc::channel(CALLS_LEN_MAX);
        let (events_tx, events) = mpsc::channel(EVENTS_LEN_MAX);
        let (control_tx, control) = mpsc::channel(1);
        let (found_tx, found) = mpsc::channel(1);
        let (status_tx, status_rx) = watch::channel(Status::default());
        let detector = Detector::start(&config.masters, config.zk_timeout, found_tx);
        let counts = Counts::default();
        let worker = Worker::new(
            config,
            client,
            keeper,
            detector,
            Desk::new(directory, status_tx, counts.clone()),
        );
        let listened = Listened {
            calls,
            control,
            found,
        };
        Ok(MesosCluster {
            calls: calls_tx,
            events,
            logs,
            control: Control::new(control_tx, status_rx.clone()),
            counts,
            status: status_rx,
            stopped: Stopped(tokio::spawn(worker.run(listened, events_tx))),
        })
    }
}

/// Whom the worker listens to.
struct Listened {
    calls: mpsc::Receiver<ClusterCall>,
    control: mpsc::Receiver<Request>,
    found: mpsc::Receiver<Found>,
}

struct Worker {
    config: Arc<MesosConfig>,
    client: Arc<Client>,
    keeper: Arc<dyn Keeper>,
    detector: Detector,
    desk: Desk,
    /// There while we lead.
    driver: Option<Driver>,
    origin: Instant,
    inputs_tx: mpsc::Sender<Input>,
    inputs: mpsc::Receiver<Input>,
    led_tx: mpsc::Sender<Option<String>>,
    led: mpsc::Receiver<Option<String>>,
    /// What works for a subscription, to be ended with it.
    helpers: Vec<(Subscription, JoinHandle<()>)>,
    /// Where calls of the subscription go.
    lanes: Option<Lanes>,
    /// The scheduler wants its last acknowledgements sent, and no more.
    stopping: bool,
}

impl Worker {
    fn new(
        config: MesosConfig,
        client: Arc<Client>,
        keeper: Arc<dyn Keeper>,
        detector: Detector,
        desk: Desk,
    ) -> Self {
        let (inputs_tx, inputs) = mpsc::channel(INPUTS_LEN_MAX);
        let (led_tx, led) = mpsc::channel(1);
        Self {
            config: Arc::new(config),
            client,
            keeper,
            detector,
            desk,
            driver: None,
            origin: Instant::now(),
            inputs_tx,
            inputs,
            led_tx,
            led,
            helpers: Vec::new(),
            lanes: None,
            stopping: false,
        }
    }

    async fn run(mut self, mut listened: Listened, events: mpsc::Sender<ClusterEvent>) {
        self.wait_to_lead();
        while !self.has_stopped() {
            let patience = self.until_deadline();
            let waiting = self.desk.waiting();
            tokio::select! {
                call = listened.calls.recv(), if !self.stopping && waiting < OUTBOX_LEN_MAX => match call {
                    Some(call) => self.called(call, &mut listened.calls),
                    None => self.stop(),
                },
                Some(input) = self.inputs.recv() => self.feed(input),
                permit = events.reserve(), if waiting > 0 && !self.stopping => match permit {
                    Ok(permit) => self.desk.pop(|event| permit.send(event)),
                    Err(_closed) => self.stop(),
                },
                Some(id) = self.led.recv() => self.begin(id),
                Some(found) = listened.found.recv() => {
                    if let Some(input) = self.detector.heard(found) {
                        self.feed(input);
                    }
                }
                Some(request) = listened.control.recv() => self.feed(Input::Request(request)),
                () = after(patience) => self.tick(),
            }
            self.desk.measure();
        }
        for (_subscription, helper) in self.helpers {
            helper.abort();
        }
    }

    fn has_stopped(&self) -> bool {
        let state = self.driver.as_ref().map(Driver::state);
        self.stopping && matches!(state, None | Some(StateKind::Stopped))
    }

    fn now(&self) -> Mono {
        let millis = self.origin.elapsed().as_millis();
        Mono(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    fn until_deadline(&self) -> Option<Duration> {
        let driver = self.driver.as_ref().and_then(Driver::deadline);
        let at = [driver, self.desk.deadline()].into_iter().flatten().min()?;
        Some(at.since(self.now()))
    }

    fn tick(&mut self) {
        self.desk.tick(self.now());
        self.feed(Input::Tick);
        self.work();
    }

    fn stop(&mut self) {
        self.stopping = true;
        self.feed(Input::Stop);
    }

    // What the scheduler says, and what it has said since.
    fn called(&mut self, first: ClusterCall, more: &mut mpsc::Receiver<ClusterCall>) {
        let framework = self.driver.as_ref().and_then(Driver::framework).cloned();
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(call) = next {
            self.desk.call(&self.config, framework.as_ref(), call);
            taken += 1;
            next = if taken < CALLS_AT_ONCE {
                more.try_recv().ok()
            } else {
                None
            };
        }
        self.desk.decline(&self.config);
        self.work();
    }

    // Somebody leads: we.
    fn begin(&mut self, id: Option<String>) {
        if self.stopping || self.driver.is_some() {
            return;
        }
        let id = id.map(|value| FrameworkId { value });
        self.desk.begin(&self.config, id.as_ref());
        self.driver = Some(Driver::new(Config {
            info: self.config.framework(),
            id,
            seed: fastrand::u64(..),
            pace: self.config.pace,
        }));
        self.wait_to_be_deposed();
        self.feed(Input::Start);
        self.work();
    }

    // Whoever leads next is not to find our subscription there, and we are not to be thrown out by theirs: that would
    // look like another scheduler of the same name, for good.
    fn wait_to_be_deposed(&mut self) {
        let (keeper, inputs) = (Arc::clone(&self.keeper), self.inputs_tx.clone());
        self.help(Subscription(u64::MAX), async move {
            keeper.deposed().await;
            drop(inputs.send(Input::FenceLost).await);
        });
    }

    fn wait_to_lead(&mut self) {
        let (keeper, led) = (Arc::clone(&self.keeper), self.led_tx.clone());
        let wait = async move {
            let id = keeper.lead().await;
            drop(led.send(id).await);
        };
        // It belongs to no subscription, and ends with the worker.
        self.helpers
            .push((Subscription(u64::MAX), tokio::spawn(wait)));
    }

    // What the desk wants of the master.
    fn work(&mut self) {
        while let Some(input) = self.desk.take_input() {
            self.feed(input);
        }
    }

    fn feed(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now = self.now();
            let Some(driver) = &mut self.driver else {
                return;
            };
            driver.handle(now, input);
            while let Some(output) = self.driver.as_mut().and_then(Driver::next_output) {
                inputs.extend(self.carry_out(now, output));
            }
            while let Some(input) = self.desk.take_input() {
                inputs.push_back(input);
            }
            if self.desk.take_deposed() {
                self.driver = None;
                self.wait_to_lead();
            }
            if self.desk.take_erasable() {
                self.erase();
            }
        }
    }

    fn carry_out(&mut self, now: Mono, output: Output) -> Option<Input> {
        match output {
            Output::Detect => return self.detector.ask(),
            Output::CheckFence { subscription } => self.check_fence(subscription),
            Output::Subscribe {
                subscription,
                leader,
                body,
            } => {
                tracing::info!(master = %leader, "subscribing to Mesos");
                self.desk.directory().set_master(&leader.authority);
                let client = || Arc::clone(&self.client);
                let (authority, inputs) = (leader.authority, || self.inputs_tx.clone());
                let lanes = Lanes::new(client(), subscription, authority.clone(), inputs());
                self.lanes = Some(lanes);
                let listen = listen(client(), subscription, authority, body, inputs());
                self.help(subscription, listen);
            }
            Output::Send {
                subscription,
                lane,
                call,
                stream_id,
                body,
            } => {
                let outgoing = Outgoing {
                    call,
                    stream_id,
                    body,
                };
                if let Some(lanes) = &mut self.lanes {
                    lanes.send(subscription, lane, outgoing);
                }
            }
            Output::Close { subscription } => {
                self.lanes = None;
                self.helpers.retain(|(of, helper)| {
                    if *of == subscription {
                        helper.abort();
                    }
                    *of != subscription
                });
            }
            Output::StoreId { subscription, id } => self.store(subscription, id),
            Output::EraseId => self.desk.erase(),
            Output::Tell(notice) => {
                let wall = crate::desk::wall();
                self.desk.told(&self.config, now, wall, notice);
            }
        }
        None
    }

    fn help(&mut self, of: Subscription, work: impl Future<Output = ()> + Send + 'static) {
        self.helpers.retain(|(_, helper)| !helper.is_finished());
        self.helpers.push((of, tokio::spawn(work)));
    }

    fn check_fence(&mut self, subscription: Subscription) {
        let (keeper, inputs) = (Arc::clone(&self.keeper), self.inputs_tx.clone());
        self.help(subscription, async move {
            let input = loop {
                match keeper.still_leads().await {
                    Ok(()) => break Input::FenceHeld { subscription },
                    Err(KeeperError::Deposed) => break Input::FenceLost,
                    Err(error) => tracing::warn!(%error, "cannot tell whether we lead"),
                }
                sleep(ASK_AGAIN).await;
            };
            drop(inputs.send(input).await);
        });
    }

    fn store(&mut self, subscription: Subscription, id: FrameworkId) {
        tracing::info!(framework = id.value, "registered with Mesos");
        let (keeper, inputs) = (Arc::clone(&self.keeper), self.inputs_tx.clone());
        let stored = Input::IdStored { subscription };
        let work = put_id(keeper, Some(id.value), stored, inputs);
        self.help(subscription, work);
    }

    fn erase(&mut self) {
        tracing::warn!("giving up the id of the framework that was removed");
        let (keeper, inputs) = (Arc::clone(&self.keeper), self.inputs_tx.clone());
        let work = put_id(keeper, None, Input::IdErased, inputs);
        self.help(Subscription(u64::MAX), work);
    }
}

// Repeats until it is stored: without the id a restart would make a second framework.
async fn put_id(
    keeper: Arc<dyn Keeper>,
    id: Option<String>,
    done: Input,
    inputs: mpsc::Sender<Input>,
) {
    let input = loop {
        match keeper.store_framework(id.clone()).await {
            Ok(()) => break done,
            Err(KeeperError::Deposed) => break Input::FenceLost,
            Err(error) => tracing::warn!(%error, "cannot store the id of the framework"),
        }
        sleep(ASK_AGAIN).await;
    };
    drop(inputs.send(input).await);
}

async fn after(wait: Option<Duration>) {
    match wait {
        Some(wait) => sleep(wait).await,
        None => pending().await,
    }
}

impl Desk {
    /// Says how the connection is while nobody leads here.
    pub(crate) fn idle(&mut self) {
        self.set_standing(Standing::Idle);
    }
}
