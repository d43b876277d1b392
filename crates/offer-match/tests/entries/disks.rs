//! Disks with a source and volumes, which tasks ask for.

use offer_match::{Demand, DiskDemand, DiskKind, Launch, Offer};
use resources::{Disk, DiskSource, Identity, Parcel, Parcels, Reservation, Scalar};

use super::{after_a_round, demand, launched, of_source, offer, revocable, scalar, with};

const PATH: DiskKind = DiskKind::Path;
const MOUNT: DiskKind = DiskKind::Mount;

fn path(root: &str) -> Disk {
    of_source(DiskSource::Path {
        root: Some(root.into()),
    })
}

fn mount(root: &str) -> Disk {
    of_source(DiskSource::Mount {
        root: Some(root.into()),
    })
}

/// An entry of an offer to the role `cron`.
fn free(units: i64, disk: Disk) -> Parcel {
    scalar("disk", units, &with(disk).allocated_to("cron"))
}

fn reserved(units: i64, disk: Disk) -> Parcel {
    let identity = Identity {
        disk: Some(disk),
        ..Identity::from_stack([Reservation::fixed("cron")]).allocated_to("cron")
    };
    scalar("disk", units, &identity)
}

fn taken_back(units: i64, disk: Disk) -> Parcel {
    let identity = revocable(with(disk)).allocated_to("cron");
    scalar("disk", units, &identity)
}

fn shared(units: i64, disk: Disk) -> Parcel {
    let entry = reserved(units, disk);
    let identity = Identity {
        shared: true,
        ..(*entry.identity).clone()
    };
    scalar("disk", units, &identity)
}

fn wants(disks: &[DiskDemand]) -> Demand {
    Demand {
        disks: disks.to_vec(),
        ..demand(1, 0)
    }
}

fn any(kind: DiskKind, units: i64) -> DiskDemand {
    DiskDemand::new(kind, Scalar::from_units(units))
}

fn volumes(ids: &[&str]) -> Demand {
    Demand {
        volumes: ids.iter().map(|&id| id.into()).collect(),
        ..demand(1, 0)
    }
}

/// Where a disk is, or what volume it is.
fn name_of(parcel: &Parcel) -> String {
    let disk = parcel.identity.disk.clone().unwrap_or_default();
    let root = match &disk.source {
        Some(DiskSource::Path { root } | DiskSource::Mount { root }) => root.as_deref(),
        _ => None,
    };
    let id = disk.persistence.as_deref().or(disk.source_id.as_deref());
    id.or(root).unwrap_or("disk").to_owned()
}

/// What disks each task gets of an agent that makes an offer for each list, and why the last one waits.
///
/// In a crowd there are more tasks than are few; the others fit nowhere.
fn disks_of(offers: &[&[&Parcel]], demands: &[&Demand], crowd: bool) -> (Vec<String>, String) {
    let firm = Identity::default().allocated_to("cron");
    let soft = demands.iter().any(|demand| demand.revocable);
    let soft = soft.then(|| revocable(firm.clone()));
    let base: Vec<Parcel> = soft
        .iter()
        .chain([&firm])
        .flat_map(|identity| [scalar("cpus", 20, identity), scalar("mem", 900, identity)])
        .collect();
    let with_base = |(number, disks): (usize, &&[&Parcel])| {
        let parcels = disks.iter().copied().chain(&base).cloned();
        offer(&format!("offer-{number}"), "cron", parcels)
    };
    let offers: Vec<Offer> = offers.iter().enumerate().map(with_base).collect();
    let others = (0..20).filter(|_| crowd).map(|_| demand(1_000, 0));
    let all: Vec<Demand> = demands.iter().copied().cloned().chain(others).collect();
    let matcher = after_a_round(&offers, &all);
    let tasks = matcher.plan().launches().into_iter();
    let mut shown: Vec<String> = tasks
        .flat_map(|launch| launch.tasks)
        .map(|task| {
            let entries = task.parcels.as_slice().iter();
            let disks = entries.filter(|entry| entry.identity.disk.is_some());
            let disks: Vec<String> = disks
                .map(|entry| format!("{} {}", name_of(entry), entry.amount))
                .collect();
            format!("{}: {}", task.id, disks.join(", "))
        })
        .collect();
    shown.sort();
    assert_covered(&offers, &matcher.plan().launches());
    let last = demands.last().expect("there is one");
    (shown, matcher.explain_demand(last).to_string())
}

