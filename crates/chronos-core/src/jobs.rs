//! All jobs: by number where it must be quick, by name where people ask.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Bound,
    sync::Arc,
};

use chronos_model::JobName;
use hashbrown::HashTable;

use crate::{job::Job, slots::Slots};

/// The number of a job, within one term. It is given again after a job is deleted.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct JobNumber(u32);

impl JobNumber {
    /// Returns its place in a list by number.
    pub(crate) fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// All jobs as readers see them; a copy costs two pointers.
#[derive(Clone, Debug)]
pub(crate) struct JobList {
    /// Changes only when a job is created or deleted.
    numbers: imbl::OrdMap<JobName, JobNumber>,
    slots: Slots<Job>,
}

/// All jobs as the scheduler keeps them.
#[derive(Debug)]
pub(crate) struct Jobs {
    list: JobList,
    /// Numbers by name. To find one in order takes twenty comparisons of names that lie apart, each of
    /// them a miss of the cache among a million jobs. Nobody ever goes through this table, so its order
    /// is nobody's order.
    index: HashTable<JobNumber>,
    /// The numbers of deleted jobs.
    free: Vec<JobNumber>,
    /// The job that was looked for last: what follows is mostly about the same one.
    last: JobNumber,
    /// Its name, as it was written when it was found: mostly the very same text is asked for.
    last_name: Option<JobName>,
    /// The job itself, once it was changed: it is out of the list until another one is changed, so that
    /// several changes in turn walk down the list once.
    held: Option<Arc<Job>>,
}

impl JobList {
    pub(crate) fn new() -> Self {
        Self {
            numbers: imbl::OrdMap::new(),
            slots: Slots::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(crate) fn get(&self, name: &JobName) -> Option<&Arc<Job>> {
        self.at(*self.numbers.get(name)?)
    }

    fn at(&self, number: JobNumber) -> Option<&Arc<Job>> {
        self.slots.get(number.0)
    }

    /// Returns all jobs, by name.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.numbers.values().filter_map(|&number| self.at(number))
    }
}

impl Jobs {
    pub(crate) fn new() -> Self {
        Self {
            list: JobList::new(),
            index: HashTable::new(),
            free: Vec::new(),
            last: JobNumber(0),
            last_name: None,
            held: None,
        }
    }

    /// Returns what readers see of it.
    pub(crate) fn list(&self) -> JobList {
        let mut list = self.list.clone();
        if let Some(held) = &self.held {
            list.slots.set(self.last.0, Some(Arc::clone(held)));
        }
        list
    }

    pub(crate) fn contains(&self, name: &JobName) -> bool {
        self.number(name).is_some()
    }

    #[inline]
    pub(crate) fn number(&self, name: &JobName) -> Option<JobNumber> {
        match &self.last_name {
            Some(last) if std::ptr::eq(last.as_str(), name.as_str()) => Some(self.last),
            _ => self.find_number(name),
        }
    }

    fn find_number(&self, name: &JobName) -> Option<JobNumber> {
        if self.last_name.as_ref() == Some(name) {
            return Some(self.last);
        }
        let is_it = |number: JobNumber| self.at(number).is_some_and(|job| job.spec.name == *name);
        self.index
            .find(hash(name), |&number| is_it(number))
            .copied()
    }

    pub(crate) fn get(&self, name: &JobName) -> Option<&Arc<Job>> {
        self.at(self.number(name)?)
    }

    #[inline]
    pub(crate) fn at(&self, number: JobNumber) -> Option<&Arc<Job>> {
        match &self.held {
            Some(held) if self.last == number => Some(held),
            _ => self.list.at(number),
        }
    }

    pub(crate) fn get_mut(&mut self, name: &JobName) -> Option<&mut Arc<Job>> {
        let number = self.number(name)?;
        self.turn_to(number);
        if self.held.is_none() {
            self.held = self.list.slots.take(number.0);
        }
        self.held.as_mut()
    }

