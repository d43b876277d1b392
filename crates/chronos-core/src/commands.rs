//! What somebody wants: jobs put, deleted, run, marked, killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chronos_model::{
    JobLinks, JobName, JobProgress, JobSource, JobSpec, Outcome, RunCause, RunKey, RunState, Tomb,
    Trigger,
};

use crate::{
    Cascade, Command, Effect, Mutant, Notice, Refusal, Reply, RequestId, Scheduler,
    command::sanitised,
    job::{Job, end, new_run},
    parents::repeated,
    run_list::Runs,
    settings::TOMB_MILLIS,
    targets::{Passed, raise_due_floor},
};

type Answer = Result<Reply, Refusal>;

impl Scheduler {
    pub(crate) fn command(&mut self, request: RequestId, command: Command) {
        let reply = match command {
            Command::Put { spec, source } => self.put(spec, source),
            Command::Delete { job, cascade } => self.delete(&job, cascade),
            Command::Run { job, arguments } => self.run_now(&job, arguments),
            Command::MarkSuccess { job } => self.mark_success(&job),
            Command::KillJob { job } => self.kill_job(&job),
            Command::KillRun { key } => self.kill_one(&key),
            Command::Backfill {
                job,
                from,
                to,
                with_children,
            } => self.backfill(&job, from, to, with_children),
            Command::PutCalendar(calendar) => Ok(self.put_calendar(&calendar)),
            Command::DeleteCalendar(name) => self.delete_calendar(&name),
        };
        let reply = Effect::Reply { request, reply };
        if self.has_bug(Mutant::AnswersUnwritten) {
            self.outbox.push_back(reply);
        } else {
            self.changes.then(reply);
        }
    }

    fn put(&mut self, spec: Arc<JobSpec>, source: Option<JobSource>) -> Answer {
        let name = spec.name.clone();
        self.check_parents(&name, spec.parents())?;
        self.check_calendars(&spec)?;
        if self.jobs.contains(&name) {
            self.replace(spec, source)?;
            Ok(Reply::Updated)
        } else {
            self.create(spec, source)?;
            Ok(Reply::Created)
        }
    }

    fn create(&mut self, spec: Arc<JobSpec>, source: Option<JobSource>) -> Result<(), Refusal> {
        let now = self.now.wall;
        let name = spec.name.clone();
        let targets = compile(&spec, now)?;
        let due_max = self.tombs.remove(&name).and_then(|tomb| tomb.due_max);
        let progress = JobProgress {
            created_at: now,
            anchor: now,
            due_max,
            links: JobLinks {
                due_floor: due_max,
                due_birth: due_max,
                source,
                ..JobLinks::default()
            }
            .into(),
            ..JobProgress::default()
        };
        let exclusions = self.exclusions(&spec);
        let mut job = Job {
            spec,
            spec_revision: 0,
            progress: Arc::new(progress),
            progress_revision: 0,
            targets,
            exclusions,
            wake: None,
            has_children: false,
            runs: Runs::new(),
        };
        let first = job.first_target(now);
        job.progress_mut().next = first;
        if self.has_bug(Mutant::TakesOneTooMany) {
            let overdue = first.filter(|first| first.at <= now);
            let before = overdue
                .zip(job.targets.as_ref())
                .and_then(|(first, targets)| targets.at_or_before(first.at.plus_millis(-1)));
            job.progress_mut().next = before.or(first);
        }
        let next = job.next_run();
        self.use_calendars(&name, &job.spec.details.calendars);
        self.jobs.insert(Arc::new(job));
        self.link(&name);
        self.consume_parents(&name);
        self.changes_of(&name).spec = true;
        self.changes_of(&name).progress = true;
        self.arm(&name);
        self.notice(Notice::JobCreated { job: name, next });
        Ok(())
    }

