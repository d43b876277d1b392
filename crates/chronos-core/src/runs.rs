//! The life of a run: added, launched elsewhere, ended, tried again.

use std::sync::Arc;

use chronos_model::{CompletionKind, JobName, Outcome, Run, RunCause, RunKey, RunState, Timestamp};

use crate::{
    ClusterCall, ClusterEvent, Effect, Launch, Mutant, Notice, Scheduler, TaskState, TaskUpdate,
    alarm::Alarm,
    job::{Job, end, new_run},
    overlap::{coalesces, superseded_by},
    settings::DROPPED_AGAIN_MILLIS,
};

/// How the reason of a run begins whose agent nobody can reach.
const OUT_OF_REACH: &str = "agent out of reach: ";

impl Scheduler {
    pub(crate) fn cluster_event(&mut self, event: ClusterEvent) {
        match event {
            ClusterEvent::Offers(offers) => self.offers_came(offers),
            ClusterEvent::Rescinded(offer) => {
                self.offers.remove(&offer);
                self.queue.drop_offer(&offer);
            }
            ClusterEvent::Update(update) => self.task_update(&update),
        }
    }

    /// Records a run, and queues it unless it has ended already.
    pub(crate) fn add_run(&mut self, mut run: Run) {
        let key = run.key.clone();
        if run.state != RunState::Ended && key.attempt == 0 {
            self.admit(&mut run);
        }
        let ended = run.state == RunState::Ended;
        if self.to_review.is_some() && !is_asked_for(run.cause) {
            self.changes.decide(key.clone());
        }
        if ended {
            self.notice(Notice::RunEnded {
                run: Arc::new(run.clone()),
            });
        } else {
            self.delay(&run);
        }
        let known = self.change_job(&key.job, |job| {
            let progress = job.progress_mut();
            progress.due_max = progress.due_max.max(Some(key.due));
            job.runs.insert(Arc::new(run));
        });
        if known.is_some() {
            self.changes_of(&key.job).progress = true;
        }
        self.run_changed(&key);
        if !ended {
            self.go_on_with_parents(&key.job);
            self.review_queue(&key.job);
            if key.attempt == 0 {
                self.fresh.push(key);
            }
        }
    }

    // A target of a job that waits for its parents too: they may have completed already.
    fn go_on_with_parents(&mut self, name: &JobName) {
        let both = self
            .jobs
            .get(name)
            .filter(|job| matches!(job.spec.trigger, chronos_model::Trigger::Both { .. }));
        if let Some(job) = both.cloned() {
            self.bind_waiting(&job);
        }
    }

    /// Starts the delay of a run that must not start yet. It is measured on the clock that does not
    /// jump; only what is left of it after a restart comes from the wall clock.
    pub(crate) fn delay(&mut self, run: &Run) {
        let Some(not_before) = run.not_before else {
            return;
        };
        let left = not_before.millis_since(self.now.wall);
        let full = not_before.millis_since(run.created_at).max(0);
        if left > 0 && !self.has_bug(Mutant::RetriesAtOnce) {
            let until = self.set_alarm(left.min(full), Alarm::Ready(run.key.clone()));
            self.delays.insert(run.key.clone(), until);
        }
    }

    /// Gives a run its end, and its place to the next one.
    pub(crate) fn end_run(&mut self, key: &RunKey, outcome: Outcome, reason: Option<String>) {
        let now = self.now.wall;
        self.write_run(key, |run| {
            end(run, outcome, reason, run.ended_at.unwrap_or(now));
        });
        self.queue.remove(key);
        self.queue.left(key);
        self.clear_delay(key);
        self.clear_limit(key);
        self.inherited.remove(key);
        self.no_longer_late(key);
        if let Some(run) = self.find_run(key).cloned() {
            self.notice(Notice::RunEnded { run });
        }
        self.review_queue(&key.job);
    }

    /// Ends a run that was killed before any agent heard of it.
    pub(crate) fn end_killed_unlaunched(&mut self, key: &RunKey) {
        self.end_killed(key, Some("killed before it started".to_owned()));
    }

    /// Ends a run that was killed on request. That completes the job too, for whoever waits for any end.
    fn end_killed(&mut self, key: &RunKey, reason: Option<String>) {
        let run = self.find_run(key).cloned();
        let own = self
            .jobs
            .get(&key.job)
            .is_some_and(|job| job.run(key).is_some());
        let outcome = if self.has_bug(Mutant::CallsKilledSucceeded) {
            Outcome::Succeeded
        } else {
            Outcome::Killed
        };
        self.end_run(key, outcome, reason);
        if let Some(run) = run.filter(|_| own) {
            self.run_completed(&run, CompletionKind::Killed);
        }
    }

