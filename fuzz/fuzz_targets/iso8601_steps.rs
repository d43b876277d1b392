//! A thousand steps of whatever is read rise strictly, and the stepper takes the same.

#![no_main]

use chrono::DateTime;
use iso8601_repeat::{Gap, Options, Overlap, RepeatingInterval, Stepper, Zone, ZoneTable};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const ZONES: [&str; 6] =
    ["Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Gaza", "UTC"];

static TABLES: LazyLock<Vec<(Zone, ZoneTable)>> = LazyLock::new(|| {
    let table = |name: &str| {
        let zone: Zone = name.parse().expect(name);
        (zone, ZoneTable::new(&zone))
    };
    ZONES.iter().copied().map(table).collect()
});

fuzz_target!(|input: (u8, &str)| {
    let (choice, text) = input;
    let Ok(interval) = text.parse::<RepeatingInterval>() else { return };
    let (zone, table) = &TABLES[usize::from(choice) % ZONES.len()];
    let gap = if choice & 64 == 0 { Gap::Shift } else { Gap::Skip };
    let overlap = if choice & 128 == 0 { Overlap::First } else { Overlap::Both };
    let anchor = DateTime::from_timestamp(1_500_000_000, 0).expect("an instant");
    let options = Options::new().zone(*zone).gap(gap).overlap(overlap).anchor(anchor);
    let Ok(schedule) = interval.schedule(&options) else { return };
    let mut stepper = Stepper::new(schedule, table);
    let mut last = None;
    for occurrence in schedule.iter().take(1_000) {
        assert!(last < Some(occurrence.at), "{interval} {zone}");
        assert_eq!(stepper.next(), Some(occurrence), "{interval} {zone}");
        last = Some(occurrence.at);
    }
    if let Some(end) = schedule.last() {
        assert!(schedule.before(end.at).take(1_000).all(|occurrence| occurrence.at < end.at));
        assert_eq!(schedule.next_after(end.at), None, "{interval} {zone}");
    }
});
