//! The zones against jiff, which brings its own copy of the database and knows the rules after 2099.

use chrono::DateTime;
use iso8601_repeat::{Options, RepeatingInterval, Schedule, Stepper, Zone, ZoneTable};
use jiff::{Timestamp, civil, tz::TimeZone};

/// Zones that change their clocks by rule, of each kind: by weekday, by date, by half an hour, by two hours, at night
/// and at midnight, in both hemispheres. All have the same rules in both copies of the database.
const ZONES: [&str; 23] = [
    "Africa/Cairo",
    "America/Havana",
    "America/Los_Angeles",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Jerusalem",
    "Asia/Tokyo",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/Chisinau",
    "Europe/Dublin",
    "Europe/London",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Easter",
    "Pacific/Norfolk",
];

fn daily(zone: &str, start: &str) -> (Schedule, TimeZone) {
    let interval: RepeatingInterval = format!("R/{start}/P1D").parse().expect(start);
    let options = Options::new().zone(zone.parse().expect(zone));
    (
        interval.schedule(&options).expect(start),
        TimeZone::get(zone).expect(zone),
    )
}

/// The days of a stretch, read at one clock time, as jiff resolves them.
#[track_caller]
fn agrees(zone: &str, from: i16, years: i16, time: civil::Time) {
    let first = civil::date(from, 1, 1);
    let (schedule, jiff_zone) = daily(zone, &format!("{from:04}-01-01T{time}"));
    let table = ZoneTable::new(&zone.parse().expect(zone));
    let mut stepper = Stepper::new(schedule, &table);
    let mut date = first;
    let mut index = 0;
    while date.year() < from + years {
        let theirs = jiff_zone
            .to_ambiguous_timestamp(date.to_datetime(time))
            .compatible()
            .expect(zone);
        let theirs = DateTime::from_timestamp(theirs.as_second(), 0);
        assert_eq!(schedule.occurrence(index), theirs, "{zone} {date} {time}");
        assert_eq!(stepper.occurrence(index), theirs, "{zone} {date} {time}");
        (date, index) = (date.tomorrow().expect(zone), index + 1);
    }
}

#[test]
fn years_after_2099_follow_the_rules_of_today() {
    for zone in ZONES {
        agrees(zone, 2088, 30, civil::time(2, 30, 0, 0));
        agrees(zone, 2180, 30, civil::time(0, 15, 0, 0));
        agrees(zone, 2399, 3, civil::time(1, 30, 0, 0));
    }
}

#[test]
fn years_of_the_past_agree() {
    for zone in [
        "America/New_York",
        "Europe/London",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "America/St_Johns",
    ] {
        agrees(zone, 1950, 70, civil::time(2, 30, 0, 0));
    }
}

#[test]
fn no_zone_changes_its_offset_twice_in_six_days() {
    // `ZoneTable` learns by asking every six days, which rests on this.
    let mut zones = 0;
    for name in jiff::tz::db().available() {
        let Ok(zone) = TimeZone::get(name.as_str()) else {
            continue;
        };
        let start: Timestamp = "1800-01-01T00:00:00Z".parse().unwrap();
        let end: Timestamp = "2200-01-01T00:00:00Z".parse().unwrap();
        let mut last: Option<(Timestamp, i32)> = None;
        let mut offset = zone.to_offset(start).seconds();
        for change in zone
            .following(start)
            .take_while(|change| change.timestamp() < end)
        {
            if change.offset().seconds() == offset {
                continue;
            }
            if let Some((at, _)) = last {
                let stretch = change.timestamp().as_second() - at.as_second();
                assert!(
                    stretch > 6 * 86_400,
                    "{} stays only {stretch} s from {at}",
                    name.as_str()
                );
            }
            offset = change.offset().seconds();
            last = Some((change.timestamp(), offset));
        }
        zones += 1;
    }
    assert!(zones > 400, "{zones}");
}

#[test]
fn a_table_finds_every_change_that_chrono_tz_knows() {
    for zone in [
        "America/Noronha",
        "Asia/Gaza",
        "Africa/Casablanca",
        "America/Boa_Vista",
        "Africa/Cairo",
        "Europe/Berlin",
    ] {
        let table = ZoneTable::new(&zone.parse().unwrap());
        // Noon reads the offset of every single day.
        let (schedule, _) = daily(zone, "1970-01-02T12:00");
        assert!(
            Stepper::new(schedule, &table)
                .take(49_000)
                .eq(schedule.iter().take(49_000)),
            "{zone}"
        );
    }
}

#[test]
fn names_are_those_of_iana() {
    for name in [
        "UTC",
        "Etc/UTC",
        "GMT",
        "EST",
        "Asia/Calcutta",
        "America/Argentina/Buenos_Aires",
    ] {
        assert_eq!(
            name.parse::<Zone>().map(|zone| zone.to_string()),
            Ok(name.to_owned())
        );
    }
    for name in [
        "",
        "PST",
        "BST",
        "utc",
        "Europe/paris",
        "GMT+3",
        "+01:00",
        "Z",
    ] {
        let error = name.parse::<Zone>().expect_err(name);
        assert_eq!(
            error.to_string(),
            "the zone is not in the IANA database, whose names are like 'Europe/Paris'"
        );
    }
    assert!(Zone::database_version().starts_with("20"));
    assert_eq!(Zone::UTC.name(), Some("UTC"));
}
