//! Every row of the table of next occurrences, asked of the schedule and of the stepper.

use crate::support::{instant, print, rows, schedule};
use iso8601_repeat::{Occurrence, Stepper, ZoneTable};

const NEXT: &str = include_str!("../data/iso8601-next.tsv");

fn words(answer: Option<Occurrence>) -> (String, String) {
    match answer {
        None => ("none".to_owned(), "-".to_owned()),
        Some(Occurrence { index, at }) => (
            print(at),
            index.map_or_else(|| "-".to_owned(), |index| index.to_string()),
        ),
    }
}

#[test]
fn answers_every_row() {
    let mut count = 0;
    for cells in rows(NEXT) {
        let [id, input, zone, query, next, index, _] = cells[..] else {
            panic!("{cells:?}")
        };
        let schedule = schedule(input, zone);
        let want = (next.to_owned(), index.to_owned());
        assert_eq!(
            words(schedule.next_after(instant(query))),
            want,
            "{id} {input} {zone} {query}"
        );
        let table = ZoneTable::new(&schedule.zone());
        let mut stepper = Stepper::new(schedule, &table);
        assert_eq!(
            words(stepper.next_after(instant(query))),
            want,
            "{id} {input} {zone} {query}"
        );
        stepper.seek(instant(query));
        assert_eq!(words(stepper.next()), want, "{id} {input} {zone} {query}");
        count += 1;
    }
    assert_eq!(count, 113);
}
