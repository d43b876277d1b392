//! What holds for every value of this crate.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use resources::{Amount, Disk, DiskSource, Identity, Parcel, Parcels, Ranges, Reservation, Scalar};

fn ranges() -> impl Strategy<Value = Ranges> {
    prop::collection::vec((0..60_u64, 0..12_u64), 0..6)
        .prop_map(|all| Ranges::new(all.into_iter().map(|(begin, len)| (begin, begin + len))))
}

fn numbers(ranges: &Ranges) -> BTreeSet<u64> {
    ranges
        .as_slice()
        .iter()
        .flat_map(|&(begin, end)| begin..=end)
        .collect()
}

// Few enough that sums happen, and one of each kind that must stay apart.
fn identities() -> Vec<Arc<Identity>> {
    let labelled = Reservation {
        labels: vec![("team".into(), Some("a".into()))],
        ..Reservation::dynamic("cron", None)
    };
    let disk = |source| Disk {
        source: Some(source),
        ..Disk::default()
    };
    [
        Identity::default(),
        Identity::from_single("*", None),
        Identity::from_single("cron", None),
        Identity::from_stack([Reservation::fixed("cron")]),
        Identity::from_stack([Reservation::dynamic("cron", Some("p".into()))]),
        Identity::from_stack([labelled]),
        Identity::from_stack([Reservation::fixed("ops"), Reservation::fixed("ops/cron")]),
        Identity::default().allocated_to("cron"),
        Identity {
            revocable: true,
            ..Identity::default()
        },
        Identity {
            provider: Some("csi".into()),
            ..Identity::default()
        },
        Identity {
            disk: Some(disk(DiskSource::Path { root: None })),
            ..Identity::default()
        },
        Identity {
            disk: Some(disk(DiskSource::Mount { root: None })),
            ..Identity::default()
        },
        Identity {
            disk: Some(disk(DiskSource::Raw)),
            ..Identity::default()
        },
        shared_volume(),
    ]
    .map(Arc::new)
    .into()
}

fn shared_volume() -> Identity {
    Identity {
        disk: Some(Disk {
            persistence: Some("volume-1".into()),
            ..Disk::default()
        }),
        shared: true,
        ..Identity::from_single("cron", None)
    }
}

fn parcels() -> impl Strategy<Value = Parcels> {
    let parcel = (0..3_usize, 0..14_usize, 1..5_000_i64, ranges()).prop_map(
        |(name, identity, amount, ranges)| {
            let identity = Arc::clone(&identities()[identity]);
            match name {
                0 => Parcel::scalar("cpus", Scalar::from_thousandths(amount), &identity),
                1 => Parcel::scalar("disk", Scalar::from_thousandths(amount), &identity),
                _ => Parcel::ranges("ports", ranges, &identity),
            }
        },
    );
    prop::collection::vec(parcel, 0..8).prop_map(|all| {
        // The same port is not offered twice.
        let mut seen = Ranges::default();
        Parcels::new(all.into_iter().filter(|parcel| match &parcel.amount {
            Amount::Ranges(ranges) => {
                let new = ranges.minus(&seen) == *ranges;
                seen = seen.plus(ranges);
                new
            }
            Amount::Scalar(_) | Amount::Set(_) => true,
        }))
    })
}

