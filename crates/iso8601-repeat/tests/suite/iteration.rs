//! Walking, counting and the ends of the range.

use crate::support::{instant, print, schedule};
use chrono::{DateTime, Utc};
use iso8601_repeat::{Options, RepeatingInterval, Stepper, UnixTime, ZoneTable};

#[test]
fn walks_past_the_year_9999_and_ends_at_the_range() {
    let yearly = schedule("R/9998-12-31T23:59:59Z/P1Y", "-");
    let years: Vec<_> = yearly
        .iter()
        .take(3)
        .map(|occurrence| print(occurrence.at))
        .collect();
    assert_eq!(
        years,
        [
            "9998-12-31T23:59:59Z",
            "9999-12-31T23:59:59Z",
            "+010000-12-31T23:59:59Z"
        ]
    );
    let last = yearly.prev_before(DateTime::<Utc>::MAX_UTC).unwrap();
    assert_eq!(print(last.at), "+262142-12-31T23:59:59Z");
    assert_eq!(yearly.next_after(last.at), None);
    assert_eq!(yearly.after(last.at).next(), None);
    assert_eq!(yearly.occurrence(last.index.unwrap() + 1), None);
    assert_eq!(yearly.occurrence(u64::MAX), None);
    assert_eq!(yearly.last(), None);
}

#[test]
fn walks_back_to_the_range() {
    let yearly = schedule("R/P1Y/2000-02-29T00:00:00Z", "-");
    let first = yearly.next_after(DateTime::<Utc>::MIN_UTC).unwrap();
    assert_eq!(
        (print(first.at).as_str(), first.index),
        ("-262143-02-28T00:00:00Z", None)
    );
    assert_eq!(yearly.prev_before(first.at), None);
    assert_eq!(
        yearly.before(instant("2000-02-29T00:00:00Z")).count(),
        264_143
    );
    assert_eq!(yearly.iter().next(), None);
    assert_eq!(yearly.occurrence(0), None);
    assert_eq!(yearly.first(), None);
}

#[test]
fn the_stepper_agrees_where_clock_readings_leave_the_range() {
    // In Berlin the last hour of the range already has a clock reading of the year after it, which chrono cannot hold.
    for (text, zone) in [
        ("R/1157/P1Y", "Europe/Berlin"),
        ("R/1157/P1M", "Europe/Berlin"),
        ("R/1157/P1D", "Europe/Berlin"),
        ("R/P1Y/1157", "America/New_York"),
        ("R/P1D/1157", "America/New_York"),
    ] {
        let schedule = schedule(text, zone);
        let table = ZoneTable::new(&schedule.zone());
        let mut stepper = Stepper::new(schedule, &table);
        for end in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            for hours in -60..=60 {
                let Some(at) = end.checked_add_signed(chrono::TimeDelta::hours(hours)) else {
                    continue;
                };
                let (next, prev) = (schedule.next_after(at), schedule.prev_before(at));
                assert_eq!(stepper.next_after(at), next, "{text} {at}");
                assert_eq!(stepper.prev_before(at), prev, "{text} {at}");
                assert_eq!(schedule.after(at).next(), next, "{text} {at}");
                assert_eq!(schedule.before(at).next(), prev, "{text} {at}");
            }
        }
    }
    let yearly = schedule("R/1157/P1Y", "Europe/Berlin");
    let table = ZoneTable::new(&yearly.zone());
    let last = Stepper::new(yearly, &table).prev_before(DateTime::<Utc>::MAX_UTC);
    assert_eq!(last.unwrap().index, Some(260_985));
}

