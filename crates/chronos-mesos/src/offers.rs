//! The offers at hand: what is left of each, entry by entry, exactly as the master wrote it.

use std::{collections::BTreeMap, sync::Arc};

use chronos_core::{Abilities, AgentId, Away, Offer, OfferId};
use chronos_model::{ContainerKind, Timestamp};
use mesos_v1::proto::{self, resource, value};
use resources::{Attribute, AttributeValue, Attributes, Resource as Name, Resources, Scalar};

/// An offer, and what tasks have not taken of it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) agent: proto::AgentId,
    pub(crate) hostname: String,
    left: Vec<proto::Resource>,
}

/// All of them, by id.
#[derive(Debug, Default)]
pub(crate) struct Offers(BTreeMap<OfferId, Held>);

impl Offers {
    /// Takes an offer up; returns it in the scheduler's words.
    pub(crate) fn add(&mut self, offer: proto::Offer) -> Offer {
        let id = OfferId(offer.id.value.as_str().into());
        let attributes = attributes(&offer);
        // Reserved entries first: nobody else can use those.
        let mut left: Vec<_> = offer.resources.into_iter().filter(is_ours).collect();
        left.sort_by_key(|resource| !is_reserved(resource));
        let told = Offer {
            id: id.clone(),
            agent: AgentId(offer.agent_id.value.as_str().into()),
            hostname: offer.hostname.as_str().into(),
            resources: Resources::new(
                sum(&left, Name::Cpus),
                sum(&left, Name::Mem),
                sum(&left, Name::Disk),
            ),
            attributes: Arc::new(attributes),
            // What an agent was started with is not in its offers; where it lacks something, the task says so.
            abilities: Abilities {
                containers: vec![ContainerKind::Docker, ContainerKind::Mesos],
                fetch: true,
                executors: true,
                away: offer.unavailability.as_ref().map(away),
            },
        };
        let held = Held {
            agent: offer.agent_id,
            hostname: offer.hostname,
            left,
        };
        self.0.insert(id, held);
        told
    }

    pub(crate) fn remove(&mut self, id: &OfferId) -> Option<Held> {
        self.0.remove(id)
    }

    /// The offers are void; returns their names.
    pub(crate) fn take_all(&mut self) -> Vec<OfferId> {
        std::mem::take(&mut self.0).into_keys().collect()
    }
}

impl Held {
    /// Takes what a task wants; `None`, and nothing is taken, when there is not enough.
    pub(crate) fn take(
        &mut self,
        wanted: &Resources,
        ports: &[u16],
    ) -> Option<Vec<proto::Resource>> {
        let mut left = self.left.clone();
        let mut taken = Vec::new();
        for name in Name::ALL {
            take_scalar(&mut left, name, wanted.get(name), &mut taken)?;
        }
        for &port in ports {
            take_port(&mut left, u64::from(port), &mut taken)?;
        }
        self.left = left;
        Some(taken)
    }
}

// Volumes and disks of their own are somebody's data; revocable resources come back any time.
fn is_ours(resource: &proto::Resource) -> bool {
    let plain = |disk: &resource::DiskInfo| disk.persistence.is_none() && disk.source.is_none();
    resource.revocable.is_none()
        && resource.shared.is_none()
        && resource.disk.as_ref().is_none_or(plain)
}

fn is_reserved(resource: &proto::Resource) -> bool {
    !resource.reservations.is_empty() || resource.role() != resources::ANY_ROLE
}

// A master counts in thousandths; what is none or less is nothing.
fn amount(resource: &proto::Resource) -> Scalar {
    let scalar = resource.scalar.as_ref().map(|scalar| scalar.value);
    let exact = scalar.and_then(|value| Scalar::from_f64(value).ok());
    exact.unwrap_or_default()
}

fn sum(entries: &[proto::Resource], name: Name) -> Scalar {
    let named = entries.iter().filter(|entry| entry.name == name.name());
    named.fold(Scalar::ZERO, |sum, entry| sum.plus(amount(entry)))
}

