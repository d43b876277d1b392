//! Calendars: what they leave out, and until when.

mod document;
mod oracle;

use std::sync::Arc;

use chronos_model::{Allowed, Calendar, Exclusions, JobSchedule, Timestamp};
use serde_json::{Value, json};

use crate::schedule::{at, cron};

#[track_caller]
pub(crate) fn calendar(document: &Value) -> Calendar {
    Calendar::from_json(document).unwrap_or_else(|problems| panic!("{document}: {problems:?}"))
}

/// The first instant that is not left out, asked for again and again.
pub(crate) fn over(calendar: &Calendar, from: Timestamp) -> Timestamp {
    let mut until = from;
    for _ in 0..10_000 {
        match calendar.excluded_until(until) {
            Some(later) => {
                assert!(later > until, "{until} {later}");
                until = later;
            }
            None => return until,
        }
    }
    panic!("no end from {from}");
}

/// Checks when `from` is over; the same instant when it is not left out.
#[track_caller]
fn check(document: &Value, cases: &[(&str, &str)]) {
    let calendar = calendar(document);
    for (from, until) in cases {
        let (from, until) = (at(from), at(until));
        let got = over(&calendar, from);
        assert_eq!(got, until, "{document} from {from}");
    }
}

#[test]
fn dates() {
    check(
        &json!({"name": "a", "dates": ["2026-12-24/2026-12-26", "2026-12-27", "--01-01", "--02-29", "2026-12-25"]}),
        &[
            ("2026-12-23T23:59:59.999Z", "2026-12-23T23:59:59.999Z"),
            ("2026-12-24T00:00:00Z", "2026-12-28T00:00:00Z"),
            ("2026-12-27T23:59:59.999Z", "2026-12-28T00:00:00Z"),
            ("2027-01-01T12:00:00Z", "2027-01-02T00:00:00Z"),
            ("1984-01-01T12:00:00Z", "1984-01-02T00:00:00Z"),
            ("2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z"),
            ("2027-02-28T12:00:00Z", "2027-02-28T12:00:00Z"),
            ("2027-03-01T12:00:00Z", "2027-03-01T12:00:00Z"),
        ],
    );
    // A range within a longer one does not hide the rest of that.
    check(
        &json!({"name": "a", "dates": ["2026-01-01/2026-12-31", "2026-05-05", "2026-05-05/2026-05-07"]}),
        &[
            ("2026-05-06T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2026-05-08T00:00:00Z", "2027-01-01T00:00:00Z"),
        ],
    );
}

#[test]
fn weekdays_on_the_clocks_of_the_zone() {
    check(
        &json!({"name": "a", "zone": "Asia/Tokyo", "weekdays": ["sat", "Sunday"]}),
        &[
            ("2026-01-02T14:59:59Z", "2026-01-02T14:59:59Z"),
            ("2026-01-02T15:00:00Z", "2026-01-04T15:00:00Z"),
        ],
    );
}

#[test]
fn windows_over_midnight_belong_to_the_day_on_which_they_begin() {
    let nights = json!({"name": "a", "windows": [{"from": "22:00", "to": "06:00", "weekdays": ["FRI", "SAT"]}]});
    check(
        &nights,
        &[
            // Friday, 2026-01-02.
            ("2026-01-02T05:00:00Z", "2026-01-02T05:00:00Z"),
            ("2026-01-02T21:59:59.999Z", "2026-01-02T21:59:59.999Z"),
            ("2026-01-02T22:00:00Z", "2026-01-03T06:00:00Z"),
            ("2026-01-03T05:59:59.999Z", "2026-01-03T06:00:00Z"),
            ("2026-01-03T23:00:00Z", "2026-01-04T06:00:00Z"),
            ("2026-01-04T03:00:00Z", "2026-01-04T06:00:00Z"),
            ("2026-01-04T22:00:00Z", "2026-01-04T22:00:00Z"),
        ],
    );
    check(
        &json!({"name": "a", "windows": [{"from": "18:00", "to": "24:00"}, {"from": "00:00", "to": "07:30"},
            {"from": "07:30", "to": "08:00"}]}),
        &[
            ("2026-01-02T18:00:00Z", "2026-01-03T08:00:00Z"),
            ("2026-01-02T12:00:00Z", "2026-01-02T12:00:00Z"),
        ],
    );
}

