//! Dependent jobs: what their parents' completions lead to.
//!
//! Nothing is written to a child when a parent completes, so a crash in between forgets nothing:
//! readiness is seen again from what is stored. Which completions belong together is decided in
//! [`generation`](crate::generation).

use std::sync::Arc;

use chronos_model::{
    Completion, CompletionKind, Generation, JobName, Lineage, Outcome, Run, RunCause, RunKey,
    Timestamp, Trigger,
};

use crate::{
    Mutant, Scheduler,
    generation::{Choice, choose, take_in},
    job::{Job, end, new_run},
    settings::{COMPLETIONS_MAX, LINEAGE_LEN_MAX},
};

/// What a completion means for the children.
#[derive(Clone, Copy, Debug)]
struct Follow {
    /// The target of a child's run.
    target: Timestamp,
    /// Its cause.
    cause: RunCause,
}

impl Scheduler {
    /// A run of a job ended in a way that completes it.
    pub(crate) fn run_completed(&mut self, run: &Run, kind: CompletionKind) {
        let follow = match run.cause {
            // What an operator repeats for itself alone is nobody else's business.
            RunCause::Backfill => return,
            RunCause::BackfillWithChildren => Follow {
                target: run.target,
                cause: RunCause::BackfillWithChildren,
            },
            RunCause::Schedule | RunCause::CatchUp | RunCause::Parents | RunCause::Manual => {
                Follow {
                    target: self.now.wall,
                    cause: RunCause::Parents,
                }
            }
        };
        let lineage = run.parents.as_ref().map(|parents| &parents.lineage);
        self.complete(&run.key.job, kind, Some(&run.key), lineage, follow);
    }

    /// A job was marked as successful.
    pub(crate) fn mark_completed(&mut self, name: &JobName) {
        let generation = self
            .jobs
            .get(name)
            .and_then(|job| job.progress.links.generation.as_ref());
        let lineage = generation.map(|generation| generation.lineage.clone());
        let follow = Follow {
            target: self.now.wall,
            cause: RunCause::Parents,
        };
        let kind = CompletionKind::Success;
        self.complete(name, kind, None, lineage.as_ref(), follow);
    }

    fn complete(
        &mut self,
        name: &JobName,
        kind: CompletionKind,
        run: Option<&RunKey>,
        lineage: Option<&Lineage>,
        follow: Follow,
    ) {
        let children = self.children(name);
        if children.is_empty() {
            return self.complete_alone(name);
        }
        let mut lineage = lineage.cloned().unwrap_or_default();
        let run = run.cloned();
        let keep = self.completions_to_keep(&children);
        let mixes = self.has_bug(Mutant::MixesLineages);
        self.change_progress(name, |progress| {
            progress.completed = progress.completed.saturating_add(1);
            let number = progress.completed;
            // Only where ways part can they meet again.
            if children.len() > 1 && lineage.len() < LINEAGE_LEN_MAX {
                lineage.insert(name.clone(), number);
            }
            if mixes {
                lineage.clear();
            }
            progress.links.completions.push(Completion {
                number,
                kind,
                run,
                lineage,
            });
            trim(&mut progress.links.completions, keep);
        });
        if self.has_bug(Mutant::ForgetsCompletion) {
            return;
        }
        for child in children {
            self.run_if_ready(&child, follow.target, follow.cause);
        }
    }

    fn complete_alone(&mut self, name: &JobName) {
        self.change_progress(name, |progress| {
            progress.completed = progress.completed.saturating_add(1);
            // Nobody will ask which they were.
            if !progress.links.completions.is_empty() {
                progress.links.completions.clear();
            }
        });
    }

    // A child with one parent uses up each completion at once. One with several may have to wait for
    // the others with it.
    fn completions_to_keep(&self, children: &[JobName]) -> usize {
        let joins = |child: &JobName| {
            self.jobs
                .get(child)
                .is_some_and(|job| job.spec.parents().len() > 1 || waits_for_both(job))
        };
        if children.iter().any(joins) {
            COMPLETIONS_MAX
        } else {
            usize::from(!children.is_empty())
        }
    }

