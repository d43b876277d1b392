//! An answer as a table for people.

use std::io::{self, Write};

use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};
use iso8601_repeat::{Moment, Occurrence, Repetitions, Zone};

use super::answer::{Answer, Needs, instant};

/// Writes the canonical text, what it means, and the occurrences with their clock readings.
pub(super) fn write(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    write!(out, "{}", answer.interval)?;
    if let Some(zone) = answer.zone {
        write!(out, "  in {zone}")?;
    }
    match answer.interval.repetitions() {
        Repetitions::Unbounded => writeln!(out, "  without end")?,
        Repetitions::Times(1) => writeln!(out, "  once")?,
        Repetitions::Times(times) => writeln!(out, "  {times} times")?,
    }
    match answer.needs {
        Some(Needs::Zone) => {
            return writeln!(out, "it has no offset: say in which zone with --tz");
        }
        Some(Needs::From) => {
            return writeln!(
                out,
                "it has neither start nor end: say where it begins with --from"
            );
        }
        None => {}
    }
    let Some(zone) = answer.zone else {
        return Ok(());
    };
    if answer.last.is_empty() {
        rows(out, zone, &answer.next)
    } else {
        writeln!(
            out,
            "it has no first occurrence; the last ones, going back:"
        )?;
        rows(out, zone, &answer.last)
    }
}

fn rows(out: &mut impl Write, zone: Zone, occurrences: &[Occurrence]) -> io::Result<()> {
    if occurrences.is_empty() {
        return writeln!(out, "no occurrence");
    }
    let cells: Vec<[String; 3]> = occurrences
        .iter()
        .map(|occurrence| {
            let index = occurrence
                .index
                .map_or_else(|| "-".to_owned(), |index| index.to_string());
            [index, instant(occurrence.at), clock(zone, occurrence.at)]
        })
        .collect();
    let width = |column: usize, head: &str| {
        let widest = cells.iter().map(|row| row[column].len()).max();
        widest.unwrap_or_default().max(head.len())
    };
    let (index, utc) = (width(0, "index"), width(1, "UTC"));
    writeln!(out, "{:>index$}  {:utc$}  on the clock", "index", "UTC")?;
    for [a, b, c] in &cells {
        writeln!(out, "{a:>index$}  {b:utc$}  {c}")?;
    }
    Ok(())
}

/// The clock reading in a zone, with its offset.
fn clock(zone: Zone, at: DateTime<Utc>) -> String {
    let offset = zone.offset_at(at);
    match at.naive_utc().checked_add_offset(offset) {
        Some(local) => reading(local, offset),
        None => "-".to_owned(),
    }
}

fn reading(local: NaiveDateTime, offset: FixedOffset) -> String {
    match Moment::with_offset(local, offset) {
        Some(moment) => moment.to_string(),
        // Local mean times of old have seconds in their offset, which the format of the text cannot say.
        None => format!("{}{offset}", Moment::local(local)),
    }
}