/// What tasks get together is what was offered; a shared volume counts once for all of them.
fn assert_covered(offers: &[Offer], launches: &[Launch]) {
    let parcels = offers.iter().map(|offer| offer.supply.parcels());
    let all = parcels.fold(Parcels::default(), |sum, parcels| sum.plus(&parcels));
    let mut left = all.clone();
    for task in launches.iter().flat_map(|launch| &launch.tasks) {
        let entries = task.parcels.as_slice().iter().cloned();
        let (shared, own): (Vec<_>, Vec<_>) = entries.partition(|entry| entry.identity.shared);
        assert!(all.covers(&Parcels::new(shared)));
        left = left.minus(&Parcels::new(own)).expect("it was there");
    }
}

/// Offers of one agent, demands, what disks the tasks get, and why the last one waits.
type DiskCase<'a> = (
    &'a [&'a [&'a Parcel]],
    &'a [&'a Demand],
    &'a [&'a str],
    &'a str,
);

fn check_disks(cases: &[DiskCase<'_>]) {
    for (number, (offers, demands, want, why)) in cases.iter().enumerate() {
        for crowd in [false, true] {
            let (got, reason) = disks_of(offers, demands, crowd);
            assert_eq!(got, *want, "case {number}, crowd: {crowd}");
            let all = demands.len() == want.len();
            assert!(all || reason == *why, "case {number}: {reason}");
        }
    }
}

#[test]
fn a_mounted_disk_is_given_whole_to_one_task() {
    let [a, b, c] = ["/a", "/b", "/c"].map(|root| free(300, mount(root)));
    let small = free(50, mount("/s"));
    let mine = reserved(900, mount("/r"));
    let one = wants(&[any(MOUNT, 100)]);
    let two = wants(&[any(MOUNT, 100), any(MOUNT, 40)]);
    let third = wants(&[DiskDemand {
        root: Some("/c".into()),
        ..any(MOUNT, 1)
    }]);
    let spoiled = free(100, mount("/s"));
    let tasks = [&one, &one];
    check_disks(&[
        (
            &[&[&a]],
            &tasks,
            &["0: /a 300"],
            "1 offer lacks a MOUNT disk (needs 100, best 0)",
        ),
        (
            &[&[&small]],
            &tasks,
            &[],
            "1 offer lacks a MOUNT disk (needs 100, best 50)",
        ),
        // The smallest that is large enough; of equal ones the first by what else tells them apart.
        (
            &[&[&c, &small, &b, &a, &spoiled]],
            &tasks,
            &["0: /s 100", "1: /a 300"],
            "",
        ),
        (
            &[&[&a, &small]],
            &[&wants(&[any(MOUNT, 0)])],
            &["0: /s 50"],
            "",
        ),
        // A reserved one first, even if it is larger; unless the task needs that for another wish.
        (&[&[&a, &mine]], &tasks, &["0: /r 900", "1: /a 300"], ""),
        (&[&[&small, &mine]], &[&two], &["0: /r 900, /s 50"], ""),
        (
            &[&[&small, &c]],
            &[&two, &two],
            &["0: /c 300, /s 50"],
            "1 offer lacks a MOUNT disk (needs 40, best 0)",
        ),
        (
            &[&[&b]],
            &[&two],
            &[],
            "1 offer lacks another MOUNT disk (needs 100, best 0)",
        ),
        // Two offers of one agent; disks are never added up.
        (
            &[&[&a], &[&b, &c]],
            &[&third, &one, &third],
            &["0: /c 300", "1: /a 300"],
            "1 offer lacks a MOUNT disk at /c (needs 1, best 0)",
        ),
        (
            &[&[&a], &[&c]],
            &[&wants(&[any(MOUNT, 301)])],
            &[],
            "1 offer lacks a MOUNT disk (needs 301, best 300)",
        ),
        (
            &[&[&free(900, path("/a"))]],
            &[&one],
            &[],
            "1 offer lacks a MOUNT disk (needs 100, best 0)",
        ),
    ]);
}

#[test]
fn a_path_is_divided_among_tasks() {
    let p = free(100, path("/p"));
    let of = |units: i64| wants(&[any(PATH, units)]);
    check_disks(&[
        (
            &[&[&p]],
            &[&of(60), &of(40), &of(1)],
            &["0: /p 60", "1: /p 40"],
            "1 offer lacks a PATH disk (needs 1, best 0)",
        ),
        (
            &[&[&p]],
            &[&of(60), &of(41)],
            &["0: /p 60"],
            "1 offer lacks a PATH disk (needs 41, best 40)",
        ),
        // Of two that suffice the one of which less is left, not that which was smaller; and of nothing the least.
        (
            &[&[&p, &free(90, path("/q"))]],
            &[&of(95), &of(4), &of(0), &of(-7)],
            &["0: /p 95", "1: /p 4", "2: /p 0.001", "3: /p 0.001"],
            "",
        ),
        // All of a part is of one entry, which two offers have each some of.
        (
            &[&[&p, &free(90, path("/q"))]],
            &[&of(101)],
            &[],
            "1 offer lacks a PATH disk (needs 101, best 100)",
        ),
        (
            &[&[&p], &[&p]],
            &[&of(150), &of(50)],
            &["0: /p 150", "1: /p 50"],
            "",
        ),
        // Reserved space first, then the smaller.
        (
            &[&[&p, &free(90, path("/q")), &reserved(100, path("/r"))]],
            &[&of(50), &of(50), &of(50), &of(50)],
            &["0: /r 50", "1: /r 50", "2: /q 50", "3: /p 50"],
            "",
        ),
        (
            &[&[&p, &free(30, mount("/m"))]],
            &[&wants(&[any(PATH, 20), any(MOUNT, 20), any(PATH, 70)])],
            &["0: /p 90, /m 30"],
            "",
        ),
    ]);
}

#[test]
fn a_volume_is_given_to_one_task_and_a_shared_one_to_all_that_name_it() {
    let named = |id: &str, disk: Disk| Disk {
        persistence: Some(id.into()),
        ..disk
    };
    let on_root = reserved(10, named("one", Disk::default()));
    let on_mount = reserved(20, named("two", mount("/m")));
    let for_all = shared(30, named("all", path("/p")));
    let (one, all) = (volumes(&["one"]), volumes(&["all"]));
    let every = volumes(&["all", "one", "two", "one"]);
    check_disks(&[
        (
            &[&[&on_root, &on_mount]],
            &[&one, &one],
            &["0: one 10"],
            "1 offer has no volume one",
        ),
        (
            &[&[&on_mount, &for_all, &on_root]],
            &[&all, &every, &all, &one],
            &["0: all 30", "1: one 10, all 30, two 20", "2: all 30"],
            "1 offer has no volume one",
        ),
        // Copies in two offers are one volume.
        (
            &[&[&for_all], &[&for_all]],
            &[&all, &all, &all],
            &["0: all 30", "1: all 30", "2: all 30"],
            "",
        ),
        // A volume is no disk to be divided or mounted.
        (
            &[&[&on_root, &on_mount, &for_all]],
            &[&wants(&[any(PATH, 1)]), &wants(&[any(MOUNT, 1)])],
            &[],
            "1 offer lacks a MOUNT disk (needs 1, best 0)",
        ),
        (&[&[&on_root]], &[&every], &[], "1 offer has no volume all"),
    ]);
}

#[test]
fn disks_are_of_the_kind_that_the_task_asks_for() {
    let of = |source, id: Option<&str>, profile: &str, vendor: &str| Disk {
        source_id: id.map(Into::into),
        profile: Some(profile.into()),
        vendor: Some(vendor.into()),
        ..of_source(source)
    };
    let fast = free(
        50,
        of(DiskSource::Mount { root: None }, Some("f"), "fast", "x"),
    );
    let slow = free(
        40,
        of(DiskSource::Mount { root: None }, Some("s"), "slow", "y"),
    );
    let block = free(70, of(DiskSource::Block, Some("b"), "fast", "x"));
    let raw = free(80, of(DiskSource::Raw, Some("r"), "fast", "x"));
    let pool = free(90, of(DiskSource::Raw, None, "fast", "x"));
    let all = [fast, slow, block, raw, pool];
    let wanted = |kind, units, change: &dyn Fn(&mut DiskDemand)| {
        let mut disk = any(kind, units);
        change(&mut disk);
        wants(&[disk])
    };
    let tasks = [
        wanted(MOUNT, 1, &|disk| disk.profile = Some("fast".into())),
        wanted(MOUNT, 1, &|disk| disk.vendor = Some("y".into())),
        wanted(DiskKind::Block, 1, &|_| ()),
        wanted(DiskKind::Raw, 60, &|disk| disk.source_id = Some("r".into())),
        // The other way to have raw storage is a part of a pool.
        wanted(DiskKind::Raw, 60, &|_| ()),
        wanted(DiskKind::Raw, 60, &|disk| disk.vendor = Some("x".into())),
    ];
    check_disks(&[
        (
            &[&all.each_ref()],
            &tasks.each_ref(),
            &["0: f 50", "1: s 40", "2: b 70", "3: r 80", "4: disk 60"],
            "1 offer lacks a RAW disk of vendor x (needs 60, best 30)",
        ),
        (
            &[&all.each_ref()],
            &[&wanted(MOUNT, 45, &|disk| {
                disk.profile = Some("slow".into());
                disk.source_id = Some("s".into());
            })],
            &[],
            "1 offer lacks a MOUNT disk with id s of profile slow (needs 45, best 40)",
        ),
    ]);
}

#[test]
fn disks_are_firm_or_revocable_as_the_task_is() {
    let firm = wants(&[any(MOUNT, 1), any(PATH, 5)]);
    let soft = Demand {
        revocable: true,
        ..firm.clone()
    };
    let all = [
        free(10, mount("/a")),
        free(10, path("/p")),
        taken_back(5, mount("/b")),
        taken_back(5, path("/q")),
    ];
    check_disks(&[
        (
            &[&all.each_ref()],
            &[&soft, &firm, &firm],
            &["0: /q 5, /b 5", "1: /p 5, /a 10"],
            "1 offer lacks a MOUNT disk (needs 1, best 0)",
        ),
        (
            &[&all.each_ref()[..2]],
            &[&soft],
            &[],
            "1 offer lacks a PATH disk (needs 5, best 0)",
        ),
    ]);
}

#[test]
fn disks_are_of_the_role_that_the_task_may_use() {
    let of = |role: &str, disk: Disk| {
        let base = Identity::default().allocated_to(role);
        let identity = with(disk).allocated_to(role);
        let parcels = [
            scalar("cpus", 9, &base),
            scalar("mem", 99, &base),
            scalar("disk", 50, &identity),
        ];
        offer(&format!("offer-{role}"), role, parcels)
    };
    let offers = [of("a", mount("/a")), of("b", path("/b"))];
    let for_b = Demand {
        roles: vec!["b".into()],
        ..wants(&[any(MOUNT, 1)])
    };
    let (launches, why) = launched(&offers, &[for_b]);
    assert_eq!(launches, []);
    let want = "1 offer is for other roles; 1 offer lacks a MOUNT disk (needs 1, best 0)";
    assert_eq!(why, want);
    let for_both = Demand {
        roles: vec!["b".into(), "a".into()],
        ..wants(&[any(MOUNT, 60)])
    };
    let (launches, why) = launched(&offers, &[for_both]);
    assert_eq!(launches, []);
    assert_eq!(why, "2 offers lack a MOUNT disk (needs 60, best 50)");
    // What it wants of two roles is not put together either.
    let (launches, why) = launched(&offers, &[wants(&[any(MOUNT, 1), any(PATH, 1)])]);
    assert_eq!(launches, []);
    let want = "1 offer lacks a MOUNT disk (needs 1, best 0); \
                1 offer lacks a PATH disk (needs 1, best 0)";
    assert_eq!(why, want);
}