    /// Runs a dependent job when its parents' completions say so.
    pub(crate) fn run_if_ready(&mut self, name: &JobName, target: Timestamp, cause: RunCause) {
        let Some(job) = self.jobs.get(name).cloned() else {
            return;
        };
        match &job.spec.trigger {
            Trigger::Schedule(_) => {}
            Trigger::Both { .. } => self.bind_waiting(&job),
            Trigger::Parents(_) => {
                if let Some(choice) = self.choose_parents(&job) {
                    self.run_generation(&job, choice, target, cause);
                }
            }
        }
    }

    fn run_generation(&mut self, job: &Job, choice: Choice, target: Timestamp, cause: RunCause) {
        let name = &job.spec.name;
        let generation = Box::new(choice.generation.clone());
        self.use_up(name, choice);
        let key = RunKey {
            job: name.clone(),
            due: job.due_of_moment(target),
            attempt: 0,
        };
        let mut run = new_run(key, target, cause, self.now.wall);
        run.parents = Some(generation);
        if job.spec.disabled {
            let reason = Some("the job is disabled".to_owned());
            end(&mut run, Outcome::Skipped, reason, self.now.wall);
        }
        self.add_run(run);
    }

    /// Lets the oldest run of a target that waits for the parents go on, when they have completed.
    pub(crate) fn bind_waiting(&mut self, job: &Job) {
        let Some(run) = job.waiting().find(|run| awaits_parents(job, run)) else {
            return;
        };
        let Some(choice) = self.choose_parents(job) else {
            return;
        };
        let generation = Box::new(choice.generation.clone());
        self.use_up(&job.spec.name, choice);
        self.write_run(&run.key, |run| run.parents = Some(generation));
        self.review_queue(&job.spec.name);
    }

    fn choose_parents(&self, job: &Job) -> Option<Choice> {
        choose(job, |name| self.jobs.get(name))
    }

    fn use_up(&mut self, name: &JobName, choice: Choice) {
        let again = self.has_bug(Mutant::CountsTwice);
        self.change_progress(name, |progress| {
            if !again {
                progress.links.consumed.extend(choice.consumed);
            }
            progress.links.generation = Some(Box::new(Generation {
                runs: choice.generation.runs,
                lineage: choice.used_up,
            }));
        });
    }

    /// Uses up what the parents have completed so far: what was before does not make the job run.
    pub(crate) fn consume_parents(&mut self, name: &JobName) {
        let Some(job) = self.jobs.get(name).cloned() else {
            return;
        };
        if job.spec.parents().is_empty() {
            return;
        }
        if let Some(choice) = self.choose_parents(&job) {
            self.use_up(name, choice);
        }
        let parents = job.spec.parents().iter();
        let parents: Vec<Arc<Job>> = parents
            .filter_map(|parent| self.jobs.get(parent).cloned())
            .collect();
        self.change_progress(name, |progress| {
            let mut generation = progress.links.generation.take().unwrap_or_default();
            for parent in parents {
                let consumed = progress
                    .links
                    .consumed
                    .entry(parent.spec.name.clone())
                    .or_insert(0);
                *consumed = parent.progress.completed.max(*consumed);
                // What is used up without a run must not look like something later than the last run.
                if let Some(newest) = parent.progress.links.completions.last() {
                    take_in(&mut generation.lineage, &newest.lineage);
                }
            }
            progress.links.generation = Some(generation);
        });
    }

    /// Returns how often a job has completed.
    pub(crate) fn completed_count(&self, name: &JobName) -> u64 {
        self.jobs.get(name).map_or(0, |job| job.progress.completed)
    }
}

/// Whether a run has its time but not its parents.
pub(crate) fn awaits_parents(job: &Job, run: &Run) -> bool {
    let scheduled = matches!(run.cause, RunCause::Schedule | RunCause::CatchUp);
    scheduled && run.parents.is_none() && waits_for_both(job)
}

fn waits_for_both(job: &Job) -> bool {
    matches!(job.spec.trigger, Trigger::Both { .. })
}

/// Returns what a run by hand repeats: the parents' completions of the job's newest run.
pub(crate) fn repeated(job: &Arc<Job>) -> Option<Box<Generation>> {
    job.progress.links.generation.clone()
}

// The oldest go; but a success that failures followed may still be waited for.
fn trim(completions: &mut Vec<Completion>, keep: usize) {
    while completions.len() > keep {
        let newest_success = completions
            .iter()
            .rposition(|completion| completion.kind == CompletionKind::Success);
        let oldest = usize::from(newest_success == Some(0) && keep > 1);
        if oldest < completions.len() {
            completions.remove(oldest);
        }
    }
}
