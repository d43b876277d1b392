//! Between the scheduler's words and the master's: what is asked, what is told, and what is still owed to either.

mod notes;
mod updates;

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chronos_core::{
    AgentId, ClusterCall, ClusterEvent, Launch, Launched, OfferConstraint, OfferId, Task, TaskState,
};
use chronos_model::{RunKey, Timestamp};
use mesos_v1::{
    Mono,
    driver::{Input, Notice, Refusal, Request, RequestId},
    proto::{self, FrameworkId},
};
use tokio::sync::watch;

use crate::{
    MesosConfig, OnRemoved, Standing, Status,
    constraints::offer_constraints,
    counts::{Counts, Of},
    directory::Directory,
    offers::{Lack, Offers, Wanted},
    task::{self, Place, task_info},
    tracked::Tasks,
};

/// How long tasks out of reach are borne at least after a new subscription: the master is being asked about them.
const NEW_SUBSCRIPTION_PATIENCE: Duration = Duration::from_secs(60);

/// The two sides, and what lies between them.
#[derive(Debug)]
pub(crate) struct Desk {
    directory: Directory,
    status: watch::Sender<Status>,
    counts: Counts,
    offers: Offers,
    tasks: Tasks,
    /// Launches whose outcome is open.
    launches: BTreeMap<u64, Vec<RunKey>>,
    requests: u64,
    wants_offers: bool,
    /// Of which agents; of all when there is none.
    groups: Vec<Vec<OfferConstraint>>,
    /// To be declined with the next call for that: a call may name any number.
    unwanted: Vec<OfferId>,
    subscribed: bool,
    for_scheduler: VecDeque<ClusterEvent>,
    for_driver: VecDeque<Input>,
    deposed: bool,
    /// The id is to be erased once nothing is open under it.
    erasing: bool,
}

impl Desk {
    pub(crate) fn new(directory: Directory, status: watch::Sender<Status>, counts: Counts) -> Self {
        Self {
            directory,
            status,
            counts,
            offers: Offers::default(),
            tasks: Tasks::default(),
            launches: BTreeMap::new(),
            requests: 0,
            wants_offers: false,
            groups: Vec::new(),
            unwanted: Vec::new(),
            subscribed: false,
            for_scheduler: VecDeque::new(),
            for_driver: VecDeque::new(),
            deposed: false,
            erasing: false,
        }
    }

    pub(crate) const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// How many events wait for the scheduler.
    pub(crate) fn waiting(&self) -> usize {
        self.for_scheduler.len()
    }

    pub(crate) fn pop(&mut self, send: impl FnOnce(ClusterEvent)) {
        if let Some(event) = self.for_scheduler.pop_front() {
            send(event);
        }
    }

    pub(crate) fn take_input(&mut self) -> Option<Input> {
        self.for_driver.pop_front()
    }

    /// Says how much is here now.
    pub(crate) fn measure(&self) {
        self.counts.set(Of::OffersHeld, self.offers.len());
        self.counts.set(Of::Tasks, self.tasks.len());
        self.counts.set(Of::OutOfReach, self.tasks.out_of_reach());
    }

    pub(crate) fn take_deposed(&mut self) -> bool {
        std::mem::take(&mut self.deposed)
    }

    /// Returns, once, that nothing stands in the way of erasing the id any more.
    pub(crate) fn take_erasable(&mut self) -> bool {
        let erasable = self.erasing && self.tasks.is_empty();
        self.erasing &= !erasable;
        erasable
    }

