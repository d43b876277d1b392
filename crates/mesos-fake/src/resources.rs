//! Amounts of resources, as a master counts them: thousandths of scalars, and ranges without overlap.
//!
//! A resource is the same as another one when everything but its amount is: name, reservation, disk, and so on. The role
//! that it is allocated to does not count; the master fills it in.

use std::sync::Arc;

use mesos_v1::proto::{Resource, resource::AllocationInfo, value};

/// Amounts by what they are of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pool(Vec<Item>);

#[derive(Clone, Debug, PartialEq)]
struct Item {
    /// Everything but the amount and the allocation; shared, because pools are copied for each agent in each round.
    of: Arc<Resource>,
    amount: Amount,
}

#[derive(Clone, Debug, PartialEq)]
enum Amount {
    /// In thousandths.
    Scalar(i64),
    /// Both ends included, in order, apart.
    Ranges(Vec<(u64, u64)>),
    Set(Vec<String>),
}

impl Pool {
    /// Counts resources together.
    pub(crate) fn new(resources: &[Resource]) -> Self {
        let mut pool = Self::default();
        for resource in resources {
            pool.add(&Item::new(resource));
        }
        pool
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|item| item.amount.is_nothing())
    }

    /// Puts another pool in.
    pub(crate) fn put(&mut self, other: &Self) {
        for item in &other.0 {
            self.add(item);
        }
    }

    /// Takes another pool out, if all of it is there; else nothing, and false.
    pub(crate) fn take(&mut self, other: &Self) -> bool {
        if !self.holds(other) {
            return false;
        }
        for item in &other.0 {
            if let Some(mine) = self.0.iter_mut().find(|mine| mine.is_of(item)) {
                mine.amount.take(&item.amount);
            }
        }
        self.0.retain(|item| !item.amount.is_nothing());
        true
    }

    /// Whether all of another pool is there.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        other.0.iter().all(|item| {
            let mine = self.0.iter().find(|mine| mine.is_of(item));
            item.amount.is_nothing() || mine.is_some_and(|mine| mine.amount.holds(&item.amount))
        })
    }

    /// The thousandths of a scalar, whatever it is reserved for.
    pub(crate) fn scalar(&self, name: &str) -> i64 {
        self.0
            .iter()
            .filter(|item| item.of.name == name)
            .map(|item| match item.amount {
                Amount::Scalar(thousandths) => thousandths,
                Amount::Ranges(_) | Amount::Set(_) => 0,
            })
            .sum()
    }

    /// What a role may use: unreserved, or reserved for it.
    pub(crate) fn for_role(&self, role: &str) -> Self {
        let usable = |item: &&Item| reserved_for(&item.of).is_none_or(|reserved| reserved == role);
        Self(self.0.iter().filter(usable).cloned().collect())
    }

    /// As it stands in an offer or in a task; allocated to a role, when the framework knows of that.
    pub(crate) fn to_resources(&self, allocated_to: Option<&str>) -> Vec<Resource> {
        self.0
            .iter()
            .filter(|item| !item.amount.is_nothing())
            .map(|item| item.to_resource(allocated_to))
            .collect()
    }

    fn add(&mut self, item: &Item) {
        match self.0.iter_mut().find(|mine| mine.is_of(item)) {
            Some(mine) => mine.amount.put(&item.amount),
            None => self.0.push(item.clone()),
        }
    }
}

