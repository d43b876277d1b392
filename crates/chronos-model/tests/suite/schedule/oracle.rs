//! Cron expressions against a slow reading of the rules: minute by minute, by croner and chrono-tz.

use chrono::{
    DateTime, Datelike, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc,
};
use chrono_tz::Tz;
use chronos_model::{DstPolicy, JobSchedule, SchedulePart, Targets, Timestamp};
use croner::{Cron, parser::CronParser, time::Weekday};
use iso8601_repeat::{Gap, Overlap};
use proptest::prelude::*;

use super::{CHANGES, at, dst};

const WEEKDAYS: [Weekday; 7] = [
    Weekday::Sunday,
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
];

fn matches(cron: &Cron, reading: NaiveDateTime) -> bool {
    let pattern = &cron.pattern;
    let weekday = WEEKDAYS[reading.weekday().num_days_from_sunday() as usize];
    let parts = [
        pattern.minute_match(reading.minute()),
        pattern.hour_match(reading.hour()),
        pattern.month_match(reading.month()),
        pattern.day_match(reading.year(), reading.month(), reading.day(), weekday),
    ];
    parts
        .into_iter()
        .all(|part| part.expect("a reading of a clock"))
}

fn instants(
    zone: Tz,
    reading: NaiveDateTime,
    is_interval: bool,
    policy: DstPolicy,
) -> Vec<DateTime<Utc>> {
    let by = |offset: chrono::FixedOffset| (reading - offset).and_utc();
    match zone.offset_from_local_datetime(&reading) {
        LocalResult::Single(offset) => vec![by(offset.fix())],
        LocalResult::Ambiguous(one, other) => {
            let (one, other) = (by(one.fix()), by(other.fix()));
            let (first, second) = (one.min(other), one.max(other));
            match policy.overlap {
                _ if is_interval => vec![first, second],
                Overlap::First => vec![first],
                Overlap::Second => vec![second],
                Overlap::Both => vec![first, second],
            }
        }
        LocalResult::None if is_interval || policy.gap == Gap::Skip => vec![],
        LocalResult::None => {
            let day_before = reading - TimeDelta::hours(25);
            vec![by(zone.offset_from_utc_datetime(&day_before).fix())]
        }
    }
}