    /// Replaces the definition of a job that is there. Without a `source` it keeps the one it has: an
    /// edit of a job that a file owns stands until that file changes.
    fn replace(&mut self, spec: Arc<JobSpec>, source: Option<JobSource>) -> Result<(), Refusal> {
        let now = self.now.wall;
        let name = spec.name.clone();
        let same_schedule = self
            .jobs
            .get(&name)
            .is_some_and(|old| old.spec.schedule() == spec.schedule());
        if !same_schedule {
            // What came under the old schedule is its own, even when nobody had a moment to look.
            self.take_targets(&name, Passed::Down);
        }
        let Some(old) = self.jobs.get(&name).cloned() else {
            return Err(Refusal::UnknownJob(name));
        };
        let mut progress = JobProgress::clone(&old.progress);
        if source.is_some() {
            progress.links.source = source;
        }
        if !same_schedule {
            progress.anchor = now;
        }
        let targets = compile(&spec, progress.anchor)?;
        if !same_schedule {
            raise_due_floor(&mut progress);
        }
        let consumed = self.consumed_after_change(&old, &spec);
        if progress.links.consumed != consumed {
            progress.links.consumed = consumed;
        }
        let exclusions = self.exclusions(&spec);
        self.unuse_calendars(&name, &old.spec.details.calendars);
        self.use_calendars(&name, &spec.details.calendars);
        let spec = if self.has_bug(Mutant::KeepsOldDefinition) {
            Arc::clone(&old.spec)
        } else {
            spec
        };
        let spec_changed = spec != old.spec;
        let mut job = Job {
            spec,
            progress: Arc::new(progress),
            targets,
            exclusions,
            ..old.as_ref().clone()
        };
        if !same_schedule {
            let first = job.first_target_after_change(now);
            job.progress_mut().next = first;
        }
        let progress_changed = job.progress != old.progress;
        let next = job.next_run();
        self.jobs.insert(Arc::new(job));
        self.link(&name);
        if spec_changed {
            self.changes_of(&name).spec = true;
            self.notice(Notice::JobUpdated {
                job: name.clone(),
                next,
            });
        }
        if progress_changed {
            self.changes_of(&name).progress = true;
        }
        self.after_replace(&name, &old);
        Ok(())
    }

    fn after_replace(&mut self, name: &JobName, old: &Job) {
        let disabled = self.jobs.get(name).is_some_and(|job| job.spec.disabled);
        match (old.spec.disabled, disabled) {
            (false, true) => self.skip_waiting(name),
            (true, false) => self.take_targets(name, Passed::Disabled),
            (false, false) | (true, true) => self.arm(name),
        }
        // Fewer parents, or another rule, may be all that was missing.
        self.run_if_ready(name, self.now.wall, RunCause::Parents);
        self.review_queue(name);
        self.queue.touch();
    }

    // A parent that stays keeps its count; one that is new counts from now.
    fn consumed_after_change(&self, old: &Job, spec: &JobSpec) -> BTreeMap<JobName, u64> {
        let consumed = |parent: &JobName| match old.progress.links.consumed.get(parent) {
            Some(&consumed) => consumed,
            None => self.completed_count(parent),
        };
        spec.parents()
            .iter()
            .map(|parent| (parent.clone(), consumed(parent)))
            .collect()
    }

    fn delete(&mut self, name: &JobName, cascade: Cascade) -> Answer {
        let Some(job) = self.jobs.get(name).cloned() else {
            return Err(Refusal::UnknownJob(name.clone()));
        };
        let children = self.children(name);
        match cascade {
            Cascade::Refuse if !children.is_empty() => {
                return Err(Refusal::HasChildren {
                    job: name.clone(),
                    children,
                });
            }
            Cascade::Refuse => {}
            Cascade::Reparent => self.reparent(&job, &children)?,
            Cascade::Delete => {
                for descendant in self.graph.descendants(name).into_iter().rev() {
                    self.remove_job(&descendant);
                }
            }
        }
        self.remove_job(name);
        Ok(Reply::Done)
    }

    fn reparent(&mut self, parent: &Job, children: &[JobName]) -> Result<(), Refusal> {
        for child in children {
            let Some(child) = self.jobs.get(child).cloned() else {
                continue;
            };
            let mut parents: BTreeSet<JobName> = child.spec.parents().clone();
            parents.remove(&parent.spec.name);
            parents.extend(parent.spec.parents().iter().cloned());
            let mut spec = child.spec.as_ref().clone();
            spec.trigger = inherited(&child.spec.trigger, &parent.spec.trigger, parents);
            self.replace(Arc::new(spec), None)?;
        }
        Ok(())
    }

    // Its children are gone or have other parents by now.
    fn remove_job(&mut self, name: &JobName) {
        let Some(job) = self.jobs.get(name).cloned() else {
            return;
        };
        self.in_bulk(|scheduler| {
            for run in job.active_runs() {
                scheduler.kill_run(&run.key, "the job was deleted");
            }
        });
        let Some(job) = self.jobs.remove(name) else {
            return;
        };
        self.unlink(name);
        self.unuse_calendars(name, &job.spec.details.calendars);
        if !job.runs.is_empty() {
            self.orphans
                .entry(name.clone())
                .or_default()
                .extend(&job.runs);
        }
        let tomb = Tomb {
            deleted_at: self.now.wall,
            due_max: job.progress.due_max,
        };
        self.bury(name, tomb);
        self.changes_of(name).delete(job.spec_revision, tomb);
        self.notice(Notice::JobDeleted { job: name.clone() });
    }

