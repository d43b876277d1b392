//! What the modules share: reading tables, printing instants.

use chrono::{DateTime, Datelike, Timelike, Utc};
use iso8601_repeat::{Options, RepeatingInterval, Schedule, Zone};

/// The rows of a table, without comments and the header.
pub(crate) fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .skip(1)
        .map(|line| line.split('\t').collect())
}

/// An instant as the tables print it: `Z`, a fraction only where there is one, years beyond 0..=9999 with a sign.
pub(crate) fn print(at: DateTime<Utc>) -> String {
    let nanoseconds = at.nanosecond();
    let fraction = match nanoseconds {
        0 => String::new(),
        _ => format!(".{nanoseconds:09}")
            .trim_end_matches('0')
            .to_owned(),
    };
    let year = match at.year() {
        year @ 0..=9999 => format!("{year:04}"),
        year => format!("{year:+07}"),
    };
    format!("{year}{}{fraction}Z", at.format("-%m-%dT%H:%M:%S"))
}

/// An instant from a table.
#[track_caller]
pub(crate) fn instant(text: &str) -> DateTime<Utc> {
    let moment: iso8601_repeat::Moment = text.parse().expect(text);
    let at = moment.instant().expect(text);
    assert_eq!(print(at), text);
    at
}

/// An interval in a zone.
#[track_caller]
pub(crate) fn schedule(text: &str, zone: &str) -> Schedule {
    schedule_with(text, zone, &Options::new())
}

/// An interval in a zone under options.
#[track_caller]
pub(crate) fn schedule_with(text: &str, zone: &str, options: &Options) -> Schedule {
    let interval: RepeatingInterval = text
        .parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    let options = match zone {
        "-" => options.clone(),
        zone => options.clone().zone(zone.parse::<Zone>().expect(zone)),
    };
    interval
        .schedule(&options)
        .unwrap_or_else(|error| panic!("{text} in {zone}: {error}"))
}
