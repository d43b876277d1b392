//! A new term: the scheduler as the store knows it.
//!
//! It is the same state that normal running would have led to, because everything that matters was
//! written before it was acted on. What the cluster made of the runs that were given to it is asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chronos_model::{JobName, JobRecord, Quarantined, Run, RunCause, RunState, Snapshot};

use crate::{
    AgentId, ClusterCall, Effect, Launch, Launched, Mutant, Notice, Now, Scheduler, Settings,
    alarm::Alarm, job::Job, run_list::Runs,
};

impl Scheduler {
    /// Makes a scheduler from what is stored. Its first effects ask the cluster about the runs that
    /// were given to it; the first tick runs what became due meanwhile.
    pub fn recover(settings: Settings, now: Now, snapshot: Snapshot) -> Self {
        let mut scheduler = Self::recovered(settings, now, snapshot);
        scheduler.resume();
        scheduler
    }

    /// Takes what is stored, and nothing more.
    pub(crate) fn recovered(settings: Settings, now: Now, snapshot: Snapshot) -> Self {
        let mut scheduler = Self::empty(settings, now);
        let mut quarantined = snapshot.quarantined;
        for calendar in snapshot.calendars {
            scheduler
                .calendars
                .insert(calendar.name().clone(), calendar);
        }
        let mut jobs = Vec::with_capacity(snapshot.jobs.len());
        for record in snapshot.jobs {
            jobs.extend(scheduler.take_record(record, &mut quarantined));
        }
        scheduler.jobs.fill(jobs);
        scheduler.link_parents(&mut quarantined);
        for run in snapshot.active_runs {
            scheduler.take_run(run);
        }
        for (name, tomb) in snapshot.tombs {
            scheduler.bury(&name, tomb);
        }
        for Quarantined { key, problem } in &quarantined {
            scheduler.notice(Notice::Quarantined {
                key: key.clone(),
                problem: problem.clone(),
            });
        }
        scheduler.quarantined = Arc::new(quarantined);
        scheduler
    }

    fn take_record(
        &mut self,
        record: JobRecord,
        quarantined: &mut Vec<Quarantined>,
    ) -> Option<Job> {
        let name = record.spec.name.clone();
        let quarantine = |problem| Quarantined {
            key: name.to_string(),
            problem,
        };
        // Without its calendar it would run when it must not.
        if let Err(refusal) = self.check_calendars(&record.spec) {
            quarantined.push(quarantine(refusal.to_string()));
            return None;
        }
        let exclusions = self.exclusions(&record.spec);
        let job = Job::from_record(record, exclusions)
            .map_err(|error| quarantined.push(quarantine(error.to_string())))
            .ok()?;
        self.use_calendars(&name, &job.spec.details.calendars);
        Some(job)
    }

    // Parents first; what is left over has parents that are gone, or is part of a cycle.
    fn link_parents(&mut self, quarantined: &mut Vec<Quarantined>) {
        let mut children: BTreeMap<JobName, Vec<JobName>> = BTreeMap::new();
        let mut open: BTreeSet<JobName> = BTreeSet::new();
        let mut missing: BTreeMap<JobName, usize> = BTreeMap::new();
        for job in self
            .jobs
            .values()
            .filter(|job| !job.spec.parents().is_empty())
        {
            let name = &job.spec.name;
            let is_linked = |parent: &&JobName| {
                let parent = self.jobs.get(parent);
                parent.is_some_and(|parent| parent.spec.parents().is_empty())
            };
            let unlinked = job
                .spec
                .parents()
                .iter()
                .filter(|parent| !is_linked(parent));
            let mut count = 0_usize;
            for parent in unlinked {
                let siblings = children.entry(parent.clone()).or_default();
                siblings.push(name.clone());
                count = count.saturating_add(1);
            }
            if count == 0 {
                open.insert(name.clone());
            } else {
                missing.insert(name.clone(), count);
            }
        }
        while let Some(name) = open.pop_first() {
            self.link(&name);
            for child in children.remove(&name).unwrap_or_default() {
                let Some(count) = missing.get_mut(&child) else {
                    continue;
                };
                *count = count.saturating_sub(1);
                if *count == 0 {
                    missing.remove(&child);
                    open.insert(child);
                }
            }
        }
        for name in missing.into_keys() {
            if let Some(job) = self.jobs.remove(&name) {
                self.unuse_calendars(&name, &job.spec.details.calendars);
            }
            let problem = "its parents are missing or depend on it".to_owned();
            quarantined.push(Quarantined {
                key: name.to_string(),
                problem,
            });
        }
    }

    fn take_run(&mut self, mut run: Run) {
        if run.state == RunState::Starting {
            if self.has_bug(Mutant::OverlapsAfterRecovery) {
                return;
            }
            if self.has_bug(Mutant::RunsTwiceAfterRecovery) {
                run.state = RunState::Queued;
            }
            self.inherited.insert(run.key.clone());
        }
        let name = run.key.job.clone();
        if let (Some(agent), Some(job)) = (&run.agent, self.jobs.get(&name)) {
            self.queue.found(&run.key, &job.spec, agent);
        }
        let run = Arc::new(run);
        // Not by clock readings, which may go back: due times of a name never do.
        let own = self
            .jobs
            .get(&name)
            .is_some_and(|job| Some(run.key.due) > job.progress.links.due_birth);
        if own {
            self.change_job(&name, |job| job.runs.insert(run));
        } else {
            self.orphans.entry(name).or_default().insert(run);
        }
    }

    fn resume(&mut self) {
        let all = self.jobs.numbers();
        for (number, name) in &all {
            self.jobs.turn_to(*number);
            self.arm(name);
            self.resume_runs(name);
        }
        for (number, name) in &all {
            let has_parents = |job: &Arc<Job>| !job.spec.parents().is_empty();
            if self.jobs.at(*number).is_some_and(has_parents) {
                self.run_if_ready(name, self.now.wall, RunCause::Parents);
            }
        }
        let launched = |run: &&Arc<Run>| run.state == RunState::Starting;
        let own = self.jobs.values().flat_map(|job| job.runs.values());
        let tasks: Vec<Launched> = own
            .chain(self.orphans.values().flat_map(Runs::values))
            .filter(launched)
            .map(|run| Launched {
                key: run.key.clone(),
                launch: Launch(run.not_before),
                agent: run.agent.clone().map(AgentId),
            })
            .collect();
        if !tasks.is_empty() {
            self.outbox
                .push_back(Effect::Cluster(ClusterCall::Reconcile { tasks }));
        }
        self.flush();
    }

    fn resume_runs(&mut self, name: &JobName) {
        let Some(job) = self.jobs.get(name).filter(|job| !job.runs.is_empty()) else {
            return;
        };
        let start_timeout = i64::try_from(job.spec.policies.start_timeout_secs).unwrap_or(i64::MAX);
        let runs: Vec<Arc<Run>> = job.runs.values().cloned().collect();
        for run in runs {
            match run.state {
                RunState::Queued => self.delay(&run),
                // When it was launched nobody knows any more, so it gets the whole time once more.
                RunState::Starting | RunState::Running if start_timeout > 0 => {
                    let millis = start_timeout.saturating_mul(1000);
                    self.set_limit(&run.key, millis, Alarm::StartLimit(run.key.clone()));
                }
                RunState::Starting | RunState::Running | RunState::Ended => {}
            }
        }
        if self.jobs.get(name).is_some_and(|job| job.spec.disabled) {
            self.skip_waiting(name);
        } else {
            self.review_queue(name);
        }
    }
}
