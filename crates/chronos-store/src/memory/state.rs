//! The data of the memory store, and what each write does to it.
//!
//! This is the contract in its plainest form: what other stores do in SQL or in znodes is compared
//! with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chronos_model::{
    Calendar, CalendarName, FrameworkId, JobName, JobProgress, JobRecord, JobSpec, Revision, Run,
    RunKey, RunQuery, RunState, Snapshot, Timestamp, Tomb, Write,
};

use crate::{CommitError, RUNS_PER_QUERY_MAX, RecordKey, Term, limits::history_slack};

#[derive(Debug)]
pub(super) struct State {
    term: Option<Term>,
    jobs: BTreeMap<JobName, Job>,
    tombs: BTreeMap<JobName, Tomb>,
    runs: BTreeMap<RunKey, Run>,
    active: BTreeSet<RunKey>,
    ended: BTreeMap<JobName, usize>,
    calendars: BTreeMap<CalendarName, Arc<Calendar>>,
    framework_id: Option<FrameworkId>,
    history: usize,
}

#[derive(Clone, Debug)]
struct Job {
    spec: Arc<JobSpec>,
    spec_revision: Revision,
    progress: JobProgress,
    progress_revision: Revision,
}

// What stood there before a write, to be put back when a later one is refused.
enum Undo {
    Job(JobName, Option<Job>),
    Tomb(JobName, Option<Tomb>),
    Run(RunKey, Option<Run>),
    Calendar(CalendarName, Option<Arc<Calendar>>),
    FrameworkId(Option<FrameworkId>),
}

impl State {
    pub(super) fn new(history: usize) -> Self {
        Self {
            term: None,
            jobs: BTreeMap::new(),
            tombs: BTreeMap::new(),
            runs: BTreeMap::new(),
            active: BTreeSet::new(),
            ended: BTreeMap::new(),
            calendars: BTreeMap::new(),
            framework_id: None,
            history,
        }
    }

    pub(super) fn term(&self) -> Option<Term> {
        self.term
    }

    pub(super) fn begin_term(&mut self) -> Term {
        let term = self.term.map_or(Term::FIRST, Term::next);
        self.term = Some(term);
        term
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let jobs = self.jobs.values().map(|job| JobRecord {
            spec: job.spec.clone(),
            spec_revision: job.spec_revision,
            progress: job.progress.clone(),
            progress_revision: job.progress_revision,
        });
        let active = self.active.iter().filter_map(|key| self.runs.get(key));
        Snapshot {
            jobs: jobs.collect(),
            active_runs: active.cloned().collect(),
            calendars: self.calendars.values().cloned().collect(),
            tombs: self.tombs.clone(),
            framework_id: self.framework_id.clone(),
            quarantined: Vec::new(),
        }
    }

    pub(super) fn run(&self, key: &RunKey) -> Option<Run> {
        self.runs.get(key).cloned()
    }

    pub(super) fn runs(&self, query: &RunQuery) -> Vec<Run> {
        let first = first_key(&query.job);
        let end = match &query.before {
            Some(before) => self.runs.range(first..before.clone()),
            None => self.runs.range(first..=last_key(&query.job)),
        };
        end.rev()
            .map(|(_, run)| run)
            .filter(|run| run.state == RunState::Ended)
            .take(query.limit.min(RUNS_PER_QUERY_MAX))
            .cloned()
            .collect()
    }

    pub(super) fn apply(&mut self, writes: &[Write]) -> Result<(), CommitError> {
        let mut undo = Vec::new();
        for write in writes {
            if let Err(error) = self.apply_one(write, &mut undo) {
                for undo in undo.into_iter().rev() {
                    self.put_back(undo);
                }
                return Err(error);
            }
        }
        for job in writes.iter().filter_map(Write::job) {
            self.prune(job);
        }
        Ok(())
    }

    fn apply_one(&mut self, write: &Write, undo: &mut Vec<Undo>) -> Result<(), CommitError> {
        match write {
            Write::PutSpec { spec, expected } => {
                self.check_spec(&spec.name, *expected)?;
                let mut job = self.jobs.get(&spec.name).cloned().unwrap_or_else(|| Job {
                    spec: spec.clone(),
                    spec_revision: 0,
                    progress: JobProgress::default(),
                    progress_revision: 0,
                });
                job.spec = spec.clone();
                job.spec_revision = next(*expected);
                self.put_job(&spec.name, Some(job), undo);
                self.put_tomb(&spec.name, None, undo);
            }
            Write::PutProgress {
                job: name,
                progress,
                expected,
            } => {
                let job = self.jobs.get(name);
                let found = job.map_or(0, |job| job.progress_revision);
                check(RecordKey::Progress(name.clone()), *expected, found)?;
                let Some(job) = job else {
                    return Err(CommitError::Conflict {
                        key: RecordKey::Spec(name.clone()),
                        expected: 1,
                        found: 0,
                    });
                };
                let mut job = job.clone();
                job.progress = JobProgress::clone(progress);
                job.progress_revision = next(*expected);
                self.put_job(name, Some(job), undo);
            }
            Write::DeleteJob {
                job,
                expected,
                tomb,
            } => {
                self.check_spec(job, *expected)?;
                self.put_job(job, None, undo);
                self.put_tomb(job, Some(*tomb), undo);
            }
            Write::PutRun(run) => self.put_run(&run.key, Some(Run::clone(run)), undo),
            Write::Forget { job } => {
                self.check_spec(job, 0)?;
                self.put_tomb(job, None, undo);
                let ended: Vec<RunKey> = self.ended_keys(job).cloned().collect();
                for key in ended {
                    self.put_run(&key, None, undo);
                }
            }
            Write::PutCalendar(calendar) => {
                self.put_calendar(calendar.name(), Some(calendar.clone()), undo);
            }
            Write::DeleteCalendar(name) => self.put_calendar(name, None, undo),
            Write::PutFrameworkId(id) => {
                let before = std::mem::replace(&mut self.framework_id, id.clone());
                undo.push(Undo::FrameworkId(before));
            }
        }
        Ok(())
    }

