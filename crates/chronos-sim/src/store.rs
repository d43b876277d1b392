//! A store that keeps its promises: atomic, in order, fenced by term, and checked against revisions.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chronos_model::{
    Calendar, CalendarName, FrameworkId, JobName, JobProgress, JobRecord, JobSpec, Revision, Run,
    RunKey, RunState, Snapshot, Tomb, Write,
};

/// What survives the death of every scheduler.
#[derive(Clone, Debug, Default)]
pub struct Store {
    term: u64,
    specs: BTreeMap<JobName, (Arc<JobSpec>, Revision)>,
    progress: BTreeMap<JobName, (JobProgress, Revision)>,
    runs: BTreeMap<RunKey, Run>,
    active: BTreeSet<RunKey>,
    tombs: BTreeMap<JobName, Tomb>,
    calendars: BTreeMap<CalendarName, Arc<Calendar>>,
    framework_id: Option<FrameworkId>,
}

impl Store {
    /// Begins a new term: from now on writes of older ones are refused.
    pub const fn next_term(&mut self) -> u64 {
        self.term += 1;
        self.term
    }

    /// Returns the newest term.
    pub const fn term(&self) -> u64 {
        self.term
    }

    /// Returns all runs that are kept.
    pub const fn runs(&self) -> &BTreeMap<RunKey, Run> {
        &self.runs
    }

    /// Returns the definitions of all jobs.
    pub fn specs(&self) -> impl Iterator<Item = &Arc<JobSpec>> {
        self.specs.values().map(|(spec, _)| spec)
    }

    /// Whether a run has not ended.
    pub fn has_active_runs(&self) -> bool {
        !self.active.is_empty()
    }

    /// Returns the runs that have not ended.
    pub fn active_runs(&self) -> impl Iterator<Item = &Run> {
        self.active.iter().filter_map(|key| self.runs.get(key))
    }

    /// Returns what a new leader needs.
    pub fn snapshot(&self) -> Snapshot {
        let jobs = self
            .specs
            .iter()
            .filter_map(|(name, (spec, spec_revision))| {
                let (progress, progress_revision) = self.progress.get(name)?;
                Some(JobRecord {
                    spec: Arc::clone(spec),
                    spec_revision: *spec_revision,
                    progress: progress.clone(),
                    progress_revision: *progress_revision,
                })
            });
        Snapshot {
            jobs: jobs.collect(),
            active_runs: self.active_runs().cloned().collect(),
            calendars: self.calendars.values().cloned().collect(),
            tombs: self.tombs.clone(),
            framework_id: self.framework_id.clone(),
            quarantined: Vec::new(),
        }
    }

    /// Carries out writes, and says what in them does not fit what is stored: the scheduler must
    /// know better.
    pub fn apply(&mut self, writes: &[Write]) -> Vec<String> {
        let mut broken = Vec::new();
        for write in writes {
            self.apply_one(write, &mut broken);
        }
        broken
    }

    fn apply_one(&mut self, write: &Write, broken: &mut Vec<String>) {
        match write {
            Write::PutSpec { spec, expected } => {
                let found = self.specs.get(&spec.name).map_or(0, |&(_, found)| found);
                expect(found, *expected, "definition", &spec.name, broken);
                self.tombs.remove(&spec.name);
                self.specs
                    .insert(spec.name.clone(), (Arc::clone(spec), expected + 1));
            }
            Write::PutProgress {
                job,
                progress,
                expected,
            } => {
                let found = self.progress.get(job).map_or(0, |&(_, found)| found);
                expect(found, *expected, "progress", job, broken);
                self.progress
                    .insert(job.clone(), (progress.as_ref().clone(), expected + 1));
            }
            Write::DeleteJob {
                job,
                expected,
                tomb,
            } => {
                let found = self.specs.remove(job).map_or(0, |(_, found)| found);
                expect(found, *expected, "definition", job, broken);
                self.progress.remove(job);
                self.tombs.insert(job.clone(), *tomb);
            }
            Write::PutRun(run) => self.put_run(run, broken),
            Write::PutCalendar(calendar) => {
                self.calendars
                    .insert(calendar.name().clone(), Arc::clone(calendar));
            }
            Write::DeleteCalendar(name) => {
                self.calendars.remove(name);
            }
            Write::PutFrameworkId(id) => self.framework_id.clone_from(id),
            Write::Forget { job } => {
                self.tombs.remove(job);
                self.runs
                    .retain(|key, run| key.job != *job || run.state != RunState::Ended);
            }
        }
    }

    fn put_run(&mut self, run: &Run, broken: &mut Vec<String>) {
        if run.state == RunState::Ended {
            self.active.remove(&run.key);
        } else {
            self.active.insert(run.key.clone());
        }
        let before = self.runs.insert(run.key.clone(), run.clone());
        if before.is_some_and(|before| before.state == RunState::Ended) {
            broken.push(format!("{} is written after its end", run.key));
        }
    }
}

fn expect(
    found: Revision,
    expected: Revision,
    what: &str,
    job: &JobName,
    broken: &mut Vec<String>,
) {
    if found != expected {
        broken.push(format!(
            "{what} of {job} is at revision {found}, and a write expects {expected}"
        ));
    }
}
