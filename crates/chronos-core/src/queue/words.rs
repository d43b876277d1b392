//! Jobs and offers in the words of the matcher.

use std::{borrow::Cow, sync::Arc};

use chronos_model::{Container, ContainerKind, JobSpec};
use offer_match::{Demand, Lasts, Supply};
use resources::{Parcel, Parcels, Ranges, Scalar};

use crate::{Abilities, Offer};

pub(super) fn demand(spec: &JobSpec) -> Demand {
    let (fixed, any): (Vec<u16>, Vec<u16>) = host_ports(spec).partition(|&port| port > 0);
    Demand {
        gpus: Scalar::from_units(spec.details.gpus.into()),
        ports: u32::try_from(any.len()).unwrap_or(u32::MAX),
        fixed_ports: fixed,
        constraints: spec.details.constraints.clone(),
        abilities: abilities(spec).map(Cow::Borrowed).collect(),
        group: group(spec),
        lasts: lasts(spec),
        ..Demand::new(spec.resources)
    }
}

// The ports of the agent that a job needs; zero is any.
pub(super) fn host_ports(spec: &JobSpec) -> impl Iterator<Item = u16> {
    let container = spec.details.container.as_ref();
    container.into_iter().flat_map(Container::host_ports)
}

// How long a run may take. What is asked of agents is compared by it, so it is rounded up, by a quarter at
// most: else each limit that somebody wrote would be a demand of its own.
pub(super) fn lasts(spec: &JobSpec) -> Lasts {
    let secs = spec.policies.max_completion_time_secs;
    if secs == 0 {
        return Lasts::Unknown;
    }
    let step = (secs.next_power_of_two() / 8).max(1);
    let secs = secs.checked_next_multiple_of(step).unwrap_or(secs);
    Lasts::Millis(i64::try_from(secs.saturating_mul(1_000)).unwrap_or(i64::MAX))
}

// What an agent must be able to do.
pub(super) fn abilities(spec: &JobSpec) -> impl Iterator<Item = &'static str> {
    let container = spec.details.container.as_ref();
    let fetches = !spec.details.fetch.is_empty() || !spec.details.uris.is_empty();
    let container = container.map(|container| container_ability(container.kind));
    container
        .into_iter()
        .chain(fetches.then_some(FETCH))
        .chain((!spec.details.executor.is_empty()).then_some(EXECUTORS))
}

// The runs among which spread constraints count, if there are such constraints.
pub(super) fn group(spec: &JobSpec) -> Option<Arc<str>> {
    let mut constraints = spec.details.constraints.iter();
    let spreads = constraints.any(|constraint| constraint.spread().is_some());
    spreads.then(|| spec.name.as_str().into())
}

pub(super) fn supply(offer: &Offer, role: &Arc<str>) -> offer_match::Offer {
    let Abilities {
        gpus: _,
        ports: _,
        containers,
        fetch,
        executors,
        away,
        home_region: _,
    } = &offer.abilities;
    let mut abilities: Vec<_> = containers
        .iter()
        .map(|&kind| container_ability(kind).into())
        .collect();
    abilities.extend(fetch.then_some(FETCH.into()));
    abilities.extend(executors.then_some(EXECUTORS.into()));
    offer_match::Offer {
        id: offer_match::OfferId(Arc::clone(&offer.id.0)),
        agent: offer_match::AgentId(Arc::clone(&offer.agent.0)),
        role: Arc::clone(offer.role.as_ref().unwrap_or(role)),
        supply: supplies(offer),
        attributes: Arc::clone(&offer.attributes),
        abilities,
        unavailable: away.map(|away| offer_match::Window {
            start: away.from.millis(),
            end: away.until.map(chronos_model::Timestamp::millis),
        }),
    }
}

// Entry by entry only where there is more than every agent has.
fn supplies(offer: &Offer) -> Supply {
    let Abilities { gpus, ports, .. } = &offer.abilities;
    if gpus.is_zero() && ports.is_empty() {
        return Supply::Plain(offer.resources);
    }
    let identity = Arc::default();
    let mut parcels = Parcels::plain(&offer.resources, &identity);
    parcels.add(Parcel::scalar("gpus", *gpus, &identity));
    parcels.add(Parcel::ranges("ports", Ranges::clone(ports), &identity));
    Supply::Entries(Arc::new(parcels))
}

const FETCH: &str = "fetcher for files";
const EXECUTORS: &str = "support for custom executors";

const fn container_ability(kind: ContainerKind) -> &'static str {
    match kind {
        ContainerKind::Docker => "container runtime for DOCKER",
        ContainerKind::Mesos => "container runtime for MESOS",
    }
}