impl Item {
    fn new(resource: &Resource) -> Self {
        let amount = if let Some(scalar) = resource.scalar {
            Amount::Scalar(thousandths(scalar.value))
        } else if let Some(ranges) = &resource.ranges {
            let mut amount = Amount::Ranges(Vec::new());
            for range in &ranges.range {
                amount.put(&Amount::Ranges(vec![(range.begin, range.end)]));
            }
            amount
        } else {
            let items = resource.set.as_ref().map(|set| set.item.clone());
            Amount::Set(items.unwrap_or_default())
        };
        let mut of = resource.clone();
        (of.scalar, of.ranges, of.set, of.allocation_info) = (None, None, None, None);
        if of.role.as_deref() == Some("*") {
            of.role = None;
        }
        // Both ways to say so are equal.
        if let (Some(role), true) = (of.role.clone(), of.reservations.is_empty())
            && of.reservation.is_none()
        {
            of.role = None;
            of.reservations = vec![mesos_v1::proto::resource::ReservationInfo {
                r#type: Some(mesos_v1::proto::resource::reservation_info::Type::Static.into()),
                role: Some(role),
                ..Default::default()
            }];
        }
        Self {
            of: Arc::new(of),
            amount,
        }
    }

    fn is_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.of, &other.of) || self.of == other.of
    }

    fn to_resource(&self, allocated_to: Option<&str>) -> Resource {
        let mut resource = Resource::clone(&self.of);
        match &self.amount {
            Amount::Scalar(amount) => {
                resource.scalar = Some(value::Scalar {
                    value: scalar(*amount),
                });
            }
            Amount::Ranges(ranges) => {
                let range = ranges
                    .iter()
                    .map(|&(begin, end)| value::Range { begin, end })
                    .collect();
                resource.ranges = Some(value::Ranges { range });
            }
            Amount::Set(item) => resource.set = Some(value::Set { item: item.clone() }),
        }
        resource.allocation_info = allocated_to.map(|role| AllocationInfo {
            role: Some(role.to_owned()),
        });
        resource
    }
}

impl Amount {
    fn is_nothing(&self) -> bool {
        match self {
            Self::Scalar(amount) => *amount <= 0,
            Self::Ranges(ranges) => ranges.is_empty(),
            Self::Set(items) => items.is_empty(),
        }
    }

    fn put(&mut self, other: &Self) {
        match (self, other) {
            (Self::Scalar(mine), Self::Scalar(theirs)) => *mine += theirs,
            (Self::Ranges(mine), Self::Ranges(theirs)) => {
                mine.extend(theirs);
                *mine = coalesced(mine);
            }
            (Self::Set(mine), Self::Set(theirs)) => mine.extend(theirs.iter().cloned()),
            _ => {}
        }
    }

    fn holds(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(mine), Self::Scalar(theirs)) => mine >= theirs,
            (Self::Ranges(mine), Self::Ranges(theirs)) => theirs.iter().all(|part| {
                mine.iter()
                    .any(|whole| whole.0 <= part.0 && part.1 <= whole.1)
            }),
            (Self::Set(mine), Self::Set(theirs)) => theirs.iter().all(|item| mine.contains(item)),
            _ => false,
        }
    }

    // Only what it holds.
    fn take(&mut self, other: &Self) {
        match (self, other) {
            (Self::Scalar(mine), Self::Scalar(theirs)) => *mine -= theirs,
            (Self::Ranges(mine), Self::Ranges(theirs)) => {
                for range in theirs {
                    take_range(mine, *range);
                }
            }
            (Self::Set(mine), Self::Set(theirs)) => mine.retain(|item| !theirs.contains(item)),
            _ => {}
        }
    }
}

/// The role that a resource is reserved for, in either format.
pub(crate) fn reserved_for(resource: &Resource) -> Option<&str> {
    if let Some(last) = resource.reservations.last() {
        return last.role.as_deref();
    }
    resource.role.as_deref().filter(|role| *role != "*")
}

/// Says it in the format from before Mesos 1.4, for frameworks that do not know the other one.
pub(crate) fn in_old_format(resource: &mut Resource) {
    let role = reserved_for(resource).unwrap_or("*").to_owned();
    resource.reservations.clear();
    resource.role = Some(role);
}

