//! The self-audit: a round over all jobs, a few at a time, that looks for what would stall in silence.
//!
//! Everything here should be impossible. A scheduler that stops looking after one of its jobs looks as
//! healthy as ever, so it looks for itself, repairs what it finds, and says so.

use std::ops::Bound;

use chronos_model::{JobName, RunCause, RunState, Timestamp, Trigger};

use crate::{
    Notice, Scheduler, alarm::Alarm, generation::choose, job::Job, parents::awaits_parents,
    targets::Passed,
};

/// How far the audit has come.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// The job that was looked at last; `None` at the beginning of a round.
    last: Option<JobName>,
    report: AuditReport,
}

/// What the self-audit has done in this term.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AuditReport {
    /// Complete rounds over all jobs.
    pub rounds: u64,
    /// When the last round was complete.
    pub last_round: Option<Timestamp>,
    /// Jobs looked at, over all rounds.
    pub jobs: u64,
    /// What was found and repaired; zero in a healthy daemon.
    pub found: u64,
}

/// What is wrong with a job.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Finding {
    Timer(String),
    Alarm(chronos_model::RunKey),
    Queue(chronos_model::RunKey),
    Parents,
}

impl Audit {
    pub(crate) const fn report(&self) -> AuditReport {
        self.report
    }
}

impl Scheduler {
    /// Looks after the next `count` jobs.
    pub(crate) fn audit_some(&mut self, count: usize) {
        let after = match &self.audit.last {
            Some(last) => Bound::Excluded(last.clone()),
            None => Bound::Unbounded,
        };
        let names: Vec<JobName> = self
            .jobs
            .from(after)
            .take(count)
            .map(|job| job.spec.name.clone())
            .collect();
        for name in &names {
            self.audit_job(name);
        }
        let looked_at = u64::try_from(names.len()).unwrap_or(u64::MAX);
        self.audit.report.jobs = self.audit.report.jobs.saturating_add(looked_at);
        if names.len() < count {
            self.audit.last = None;
            self.audit.report.rounds = self.audit.report.rounds.saturating_add(1);
            self.audit.report.last_round = Some(self.now.wall);
        } else {
            self.audit.last = names.last().cloned();
        }
    }

    fn audit_job(&mut self, name: &JobName) {
        let Some(job) = self.jobs.get(name).cloned() else {
            return;
        };
        let findings = self.findings(&job);
        drop(job);
        for finding in findings {
            self.audit.report.found = self.audit.report.found.saturating_add(1);
            self.notice(Notice::AuditFound {
                job: name.clone(),
                finding: finding.to_string(),
            });
            match finding {
                Finding::Timer(_) => self.take_targets(name, Passed::Down),
                Finding::Alarm(key) => {
                    self.clear_delay(&key);
                    if let Some(run) = self.find_run(&key).cloned() {
                        self.delay(&run);
                    }
                    self.review_queue(name);
                }
                Finding::Queue(_) => {
                    self.review_queue(name);
                    self.queue.touch();
                }
                Finding::Parents => self.run_if_ready(name, self.now.wall, RunCause::Parents),
            }
        }
    }

    fn findings(&self, job: &Job) -> Vec<Finding> {
        let mut findings = Vec::new();
        findings.extend(self.timer_finding(job));
        findings.extend(self.waiting_finding(job));
        findings.extend(self.parents_finding(job));
        findings
    }

    fn timer_finding(&self, job: &Job) -> Option<Finding> {
        let next = job.next_target()?;
        // Timers have been fired when an input is over, so this is in the future, and on the list.
        let number = self.jobs.number(&job.spec.name)?;
        let set = |at: Timestamp| self.timers.contains(&(at, number));
        match job.next_wake() {
            Some(at) if job.wake == Some(at) && set(at) => None,
            Some(_) | None => Some(Finding::Timer(format!(
                "no timer was set for its next target {}",
                next.at
            ))),
        }
    }

    fn waiting_finding(&self, job: &Job) -> Option<Finding> {
        let mut free = job.places_free();
        for run in job.waiting() {
            if let Some(&until) = self.delays.get(&run.key) {
                if !self
                    .alarms
                    .contains(&(until, Alarm::Ready(run.key.clone())))
                {
                    return Some(Finding::Alarm(run.key.clone()));
                }
                if job.keeps_its_place(run) {
                    free = free.map(|free| free.saturating_sub(1));
                }
                continue;
            }
            if awaits_parents(job, run) {
                continue;
            }
            if free == Some(0) {
                return None;
            }
            free = free.map(|free| free.saturating_sub(1));
            if !self.queue.contains(&run.key) {
                return Some(Finding::Queue(run.key.clone()));
            }
        }
        None
    }

    fn parents_finding(&self, job: &Job) -> Option<Finding> {
        let waits = match &job.spec.trigger {
            Trigger::Schedule(_) => false,
            Trigger::Parents(_) => true,
            Trigger::Both { .. } => job
                .runs
                .values()
                .any(|run| run.state == RunState::Queued && awaits_parents(job, run)),
        };
        let ready = waits && choose(job, |name| self.jobs.get(name)).is_some();
        ready.then_some(Finding::Parents)
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Timer(what) => f.write_str(what),
            Self::Alarm(key) => write!(f, "no alarm was set for the delay of {key}"),
            Self::Queue(key) => write!(f, "{key} could start and was not in the queue"),
            Self::Parents => f.write_str("its parents had completed and it did not run"),
        }
    }
}
