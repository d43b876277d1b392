//! The runs of one job at hand: mostly none or one, so a sorted list.

use std::sync::Arc;

use chronos_model::{Run, Timestamp};

/// Due time and attempt: what tells the runs of one job apart.
pub(crate) type Place = (Timestamp, u32);

/// Runs of one job, oldest first.
// One run takes no list: most jobs have none or one, and every change copies the job away from readers.
#[derive(Clone, Debug, Default)]
pub(crate) enum Runs {
    #[default]
    None,
    One(Arc<Run>),
    // In a box, so that the list makes no job larger that has none.
    #[expect(
        clippy::box_collection,
        reason = "the list would make every job larger"
    )]
    List(Box<Vec<Arc<Run>>>),
}

impl Runs {
    pub(crate) const fn new() -> Self {
        Self::None
    }

    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    fn as_slice(&self) -> &[Arc<Run>] {
        match self {
            Self::None => &[],
            Self::One(run) => std::slice::from_ref(run),
            Self::List(runs) => runs,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [Arc<Run>] {
        match self {
            Self::None => &mut [],
            Self::One(run) => std::slice::from_mut(run),
            Self::List(runs) => runs,
        }
    }

    pub(crate) fn get(&self, place: Place) -> Option<&Arc<Run>> {
        self.as_slice().get(self.find(place).ok()?)
    }

    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut Arc<Run>> {
        let index = self.find(place).ok()?;
        self.as_mut_slice().get_mut(index)
    }

    /// Puts a run in its place, instead of the one that is there.
    pub(crate) fn insert(&mut self, run: Arc<Run>) {
        match self.find(place_of(&run)) {
            Ok(index) => {
                if let Some(old) = self.as_mut_slice().get_mut(index) {
                    *old = run;
                }
            }
            Err(index) => self.insert_at(index, run),
        }
    }

    fn insert_at(&mut self, index: usize, run: Arc<Run>) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(run),
            Self::One(other) => {
                let mut runs = Box::new(vec![other]);
                runs.insert(index, run);
                Self::List(runs)
            }
            Self::List(mut runs) => {
                runs.insert(index, run);
                Self::List(runs)
            }
        };
    }

    pub(crate) fn remove(&mut self, place: Place) -> Option<Arc<Run>> {
        let index = self.find(place).ok()?;
        match std::mem::take(self) {
            Self::None => None,
            Self::One(run) => Some(run),
            Self::List(mut runs) => {
                let removed = runs.remove(index);
                if !runs.is_empty() {
                    *self = Self::List(runs);
                }
                Some(removed)
            }
        }
    }

    pub(crate) fn values(&self) -> std::slice::Iter<'_, Arc<Run>> {
        self.as_slice().iter()
    }

    pub(crate) fn extend(&mut self, others: &Self) {
        for run in others.values() {
            self.insert(Arc::clone(run));
        }
    }

    // Most look for the only one, or for the newest.
    fn find(&self, place: Place) -> Result<usize, usize> {
        let runs = self.as_slice();
        match runs.last() {
            None => Err(0),
            Some(last) if place_of(last) < place => Err(runs.len()),
            Some(_) => runs.binary_search_by_key(&place, |run| place_of(run)),
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
        others.extend(&runs);
        assert_eq!(others.values().count(), 4);
        for place in [at(1, 0), at(3, 0), at(5, 1), at(9, 0)] {
            assert!(!others.is_empty() && others.remove(place).is_some());
        }
        assert!(others.is_empty());
    }
}
