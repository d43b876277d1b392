//! The life of a run: added, launched elsewhere, ended, tried again.

use std::{collections::BTreeMap, sync::Arc};

use chronos_model::{JobName, Outcome, Run, RunCause, RunKey, RunState, Timestamp};

use crate::{
    ClusterCall, ClusterEvent, Effect, Notice, Scheduler, TaskState, TaskUpdate,
    job::{Job, end, new_run},
    scheduler::Timer,
    settings::WAITING_RUNS_MAX,
};

impl Scheduler {
    pub(crate) fn cluster_event(&mut self, event: ClusterEvent) {
        match event {
            ClusterEvent::Offers(offers) => self.offers_came(offers),
            ClusterEvent::Rescinded(offer) => {
                self.offers.remove(&offer);
            }
            ClusterEvent::Update(update) => self.task_update(&update),
        }
    }

    /// Records a run, and queues it unless it has ended already.
    pub(crate) fn add_run(&mut self, run: Run) {
        let key = run.key.clone();
        let ended = run.state == RunState::Ended;
        if ended {
            self.notice(Notice::RunEnded {
                run: Box::new(run.clone()),
            });
        } else {
            self.make_room(&run);
        }
        self.change_progress(&key.job, |progress| {
            progress.due_max = progress.due_max.max(Some(key.due));
        });
        self.change_job(&key.job, |job| {
            job.runs.insert((key.due, key.attempt), Arc::new(run))
        });
        self.changes.run(&key);
        if !ended {
            self.review_queue(&key.job);
        }
    }

    /// Gives a run its end, and its place to the next one.
    pub(crate) fn end_run(&mut self, key: &RunKey, outcome: Outcome, reason: Option<String>) {
        let now = self.now.wall;
        self.write_run(key, |run| {
            end(run, outcome, reason, run.ended_at.unwrap_or(now));
        });
        self.queue.remove(key);
        if let Some(run) = self.find_run(key).cloned() {
            self.notice(Notice::RunEnded {
                run: Box::new(run.as_ref().clone()),
            });
        }
        self.review_queue(&key.job);
    }

    /// Ends a run that was killed before any agent heard of it.
    pub(crate) fn end_killed_unlaunched(&mut self, key: &RunKey) {
        self.end_run(
            key,
            Outcome::Killed,
            Some("killed before it started".to_owned()),
        );
    }

    /// Asks for the end of a run that has not ended.
    pub(crate) fn kill_run(&mut self, key: &RunKey, reason: &str) {
        let Some(run) = self.find_run(key).cloned() else {
            return;
        };
        match run.state {
            RunState::Ended => {}
            RunState::Queued => self.end_run(key, Outcome::Killed, Some(reason.to_owned())),
            RunState::Starting | RunState::Running => {
                self.write_run(key, |run| run.kill_requested = true);
                if !self.unlaunched.contains(key) {
                    let call = ClusterCall::Kill { key: key.clone() };
                    self.changes.then(Effect::Cluster(call));
                }
            }
        }
    }

    pub(crate) fn kill_on_cluster(&mut self, key: &RunKey) {
        self.outbox
            .push_back(Effect::Cluster(ClusterCall::Kill { key: key.clone() }));
    }

    fn task_update(&mut self, update: &TaskUpdate) {
        let key = &update.key;
        let acknowledge = Effect::Cluster(ClusterCall::Acknowledge { key: key.clone() });
        let Some(run) = self.find_run(key).cloned() else {
            // Either its end is on record, or nobody ever decided on it.
            if update.state.is_terminal() {
                self.outbox.push_back(acknowledge);
            } else {
                self.notice(Notice::UnknownTask { key: key.clone() });
                self.kill_on_cluster(key);
            }
            return;
        };
        if run.state == RunState::Ended {
            // Its end is on its way to the store; the acknowledgement waits for that.
            return;
        }
        if update.state.is_terminal() {
            self.task_ended(&run, update);
            self.changes.then(acknowledge);
        } else {
            self.task_runs(&run, update);
        }
    }

    fn task_runs(&mut self, run: &Run, update: &TaskUpdate) {
        let started_at = update.started_at.or(run.started_at);
        self.change_run(&run.key, |run| {
            run.agent = Some(update.agent.to_string());
            run.started_at = started_at;
            if update.state == TaskState::Running {
                run.state = RunState::Running;
            }
        });
        if run.kill_requested {
            self.kill_on_cluster(&run.key);
        }
        let limit = self
            .jobs
            .get(&run.key.job)
            .map_or(0, |job| job.spec.max_completion_time_secs);
        if limit > 0 && update.state == TaskState::Running {
            let millis = i64::try_from(limit)
                .unwrap_or(i64::MAX)
                .saturating_mul(1000);
            let at = started_at.unwrap_or(self.now.wall).plus_millis(millis);
            self.timers.insert((at, Timer::TimeLimit(run.key.clone())));
        }
    }