#[test]
fn questions_cost_the_same_at_any_distance() {
    // A walk of these lengths would not end in this century.
    let nanoseconds = schedule("R/2000-01-01T00:00:00Z/PT0.000000001S", "-");
    let next = nanoseconds
        .next_after(instant("2290-01-01T00:00:00.000000007Z"))
        .unwrap();
    assert_eq!(print(next.at), "2290-01-01T00:00:00.000000008Z");
    assert_eq!(next.index, Some(9_151_574_400_000_000_008));
    // Steps end with 2^63, 292 years on.
    assert_eq!(
        nanoseconds.next_after(instant("2300-01-01T00:00:00Z")),
        None
    );
    let all = nanoseconds.count_between(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    assert_eq!(all, u64::MAX >> 1);
    let microseconds = schedule("R/2000-01-01T00:00:00Z/PT0.000002S", "-");
    let last = microseconds.prev_before(DateTime::<Utc>::MAX_UTC).unwrap();
    assert_eq!(print(last.at), "+262142-12-31T23:59:59.999998Z");

    let huge = schedule("R18446744073709551615/2000-01-01T00:00:00Z/P1D", "-");
    assert_eq!(huge.last(), None);
    assert_eq!(
        huge.count_between(DateTime::<Utc>::MIN_UTC, instant("2000-01-31T00:00:00Z")),
        31
    );
    let from_end = schedule("R18446744073709551615/PT1S/2000-01-01T00:00:00Z", "-");
    assert_eq!(from_end.first(), None);
    assert_eq!(from_end.last().unwrap().index, Some(u64::MAX - 1));
    assert_eq!(
        from_end
            .next_after(instant("1999-12-31T23:59:58Z"))
            .unwrap()
            .index,
        Some(u64::MAX - 2)
    );

    // Found by fuzzing: a day beyond every table.
    for text in [
        "R/2019-02-27T22:15/P999993123D",
        "R/2019-02-27T22:15/P4294967295W",
        "R/P999993123M/2019-02-27T22:15",
    ] {
        let far = schedule(text, "Europe/Berlin");
        assert_eq!(far.next_after(instant("2019-02-27T21:15:00Z")), None);
        assert_eq!(far.prev_before(instant("2019-02-27T21:15:00Z")), None);
        assert_eq!(
            far.count_between(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC),
            1
        );
    }

    let day_before = schedule("R/+262142-12-30T12:00:00Z/P1D", "-");
    assert_eq!(day_before.iter().count(), 2);
    let start = schedule("R/-262143-01-01T00:00:00Z/P1M", "Europe/Berlin");
    assert!(start.iter().next().is_some());
    assert!(start.next_after(DateTime::<Utc>::MIN_UTC).is_some());
    assert!(start.prev_before(DateTime::<Utc>::MAX_UTC).is_some());
}

#[test]
fn counts_as_many_as_it_walks() {
    let monthly = schedule("R40/2017-01-31T02:30/P1M", "Europe/Berlin");
    let (after, until) = (
        instant("2017-06-30T00:30:00Z"),
        instant("2019-03-31T01:30:00Z"),
    );
    let walked = monthly
        .after(after)
        .take_while(|occurrence| occurrence.at <= until)
        .count();
    assert_eq!(monthly.count_between(after, until), walked as u64);
    assert_eq!(monthly.count_between(until, after), 0);
    assert_eq!(monthly.count_between(after, after), 0);
    assert_eq!(monthly.iter().count(), 40);
    assert_eq!((&monthly).into_iter().last(), monthly.last());
}

#[test]
fn the_stepper_answers_as_the_schedule_does() {
    for zone in [
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "UTC",
    ] {
        let table = ZoneTable::new(&zone.parse().unwrap());
        for text in [
            "R/1969-11-29T02:30/P1D",
            "R/1995-01-31T02:30/P1M",
            "R/2011-12-28T10:00/P1DT1H",
            "R5000/2016-10-30T02:30/PT12H",
            "R900/P1W/2101-10-30T02:30",
        ] {
            let schedule = schedule(text, zone);
            let mut stepper = Stepper::new(schedule, &table);
            assert_eq!(
                stepper.clone().take(2_000).collect::<Vec<_>>(),
                schedule.iter().take(2_000).collect::<Vec<_>>()
            );
            let mut at = instant("1969-12-30T00:00:00Z");
            while at < instant("2103-01-01T00:00:00Z") {
                assert_eq!(
                    stepper.next_after(at),
                    schedule.next_after(at),
                    "{text} {zone} {at}"
                );
                assert_eq!(
                    stepper.prev_before(at),
                    schedule.prev_before(at),
                    "{text} {zone} {at}"
                );
                at += chrono::TimeDelta::seconds(86_400 * 5 + 3_559);
            }
            stepper.seek(instant("2031-05-05T05:05:05Z"));
            let schedule_after = schedule.after(instant("2031-05-05T05:05:05Z"));
            assert_eq!(
                stepper.clone().take(50).collect::<Vec<_>>(),
                schedule_after.take(50).collect::<Vec<_>>()
            );
            assert_eq!(stepper.occurrence(77), schedule.occurrence(77));
            let (after, until) = (
                instant("1990-01-01T00:00:00Z"),
                instant("2050-01-01T00:00:00Z"),
            );
            assert_eq!(
                stepper.count_between(after, until),
                schedule.count_between(after, until)
            );
        }
    }
}

#[test]
fn bare_seconds_are_the_same_and_may_be_any() {
    let table = ZoneTable::new(&"Europe/Berlin".parse().unwrap());
    for text in [
        "R/2017-01-31T02:30/P1M",
        "R9/2017-01-31T02:30/P1D",
        "R/2017-01-31T02:30/PT7S",
        "R9/PT0.3S/2017-01-31T02:30",
        "R/2017-01-31T02:30/P1DT1S",
    ] {
        let schedule = schedule(text, "Europe/Berlin");
        let mut stepper = Stepper::new(schedule, &table);
        let walked: Vec<_> = schedule
            .iter()
            .take(30)
            .map(|occurrence| UnixTime::from(occurrence.at))
            .collect();
        let stepped: Vec<_> = std::iter::from_fn(|| stepper.next_unix())
            .take(30)
            .collect();
        assert_eq!(stepped, walked);
        for seconds in [
            i64::MIN,
            -1,
            0,
            1_485_826_200,
            1_485_826_201,
            1 << 40,
            i64::MAX,
        ] {
            for nanoseconds in [0, 999_999_999, u32::MAX] {
                let at = UnixTime {
                    seconds,
                    nanoseconds,
                };
                let next = schedule.next_unix_after(at);
                assert_eq!(stepper.next_unix_after(at), next);
                let asked = DateTime::from_timestamp(seconds, nanoseconds.min(999_999_999));
                if let Some(asked) = asked {
                    assert_eq!(
                        next.map(UnixTime::datetime),
                        schedule.next_after(asked).map(|next| Some(next.at))
                    );
                }
            }
        }
        assert_eq!(
            schedule.next_unix_after(UnixTime {
                seconds: i64::MAX,
                nanoseconds: 0
            }),
            None
        );
    }
}

#[test]
fn a_table_of_another_zone_changes_nothing() {
    let table = ZoneTable::new(&"Asia/Tokyo".parse().unwrap());
    let berlin = schedule("R/2017-03-24T02:30/P1D", "Europe/Berlin");
    assert!(
        Stepper::new(berlin, &table)
            .take(400)
            .eq(berlin.iter().take(400))
    );
}

#[test]
fn the_anchor_of_a_bare_period_is_an_option() {
    let interval: RepeatingInterval = "R3/PT2H".parse().unwrap();
    let schedule = interval
        .schedule(&Options::new().anchor(instant("2020-01-01T00:00:00.25Z")))
        .unwrap();
    let times: Vec<_> = schedule
        .iter()
        .map(|occurrence| print(occurrence.at))
        .collect();
    assert_eq!(
        times,
        [
            "2020-01-01T00:00:00.25Z",
            "2020-01-01T02:00:00.25Z",
            "2020-01-01T04:00:00.25Z"
        ]
    );
}
