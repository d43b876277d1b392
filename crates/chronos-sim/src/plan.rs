//! Makes a script from a seed: jobs of every kind, operators, and faults.

mod faults;
mod jobs;
mod operators;

use chronos_model::Timestamp;

use crate::{
    clock::Moment,
    dice::Dice,
    script::{Act, Order, Script},
};

/// How many calendars are made at first; some take the place of others, so that some jobs name one that
/// is not there, and are refused.
const CALENDARS_MADE: u64 = 6;

/// Milliseconds of a day.
pub const DAY: u64 = 24 * 60 * 60 * 1000;

/// How large a simulation is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// How many days it lasts.
    pub days: u64,
    /// How many jobs there are at first.
    pub jobs: u64,
}

/// Days before which something happens to clocks or calendars: changes to and from summer time in the
/// zones that jobs are in, ends of months and years, a leap day.
const STARTS: [&str; 10] = [
    "2026-03-22T00:00:00Z",
    "2026-10-18T00:00:00Z",
    "2026-03-03T12:00:00Z",
    "2026-10-27T06:00:00Z",
    "2027-03-28T15:30:00Z",
    "2027-09-30T00:00:00Z",
    "2027-12-20T00:00:00Z",
    "2028-02-20T00:00:00Z",
    "2030-01-01T00:00:00Z",
    "2026-02-13T23:59:59Z",
];

/// Makes the script of a seed.
///
/// # Panics
///
/// When the table of starts holds what is no instant.
pub fn plan(seed: u64, size: Size) -> Script {
    let mut dice = Dice::new(seed, "plan");
    let start: Timestamp = dice
        .pick(&STARTS)
        .parse()
        .expect("the table holds instants");
    let start = start.plus_millis(dice.signed(0, 86_400_000));
    let length = Moment(size.days.max(1) * DAY);
    let nodes = dice.index(3) + 1;
    let agents = (0..=dice.index(5)).map(|_| dice.between(2, 16)).collect();
    let mut script = Script {
        seed,
        start,
        length,
        nodes,
        agents,
        noise: *dice.pick(&[0, 1, 5, 20]),
        acts: Vec::new(),
    };
    let mut maker = jobs::Maker::new(Dice::new(seed, "jobs"), start, length);
    for count in 0..CALENDARS_MADE {
        let order = Order::PutCalendar(maker.make_calendar());
        script
            .acts
            .push((Moment(500 + count), Act::Operator(order)));
    }
    for _ in 0..size.jobs {
        let (at, document) = maker.make();
        script.acts.push((at, Act::Operator(Order::Put(document))));
    }
    operators::add(&mut script, &mut maker, Dice::new(seed, "operators"));
    faults::add(&mut script, Dice::new(seed, "faults"));
    script.acts.sort_by_key(|&(at, _)| at);
    script
}
