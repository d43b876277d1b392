//! Disks and volumes, given out by trying everything.

use resources::{Amount, DiskSource, Identity, Parcel, Scalar};

use crate::{Demand, DiskDemand, DiskKind, facts::row::Row};

/// Returns the disks of a row that have to be asked for.
pub(super) fn of(row: &Row) -> Vec<Parcel> {
    let mut all: Vec<Parcel> = Vec::new();
    for part in &row.offers {
        for parcel in part.supply.parcels().as_slice() {
            let disk = parcel.identity.disk.clone().unwrap_or_default();
            let special = disk.source.is_some() || disk.persistence.is_some();
            if &*parcel.name != "disk" || !special || parcel.identity.revocable != row.key.revocable
            {
                continue;
            }
            let same = all.iter_mut().find(|known| known.is_same(parcel));
            match same {
                Some(known) if parcel.identity.is_divisible() => {
                    known.amount = Amount::Scalar(size(known).plus(size(parcel)));
                }
                _ => all.push(parcel.clone()),
            }
        }
    }
    all
}

pub(super) const fn asks_none(demand: &Demand) -> bool {
    demand.disks.is_empty() && demand.volumes.is_empty()
}

/// Whether the agent had or has what a task asks for.
pub(super) fn could_be_had(row: &Row, demand: &Demand) -> bool {
    asks_none(demand)
        || row.could_have_disks(&demand.wishes())
        || without(&of(row), demand).is_some()
}

/// Returns what is left when a task has got what it asks for, if it can.
pub(super) fn without(disks: &[Parcel], demand: &Demand) -> Option<Vec<Parcel>> {
    let mut left = disks.to_vec();
    left.sort_by_key(|disk| {
        let unreserved = disk.identity.reserved_for().is_none();
        (unreserved, size(disk), disk.identity.clone())
    });
    for volume in &demand.volumes {
        let is_it = |disk: &Parcel| {
            let info = disk.identity.disk.clone().unwrap_or_default();
            info.persistence.as_ref() == Some(volume)
        };
        let at = left.iter().position(is_it)?;
        if !left[at].identity.shared {
            left.remove(at);
        }
    }
    give(left, &demand.disks)
}

// The first disk that will do, unless the other wishes cannot be met then.
fn give(disks: Vec<Parcel>, wishes: &[DiskDemand]) -> Option<Vec<Parcel>> {
    let Some((wish, others)) = wishes.split_first() else {
        return Some(disks);
    };
    (0..disks.len())
        .filter(|&at| is_it(&disks[at].identity, wish) && size(&disks[at]) >= wish.size)
        .find_map(|at| {
            let mut left = disks.clone();
            if left[at].identity.is_divisible() && size(&left[at]) > wish.size {
                left[at].amount = Amount::Scalar(size(&left[at]).minus(wish.size));
            } else {
                left.remove(at);
            }
            give(left, others)
        })
}

fn is_it(identity: &Identity, wish: &DiskDemand) -> bool {
    let disk = identity.disk.clone().unwrap_or_default();
    let source = match (disk.source, wish.kind) {
        (Some(DiskSource::Path { root }), DiskKind::Path)
        | (Some(DiskSource::Mount { root }), DiskKind::Mount) => root,
        (Some(DiskSource::Block), DiskKind::Block) | (Some(DiskSource::Raw), DiskKind::Raw) => None,
        _ => return false,
    };
    let any_or = |wanted: &Option<_>, has| wanted.is_none() || *wanted == has;
    disk.persistence.is_none()
        && !identity.shared
        && any_or(&wish.root, source)
        && any_or(&wish.profile, disk.profile)
        && any_or(&wish.vendor, disk.vendor)
        && any_or(&wish.source_id, disk.source_id)
}

fn size(parcel: &Parcel) -> Scalar {
    match parcel.amount {
        Amount::Scalar(amount) => amount,
        Amount::Ranges(_) | Amount::Set(_) => Scalar::ZERO,
    }
}