fn take_scalar(
    left: &mut [proto::Resource],
    name: Name,
    wanted: Scalar,
    taken: &mut Vec<proto::Resource>,
) -> Option<()> {
    let mut missing = wanted;
    for entry in left.iter_mut().filter(|entry| entry.name == name.name()) {
        let part = amount(entry).min(missing);
        if part.is_zero() {
            continue;
        }
        let rest = amount(entry).minus(part);
        taken.push(proto::Resource {
            scalar: Some(value::Scalar {
                value: part.as_f64(),
            }),
            ..entry.clone()
        });
        entry.scalar = Some(value::Scalar {
            value: rest.as_f64(),
        });
        missing = missing.minus(part);
    }
    missing.is_zero().then_some(())
}

fn take_port(
    left: &mut [proto::Resource],
    port: u64,
    taken: &mut Vec<proto::Resource>,
) -> Option<()> {
    for entry in left.iter_mut().filter(|entry| entry.name == "ports") {
        let ranges = entry.ranges.get_or_insert_default();
        let has = |range: &value::Range| (range.begin..=range.end).contains(&port);
        let Some(place) = ranges.range.iter().position(has) else {
            continue;
        };
        let whole = ranges.range.remove(place);
        if whole.begin < port {
            ranges.range.push(value::Range {
                begin: whole.begin,
                end: port - 1,
            });
        }
        if port < whole.end {
            ranges.range.push(value::Range {
                begin: port + 1,
                end: whole.end,
            });
        }
        taken.push(proto::Resource {
            ranges: Some(value::Ranges {
                range: vec![value::Range {
                    begin: port,
                    end: port,
                }],
            }),
            ..entry.clone()
        });
        return Some(());
    }
    None
}

// What the operators planned.
fn away(plan: &proto::Unavailability) -> Away {
    let at = |nanoseconds: i64| Timestamp::from_millis(nanoseconds / 1_000_000);
    let start = plan.start.nanoseconds;
    let end = plan.duration.map(|it| start.saturating_add(it.nanoseconds));
    Away {
        from: at(start),
        until: end.map(at),
    }
}

fn attributes(offer: &proto::Offer) -> Attributes {
    let all = offer.attributes.iter().filter_map(attribute);
    let attributes = Attributes::new(&offer.hostname, all);
    let domain = offer.domain.as_ref();
    match domain.and_then(|domain| domain.fault_domain.as_ref()) {
        Some(fault) => attributes.with_domain(&fault.region.name, &fault.zone.name),
        None => attributes,
    }
}

fn attribute(attribute: &proto::Attribute) -> Option<Attribute> {
    let value = if let Some(text) = &attribute.text {
        AttributeValue::Text(String::from_utf8_lossy(&text.value).into_owned())
    } else if let Some(scalar) = &attribute.scalar {
        AttributeValue::Scalar(Scalar::from_f64(scalar.value).ok()?)
    } else if let Some(ranges) = &attribute.ranges {
        let ranges = ranges.range.iter().map(|range| (range.begin, range.end));
        AttributeValue::Ranges(ranges.collect())
    } else {
        AttributeValue::Set(attribute.set.as_ref()?.item.clone())
    };
    Some(Attribute::new(attribute.name.clone(), value))
}

#[cfg(test)]
mod tests {
    use mesos_v1::proto::resource::{AllocationInfo, ReservationInfo, RevocableInfo};

    use super::*;

    fn scalar(name: &str, value: f64, reserved: &[&str]) -> proto::Resource {
        let reservation = |role: &&str| ReservationInfo {
            role: Some((*role).to_owned()),
            ..ReservationInfo::default()
        };
        proto::Resource {
            name: name.to_owned(),
            scalar: Some(value::Scalar { value }),
            allocation_info: Some(AllocationInfo {
                role: Some("cron".to_owned()),
            }),
            reservations: reserved.iter().map(reservation).collect(),
            ..proto::Resource::default()
        }
    }

    fn ports(ranges: &[(u64, u64)]) -> proto::Resource {
        let range = |&(begin, end): &(u64, u64)| value::Range { begin, end };
        proto::Resource {
            name: "ports".to_owned(),
            r#type: value::Type::Ranges.into(),
            ranges: Some(value::Ranges {
                range: ranges.iter().map(range).collect(),
            }),
            ..proto::Resource::default()
        }
    }

