//! The runs that could start if an offer fitted, in order, and the offers at hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chronos_model::{ContainerKind, JobName, JobSpec, RunKey, RunState, Timestamp};
use offer_match::{Demand, Misses, Policy, Waiting, match_once};
use resources::{Identity, Parcels};

use crate::{
    Abilities, Mutant, Offer, OfferId, Scheduler, parents::awaits_parents, settings::PRIORITY_MILLIS,
};

/// Why runs wait although they could start, as of the last match.
pub(crate) type Waits = imbl::OrdMap<RunKey, Arc<Misses>>;

/// The runs that wait for an offer, by rank: high priority first, then by the time they became ready;
/// but what has waited for [`PRIORITY_MILLIS`] goes before a newcomer of high priority.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    order: BTreeSet<Place>,
    places: BTreeMap<RunKey, Place>,
    waits: Waits,
    changed: bool,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Place {
    rank: Timestamp,
    key: RunKey,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn waits(&self) -> Waits {
        self.waits.clone()
    }

    pub(crate) fn contains(&self, key: &RunKey) -> bool {
        self.places.contains_key(key)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &RunKey> {
        self.order.iter().map(|place| &place.key)
    }

    pub(crate) fn remove(&mut self, key: &RunKey) {
        if let Some(place) = self.places.remove(key) {
            self.order.remove(&place);
            self.waits.remove(key);
        }
    }

    /// Makes the next match look at everything again.
    pub(crate) fn touch(&mut self) {
        self.changed = true;
    }

    fn insert(&mut self, place: Place) {
        if self.places.get(&place.key) == Some(&place) {
            return;
        }
        self.remove(&place.key);
        self.places.insert(place.key.clone(), place.clone());
        self.order.insert(place);
        self.changed = true;
    }

    fn note(&mut self, key: &RunKey, misses: &Misses) {
        // Readers hold on to the map; what stays the same is not copied for them.
        if self.waits.get(key).is_none_or(|known| **known != *misses) {
            self.waits.insert(key.clone(), Arc::new(misses.clone()));
        }
    }
}

impl Scheduler {
    pub(crate) fn offers_came(&mut self, offers: Vec<Offer>) {
        for offer in offers {
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
                let ahead = if job.spec.high_priority {
                    PRIORITY_MILLIS
                } else {
                    0
                };
                self.queue.insert(Place {
                    rank: ready_at.plus_millis(ahead.saturating_neg()),
                    key: run.key.clone(),
                });
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
        let waiting: Vec<(RunKey, Arc<JobSpec>)> = self
            .queue
            .keys()
            .filter_map(|key| {
                self.jobs
                    .get(&key.job)
                    .map(|job| (key.clone(), Arc::clone(&job.spec)))
            })
            .collect();
        let tasks = (0..).zip(&waiting).map(|(id, (_, spec))| {
            // The queue is in order already.
            let task = Waiting {
                id,
                ..Waiting::default()
            };
            (demand(spec), task)
        });
        let offers = self.offers.values().map(supply);
        let matcher = match_once(Policy::default(), tasks, offers, 0);
        let mut placed = BTreeSet::new();
        for launch in matcher.plan().launches() {
            let keys: Vec<RunKey> = launch
                .tasks
                .iter()
                .filter_map(|task| {
                    let position = usize::try_from(task.id).ok()?;
                    placed.insert(position);
                    waiting.get(position).map(|(key, _)| key.clone())
                })
                .collect();
            let offer = OfferId(launch.agent.0);
            if let Some(offer) = self.offers.get(&offer).cloned() {
                self.use_offer(&offer, keys);
            }
        }
        for (position, (key, spec)) in waiting.iter().enumerate() {
            if !placed.contains(&position) {
                let misses = matcher.explain_demand(&demand(spec));
                self.queue.note(key, &misses);
            }
        }
    }

    fn use_offer(&mut self, offer: &Offer, keys: Vec<RunKey>) {
        self.offers.remove(&offer.id);
        for key in &keys {
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
        ..Demand::new(spec.resources)
    }
}

// Each offer stands for itself, because a launch names one offer.
fn supply(offer: &Offer) -> offer_match::Offer {
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
        agent: offer_match::AgentId(Arc::clone(&offer.id.0)),
        role: resources::ANY_ROLE.into(),
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
