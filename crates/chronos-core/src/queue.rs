//! The runs that could start if an offer fitted, in order, and the offers at hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use chronos_model::{JobName, JobSpec, RunKey, RunState};
use offer_match::{DemandId, Lasts, Matcher, Misses, OfferConstraints, Policy, Ticket, Waiting};

use crate::{
    AgentId, Mutant, Offer, OfferId, Scheduler, parents::awaits_parents, settings::PRIORITY_MILLIS,
};

mod words;

use words::{abilities, demand, group, host_ports, lasts, supply};

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
/// The matcher knows them and the offers at hand, and is told only what changes. Most runs start in the
/// very input in which they came, so nothing is done for readers before a match has left a run waiting.
#[derive(Debug)]
pub(crate) struct Queue {
    matcher: Matcher,
    // Where the run of each key is in `places`.
    keys: BTreeMap<RunKey, u32>,
    places: Vec<Option<Place>>,
    free: Vec<u32>,
    numbers: u64,
    kinds: Kinds,
    // Something waits that is wanted for the first time: what was declined for others may be right for it.
    fresh: bool,
    // A run came that may go anywhere.
    any_agent: bool,
    // Runs that came since the last match, by place and number.
    news: Vec<(u32, u64)>,
    // The last demand that was explained in turn.
    explained: Option<DemandId>,
    waits: Waits,
    role: Arc<str>,
    // Where runs are whose job limits how they lie together.
    spread: BTreeMap<RunKey, (Arc<str>, offer_match::AgentId)>,
    changed: bool,
    matched: Matched,
}

/// What the last round placed; kept for its memory.
#[derive(Debug, Default)]
struct Matched {
    // Where each launch ends among the offers and among the runs.
    launches: Vec<(usize, usize)>,
    offers: Vec<OfferId>,
    places: Vec<u32>,
}

#[derive(Debug)]
struct Place {
    key: RunKey,
    spec: Arc<JobSpec>,
    priority: i32,
    demand: DemandId,
    ticket: Ticket,
    // Readers know it as one that waits.
    listed: bool,
}

impl Default for Queue {
    fn default() -> Self {
        let policy = Policy {
            priority_millis: PRIORITY_MILLIS,
            // The first offer that knows it says.
            home_region: Some("".into()),
            ..Policy::default()
        };
        Self {
            matcher: Matcher::new(policy),
            keys: BTreeMap::new(),
            places: Vec::new(),
            free: Vec::new(),
            numbers: 0,
            kinds: Kinds::default(),
            fresh: false,
            any_agent: false,
            news: Vec::new(),
            explained: None,
            waits: Waits::default(),
            role: resources::ANY_ROLE.into(),
            spread: BTreeMap::new(),
            changed: false,
            matched: Matched::default(),
        }
    }
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn waits(&self) -> Waits {
        self.waits.clone()
    }

