//! The runs of one job at hand: mostly none or one, so a sorted list.

use std::sync::Arc;

use chronos_model::{Run, Timestamp};

/// Due time and attempt: what tells the runs of one job apart.
pub(crate) type Place = (Timestamp, u32);

/// Runs of one job, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs(Vec<Arc<Run>>);

impl Runs {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, place: Place) -> Option<&Arc<Run>> {
        self.0.get(self.find(place).ok()?)
    }

    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut Arc<Run>> {
        let index = self.find(place).ok()?;
        self.0.get_mut(index)
    }

    /// Puts a run in its place, instead of the one that is there.
    pub(crate) fn insert(&mut self, run: Arc<Run>) {
        match self.find(place_of(&run)) {
            Ok(index) => {
                if let Some(old) = self.0.get_mut(index) {
                    *old = run;
                }
            }
            Err(index) => self.0.insert(index, run),
        }
    }

    pub(crate) fn remove(&mut self, place: Place) -> Option<Arc<Run>> {
        let index = self.find(place).ok()?;
        Some(self.0.remove(index))
    }

    pub(crate) fn values(&self) -> std::slice::Iter<'_, Arc<Run>> {
        self.0.iter()
    }

    pub(crate) fn extend(&mut self, others: Self) {
        for run in others.0 {
            self.insert(run);
        }
    }

    // Most look for the only one, or for the newest.
    fn find(&self, place: Place) -> Result<usize, usize> {
        match self.0.last() {
            None => Err(0),
            Some(last) if place_of(last) < place => Err(self.0.len()),
            Some(_) => self.0.binary_search_by_key(&place, |run| place_of(run)),
        }
    }
}

fn place_of(run: &Run) -> Place {
    (run.key.due, run.key.attempt)
}

#[cfg(test)]
mod tests {
    use chronos_model::{RunCause, RunKey};

    use super::*;
    use crate::job::new_run;

    fn run(due: i64, attempt: u32) -> Arc<Run> {
        let due = Timestamp::from_millis(due);
        let job = "job".parse().unwrap();
        let key = RunKey { job, due, attempt };
        Arc::new(new_run(key, due, RunCause::Schedule, due))
    }

    #[test]
    fn keeps_runs_in_order_and_one_in_each_place() {
        let mut runs = Runs::new();
        for (due, attempt) in [(5, 1), (3, 0), (9, 0), (5, 0), (3, 0)] {
            runs.insert(run(due, attempt));
        }
        let places: Vec<_> = runs.values().map(|run| place_of(run)).collect();
        let at = |millis, attempt| (Timestamp::from_millis(millis), attempt);
        assert_eq!(places, [at(3, 0), at(5, 0), at(5, 1), at(9, 0)]);
        assert!(runs.get(at(4, 0)).is_none() && runs.remove(at(10, 0)).is_none());
        assert_eq!(runs.remove(at(5, 0)), Some(run(5, 0)));
        assert_eq!(runs.get(at(5, 1)), Some(&run(5, 1)));
        let mut others = Runs::new();
        others.insert(run(1, 0));
        others.extend(runs);
        assert_eq!(others.values().count(), 4);
    }
}
