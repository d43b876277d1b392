//! The offers at hand: what is left of each, entry by entry, exactly as the master wrote it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chronos_core::{Abilities, AgentId, Away, Offer, OfferId};
use chronos_model::{Container, ContainerKind, JobSpec, Timestamp};
use mesos_v1::proto;
use resources::{Ranges, Resource as Name, Resources, Scalar};

use crate::{
    attributes::attributes,
    entries::{
        GPUS, add, is_ours, is_reserved, is_same, lowest_port, ports, sum, sum_of, take_port,
        take_scalar,
    },
};

/// An offer, and what tasks have not taken of it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) agent: proto::AgentId,
    pub(crate) hostname: String,
    left: Vec<proto::Resource>,
}

/// All of them, by id.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    held: BTreeMap<OfferId, Held>,
    /// The region of the masters.
    home_region: Option<Arc<str>>,
}

impl Offers {
    /// There is a master, and it is there.
    pub(crate) fn set_home(&mut self, domain: Option<&proto::DomainInfo>) {
        let fault = domain.and_then(|domain| domain.fault_domain.as_ref());
        self.home_region = fault.map(|fault| fault.region.name.as_str().into());
    }

    /// Takes an offer up; returns it in the scheduler's words.
    pub(crate) fn add(&mut self, offer: proto::Offer) -> Offer {
        let id = OfferId(offer.id.value.as_str().into());
        let attributes = attributes(&offer);
        let role = offer.allocation_info.as_ref();
        let role = role.and_then(|info| info.role.as_deref());
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
            role: role.map(Into::into),
            // What an agent was started with is not in its offers; where it lacks something, the task says so.
            abilities: Abilities {
                gpus: sum_of(&left, GPUS),
                ports: Arc::new(ports(&left)),
                containers: vec![ContainerKind::Docker, ContainerKind::Mesos],
                fetch: true,
                executors: true,
                away: offer.unavailability.as_ref().map(away),
                home_region: self.home_region.clone(),
            },
        };
        let held = Held {
            agent: offer.agent_id,
            hostname: offer.hostname,
            left,
        };
        self.held.insert(id, held);
        told
    }

    pub(crate) fn remove(&mut self, id: &OfferId) -> Option<Held> {
        self.held.remove(id)
    }

    /// Takes out offers of one agent; returns what they have together, or nothing when one of them does not stand any
    /// more: a master refuses all then.
    pub(crate) fn remove_all(&mut self, ids: &[OfferId]) -> Option<Held> {
        // Each of them, also behind one that is missing.
        let all: Vec<Option<Held>> = ids.iter().map(|id| self.remove(id)).collect();
        let all: Option<Vec<Held>> = all.into_iter().collect();
        all?.into_iter().reduce(Held::with)
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// The offers are void; returns their names.
    pub(crate) fn take_all(&mut self) -> Vec<OfferId> {
        std::mem::take(&mut self.held).into_keys().collect()
    }
}

impl Held {
    // What is the same but for its amount becomes one entry.
    fn with(mut self, other: Self) -> Self {
        for entry in other.left {
            let same = self.left.iter_mut().find(|known| is_same(known, &entry));
            match same {
                Some(known) => add(known, &entry),
                None => self.left.push(entry),
            }
        }
        self.left.sort_by_key(|resource| !is_reserved(resource));
        self
    }

    /// Takes what each of these tasks wants; nothing is taken for one for which there is not enough. The answer is what
    /// there is too little of then, with the port when it is one.
    pub(crate) fn take_each(&mut self, wanted: &[Wanted]) -> Vec<Result<Taken, Lack>> {
        // Whoever takes any port leaves those that another has to have.
        let ports = wanted.iter().flat_map(|wanted| &wanted.ports);
        let fixed = ports.filter(|port| **port > 0);
        let fixed = Ranges::new(fixed.map(|&port| (port.into(), port.into())));
        let each = wanted.iter().map(|wanted| self.take(wanted, &fixed));
        each.collect()
    }

    fn take(&mut self, wanted: &Wanted, kept: &Ranges) -> Result<Taken, Lack> {
        let mut left = self.left.clone();
        let mut resources = Vec::new();
        for name in Name::ALL {
            take_scalar(
                &mut left,
                name.name(),
                wanted.amounts.get(name),
                &mut resources,
            )
            .ok_or(Lack::Amount)?;
        }
        take_scalar(&mut left, GPUS, wanted.gpus, &mut resources).ok_or(Lack::Amount)?;
        // Those that have to be certain ones first, so that none of them is taken for any.
        let mut ports = wanted.ports.clone();
        // Two mappings of one port (TCP and UDP) take it once.
        let fixed: BTreeSet<u16> = ports.iter().copied().filter(|port| *port > 0).collect();
        for port in fixed {
            take_port(&mut left, port, &mut resources).ok_or(Lack::Port(port))?;
        }
        for port in ports.iter_mut().filter(|port| **port == 0) {
            *port = lowest_port(&left, kept).ok_or(Lack::Ports)?;
            take_port(&mut left, *port, &mut resources).ok_or(Lack::Ports)?;
        }
        self.left = left;
        Ok(Taken { resources, ports })
    }
}

