//! What an import will do, job by job, and doing it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use chronos_model::{
    FrameworkId, JobLinks, JobName, JobProgress, JobRecord, Quarantined, Revision, Run, RunCause,
    RunKey, RunState, Snapshot, Timestamp, Tomb, Write,
};
use chronos_store::{CommitError, Committing, Store, Term, check::unconnected};
use thiserror::Error;

use super::{
    document::{Counters, OldJob},
    next::{NextRun, places},
    read::ChronosTree,
};

/// How late a task of a 2.x may be when its job does not say: the default of `--task_epsilon`.
const EPSILON_MILLIS_DEFAULT: i64 = 60_000;

/// Commits on their way: enough for every store to write them in groups.
const COMMITS_IN_FLIGHT: usize = 256;

/// How to import.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ImportOptions {
    /// Now.
    pub now: Timestamp,
    /// Jobs of the target that are different are replaced; otherwise they stay as they are.
    pub replace: bool,
    /// Takes over the framework's id.
    pub take_framework_id: bool,
    /// Tasks of a 2.x that are not too late become runs that wait.
    pub take_tasks: bool,
}

/// What an import will do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImportPlan {
    /// Each job that can be taken, by name.
    pub jobs: Vec<PlannedJob>,
    /// Each task of a 2.x.
    pub tasks: Vec<PlannedTask>,
    /// The framework's id that was found, and what becomes of it.
    pub framework_id: Option<(FrameworkId, Action)>,
    /// What cannot be taken, by node, and why.
    pub quarantined: Vec<Quarantined>,
}

/// What becomes of a job.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlannedJob {
    /// Its name.
    pub name: JobName,
    /// What will be done.
    pub action: Action,
    /// When Chronos would run it next.
    pub before: NextRun,
    /// When it will be run next.
    pub after: NextRun,
    /// How many runs of its schedule were left; `None` for no end, and for a job without one.
    pub runs_left_before: Option<u64>,
    /// How many are left.
    pub runs_left_after: Option<u64>,
    /// What becomes different, field by field.
    pub notes: Vec<String>,
    writes: Vec<Write>,
}

/// What is done about a job, or about the framework's id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// It is made.
    Create,
    /// It takes the place of another one.
    Replace,
    /// The target has the same already.
    Unchanged,
    /// The target has another one, which stays.
    Differs,
    /// It is not taken unless asked for.
    NotAsked,
}

/// What becomes of a task of a 2.x.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlannedTask {
    /// The job, the instant and the attempt that it is for.
    pub key: RunKey,
    /// What will be done.
    pub fate: TaskFate,
}

/// What becomes of a task of a 2.x.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TaskFate {
    /// It becomes a run that waits for its instant.
    Run,
    /// It could become one, and nobody asked for it.
    NotAsked,
    /// It is later than its job allows; Chronos would drop it too.
    TooLate,
    /// Its job is not taken now.
    NoJob,
}

/// Why an import was not finished.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{what}: {source}; what was written before stays, and the import may be run again")]
pub struct ImportError {
    /// What was not written.
    pub what: String,
    /// Why.
    pub source: CommitError,
}

impl ImportPlan {
    /// Compares what Chronos left with what the target has.
    pub fn new(tree: &ChronosTree, target: &Snapshot, options: &ImportOptions) -> Self {
        let mut known: BTreeMap<&JobName, &JobRecord> = BTreeMap::new();
        known.extend(target.jobs.iter().map(|job| (&job.spec.name, job)));
        let found = tree.jobs.iter().map(|job| (job.name(), &job.0)).collect();
        let mut quarantined = tree.quarantined.clone();
        let found = with_parents(found, &known, &mut quarantined);
        let mut planner = Planner {
            options,
            known,
            tombs: &target.tombs,
            jobs: Vec::new(),
        };
        for job in found.into_values() {
            if let Err(problem) = planner.add(job) {
                let key = format!("J_{}", job.spec.name);
                quarantined.push(Quarantined { key, problem });
            }
        }
        let tasks = tree.tasks.iter().map(|task| planner.task(&task.key));
        let tasks = tasks.collect();
        Self {
            jobs: planner.jobs,
            tasks,
            framework_id: tree.framework_id.clone().map(|id| {
                let action = framework_action(&id, target.framework_id.as_ref(), options);
                (id, action)
            }),
            quarantined,
        }
    }