proptest! {
    #[test]
    fn ranges_are_sets_of_numbers(one in ranges(), two in ranges()) {
        let (a, b) = (numbers(&one), numbers(&two));
        prop_assert_eq!(numbers(&one.plus(&two)), &a | &b);
        prop_assert_eq!(numbers(&one.minus(&two)), &a - &b);
        prop_assert_eq!(one.covers(&two), a.is_superset(&b));
        prop_assert_eq!(one.len(), u64::try_from(a.len()).unwrap());
        for number in 0..75 {
            prop_assert_eq!(one.contains(number), a.contains(&number));
            prop_assert_eq!(one.first_from(number), a.range(number..).next().copied());
        }
        for pair in one.as_slice().windows(2) {
            prop_assert!(pair[0].1 + 1 < pair[1].0, "merged: {}", one);
        }
    }

    #[test]
    fn the_order_of_entries_does_not_matter(all in parcels()) {
        let backwards = Parcels::new(all.as_slice().iter().rev().cloned());
        prop_assert_eq!(backwards, all);
    }

    #[test]
    fn what_is_taken_was_there_and_can_be_given_back(
        all in parcels(), wanted in 0..8_000_i64, port in ranges(), reserved in any::<bool>(),
    ) {
        let usable = |identity: &Identity| !reserved || identity.reserved_for() == Some("cron");
        let wanted = Scalar::from_thousandths(wanted);
        for name in ["cpus", "disk"] {
            let mut left = all.clone();
            let there = all.sum(name, usable);
            let taken = left.take(name, wanted, usable);
            prop_assert_eq!(taken.is_some(), there >= wanted);
            let taken = taken.unwrap_or_default();
            prop_assert!(all.covers(&taken));
            prop_assert!(taken.as_slice().iter().all(|parcel| usable(&parcel.identity)));
            let divisible = |identity: &Identity| identity.is_divisible();
            if wanted <= there {
                // Only what cannot be divided may be more than was asked.
                prop_assert!(taken.sum(name, divisible) <= wanted);
                prop_assert!(taken.sum(name, |_| true) >= wanted);
            }
            prop_assert_eq!(left.plus(&taken), all.clone());
            prop_assert_eq!(all.minus(&taken).unwrap(), left);
        }
        let mut left = all.clone();
        let there = all.numbers("ports", usable);
        let taken = left.take_numbers("ports", &port, usable);
        prop_assert_eq!(taken.is_some(), there.covers(&port));
        let taken = taken.unwrap_or_default();
        if there.covers(&port) {
            prop_assert_eq!(taken.numbers("ports", |_| true), port);
        }
        prop_assert_eq!(left.plus(&taken), all);
    }

    #[test]
    fn the_reserved_part_is_used_first(reserved in 1..100_i64, free in 1..100_i64, share in 1..=100_i64) {
        let mine = Arc::new(Identity::from_single("cron", None));
        let anybody = Arc::new(Identity::from_single("*", None));
        let mut all = Parcels::new([
            Parcel::scalar("mem", Scalar::from_units(free), &anybody),
            Parcel::scalar("mem", Scalar::from_units(reserved), &mine),
        ]);
        let wanted = (reserved + free) * share / 100;
        let taken = all.take("mem", Scalar::from_units(wanted), |_| true).unwrap();
        let from_mine = taken.sum("mem", |identity| identity.reserved_for().is_some());
        prop_assert_eq!(from_mine, Scalar::from_units(wanted.min(reserved)));
    }
}

#[test]
fn different_identities_never_mix() {
    let all = identities();
    for (index, one) in all.iter().enumerate() {
        for two in &all[index + 1..] {
            let entry = |identity| Parcel::scalar("cpus", Scalar::from_units(1), identity);
            let both = Parcels::new([entry(one), entry(two)]);
            assert_eq!(both.as_slice().len(), 2, "{one:?} and {two:?}");
            let error = Parcels::new([entry(one)]).minus(&Parcels::new([entry(two)]));
            assert!(error.is_err(), "{one:?} and {two:?}");
        }
    }
}

#[test]
fn a_mounted_disk_is_taken_whole_and_never_two_become_one() {
    let mount = Arc::new(Identity {
        disk: Some(Disk {
            source: Some(DiskSource::Mount { root: None }),
            ..Disk::default()
        }),
        ..Identity::default()
    });
    let disk = Parcel::scalar("disk", Scalar::from_units(100), &mount);
    let mut all = Parcels::new([disk.clone(), disk]);
    assert_eq!(all.as_slice().len(), 2);
    let taken = all.take("disk", Scalar::from_units(1), |_| true).unwrap();
    assert_eq!(taken.sum("disk", |_| true), Scalar::from_units(100));
    assert_eq!(all.as_slice().len(), 1);
}

#[test]
fn who_wants_less_than_nothing_gets_nothing() {
    let mut all = Parcels::new([Parcel::scalar(
        "cpus",
        Scalar::from_units(1),
        &Arc::default(),
    )]);
    let before = all.clone();
    let taken = all.take("cpus", Scalar::from_thousandths(-1), |_| true);
    assert_eq!((taken, all), (Some(Parcels::default()), before));
}

// A master finds nothing of a mounted disk or of a volume in it but all of it.
#[test]
fn no_part_of_what_is_taken_whole_is_contained_in_it() {
    let volume = Arc::new(Identity {
        disk: Some(Disk {
            persistence: Some("volume-1".into()),
            ..Disk::default()
        }),
        ..Identity::default()
    });
    let disk = |units| Parcel::scalar("disk", Scalar::from_units(units), &volume);
    let both = Parcels::new([disk(100), disk(300)]);
    assert_eq!(both.as_slice(), [disk(100), disk(300)]);
    for (units, left) in [
        (100, Some(disk(300))),
        (300, Some(disk(100))),
        (200, None),
        (99, None),
    ] {
        let rest = both.minus(&Parcels::new([disk(units)])).ok();
        assert_eq!(rest, left.map(|left| Parcels::new([left])), "{units}");
    }
}

// Each copy is as large as the volume, which a master compares.
#[test]
fn copies_of_a_shared_volume_stay_as_they_are() {
    let volume = Parcel::scalar("disk", Scalar::from_units(100), &Arc::new(shared_volume()));
    let one = Parcels::new([volume.clone()]);
    let two = one.plus(&one);
    assert_eq!(two.as_slice(), [volume.clone(), volume]);
    assert_eq!(two.minus(&one).unwrap(), one);
}
