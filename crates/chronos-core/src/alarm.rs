//! What is measured on the clock that never goes back: delays, time limits, repeated kills, lateness.

use chronos_model::{Run, RunKey, RunState, Timestamp};

use crate::{
    ClusterCall, Effect, Mono, Notice, Scheduler,
    settings::{KILL_AGAIN_MILLIS, LATE_ALARMS_MAX},
};

/// What a moment of the monotonic clock was set for.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Alarm {
    /// The delay of a retry is over.
    Ready(RunKey),
    /// A run has used up its time.
    TimeLimit(RunKey),
    /// A launched run should be running by now.
    StartLimit(RunKey),
    /// A run that is to be killed should have ended by now.
    KillAgain(RunKey),
    /// A run that has not started is late.
    Late(RunKey),
    /// Offers were kept for long enough.
    Offers,
    /// That a run began is to be written.
    Begun,
}

impl Scheduler {
    /// Sets an alarm so many milliseconds from now.
    pub(crate) fn set_alarm(&mut self, after_millis: i64, alarm: Alarm) -> Mono {
        let at = Mono(
            self.now
                .mono
                .0
                .saturating_add(u64::try_from(after_millis).unwrap_or(0)),
        );
        self.alarms.insert((at, alarm));
        at
    }

    /// Sets the limit of time of a run, in place of the one it had.
    pub(crate) fn set_limit(&mut self, key: &RunKey, after_millis: i64, alarm: Alarm) {
        self.clear_limit(key);
        let at = self.set_alarm(after_millis, alarm.clone());
        self.limits.insert(key.clone(), (at, alarm));
    }

    /// A run has no limit of time any more. Its alarm goes too: it may be a day away, and it must not meet
    /// the same run when that is launched again.
    pub(crate) fn clear_limit(&mut self, key: &RunKey) {
        if let Some(limit) = self.limits.remove(key) {
            self.alarms.remove(&limit);
        }
    }

    /// A run waits for no delay any more.
    pub(crate) fn clear_delay(&mut self, key: &RunKey) {
        if let Some(at) = self.delays.remove(key) {
            self.alarms.remove(&(at, Alarm::Ready(key.clone())));
        }
    }

    pub(crate) fn fire_alarms(&mut self) {
        // Each alarm that fires is set anew, if at all, for a later moment; so this ends.
        while self
            .alarms
            .first()
            .is_some_and(|&(at, _)| at <= self.now.mono)
        {
            let Some((_, alarm)) = self.alarms.pop_first() else {
                return;
            };
            match alarm {
                Alarm::Ready(key) => {
                    self.clear_delay(&key);
                    self.review_queue(&key.job);
                }
                Alarm::TimeLimit(key) => self.time_limit(&key),
                Alarm::StartLimit(key) => self.start_limit(&key),
                Alarm::KillAgain(key) => self.kill_again(&key),
                Alarm::Late(key) => self.late(&key),
                // They are looked at after every input.
                Alarm::Offers => {}
                Alarm::Begun => self.write_begun(),
            }
        }
    }

    fn time_limit(&mut self, key: &RunKey) {
        self.clear_limit(key);
        let limit = self.max_completion_secs(key);
        if self.is_in(key, RunState::Running) {
            self.change_run(key, |run| {
                run.reason = Some(format!("ran longer than maxCompletionTime of {limit} s"));
            });
            self.kill_on_cluster(key);
        }
    }

    fn start_limit(&mut self, key: &RunKey) {
        self.clear_limit(key);
        let limit = self
            .jobs
            .get(&key.job)
            .map_or(0, |job| job.spec.policies.start_timeout_secs);
        if limit > 0 && self.is_in(key, RunState::Starting) && !self.unlaunched.contains(key) {
            self.change_run(key, |run| {
                run.reason = Some(format!("did not start within startTimeout of {limit} s"));
            });
            self.kill_on_cluster(key);
        }
    }

    pub(crate) fn max_completion_secs(&self, key: &RunKey) -> u64 {
        self.jobs
            .get(&key.job)
            .map_or(0, |job| job.spec.policies.max_completion_time_secs)
    }

    fn is_in(&self, key: &RunKey, state: RunState) -> bool {
        self.find_run(key).is_some_and(|run| run.state == state)
    }

    /// Asks the cluster to end a task now, and again until it has ended.
    pub(crate) fn kill_on_cluster(&mut self, key: &RunKey) {
        self.outbox
            .push_back(Effect::Cluster(ClusterCall::Kill { key: key.clone() }));
        self.keep_killing(key);
    }

    /// Repeats the order to end a task until it has ended: the first may be lost, or the agent away.
    pub(crate) fn keep_killing(&mut self, key: &RunKey) {
        if self.find_run(key).is_some() && self.kills.insert(key.clone()) {
            self.set_alarm(KILL_AGAIN_MILLIS, Alarm::KillAgain(key.clone()));
        }
    }

    fn kill_again(&mut self, key: &RunKey) {
        self.kills.remove(key);
        if self.is_in(key, RunState::Starting) || self.is_in(key, RunState::Running) {
            if self.unlaunched.contains(key) {
                self.keep_killing(key);
            } else {
                self.kill_on_cluster(key);
            }
        }
    }

    /// Sets the alarms of runs that were decided in this input and have not left yet.
    pub(crate) fn watch_for_late(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        let mut fresh = std::mem::take(&mut self.fresh);
        for key in fresh.drain(..) {
            let Some(run) = self
                .find_run(&key)
                .filter(|run| run.state == RunState::Queued)
            else {
                continue;
            };
            let due = self.start_of_run(run);
            let Some(limit) = self.late_limit_millis(&key) else {
                continue;
            };
            // What nobody can count any more is late in any case, and the queue says so.
            if self.lates.len() >= LATE_ALARMS_MAX {
                continue;
            }
            let after = due.plus_millis(limit).millis_since(self.now.wall);
            // One more, so that a limit that is met exactly is met.
            let at = self.set_alarm(after.saturating_add(1), Alarm::Late(key.clone()));
            self.lates.insert(key, Some(at));
        }
        // It keeps its room for the next input.
        self.fresh = fresh;
    }

    /// A run leaves, or ends: nobody waits for it any more.
    pub(crate) fn no_longer_late(&mut self, key: &RunKey) {
        if let Some(Some(at)) = self.lates.remove(key) {
            self.alarms.remove(&(at, Alarm::Late(key.clone())));
        }
    }

    // When it should have started, at the earliest.
    fn start_of_run(&self, run: &Run) -> Timestamp {
        let job = self.jobs.get(&run.key.job);
        let start = job.map_or(run.target, |job| job.start_of(run.target));
        run.not_before.unwrap_or(start)
    }

    /// Returns how late a run of a job may start before somebody is told.
    pub(crate) fn late_limit_millis(&self, key: &RunKey) -> Option<i64> {
        let epsilon = self
            .jobs
            .get(&key.job)
            .and_then(|job| job.spec.details.epsilon.as_ref())
            .map(|epsilon| epsilon.millis);
        epsilon.or(self.settings.late_limit_millis)
    }

    fn late(&mut self, key: &RunKey) {
        let Some(run) = self
            .find_run(key)
            .filter(|run| run.state == RunState::Queued)
        else {
            return;
        };
        let due = self.start_of_run(run);
        let late_millis = self.now.wall.millis_since(due);
        self.lates.insert(key.clone(), None);
        self.notice(Notice::TargetLate {
            key: key.clone(),
            late_millis,
            started: false,
        });
    }
}