/// All targets within four days of a change.
fn oracle(text: &str, zone: Tz, change: DateTime<Utc>, policy: DstPolicy) -> Vec<Timestamp> {
    let cron = CronParser::new().parse(text).expect("an expression");
    let is_interval = text.split(' ').nth(1).expect("an hour").starts_with('*');
    let from = change.naive_utc() - TimeDelta::days(7);
    let mut found: Vec<_> = (0..14 * 24 * 60)
        .map(|minute| from + TimeDelta::minutes(minute))
        .filter(|reading| matches(&cron, *reading))
        .flat_map(|reading| instants(zone, reading, is_interval, policy))
        .filter(|at| (*at - change).abs() <= TimeDelta::days(4))
        .map(Timestamp::from_utc)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn field(values: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(values)
}

fn expression() -> impl Strategy<Value = String> {
    let minute = field(&["*", "0", "30", "*/15", "*/7", "0,59", "10-50/20", "45"]);
    let hour = field(&[
        "*", "*/2", "*/5", "0", "1", "2", "3", "0-4", "2,3", "1-23/2", "23", "12", "0-23",
    ]);
    let days = field(&[
        "* * *",
        "* * *",
        "* * *",
        "*/2 * *",
        "L * *",
        "* * SUN",
        "30,31,29 * *",
        "1 * SUN",
        "* 3,10-12 *",
    ]);
    (minute, hour, days).prop_map(|(minute, hour, days)| format!("{minute} {hour} {days}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn cron_around_changes_of_clocks(
        text in expression(),
        change in proptest::sample::select(&CHANGES[..]),
        gap in proptest::sample::select(vec![Gap::Shift, Gap::Skip]),
        overlap in proptest::sample::select(vec![Overlap::First, Overlap::Second, Overlap::Both]),
        ends in proptest::collection::vec(0..8 * 24 * 3600_i64, 8),
    ) {
        let (zone, change) = change;
        let change: DateTime<Utc> = change.parse().unwrap();
        let want = oracle(&text, zone.parse().unwrap(), change, dst(gap, overlap));
        let schedule = JobSchedule::parse_cron(&text, zone).unwrap().with_dst(dst(gap, overlap));
        let targets = schedule.targets(Timestamp::default()).unwrap();
        let first = Timestamp::from_utc(change - TimeDelta::days(4));
        let last = Timestamp::from_utc(change + TimeDelta::days(4));

        let (mut forward, mut from) = (Vec::new(), first.plus_millis(-1));
        while let Some(target) = targets.after(from).filter(|target| target.at <= last) {
            forward.push(target.at);
            from = target.at;
        }
        prop_assert_eq!(&forward, &want);
        let (mut backward, mut until) = (Vec::new(), last);
        while let Some(target) = targets.at_or_before(until).filter(|target| target.at >= first) {
            backward.push(target.at);
            until = target.at.plus_millis(-1);
        }
        backward.reverse();
        prop_assert_eq!(&backward, &want);

        // From anywhere, not only from target to target.
        for pair in ends.windows(2) {
            let (a, b) = (first.plus_millis(pair[0] * 1000), first.plus_millis(pair[1] * 1000));
            let next = want.iter().find(|&&at| at > a);
            if let Some(next) = next {
                prop_assert_eq!(targets.after(a).map(|target| target.at), Some(*next));
            }
            if let Some(prev) = want.iter().rfind(|&&at| at <= a) {
                prop_assert_eq!(targets.at_or_before(a).map(|target| target.at), Some(*prev));
            }
            let count = want.iter().filter(|&&at| a < at && at <= b).count();
            prop_assert_eq!(targets.count_between(a, b), count as u64);
        }
    }
}

fn part() -> impl Strategy<Value = SchedulePart> {
    let interval = field(&[
        "R/2026-03-20T02:30:00/P1D",
        "R7/2026-03-25T00:00:00/PT5H",
        "R/2026-03-27T22:15:00/PT45M",
        "R0//P1D",
        "R1/2026-03-28T12:00:00/P",
    ]);
    let cron = field(&["30 2 * * *", "0 */3 * * *", "15 22 * * SAT", "0 0 1 4 *"]);
    let zone = || field(&["", "Asia/Tokyo", "America/New_York"]);
    prop_oneof![
        (interval, zone()).prop_map(|(text, zone)| SchedulePart::interval(text, zone)),
        (cron, zone()).prop_map(|(text, zone)| SchedulePart::cron(text, zone)),
    ]
    .prop_map(|part| part.expect("a part"))
}

proptest! {
    #[test]
    fn a_list_is_the_union_of_its_parts(
        parts in proptest::collection::vec(part(), 1..4),
        asked in proptest::collection::vec(0..8 * 24 * 3600 * 1000_i64, 16),
        end in proptest::option::of(0..8_u32),
    ) {
        let anchor = at("2026-03-24T00:00:00Z");
        let targets = |parts: Vec<SchedulePart>| {
            let schedule = JobSchedule::from_parts(parts, "Europe/Berlin").unwrap();
            let schedule = match end {
                Some(days) => schedule.with_end(&format!("2026-03-{}T02:30:00", 24 + days)).unwrap(),
                None => schedule,
            };
            schedule.targets(anchor).unwrap()
        };
        let singles: Vec<_> = parts.iter().map(|part| targets(vec![part.clone()])).collect();
        let union = targets(parts);
        let firsts = singles.iter().filter_map(Targets::first);
        prop_assert_eq!(union.first().map(|t| t.at), firsts.map(|t| t.at).min());
        for pair in asked.windows(2) {
            let (a, b) = (anchor.plus_millis(pair[0]), anchor.plus_millis(pair[1]));
            let after = singles.iter().filter_map(|single| single.after(a));
            prop_assert_eq!(union.after(a).map(|t| t.at), after.map(|t| t.at).min());
            let before = singles.iter().filter_map(|single| single.at_or_before(a));
            prop_assert_eq!(union.at_or_before(a).map(|t| t.at), before.map(|t| t.at).max());
            let counts = singles.iter().map(|single| single.count_between(a, b));
            prop_assert_eq!(union.count_between(a, b), counts.sum::<u64>());
            let remaining = singles.iter().map(|single| single.remaining(a));
            prop_assert_eq!(union.remaining(a), remaining.sum::<Option<u64>>());
        }
    }
}
