//! What is wrong in a store, beyond single records: what a leader would stumble over.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chronos_model::{JobName, JobRecord, Run, Snapshot};

/// Something that is wrong in a store.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The record.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Something is lost, or does not run until somebody mends it.
    Damage,
    /// It is not as this program writes it, and does no harm by itself.
    Strange,
}

impl Finding {
    /// Makes one that is damage.
    pub fn damage(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            severity: Severity::Damage,
            key: key.into(),
            problem: problem.into(),
        }
    }

    /// Makes one that does no harm.
    pub fn strange(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            severity: Severity::Strange,
            key: key.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Damage => "damage",
            Severity::Strange => "strange",
        };
        write!(f, "{severity}: {}: {}", self.key, self.problem)
    }
}

/// Looks at all records together, and at each for what its reading does not show.
pub fn examine(snapshot: &Snapshot) -> Vec<Finding> {
    let mut found = Vec::new();
    let quarantined = snapshot.quarantined.iter();
    found.extend(quarantined.map(|one| Finding::damage(&one.key, &one.problem)));
    let jobs: BTreeMap<&JobName, &JobRecord> = snapshot
        .jobs
        .iter()
        .map(|job| (&job.spec.name, job))
        .collect();
    let parents = jobs.iter().map(|(name, job)| (*name, job.spec.parents()));
    for (name, problem) in unconnected(parents.collect()) {
        found.push(Finding::damage(format!("job {name}"), problem));
    }
    for job in jobs.values() {
        examine_job(job, snapshot, &jobs, &mut found);
    }
    for run in &snapshot.active_runs {
        let job = jobs.get(&run.key.job).copied();
        examine_run(run, job, snapshot, &mut found);
    }
    found.sort();
    found
}

/// Returns the jobs that can never run, because of their parents, and why.
///
/// Those are jobs whose parents are missing, or depend on them, or are such jobs themselves.
pub fn unconnected(mut open: BTreeMap<&JobName, &BTreeSet<JobName>>) -> BTreeMap<JobName, String> {
    let all: BTreeSet<&JobName> = open.keys().copied().collect();
    let mut children: BTreeMap<&JobName, Vec<&JobName>> = BTreeMap::new();
    let mut missing: BTreeMap<&JobName, usize> = BTreeMap::new();
    let mut ready = Vec::new();
    for (&name, parents) in &open {
        for parent in *parents {
            children.entry(parent).or_default().push(name);
        }
        if parents.is_empty() {
            ready.push(name);
        } else {
            missing.insert(name, parents.len());
        }
    }
    while let Some(name) = ready.pop() {
        open.remove(name);
        for child in children.remove(name).unwrap_or_default() {
            let Some(left) = missing.get_mut(child) else {
                continue;
            };
            *left -= 1;
            if *left == 0 {
                ready.push(child);
            }
        }
    }
    let problem = |parents: &BTreeSet<JobName>| {
        let gone = parents.iter().filter(|parent| !all.contains(parent));
        let gone: Vec<&str> = gone.map(JobName::as_str).collect();
        if gone.is_empty() {
            "its parents depend on it, or can never run themselves".to_owned()
        } else {
            format!("its parents are not there: {}", gone.join(", "))
        }
    };
    let open = open.into_iter();
    open.map(|(name, parents)| (name.clone(), problem(parents)))
        .collect()
}

fn examine_job(
    job: &JobRecord,
    snapshot: &Snapshot,
    jobs: &BTreeMap<&JobName, &JobRecord>,
    found: &mut Vec<Finding>,
) {
    let key = format!("job {}", job.spec.name);
    for calendar in &job.spec.details.calendars {
        if !snapshot
            .calendars
            .iter()
            .any(|known| known.name() == calendar)
        {
            let problem = format!("its calendar {calendar} is not there");
            found.push(Finding::damage(&key, problem));
        }
    }
    let targets = job
        .spec
        .schedule()
        .map(|schedule| schedule.targets(job.progress.anchor));
    match (targets, job.progress.next) {
        (Some(Ok(targets)), Some(next)) => {
            let is_target = targets
                .at_or_before(next.at)
                .is_some_and(|at| at.at == next.at);
            if !is_target {
                let problem = format!("its next target {} is none of its schedule", next.at);
                found.push(Finding::damage(&key, problem));
            }
        }
        (Some(Err(error)), _) => found.push(Finding::damage(&key, error.to_string())),
        (None, Some(next)) => {
            let problem = format!("it has no schedule and the next target {}", next.at);
            found.push(Finding::strange(&key, problem));
        }
        (Some(Ok(_)) | None, None) => {}
    }
    for (parent, &consumed) in &job.progress.links.consumed {
        let completed = jobs.get(parent).map(|parent| parent.progress.completed);
        if completed.is_some_and(|completed| consumed > completed) {
            let problem = format!(
                "it has used up {consumed} completions of {parent}, which has fewer; it waits until there are as many"
            );
            found.push(Finding::damage(&key, problem));
        }
    }
}

fn examine_run(run: &Run, job: Option<&JobRecord>, snapshot: &Snapshot, found: &mut Vec<Finding>) {
    let key = format!("run {}", run.key);
    if run.outcome.is_some() || run.ended_at.is_some() {
        let problem = "it has an end and has not ended";
        found.push(Finding::damage(&key, problem));
    }
    match job {
        None if !snapshot.tombs.contains_key(&run.key.job) => {
            let problem = "its job is neither there nor remembered";
            found.push(Finding::strange(&key, problem));
        }
        Some(job) if Some(run.key.due) > job.progress.due_max => {
            let problem = "it is due after the latest that its job has given";
            found.push(Finding::strange(&key, problem));
        }
        Some(_) | None => {}
    }
}