    /// Asks for the end of a run that has not ended.
    pub(crate) fn kill_run(&mut self, key: &RunKey, reason: &str) {
        let Some(run) = self.find_run(key).cloned() else {
            return;
        };
        match run.state {
            RunState::Ended => {}
            RunState::Queued => self.end_killed(key, Some(reason.to_owned())),
            RunState::Starting | RunState::Running => {
                self.write_run(key, |run| {
                    run.kill_requested = true;
                    run.reason = Some(reason.to_owned());
                });
                if !self.unlaunched.contains(key) {
                    let call = ClusterCall::Kill { key: key.clone() };
                    self.changes.then(Effect::Cluster(call));
                    self.keep_killing(key);
                }
            }
        }
    }

    fn task_update(&mut self, update: &TaskUpdate) {
        let key = &update.key;
        self.jobs.turn_to_name(&key.job);
        let acknowledge = || Effect::Cluster(ClusterCall::Acknowledge { key: key.clone() });
        let Some(run) = self.find_run(key) else {
            // Either its end is on record, or nobody ever decided on it.
            if update.state.is_terminal() {
                self.outbox.push_back(acknowledge());
            } else {
                self.notice(Notice::UnknownTask { key: key.clone() });
                self.kill_on_cluster(key);
            }
            return;
        };
        if update
            .launch
            .is_some_and(|launch| launch != Launch(run.not_before))
        {
            let before = run.state;
            return self.other_launch(before, update);
        }
        if self.unlaunched.contains(key) {
            // No agent has heard of this attempt to launch it: this is about an earlier one, again.
            if update.state.is_terminal() {
                self.outbox.push_back(acknowledge());
            }
            return;
        }
        let state = run.state;
        if state == RunState::Ended {
            // Its end is on its way to the store; the acknowledgement waits for that.
            return;
        }
        if update.state.is_terminal() {
            self.task_ended(update);
            self.changes.then(acknowledge());
        } else {
            self.task_runs(state, update);
        }
    }

    // News of a launch that was dropped. If it runs after all, one too many may.
    fn other_launch(&mut self, before: RunState, update: &TaskUpdate) {
        let key = update.key.clone();
        if update.state.is_terminal() {
            let call = ClusterCall::Acknowledge { key };
            self.outbox.push_back(Effect::Cluster(call));
        } else if before == RunState::Queued {
            let call = ClusterCall::Kill { key };
            self.outbox.push_back(Effect::Cluster(call));
        }
    }

    fn task_runs(&mut self, before: RunState, update: &TaskUpdate) {
        let key = &update.key;
        if update.state == TaskState::Unreachable {
            // Whatever else there is to say of it matters more.
            return self.change_run(key, |run| {
                let text = update.message.as_deref().unwrap_or("nobody knows why");
                let known = run.reason.take();
                run.reason = known.or_else(|| Some(format!("{OUT_OF_REACH}{text}")));
            });
        }
        let begins = update.state == TaskState::Running && before != RunState::Running;
        let (mut started_at, mut kill_requested) = (None, false);
        self.change_run(key, |run| {
            note_agent(run, update);
            (started_at, kill_requested) = (run.started_at, run.kill_requested);
            if update.state == TaskState::Running {
                run.state = RunState::Running;
                run.started_at.get_or_insert(update.at);
            }
        });
        if kill_requested {
            self.kill_on_cluster(key);
        }
        if begins {
            self.clear_limit(key);
            self.has_begun(key);
        }
        let limit = self.max_completion_secs(key);
        if limit > 0 && begins {
            let limit = i64::try_from(limit)
                .unwrap_or(i64::MAX)
                .saturating_mul(1000);
            // Only of what another scheduler launched must be asked how long it has run, by clocks of other
            // machines; our own launches have the whole time before them.
            let started = started_at.filter(|_| self.inherited.contains(key));
            let ran = started.map_or(0, |started| self.now.wall.millis_since(started));
            let left = limit.saturating_sub(ran).clamp(0, limit);
            self.set_limit(key, left, Alarm::TimeLimit(key.clone()));
        }
    }

