//! All jobs: by number where it must be quick, by name where people ask.

use std::{ops::Bound, sync::Arc};

use chronos_model::JobName;

use crate::{job::Job, slots::Slots};

/// The number of a job, within one term. It is given again after a job is deleted.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct JobNumber(u32);

/// All jobs; a copy costs a few pointers.
#[derive(Clone, Debug)]
pub(crate) struct Jobs {
    /// Changes only when a job is created or deleted.
    numbers: imbl::OrdMap<JobName, JobNumber>,
    slots: Slots<Job>,
    /// The numbers of deleted jobs.
    free: imbl::Vector<JobNumber>,
    /// The job that was looked for last: what follows is mostly about the same one.
    last: JobNumber,
}

impl Jobs {
    pub(crate) fn new() -> Self {
        Self {
            numbers: imbl::OrdMap::new(),
            slots: Slots::new(),
            free: imbl::Vector::new(),
            last: JobNumber(0),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(crate) fn contains(&self, name: &JobName) -> bool {
        self.number(name).is_some()
    }

    pub(crate) fn number(&self, name: &JobName) -> Option<JobNumber> {
        let last = self.slots.get(self.last.0);
        if last.is_some_and(|job| job.spec.name == *name) {
            return Some(self.last);
        }
        self.numbers.get(name).copied()
    }

    pub(crate) fn get(&self, name: &JobName) -> Option<&Arc<Job>> {
        self.at(self.number(name)?)
    }

    pub(crate) fn at(&self, number: JobNumber) -> Option<&Arc<Job>> {
        self.slots.get(number.0)
    }

    pub(crate) fn get_mut(&mut self, name: &JobName) -> Option<&mut Arc<Job>> {
        let number = self.number(name)?;
        self.last = number;
        self.slots.get_mut(number.0)
    }

    /// Remembers a job as the one that the next questions are about.
    pub(crate) fn turn_to(&mut self, number: JobNumber) {
        self.last = number;
    }

    /// Puts a job under its name, in the place of one that is there.
    pub(crate) fn insert(&mut self, job: Arc<Job>) -> JobNumber {
        let name = &job.spec.name;
        let number = self.number(name).unwrap_or_else(|| {
            let next = JobNumber(u32::try_from(self.numbers.len()).unwrap_or(u32::MAX));
            let number = self.free.pop_back().unwrap_or(next);
            self.numbers.insert(name.clone(), number);
            number
        });
        self.last = number;
        self.slots.set(number.0, Some(job));
        number
    }

    pub(crate) fn remove(&mut self, name: &JobName) -> Option<Arc<Job>> {
        let number = self.numbers.remove(name)?;
        let job = self.slots.get(number.0).cloned();
        self.slots.set(number.0, None);
        self.free.push_back(number);
        job
    }

    /// Returns all jobs, by name.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.numbers.values().filter_map(|&number| self.at(number))
    }

    /// Returns the jobs whose names come after one, by name.
    pub(crate) fn after(&self, name: Bound<JobName>) -> impl Iterator<Item = &Arc<Job>> {
        self.numbers
            .range((name, Bound::Unbounded))
            .filter_map(|(_, &number)| self.at(number))
    }
}
