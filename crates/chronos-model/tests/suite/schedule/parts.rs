//! Several schedules in one, their end, and what a change of clocks does to intervals.

use chronos_model::{JobSchedule, NextTarget, SchedulePart};
use iso8601_repeat::{Gap, Overlap};

use super::{at, between, cron, dst, targets};

fn several(zone: &str) -> JobSchedule {
    let parts = vec![
        SchedulePart::interval("R3/2026-01-01T00:00:00/PT12H", "").expect("an interval"),
        SchedulePart::cron("0 12 * * *", "").expect("an expression"),
        SchedulePart::interval("R/2026-01-01T06:00:00/P1D", "Asia/Tokyo").expect("an interval"),
    ];
    JobSchedule::from_parts(parts, zone).expect("a schedule")
}

#[test]
fn all_parts_in_the_order_of_time() {
    let targets = targets(&several(""));
    let named = between(&targets, "2025-12-31T18:00:00Z", "2026-01-02T21:00:00Z");
    assert_eq!(
        named,
        [
            "2025-12-31T21:00:00Z",
            "2026-01-01T00:00:00Z",
            // Of two parts, and one target.
            "2026-01-01T12:00:00Z",
            "2026-01-01T21:00:00Z",
            "2026-01-02T00:00:00Z",
            "2026-01-02T12:00:00Z",
            "2026-01-02T21:00:00Z",
        ]
    );
    // Each part counts alone, so noon of the first of January counts twice.
    let count = targets.count_between(at("2025-12-31T18:00:00Z"), at("2026-01-02T21:00:00Z"));
    assert_eq!(count, 8);
    // The index says how many come before, as far as they are numbered.
    let third = targets.after(at("2026-01-01T12:00:00Z")).unwrap();
    assert_eq!(
        third,
        NextTarget {
            index: 3,
            at: at("2026-01-01T21:00:00Z")
        }
    );
    assert_eq!(
        targets.at_or_before(at("2026-01-01T22:00:00Z")),
        Some(third)
    );
}

#[test]
fn the_first_is_the_earliest_of_all_parts() {
    let targets = several("").targets(at("2025-12-31T11:00:00Z")).unwrap();
    assert_eq!(
        targets.first(),
        Some(NextTarget {
            index: 0,
            at: at("2025-12-31T12:00:00Z")
        })
    );
    assert_eq!(targets.remaining(at("2026-01-01T00:00:00Z")), None);
}

#[test]
fn finite_parts_end_together() {
    let parts = vec![
        SchedulePart::interval("R2/2026-01-01T00:00:00Z/P1D", "").unwrap(),
        SchedulePart::interval("R3/2026-06-01T00:00:00Z/P1D", "").unwrap(),
        SchedulePart::interval("R0//P1D", "").unwrap(),
    ];
    let schedule = JobSchedule::from_parts(parts, "").unwrap();
    assert_eq!(schedule.repetitions(), Some(5));
    assert_eq!(
        schedule.text(),
        "R2/2026-01-01T00:00:00Z/P1D and R3/2026-06-01T00:00:00Z/P1D and R0//P1D"
    );
    let targets = targets(&schedule);
    assert_eq!(targets.remaining(at("2026-01-02T00:00:00Z")), Some(4));
    assert_eq!(targets.remaining(at("2026-06-03T00:00:00.001Z")), Some(0));
    assert_eq!(targets.after(at("2026-06-03T00:00:00Z")), None);
    assert_eq!(
        targets
            .at_or_before(at("2030-01-01T00:00:00Z"))
            .unwrap()
            .index,
        4
    );
}

#[test]
fn zones_of_parts_win_over_the_job_s() {
    let schedule = several("Europe/Berlin");
    let named = between(
        &targets(&schedule),
        "2025-12-31T18:00:00Z",
        "2026-01-01T11:00:00Z",
    );
    assert_eq!(
        named,
        [
            "2025-12-31T21:00:00Z",
            "2025-12-31T23:00:00Z",
            "2026-01-01T11:00:00Z"
        ]
    );
    assert!(JobSchedule::from_parts(vec![], "").is_err());
    assert!(SchedulePart::cron("* * * * *", "Nowhere/Land").is_err());
    assert!(SchedulePart::interval("R/2026-01-01T06:00:00/PT0.5S", "").is_err());
}