    fn task_ended(&mut self, update: &TaskUpdate) {
        let key = &update.key;
        let mut began = false;
        self.change_run(key, |run| {
            began = run.started_at.is_some();
            note_agent(run, update);
            run.exit_code = update.exit_code;
            run.ended_at = Some(update.at);
        });
        let (state, message) = match (update.state, update.message.clone()) {
            // It was forgotten, and not begun again: nobody knows how far it came.
            (TaskState::Dropped, text) if began => (TaskState::Lost, Some(forgotten(text))),
            said => said,
        };
        // A deleted job counts nothing, not even for a new job of its name.
        let own = self
            .jobs
            .get(&key.job)
            .is_some_and(|job| job.run(key).is_some());
        match state {
            TaskState::Finished if !own => self.end_run(key, Outcome::Succeeded, None),
            TaskState::Failed | TaskState::Lost if !own => {
                self.end_run(key, Outcome::Failed, message);
            }
            TaskState::Finished => self.succeeded(key),
            TaskState::Killed => self.killed(key, message),
            TaskState::Failed | TaskState::Lost => self.failed(key, message),
            TaskState::Dropped => self.dropped(key),
            TaskState::Starting | TaskState::Running | TaskState::Unreachable => {}
        }
    }

    fn killed(&mut self, key: &RunKey, message: Option<String>) {
        let Some(run) = self.find_run(key).cloned() else {
            return;
        };
        if run.kill_requested && !self.has_bug(Mutant::RetriesKilled) {
            let reason = run.reason.clone().or(message);
            self.end_killed(key, reason);
        } else {
            self.failed(key, Some(self.why_killed(&run, message)));
        }
    }

    // Nobody asked, so it was a limit, or somebody outside.
    fn why_killed(&self, run: &Run, message: Option<String>) -> String {
        if let Some(reason) = &run.reason {
            return reason.clone();
        }
        // The scheduler that asked may not have lived to see it.
        let limit = self.max_completion_secs(&run.key);
        let ran = run
            .started_at
            .map_or(0, |started| self.now.wall.millis_since(started) / 1000);
        if limit > 0 && u64::try_from(ran).is_ok_and(|ran| ran >= limit) {
            return format!("ran longer than maxCompletionTime of {limit} s");
        }
        message.unwrap_or_else(|| "killed from outside".to_owned())
    }

    // The agent is certain that the command never started: the same run goes back to the queue.
    fn dropped(&mut self, key: &RunKey) {
        let Some(run) = self.find_run(key).cloned() else {
            return;
        };
        let run = &run;
        let job = self.jobs.get(&run.key.job);
        let Some(job) = job.filter(|job| !run.kill_requested && job.run(&run.key).is_some()) else {
            return self.end_killed_unlaunched(&run.key);
        };
        if job.spec.disabled {
            let reason = Some("the job is disabled".to_owned());
            self.end_run(&run.key, Outcome::Skipped, reason);
            return self.nothing_follows(run);
        }
        self.clear_limit(&run.key);
        self.inherited.remove(&run.key);
        self.queue.left(&run.key);
        // Later than the launch before, which tells the two apart; and not at once again and again.
        let wait = i64::from(run.not_before.is_some()).saturating_mul(DROPPED_AGAIN_MILLIS);
        let before = run.not_before.map_or(i64::MIN, Timestamp::millis);
        let not_before = self.now.wall.millis().max(before.saturating_add(1));
        let not_before = Timestamp::from_millis(not_before).plus_millis(wait);
        self.write_run(&run.key, |run| {
            run.not_before = Some(not_before);
            run.state = RunState::Queued;
            run.agent = None;
            run.reason = None;
            run.started_at = None;
            run.ended_at = None;
        });
        if let Some(run) = self.find_run(&run.key).cloned() {
            self.delay(&run);
        }
        self.review_queue(&run.key.job);
    }

    fn succeeded(&mut self, key: &RunKey) {
        self.end_run(key, Outcome::Succeeded, None);
        self.count_success(&key.job);
        if let Some(run) = self.find_run(key).cloned() {
            self.run_completed(&run, CompletionKind::Success);
        }
        self.disable_if_used_up(&key.job);
    }

    /// Counts a success of a job.
    pub(crate) fn count_success(&mut self, job: &JobName) {
        let now = self.now.wall;
        self.change_progress(job, |progress| {
            progress.success_count = progress.success_count.saturating_add(1);
            progress.errors_since_last_success = 0;
            progress.last_success = Some(now);
        });
    }

