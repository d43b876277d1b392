//! What breaks over the days.

use super::DAY;
use crate::{
    clock::Moment,
    dice::Dice,
    script::{Act, Fault, Script},
};

/// Adds faults to a script: none at all in some, many a day in others.
pub(super) fn add(script: &mut Script, mut dice: Dice) {
    let days = script.length.0 / DAY;
    let most = days * *dice.pick(&[0, 1, 2, 6]);
    let jumps = dice.chance(50);
    for _ in 0..dice.between(0, most) {
        let at = Moment(dice.between(60_000, script.length.0));
        let fault = fault(script, &mut dice, jumps);
        script.acts.push((at, Act::Fault(fault)));
    }
}

fn fault(script: &Script, dice: &mut Dice, jumps: bool) -> Fault {
    let node = dice.index(script.nodes);
    let agent = dice.index(script.agents.len());
    // Short ones are as likely as long ones.
    let length = dice.spread(100, 6 * 3_600_000);
    match dice.between(0, 99) {
        0..12 => Fault::Crash {
            down: dice.spread(100, 3 * 3_600_000),
        },
        12..18 => Fault::Pause { length },
        18..28 => Fault::Takeover { asleep: length },
        28..32 => Fault::Usurp,
        32..40 if jumps => Fault::ClockStep {
            node,
            by: step(dice),
        },
        40..44 if jumps => Fault::ClockDrift {
            node,
            ppm: dice.signed(-500, 500),
        },
        32..50 => Fault::StoreSlow {
            length: length.min(1_800_000),
            delay: dice.spread(10, 10_000),
        },
        50..54 => Fault::StoreGone {
            length: length.min(1_800_000),
        },
        54..58 => Fault::StoreUnknown,
        58..62 => Fault::StoreRefuses,
        62..68 => Fault::AgentCrash {
            agent,
            down: length,
        },
        68..74 => Fault::AgentCut { agent, length },
        74..78 => Fault::OffersWithheld { length },
        78..82 => Fault::OffersRescinded,
        82..88 => Fault::Lossy {
            length,
            percent: dice.between(1, 50),
        },
        88..94 => Fault::Laggy {
            length,
            delay: dice.spread(100, 60_000),
        },
        _ => Fault::Deaf { length },
    }
}

fn step(dice: &mut Dice) -> i64 {
    let by = i64::try_from(dice.spread(10, 2 * DAY)).unwrap_or(0);
    if dice.chance(50) { by } else { -by }
}