    /// When time alone changes something.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.tasks.deadline().filter(|_| self.subscribed)
    }

    pub(crate) fn tick(&mut self, now: Mono) {
        if !self.subscribed {
            return;
        }
        while let Some(key) = self.tasks.next_lost(now) {
            let text = "its agent was out of reach for too long; what became of it is not known";
            self.end_here(&key, TaskState::Lost, text);
        }
    }

    fn ask(&mut self, request: Request) {
        self.for_driver.push_back(Input::Request(request));
    }

    fn tell(&mut self, event: ClusterEvent) {
        self.for_scheduler.push_back(event);
    }

    pub(crate) fn set_standing(&mut self, standing: Standing) {
        self.status.send_modify(|status| status.standing = standing);
    }

    /// There is a driver that knows nothing yet but the id of our framework, if it has one.
    pub(crate) fn begin(&mut self, config: &MesosConfig, id: Option<&FrameworkId>) {
        let id = id.map(|id| id.value.clone());
        self.directory.set_framework(id.as_deref());
        self.status.send_modify(|status| status.framework = id);
        self.set_standing(Standing::Starting);
        self.constrain(config);
        self.want_offers(config);
        for key in self.tasks.open() {
            self.watch(&key);
        }
    }

    fn want_offers(&mut self, config: &MesosConfig) {
        let roles = config.roles.iter().filter(|_| self.wants_offers);
        let roles = roles.cloned().collect();
        self.ask(Request::Demand { roles });
    }

    fn constrain(&mut self, config: &MesosConfig) {
        let constraints = offer_constraints(&self.groups, &config.roles);
        self.ask(Request::Constrain { constraints });
    }

    fn watch(&mut self, key: &RunKey) {
        let Some(task) = self.tasks.get(key) else {
            return;
        };
        let agent = task.agent.as_ref().map(|agent| proto::AgentId {
            value: agent.to_string(),
        });
        let task = task.name(key);
        self.ask(Request::Watch { task, agent });
    }

    /// Takes an instruction of the scheduler.
    pub(crate) fn call(
        &mut self,
        config: &MesosConfig,
        framework: Option<&FrameworkId>,
        call: ClusterCall,
    ) {
        match call {
            ClusterCall::Launch { offers, tasks } => {
                self.launch(config, framework, &offers, tasks);
            }
            ClusterCall::Decline { offer } => {
                if self.offers.remove(&offer).is_some() {
                    self.unwanted.push(offer);
                }
            }
            ClusterCall::Kill { key } => self.kill(&key),
            ClusterCall::Acknowledge { key } => self.acknowledge(&key),
            ClusterCall::Reconcile { tasks } => {
                for Launched { key, launch, agent } in tasks {
                    let task = self.tasks.add(&key, launch, agent);
                    // Whoever asks has not heard of its end, or has forgotten.
                    task.over = false;
                    self.watch(&key);
                }
            }
            ClusterCall::Constrain { groups } => {
                self.groups = groups;
                self.constrain(config);
            }
            ClusterCall::Want { offers } => {
                // Those before are not wanted for as long as was said then.
                self.decline(config);
                let again = std::mem::replace(&mut self.wants_offers, offers) && offers;
                if again {
                    // What was declined for those that waited before may be what this one needs.
                    self.ask(Request::Refresh);
                } else {
                    self.want_offers(config);
                }
            }
        }
    }

    /// Declines what is not wanted, by one call.
    pub(crate) fn decline(&mut self, config: &MesosConfig) {
        let wait = if self.wants_offers {
            config.decline
        } else {
            config.decline_idle
        };
        let offers = std::mem::take(&mut self.unwanted);
        if !offers.is_empty() {
            self.counts.add(Of::Declined, offers.len());
            self.ask(Request::Decline {
                offers: offers.iter().map(mesos_offer).collect(),
                refuse_seconds: wait.as_secs_f64(),
            });
        }
    }

    fn launch(
        &mut self,
        config: &MesosConfig,
        framework: Option<&FrameworkId>,
        offers: &[OfferId],
        tasks: Vec<Task>,
    ) {
        let mut held = self.offers.remove_all(offers).zip(framework);
        let wanted: Vec<Wanted> = tasks.iter().map(|task| Wanted::by(&task.spec)).collect();
        let taken = held.as_mut().map(|(held, _)| held.take_each(&wanted));
        let mut infos = Vec::with_capacity(tasks.len());
        let mut keys = Vec::with_capacity(tasks.len());
        let mut taken = taken.into_iter().flatten();
        for task in tasks {
            let agent = held
                .as_ref()
                .map(|(held, _)| AgentId(held.agent.value.as_str().into()));
            self.tasks.add(&task.key, task.launch, agent);
            let Some(((held, framework), taken)) = held.as_ref().zip(taken.next()) else {
                self.end_here(
                    &task.key,
                    TaskState::Dropped,
                    "the offer does not stand any more",
                );
                continue;
            };
            let taken = match taken {
                Ok(taken) => taken,
                Err(lack) => {
                    self.end_here(&task.key, TaskState::Dropped, &not_there(lack));
                    continue;
                }
            };
            infos.push(task_info(
                &task,
                Place {
                    framework,
                    agent: &held.agent,
                    hostname: &held.hostname,
                    taken,
                    kill_grace: config.kill_grace,
                },
            ));
            keys.push(task.key);
        }
        let offers = offers.iter().map(mesos_offer).collect();
        if infos.is_empty() {
            // Void, or given back unused.
            return self.ask(Request::Decline {
                offers,
                refuse_seconds: 0.0,
            });
        }
        self.requests += 1;
        self.counts.add(Of::Launches, 1);
        self.counts.add(Of::Launched, infos.len());
        self.launches.insert(self.requests, keys);
        self.ask(Request::Launch {
            request: RequestId(self.requests),
            offers,
            operations: vec![task::launch(infos)],
            // What is left is wanted at once: more may wait, and what is not needed is declined for longer.
            refuse_seconds: 0.0,
        });
    }

    fn kill(&mut self, key: &RunKey) {
        let known = self.tasks.get(key).map(|task| task.name(key));
        let task = known.unwrap_or_else(|| self.tasks.add(key, Launch::default(), None).name(key));
        self.ask(Request::Kill { task, policy: None });
    }

    // The end of a task is on record.
    fn acknowledge(&mut self, key: &RunKey) {
        let Some(task) = self.tasks.get_mut(key) else {
            return;
        };
        let (receipts, name, over) = (task.take_receipts(), task.name(key), task.over);
        let receipts = receipts.into_iter().map(Input::Recorded);
        self.for_driver.extend(receipts);
        if over {
            self.tasks.remove(key);
            self.ask(Request::Unwatch { task: name });
        }
    }

    /// The id of a framework that was removed is to be erased, once all that ran under it is on record as lost.
    pub(crate) fn erase(&mut self) {
        self.erasing = true;
        for key in self.tasks.open() {
            let text = "the framework was removed from Mesos; what became of it is not known";
            self.end_here(&key, TaskState::Lost, text);
        }
    }

    /// Hears what the driver says.
    pub(crate) fn told(
        &mut self,
        config: &MesosConfig,
        now: Mono,
        wall: Timestamp,
        notice: Notice,
    ) {
        notes::note(&notice);
        self.count(&notice);
        match notice {
            Notice::Subscribed { framework, master } => {
                self.subscribed(now, &framework, master.as_deref());
            }
            Notice::Disconnected(cause) => {
                tracing::warn!(%cause, "not subscribed to Mesos any more");
                self.void_offers();
                self.subscribed = false;
                self.set_standing(Standing::Waiting(cause.to_string()));
            }
            Notice::NoLeader => {
                tracing::warn!("nobody knows a leading Mesos master");
                let why = "nobody knows a leading master".to_owned();
                self.set_standing(Standing::Waiting(why));
            }
            Notice::Waiting { cause, until } => {
                let wait_ms = u64::try_from(until.since(now).as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(%cause, wait_ms, "cannot subscribe to Mesos; trying again");
                self.set_standing(Standing::Waiting(cause.to_string()));
            }
            Notice::Refused { refusal, until } => self.refused(config, &refusal, until.is_some()),
            Notice::Deposed => {
                tracing::warn!("another daemon leads; leaving Mesos to it");
                self.void_offers();
                self.subscribed = false;
                self.tasks.clear();
                self.launches.clear();
                self.groups.clear();
                self.deposed = true;
                self.idle();
            }
            Notice::Offers(offers) => {
                let offers = offers.into_iter().map(|offer| {
                    self.directory.learn(&offer);
                    self.offers.add(offer)
                });
                let offers = offers.collect();
                self.tell(ClusterEvent::Offers(offers));
            }
            Notice::Rescinded(id) => {
                let id = OfferId(id.value.into());
                if self.offers.remove(&id).is_some() {
                    self.tell(ClusterEvent::Rescinded(id));
                }
            }
            Notice::Update(update) => self.update(config, now, wall, *update),
            Notice::Settled { request, outcome } => self.settled(request, outcome),
            Notice::InverseOffers(offers) => {
                // Its agents offer nothing that would last; what runs there is ended by the operator.
                let offers = offers.into_iter().map(|offer| offer.id).collect();
                self.ask(Request::AgreeToLeave { offers });
            }
            Notice::Failure(_)
            | Notice::Message(_)
            | Notice::InverseRescinded(_)
            | Notice::OperationStatus(_)
            | Notice::Reconciled
            | Notice::Undecodable(_)
            | Notice::UnknownEvent(_)
            | Notice::CallRefused { .. }
            | Notice::ConstraintsRefused
            | Notice::QueueFull => {}
        }
    }

    fn count(&self, notice: &Notice) {
        match notice {
            Notice::Subscribed { .. } => self.counts.add(Of::Subscriptions, 1),
            Notice::Offers(offers) => self.counts.add(Of::Offers, offers.len()),
            Notice::Update(_) => self.counts.add(Of::Updates, 1),
            Notice::CallRefused { .. } => self.counts.add(Of::Refused, 1),
            Notice::Undecodable(_) => self.counts.add(Of::Unreadable, 1),
            Notice::Disconnected(_)
            | Notice::NoLeader
            | Notice::Waiting { .. }
            | Notice::Refused { .. }
            | Notice::Deposed
            | Notice::Rescinded(_)
            | Notice::Failure(_)
            | Notice::Message(_)
            | Notice::InverseOffers(_)
            | Notice::InverseRescinded(_)
            | Notice::OperationStatus(_)
            | Notice::Settled { .. }
            | Notice::Reconciled
            | Notice::UnknownEvent(_)
            | Notice::ConstraintsRefused
            | Notice::QueueFull => {}
        }
    }

    fn subscribed(
        &mut self,
        now: Mono,
        framework: &FrameworkId,
        master: Option<&proto::MasterInfo>,
    ) {
        self.subscribed = true;
        self.offers
            .set_home(master.and_then(|master| master.domain.as_ref()));
        self.tasks.bear_until(now.after(NEW_SUBSCRIPTION_PATIENCE));
        self.directory.set_framework(Some(&framework.value));
        let version = master.and_then(|master| master.version.clone());
        let address = self.directory.master().unwrap_or_default();
        tracing::info!(
            framework = framework.value,
            master = address,
            version,
            "subscribed to Mesos"
        );
        self.status.send_replace(Status {
            standing: Standing::Subscribed,
            framework: Some(framework.value.clone()),
            master: Some(match version {
                Some(version) => format!("{address} (Mesos {version})"),
                None => address,
            }),
        });
    }

    fn refused(&mut self, config: &MesosConfig, refusal: &Refusal, tries_again: bool) {
        tracing::error!(%refusal, tries_again, "the Mesos master does not want us");
        let advice = match refusal {
            Refusal::Removed => match config.on_removed {
                OnRemoved::Wait => {
                    "; tell the daemon to forget it, or start with --mesos_on_removed=register, to register as a new one"
                }
                OnRemoved::Register => "",
            },
            Refusal::FailedOver => {
                "; stop the other one, then tell this one to try again, or restart it"
            }
            Refusal::Config(_) | Refusal::Auth(_) => "",
        };
        let text = format!("{refusal}{advice}");
        self.set_standing(match refusal {
            Refusal::Removed => Standing::Removed(text),
            Refusal::FailedOver | Refusal::Config(_) | Refusal::Auth(_) => Standing::Refused(text),
        });
        if *refusal == Refusal::Removed && config.on_removed == OnRemoved::Register {
            self.ask(Request::ForgetFramework);
        }
    }

    fn void_offers(&mut self) {
        for id in self.offers.take_all() {
            self.tell(ClusterEvent::Rescinded(id));
        }
    }
}

