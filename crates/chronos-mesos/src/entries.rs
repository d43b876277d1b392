//! Entries of offers, as the master wrote them: summed up, put together, and taken from.

use mesos_v1::proto::{self, resource, value};
use resources::{Ranges, Resource as Name, Scalar};

pub(crate) const GPUS: &str = "gpus";

const PORTS: &str = "ports";

pub(crate) fn ports(entries: &[proto::Resource]) -> Ranges {
    let named = entries.iter().filter(|entry| entry.name == PORTS);
    let ranges = named.filter_map(|entry| entry.ranges.as_ref());
    let ranges = ranges.flat_map(|ranges| &ranges.range);
    // An agent may be told to offer any numbers; these are ports.
    Ranges::new(ranges.map(|range| (range.begin.max(1), range.end.min(u16::MAX.into()))))
}

pub(crate) fn lowest_port(entries: &[proto::Resource], kept: &Ranges) -> Option<u16> {
    u16::try_from(ports(entries).minus(kept).first_from(0)?).ok()
}

// Volumes and disks of their own are somebody's data; revocable resources come back any time.
pub(crate) fn is_ours(resource: &proto::Resource) -> bool {
    let plain = |disk: &resource::DiskInfo| disk.persistence.is_none() && disk.source.is_none();
    resource.revocable.is_none()
        && resource.shared.is_none()
        && resource.disk.as_ref().is_none_or(plain)
}

pub(crate) fn is_reserved(resource: &proto::Resource) -> bool {
    !resource.reservations.is_empty() || resource.role() != resources::ANY_ROLE
}

// A master counts in thousandths; what is none or less is nothing.
fn amount(resource: &proto::Resource) -> Scalar {
    let scalar = resource.scalar.as_ref().map(|scalar| scalar.value);
    let exact = scalar.and_then(|value| Scalar::from_f64(value).ok());
    exact.unwrap_or_default()
}

pub(crate) fn sum(entries: &[proto::Resource], name: Name) -> Scalar {
    sum_of(entries, name.name())
}

pub(crate) fn sum_of(entries: &[proto::Resource], name: &str) -> Scalar {
    let named = entries.iter().filter(|entry| entry.name == name);
    named.fold(Scalar::ZERO, |sum, entry| sum.plus(amount(entry)))
}

// Whether two entries differ in their amounts only. Of sets nothing is taken.
pub(crate) fn is_same(one: &proto::Resource, two: &proto::Resource) -> bool {
    let nothing = |entry: &proto::Resource| proto::Resource {
        scalar: None,
        ranges: None,
        set: None,
        ..entry.clone()
    };
    nothing(one) == nothing(two)
}

pub(crate) fn add(known: &mut proto::Resource, more: &proto::Resource) {
    if let (Some(known), Some(more)) = (&mut known.ranges, &more.ranges) {
        known.range.extend_from_slice(&more.range);
    }
    if known.scalar.is_some() {
        let value = amount(known).plus(amount(more)).as_f64();
        known.scalar = Some(value::Scalar { value });
    }
}

pub(crate) fn take_scalar(
    left: &mut [proto::Resource],
    name: &str,
    wanted: Scalar,
    taken: &mut Vec<proto::Resource>,
) -> Option<()> {
    let mut missing = wanted;
    for entry in left.iter_mut().filter(|entry| entry.name == name) {
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

pub(crate) fn take_port(
    left: &mut [proto::Resource],
    port: u16,
    taken: &mut Vec<proto::Resource>,
) -> Option<()> {
    let port = u64::from(port);
    let mut found = None;
    // Out of all that name it: an agent has it once, however often its ranges say so.
    for entry in left.iter_mut().filter(|entry| entry.name == PORTS) {
        let ranges = entry.ranges.get_or_insert_default();
        let has = |range: &value::Range| (range.begin..=range.end).contains(&port);
        if !ranges.range.iter().any(has) {
            continue;
        }
        ranges.range = ranges
            .range
            .iter()
            .flat_map(|range| without(range, port))
            .collect();
        found.get_or_insert_with(|| proto::Resource {
            ranges: Some(value::Ranges {
                range: vec![value::Range {
                    begin: port,
                    end: port,
                }],
            }),
            ..entry.clone()
        });
    }
    taken.push(found?);
    Some(())
}

// What is left of a range without a port: one part, two, or none.
fn without(range: &value::Range, port: u64) -> impl Iterator<Item = value::Range> + use<> {
    let parts = if (range.begin..=range.end).contains(&port) {
        let before = port
            .checked_sub(1)
            .filter(|end| range.begin <= *end)
            .map(|end| (range.begin, end));
        let behind = (port < range.end).then_some((port + 1, range.end));
        [before, behind]
    } else {
        [Some((range.begin, range.end)), None]
    };
    let parts = parts.into_iter().flatten();
    parts.map(|(begin, end)| value::Range { begin, end })
}