    fn check_spec(&self, job: &JobName, expected: Revision) -> Result<(), CommitError> {
        let found = self.jobs.get(job).map_or(0, |job| job.spec_revision);
        check(RecordKey::Spec(job.clone()), expected, found)
    }

    fn put_job(&mut self, name: &JobName, job: Option<Job>, undo: &mut Vec<Undo>) {
        let before = replace(&mut self.jobs, name, job);
        undo.push(Undo::Job(name.clone(), before));
    }

    fn put_tomb(&mut self, name: &JobName, tomb: Option<Tomb>, undo: &mut Vec<Undo>) {
        let before = replace(&mut self.tombs, name, tomb);
        undo.push(Undo::Tomb(name.clone(), before));
    }

    fn put_run(&mut self, key: &RunKey, run: Option<Run>, undo: &mut Vec<Undo>) {
        let before = self.replace_run(key, run);
        undo.push(Undo::Run(key.clone(), before));
    }

    fn put_calendar(
        &mut self,
        name: &CalendarName,
        calendar: Option<Arc<Calendar>>,
        undo: &mut Vec<Undo>,
    ) {
        let before = replace(&mut self.calendars, name, calendar);
        undo.push(Undo::Calendar(name.clone(), before));
    }

    // Keeps the list of active runs and the count of ended ones beside the runs.
    fn replace_run(&mut self, key: &RunKey, run: Option<Run>) -> Option<Run> {
        let is_active = |run: &Option<Run>| run.as_ref().map(|run| run.state != RunState::Ended);
        let after = is_active(&run);
        let before = replace(&mut self.runs, key, run);
        match after {
            Some(true) => drop(self.active.insert(key.clone())),
            Some(false) | None => drop(self.active.remove(key)),
        }
        let ended = self.ended.entry(key.job.clone()).or_insert(0);
        *ended += usize::from(after == Some(false));
        *ended -= usize::from(is_active(&before) == Some(false));
        before
    }

    fn put_back(&mut self, undo: Undo) {
        match undo {
            Undo::Job(name, job) => drop(replace(&mut self.jobs, &name, job)),
            Undo::Tomb(name, tomb) => drop(replace(&mut self.tombs, &name, tomb)),
            Undo::Run(key, run) => drop(self.replace_run(&key, run)),
            Undo::Calendar(name, calendar) => {
                drop(replace(&mut self.calendars, &name, calendar));
            }
            Undo::FrameworkId(id) => self.framework_id = id,
        }
    }

    fn ended_keys(&self, job: &JobName) -> impl Iterator<Item = &RunKey> {
        self.runs
            .range(first_key(job)..=last_key(job))
            .filter(|(_, run)| run.state == RunState::Ended)
            .map(|(key, _)| key)
    }

    fn prune(&mut self, job: &JobName) {
        let count = self.ended.get(job).copied().unwrap_or(0);
        if count <= self.history + history_slack(self.history) {
            return;
        }
        let surplus = count - self.history;
        let oldest: Vec<RunKey> = self.ended_keys(job).take(surplus).cloned().collect();
        for key in oldest {
            self.replace_run(&key, None);
        }
    }
}

fn check(key: RecordKey, expected: Revision, found: Revision) -> Result<(), CommitError> {
    if expected == found {
        return Ok(());
    }
    Err(CommitError::Conflict {
        key,
        expected,
        found,
    })
}

fn next(revision: Revision) -> Revision {
    revision + 1
}

fn replace<K: Clone + Ord, V>(map: &mut BTreeMap<K, V>, key: &K, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => map.insert(key.clone(), value),
        None => map.remove(key),
    }
}

fn first_key(job: &JobName) -> RunKey {
    RunKey {
        job: job.clone(),
        due: Timestamp::from_millis(i64::MIN),
        attempt: 0,
    }
}

fn last_key(job: &JobName) -> RunKey {
    RunKey {
        job: job.clone(),
        due: Timestamp::from_millis(i64::MAX),
        attempt: u32::MAX,
    }
}