    fn failed(&mut self, key: &RunKey, message: Option<String>) {
        let Some(run) = self.find_run(key).cloned() else {
            return;
        };
        let retry = self
            .jobs
            .get(&key.job)
            .filter(|job| may_retry(job, &run, self.has_bug(Mutant::RetriesKilled)))
            .cloned();
        let Some(job) = retry else {
            self.end_run(key, Outcome::Failed, message);
            return self.count_failure(&run);
        };
        self.end_run(key, Outcome::Failed, message);
        let delay = job
            .spec
            .policies
            .retry_delay_secs
            .and_then(|secs| i64::try_from(secs).ok());
        let first_delay = delay.map_or(self.settings.failure_retry_millis, |secs| {
            secs.saturating_mul(1000)
        });
        let attempt = key.attempt.saturating_add(1);
        let delay_millis = job
            .spec
            .policies
            .retry_backoff
            .delay_millis(first_delay, attempt);
        let next = RunKey {
            attempt,
            ..key.clone()
        };
        let at = self.now.wall.plus_millis(delay_millis);
        let retry = Run {
            arguments: run.arguments.clone(),
            not_before: Some(at),
            parents: run.parents.clone(),
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
            return self.count_failure(&run);
        }
        if self.has_bug(Mutant::RetryTakesATarget) {
            self.change_progress(&key.job, |progress| {
                let targets = job.targets.as_ref();
                let next = progress.next.zip(targets);
                progress.next = next.and_then(|(next, targets)| targets.after(next.at));
            });
            self.arm(&key.job);
        }
        self.add_run(retry);
        self.notice(Notice::RetryScheduled { key: next, at });
    }

    /// Counts a failure that nothing follows; for most children only a soft one is a success.
    pub(crate) fn count_failure(&mut self, run: &Run) {
        let name = &run.key.job;
        let now = self.now.wall;
        let limit = self.settings.disable_after_failures;
        if self.has_bug(Mutant::KeepsToItself) {
            self.change_job(name, |job| {
                let progress = job.progress_mut();
                progress.error_count = progress.error_count.saturating_add(1);
            });
            return;
        }
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
        let kind = if job.spec.soft_error {
            CompletionKind::Success
        } else {
            CompletionKind::Failure
        };
        self.run_completed(run, kind);
    }

    // As Chronos: after the last of its targets succeeded, a job is disabled, not deleted.
    fn disable_if_used_up(&mut self, name: &JobName) {
        let Some(job) = self.jobs.get(name) else {
            return;
        };
        if job.progress.next.is_some() || job.spec.disabled || job.active_runs().next().is_some() {
            return;
        }
        let used_up = job.spec.schedule().is_some_and(|schedule| {
            schedule.end_at().is_some() || schedule.repetitions().is_some_and(|times| times > 0)
        });
        if used_up {
            self.disable(name, "all its targets have been run".to_owned());
        }
    }

    fn disable(&mut self, name: &JobName, reason: String) {
        self.change_job(name, |job| Arc::make_mut(&mut job.spec).disabled = true);
        self.changes_of(name).spec = true;
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
        if self.has_bug(Mutant::LaunchesDisabled) {
            return self.review_queue(name);
        }
        self.in_bulk(|scheduler| {
            for run in job.waiting() {
                let reason = Some("the job is disabled".to_owned());
                scheduler.end_run(&run.key, Outcome::Skipped, reason);
                scheduler.nothing_follows(run);
            }
        });
    }

    /// A retry ends without having run: the attempt before it failed, and that is final now.
    pub(crate) fn nothing_follows(&mut self, retry: &Run) {
        let Some(attempt) = retry.key.attempt.checked_sub(1) else {
            return;
        };
        let key = RunKey {
            attempt,
            ..retry.key.clone()
        };
        let failed = Run {
            key,
            ..retry.clone()
        };
        self.count_failure(&failed);
    }
}

// Written only where something is new: a copy of a name costs more than a look at it.
fn note_agent(run: &mut Run, update: &TaskUpdate) {
    if run.agent.as_deref() != Some(&*update.agent.0) {
        run.agent = Some(Arc::clone(&update.agent.0));
    }
    // Whoever comes later may only know since when it was seen to run.
    run.started_at = [run.started_at, update.started_at]
        .into_iter()
        .flatten()
        .min();
    let back = |reason: &mut String| reason.starts_with(OUT_OF_REACH);
    run.reason.take_if(back);
}

fn forgotten(text: Option<String>) -> String {
    let text = text.unwrap_or_else(|| "no agent knows it any more".to_owned());
    format!("{text}; it had begun, and what became of it is not known")
}

// `retries` are counted per run, whatever happened to earlier runs of the job.
fn may_retry(job: &Job, run: &Run, killed_too: bool) -> bool {
    (killed_too || !run.kill_requested) && !job.spec.disabled && run.key.attempt < job.spec.retries
}

// By an operator, and not by a target or a parent.
const fn is_asked_for(cause: RunCause) -> bool {
    match cause {
        RunCause::Manual | RunCause::Backfill | RunCause::BackfillWithChildren => true,
        RunCause::Schedule | RunCause::CatchUp | RunCause::Parents => false,
    }
}