    pub(crate) fn bury(&mut self, name: &JobName, tomb: Tomb) {
        self.forgettable
            .insert((tomb.deleted_at.plus_millis(TOMB_MILLIS), name.clone()));
        self.tombs.insert(name.clone(), tomb);
    }

    pub(crate) fn forget(&mut self, name: &JobName) {
        let Some(tomb) = self.tombs.get(name).copied() else {
            return;
        };
        if tomb.deleted_at.plus_millis(TOMB_MILLIS) > self.now.wall {
            return;
        }
        if self.orphans.contains_key(name) {
            // A run of it has not ended, after all that time; look again after as long.
            let again = self.now.wall.plus_millis(TOMB_MILLIS);
            self.forgettable.insert((again, name.clone()));
            return;
        }
        self.tombs.remove(name);
        self.changes_of(name).forgotten = true;
    }

    fn run_now(&mut self, name: &JobName, arguments: Option<String>) -> Answer {
        let now = self.now.wall;
        let Some(job) = self.jobs.get(name).cloned() else {
            return Err(Refusal::UnknownJob(name.clone()));
        };
        let key = RunKey {
            job: name.clone(),
            due: job.due_of_moment(now),
            attempt: 0,
        };
        let mut run = new_run(key.clone(), now, RunCause::Manual, now);
        run.parents = repeated(&job);
        run.arguments = arguments
            .map(|text| sanitised(&text))
            .filter(|text| !text.trim().is_empty());
        if let Some(reason) = self.why_not_now(&job) {
            end(&mut run, Outcome::Skipped, Some(reason), now);
        }
        self.add_run(run);
        Ok(Reply::Run(key))
    }

    fn mark_success(&mut self, name: &JobName) -> Answer {
        let Some(job) = self.jobs.get(name).cloned() else {
            return Err(Refusal::UnknownJob(name.clone()));
        };
        for retry in job.waiting().filter(|run| run.key.attempt > 0) {
            self.end_run(
                &retry.key,
                Outcome::Superseded,
                Some("the job was marked as successful".to_owned()),
            );
        }
        self.consume_parents(name);
        self.count_success(name);
        self.mark_completed(name);
        Ok(Reply::Done)
    }

    fn kill_job(&mut self, name: &JobName) -> Answer {
        let Some(job) = self.jobs.get(name).cloned() else {
            return Err(Refusal::UnknownJob(name.clone()));
        };
        self.in_bulk(|scheduler| {
            for run in job.active_runs() {
                scheduler.kill_run(&run.key, "killed on request");
            }
        });
        Ok(Reply::Done)
    }

    fn kill_one(&mut self, key: &RunKey) -> Answer {
        if self
            .find_run(key)
            .is_none_or(|run| run.state == RunState::Ended)
        {
            return Err(Refusal::UnknownRun(key.clone()));
        }
        self.kill_run(key, "killed on request");
        Ok(Reply::Done)
    }
}

fn compile(
    spec: &JobSpec,
    anchor: chronos_model::Timestamp,
) -> Result<Option<chronos_model::Targets>, Refusal> {
    let Some(schedule) = spec.schedule() else {
        return Ok(None);
    };
    let problem = |error: chronos_model::JobScheduleError| Refusal::Invalid {
        field: "schedule",
        problem: error.to_string(),
    };
    schedule.targets(anchor).map(Some).map_err(problem)
}

// A child takes the place of a deleted parent: it gets its parents, or its schedule when it has no parent
// left. A schedule of its own stays.
fn inherited(child: &Trigger, parent: &Trigger, parents: BTreeSet<JobName>) -> Trigger {
    match (child, parent) {
        (Trigger::Both { schedule, .. }, _) if parents.is_empty() => {
            Trigger::Schedule(schedule.clone())
        }
        (Trigger::Both { schedule, .. }, _) => Trigger::Both {
            schedule: schedule.clone(),
            parents: Box::new(parents),
        },
        (Trigger::Schedule(_) | Trigger::Parents(_), _) if parents.is_empty() => parent.clone(),
        (Trigger::Schedule(_) | Trigger::Parents(_), _) => Trigger::Parents(parents),
    }
}
