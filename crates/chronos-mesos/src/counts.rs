//! How much of what there was, for graphs and alarms.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// What is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(usize)]
pub(crate) enum Of {
    Subscriptions,
    Offers,
    Declined,
    Launches,
    Launched,
    Updates,
    Refused,
    Unreadable,
    OffersHeld,
    Tasks,
    OutOfReach,
}

/// Each with its name and what it is; those that may fall are no totals.
const ALL: [(Of, &str, &str); 11] = [
    (
        Of::Subscriptions,
        "subscriptions_total",
        "Subscriptions to a master; more than one each few hours are too many.",
    ),
    (Of::Offers, "offers_total", "Offers that came."),
    (
        Of::Declined,
        "offers_declined_total",
        "Offers that were given back unused.",
    ),
    (Of::Launches, "launches_total", "Offers that were used."),
    (
        Of::Launched,
        "tasks_launched_total",
        "Tasks in those launches.",
    ),
    (
        Of::Updates,
        "updates_total",
        "Updates of tasks, repeated ones too.",
    ),
    (
        Of::Refused,
        "calls_refused_total",
        "Calls that a master found wrong.",
    ),
    (
        Of::Unreadable,
        "events_unreadable_total",
        "Events that could not be read.",
    ),
    (
        Of::OffersHeld,
        "offers_held",
        "Offers that are neither used nor given back.",
    ),
    (Of::Tasks, "tasks", "Tasks whose end is not on record."),
    (
        Of::OutOfReach,
        "tasks_out_of_reach",
        "Of these, those whose agent nobody can reach.",
    ),
];

/// How much of what there was since the start; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<[AtomicU64; ALL.len()]>);

/// One of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Count {
    /// Its name; ends in `_total` when it never falls.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// How much.
    pub value: u64,
}

impl Counts {
    /// Returns all of them, always in the same order.
    pub fn all(&self) -> Vec<Count> {
        let count = |&(of, name, help): &(Of, &'static str, &'static str)| Count {
            name,
            help,
            value: self.of(of).load(Ordering::Relaxed),
        };
        ALL.iter().map(count).collect()
    }

    pub(crate) fn add(&self, of: Of, more: usize) {
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        self.of(of).fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, of: Of, to: usize) {
        let to = u64::try_from(to).unwrap_or(u64::MAX);
        self.of(of).store(to, Ordering::Relaxed);
    }

    fn of(&self, of: Of) -> &AtomicU64 {
        &self.0[of as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_place_and_a_name_of_its_own() {
        let counts = Counts::default();
        for (place, (of, name, _)) in ALL.into_iter().enumerate() {
            assert_eq!(of as usize, place, "{name}");
            counts.add(of, place);
            counts.add(of, 1);
        }
        counts.set(Of::Tasks, 0);
        let values: Vec<_> = counts.all().iter().map(|count| count.value).collect();
        assert_eq!(values, [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 11]);
    }
}
