//! What is shown of a schedule before it is saved.

use std::sync::Arc;

use chronos_model::{
    Calendar, ClockChange, DstPolicy, Exclusions, JobName, JobSchedule, Preview, PreviewedTarget,
    SchedulePart, limits,
};
use iso8601_repeat::{Gap, Overlap};
use serde_json::json;

use crate::schedule::{at, cron, dst};

fn list(schedule: &JobSchedule, from: &str, count: usize) -> Vec<PreviewedTarget> {
    let weekends = json!({"name": "weekends", "zone": "Europe/Berlin", "weekdays": ["SAT"]});
    let preview = Preview {
        schedule,
        exclusions: &Exclusions::new(vec![Arc::new(
            Calendar::from_json(&weekends).expect("a calendar"),
        )]),
        job: &"job".parse::<JobName>().expect("a name"),
        jitter_secs: 0,
        anchor: at("2020-01-01T00:00:00Z"),
    };
    preview.list(at(from), count).expect("targets")
}

/// One line for each target: local time, what became of it, change of clocks, calendar.
fn lines(listed: &[PreviewedTarget]) -> Vec<String> {
    let line = |target: &PreviewedTarget| {
        let change = target.clock_change;
        let clock = change.map_or_else(String::new, |ClockChange { from_secs, to_secs }| {
            format!(" clock {from_secs} {to_secs}")
        });
        let calendar = target.excluded_by.as_ref();
        let not = calendar.map_or_else(String::new, |name| format!(" not: {name}"));
        format!("{} {}{clock}{not}", target.local, target.reading.name())
    };
    listed.iter().map(line).collect()
}

fn policies() -> DstPolicy {
    dst(Gap::Shift, Overlap::Both)
}

#[test]
fn marks_changes_of_clocks_and_calendars() {
    for schedule in [
        cron("30 2 * * *", "Europe/Berlin"),
        JobSchedule::parse("R/2026-01-01T02:30:00/P1D", "Europe/Berlin").unwrap(),
    ] {
        let schedule = schedule.with_dst(policies());
        assert_eq!(
            lines(&list(&schedule, "2026-03-27T12:00:00Z", 3)),
            [
                "2026-03-28T02:30:00+01:00 plain not: weekends",
                "2026-03-29T03:30:00+02:00 shifted clock 3600 7200",
                "2026-03-30T02:30:00+02:00 plain",
            ]
        );
        assert_eq!(
            lines(&list(&schedule, "2026-10-25T00:30:00Z", 3)),
            [
                "2026-10-25T02:30:00+02:00 plain",
                "2026-10-25T02:30:00+01:00 second clock 7200 3600",
                "2026-10-26T02:30:00+01:00 plain",
            ]
        );
    }
}

#[test]
fn each_part_on_the_clocks_of_its_zone() {
    let parts = vec![
        SchedulePart::cron("0 7 * * *", "Asia/Tokyo").unwrap(),
        SchedulePart::interval("R/2026-03-27T06:00:00Z/PT24H", "").unwrap(),
    ];
    let schedule = JobSchedule::from_parts(parts, "America/New_York").unwrap();
    assert_eq!(
        lines(&list(&schedule, "2026-10-31T09:00:00Z", 4)),
        [
            "2026-10-31T06:00:00-04:00 plain not: weekends",
            "2026-11-01T07:00:00+09:00 plain not: weekends",
            // 24 hours went by, and the clock went back.
            "2026-11-01T05:00:00-05:00 plain clock -14400 -18000",
            "2026-11-02T07:00:00+09:00 plain",
        ]
    );
}

#[test]
fn starts_later_by_the_jitter() {
    let schedule = cron("0 * * * *", "");
    let preview = Preview {
        schedule: &schedule,
        exclusions: &Exclusions::default(),
        job: &"job".parse().unwrap(),
        jitter_secs: 600,
        anchor: at("2026-01-01T00:00:00Z"),
    };
    let listed = preview.list(at("2026-01-01T00:00:00Z"), 24).unwrap();
    assert_eq!(listed[0].at, at("2026-01-01T00:00:00Z"), "from is in it");
    let late: Vec<_> = listed
        .iter()
        .map(|target| target.start.millis_since(target.at))
        .collect();
    assert!(
        late.iter().all(|late| (0..=600_000).contains(late)),
        "{late:?}"
    );
    assert!(late.iter().any(|late| *late > 60_000), "{late:?}");
}

#[test]
fn is_bounded() {
    let schedule = cron("* * * * * *", "");
    assert_eq!(
        list(&schedule, "2026-01-01T00:00:00Z", usize::MAX).len(),
        limits::PREVIEW_LEN_MAX
    );
    assert_eq!(list(&schedule, "2026-01-01T00:00:00Z", 0), []);
    let over = cron("@daily", "").with_end("2026-01-02").unwrap();
    assert_eq!(list(&over, "2026-01-01T00:00:00Z", 10).len(), 2);
}