    fn task_ended(&mut self, run: &Run, update: &TaskUpdate) {
        let key = &run.key;
        self.change_run(key, |run| {
            run.agent = Some(update.agent.to_string());
            run.started_at = update.started_at.or(run.started_at);
            run.exit_code = update.exit_code;
            run.ended_at = Some(update.at);
        });
        let message = update.message.clone();
        // A deleted job counts nothing, not even for a new job of its name.
        let own = self
            .jobs
            .get(&key.job)
            .is_some_and(|job| job.run(key).is_some());
        match update.state {
            TaskState::Finished if !own => self.end_run(key, Outcome::Succeeded, None),
            TaskState::Failed | TaskState::Lost if !own => {
                self.end_run(key, Outcome::Failed, message);
            }
            TaskState::Finished => self.succeeded(key),
            TaskState::Killed if run.kill_requested => {
                self.end_run(
                    key,
                    Outcome::Killed,
                    message.or_else(|| Some("killed on request".to_owned())),
                );
            }
            TaskState::Killed => self.failed(key, Some(self.why_killed(run, message))),
            TaskState::Failed | TaskState::Lost => self.failed(key, message),
            TaskState::Dropped => self.dropped(run),
            TaskState::Starting | TaskState::Running => {}
        }
    }

    // Nobody asked, so it was the time limit, or somebody outside.
    fn why_killed(&self, run: &Run, message: Option<String>) -> String {
        let limit = self
            .jobs
            .get(&run.key.job)
            .map_or(0, |job| job.spec.max_completion_time_secs);
        let ran = run
            .started_at
            .map_or(0, |started| self.now.wall.millis_since(started) / 1000);
        if limit > 0 && u64::try_from(ran).is_ok_and(|ran| ran >= limit) {
            return format!("ran longer than maxCompletionTime of {limit} s");
        }
        message.unwrap_or_else(|| "killed from outside".to_owned())
    }

    // The agent is certain that the command never started: the same run goes back to the queue.
    fn dropped(&mut self, run: &Run) {
        let own = self
            .jobs
            .get(&run.key.job)
            .is_some_and(|job| job.run(&run.key).is_some());
        if run.kill_requested || !own {
            return self.end_killed_unlaunched(&run.key);
        }
        self.write_run(&run.key, |run| {
            run.state = RunState::Queued;
            run.agent = None;
            run.started_at = None;
            run.ended_at = None;
        });
        self.review_queue(&run.key.job);
    }

    fn succeeded(&mut self, key: &RunKey) {
        self.end_run(key, Outcome::Succeeded, None);
        self.count_success(&key.job);
        self.disable_if_used_up(&key.job);
    }

    /// Counts a success of a job, and lets its children go on.
    pub(crate) fn count_success(&mut self, job: &JobName) {
        let now = self.now.wall;
        self.change_progress(job, |progress| {
            progress.success_count = progress.success_count.saturating_add(1);
            progress.errors_since_last_success = 0;
            progress.last_success = Some(now);
        });
        self.completed(job, now);
    }

    fn failed(&mut self, key: &RunKey, message: Option<String>) {
        let Some(run) = self.find_run(key).cloned() else {
            return;
        };
        let retry = self
            .jobs
            .get(&key.job)
            .filter(|job| may_retry(job, &run))
            .cloned();
        let Some(job) = retry else {
            self.end_run(key, Outcome::Failed, message);
            return self.count_failure(&key.job);
        };
        self.end_run(key, Outcome::Failed, message);
        let delay = job
            .spec
            .retry_delay_secs
            .and_then(|secs| i64::try_from(secs).ok());
        let delay_millis = delay.map_or(self.settings.failure_retry_millis, |secs| {
            secs.saturating_mul(1000)
        });
        let next = RunKey {
            attempt: key.attempt.saturating_add(1),
            ..key.clone()
        };
        let at = self.now.wall.plus_millis(delay_millis);
        let retry = Run {
            arguments: run.arguments.clone(),
            not_before: Some(at),
            ..new_run(next.clone(), run.target, run.cause, self.now.wall)
        };
        // A newer target of the schedule that waits already takes the place of this one.
        let newer = job
            .waiting()
            .find(|other| other.target > run.target && coalesces(&job, other))
            .cloned();
        if let Some(newer) = newer.filter(|_| coalesces(&job, &retry)) {
            let mut retry = retry;
            end(
                &mut retry,
                Outcome::Superseded,
                Some(superseded_by(&newer)),
                self.now.wall,
            );
            self.add_run(retry);
            return self.count_failure(&key.job);
        }
        self.add_run(retry);
        self.notice(Notice::RetryScheduled { key: next, at });
    }