// The scheduler chose the offer because it fitted, so it does no longer: the run goes to another one.
fn not_there(lack: Lack) -> String {
    match lack {
        Lack::Amount => "the offer does not have what the task needs".to_owned(),
        Lack::Port(port) => format!("the offer does not have port {port} of the agent"),
        Lack::Ports => "the offer does not have as many ports as the task needs".to_owned(),
    }
}

fn mesos_offer(offer: &OfferId) -> proto::OfferId {
    proto::OfferId {
        value: offer.to_string(),
    }
}

/// Reads the wall clock.
pub(crate) fn wall() -> Timestamp {
    // Before 1970 there is nothing to run; both fallbacks are the least wrong instant.
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use mesos_v1::proto::domain_info::{
        FaultDomain,
        fault_domain::{RegionInfo, ZoneInfo},
    };

    use super::*;

    #[test]
    fn offers_say_in_which_region_the_masters_are() {
        let (status, _heard) = watch::channel(Status::default());
        let mut desk = Desk::new(Directory::default(), status, Counts::default());
        let framework = FrameworkId { value: "f".into() };
        for (region, want) in [(None, None), (Some("r"), Some("r")), (None, None)] {
            let domain = region.map(|region: &str| proto::DomainInfo {
                fault_domain: Some(FaultDomain {
                    region: RegionInfo {
                        name: region.into(),
                    },
                    zone: ZoneInfo { name: "z".into() },
                }),
            });
            let master = proto::MasterInfo {
                domain,
                ..proto::MasterInfo::default()
            };
            desk.subscribed(Mono(0), &framework, Some(&master));
            let told = desk.offers.add(proto::Offer::default());
            assert_eq!(told.abilities.home_region.as_deref(), want);
        }
    }

    #[test]
    fn after_a_new_subscription_nothing_is_lost_before_the_master_was_asked() {
        let (status, _heard) = watch::channel(Status::default());
        let mut desk = Desk::new(Directory::default(), status, Counts::default());
        let key = RunKey {
            job: "job".parse().unwrap(),
            due: Timestamp::from_millis(7),
            attempt: 0,
        };
        desk.tasks.add(&key, Launch::default(), None);
        desk.tasks.away(&key, Mono(2_000));
        desk.tick(Mono(10_000));
        assert_eq!(desk.waiting(), 0, "nobody can be asked");
        let framework = FrameworkId { value: "f".into() };
        desk.subscribed(Mono(10_000), &framework, None);
        desk.tick(Mono(69_999));
        assert_eq!(desk.waiting(), 0, "it is being asked");
        assert_eq!(desk.deadline(), Some(Mono(70_000)));
        desk.tick(Mono(70_000));
        assert_eq!(desk.waiting(), 1, "lost");
    }
}