    fn held(resources: Vec<proto::Resource>) -> (Offer, Held) {
        let mut offers = Offers::default();
        let offer = offers.add(proto::Offer {
            id: proto::OfferId { value: "o".into() },
            resources,
            ..proto::Offer::default()
        });
        let held = offers.remove(&offer.id).unwrap();
        (offer, held)
    }

    // Prints entries as `name(role):amount`.
    fn show(entries: &[proto::Resource]) -> String {
        let one = |entry: &proto::Resource| {
            let role = entry.reservations.last().map_or("*", |last| last.role());
            let ranges = entry.ranges.iter().flat_map(|ranges| &ranges.range);
            let ranges: Vec<_> = ranges
                .map(|it| format!("{}-{}", it.begin, it.end))
                .collect();
            let amount = entry.scalar.map(|scalar| scalar.value.to_string());
            let amount = amount.unwrap_or_else(|| ranges.join(","));
            format!("{}({role}):{amount}", entry.name)
        };
        entries.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn want(cpus: &str, mem: &str) -> Resources {
        Resources::new(cpus.parse().unwrap(), mem.parse().unwrap(), Scalar::ZERO)
    }

    #[test]
    fn takes_entries_as_they_were_offered_reserved_ones_first() {
        let (offer, mut held) = held(vec![
            scalar("cpus", 1.0, &[]),
            scalar("cpus", 0.3, &["cron"]),
            scalar("mem", 512.0, &[]),
            scalar("mem", 64.0, &["ops", "ops/cron"]),
        ]);
        assert_eq!(offer.resources, want("1.3", "576"));
        let task = held.take(&want("0.1", "100"), &[]).unwrap();
        assert_eq!(show(&task), "cpus(cron):0.1 mem(ops/cron):64 mem(*):36");
        assert_eq!(task[0].allocation_info.as_ref().unwrap().role(), "cron");
        assert!(held.take(&want("1.3", "1"), &[]).is_none());
        let task = held.take(&want("1.2", "476"), &[]).unwrap();
        assert_eq!(show(&task), "cpus(cron):0.2 cpus(*):1 mem(*):476");
        assert!(
            held.take(&want("0.001", "0"), &[]).is_none(),
            "all is used up"
        );
    }

    #[test]
    fn tenths_add_up() {
        let (_, mut held) = held(vec![scalar("cpus", 0.3, &[])]);
        for _ in 0..3 {
            let task = held.take(&want("0.1", "0"), &[]).unwrap();
            assert_eq!(show(&task), "cpus(*):0.1");
        }
        assert!(held.take(&want("0.001", "0"), &[]).is_none());
    }

    #[test]
    fn takes_ports_out_of_ranges() {
        let (_, mut held) = held(vec![ports(&[(31_000, 31_002)]), ports(&[(8_080, 8_080)])]);
        let nothing = Resources::default();
        let task = held.take(&nothing, &[31_001, 8_080]).unwrap();
        assert_eq!(show(&task), "ports(*):31001-31001 ports(*):8080-8080");
        assert!(held.take(&nothing, &[31_001]).is_none(), "it is taken");
        assert!(held.take(&nothing, &[31_000, 80]).is_none());
        assert!(held.take(&nothing, &[31_000, 31_002]).is_some());
    }

    #[test]
    fn leaves_alone_what_is_not_for_tasks() {
        let mut revocable = scalar("cpus", 4.0, &[]);
        revocable.revocable = Some(RevocableInfo {});
        let mut shared = scalar("disk", 4.0, &[]);
        shared.shared = Some(resource::SharedInfo {});
        let mut volume = scalar("disk", 4.0, &[]);
        volume.disk = Some(resource::DiskInfo {
            persistence: Some(resource::disk_info::Persistence::default()),
            ..resource::DiskInfo::default()
        });
        let strange = [f64::NAN, -1.0, f64::INFINITY].map(|value| scalar("cpus", value, &[]));
        let all = [revocable, shared, volume].into_iter().chain(strange);
        let (offer, _) = held(all.collect());
        assert_eq!(offer.resources, Resources::default());
    }
}
