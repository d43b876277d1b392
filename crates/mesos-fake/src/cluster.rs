//! The cluster behind the HTTP: what the leading master remembers, and what agents have.
//!
//! The two are apart, because they fail apart: a new master remembers nothing and learns what agents tell it, and an agent
//! that is away goes on running tasks. Time is the cluster's own; see [`Cluster::advance`].
//!
//! It was written from descriptions and recordings of Mesos, not from the driver that is tested with it.

mod accept;
mod agents;
mod allocator;
mod constraints;
mod failures;
mod frameworks;
mod reconcile;
mod tasks;
mod updates;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use mesos_v1::proto::{
    Attribute, FrameworkInfo, OfferId, Resource, TaskInfo, TaskStatus, Unavailability,
    scheduler::{Event, event},
};

pub use agents::AgentSpec;
pub use frameworks::Refused;

use constraints::Constraints;

use crate::{
    resources::Pool,
    script::{Script, Step},
};

/// Frameworks that a master remembers to have removed.
const COMPLETED_MAX: usize = 50;

/// What can be chosen about a cluster.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Makes the ids.
    pub seed: u64,
    /// The version that the master has: what came to Mesos later it neither reads nor says.
    pub version: String,
    /// Between heartbeats.
    pub heartbeat: Duration,
    /// What `SUBSCRIBED` says about it; none leaves it out.
    pub heartbeat_told: Option<f64>,
    /// Between two rounds of offers.
    pub allocation_interval: Duration,
    /// Offers are taken back after this, if at all.
    pub offer_timeout: Option<Duration>,
    /// After this an agent without contact is unreachable.
    pub agent_timeout: Duration,
    /// After a master failover: how long it is waited for agents before there are offers.
    pub recovery_wait: Duration,
    /// The first repetition of an update; doubled up to ten minutes.
    pub update_retry: Duration,
    /// Between `SIGTERM` and `SIGKILL`, when a task says nothing.
    pub grace: Duration,
    /// Roles that frameworks may use; all, when empty.
    pub roles: BTreeSet<String>,
    /// What tasks do.
    pub script: Script,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            version: "1.11.0".into(),
            heartbeat: Duration::from_secs(15),
            heartbeat_told: Some(15.0),
            allocation_interval: Duration::from_secs(1),
            offer_timeout: None,
            agent_timeout: Duration::from_secs(75),
            recovery_wait: Duration::from_secs(600),
            update_retry: Duration::from_secs(10),
            grace: Duration::from_secs(3),
            roles: BTreeSet::new(),
            script: Script::default(),
        }
    }
}

/// Something for a stream of events.
#[derive(Clone, Debug, PartialEq)]
pub enum Emit {
    /// An event.
    Event(Box<Event>),
    /// The stream is over.
    End,
}

/// Something for the processes of this machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Start the command of a task.
    Start {
        /// Whose it is.
        framework: String,
        /// Where it is to run.
        agent: String,
        /// Names its sandbox.
        container: String,
        /// The task.
        task: Box<TaskInfo>,
    },
    /// End it: `SIGTERM`, and `SIGKILL` after the grace period.
    Kill {
        /// Whose it is.
        framework: String,
        /// The task.
        task: String,
        /// Between the two.
        grace: Duration,
    },
}

/// Names one subscription.
pub type Stream = String;

/// The cluster.
#[derive(Debug)]
pub struct Cluster {
    /// What can be chosen; may be changed at any time.
    pub settings: Settings,
    now: Duration,
    ids: u64,
    master: Master,
    agents: BTreeMap<String, Agent>,
    /// When to look at which task of which agent; some of it is out of date.
    wakes: BTreeSet<(Duration, String, (String, String))>,
    emitted: Vec<(Stream, Emit)>,
    orders: Vec<Order>,
}

/// What a master remembers. A new one remembers nothing.
#[derive(Debug)]
struct Master {
    id: String,
    host: String,
    port: u16,
    frameworks: BTreeMap<String, Framework>,
    completed: VecDeque<String>,
    /// By framework and task.
    tasks: BTreeMap<(String, String), Known>,
    agents: BTreeMap<String, Link>,
    offers: BTreeMap<String, Offered>,
    /// Requests to leave that were not answered: who, and which agent.
    inverse: BTreeMap<String, (String, String)>,
    /// Who is not asked again until then.
    inverse_filters: BTreeMap<(String, String), Duration>,
    next_offer: u64,
    next_framework: u64,
    allocate_at: Duration,
    /// No offers until then, or until most agents are back.
    recovers_until: Option<Duration>,
}

