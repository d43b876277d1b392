//! What a task takes is part of what was offered, entry by entry, so that a master has nothing to refuse.

mod disks;

use std::sync::Arc;

use offer_match::{Demand, Launch, Matcher, Offer, Policy, Waiting};
use resources::{
    Amount, Attributes, Disk, DiskSource, Identity, Parcel, Parcels, Reservation, Resources, Scalar,
};

fn scalar(name: &str, units: i64, identity: &Identity) -> Parcel {
    Parcel::scalar(name, Scalar::from_units(units), &Arc::new(identity.clone()))
}

fn offer(id: &str, role: &str, parcels: impl IntoIterator<Item = Parcel>) -> Offer {
    let attributes = Attributes::new("node", []);
    Offer {
        role: role.into(),
        supply: Parcels::new(parcels).into(),
        ..Offer::plain(id, "agent", &Resources::default(), attributes)
    }
}

fn demand(cpus: i64, disk: i64) -> Demand {
    let [cpus, mem, disk] = [cpus, 10, disk].map(Scalar::from_units);
    Demand::new(Resources::new(cpus, mem, disk))
}

fn after_a_round(offers: &[Offer], demands: &[Demand]) -> Matcher {
    let mut matcher = Matcher::new(Policy::default());
    for offer in offers {
        matcher.offer(offer.clone());
    }
    for (id, demand) in (0..).zip(demands) {
        let demand = matcher.demand(demand);
        let task = Waiting {
            id,
            ..Waiting::default()
        };
        matcher.enqueue(demand, task);
    }
    matcher.round(0);
    matcher
}

/// What is launched of some demands, and why the first one is not.
fn launched(offers: &[Offer], demands: &[Demand]) -> (Vec<Launch>, String) {
    let matcher = after_a_round(offers, demands);
    let why = matcher.explain_demand(&demands[0]).to_string();
    (matcher.plan().launches(), why)
}

fn of_source(source: DiskSource) -> Disk {
    Disk {
        source: Some(source),
        ..Disk::default()
    }
}

fn volume(disk: Disk) -> Disk {
    Disk {
        persistence: Some("volume-1".into()),
        container_path: Some("data".into()),
        ..disk
    }
}

