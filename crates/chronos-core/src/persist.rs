//! What must be durable before it may show: the writes of one input, and what waits for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chronos_model::{
    Calendar, CalendarName, JobName, Revision, Run, RunKey, RunState, Tomb, Write,
};

use crate::{
    ClusterCall, Effect, Mutant, Notice, OfferId, PersistId, Scheduler, Task, alarm::Alarm,
};

/// What one input changed, gathered so that each value is written once.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    jobs: BTreeMap<JobName, JobChanges>,
    calendars: BTreeMap<CalendarName, Option<Arc<Calendar>>>,
    gate: Gate,
}

#[derive(Debug, Default)]
struct JobChanges {
    deleted: Option<(Revision, Tomb)>,
    forgotten: bool,
    spec: bool,
    progress: bool,
    runs: BTreeSet<RunKey>,
}

/// What happens once the writes are durable.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    effects: Vec<Effect>,
    launches: Vec<(OfferId, Vec<RunKey>)>,
    ended: Vec<RunKey>,
}

impl Changes {
    pub(crate) fn spec(&mut self, job: &JobName) {
        self.of(job).spec = true;
    }

    pub(crate) fn progress(&mut self, job: &JobName) {
        self.of(job).progress = true;
    }

    pub(crate) fn run(&mut self, key: &RunKey) {
        self.of(&key.job).runs.insert(key.clone());
    }

    pub(crate) fn delete(&mut self, job: &JobName, revision: Revision, tomb: Tomb) {
        let changes = self.of(job);
        changes.deleted = Some((revision, tomb));
        changes.spec = false;
        changes.progress = false;
    }

    pub(crate) fn forget(&mut self, job: &JobName) {
        self.of(job).forgotten = true;
    }

    /// Writes a calendar, or that it is gone.
    pub(crate) fn calendar(&mut self, name: CalendarName, calendar: Option<Arc<Calendar>>) {
        self.calendars.insert(name, calendar);
    }

    /// Holds an effect back until everything that this input changed is durable.
    pub(crate) fn then(&mut self, effect: Effect) {
        self.gate.effects.push(effect);
    }

    /// Holds a launch back until its intent is durable.
    pub(crate) fn then_launch(&mut self, offer: OfferId, runs: Vec<RunKey>) {
        self.gate.launches.push((offer, runs));
    }

    fn of(&mut self, job: &JobName) -> &mut JobChanges {
        if !self.jobs.contains_key(job) {
            self.jobs.insert(job.clone(), JobChanges::default());
        }
        self.jobs.get_mut(job).expect("inserted above")
    }
}

impl Gate {
    fn says_yes(&self) -> bool {
        let is_yes = |effect: &Effect| matches!(effect, Effect::Reply { reply: Ok(_), .. });
        self.effects.iter().any(is_yes)
    }
}

impl Scheduler {
    /// Turns what this input changed into one write, and lets go what waits for nothing.
    pub(crate) fn flush(&mut self) {
        let Changes {
            jobs,
            calendars,
            mut gate,
        } = std::mem::take(&mut self.changes);
        let mut writes = Vec::new();
        for (name, calendar) in calendars {
            writes.push(match calendar {
                Some(calendar) => Write::PutCalendar(calendar),
                None => Write::DeleteCalendar(name),
            });
        }
        for (job, changes) in jobs {
            self.collect(&job, changes, &mut writes, &mut gate);
        }
        // A leader whose term is over may not know. What it says yes to must have gone by the store, even
        // when there is nothing to write: a commit without writes asks whether the term still holds.
        if writes.is_empty() && !gate.says_yes() {
            self.open(gate);
            return;
        }
        if self.has_bug(Mutant::LaunchesUnwritten) {
            for (offer, runs) in std::mem::take(&mut gate.launches) {
                self.launch(offer, runs);
            }
        }
        self.persist_count = self.persist_count.wrapping_add(1);
        let request = PersistId(self.persist_count);
        self.gates.insert(request, gate);
        self.outbox.push_back(Effect::Persist { request, writes });
    }