    /// Returns how many jobs will be written.
    pub fn changes(&self) -> usize {
        let changed = self.jobs.iter().filter(|job| !job.writes.is_empty());
        changed.count()
    }

    /// Writes what is planned.
    ///
    /// Each job is written whole or not at all.
    ///
    /// # Errors
    ///
    /// [`ImportError`] at the first that is not written; those after it may be written.
    pub async fn apply(&self, store: &dyn Store, term: Term) -> Result<(), ImportError> {
        let mut answers: VecDeque<(&JobName, Committing)> = VecDeque::new();
        for job in self.jobs.iter().filter(|job| !job.writes.is_empty()) {
            if answers.len() == COMMITS_IN_FLIGHT
                && let Some((name, answer)) = answers.pop_front()
            {
                answer.await.map_err(|source| not_written(name, source))?;
            }
            answers.push_back((&job.name, store.commit(term, job.writes.clone())));
        }
        for (name, answer) in answers {
            answer.await.map_err(|source| not_written(name, source))?;
        }
        if let Some((id, Action::Create | Action::Replace)) = &self.framework_id {
            let write = Write::PutFrameworkId(Some(id.clone()));
            let written = store.commit(term, vec![write]).await;
            written.map_err(|source| ImportError {
                what: "framework id".to_owned(),
                source,
            })?;
        }
        Ok(())
    }
}

fn not_written(job: &JobName, source: CommitError) -> ImportError {
    ImportError {
        what: format!("job {job}"),
        source,
    }
}

// Takes the jobs whose parents are there; all others would stand still for good.
fn with_parents<'a>(
    mut found: BTreeMap<&'a JobName, &'a OldJob>,
    known: &BTreeMap<&JobName, &JobRecord>,
    quarantined: &mut Vec<Quarantined>,
) -> BTreeMap<&'a JobName, &'a OldJob> {
    let none = BTreeSet::new();
    // Those of the target are there, whatever becomes of them.
    let mut parents: BTreeMap<&JobName, &BTreeSet<JobName>> =
        known.keys().map(|name| (*name, &none)).collect();
    parents.extend(found.iter().map(|(name, job)| (*name, job.spec.parents())));
    for (name, problem) in unconnected(parents) {
        found.remove(&name);
        let key = format!("J_{name}");
        quarantined.push(Quarantined { key, problem });
    }
    found
}

fn framework_action(
    id: &FrameworkId,
    known: Option<&FrameworkId>,
    options: &ImportOptions,
) -> Action {
    match known {
        Some(known) if known == id => Action::Unchanged,
        _ if !options.take_framework_id => Action::NotAsked,
        Some(_) if !options.replace => Action::Differs,
        Some(_) => Action::Replace,
        None => Action::Create,
    }
}

struct Planner<'a> {
    options: &'a ImportOptions,
    known: BTreeMap<&'a JobName, &'a JobRecord>,
    tombs: &'a BTreeMap<JobName, Tomb>,
    jobs: Vec<PlannedJob>,
}

