//! One operation, many times, for counting its instructions.
//!
//! `count NAME N` runs the operation N times; callgrind runs it twice with two N, and the slope is the price of one.
//! `./instructions.sh` does this for all of them in both profiles. `parse=TEXT` parses any text.

use chrono::{DateTime, TimeDelta, Utc};
use iso8601_repeat::{Options, RepeatingInterval, Schedule, Stepper, UnixTime, Zone, ZoneTable};
use std::hint::black_box;

const FULL: &str = "R12/2017-05-04T03:26:00.000+08:00/P1Y2M3DT4H5M6S";

fn schedule(text: &str, zone: &str) -> Schedule {
    let interval: RepeatingInterval = text.parse().expect(text);
    let zone: Zone = zone.parse().expect(zone);
    interval.schedule(&Options::new().zone(zone)).expect(text)
}

fn parse(text: &str, times: u64) {
    for _ in 0..times {
        let _kept = black_box(black_box(text).parse::<RepeatingInterval>());
    }
}

/// 512 different texts in turn.
fn mixed(times: u64) {
    let periods = [
        "PT24H",
        "P1M",
        "P1Y2M3DT4H5M6S",
        "P1D",
        "PT0.5S",
        "P2W",
        "PT90M",
        "P1DT12H",
    ];
    let texts: Vec<String> = (0..512_u32)
        .map(|i| {
            let (month, day, hour, minute) = (i % 12 + 1, i % 28 + 1, i % 24, i % 60);
            let offset = ["Z", "+08:00", "-03:30", "Z"][(i / 3 % 4) as usize];
            let count = if i % 3 == 0 {
                String::new()
            } else {
                (i * 7).to_string()
            };
            let date = if i % 5 == 0 {
                format!(
                    "{:04}{month:02}{day:02}T{hour:02}{minute:02}00",
                    1990 + i % 60
                )
            } else {
                format!(
                    "{:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00",
                    1990 + i % 60
                )
            };
            let period = periods[(i % 8) as usize];
            if i % 7 == 0 {
                format!("R{count}/{period}/{date}{offset}")
            } else {
                format!("R{count}/{date}{offset}/{period}")
            }
        })
        .collect();
    assert!(
        texts
            .iter()
            .all(|text| text.parse::<RepeatingInterval>().is_ok())
    );
    for text in texts
        .iter()
        .cycle()
        .take(usize::try_from(times).expect("small"))
    {
        let _kept = black_box(black_box(text.as_str()).parse::<RepeatingInterval>());
    }
}

/// Instants over ten years from 2027 on, as a scheduler would ask: forward, a bit at a time.
fn near(times: u64) -> impl Iterator<Item = DateTime<Utc>> {
    let from: DateTime<Utc> = "2027-05-04T03:26:00Z".parse().expect("an instant");
    (0..times)
        .map(move |i| from + TimeDelta::seconds(i64::try_from(i % 1_000).expect("small") * 61))
}

fn next_table(text: &str, zone: &str, times: u64) {
    let table = ZoneTable::new(&zone.parse().expect(zone));
    let mut stepper = Stepper::new(schedule(text, zone), &table);
    for at in near(times) {
        black_box(stepper.next_after(black_box(at)));
    }
}

fn next_plain(text: &str, zone: &str, times: u64) {
    let schedule = schedule(text, zone);
    for at in near(times) {
        black_box(schedule.next_after(black_box(at)));
    }
}

fn step_table(text: &str, zone: &str, times: u64) {
    let table = ZoneTable::new(&zone.parse().expect(zone));
    let mut stepper = Stepper::new(schedule(text, zone), &table);
    for _ in 0..times {
        black_box(stepper.next());
    }
}

fn next_unix(text: &str, zone: &str, times: u64) {
    let table = ZoneTable::new(&zone.parse().expect(zone));
    let mut stepper = Stepper::new(schedule(text, zone), &table);
    for i in 0..times {
        let at = UnixTime {
            seconds: 1_809_401_160 + i64::try_from(i % 1_000).expect("small") * 61,
            nanoseconds: 0,
        };
        black_box(stepper.next_unix_after(black_box(at)));
    }
}