#[test]
fn the_end_is_still_in() {
    let daily = |end: &str, zone: &str| {
        let schedule = JobSchedule::parse("R/2026-01-01T06:00:00Z/P1D", zone).unwrap();
        schedule
            .with_end(end)
            .unwrap_or_else(|error| panic!("{end}: {error}"))
    };
    for (end, zone, last) in [
        ("2026-01-03T06:00:00Z", "", "2026-01-03T06:00:00Z"),
        ("2026-01-03T05:59:59.999Z", "", "2026-01-02T06:00:00Z"),
        ("2026-01-03T06:00:00+01:00", "", "2026-01-02T06:00:00Z"),
        ("2026-01-03", "", "2026-01-02T06:00:00Z"),
        // The zone wins over an offset, as for the start.
        (
            "2026-01-03T06:00:00-08:00",
            "Europe/Berlin",
            "2026-01-03T05:00:00Z",
        ),
        (
            "2026-01-03T06:00:00",
            "Europe/Berlin",
            "2026-01-03T05:00:00Z",
        ),
    ] {
        let schedule = daily(end, zone);
        assert_eq!(schedule.end_text(), Some(end));
        let targets = targets(&schedule);
        let last = at(last);
        assert_eq!(
            targets.at_or_before(at("2030-01-01T00:00:00Z")).unwrap().at,
            last,
            "{end} {zone}"
        );
        assert_eq!(targets.after(last), None, "{end} {zone}");
        assert_eq!(
            targets.after(last.plus_millis(-1)).unwrap().at,
            last,
            "{end} {zone}"
        );
        let first = targets.first().unwrap().at;
        let index = targets.at_or_before(last).unwrap().index;
        assert_eq!(targets.remaining(first), Some(index + 1), "{end} {zone}");
        assert_eq!(
            targets.remaining(last.plus_millis(1)),
            Some(0),
            "{end} {zone}"
        );
        assert_eq!(
            targets.count_between(first, at("2030-01-01T00:00:00Z")),
            index,
            "{end} {zone}"
        );
        assert_eq!(schedule.repetitions(), None);
    }
    let over = targets(&daily("2025-12-31T00:00:00Z", ""));
    assert_eq!(
        (over.first(), over.remaining(at("2020-01-01T00:00:00Z"))),
        (None, Some(0))
    );
    let base = JobSchedule::parse("R/2026-01-01T06:00:00Z/P1D", "").unwrap();
    for wrong in [
        "",
        "tomorrow",
        "2026-02-30T00:00:00Z",
        "R/2026-01-01T06:00:00Z/P1D",
        "2026-01-01/P1D",
    ] {
        assert!(base.clone().with_end(wrong).is_err(), "{wrong}");
    }
    assert_ne!(base.clone().with_end("2026-01-03").unwrap(), base);
}

#[test]
fn an_end_in_a_change_of_clocks() {
    let end = |text: &str, overlap| {
        let schedule = cron("30 2 * * *", "Europe/Berlin").with_dst(dst(Gap::Skip, overlap));
        schedule.with_end(text).unwrap().end_at().unwrap()
    };
    assert_eq!(
        end("2026-03-29T02:30", Overlap::First),
        at("2026-03-29T01:30:00Z")
    );
    assert_eq!(
        end("2026-10-25T02:30", Overlap::First),
        at("2026-10-25T00:30:00Z")
    );
    assert_eq!(
        end("2026-10-25T02:30", Overlap::Second),
        at("2026-10-25T01:30:00Z")
    );
    assert_eq!(
        end("2026-10-25T02:30", Overlap::Both),
        at("2026-10-25T01:30:00Z")
    );
}

#[test]
fn a_cron_expression_with_an_end_is_finite() {
    let schedule = cron("*/10 * * * *", "")
        .with_end("2027-01-01T00:00:00Z")
        .unwrap();
    let targets = targets(&schedule);
    assert_eq!(
        targets.remaining(at("2026-01-01T00:00:00Z")),
        Some(365 * 144 + 1)
    );
    assert_eq!(targets.remaining(at("2027-01-01T00:00:00.001Z")), Some(0));
}

#[test]
fn intervals_obey_the_policies_for_changes_of_clocks() {
    let daily = JobSchedule::parse("R/2026-03-28T02:30:00/P1D", "Europe/Berlin").unwrap();
    let spring = |gap| {
        let schedule = daily.clone().with_dst(dst(gap, Overlap::First));
        between(
            &targets(&schedule),
            "2026-03-28T12:00:00Z",
            "2026-03-30T12:00:00Z",
        )
    };
    assert_eq!(
        spring(Gap::Shift),
        ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]
    );
    assert_eq!(spring(Gap::Skip), ["2026-03-30T00:30:00Z"]);
    let autumn = |overlap| {
        let schedule = daily.clone().with_dst(dst(Gap::Shift, overlap));
        between(
            &targets(&schedule),
            "2026-10-24T12:00:00Z",
            "2026-10-25T12:00:00Z",
        )
    };
    assert_eq!(autumn(Overlap::First), ["2026-10-25T00:30:00Z"]);
    assert_eq!(autumn(Overlap::Second), ["2026-10-25T01:30:00Z"]);
    assert_eq!(
        autumn(Overlap::Both),
        ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]
    );

    // A start in the gap that is left out: the first target is the one after it.
    let schedule = JobSchedule::parse("R/2026-03-29T02:30:00/P1D", "Europe/Berlin").unwrap();
    let targets = targets(&schedule.with_dst(dst(Gap::Skip, Overlap::First)));
    assert_eq!(
        targets.first(),
        Some(NextTarget {
            index: 1,
            at: at("2026-03-30T00:30:00Z")
        })
    );
}

#[test]
fn starts_never_change_places() {
    let job = "spread".parse().unwrap();
    for schedule in [
        JobSchedule::parse("R/2026-01-01T00:00:00Z/PT1S", "").unwrap(),
        cron("* * * * * *", "Europe/Berlin"),
        several("Europe/Berlin"),
    ] {
        let targets = targets(&schedule);
        let (mut from, mut last) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
        for _ in 0..500 {
            let target = targets.after(from).unwrap().at;
            let start = targets.start_of(&job, target, 3600);
            assert!(target <= start && start < target.plus_millis(3_600_001));
            assert!(last < start, "{last} {start}");
            (from, last) = (target, start);
        }
    }
}