/// A framework, as the master knows it.
#[derive(Debug)]
struct Framework {
    info: FrameworkInfo,
    /// Its subscription; none when it is away.
    stream: Option<Stream>,
    /// When it is removed, if it stays away.
    removed_at: Option<Duration>,
    heartbeat_at: Duration,
    suppressed: BTreeSet<String>,
    constraints: Constraints,
    /// By agent.
    filters: BTreeMap<String, Vec<Filter>>,
}

/// What was declined.
#[derive(Debug)]
struct Filter {
    role: String,
    what: Pool,
    until: Duration,
}

/// A task, as the master knows it.
#[derive(Clone, Debug)]
struct Known {
    agent: String,
    info: TaskInfo,
    uses: Pool,
    /// What it would answer.
    latest: TaskStatus,
    /// Its end was forwarded and waits to be acknowledged.
    ended: bool,
}

/// An agent, as the master knows it.
#[derive(Clone, Debug, PartialEq)]
enum Link {
    /// In contact.
    Registered,
    /// Its connection broke; it may come back until then.
    Disconnected { until: Duration },
    /// Known from the time of another master; it may come back until then.
    Recovered { until: Duration },
    /// It did not come back.
    Unreachable { since: Duration },
    /// An operator said that it never will.
    Gone,
}

/// An offer that was made.
#[derive(Debug)]
struct Offered {
    framework: String,
    agent: String,
    role: String,
    what: Pool,
    expires: Option<Duration>,
}

/// An agent, as it is.
#[derive(Debug)]
struct Agent {
    spec: AgentSpec,
    /// The resources of `spec`, counted.
    total: Pool,
    /// Its process runs.
    up: bool,
    /// Nobody can reach it.
    partitioned: bool,
    draining: Option<Draining>,
    deactivated: bool,
    unavailability: Option<Unavailability>,
    /// By framework and task.
    tasks: BTreeMap<(String, String), Running>,
}

#[derive(Clone, Copy, Debug)]
struct Draining {
    mark_gone: bool,
}

/// A task, as its agent has it.
#[derive(Debug)]
struct Running {
    info: TaskInfo,
    checkpoint: bool,
    container: String,
    steps: VecDeque<Step>,
    next_at: Option<Duration>,
    is_process: bool,
    /// It ends by `SIGKILL` only.
    stubborn: bool,
    state: mesos_v1::proto::TaskState,
    /// Updates that wait, the first one sent.
    queue: VecDeque<TaskStatus>,
    resend_at: Option<Duration>,
    resent: u32,
    kill_at: Option<Duration>,
}

impl Cluster {
    /// A cluster of one master at this address, without agents.
    pub fn new(settings: Settings, host: &str, port: u16) -> Self {
        let mut cluster = Self {
            now: Duration::ZERO,
            ids: settings.seed,
            settings,
            master: Master::new(String::new(), host, port),
            agents: BTreeMap::new(),
            wakes: BTreeSet::new(),
            emitted: Vec::new(),
            orders: Vec::new(),
        };
        cluster.master.id = cluster.uuid();
        cluster
    }

