//! The runs that could start if an offer fitted, in order, and the offers at hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chronos_model::{ContainerKind, JobName, JobSpec, RunKey, RunState};
use offer_match::{Demand, DemandId, Matcher, Misses, Policy, Ticket};
use resources::{Identity, Parcels};

use crate::{
    Abilities, AgentId, Mutant, Offer, OfferId, Scheduler, parents::awaits_parents,
    settings::PRIORITY_MILLIS,
};

/// How many demands get a new explanation after one match, beside those that are new.
///
/// One costs some hundred nanoseconds for each agent, so a match spends a few milliseconds on it at most
/// on ten thousand agents; the others follow in turn.
const EXPLAINED_MAX: usize = 64;

/// Why runs wait although they could start, as of the last match: by what they want.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waits {
    runs: imbl::OrdMap<RunKey, DemandId>,
    demands: imbl::OrdMap<DemandId, Arc<Misses>>,
}

impl Waits {
    pub(crate) fn get(&self, key: &RunKey) -> Option<&Misses> {
        let demand = self.runs.get(key)?;
        self.demands.get(demand).map(|misses| &**misses)
    }
}

/// The runs that wait for an offer, by rank: high priority first, then by the time they became ready;
/// but what has waited for [`PRIORITY_MILLIS`] goes before a newcomer of high priority.
///
/// The matcher knows them and the offers at hand, and is told only what changes.
#[derive(Debug)]
pub(crate) struct Queue {
    matcher: Matcher,
    places: BTreeMap<RunKey, Place>,
    // The matcher has numbers for runs, given in the order in which they came.
    runs: BTreeMap<u64, RunKey>,
    numbers: u64,
    // How many runs want the same.
    demands: BTreeMap<DemandId, usize>,
    // Demands that nobody explained yet, and the last of the others that was.
    news: Vec<DemandId>,
    explained: Option<DemandId>,
    waits: Waits,
    // Which of the offers of an agent an offer is. A launch names one offer, so they are kept apart.
    lanes: BTreeMap<OfferId, (AgentId, usize)>,
    lanes_taken: BTreeSet<(AgentId, usize)>,
    // Where runs are whose job limits how they lie together.
    spread: BTreeMap<RunKey, (Arc<str>, offer_match::AgentId)>,
    changed: bool,
}

#[derive(Clone, Debug)]
struct Place {
    task: offer_match::Waiting,
    spec: Arc<JobSpec>,
    demand: DemandId,
    ticket: Ticket,
}

impl Default for Queue {
    fn default() -> Self {
        let policy = Policy {
            priority_millis: PRIORITY_MILLIS,
            ..Policy::default()
        };
        Self {
            matcher: Matcher::new(policy),
            places: BTreeMap::new(),
            runs: BTreeMap::new(),
            numbers: 0,
            demands: BTreeMap::new(),
            news: Vec::new(),
            explained: None,
            waits: Waits::default(),
            lanes: BTreeMap::new(),
            lanes_taken: BTreeSet::new(),
            spread: BTreeMap::new(),
            changed: false,
        }
    }
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn waits(&self) -> Waits {
        self.waits.clone()
    }

