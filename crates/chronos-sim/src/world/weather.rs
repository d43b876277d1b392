//! Which faults are on.

use crate::{
    clock::Moment,
    dice::Dice,
    script::{Fault, Script},
};

/// Which faults are on, and until when.
#[derive(Debug)]
pub(super) struct Weather {
    dice: Dice,
    noise: u64,
    store_slow: (Moment, u64),
    pub(super) store_gone: Moment,
    pub(super) store_unknown: bool,
    pub(super) store_refuses: bool,
    pub(super) withheld: Moment,
    lossy: (Moment, u64),
    laggy: (Moment, u64),
    pub(super) deaf: Moment,
}

impl Weather {
    pub(super) fn new(script: &Script) -> Self {
        Self {
            dice: Dice::new(script.seed, "weather"),
            noise: script.noise,
            store_slow: (Moment(0), 0),
            store_gone: Moment(0),
            store_unknown: false,
            store_refuses: false,
            withheld: Moment(0),
            lossy: (Moment(0), 0),
            laggy: (Moment(0), 0),
            deaf: Moment(0),
        }
    }

    /// Ends all faults, and the noise.
    pub(super) fn heal(&mut self) {
        self.noise = 0;
        self.store_slow.0 = Moment(0);
        self.store_gone = Moment(0);
        self.store_unknown = false;
        self.store_refuses = false;
        self.withheld = Moment(0);
        self.lossy.0 = Moment(0);
        self.laggy.0 = Moment(0);
        self.deaf = Moment(0);
    }

    /// Takes note of a fault that is one of the weather's.
    pub(super) fn turn(&mut self, now: Moment, fault: &Fault) {
        let until = now.plus(fault.length());
        match *fault {
            Fault::StoreSlow { delay, .. } => self.store_slow = (until, delay),
            Fault::StoreGone { .. } => self.store_gone = until,
            Fault::StoreUnknown => self.store_unknown = true,
            Fault::StoreRefuses => self.store_refuses = true,
            Fault::OffersWithheld { .. } => self.withheld = until,
            Fault::Lossy { percent, .. } => self.lossy = (until, percent),
            Fault::Laggy { delay, .. } => self.laggy = (until, delay),
            Fault::Deaf { .. } => self.deaf = until,
            Fault::Crash { .. }
            | Fault::Pause { .. }
            | Fault::Takeover { .. }
            | Fault::Usurp
            | Fault::ClockStep { .. }
            | Fault::ClockDrift { .. }
            | Fault::AgentCrash { .. }
            | Fault::AgentCut { .. }
            | Fault::OffersRescinded => {}
        }
    }

    /// Returns how long a write takes, and then its answer.
    pub(super) fn write_delays(&mut self, now: Moment) -> (u64, u64) {
        let most = if now < self.store_slow.0 {
            self.store_slow.1
        } else {
            3
        };
        (self.dice.between(0, most), self.dice.between(0, 2))
    }

    /// Returns how long a message takes.
    pub(super) fn delay(&mut self, now: Moment) -> u64 {
        let most = if now < self.laggy.0 { self.laggy.1 } else { 20 };
        if self.dice.between(0, 999) < self.noise {
            return self.dice.between(0, 5_000);
        }
        self.dice.between(0, most)
    }

    /// Whether a message is lost.
    pub(super) fn loses(&mut self, now: Moment) -> bool {
        let lossy = now < self.lossy.0 && self.dice.chance(self.lossy.1);
        lossy || self.dice.between(0, 999) < self.noise
    }

    /// Whether a message comes twice.
    pub(super) fn doubles(&mut self, now: Moment) -> bool {
        let often = if now < self.lossy.0 { 100 } else { self.noise };
        self.dice.between(0, 999) < often
    }
}
