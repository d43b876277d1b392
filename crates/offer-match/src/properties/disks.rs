//! Disks and volumes in clusters and queues of all kinds.

use std::{collections::BTreeMap, sync::Arc};

use resources::{Disk, DiskSource, Identity, Parcel, Parcels, Scalar};

use super::units;
use crate::{Demand, DiskDemand, DiskKind};

fn disk_of(source: DiskSource) -> Disk {
    Disk {
        source: Some(source),
        ..Disk::default()
    }
}

// Disks and volumes of an offer: most have some of each kind, of sizes of their own.
pub(super) fn offered(size: u8, owners: [&Arc<Identity>; 3]) -> Vec<Parcel> {
    let at = |root: &str| Some(Arc::from(root));
    let path = disk_of(DiskSource::Path { root: at("/p") });
    let mount = |root: &str| disk_of(DiskSource::Mount { root: at(root) });
    let fast = Disk {
        profile: Some("fast".into()),
        ..disk_of(DiskSource::Raw)
    };
    let volume = |id: &str, disk: Disk| Disk {
        persistence: Some(id.into()),
        ..disk
    };
    let [plain, mine, revocable] = owners;
    let all = [
        (path.clone(), plain, size % 7),
        (path.clone(), mine, size % 3),
        (path, revocable, size % 2),
        (mount("/m1"), plain, size % 5),
        (mount("/m2"), mine, size / 2 % 5),
        (mount("/m2"), revocable, size % 4),
        // Nothing tells two of these apart.
        (
            disk_of(DiskSource::Mount { root: None }),
            plain,
            size / 4 % 3,
        ),
        (disk_of(DiskSource::Block), plain, size / 8 % 3),
        (fast, plain, size / 16 % 4),
        (volume("one", mount("/m3")), mine, size / 32 % 2),
        (volume("two", Disk::default()), mine, size / 64 % 2),
    ];
    let parcel = |(disk, owner, size): (Disk, &Arc<Identity>, u8)| {
        let identity = Identity {
            shared: disk.persistence.as_deref() == Some("two"),
            disk: Some(disk),
            ..(**owner).clone()
        };
        Parcel::scalar("disk", units(size), &Arc::new(identity))
    };
    all.into_iter().map(parcel).collect()
}

pub(super) fn wanted(shape: u8, small: Demand) -> Demand {
    let disk = |kind, size| DiskDemand::new(kind, units(size));
    let at = |root: &str, disk: DiskDemand| DiskDemand {
        root: Some(root.into()),
        ..disk
    };
    let (path, mount) = (DiskKind::Path, DiskKind::Mount);
    let (disks, volumes): (Vec<DiskDemand>, &[&str]) = match shape {
        0 | 1 => (vec![disk(path, 1 + shape)], &[]),
        2 | 3 => (vec![disk(mount, shape - 1)], &[]),
        4 => (vec![at("/m2", disk(mount, 0))], &[]),
        5 => (vec![disk(mount, 2), at("/m1", disk(mount, 1))], &[]),
        6 => (vec![disk(path, 2), disk(path, 1), disk(mount, 1)], &[]),
        7 => (vec![disk(DiskKind::Block, 1)], &[]),
        8 => (vec![disk(DiskKind::Raw, 1)], &[]),
        9 => (vec![disk(mount, 1), disk(mount, 1)], &[]),
        10 | 11 => (Vec::new(), &["one"]),
        12 | 13 => (Vec::new(), &["two"]),
        14 => (vec![disk(path, 1)], &["one", "two"]),
        _ => (vec![disk(path, 1)], &[]),
    };
    Demand {
        disks,
        volumes: volumes.iter().map(|&id| id.into()).collect(),
        revocable: shape == 15,
        ..small
    }
}

// The task gets the disks and the volumes that it asked for and no others.
pub(super) fn check(demand: &Demand, parcels: &Parcels) {
    let special = parcels.as_slice().iter();
    let special = special.filter(|parcel| !parcel.identity.is_plain());
    let mut volumes = Vec::new();
    let mut sizes: BTreeMap<DiskKind, Vec<Scalar>> = BTreeMap::new();
    for parcel in special {
        let size = Parcels::new([parcel.clone()]).sum("disk", |_| true);
        let disk = parcel.identity.disk.clone().unwrap();
        let kind = match disk.source {
            _ if disk.persistence.is_some() => {
                volumes.extend(disk.persistence);
                continue;
            }
            Some(DiskSource::Path { .. }) => DiskKind::Path,
            Some(DiskSource::Mount { .. }) => DiskKind::Mount,
            Some(DiskSource::Block) => DiskKind::Block,
            Some(DiskSource::Raw) => DiskKind::Raw,
            None => panic!("{parcel} is nothing to ask for"),
        };
        sizes.entry(kind).or_default().push(size);
    }
    let normal = demand.normal();
    volumes.sort();
    assert_eq!(volumes, normal.volumes);
    for kind in [
        DiskKind::Path,
        DiskKind::Mount,
        DiskKind::Block,
        DiskKind::Raw,
    ] {
        let wanted = normal.disks.iter().filter(|disk| disk.kind == kind);
        let wanted: Vec<Scalar> = wanted.map(|disk| disk.size).collect();
        let mut got = sizes.remove(&kind).unwrap_or_default();
        got.sort();
        if matches!(kind, DiskKind::Path | DiskKind::Raw) {
            let sum = |all: &[Scalar]| all.iter().fold(Scalar::ZERO, |sum, one| sum.plus(*one));
            assert_eq!(sum(&got), sum(&wanted), "{kind} in parts");
        } else {
            assert_eq!(got.len(), wanted.len(), "{kind} whole");
            let enough = got.iter().zip(&wanted).all(|(got, wanted)| got >= wanted);
            assert!(enough, "{kind}: {got:?}");
        }
    }
}