    pub(crate) fn contains(&self, key: &RunKey) -> bool {
        self.places.contains_key(key)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &RunKey> {
        self.places.keys()
    }

    pub(crate) fn remove(&mut self, key: &RunKey) {
        if let Some(place) = self.places.remove(key) {
            self.matcher.withdraw(&place.ticket);
            self.runs.remove(&place.task.id);
            self.waits.runs.remove(key);
            self.let_go(place.demand);
        }
    }

    fn let_go(&mut self, demand: DemandId) {
        self.matcher.release(demand);
        if let Some(holders) = self.demands.get_mut(&demand) {
            *holders = holders.saturating_sub(1);
            if *holders == 0 {
                self.demands.remove(&demand);
                self.waits.demands.remove(&demand);
            }
        }
    }

    /// Makes the next match look at what changed.
    pub(crate) fn touch(&mut self) {
        self.changed = true;
    }

    fn insert(&mut self, key: &RunKey, spec: &Arc<JobSpec>, since: i64, priority: i32) {
        if let Some(known) = self.places.get(key)
            && (known.task.since, known.task.priority) == (since, priority)
            && (Arc::ptr_eq(&known.spec, spec) || demand(&known.spec) == demand(spec))
        {
            return;
        }
        self.remove(key);
        self.numbers = self.numbers.saturating_add(1);
        let task = offer_match::Waiting {
            id: self.numbers,
            priority,
            since,
        };
        let demand = self.matcher.demand(&demand(spec));
        let holders = self.demands.entry(demand).or_default();
        *holders = holders.saturating_add(1);
        if *holders == 1 {
            self.news.push(demand);
        }
        self.waits.runs.insert(key.clone(), demand);
        let place = Place {
            task,
            spec: Arc::clone(spec),
            demand,
            ticket: self.matcher.enqueue(demand, task),
        };
        self.runs.insert(task.id, key.clone());
        self.places.insert(key.clone(), place);
        self.changed = true;
    }

    fn take_offer(&mut self, offer: &Offer) {
        self.drop_offer(&offer.id);
        let of = |lane| (offer.agent.clone(), lane);
        let lane = (0..=self.lanes.len()).find(|&lane| !self.lanes_taken.contains(&of(lane)));
        let lane = lane.unwrap_or_default();
        self.lanes_taken.insert(of(lane));
        self.lanes.insert(offer.id.clone(), of(lane));
        self.matcher.offer(supply(offer, lane));
    }

    /// An offer no longer stands.
    pub(crate) fn drop_offer(&mut self, offer: &OfferId) {
        if let Some(lane) = self.lanes.remove(offer) {
            self.lanes_taken.remove(&lane);
        }
        self.matcher
            .rescind(&offer_match::OfferId(Arc::clone(&offer.0)));
    }

    /// A run of a job that limits how its runs lie together is on an agent, as was found out.
    pub(crate) fn found(&mut self, key: &RunKey, spec: &JobSpec, agent: &str) {
        if let Some(group) = group(spec) {
            let agent = offer_match::AgentId(agent.into());
            self.matcher.running(&group, &agent);
            self.spread.insert(key.clone(), (group, agent));
        }
    }

    // The matcher has counted it.
    fn placed(&mut self, key: &RunKey, agent: &AgentId) {
        if let Some(group) = self.places.get(key).and_then(|place| group(&place.spec)) {
            let agent = offer_match::AgentId(Arc::clone(&agent.0));
            self.spread.insert(key.clone(), (group, agent));
        }
    }

    /// A run is on no agent any more.
    pub(crate) fn left(&mut self, key: &RunKey) {
        if let Some((group, agent)) = self.spread.remove(key) {
            self.matcher.ended(&group, &agent);
            self.changed = true;
        }
    }

    // Explains each demand that is new, and some of the others in turn.
    fn explain(&mut self) {
        let mut turn = std::mem::take(&mut self.news);
        turn.retain(|demand| self.demands.contains_key(demand));
        let after = self
            .explained
            .map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let later = self.demands.range((after, std::ops::Bound::Unbounded));
        let next: Vec<DemandId> = later
            .chain(&self.demands)
            .map(|(demand, _)| *demand)
            .take(EXPLAINED_MAX.min(self.demands.len()))
            .collect();
        self.explained = next.last().copied();
        turn.extend(next);
        for demand in turn {
            let misses = self.matcher.explain(demand);
            // Readers hold on to the map; what stays the same is not copied for them.
            let known = self.waits.demands.get(&demand);
            if known.is_none_or(|known| **known != misses) {
                self.waits.demands.insert(demand, Arc::new(misses));
            }
        }
    }
}

impl Scheduler {
    pub(crate) fn offers_came(&mut self, offers: Vec<Offer>) {
        for offer in offers {
            self.queue.take_offer(&offer);
            self.offers.insert(offer.id.clone(), offer);
        }
        if !self.has_bug(Mutant::NeverMatchesAgain) {
            self.queue.touch();
        }
    }

