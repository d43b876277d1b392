//! Every row of the corpus: what is valid, its canonical text, its count and its first occurrences.
//!
//! Rows flagged `firm` and `opt` are agreed on by independent implementations. Of the disputed rows (`amb`) the corpus
//! holds a recommended answer, which is ours as well, save for the row in `OURS_DIFFERS`.

use crate::support::{print, rows};
use iso8601_repeat::{Options, RepeatingInterval, Repetitions, ScheduleError, Zone};

const CORPUS: &str = include_str!("../data/iso8601-corpus.tsv");

/// The disputed row where we hold with neither answer of the corpus, and what we say instead.
///
/// The text names the second 01:30 of the night, by its offset, and the corpus reads it from the clock as the first.
/// With us a start that is an instant stays that instant, and only later occurrences are read from the clock. (Chronos
/// gives the same five, by its own way.)
const OURS_DIFFERS: (&str, &str) = (
    "dst-anchor-winter-003",
    "2016-11-06T06:30:00Z;2017-11-05T05:30:00Z;2018-11-04T05:30:00Z;2019-11-03T05:30:00Z;2020-11-01T05:30:00Z",
);

#[derive(Debug)]
struct Row<'a> {
    id: &'a str,
    input: &'a str,
    zone: &'a str,
    valid: bool,
    result: &'a str,
    count: &'a str,
    occurrences: &'a str,
    flag: &'a str,
}

fn corpus() -> Vec<Row<'static>> {
    let row = |cells: Vec<&'static str>| {
        let [
            id,
            input,
            zone,
            valid,
            result,
            count,
            occurrences,
            _,
            flag,
            ..,
        ] = cells[..]
        else {
            panic!("{cells:?}");
        };
        Row {
            id,
            input,
            zone,
            valid: valid == "y",
            result,
            count,
            occurrences,
            flag,
        }
    };
    rows(CORPUS).map(row).collect()
}

/// The zone of a row, if its name is known.
fn zone(row: &Row<'_>) -> Result<Option<Zone>, iso8601_repeat::UnknownZone> {
    if row.zone == "-" {
        Ok(None)
    } else {
        row.zone.parse().map(Some)
    }
}

/// What we make of a row, in the words of its column.
fn occurrences(row: &Row<'_>) -> String {
    let interval: RepeatingInterval = row.input.parse().expect(row.input);
    let options = zone(row)
        .expect(row.zone)
        .map_or_else(Options::new, |zone| Options::new().zone(zone));
    let schedule = match interval.schedule(&options) {
        Ok(schedule) => schedule,
        Err(ScheduleError::ZoneNeeded) => return "needs-tz".to_owned(),
        Err(ScheduleError::AnchorNeeded) => return "needs-anchor".to_owned(),
        Err(error) => panic!("{row:?}: {error}"),
    };
    if interval.repetitions() == Repetitions::Times(0) {
        return "none".to_owned();
    }
    if let (Repetitions::Unbounded, None) = (interval.repetitions(), schedule.first()) {
        let last = schedule.last().expect(row.id).at;
        let falling = schedule
            .before(last)
            .take(4)
            .map(|occurrence| print(occurrence.at));
        let all: Vec<_> = [print(last)].into_iter().chain(falling).collect();
        return format!("desc:{}", all.join(";"));
    }
    let all: Vec<_> = (0..5)
        .map_while(|index| schedule.occurrence(index))
        .map(print)
        .collect();
    all.join(";")
}

#[test]
fn has_all_its_rows() {
    let rows = corpus();
    assert_eq!(rows.len(), 627);
    let gating = rows
        .iter()
        .filter(|row| row.flag == "firm" || row.flag.starts_with("opt"))
        .count();
    assert_eq!(gating, 508);
}

#[test]
fn accepts_and_refuses_as_ruled() {
    let mut wrong = Vec::new();
    for row in corpus() {
        let parsed = row.input.parse::<RepeatingInterval>();
        let accepted = parsed.is_ok() && zone(&row).is_ok();
        if accepted != row.valid {
            wrong.push(format!(
                "{} {:?} {} {:?}",
                row.id, row.input, row.flag, parsed
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn prints_the_canonical_text_and_reads_it_back() {
    for row in corpus().iter().filter(|row| row.valid) {
        let interval: RepeatingInterval = row.input.parse().unwrap();
        assert_eq!(interval.to_string(), row.result, "{row:?}");
        assert_eq!(row.result.parse(), Ok(interval), "{row:?}");
        let count = interval
            .repetitions()
            .times()
            .map_or_else(|| "inf".to_owned(), |count| count.to_string());
        assert_eq!(count, row.count, "{row:?}");
    }
}

#[test]
fn gives_the_first_five_occurrences() {
    let mut wrong = Vec::new();
    for row in corpus().iter().filter(|row| row.valid) {
        let ours = occurrences(row);
        let want = if row.id == OURS_DIFFERS.0 {
            OURS_DIFFERS.1
        } else {
            row.occurrences
        };
        if ours != want {
            wrong.push(format!("{row:?}\n ours {ours}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