fn step_unix(text: &str, zone: &str, times: u64) {
    let table = ZoneTable::new(&zone.parse().expect(zone));
    let mut stepper = Stepper::new(schedule(text, zone), &table);
    for _ in 0..times {
        black_box(stepper.next_unix());
    }
}

fn step_plain(text: &str, zone: &str, times: u64) {
    for occurrence in schedule(text, zone)
        .iter()
        .take(usize::try_from(times).expect("small"))
    {
        black_box(occurrence);
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().expect("a name");
    let times: u64 = arguments
        .next()
        .and_then(|times| times.parse().ok())
        .expect("a number");
    let berlin = "Europe/Berlin";
    match name.as_str() {
        "nothing" => near(times).for_each(|at| {
            black_box(at);
        }),
        "parse-full" => parse(FULL, times),
        "parse-exact" => parse("R/2017-05-04T03:26:00.000Z/PT24H", times),
        "parse-basic" => parse("R5/20120205T080000+08:00/P1M", times),
        "parse-end" => parse("R/P1D/2030-01-01T00:00:00Z", times),
        "parse-bad" => parse("R12/2017-05-04T03:26:00.000+08:00/P1Y2M3DT4H5M6X", times),
        "parse-mixed" => mixed(times),
        "next-exact" => next_plain("R/2017-05-04T03:26:00Z/PT24H", "UTC", times),
        "next-second" => next_plain("R/2000-01-01T00:00:00Z/PT1S", "UTC", times),
        "next-daily" => next_table("R/2017-01-31T02:30/P1D", berlin, times),
        "next-monthly" => next_table("R/2017-01-31T02:30/P1M", berlin, times),
        "next-mixed" => next_table("R/2017-01-31T02:30/P1Y2M3DT4H5M6S", berlin, times),
        "next-daily-plain" => next_plain("R/2017-01-31T02:30/P1D", berlin, times),
        "next-monthly-plain" => next_plain("R/2017-01-31T02:30/P1M", berlin, times),
        "next-daily-utc" => next_plain("R/2017-01-31T02:30/P1D", "UTC", times),
        "next-monthly-utc" => next_plain("R/2017-01-31T02:30/P1M", "UTC", times),
        "step-exact" => step_plain("R/2017-05-04T03:26:00Z/PT24H", "UTC", times),
        "step-daily" => step_table("R/2017-01-31T02:30/P1D", berlin, times),
        "step-monthly" => step_table("R/2017-01-31T02:30/P1M", berlin, times),
        "step-daily-plain" => step_plain("R/2017-01-31T02:30/P1D", berlin, times),
        "step-monthly-plain" => step_plain("R/2017-01-31T02:30/P1M", berlin, times),
        "next-exact-unix" => next_unix("R/2017-05-04T03:26:00Z/PT24H", "UTC", times),
        "next-daily-unix" => next_unix("R/2017-01-31T02:30/P1D", berlin, times),
        "next-monthly-unix" => next_unix("R/2017-01-31T02:30/P1M", berlin, times),
        "next-mixed-unix" => next_unix("R/2017-01-31T02:30/P1Y2M3DT4H5M6S", berlin, times),
        "step-exact-unix" => step_unix("R/2017-05-04T03:26:00Z/PT24H", "UTC", times),
        "step-daily-unix" => step_unix("R/2017-01-31T02:30/P1D", berlin, times),
        "step-monthly-unix" => step_unix("R/2017-01-31T02:30/P1M", berlin, times),
        "table" => (0..times).for_each(|_| {
            black_box(ZoneTable::new(&berlin.parse().expect("known")));
        }),
        _ => match name.strip_prefix("parse=") {
            Some(text) => parse(text, times),
            None => panic!("unknown operation {name}"),
        },
    }
}