fn coalesced(ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    let mut whole: Vec<(u64, u64)> = Vec::new();
    for (begin, end) in sorted {
        match whole.last_mut() {
            Some(last) if begin <= last.1.saturating_add(1) => last.1 = last.1.max(end),
            Some(_) | None => whole.push((begin, end)),
        }
    }
    whole
}

fn take_range(ranges: &mut Vec<(u64, u64)>, (begin, end): (u64, u64)) {
    let around = |range: &(u64, u64)| range.0 <= begin && end <= range.1;
    let Some(found) = ranges.iter().position(around) else {
        return;
    };
    let (low, high) = ranges.remove(found);
    if low < begin {
        ranges.push((low, begin - 1));
    }
    if end < high {
        ranges.push((end + 1, high));
    }
    ranges.sort_unstable();
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "amounts are far below 2^53 thousandths; others saturate"
)]
fn thousandths(value: f64) -> i64 {
    (value * 1000.0).round() as i64
}

#[expect(clippy::cast_precision_loss, reason = "the other way round")]
fn scalar(thousandths: i64) -> f64 {
    thousandths as f64 / 1000.0
}

/// A scalar.
pub fn scalar_of(name: &str, amount: f64) -> Resource {
    Resource {
        name: name.to_owned(),
        r#type: value::Type::Scalar.into(),
        scalar: Some(value::Scalar { value: amount }),
        ..Resource::default()
    }
}

/// Ports.
pub fn ports(ranges: &[(u64, u64)]) -> Resource {
    let range = ranges
        .iter()
        .map(|&(begin, end)| value::Range { begin, end })
        .collect();
    Resource {
        name: "ports".to_owned(),
        r#type: value::Type::Ranges.into(),
        ranges: Some(value::Ranges { range }),
        ..Resource::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_in_thousandths() {
        let mut pool = Pool::new(&[scalar_of("cpus", 0.1), scalar_of("cpus", 0.2)]);
        assert!(pool.holds(&Pool::new(&[scalar_of("cpus", 0.3)])));
        assert!(!pool.holds(&Pool::new(&[scalar_of("cpus", 0.301)])));
        assert!(pool.take(&Pool::new(&[scalar_of("cpus", 0.3)])));
        assert!(pool.is_empty());
        assert!(!pool.holds(&Pool::new(&[scalar_of("mem", 1.0)])));
    }

    #[test]
    fn ports_are_cut_and_joined() {
        let mut pool = Pool::new(&[ports(&[(5, 9), (1, 4), (20, 29)])]);
        assert!(!pool.holds(&Pool::new(&[ports(&[(9, 20)])])));
        assert!(pool.take(&Pool::new(&[ports(&[(3, 6), (29, 29)])])));
        assert_eq!(pool, Pool::new(&[ports(&[(1, 2), (7, 9), (20, 28)])]));
        pool.put(&Pool::new(&[ports(&[(3, 6), (29, 29)])]));
        assert_eq!(pool, Pool::new(&[ports(&[(1, 9), (20, 29)])]));
    }

    #[test]
    fn a_reservation_is_a_resource_of_its_own() {
        let mut reserved = scalar_of("cpus", 2.0);
        reserved.role = Some("batch".into());
        let pool = Pool::new(&[scalar_of("cpus", 2.0), reserved.clone()]);
        assert!(!pool.holds(&Pool::new(&[scalar_of("cpus", 3.0)])));
        assert!(pool.holds(&Pool::new(&[scalar_of("cpus", 2.0), reserved])));
        assert_eq!(pool.for_role("other").scalar("cpus"), 2_000);
        assert_eq!(pool.for_role("batch").scalar("cpus"), 4_000);
        let mut old = pool.for_role("batch").to_resources(Some("batch"));
        old.iter_mut().for_each(in_old_format);
        let roles: Vec<_> = old.iter().filter_map(|one| one.role.as_deref()).collect();
        assert_eq!(roles, ["*", "batch"]);
        assert_eq!(Pool::new(&old), pool);
    }
}