    /// Remembers a job as the one that the next questions are about.
    pub(crate) fn turn_to(&mut self, number: JobNumber) {
        if self.last != number || self.last_name.is_none() {
            self.put_back();
            self.last_name = self.at(number).map(|job| job.spec.name.clone());
            self.last = number;
        }
    }

    fn put_back(&mut self) {
        if let Some(held) = self.held.take() {
            self.list.slots.set(self.last.0, Some(held));
        }
    }

    /// The same by name; nothing happens when there is no such job.
    pub(crate) fn turn_to_name(&mut self, name: &JobName) {
        if let Some(number) = self.number(name) {
            self.turn_to(number);
        }
    }

    /// Takes all jobs of a store at once, where there are none yet.
    pub(crate) fn fill(&mut self, jobs: Vec<Job>) {
        self.reserve(jobs.len());
        let mut names = Vec::with_capacity(jobs.len());
        for (job, number) in jobs.into_iter().zip(0..) {
            names.push((job.spec.name.clone(), JobNumber(number)));
            self.put(JobNumber(number), Arc::new(job), true);
        }
        // They come in order. Put in one after the other they would leave every node of the tree half
        // full; every other one first leaves gaps that the rest fills, for half the room.
        for odd in [0, 1] {
            let half = names.iter().skip(odd).step_by(2).cloned();
            self.list.numbers.extend(half);
        }
    }

    /// Puts a job under its name, in the place of one that is there.
    pub(crate) fn insert(&mut self, job: Arc<Job>) -> JobNumber {
        let name = job.spec.name.clone();
        let known = self.number(&name);
        let number = known.unwrap_or_else(|| {
            let next = JobNumber(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
            self.free.pop().unwrap_or(next)
        });
        self.put(number, job, known.is_none());
        if known.is_none() {
            self.list.numbers.insert(name, number);
        }
        number
    }

    fn put(&mut self, number: JobNumber, job: Arc<Job>, new: bool) {
        let name = job.spec.name.clone();
        self.put_back();
        self.list.slots.set(number.0, Some(job));
        self.last = number;
        if new {
            let slots = &self.list.slots;
            let rehash = |number: &JobNumber| {
                let job = slots.get(number.0);
                job.map_or(0, |job| hash(&job.spec.name))
            };
            self.index.insert_unique(hash(&name), number, rehash);
        }
        self.last_name = Some(name);
    }

    pub(crate) fn remove(&mut self, name: &JobName) -> Option<Arc<Job>> {
        let number = self.number(name)?;
        self.put_back();
        self.last_name = None;
        self.list.numbers.remove(name);
        if let Ok(entry) = self.index.find_entry(hash(name), |&other| other == number) {
            entry.remove();
        }
        let job = self.at(number).cloned();
        self.list.slots.set(number.0, None);
        self.free.push(number);
        job
    }

    // So that the table does not grow step by step.
    fn reserve(&mut self, more: usize) {
        let slots = &self.list.slots;
        self.index.reserve(more, |number| {
            let job = slots.get(number.0);
            job.map_or(0, |job| hash(&job.spec.name))
        });
    }

    /// Returns all numbers and names, by name.
    pub(crate) fn numbers(&self) -> Vec<(JobNumber, JobName)> {
        let numbers = self.list.numbers.iter();
        numbers
            .map(|(name, &number)| (number, name.clone()))
            .collect()
    }

    /// Returns all jobs, by name.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.from(Bound::Unbounded)
    }

    /// Returns the jobs from a name on, by name.
    pub(crate) fn from(&self, name: Bound<JobName>) -> impl Iterator<Item = &Arc<Job>> {
        let numbers = self.list.numbers.range((name, Bound::Unbounded));
        numbers.filter_map(|(_, &number)| self.at(number))
    }
}

// With fixed keys, so that equal inputs make equal tables.
fn hash(name: &JobName) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}