    /// Decides anew which waiting runs of a job could start.
    pub(crate) fn review_queue(&mut self, name: &JobName) {
        let Some(job) = self.jobs.get(name).cloned() else {
            return;
        };
        let mut free = job.places_free();
        for run in job.waiting() {
            let delayed = self.delays.contains_key(&run.key);
            let startable = !delayed && !awaits_parents(&job, run) && free != Some(0);
            if startable {
                let ready_at = run.not_before.unwrap_or(run.created_at);
                let priority = i32::from(job.spec.high_priority);
                self.queue
                    .insert(&run.key, &job.spec, ready_at.millis(), priority);
            } else {
                self.queue.remove(&run.key);
            }
            if startable || (delayed && job.keeps_its_place(run)) {
                free = free.map(|free| free.saturating_sub(1));
            }
        }
    }

    /// Gives what waits to the offers at hand.
    pub(crate) fn match_queue(&mut self) {
        if !std::mem::take(&mut self.queue.changed) || self.queue.len() == 0 {
            return;
        }
        let queue = &mut self.queue;
        let launches = queue.matcher.round(self.now.wall.millis()).launches();
        for launch in launches {
            let tasks = launch.tasks.iter();
            let keys = tasks.filter_map(|task| self.queue.runs.get(&task.id).cloned());
            let keys: Vec<RunKey> = keys.collect();
            // Its role is its lane, so it has one offer.
            let offer = launch.offers.first().map(|id| OfferId(Arc::clone(&id.0)));
            if let Some(offer) = offer.and_then(|id| self.offers.get(&id).cloned()) {
                self.use_offer(&offer, keys);
            }
        }
        self.queue.explain();
    }

    fn use_offer(&mut self, offer: &Offer, keys: Vec<RunKey>) {
        self.offers.remove(&offer.id);
        self.queue.drop_offer(&offer.id);
        for key in &keys {
            self.queue.placed(key, &offer.agent);
            self.jobs.turn_to_name(&key.job);
            self.queue.remove(key);
            self.unlaunched.insert(key.clone());
            self.write_run(key, |run| {
                run.state = RunState::Starting;
                run.agent = Some(offer.agent.to_string());
                run.reason = None;
            });
        }
        self.changes.then_launch(offer.id.clone(), keys);
    }
}

fn demand(spec: &JobSpec) -> Demand {
    let mut abilities = Vec::new();
    if let Some(container) = &spec.container {
        abilities.push(container_ability(container.kind));
    }
    if !spec.fetch.is_empty() || !spec.uris.is_empty() {
        abilities.push(FETCH);
    }
    if !spec.executor.is_empty() {
        abilities.push(EXECUTORS);
    }
    Demand {
        constraints: spec.constraints.clone(),
        abilities,
        group: group(spec),
        ..Demand::new(spec.resources)
    }
}

// The runs among which spread constraints count, if there are such constraints.
fn group(spec: &JobSpec) -> Option<Arc<str>> {
    let mut constraints = spec.constraints.iter();
    let spreads = constraints.any(|constraint| constraint.spread().is_some());
    spreads.then(|| spec.name.as_str().into())
}

fn supply(offer: &Offer, lane: usize) -> offer_match::Offer {
    let Abilities {
        containers,
        fetch,
        executors,
    } = &offer.abilities;
    let mut abilities: Vec<_> = containers
        .iter()
        .map(|&kind| container_ability(kind))
        .collect();
    abilities.extend(fetch.then_some(FETCH));
    abilities.extend(executors.then_some(EXECUTORS));
    offer_match::Offer {
        id: offer_match::OfferId(Arc::clone(&offer.id.0)),
        agent: offer_match::AgentId(Arc::clone(&offer.agent.0)),
        role: lane.to_string().into(),
        parcels: Parcels::plain(&offer.resources, &Arc::new(Identity::default())),
        attributes: Arc::clone(&offer.attributes),
        abilities,
        unavailable: None,
    }
}

const FETCH: &str = "fetcher for files";
const EXECUTORS: &str = "support for custom executors";

const fn container_ability(kind: ContainerKind) -> &'static str {
    match kind {
        ContainerKind::Docker => "container runtime for DOCKER",
        ContainerKind::Mesos => "container runtime for MESOS",
    }
}
