//! The next and the previous occurrence of random instants are neighbours.

#![no_main]

use chrono::DateTime;
use iso8601_repeat::{Gap, Options, Overlap, RepeatingInterval, Stepper, Zone, ZoneTable};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const ZONES: [&str; 5] = ["Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Gaza", "America/New_York"];

static TABLES: LazyLock<Vec<(Zone, ZoneTable)>> = LazyLock::new(|| {
    let table = |name: &str| {
        let zone: Zone = name.parse().expect(name);
        (zone, ZoneTable::new(&zone))
    };
    ZONES.iter().copied().map(table).collect()
});

fuzz_target!(|input: (u8, i64, u32, &str)| {
    let (choice, seconds, nanoseconds, text) = input;
    let Some(at) = DateTime::from_timestamp(seconds, nanoseconds % 1_000_000_000) else { return };
    let Ok(interval) = text.parse::<RepeatingInterval>() else { return };
    let (zone, table) = &TABLES[usize::from(choice) % ZONES.len()];
    let gap = if choice & 64 == 0 { Gap::Shift } else { Gap::Skip };
    let overlap = if choice & 128 == 0 { Overlap::Second } else { Overlap::Both };
    let anchor = DateTime::from_timestamp(1_500_000_000, 1).expect("an instant");
    let options = Options::new().zone(*zone).gap(gap).overlap(overlap).anchor(anchor);
    let Ok(schedule) = interval.schedule(&options) else { return };
    let (next, prev) = (schedule.next_after(at), schedule.prev_before(at));
    let mut stepper = Stepper::new(schedule, table);
    assert_eq!(stepper.next_after(at), next, "{interval} {zone} {at}");
    assert_eq!(stepper.prev_before(at), prev, "{interval} {zone} {at}");
    assert_eq!(schedule.after(at).next(), next, "{interval} {zone} {at}");
    assert_eq!(schedule.before(at).next(), prev, "{interval} {zone} {at}");
    if let Some(next) = next {
        assert!(next.at > at);
        assert!(schedule.prev_before(next.at).is_none_or(|prev| prev.at <= at), "{interval} {zone} {at}");
    }
    if let Some(prev) = prev {
        assert!(prev.at < at);
        assert!(schedule.next_after(prev.at).is_none_or(|next| next.at >= at), "{interval} {zone} {at}");
        if gap == Gap::Shift && overlap == Overlap::Second {
            assert!(schedule.count_between(prev.at, at) <= 2, "{interval} {zone} {at}");
        }
    }
});