/// What a task wants of an offer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    amounts: Resources,
    gpus: Scalar,
    /// Ports of the agent; zero is any.
    ports: Vec<u16>,
}

impl Wanted {
    pub(crate) fn by(spec: &JobSpec) -> Self {
        let container = spec.details.container.as_ref();
        Self {
            amounts: spec.resources,
            gpus: Scalar::from_units(spec.details.gpus.into()),
            ports: container
                .into_iter()
                .flat_map(Container::host_ports)
                .collect(),
        }
    }
}

/// What a task got of an offer.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    /// The entries, each exactly as it was offered but for the amount.
    pub(crate) resources: Vec<proto::Resource>,
    /// The ports, in the order in which they were wanted.
    pub(crate) ports: Vec<u16>,
}

/// What an offer has too little of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lack {
    /// An amount.
    Amount,
    /// This port.
    Port(u16),
    /// Any more ports.
    Ports,
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

#[cfg(test)]
mod tests {
    use mesos_v1::proto::{
        resource::{self, AllocationInfo, ReservationInfo, RevocableInfo},
        value,
    };

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

    fn ports_of(ranges: &[(u64, u64)]) -> proto::Resource {
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

    fn amounts(cpus: &str, mem: &str) -> Resources {
        Resources::new(cpus.parse().unwrap(), mem.parse().unwrap(), Scalar::ZERO)
    }

    fn want(cpus: &str, mem: &str) -> Wanted {
        Wanted {
            amounts: amounts(cpus, mem),
            ..Wanted::default()
        }
    }

    fn want_ports(ports: &[u16]) -> Wanted {
        Wanted {
            ports: ports.to_vec(),
            ..Wanted::default()
        }
    }

    fn taken(held: &mut Held, wanted: &Wanted) -> String {
        match held.take(wanted, &Ranges::default()) {
            Ok(taken) => show(&taken.resources),
            Err(lack) => format!("{lack:?}"),
        }
    }

    #[test]
    fn takes_entries_as_they_were_offered_reserved_ones_first() {
        let (offer, mut held) = held(vec![
            scalar("cpus", 1.0, &[]),
            scalar("cpus", 0.3, &["cron"]),
            scalar("mem", 512.0, &[]),
            scalar("mem", 64.0, &["ops", "ops/cron"]),
        ]);
        assert_eq!(offer.resources, amounts("1.3", "576"));
        let task = held
            .take(&want("0.1", "100"), &Ranges::default())
            .unwrap()
            .resources;
        assert_eq!(show(&task), "cpus(cron):0.1 mem(ops/cron):64 mem(*):36");
        assert_eq!(task[0].allocation_info.as_ref().unwrap().role(), "cron");
        assert_eq!(taken(&mut held, &want("1.3", "1")), "Amount");
        let rest = "cpus(cron):0.2 cpus(*):1 mem(*):476";
        assert_eq!(taken(&mut held, &want("1.2", "476")), rest);
        assert_eq!(
            taken(&mut held, &want("0.001", "0")),
            "Amount",
            "all is used up"
        );
    }

    #[test]
    fn tenths_add_up() {
        let (_, mut held) = held(vec![scalar("cpus", 0.3, &[])]);
        for _ in 0..3 {
            assert_eq!(taken(&mut held, &want("0.1", "0")), "cpus(*):0.1");
        }
        assert_eq!(taken(&mut held, &want("0.001", "0")), "Amount");
    }

    #[test]
    fn takes_ports_out_of_ranges() {
        let mut reserved = ports_of(&[(8_080, 8_080)]);
        reserved.reservations = scalar("", 0.0, &["cron"]).reservations;
        let (offer, mut held) = held(vec![ports_of(&[(31_000, 31_002)]), reserved]);
        let known = Ranges::new([(8_080, 8_080), (31_000, 31_002)]);
        assert_eq!(*offer.abilities.ports, known);
        for (ports, want) in [
            (
                &[31_001, 8_080, 8_080][..],
                "ports(cron):8080-8080 ports(*):31001-31001",
            ),
            (&[31_001], "Port(31001)"),
            (&[31_000, 80], "Port(80)"),
            (&[0, 0, 0], "Ports"),
            (&[0, 31_000], "ports(*):31000-31000 ports(*):31002-31002"),
            (&[0], "Ports"),
        ] {
            assert_eq!(taken(&mut held, &want_ports(ports)), want, "{ports:?}");
        }
    }

    #[test]
    fn a_port_that_two_ranges_name_is_taken_once() {
        let mut reserved = ports_of(&[(31_001, 31_001)]);
        reserved.reservations = scalar("", 0.0, &["cron"]).reservations;
        let strange = ports_of(&[
            (31_000, 31_002),
            (31_001, 31_003),
            (9, 7),
            (0, 0),
            (70_000, 70_001),
        ]);
        let (offer, mut held) = held(vec![strange, reserved]);
        // What no task can listen on is not there, or the scheduler would give it out for ever.
        assert_eq!(*offer.abilities.ports, Ranges::new([(31_000, 31_003)]));
        let own = "ports(cron):31001-31001";
        assert_eq!(taken(&mut held, &want_ports(&[31_001])), own);
        assert_eq!(taken(&mut held, &want_ports(&[31_001])), "Port(31001)");
        let rest = "ports(*):31000-31000 ports(*):31002-31002 ports(*):31003-31003";
        assert_eq!(taken(&mut held, &want_ports(&[0, 0, 0])), rest);
        assert_eq!(
            taken(&mut held, &want_ports(&[0])),
            "Ports",
            "beyond 65535 is none"
        );
    }

    #[test]
    fn any_port_is_none_that_a_later_task_has_to_have() {
        let (_, mut held) = held(vec![ports_of(&[(31_000, 31_001)])]);
        let all = [want_ports(&[0]), want_ports(&[31_000]), want_ports(&[0])];
        let taken = held.take_each(&all).into_iter();
        let ports: Vec<_> = taken.map(|taken| taken.map(|it| it.ports)).collect();
        assert_eq!(
            ports,
            [Ok(vec![31_001]), Ok(vec![31_000]), Err(Lack::Ports)]
        );
    }

    #[test]
    fn any_port_comes_back_in_the_place_where_it_was_wanted() {
        let (_, mut held) = held(vec![ports_of(&[(31_000, 31_009)])]);
        let taken = held
            .take(&want_ports(&[0, 31_000, 0]), &Ranges::default())
            .unwrap();
        assert_eq!(taken.ports, [31_001, 31_000, 31_002]);
    }

    #[test]
    fn gpus_are_offered_and_taken() {
        let (offer, mut held) = held(vec![scalar("gpus", 2.0, &[])]);
        assert_eq!(offer.abilities.gpus, Scalar::from_units(2));
        let gpus = |gpus| Wanted {
            gpus: Scalar::from_units(gpus),
            ..Wanted::default()
        };
        assert_eq!(taken(&mut held, &gpus(3)), "Amount");
        assert_eq!(taken(&mut held, &gpus(2)), "gpus(*):2");
        assert_eq!(taken(&mut held, &gpus(1)), "Amount");
    }

    #[test]
    fn offers_of_one_agent_are_one() {
        let mut offers = Offers::default();
        let mut add = |id: &str, resources| {
            let id = proto::OfferId { value: id.into() };
            let offer = proto::Offer {
                id,
                resources,
                ..proto::Offer::default()
            };
            offers.add(offer).id
        };
        let one = vec![
            scalar("cpus", 1.1, &[]),
            scalar("mem", 512.0, &[]),
            ports_of(&[(31000, 31000)]),
        ];
        let two = vec![
            scalar("cpus", 2.2, &[]),
            scalar("cpus", 0.5, &["cron"]),
            ports_of(&[(31001, 31002)]),
        ];
        let ids = [add("one", one), add("two", two)];
        let mut held = offers.remove_all(&ids).unwrap();
        assert_eq!(offers.len(), 0);
        let all = taken(&mut held, &want("3.8", "512"));
        assert_eq!(all, "cpus(cron):0.5 cpus(*):3.3 mem(*):512");
        let ports = taken(&mut held, &want_ports(&[31002, 0, 31000]));
        assert_eq!(
            ports,
            "ports(*):31000-31000 ports(*):31002-31002 ports(*):31001-31001"
        );
    }

    #[test]
    fn an_offer_that_is_missing_spoils_those_beside_it() {
        let mut offers = Offers::default();
        let offer = offers.add(proto::Offer {
            id: proto::OfferId { value: "o".into() },
            resources: vec![scalar("cpus", 1.0, &[])],
            allocation_info: Some(AllocationInfo {
                role: Some("cron".into()),
            }),
            ..proto::Offer::default()
        });
        assert_eq!(offer.role.as_deref(), Some("cron"));
        assert!(
            offers
                .remove_all(&[OfferId("gone".into()), offer.id])
                .is_none()
        );
        assert_eq!(offers.len(), 0, "the call uses it up");
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