/// A kind of entry, and whether a firm and a revocable task may take of it.
type Kind = (&'static str, Identity, bool, bool);

fn revocable(identity: Identity) -> Identity {
    Identity {
        revocable: true,
        ..identity
    }
}

fn provided(identity: Identity) -> Identity {
    Identity {
        provider: Some("storage".into()),
        ..identity
    }
}

fn with(disk: Disk) -> Identity {
    Identity {
        disk: Some(disk),
        ..Identity::default()
    }
}

fn usable() -> Vec<Kind> {
    let dynamic = Reservation::dynamic("cron", Some("ops".into()));
    let labelled = Reservation {
        labels: vec![("team".into(), Some("a".into()))],
        ..Reservation::dynamic("cron/night", Some("ops".into()))
    };
    let old = Identity::from_single("cron", None);
    let old_dynamic = Identity::from_single("cron", Some(dynamic));
    let new = Identity::from_stack([Reservation::fixed("cron")]);
    let refined = Identity::from_stack([Reservation::fixed("cron"), labelled]);
    let old_free = Identity::from_single("*", None);
    let free = Identity::default();
    vec![
        ("unreserved, old form", old_free, true, false),
        ("unreserved, new form", free.clone(), true, false),
        ("static, old form", old.clone(), true, false),
        ("dynamic, old form", old_dynamic, true, false),
        ("static, new form", new, true, false),
        ("refined, with labels", refined.clone(), true, false),
        ("of a provider", provided(free.clone()), true, false),
        ("root disk that says so", with(Disk::default()), true, false),
        ("revocable", revocable(free), false, true),
        ("revocable, static", revocable(old), false, true),
        ("revocable, refined", revocable(refined), false, true),
    ]
}

fn left_alone() -> Vec<Kind> {
    let path = || of_source(DiskSource::Path { root: None });
    let mount = || of_source(DiskSource::Mount { root: None });
    let shared = Identity {
        shared: true,
        ..with(volume(Disk::default()))
    };
    let all = [
        ("path", with(path())),
        ("mount", with(mount())),
        ("revocable path", revocable(with(path()))),
        ("block", provided(with(of_source(DiskSource::Block)))),
        ("raw", provided(with(of_source(DiskSource::Raw)))),
        ("volume", with(volume(Disk::default()))),
        ("volume on a path", with(volume(path()))),
        ("volume on a mount", with(volume(mount()))),
        ("shared volume", shared),
    ];
    all.map(|(kind, identity)| (kind, identity, false, false))
        .into()
}

fn kinds() -> Vec<Kind> {
    usable().into_iter().chain(left_alone()).collect()
}

#[test]
fn disk_is_taken_as_it_was_offered_or_left_alone() {
    for (kind, identity, firm, revocable) in kinds() {
        for (is_revocable, usable) in [(false, firm), (true, revocable)] {
            let case = format!("{kind}, task revocable: {is_revocable}");
            let identity = identity.clone().allocated_to("cron");
            let base = Identity {
                revocable: is_revocable,
                ..Identity::default().allocated_to("cron")
            };
            let disk = scalar("disk", 100, &identity);
            let parcels = [scalar("cpus", 4, &base), scalar("mem", 99, &base), disk];
            let offer = offer("offer", "cron", parcels);
            let wanted = Demand {
                revocable: is_revocable,
                ..demand(1, 60)
            };
            let (launches, why) = launched(std::slice::from_ref(&offer), &[wanted]);
            let [launch] = launches.as_slice() else {
                assert!(!usable && launches.is_empty(), "{case}");
                assert!(
                    why.contains("1 offer lacks disk (needs 60, best 0)"),
                    "{case}: {why}"
                );
                continue;
            };
            assert!(usable, "{case}");
            let taken = &launch.tasks[0].parcels;
            assert!(offer.supply.parcels().covers(taken), "{case}: {taken}");
            let of_disk: Vec<_> = taken
                .as_slice()
                .iter()
                .filter(|one| &*one.name == "disk")
                .collect();
            assert_eq!(of_disk, [&scalar("disk", 60, &identity)], "{case}");
        }
    }
}

#[test]
fn all_reservations_count_together_and_are_used_up_before_the_rest() {
    let kinds = kinds().into_iter().filter(|(_, _, firm, _)| *firm);
    let entries =
        kinds.map(|(_, identity, _, _)| scalar("disk", 10, &identity.allocated_to("cron")));
    let base = Identity::default().allocated_to("cron");
    let others = [scalar("cpus", 4, &base), scalar("mem", 99, &base)];
    let offer = offer("offer", "cron", entries.chain(others));
    // Four are reserved; one and a half of the other four is left.
    let (launches, _) = launched(std::slice::from_ref(&offer), &[demand(1, 65)]);
    let taken = &launches[0].tasks[0].parcels;
    assert!(offer.supply.parcels().covers(taken));
    let sum = |reserved| {
        taken.sum("disk", |identity| {
            identity.reserved_for().is_some() == reserved
        })
    };
    assert_eq!([sum(true), sum(false)], [40, 25].map(Scalar::from_units));
}

#[test]
fn two_tasks_never_get_the_same() {
    let entries = kinds().into_iter().flat_map(|(_, identity, _, _)| {
        let identity = identity.allocated_to("cron");
        [("cpus", 10), ("mem", 100), ("disk", 10)]
            .map(|(name, units)| scalar(name, units, &identity))
    });
    // No master offers cpus of a disk.
    let entries =
        entries.filter(|parcel| parcel.identity.disk.is_none() || &*parcel.name == "disk");
    let offer = offer("offer", "cron", entries);
    let demands: Vec<Demand> = (0..40)
        .map(|number| Demand {
            revocable: number % 3 == 0,
            ..demand(1 + number % 4, 3)
        })
        .collect();
    let (launches, _) = launched(std::slice::from_ref(&offer), &demands);
    let tasks = launches.iter().flat_map(|launch| &launch.tasks);
    let mut left = offer.supply.parcels().into_owned();
    let mut count = 0;
    for task in tasks {
        left = left.minus(&task.parcels).expect("it was there");
        let kind = |parcel: &Parcel| parcel.identity.revocable;
        let mut kinds: Vec<bool> = task.parcels.as_slice().iter().map(kind).collect();
        kinds.dedup();
        assert_eq!(
            kinds.len(),
            1,
            "firm or revocable, never both: {}",
            task.parcels
        );
        count += 1;
    }
    assert!(count >= 20, "{count}");
    let disks = left
        .as_slice()
        .iter()
        .filter(|parcel| parcel.identity.disk.is_some());
    let whole = disks.filter(|parcel| parcel.amount == Amount::Scalar(Scalar::from_units(10)));
    assert!(
        whole.count() >= 9,
        "disks with a source and volumes are whole"
    );
}

#[test]
fn offers_to_two_roles_are_never_put_together() {
    let parcels = |role: &str| {
        let identity = Identity::default().allocated_to(role);
        [("cpus", 1), ("mem", 50), ("disk", 50)].map(|(name, units)| scalar(name, units, &identity))
    };
    let offers = [
        offer("offer-a", "a", parcels("a")),
        offer("offer-b", "b", parcels("b")),
    ];
    let (launches, why) = launched(&offers, &[demand(2, 1)]);
    assert_eq!(launches, []);
    assert_eq!(why, "2 offers lack cpus (needs 2, best 1)");
    // Two to one role are one.
    let second = offer("offer-c", "b", parcels("b"));
    let all = [offers[0].clone(), offers[1].clone(), second];
    let (launches, _) = launched(&all, &[demand(2, 1)]);
    assert_eq!(&*launches[0].role, "b");
    let names: Vec<String> = launches[0].offers.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["offer-b", "offer-c"]);
    let entries = launches[0].tasks[0].parcels.as_slice();
    let role = |parcel: &Parcel| parcel.identity.allocated_to.as_deref() == Some("b");
    assert!(entries.iter().all(role));
    // A task that prefers a role gets it, and another one when that is used up.
    let prefers = Demand {
        roles: vec!["b".into(), "a".into()],
        ..demand(1, 1)
    };
    let (launches, _) = launched(&offers, &[prefers.clone(), prefers.clone(), prefers]);
    let of = |launch: &Launch| (launch.role.to_string(), launch.tasks[0].id);
    let got: Vec<_> = launches.iter().map(of).collect();
    assert_eq!(got, [("a".into(), 1), ("b".into(), 0)]);
}
