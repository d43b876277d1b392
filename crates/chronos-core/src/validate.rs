//! What must always be true of the scheduler's state. Tests and simulations look after every input.

use chronos_model::{JobName, RunState};

use crate::{Scheduler, job::Job};

impl Scheduler {
    /// Returns every invariant that does not hold, none in a healthy state. Walks all jobs.
    pub fn validate(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for job in self.jobs.values() {
            self.validate_job(&job.spec.name, job, &mut broken);
        }
        for key in self.queue.keys() {
            match self.find_run(key) {
                Some(run) if run.state == RunState::Queued => {}
                Some(run) => broken.push(format!("{key} is in the queue and {}", run.state)),
                None => broken.push(format!("{key} is in the queue and unknown")),
            }
        }
        for key in &self.unlaunched {
            if self
                .find_run(key)
                .is_none_or(|run| run.state != RunState::Starting)
            {
                broken.push(format!("{key} is to be launched and not starting"));
            }
        }
        broken
    }

    fn validate_job(&self, name: &JobName, job: &Job, broken: &mut Vec<String>) {
        if let Some(next) = job.next_target() {
            let wake = job.next_wake();
            let left = self.unfinished.contains(name);
            if wake.is_none_or(|wake| wake <= self.now.wall) && !left {
                broken.push(format!("{name} has an overdue target {}", next.at));
            }
            let number = self.jobs.number(name).unwrap_or_default();
            let set = |at| self.timers.contains(&(at, number));
            if job.wake != wake || !wake.is_some_and(set) {
                broken.push(format!("{name} has no timer for its target {}", next.at));
            }
        }
        // An edit may leave more runs at agents than there are places now; but none may join them.
        let queued = job
            .waiting()
            .filter(|run| self.queue.contains(&run.key))
            .count();
        if job.places_free().is_some_and(|free| queued > free) {
            broken.push(format!("{name} has more runs in the queue than places"));
        }
        for run in job.runs.values() {
            if (run.state == RunState::Ended) != run.outcome.is_some() {
                broken.push(format!(
                    "{} is {} with outcome {:?}",
                    run.key, run.state, run.outcome
                ));
            }
            if run.key.due > job.progress.due_max.unwrap_or_default() {
                broken.push(format!("{} is beyond the latest due time", run.key));
            }
        }
        let mut parents: Vec<JobName> = job.spec.parents().iter().cloned().collect();
        parents.sort();
        if self.graph.parents(name) != parents {
            broken.push(format!("{name} has other parents in the graph"));
        }
        if job.has_children == self.graph.children(name).is_empty() {
            broken.push(format!("{name} is wrong about having children"));
        }
        if job.spec.disabled && self.queue.keys().any(|key| key.job == *name) {
            broken.push(format!("{name} is disabled and in the queue"));
        }
    }
}
