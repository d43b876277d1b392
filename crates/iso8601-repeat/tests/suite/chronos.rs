//! What the Scala scheduler Chronos does, case by case; the numbers are those of its acceptance cases.
//!
//! Cases marked *fix* are defects of the original, where the better answer is asserted.

use crate::support::{instant, print, schedule};
use chrono::{DateTime, Utc};
use iso8601_repeat::{
    Gap, Hint, OffsetPolicy, Options, Overlap, ParseErrorKind, Period, Profile, RepeatingInterval,
    Repetitions, Schedule, Zone,
};

#[track_caller]
fn read(text: &str) -> RepeatingInterval {
    RepeatingInterval::parse(text, Profile::Chronos)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
fn refuses(text: &str) -> ParseErrorKind {
    match RepeatingInterval::parse(text, Profile::Chronos) {
        Ok(interval) => panic!("{text} was read as {interval}"),
        Err(error) => error.kind(),
    }
}

/// As Chronos schedules: the zone by Java's name keeps the clock reading, and a text without any is in UTC.
#[track_caller]
fn chronos(text: &str, zone: Option<&str>, anchor: Option<&str>) -> Schedule {
    let mut options = Options::new()
        .offset_policy(OffsetPolicy::KeepLocal)
        .fallback_zone(Zone::UTC);
    if let Some(id) = zone {
        options = options.zone(Zone::from_java_id(id).expect(id));
    }
    if let Some(anchor) = anchor {
        options = options.anchor(instant(anchor));
    }
    read(text)
        .schedule(&options)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
fn starts(text: &str, zone: Option<&str>, want: &str) {
    assert_eq!(
        print(chronos(text, zone, None).first().expect(text).at),
        want,
        "{text} {zone:?}"
    );
}

#[track_caller]
fn next(text: &str, zone: Option<&str>, after: &str, want: &str) {
    let next = chronos(text, zone, None)
        .next_after(instant(after))
        .expect(text);
    assert_eq!(print(next.at), want, "{text} {zone:?} after {after}");
}

fn times(schedule: &Schedule) -> Vec<String> {
    schedule
        .iter()
        .take(4)
        .map(|occurrence| print(occurrence.at))
        .collect()
}

#[test]
fn case_1_and_10_and_21_other_shapes_are_refused() {
    refuses("FOO");
    refuses("R/2008-03-01T13:00:00Z");
    refuses("R/2008-03-01T13:00:00Z/P1D/P2D");
    refuses("R/P1D/2008-03-01T13:00:00Z");
    refuses("R/2008-03-01T13:00:00Z/2008-03-02T13:00:00Z");
    refuses("R/P1D");
}

#[test]
fn case_2_and_12_and_13_counts() {
    let five = read("R5/2008-03-01T13:00:00Z/P1D");
    assert_eq!(five.repetitions(), Repetitions::Times(5));
    assert_eq!(
        five.start().and_then(|start| start.instant()),
        Some(instant("2008-03-01T13:00:00Z"))
    );
    assert_eq!(five.period(), Some(Period::ZERO.with_days(1)));

    let never = chronos("R0/2008-03-01T13:00:00Z/P1D", None, None);
    assert_eq!(never.first(), None);
    assert_eq!(never.next_after(DateTime::<Utc>::MIN_UTC), None);

    assert_eq!(
        read("R007/2008-03-01T13:00:00Z/P1D").to_string(),
        "R7/2008-03-01T13:00:00Z/P1D"
    );
    assert_eq!(
        read("R99999999999/2008-03-01/P1D").repetitions(),
        Repetitions::Times(99_999_999_999)
    );
    assert_eq!(
        refuses("R99999999999999999999/2008-03-01T13:00:00Z/P1D"),
        ParseErrorKind::Overflow
    );
    assert_eq!(
        refuses("R-1/2008-03-01T13:00:00Z/P1D"),
        ParseErrorKind::Count
    );
    for blank in [
        "r5/2008-03-01/P1D",
        " R5/2008-03-01/P1D",
        "R5/2008-03-01/P1D ",
    ] {
        refuses(blank);
    }
}

#[test]
fn case_4_and_5_and_34_an_empty_start_is_the_anchor() {
    let now = "2015-05-21T18:14:00.123456789Z";
    let once = chronos("R1//P1D", None, Some(now));
    assert_eq!(times(&once), [now]);
    assert_eq!(times(&chronos("R1//P", None, Some(now))), [now]);
    assert_eq!(
        times(&chronos("R1//PT2M", Some("Europe/Paris"), Some(now))),
        [now]
    );
    assert!(times(&chronos("R0//PT0M", None, Some(now))).is_empty());
    assert_eq!(read("R1//PT2M").to_string(), "R1//PT2M");
    assert!(read("R1//P").period().unwrap().is_zero());
    starts(
        "R/2015-05-21T18:14:00.123456789+02:00/P1D",
        None,
        "2015-05-21T16:14:00.123456789Z",
    );
}

#[test]
fn case_6_to_9_the_zone_wins_over_the_offset() {
    starts(
        "R/2008-03-01T13:00:00Z/P1D",
        Some("BST"),
        "2008-03-01T07:00:00Z",
    );
    starts(
        "R/2008-03-01T13:00:00Z/P1D",
        Some("Europe/Paris"),
        "2008-03-01T12:00:00Z",
    );
    starts(
        "R/2008-03-01T13:00:00-04:00/P1D",
        Some("PST"),
        "2008-03-01T21:00:00Z",
    );
    starts(
        "R/2008-03-01T13:00:00/P1D",
        Some("GMT+3"),
        "2008-03-01T10:00:00Z",
    );
}

#[test]
fn case_16_to_18_periods() {
    assert_eq!(
        read("R/2008-03-01/P1d").period(),
        Some(Period::ZERO.with_days(1))
    );
    for text in [
        "P1W",
        "P1Y2M3W4DT5H6M7.008S",
        "P1Y2M3DT4H5M6S",
        "PT60M",
        "PT24H",
        "PT90S",
    ] {
        assert_eq!(
            Period::parse(text, Profile::Chronos).unwrap().to_string(),
            text
        );
    }
    assert_eq!(Period::parse("PT1,5S", Profile::Chronos), "PT1.5S".parse());
    assert_eq!(Period::parse("Pt1h", Profile::Chronos), "PT1H".parse());
    assert_eq!(Period::parse("PT.5S", Profile::Chronos), "PT0.5S".parse());
    assert_eq!(Period::parse("PT1.S", Profile::Chronos), "PT1S".parse());
    for text in [
        "PT1.5H", "P0.5D", "PT", "P1DT", "P1", "P 1D", "P1D1Y", "P1H", "PT1D", "p1d", "PT.S",
        "-P1D",
    ] {
        refuses(&format!("R/2008-03-01/{text}"));
    }
    // P12DT12M is twelve days and twelve minutes.
    assert_eq!(
        read("R/2008-03-01/P12DT12M").period().unwrap().seconds(),
        720
    );
}

#[test]
fn case_20_fix_negative_periods_are_refused() {
    assert_eq!(
        refuses("R/2008-03-01T13:00:00Z/P-1D"),
        ParseErrorKind::Negative
    );
    assert_eq!(
        refuses("R/2008-03-01T13:00:00Z/PT-1H"),
        ParseErrorKind::Negative
    );
    assert_eq!(
        read("R/2008-03-01T13:00:00Z/P+1D").period(),
        "P1D".parse().ok()
    );
}

#[test]
fn case_22_to_25_starts() {
    for text in [
        "2008-03-01",
        "2008-03",
        "2008-03-01T",
        "2008-3-1",
        "2008-W09-6",
        "2008-061",
        "2008-W9-6",
        "2008-w09-6",
    ] {
        starts(&format!("R/{text}/P1D"), None, "2008-03-01T00:00:00Z");
    }
    starts("R/2008/P1D", None, "2008-01-01T00:00:00Z");
    for text in [
        "2008-03-01T13",
        "2008-03-01T13:00",
        "2008-03-01T13:00Z",
        "2008-03-01T13:00:00",
        "2008-03-01t13:0:0z",
    ] {
        starts(&format!("R/{text}/P1D"), None, "2008-03-01T13:00:00Z");
    }
    for offset in ["+01:00", "+0100", "+01"] {
        starts(
            &format!("R/2008-03-01T13:00:00{offset}/P1D"),
            None,
            "2008-03-01T12:00:00Z",
        );
    }
    starts("R/2008-W09-6T13:00:00Z/P1D", None, "2008-03-01T13:00:00Z");
    starts("R/2008-061T13:00:00Z/P1D", None, "2008-03-01T13:00:00Z");
    starts("R/2008-3-1T13:00:00Z/P1D", None, "2008-03-01T13:00:00Z");
    starts("R/2008-03-01T13.5Z/P1D", None, "2008-03-01T13:30:00Z");
    starts("R/2008-03-01T13:30.5Z/P1D", None, "2008-03-01T13:30:30Z");
    starts("R/+2008-03-01T13:00Z/P1D", None, "2008-03-01T13:00:00Z");
    starts("R/2008-03-01T13:00+14:00/P1D", None, "2008-02-29T23:00:00Z");
    starts("R/2008-03-01T13:00-00:00/P1D", None, "2008-03-01T13:00:00Z");
    assert_eq!(
        refuses("R/2008-03-01T13:00+24:00/P1D"),
        ParseErrorKind::OffsetRange
    );
    assert_eq!(
        refuses("R/2008-03-01T13:00+1:00/P1D"),
        ParseErrorKind::Offset
    );
}

#[test]
fn case_26_and_27_what_is_refused() {
    for start in [
        "20080301T130000Z",
        "2008-03-01 13:00:00Z",
        "2008-03-01T24:00:00Z",
        "2008-03-01T13:00:60Z",
        "2008-02-30T13:00:00Z",
        "2008-13-01T13:00:00Z",
        "2008-03-01T13:00:00Z[Europe/Paris]",
        // Fix: a time without a date is no instant of 1970, and digits alone are no year.
        "T13:00:00Z",
        "200803",
        "200803-01",
        "2008030101",
    ] {
        refuses(&format!("R/{start}/P1D"));
    }
    starts("R/20080301/P1D", None, "2008-03-01T00:00:00Z");
}

#[test]
fn case_28_unknown_zones_are_the_callers_to_judge() {
    for id in ["Nowhere/Land", "europe/paris", "+01:00", "null", ""] {
        assert_eq!(Zone::from_java_id(id), None, "{id}");
    }
    assert_eq!(Zone::from_java_id("Z"), Some(Zone::UTC));
}

#[test]
fn case_30_and_31_a_start_where_clocks_change() {
    starts(
        "R/2021-03-28T02:30:00Z/P1D",
        Some("Europe/Paris"),
        "2021-03-28T01:30:00Z",
    );
    // The original takes the later one there, which is a policy here; the default is the first.
    starts(
        "R/2021-10-31T02:30:00Z/P1D",
        Some("Europe/Paris"),
        "2021-10-31T00:30:00Z",
    );
    let options = Options::new()
        .zone("Europe/Paris".parse().unwrap())
        .offset_policy(OffsetPolicy::KeepLocal)
        .overlap(Overlap::Second);
    let later = read("R/2021-10-31T02:30:00Z/P1D")
        .schedule(&options)
        .unwrap();
    assert_eq!(print(later.first().unwrap().at), "2021-10-31T01:30:00Z");
}

#[test]
fn case_36_to_54_the_next_after_now() {
    next(
        "R/2012-01-01T00:00:01.000Z/PT1M",
        None,
        "2017-03-13T00:34:43.932Z",
        "2017-03-13T00:35:01Z",
    );
    // 38 to 40 fix: months from an old start.
    next(
        "R/2012-01-01T00:00:01.000Z/P1M",
        None,
        "2017-03-13T00:34:43.932Z",
        "2017-04-01T00:00:01Z",
    );
    next(
        "R/2000-01-01T00:00:00Z/P1M",
        None,
        "2017-02-10T00:00:00Z",
        "2017-03-01T00:00:00Z",
    );
    next(
        "R/2000-01-15T00:00:00Z/P1M",
        None,
        "2017-08-14T00:00:00Z",
        "2017-08-15T00:00:00Z",
    );
    next(
        "R/2017-03-01T00:00:00Z/P1D",
        None,
        "2017-03-12T23:59:59.999Z",
        "2017-03-13T00:00:00Z",
    );
    next(
        "R/2017-03-12T00:00:00Z/P1Y",
        None,
        "2017-03-13T00:00:00Z",
        "2018-03-12T00:00:00Z",
    );
    next(
        "R/2017-03-13T00:00:00Z/PT1H30M",
        None,
        "2017-03-13T04:00:00Z",
        "2017-03-13T04:30:00Z",
    );
    next(
        "R/2017-03-13T00:00:00Z/P1W",
        None,
        "2017-03-20T00:00:00.001Z",
        "2017-03-27T00:00:00Z",
    );
}

#[test]
fn case_42_to_49_counts_are_of_targets() {
    let once = chronos("R1/2017-03-12T00:00:00Z/PT0S", None, None);
    assert_eq!(once.next_after(instant("2017-03-12T00:00:00Z")), None);
    assert_eq!(
        once.next_after(instant("2017-03-11T23:59:59.999Z"))
            .unwrap()
            .index,
        Some(0)
    );
    let ten = chronos("R10/2017-03-01T00:00:00Z/P1D", None, None);
    let (start, now) = (
        instant("2017-02-28T00:00:00Z"),
        instant("2017-03-05T00:00:05Z"),
    );
    assert_eq!(ten.count_between(start, now), 5);
    assert_eq!(
        ten.count_between(start, instant("2030-01-01T00:00:00Z")),
        10
    );
    assert_eq!(ten.last().unwrap().index, Some(9));
    assert_eq!(ten.next_after(instant("2017-03-13T00:00:05Z")), None);
    assert_eq!(
        ten.prev_before(instant("2017-03-13T00:00:05Z"))
            .unwrap()
            .index,
        Some(9)
    );
}

#[test]
fn case_55_to_58_fix_nothing_drifts() {
    let monthly = chronos("R/2017-01-31T00:00:00Z/P1M", None, None);
    let days = [
        "2017-01-31T00:00:00Z",
        "2017-02-28T00:00:00Z",
        "2017-03-31T00:00:00Z",
        "2017-04-30T00:00:00Z",
    ];
    assert_eq!(times(&monthly), days);
    next(
        "R/2017-01-31T00:00:00Z/P1M",
        None,
        "2017-03-01T00:00:05Z",
        "2017-03-31T00:00:00Z",
    );
    next(
        "R/2017-02-01T00:00:00Z/P1M",
        None,
        "2017-03-01T00:00:05Z",
        "2017-04-01T00:00:00Z",
    );
    next(
        "R/2016-02-29T00:00:00Z/P1Y",
        None,
        "2019-03-01T00:00:00Z",
        "2020-02-29T00:00:00Z",
    );
}

#[test]
fn case_59_and_60_fix_short_periods_and_far_starts() {
    let half = read("R/2017-01-01T00:00:00Z/PT0.5S").period().unwrap();
    assert!(half.length_min() < std::time::Duration::from_secs(1));
    next(
        "R/2017-01-01T00:00:00Z/PT0.5S",
        None,
        "2017-03-01T00:00:00.2Z",
        "2017-03-01T00:00:00.5Z",
    );
    next(
        "R/1900-01-01T00:00:00Z/PT1S",
        None,
        "2017-03-01T00:00:00.2Z",
        "2017-03-01T00:00:01Z",
    );
}

#[test]
fn case_64_to_68_clock_changes() {
    let paris = Some("Europe/Paris");
    next(
        "R/2017-03-20T09:00:00Z/P1D",
        paris,
        "2017-03-25T08:00:05Z",
        "2017-03-26T07:00:00Z",
    );
    next(
        "R/2017-10-28T09:00:00Z/PT24H",
        paris,
        "2017-10-28T07:00:05Z",
        "2017-10-29T07:00:00Z",
    );
    next(
        "R/2017-10-28T09:00:00Z/P1D",
        paris,
        "2017-10-28T07:00:05Z",
        "2017-10-29T08:00:00Z",
    );
    // 67 fix: 03:30 on that day, 02:30 again on the next.
    let nightly = chronos("R/2017-03-25T02:30:00/P1D", paris, None);
    assert_eq!(
        times(&nightly)[..3],
        [
            "2017-03-25T01:30:00Z",
            "2017-03-26T01:30:00Z",
            "2017-03-27T00:30:00Z"
        ]
    );
    // 68 fix: no hour is lost.
    let often = chronos("R/2017-10-29T02:00:00/PT30M", paris, None);
    let night = [
        "2017-10-29T00:00:00Z",
        "2017-10-29T00:30:00Z",
        "2017-10-29T01:00:00Z",
        "2017-10-29T01:30:00Z",
    ];
    assert_eq!(times(&often), night);
}

#[test]
fn the_strict_profile_says_how_to_get_the_empty_start() {
    let error = "R1//PT2M".parse::<RepeatingInterval>().unwrap_err();
    assert_eq!(error.hint(), Some(Hint::EmptyStart));
    let skipping = schedule("R/2021-03-27T02:30/P1D", "Europe/Paris");
    assert_eq!(skipping.repetitions(), Repetitions::Unbounded);
    assert_eq!(Gap::default(), Gap::Shift);
}
