//! Backfill: an operator runs targets that have passed.

use chronos_model::{JobName, RunCause, RunKey, Timestamp};

use crate::{
    Refusal, Reply, Scheduler,
    job::{Job, new_run},
    overlap::waits_in_line,
    settings::BACKFILL_RUNS_MAX,
};

impl Scheduler {
    /// Decides on a run for each target in a range that no calendar leaves out. They wait for one
    /// another, and for what runs already, unless the job may overlap itself.
    pub(crate) fn backfill(
        &mut self,
        name: &JobName,
        from: Timestamp,
        to: Timestamp,
        with_children: bool,
    ) -> Result<Reply, Refusal> {
        let Some(job) = self.jobs.get(name).cloned() else {
            return Err(Refusal::UnknownJob(name.clone()));
        };
        let targets = self.targets_to_repeat(&job, from, to)?;
        let cause = if with_children {
            RunCause::BackfillWithChildren
        } else {
            RunCause::Backfill
        };
        drop(job);
        let mut keys = Vec::with_capacity(targets.len());
        self.in_bulk(|scheduler| {
            for target in targets {
                let Some(job) = scheduler.jobs.get(name) else {
                    break;
                };
                let key = RunKey {
                    job: name.clone(),
                    due: job.due_of_moment(scheduler.now.wall),
                    attempt: 0,
                };
                keys.push(key.clone());
                scheduler.add_run(new_run(key, target, cause, scheduler.now.wall));
            }
        });
        Ok(Reply::Runs(keys))
    }

    fn targets_to_repeat(
        &self,
        job: &Job,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Timestamp>, Refusal> {
        let invalid = |field: &'static str, problem: String| Refusal::Invalid { field, problem };
        let Some(targets) = &job.targets else {
            let problem = "has no schedule, so there are no targets to run again".to_owned();
            return Err(invalid("job", problem));
        };
        if job.spec.disabled {
            return Err(invalid("job", "is disabled; enable it first".to_owned()));
        }
        if to > self.now.wall {
            let problem = format!("{to} has not come yet; now is {}", self.now.wall);
            return Err(invalid("to", problem));
        }
        if from > to {
            return Err(invalid("from", format!("{from} is later than to, {to}")));
        }
        let before = from.plus_millis(-1);
        let in_line = job.waiting().filter(|run| waits_in_line(run.cause)).count();
        let count = targets.count_between(before, to);
        let waiting = u64::try_from(in_line).unwrap_or(u64::MAX);
        if waiting > 0 && count.saturating_add(waiting) > BACKFILL_RUNS_MAX {
            let problem = format!(
                "{waiting} runs of the job wait in line already, and with {count} more they are more than {BACKFILL_RUNS_MAX}; wait for them"
            );
            return Err(invalid("to", problem));
        }
        if count > BACKFILL_RUNS_MAX {
            let problem = format!(
                "there are {count} targets from {from} to {to}, more than {BACKFILL_RUNS_MAX}; ask for a smaller range"
            );
            return Err(invalid("to", problem));
        }
        let mut found = Vec::new();
        let mut next = targets.after(before);
        while let Some(target) = next.filter(|target| target.at <= to) {
            if job.exclusions.excluded_until(target.at).is_none() {
                found.push(target.at);
            }
            next = targets.after(target.at);
        }
        if found.is_empty() {
            let problem = format!("there is no target from {from} to {to}");
            return Err(invalid("from", problem));
        }
        Ok(found)
    }
}