    /// Counts a failure that nothing follows; children run only when it is a soft one.
    fn count_failure(&mut self, name: &JobName) {
        let now = self.now.wall;
        let limit = self.settings.disable_after_failures;
        self.change_progress(name, |progress| {
            progress.error_count = progress.error_count.saturating_add(1);
            progress.errors_since_last_success =
                progress.errors_since_last_success.saturating_add(1);
            progress.last_error = Some(now);
        });
        let Some(job) = self.jobs.get(name).cloned() else {
            return;
        };
        let failures = job.progress.errors_since_last_success;
        if limit > 0 && failures >= limit && !job.spec.disabled {
            self.disable(name, format!("{failures} failures since the last success"));
        }
        if job.spec.soft_error {
            self.completed(name, now);
        }
    }

    // As Chronos: after the last of its targets succeeded, a job is disabled, not deleted.
    fn disable_if_used_up(&mut self, name: &JobName) {
        let Some(job) = self.jobs.get(name) else {
            return;
        };
        let finite = job
            .spec
            .schedule()
            .and_then(chronos_model::JobSchedule::repetitions)
            .is_some_and(|times| times > 0);
        let used_up = finite && job.progress.next.is_none() && job.active_runs().next().is_none();
        if used_up && !job.spec.disabled {
            self.disable(name, "all its targets have been run".to_owned());
        }
    }

    fn disable(&mut self, name: &JobName, reason: String) {
        self.change_job(name, |job| Arc::make_mut(&mut job.spec).disabled = true);
        self.changes.spec(name);
        self.skip_waiting(name);
        self.notice(Notice::JobDisabled {
            job: name.clone(),
            reason,
        });
    }

    /// Ends the waiting runs of a job that was disabled.
    pub(crate) fn skip_waiting(&mut self, name: &JobName) {
        let Some(job) = self.jobs.get(name).cloned() else {
            return;
        };
        for run in job.waiting() {
            self.end_run(
                &run.key,
                Outcome::Skipped,
                Some("the job is disabled".to_owned()),
            );
        }
    }

    // A newer run takes the place of an older one that waits: of a job whose runs must not overlap
    // always, of any other when too many wait.
    fn make_room(&mut self, newer: &Run) {
        let Some(job) = self.jobs.get(&newer.key.job).cloned() else {
            return;
        };
        if newer.key.attempt > 0 {
            return;
        }
        let mut waiting: BTreeMap<_, _> = job
            .waiting()
            .map(|run| ((run.key.due, run.key.attempt), run))
            .collect();
        if !job.spec.concurrent {
            waiting.retain(|_, run| newer.cause == RunCause::Manual || coalesces(&job, run));
        } else if waiting.len() < WAITING_RUNS_MAX {
            return;
        } else {
            waiting = waiting.into_iter().take(1).collect();
        }
        for run in waiting.into_values() {
            self.supersede(run, &superseded_by(newer));
        }
    }

    /// Ends a waiting run because another one takes its place.
    pub(crate) fn supersede(&mut self, run: &Run, reason: &str) {
        self.end_run(&run.key, Outcome::Superseded, Some(reason.to_owned()));
        // The attempts before it failed, and now nothing follows them.
        if run.key.attempt > 0 {
            self.count_failure(&run.key.job);
        }
    }
}

// What an operator asked for is not dropped because a schedule's time came.
fn coalesces(job: &Job, run: &Run) -> bool {
    !job.spec.concurrent && run.cause != RunCause::Manual
}

fn superseded_by(newer: &Run) -> String {
    let target: Timestamp = newer.target;
    format!("the newer target {target} runs instead")
}

// `retries` are counted per run, whatever happened to earlier runs of the job.
fn may_retry(job: &Job, run: &Run) -> bool {
    !run.kill_requested && !job.spec.disabled && run.key.attempt < job.spec.retries
}
