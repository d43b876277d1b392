//! The store of the world.

use std::{collections::BTreeMap, sync::Arc};

use chronos_model::{
    Calendar, CalendarName, JobName, JobRecord, JobSpec, Run, RunKey, RunState, Snapshot, Tomb,
    Write,
};

/// What survives a crash of the scheduler.
#[derive(Default)]
pub(crate) struct Disk {
    specs: BTreeMap<JobName, (Arc<JobSpec>, u64)>,
    progress: BTreeMap<JobName, (chronos_model::JobProgress, u64)>,
    pub(crate) runs: BTreeMap<RunKey, Run>,
    tombs: BTreeMap<JobName, Tomb>,
    calendars: BTreeMap<CalendarName, Arc<Calendar>>,
}

impl Disk {
    pub(crate) fn snapshot(&self) -> Snapshot {
        let jobs = self.specs.iter().map(|(name, (spec, spec_revision))| {
            let (progress, progress_revision) = self.progress[name].clone();
            JobRecord {
                spec: Arc::clone(spec),
                spec_revision: *spec_revision,
                progress,
                progress_revision,
            }
        });
        Snapshot {
            jobs: jobs.collect(),
            active_runs: self
                .runs
                .values()
                .filter(|run| run.state != RunState::Ended)
                .cloned()
                .collect(),
            tombs: self.tombs.clone(),
            calendars: self.calendars.values().cloned().collect(),
            framework_id: None,
            quarantined: Vec::new(),
        }
    }

    pub(crate) fn apply(&mut self, writes: Vec<Write>) {
        for write in writes {
            match write {
                Write::PutSpec { spec, expected } => {
                    let found = self
                        .specs
                        .get(&spec.name)
                        .map_or(0, |(_, revision)| *revision);
                    assert_eq!(found, expected, "definition of {}", spec.name);
                    self.tombs.remove(&spec.name);
                    self.specs.insert(spec.name.clone(), (spec, expected + 1));
                }
                Write::PutProgress {
                    job,
                    progress,
                    expected,
                } => {
                    let found = self.progress.get(&job).map_or(0, |(_, revision)| *revision);
                    assert_eq!(found, expected, "progress of {job}");
                    self.progress
                        .insert(job, (progress.as_ref().clone(), expected + 1));
                }
                Write::DeleteJob {
                    job,
                    expected,
                    tomb,
                } => {
                    let (_, revision) = self.specs.remove(&job).expect("a deleted job exists");
                    assert_eq!(revision, expected, "definition of {job}");
                    self.progress.remove(&job);
                    self.tombs.insert(job, tomb);
                }
                Write::PutRun(run) => {
                    let before = self.runs.insert(run.key.clone(), run.as_ref().clone());
                    let ended = before.is_some_and(|before| before.state == RunState::Ended);
                    assert!(!ended, "{} ends twice", run.key);
                }
                Write::PutCalendar(calendar) => {
                    self.calendars.insert(calendar.name().clone(), calendar);
                }
                Write::DeleteCalendar(name) => drop(self.calendars.remove(&name)),
                Write::PutFrameworkId(_) => {}
                Write::Forget { job } => {
                    self.tombs.remove(&job);
                    self.runs
                        .retain(|key, run| key.job != job || run.state != RunState::Ended);
                }
            }
        }
    }
}

// The fixed part and the texts, as stores count them; those of one job have to stay together.
pub(crate) fn largest_group(writes: &[Write]) -> usize {
    let jobs = writes.chunk_by(|one, next| one.job() == next.job());
    jobs.map(run_bytes).max().unwrap_or_default()
}

fn run_bytes(writes: &[Write]) -> usize {
    let bytes = |write: &Write| {
        let Write::PutRun(run) = write else {
            return 450;
        };
        1_050 + run.key.job.as_str().len() + run.reason.as_deref().map_or(0, str::len)
    };
    writes.iter().map(bytes).sum()
}