#[test]
fn changes_of_clocks() {
    check(
        &json!({"name": "a", "zone": "Europe/Berlin", "windows": [{"from": "01:00", "to": "02:30"}]}),
        &[
            // 02:30 is left out: over when the clock jumps.
            ("2026-03-29T00:10:00Z", "2026-03-29T01:00:00Z"),
            // 02:30 comes twice: over at the first, and again at the second.
            ("2026-10-24T23:10:00Z", "2026-10-25T00:30:00Z"),
            ("2026-10-25T01:10:00Z", "2026-10-25T01:30:00Z"),
        ],
    );
    check(
        // The clock goes back out of the window, to before its beginning.
        &json!({"name": "a", "zone": "Europe/Berlin", "windows": [{"from": "02:45", "to": "03:30"}]}),
        &[
            ("2026-10-25T00:50:00Z", "2026-10-25T01:00:00Z"),
            ("2026-10-25T01:50:00Z", "2026-10-25T02:30:00Z"),
        ],
    );
    check(
        &json!({"name": "a", "zone": "America/Sao_Paulo", "dates": ["2018-11-03"]}),
        // Midnight did not exist: the day ends when the clock jumps over it.
        &[("2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z")],
    );
    check(
        &json!({"name": "a", "zone": "Pacific/Apia", "dates": ["2011-12-29", "2011-12-30"]}),
        &[("2011-12-30T09:59:59Z", "2011-12-30T10:00:00Z")],
    );
    check(
        &json!({"name": "a", "zone": "America/Havana", "dates": ["2026-10-31"]}),
        // Midnight came twice; the first one ends the day.
        &[("2026-10-31T12:00:00Z", "2026-11-01T04:00:00Z")],
    );
}

#[test]
fn instants_that_no_calendar_reaches() {
    let calendar = calendar(
        &json!({"name": "a", "weekdays": ["SUN"], "dates": ["--12-31"],
        "windows": [{"from": "22:00", "to": "06:00"}]}),
    );
    for millis in [i64::MIN, i64::MIN + 1, i64::MAX, i64::MAX / 2, i64::MIN / 2] {
        calendar.excluded_until(Timestamp::from_millis(millis));
    }
}

fn exclusions(documents: &[Value]) -> Exclusions {
    let calendars = documents
        .iter()
        .map(|document| Arc::new(calendar(document)));
    Exclusions::new(calendars.collect())
}

#[test]
fn all_calendars_of_a_job() {
    let none = Exclusions::default();
    assert!(none.is_empty());
    assert_eq!(none.excluded_until(at("2026-01-01T00:00:00Z")), None);
    let both = exclusions(&[
        json!({"name": "weekends", "weekdays": ["SAT", "SUN"]}),
        json!({"name": "holidays", "dates": ["2026-01-02", "2026-01-05"]}),
    ]);
    for (from, until, name) in [
        ("2026-01-02T06:00:00Z", "2026-01-06T00:00:00Z", "holidays"),
        ("2026-01-03T06:00:00Z", "2026-01-06T00:00:00Z", "weekends"),
        ("2026-01-10T06:00:00Z", "2026-01-12T00:00:00Z", "weekends"),
    ] {
        let (got, by) = both.excluded_until(at(from)).unwrap();
        assert_eq!((got, by.as_str()), (at(until), name), "{from}");
    }
    assert_eq!(both.excluded_until(at("2026-01-07T00:00:00Z")), None);
}

#[test]
fn the_first_target_that_is_let_through() {
    let year = exclusions(&[json!({"name": "a", "dates": ["2026-01-01/2026-12-31"]})]);
    // Thirty million of them are passed over at once.
    let targets = JobSchedule::parse("R/2026-01-01T00:00:00Z/PT1S", "").unwrap();
    let targets = targets.targets(Timestamp::default()).unwrap();
    let Allowed::At(next) = year.first_allowed(&targets, at("2026-01-01T00:00:00Z")) else {
        panic!("a target after that year");
    };
    assert_eq!(
        (next.index, next.at),
        (31_536_000, at("2027-01-01T00:00:00Z"))
    );
    // Before it, and exactly on its end.
    for (from, want) in [
        ("2025-06-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00Z"),
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:01Z"),
    ] {
        let got = year.first_allowed(&targets, at(from));
        assert!(
            matches!(got, Allowed::At(next) if next.at == at(want)),
            "{from} {got:?}"
        );
    }

    let finite = JobSchedule::parse("R3/2026-01-01T00:00:00Z/P1D", "").unwrap();
    let finite = finite.targets(Timestamp::default()).unwrap();
    assert_eq!(
        year.first_allowed(&finite, at("2025-01-01T00:00:00Z")),
        Allowed::None
    );
}

#[test]
fn a_search_that_finds_nothing_says_how_far_it_came() {
    let evenings =
        exclusions(&[json!({"name": "a", "windows": [{"from": "18:00", "to": "20:00"}]})]);
    let schedule = cron("0 19 * * *", "");
    let from = at("2026-01-01T00:00:00Z");
    let targets = schedule.targets(from).unwrap();
    let Allowed::NotWithin(until) = evenings.first_allowed(&targets, from) else {
        panic!("all of them are left out");
    };
    assert_eq!(until, at("2028-09-26T20:00:00Z"), "a thousand days later");
    // From there it goes on, and never loses a target that is let through.
    let Allowed::NotWithin(later) = evenings.first_allowed(&targets, until.plus_millis(-1)) else {
        panic!("all of them are left out");
    };
    assert_eq!(later.millis_since(until), 1000 * 86_400_000);
}
