//! Gaps, overlaps, offsets against zones, and days that a zone left out.

use crate::support::{instant, print, schedule, schedule_with};
use iso8601_repeat::{Gap, Occurrence, OffsetPolicy, Options, Overlap, Schedule};

fn line(occurrences: impl Iterator<Item = Occurrence>) -> String {
    let words = |Occurrence { index, at }| {
        format!(
            "{}:{}",
            index.map_or_else(|| "-".to_owned(), |i| i.to_string()),
            print(at)
        )
    };
    occurrences.map(words).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(schedule: &Schedule, count: usize, want: &str) {
    let rising = line(schedule.iter().take(count));
    assert_eq!(rising, want);
    // The same by single questions, forward and back.
    let mut at = None;
    let mut forward = Vec::new();
    for _ in 0..count {
        let next = match at {
            None => schedule.first(),
            Some(at) => schedule.next_after(at),
        };
        at = next.map(|next| next.at);
        forward.extend(next);
    }
    assert_eq!(line(forward.iter().copied()), want);
    let last = forward.last().expect(want).at;
    let mut back: Vec<_> = schedule
        .before(last)
        .take(count - 1)
        .map(|occurrence| occurrence.at)
        .collect();
    back.reverse();
    let instants: Vec<_> = forward.iter().map(|occurrence| occurrence.at).collect();
    assert_eq!(back, instants[..count - 1]);
    for pair in instants.windows(2) {
        assert_eq!(
            schedule.prev_before(pair[1]).map(|prev| prev.at),
            Some(pair[0])
        );
    }
}

#[test]
fn a_gap_shifts_for_that_day_only() {
    check(
        &schedule("R/2017-03-25T02:30/P1D", "Europe/Paris"),
        3,
        "0:2017-03-25T01:30:00Z 1:2017-03-26T01:30:00Z 2:2017-03-27T00:30:00Z",
    );
    // The clock of Lord Howe moves by half an hour only.
    check(
        &schedule("R/2018-10-06T02:15/P1D", "Australia/Lord_Howe"),
        2,
        "0:2018-10-05T15:45:00Z 1:2018-10-06T15:45:00Z",
    );
}

#[test]
fn a_gap_can_be_skipped_and_consumes_its_count() {
    let skip = Options::new().gap(Gap::Skip);
    let three = schedule_with("R3/2017-03-25T02:30/P1D", "Europe/Paris", &skip);
    check(&three, 2, "0:2017-03-25T01:30:00Z 2:2017-03-27T00:30:00Z");
    assert_eq!(three.iter().count(), 2);
    assert_eq!(three.occurrence(1), None);
    // It begins and ends in a gap.
    let first = schedule_with("R2/2017-03-26T02:30/P1D", "Europe/Paris", &skip);
    assert_eq!(line(first.iter()), "1:2017-03-27T00:30:00Z");
    assert_eq!(first.first().unwrap().index, Some(1));
    let last = schedule_with("R2/2017-03-25T02:30/P1D", "Europe/Paris", &skip);
    assert_eq!(last.last().unwrap().index, Some(0));
    assert_eq!(last.next_after(instant("2017-03-25T01:30:00Z")), None);
    assert_eq!(
        last.count_between(
            instant("2017-03-25T01:30:00Z"),
            instant("2018-01-01T00:00:00Z")
        ),
        1
    );
}

#[test]
fn a_schedule_that_only_meets_gaps_ends() {
    // Every 400 years that day is the same Sunday in Berlin.
    let skip = Options::new().gap(Gap::Skip);
    let never = schedule_with("R/2017-03-26T02:30/P400Y", "Europe/Berlin", &skip);
    assert_eq!(never.first(), None);
    assert_eq!(never.next_after(instant("2020-01-01T00:00:00Z")), None);
    assert_eq!(never.iter().next(), None);
}

#[test]
fn an_overlap_is_read_as_told() {
    let text = "R/2017-10-28T02:30/P1D";
    let told = |overlap| schedule_with(text, "Europe/Paris", &Options::new().overlap(overlap));
    check(
        &told(Overlap::First),
        3,
        "0:2017-10-28T00:30:00Z 1:2017-10-29T00:30:00Z 2:2017-10-30T01:30:00Z",
    );
    check(
        &told(Overlap::Second),
        3,
        "0:2017-10-28T00:30:00Z 1:2017-10-29T01:30:00Z 2:2017-10-30T01:30:00Z",
    );
    check(
        &told(Overlap::Both),
        4,
        "0:2017-10-28T00:30:00Z 1:2017-10-29T00:30:00Z 1:2017-10-29T01:30:00Z 2:2017-10-30T01:30:00Z",
    );
}

#[test]
fn both_instants_of_an_overlap_are_found_from_every_side() {
    let both = Options::new().overlap(Overlap::Both);
    let two = schedule_with("R2/2017-10-28T02:30/P1D", "Europe/Paris", &both);
    let (first, second) = (
        instant("2017-10-29T00:30:00Z"),
        instant("2017-10-29T01:30:00Z"),
    );
    let between = instant("2017-10-29T01:00:00Z");
    assert_eq!(
        two.next_after(first),
        Some(Occurrence {
            index: Some(1),
            at: second
        })
    );
    assert_eq!(
        two.next_after(between),
        Some(Occurrence {
            index: Some(1),
            at: second
        })
    );
    assert_eq!(two.next_after(second), None);
    assert_eq!(two.prev_before(second).unwrap().at, first);
    assert_eq!(two.prev_before(between).unwrap().at, first);
    assert_eq!(
        two.prev_before(instant("2018-01-01T00:00:00Z")).unwrap().at,
        second
    );
    assert_eq!(two.last().unwrap().at, second);
    assert_eq!(two.after(between).count(), 1);
    assert_eq!(two.after(first).map(|o| o.at).collect::<Vec<_>>(), [second]);
    assert_eq!(
        two.before(between).map(|o| o.at).collect::<Vec<_>>(),
        [first, instant("2017-10-28T00:30:00Z")]
    );
    assert_eq!(two.before(second).count(), 2);
    assert_eq!(two.before(instant("2018-01-01T00:00:00Z")).count(), 3);
    assert_eq!(two.iter().count(), 3);
}

#[test]
fn a_left_out_day_comes_once() {
    // Apia went from the 29th to the 31st of December 2011.
    let apia = schedule("R/2011-12-28T10:00/P1D", "Pacific/Apia");
    check(
        &apia,
        4,
        "0:2011-12-28T20:00:00Z 1:2011-12-29T20:00:00Z 2:2011-12-30T20:00:00Z 4:2011-12-31T20:00:00Z",
    );
    // By index there are two at that instant, and both count.
    assert_eq!(apia.occurrence(2), apia.occurrence(3));
    assert_eq!(
        apia.count_between(
            instant("2011-12-28T20:00:00Z"),
            instant("2011-12-31T20:00:00Z")
        ),
        4
    );
}

#[test]
fn an_exact_period_ignores_the_clock() {
    let day = schedule("R/2017-03-25T09:00/P1D", "Europe/Paris");
    let hours = schedule("R/2017-03-25T09:00/PT24H", "Europe/Paris");
    assert_eq!(print(day.occurrence(1).unwrap()), "2017-03-26T07:00:00Z");
    assert_eq!(print(hours.occurrence(1).unwrap()), "2017-03-26T08:00:00Z");
}

#[test]
fn instant_or_clock_reading_wins_as_told() {
    let text = "R/2008-03-01T13:00:00-04:00/P1D";
    let zone = "America/Los_Angeles";
    assert_eq!(
        print(schedule(text, zone).first().unwrap().at),
        "2008-03-01T17:00:00Z"
    );
    let local = Options::new().offset_policy(OffsetPolicy::KeepLocal);
    assert_eq!(
        print(schedule_with(text, zone, &local).first().unwrap().at),
        "2008-03-01T21:00:00Z"
    );
    // A fallback zone never touches a text that has an offset.
    let fallback = Options::new().fallback_zone("Asia/Tokyo".parse().unwrap());
    assert_eq!(
        print(schedule_with(text, "-", &fallback).first().unwrap().at),
        "2008-03-01T17:00:00Z"
    );
}

#[test]
fn a_start_given_as_an_instant_stays_that_instant() {
    let exact = schedule("R/2017-10-29T02:30:00+01:00/PT30M", "Europe/Paris");
    assert_eq!(print(exact.first().unwrap().at), "2017-10-29T01:30:00Z");
    let daily = schedule("R/2017-10-29T02:30:00+01:00/P1D", "Europe/Paris");
    check(&daily, 2, "0:2017-10-29T01:30:00Z 1:2017-10-30T01:30:00Z");
    let skip = Options::new()
        .gap(Gap::Skip)
        .anchor(instant("2017-10-29T01:30:00Z"));
    check(
        &schedule_with("R2/P1D", "Europe/Paris", &skip),
        2,
        "0:2017-10-29T01:30:00Z 1:2017-10-30T01:30:00Z",
    );
}