impl Planner<'_> {
    fn add(&mut self, job: &OldJob) -> Result<(), String> {
        let now = self.options.now;
        let name = &job.spec.name;
        let places = places(&job.spec, job.of_2, now);
        let places = places.map_err(|error| error.to_string())?;
        let known = self.known.get(name).copied();
        let action = match known {
            None => Action::Create,
            Some(known) if *known.spec == job.spec => Action::Unchanged,
            Some(_) if self.options.replace => Action::Replace,
            Some(_) => Action::Differs,
        };
        let mut progress = self.progress(job);
        progress.next = places.next;
        let writes = match action {
            Action::Create => writes(job, progress, (0, 0)),
            Action::Replace => {
                let revisions = known.map(|job| (job.spec_revision, job.progress_revision));
                writes(job, progress, revisions.unwrap_or_default())
            }
            Action::Unchanged | Action::Differs | Action::NotAsked => Vec::new(),
        };
        self.jobs.push(PlannedJob {
            name: name.clone(),
            action,
            before: places.before,
            after: places.after,
            runs_left_before: places.left_before,
            runs_left_after: places.left_after,
            notes: job.notes.clone(),
            writes,
        });
        Ok(())
    }

    // As for a job that is created now, with what Chronos had counted.
    fn progress(&self, job: &OldJob) -> JobProgress {
        let now = self.options.now;
        let name = &job.spec.name;
        let completed = |parent: &JobName| {
            let parent = self.known.get(parent);
            parent.map_or(0, |parent| parent.progress.completed)
        };
        let parents = job.spec.parents().iter();
        let known = self.known.get(name).map(|job| &job.progress);
        let tomb = self.tombs.get(name).and_then(|tomb| tomb.due_max);
        // What was given to a run of this name before is never given again.
        let due_max = known.and_then(|known| known.due_max).or(tomb);
        let Counters {
            success_count,
            error_count,
            errors_since_last_success,
            last_success,
            last_error,
        } = job.counters;
        JobProgress {
            created_at: now,
            anchor: now,
            due_max,
            completed: known.map_or(0, |known| known.completed),
            links: JobLinks {
                due_floor: due_max,
                due_birth: known.map_or(tomb, |known| known.links.due_birth),
                consumed: parents
                    .map(|parent| (parent.clone(), completed(parent)))
                    .collect(),
                ..JobLinks::default()
            }
            .into(),
            success_count,
            error_count,
            errors_since_last_success,
            last_success,
            last_error,
            ..JobProgress::default()
        }
    }

    fn task(&mut self, key: &RunKey) -> PlannedTask {
        let now = self.options.now;
        let fate = self.task_fate(key);
        if fate == TaskFate::Run
            && let Ok(at) = self.find(&key.job)
        {
            let job = &mut self.jobs[at];
            job.writes.push(Write::PutRun(Arc::new(waiting(key, now))));
            for write in &mut job.writes {
                if let Write::PutProgress { progress, .. } = write {
                    let progress = Arc::make_mut(progress);
                    progress.due_max = progress.due_max.max(Some(key.due));
                }
            }
        }
        PlannedTask {
            key: key.clone(),
            fate,
        }
    }

    // They are in the order of their names.
    fn find(&self, name: &JobName) -> Result<usize, usize> {
        self.jobs.binary_search_by(|job| job.name.cmp(name))
    }

    fn task_fate(&self, key: &RunKey) -> TaskFate {
        let job = self.find(&key.job).ok().map(|at| &self.jobs[at]);
        let Some(job) = job.filter(|job| job.action == Action::Create) else {
            return TaskFate::NoJob;
        };
        let epsilon = job.writes.iter().find_map(|write| match write {
            Write::PutSpec { spec, .. } => {
                spec.details.epsilon.as_ref().map(|epsilon| epsilon.millis)
            }
            Write::PutProgress { .. }
            | Write::DeleteJob { .. }
            | Write::PutRun(_)
            | Write::PutCalendar(_)
            | Write::DeleteCalendar(_)
            | Write::Forget { .. }
            | Write::PutFrameworkId(_) => None,
        });
        let late = self.options.now.millis_since(key.due);
        if late > epsilon.unwrap_or(EPSILON_MILLIS_DEFAULT) {
            TaskFate::TooLate
        } else if self.options.take_tasks {
            TaskFate::Run
        } else {
            TaskFate::NotAsked
        }
    }
}

fn writes(job: &OldJob, progress: JobProgress, expected: (Revision, Revision)) -> Vec<Write> {
    vec![
        Write::PutSpec {
            spec: Arc::new(job.spec.clone()),
            expected: expected.0,
        },
        Write::PutProgress {
            job: job.spec.name.clone(),
            progress: Arc::new(progress),
            expected: expected.1,
        },
    ]
}

fn waiting(key: &RunKey, now: Timestamp) -> Run {
    Run {
        key: key.clone(),
        target: key.due,
        cause: RunCause::Schedule,
        arguments: None,
        state: RunState::Queued,
        not_before: Some(key.due).filter(|due| *due > now),
        outcome: None,
        reason: Some("taken over from Chronos".to_owned()),
        exit_code: None,
        agent: None,
        created_at: now,
        started_at: None,
        ended_at: None,
        kill_requested: false,
        parents: None,
        covers: None,
    }
}
