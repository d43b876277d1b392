//! Calendars against a slow reading of the rules: minute by minute, by chrono-tz.

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use chronos_model::{Calendar, Timestamp};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use super::over;
use crate::schedule::CHANGES;

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A calendar in numbers: days from the change, weekdays, windows in half hours.
#[derive(Clone, Debug)]
struct Rules {
    days: Vec<(i64, i64)>,
    weekdays: Vec<usize>,
    windows: Vec<(u32, u32, Vec<usize>)>,
}

fn rules() -> impl Strategy<Value = Rules> {
    let weekdays = |most| proptest::collection::btree_set(0..7_usize, 0..most);
    let window = (0..48_u32, 0..=48_u32, weekdays(4))
        .prop_filter("empty", |(from, to, _)| from != to)
        .prop_map(|(from, to, weekdays)| (from, to, weekdays.into_iter().collect()));
    (
        vec((-2..3_i64, 0..2_i64), 0..3),
        weekdays(3),
        vec(window, 0..4),
    )
        .prop_map(|(days, weekdays, windows)| Rules {
            days,
            weekdays: weekdays.into_iter().collect(),
            windows,
        })
}

impl Rules {
    fn document(&self, zone: &str, change: DateTime<Utc>) -> Value {
        let date = |days| change.date_naive() + TimeDelta::days(days);
        let names = |days: &[usize]| days.iter().map(|&day| WEEKDAYS[day]).collect::<Vec<_>>();
        let time = |halves: u32| format!("{:02}:{:02}", halves / 2, halves % 2 * 30);
        let dates = self.days.iter();
        let dates = dates.map(|&(first, more)| format!("{}/{}", date(first), date(first + more)));
        let windows = self.windows.iter().map(|(from, to, weekdays)| {
            let mut window = json!({"from": time(*from), "to": time(*to)});
            if !weekdays.is_empty() {
                window["weekdays"] = json!(names(weekdays));
            }
            window
        });
        json!({"name": "a", "zone": zone, "dates": dates.collect::<Vec<_>>(),
            "weekdays": names(&self.weekdays), "windows": windows.collect::<Vec<_>>()})
    }

    fn excludes(&self, reading: NaiveDateTime, change: DateTime<Utc>) -> bool {
        let weekday = |reading: NaiveDateTime| reading.weekday().num_days_from_sunday() as usize;
        let days = (reading.date() - change.date_naive()).num_days();
        let minute = reading.hour() * 60 + reading.minute();
        let yesterday = reading - TimeDelta::days(1);
        let in_window = |(from, to, on): &(u32, u32, Vec<usize>)| {
            let begins = |reading| on.is_empty() || on.contains(&weekday(reading));
            let (from, to) = (from * 30, to * 30);
            if from < to {
                from <= minute && minute < to && begins(reading)
            } else {
                (from <= minute && begins(reading)) || (minute < to && begins(yesterday))
            }
        };
        let in_dates = |&(first, more): &(i64, i64)| first <= days && days <= first + more;
        self.days.iter().any(in_dates)
            || self.weekdays.contains(&weekday(reading))
            || self.windows.iter().any(in_window)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn calendars_around_changes_of_clocks(
        rules in rules(),
        change in proptest::sample::select(&CHANGES[..]),
        offsets in vec(-3 * 24 * 60..3 * 24 * 60_i64, 24),
        near in vec(-180..180_i64, 24),
        millis in 0..60_000_i64,
    ) {
        let (zone, change) = change;
        let (change, tz): (DateTime<Utc>, Tz) = (change.parse().unwrap(), zone.parse().unwrap());
        let excludes = |at: DateTime<Utc>| {
            rules.excludes(tz.from_utc_datetime(&at.naive_utc()).naive_local(), change)
        };
        let Ok(calendar) = Calendar::from_json(&rules.document(zone, change)) else {
            // Everything is left out.
            return Ok(());
        };
        for minute in offsets.into_iter().chain(near) {
            let minute = change + TimeDelta::minutes(minute);
            let at = minute + TimeDelta::milliseconds(millis);
            let until = calendar.excluded_until(Timestamp::from_utc(at));
            prop_assert_eq!(until.is_some(), excludes(minute), "{} {}", zone, at);
            let Some(until) = until.and_then(Timestamp::to_utc) else {
                continue;
            };
            prop_assert!(until > at);
            // Nothing that is let through is passed over.
            let mut passed = minute;
            while passed < until {
                prop_assert!(excludes(passed), "{zone} {at} {until}: {passed}");
                passed += TimeDelta::minutes(1);
            }
            let over = over(&calendar, Timestamp::from_utc(at)).to_utc().unwrap();
            while excludes(passed) {
                passed += TimeDelta::minutes(1);
            }
            prop_assert_eq!(over, passed, "{} {}", zone, at);
        }
    }
}
