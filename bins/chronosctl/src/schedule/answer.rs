//! One answer, and its JSON.

use chrono::{DateTime, Utc};
use iso8601_repeat::{Moment, Occurrence, RepeatingInterval, Zone};
use serde::Serialize;

use super::question::Problem;

/// When an expression comes.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) interval: RepeatingInterval,
    /// Where it was evaluated; `None` where it could not be.
    pub(super) zone: Option<Zone>,
    pub(super) next: Vec<Occurrence>,
    /// The last ones, falling, where there is no first one.
    pub(super) last: Vec<Occurrence>,
    /// What must be said before it can be evaluated.
    pub(super) needs: Option<Needs>,
}

/// What an expression leaves open.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Needs {
    /// It has no offset.
    Zone,
    /// It has neither start nor end.
    From,
}

/// The object of an answer. Fields that are not always there come last.
#[derive(Serialize)]
struct Good {
    ok: bool,
    canonical: String,
    count: Option<u64>,
    next: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    last: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    needs: Option<Needs>,
}

/// The object of a problem.
#[derive(Serialize)]
struct Bad<'a> {
    ok: bool,
    error: &'a str,
    offset: usize,
}

impl Answer {
    pub(super) const fn new(
        interval: RepeatingInterval,
        zone: Zone,
        next: Vec<Occurrence>,
    ) -> Self {
        Self {
            interval,
            zone: Some(zone),
            next,
            last: Vec::new(),
            needs: None,
        }
    }

    /// An expression that is right and cannot be evaluated.
    pub(super) const fn lacking(interval: RepeatingInterval, needs: Needs) -> Self {
        Self {
            interval,
            zone: None,
            next: Vec::new(),
            last: Vec::new(),
            needs: Some(needs),
        }
    }

    /// Everything on one line.
    pub(super) fn json(&self) -> String {
        let print = |occurrences: &[Occurrence]| -> Vec<String> {
            occurrences
                .iter()
                .map(|occurrence| instant(occurrence.at))
                .collect()
        };
        to_json(&Good {
            ok: true,
            canonical: self.interval.to_string(),
            count: self.interval.repetitions().times(),
            next: print(&self.next),
            last: print(&self.last),
            needs: self.needs,
        })
    }
}

impl Problem {
    /// The problem on one line.
    pub(super) fn json(&self) -> String {
        refusal(&self.message, self.offset)
    }
}

/// The object of a text that is refused.
pub(super) fn refusal(error: &str, offset: usize) -> String {
    to_json(&Bad {
        ok: false,
        error,
        offset,
    })
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers become JSON")
}

/// An instant with `Z`, a fraction only where there is one, and years beyond 0 to 9999 with a sign and six digits.
pub(super) fn instant(at: DateTime<Utc>) -> String {
    Moment::from(at).to_string()
}