    pub(crate) fn contains(&self, key: &RunKey) -> bool {
        self.keys.contains_key(key)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &RunKey> {
        self.keys.keys()
    }

    fn place(&self, key: &RunKey) -> Option<&Place> {
        self.places.get(*self.keys.get(key)? as usize)?.as_ref()
    }

    pub(crate) fn remove(&mut self, key: &RunKey) {
        if let Some(place) = self.keys.get(key)
            && let Some(place) = self.take(*place)
        {
            self.matcher.withdraw(&place.ticket);
            self.no_longer_waits(&place);
        }
    }

    fn take(&mut self, place: u32) -> Option<Place> {
        let taken = self.places.get_mut(place as usize)?.take()?;
        self.free.push(place);
        self.keys.remove(&taken.key);
        Some(taken)
    }

    fn no_longer_waits(&mut self, place: &Place) {
        if place.listed {
            self.waits.runs.remove(&place.key);
        }
        let explained = !self.waits.demands.is_empty();
        if explained && self.matcher.waiting_for(place.demand) == 0 {
            self.waits.demands.remove(&place.demand);
        }
    }

    /// Makes the next match look at what changed.
    pub(crate) fn touch(&mut self) {
        self.changed = true;
    }

    fn insert(&mut self, key: &RunKey, spec: &Arc<JobSpec>, since: i64, priority: i32) {
        if let Some(known) = self.place(key) {
            if (known.ticket.since(), known.priority) == (since, priority)
                && wants_the_same(&known.spec, spec)
            {
                return;
            }
            self.remove(key);
        }
        self.numbers = self.numbers.saturating_add(1);
        self.any_agent |= spec.details.constraints.is_empty();
        let demand = self.kinds.find(&mut self.matcher, spec);
        let next = u32::try_from(self.places.len());
        let next = next.expect("four billion runs do not fit into memory");
        let tag = self.free.pop().unwrap_or(next);
        let task = Waiting {
            id: self.numbers,
            tag,
            priority,
            since,
        };
        let place = Some(Place {
            key: key.clone(),
            spec: Arc::clone(spec),
            priority,
            demand,
            ticket: self.matcher.enqueue(demand, task),
            listed: false,
        });
        match self.places.get_mut(tag as usize) {
            Some(free) => *free = place,
            None => self.places.push(place),
        }
        self.keys.insert(key.clone(), tag);
        self.news.push((tag, task.id));
        self.changed = true;
    }

    /// An offer no longer stands.
    pub(crate) fn drop_offer(&mut self, offer: &OfferId) {
        self.matcher
            .rescind(&offer_match::OfferId(Arc::clone(&offer.0)));
    }

    /// Returns, once, that something waits that nothing before it wanted.
    pub(crate) fn take_fresh(&mut self) -> bool {
        std::mem::take(&mut self.fresh)
    }

    /// Whether a run came that may go anywhere, since that was forgotten last.
    pub(crate) const fn took_any_agent(&self) -> bool {
        self.any_agent
    }

    pub(crate) fn forget_any_agent(&mut self) {
        self.any_agent = false;
    }

    /// Returns which agents what waits can use.
    pub(crate) fn offer_constraints(&self) -> OfferConstraints {
        self.matcher.offer_constraints()
    }

    /// Returns the offers that nothing that waits can use.
    pub(crate) fn useless_offers(&mut self, now: i64) -> Vec<OfferId> {
        let declines = self.matcher.advise(now, None).declines.into_iter();
        let offers = declines.flat_map(|decline| decline.offers);
        offers.map(|offer| OfferId(offer.0)).collect()
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
    fn placed(&mut self, place: Place, agent: &AgentId) -> RunKey {
        self.no_longer_waits(&place);
        if let Some(group) = group(&place.spec) {
            let agent = offer_match::AgentId(Arc::clone(&agent.0));
            self.spread.insert(place.key.clone(), (group, agent));
        }
        place.key
    }

    /// A run is on no agent any more.
    pub(crate) fn left(&mut self, key: &RunKey) {
        if let Some((group, agent)) = self.spread.remove(key) {
            self.matcher.ended(&group, &agent);
            self.changed = true;
        }
    }

    // Lists those that a match left waiting; explains each demand that is new, and some of the others
    // in turn.
    fn explain(&mut self) {
        let mut turn = Vec::new();
        for (tag, number) in self.news.drain(..) {
            let place = self.places.get_mut(tag as usize);
            let place = place.and_then(Option::as_mut);
            let Some(place) = place.filter(|place| place.ticket.id() == number) else {
                continue;
            };
            place.listed = true;
            self.waits.runs.insert(place.key.clone(), place.demand);
            if !self.waits.demands.contains_key(&place.demand) {
                self.fresh = true;
                turn.push(place.demand);
            }
        }
        let known = &self.waits.demands;
        if turn.is_empty() && known.is_empty() {
            return;
        }
        let after = self.explained.map_or(Bound::Unbounded, Bound::Excluded);
        let later = known.range((after, Bound::Unbounded));
        let next: Vec<DemandId> = later
            .chain(known)
            .map(|(demand, _)| *demand)
            .take(EXPLAINED_MAX.min(known.len()))
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

/// How many demands are found again at once.
const KINDS_MAX: usize = 256;

/// Demands of jobs that ran lately. Most jobs want the same few things, and making a demand known costs
/// more than all the rest of a match.
#[derive(Debug)]
struct Kinds(Vec<Option<(Arc<JobSpec>, DemandId)>>);

impl Default for Kinds {
    fn default() -> Self {
        Self(vec![None; KINDS_MAX])
    }
}

impl Kinds {
    fn find(&mut self, matcher: &mut Matcher, spec: &Arc<JobSpec>) -> DemandId {
        let mut kind = self.0.get_mut(kind(spec));
        if let Some(Some((known, demand))) = &kind
            && wants_the_same(known, spec)
        {
            return *demand;
        }
        let demand = matcher.demand(&demand(spec));
        let kind = kind
            .as_mut()
            .and_then(|kind| kind.replace((Arc::clone(spec), demand)));
        if let Some((_, old)) = kind {
            matcher.release(old);
        }
        demand
    }
}

// Where to look for a demand: the same for those that are equal, and mostly another for others.
fn kind(spec: &JobSpec) -> usize {
    let amounts = spec.resources;
    let [cpus, mem, disk] =
        [amounts.cpus, amounts.mem, amounts.disk].map(|one| one.thousandths().cast_unsigned());
    let mut mix = cpus
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(mem)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(disk);
    if let Lasts::Millis(millis) = lasts(spec) {
        mix = mix.rotate_left(5).wrapping_add(millis.cast_unsigned());
    }
    for constraint in &spec.details.constraints {
        for &byte in constraint.value().as_bytes() {
            mix = mix.rotate_left(5).wrapping_add(u64::from(byte));
        }
    }
    let mix = mix.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    usize::try_from(mix).unwrap_or_default() % KINDS_MAX
}

// Whether the demands of two jobs are equal, without making them.
fn wants_the_same(one: &Arc<JobSpec>, two: &Arc<JobSpec>) -> bool {
    let spreads = |spec: &JobSpec| {
        let mut constraints = spec.details.constraints.iter();
        constraints.any(|constraint| constraint.spread().is_some())
    };
    let untouched = |spec: &JobSpec| spec.details.is_untouched() && spec.policies.is_untouched();
    if untouched(one) && untouched(two) {
        return one.resources == two.resources;
    }
    Arc::ptr_eq(one, two)
        || one.resources == two.resources
            && one.details.constraints == two.details.constraints
            && one.details.gpus == two.details.gpus
            && lasts(one) == lasts(two)
            && host_ports(one).eq(host_ports(two))
            && abilities(one).eq(abilities(two))
            && (one.name == two.name || !spreads(one))
}

impl Scheduler {
    pub(crate) fn offers_came(&mut self, offers: Vec<Offer>) {
        for offer in offers {
            let queue = &mut self.queue;
            if let Some(home) = &offer.abilities.home_region {
                queue.matcher.set_home_region(Arc::clone(home));
            }
            queue.matcher.offer(supply(&offer, &queue.role));
            self.note_agent(&offer.attributes);
            self.offers.insert(offer.id.clone(), Arc::new(offer));
        }
        if !self.has_bug(Mutant::NeverMatchesAgain) {
            self.queue.touch();
        }
    }

    /// Does something to many runs of a job, and decides once, at the end, which waiting ones could start.
    pub(crate) fn in_bulk(&mut self, act: impl FnOnce(&mut Self)) {
        if self.to_review.is_some() {
            return act(self);
        }
        self.to_review = Some(BTreeSet::new());
        act(self);
        for name in self.to_review.take().into_iter().flatten() {
            self.review_queue(&name);
        }
    }

    /// Decides anew which waiting runs of a job could start.
    pub(crate) fn review_queue(&mut self, name: &JobName) {
        if let Some(later) = &mut self.to_review {
            later.insert(name.clone());
            return;
        }
        let job = self.jobs.get(name);
        let Some(job) = job.filter(|job| job.waiting().next().is_some()).cloned() else {
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

    /// Gives what waits to the offers at hand; returns whether there was anything to look at.
    pub(crate) fn match_queue(&mut self) -> bool {
        let queue = &mut self.queue;
        if !std::mem::take(&mut queue.changed) || queue.len() == 0 {
            queue.news.clear();
            return false;
        }
        let mut matched = std::mem::take(&mut queue.matched);
        for batch in queue.matcher.round(self.now.wall.millis()).batches() {
            matched.places.extend(batch.tasks().map(|(_, place)| place));
            let offers = batch.offers().map(|offer| OfferId(Arc::clone(&offer.0)));
            matched.offers.extend(offers);
            let ends = (matched.offers.len(), matched.places.len());
            matched.launches.push(ends);
        }
        let mut offers = matched.offers.drain(..);
        let mut from = (0_usize, 0_usize);
        for to in matched.launches.drain(..) {
            let count = to.0.saturating_sub(from.0);
            let places = matched.places.get(from.1..to.1);
            self.use_offers(
                offers.by_ref().take(count).collect(),
                places.unwrap_or_default(),
            );
            from = to;
        }
        drop(offers);
        matched.places.clear();
        self.queue.matched = matched;
        self.queue.explain();
        true
    }

    // All of one agent.
    fn use_offers(&mut self, offers: Vec<OfferId>, places: &[u32]) {
        let mut known = None;
        for offer in &offers {
            known = self.offers.remove(offer).or(known);
        }
        let Some(known) = known else {
            return;
        };
        for &place in places {
            let Some(place) = self.queue.take(place) else {
                continue;
            };
            let key = self.queue.placed(place, &known.agent);
            self.jobs.turn_to_name(&key.job);
            self.unlaunched.insert(key.clone());
            self.write_run(&key, |run| {
                run.state = RunState::Starting;
                run.agent = Some(Arc::clone(&known.agent.0));
                run.reason = None;
            });
            self.changes.then_start(key);
        }
        self.changes.then_launch(offers);
    }
}