    fn collect(
        &mut self,
        name: &JobName,
        changes: JobChanges,
        writes: &mut Vec<Write>,
        gate: &mut Gate,
    ) {
        if let Some((expected, tomb)) = changes.deleted {
            writes.push(Write::DeleteJob {
                job: name.clone(),
                expected,
                tomb,
            });
        }
        if changes.forgotten {
            writes.push(Write::Forget { job: name.clone() });
        }
        if let Some(job) = self
            .jobs
            .get_mut(name)
            .filter(|_| changes.spec || changes.progress)
        {
            let job = Arc::make_mut(job);
            if changes.spec {
                writes.push(Write::PutSpec {
                    spec: Arc::clone(&job.spec),
                    expected: job.spec_revision,
                });
                job.spec_revision = job.spec_revision.wrapping_add(1);
            }
            if changes.progress {
                let progress = Box::new(job.progress.clone());
                let expected = job.progress_revision;
                writes.push(Write::PutProgress {
                    job: name.clone(),
                    progress,
                    expected,
                });
                job.progress_revision = job.progress_revision.wrapping_add(1);
            }
        }
        for key in changes.runs {
            let Some(run) = self.find_run(&key) else {
                continue;
            };
            if run.state == RunState::Ended {
                gate.ended.push(key);
            }
            let mut run = run.as_ref().clone();
            // That it runs is known from the agent, and not worth a write.
            if run.state == RunState::Running {
                run.state = RunState::Starting;
            }
            writes.push(Write::PutRun(Box::new(run)));
        }
    }

    /// A write is durable: what waited for it may happen.
    pub(crate) fn persisted(&mut self, request: PersistId) {
        if let Some(gate) = self.gates.remove(&request) {
            self.open(gate);
        }
    }

    fn open(&mut self, gate: Gate) {
        for key in gate.ended {
            self.drop_ended(&key);
        }
        // Acknowledgements first: a run that was dropped may be launched again here, under the same key.
        self.outbox.extend(gate.effects);
        for (offer, runs) in gate.launches {
            self.launch(offer, runs);
        }
    }

    // The store has it; readers find it there from now on.
    fn drop_ended(&mut self, key: &RunKey) {
        let place = (key.due, key.attempt);
        if let Some(runs) = self.orphans.get_mut(&key.job) {
            if runs
                .get(&place)
                .is_some_and(|run| run.state == RunState::Ended)
            {
                runs.remove(&place);
            }
            if runs.is_empty() {
                self.orphans.remove(&key.job);
            }
        }
        if let Some(job) = self.jobs.get_mut(&key.job)
            && job
                .runs
                .get(&place)
                .is_some_and(|run| run.state == RunState::Ended)
        {
            Arc::make_mut(job).runs.remove(&place);
        }
    }

    // The intent is durable. A run that was killed meanwhile is not started any more.
    fn launch(&mut self, offer: OfferId, runs: Vec<RunKey>) {
        let mut tasks = Vec::with_capacity(runs.len());
        for key in runs {
            if !self.unlaunched.remove(&key) {
                continue;
            }
            let Some(run) = self
                .find_run(&key)
                .filter(|run| run.state == RunState::Starting)
                .cloned()
            else {
                continue;
            };
            let Some(job) = self.jobs.get(&key.job).filter(|_| !run.kill_requested) else {
                self.end_killed_unlaunched(&key);
                continue;
            };
            let mut spec = Arc::clone(&job.spec);
            if self.has_bug(Mutant::LaunchesAnother) {
                Arc::make_mut(&mut spec).command.clear();
            }
            let job_start_timeout = i64::try_from(job.spec.start_timeout_secs).unwrap_or(i64::MAX);
            let start = job.start_of(run.target);
            let late_millis = self.now.wall.millis_since(run.not_before.unwrap_or(start));
            self.tell_of_launch(&run, late_millis);
            if job_start_timeout > 0 {
                let millis = job_start_timeout.saturating_mul(1000);
                self.set_alarm(millis, Alarm::StartLimit(key.clone()));
            }
            tasks.push(Task {
                key,
                target: run.target,
                spec,
                arguments: run.arguments.clone(),
                parent_runs: run
                    .parents
                    .as_ref()
                    .map_or_else(Vec::new, |parents| parents.runs.clone()),
            });
        }
        let call = if tasks.is_empty() {
            ClusterCall::Decline { offer }
        } else {
            ClusterCall::Launch { offer, tasks }
        };
        self.outbox.push_back(Effect::Cluster(call));
    }

    fn tell_of_launch(&mut self, run: &Run, late_millis: i64) {
        let key = run.key.clone();
        self.notice(Notice::RunLaunched {
            key: key.clone(),
            late_millis,
        });
        // Once for each run: whoever waited too long has been told of already.
        let told = self.lates.get(&key) == Some(&None) || key.attempt > 0;
        let limit = self.late_limit_millis(&key);
        if !told && limit.is_some_and(|limit| late_millis > limit) {
            self.notice(Notice::TargetLate {
                key: key.clone(),
                late_millis,
                started: true,
            });
        }
        self.no_longer_late(&key);
    }
}