    /// The time of the cluster, since its begin.
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// Lets time pass, and everything happen that is due, in its order.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(at) = self.next_due().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.run_due();
        }
        self.now = end;
    }

    /// Lets tasks do what a call made due; no time passes, so nothing else is.
    pub(crate) fn settle(&mut self) {
        self.tasks_due();
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<Duration> {
        let frameworks = self.master.frameworks.values().flat_map(|framework| {
            let beats = framework.stream.is_some().then_some(framework.heartbeat_at);
            [beats, framework.removed_at]
        });
        let links = self.master.agents.values().map(Link::until);
        let tasks = self.wakes.first().map(|(at, _agent, _task)| *at);
        let offers = self.master.offers.values().map(|offer| offer.expires);
        let allocation = self
            .master
            .frameworks
            .values()
            .any(|framework| framework.stream.is_some())
            .then_some(self.master.allocate_at);
        frameworks
            .chain(links)
            .chain(offers)
            .chain([tasks, allocation, self.master.recovers_until])
            .flatten()
            .min()
    }

    /// Takes out what is to be sent, in order.
    pub fn take_emitted(&mut self) -> Vec<(Stream, Emit)> {
        std::mem::take(&mut self.emitted)
    }

    /// Takes out what processes are to do.
    pub fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    fn run_due(&mut self) {
        self.frameworks_due();
        self.agents_due();
        self.offers_due();
        self.tasks_due();
        if self
            .master
            .recovers_until
            .is_some_and(|until| until <= self.now)
        {
            self.master.recovers_until = None;
        }
        if self.master.allocate_at <= self.now {
            self.allocate();
        }
    }

    // An event for a framework, if it is there to hear it; else it is lost.
    fn emit(&mut self, framework: &str, event: Event) {
        if let Some(stream) = self
            .master
            .frameworks
            .get(framework)
            .and_then(|framework| framework.stream.clone())
        {
            self.emitted.push((stream, Emit::Event(Box::new(event))));
        }
    }

    /// Says something to a framework that the cluster would not say by itself.
    pub fn say(&mut self, framework: &str, event: Event) {
        self.emit(framework, event);
    }

    fn rescind(&mut self, offer: &str) {
        if let Some(offered) = self.master.offers.remove(offer) {
            let event = Event {
                r#type: Some(event::Type::Rescind.into()),
                rescind: Some(event::Rescind {
                    offer_id: OfferId {
                        value: offer.to_owned(),
                    },
                }),
                ..Event::default()
            };
            self.emit(&offered.framework, event);
        }
    }

    /// A new id in the form of a UUID.
    pub fn uuid(&mut self) -> String {
        let bytes = self.uuid_bytes();
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let part = |range: std::ops::Range<usize>| hex[range].concat();
        [
            part(0..4),
            part(4..6),
            part(6..8),
            part(8..10),
            part(10..16),
        ]
        .join("-")
    }

    fn uuid_bytes(&mut self) -> [u8; 16] {
        let (high, low) = (self.random(), self.random());
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&high.to_be_bytes());
        bytes[8..].copy_from_slice(&low.to_be_bytes());
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        bytes
    }

    fn random(&mut self) -> u64 {
        self.ids = self.ids.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.ids;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Master {
    fn new(id: String, host: &str, port: u16) -> Self {
        Self {
            id,
            host: host.to_owned(),
            port,
            frameworks: BTreeMap::new(),
            completed: VecDeque::new(),
            tasks: BTreeMap::new(),
            agents: BTreeMap::new(),
            offers: BTreeMap::new(),
            inverse: BTreeMap::new(),
            inverse_filters: BTreeMap::new(),
            next_offer: 0,
            next_framework: 0,
            allocate_at: Duration::ZERO,
            recovers_until: None,
        }
    }

    fn complete(&mut self, framework: &str) {
        self.completed.push_back(framework.to_owned());
        if self.completed.len() > COMPLETED_MAX {
            self.completed.pop_front();
        }
    }
}

impl Link {
    const fn until(&self) -> Option<Duration> {
        match self {
            Self::Disconnected { until } | Self::Recovered { until } => Some(*until),
            Self::Registered | Self::Unreachable { .. } | Self::Gone => None,
        }
    }
}

/// What an agent offers, and says of itself.
fn plain_attributes(pairs: &[(&str, &str)]) -> Vec<Attribute> {
    pairs
        .iter()
        .map(|(name, text)| Attribute {
            name: (*name).to_owned(),
            r#type: mesos_v1::proto::value::Type::Text.into(),
            text: Some(mesos_v1::proto::value::Text {
                value: text.replace(' ', "").into_bytes(),
            }),
            ..Attribute::default()
        })
        .collect()
}

fn plain_resources(cpus: f64, mem: f64, disk: f64, ports: (u64, u64)) -> Vec<Resource> {
    vec![
        crate::resources::ports(&[ports]),
        crate::resources::scalar_of("cpus", cpus),
        crate::resources::scalar_of("mem", mem),
        crate::resources::scalar_of("disk", disk),
    ]
}
