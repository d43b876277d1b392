//! The evidence, sorted by job and by run, for all oracles to read.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use chronos_core::{Command, Task, TaskState};
use chronos_model::{
    Calendar, CalendarName, JobName, JobSpec, Run, RunCause, RunKey, Timestamp, Write,
};

use crate::{
    clock::Moment,
    evidence::{Evidence, Fact},
    script::Script,
};

/// The evidence in order. An index is one of its facts.
#[derive(Debug)]
pub struct Ledger<'e> {
    /// What was done to the world.
    pub script: &'e Script,
    /// All of it.
    pub evidence: &'e Evidence,
    /// The lives of each job: a name that was deleted may be given again.
    pub jobs: BTreeMap<&'e JobName, Vec<Life>>,
    /// What the store was told of each run.
    pub runs: BTreeMap<&'e RunKey, Record<'e>>,
    /// What agents did with each run.
    pub tasks: BTreeMap<&'e RunKey, Deeds<'e>>,
    /// The versions of each calendar, oldest first.
    pub calendars: BTreeMap<&'e CalendarName, Vec<&'e Calendar>>,
    /// When the quiet time began and ended, and what the leader's clock showed at its end.
    pub quiet: Option<(Moment, Moment, Timestamp)>,
}

/// One life of a job, from its creation to its deletion.
#[derive(Debug)]
pub struct Life {
    /// Its definitions, oldest first; there is at least one.
    pub versions: Vec<Version>,
    /// Its deletion: the fact, and what the clock of who decided showed.
    pub died: Option<(usize, Timestamp)>,
}

/// One definition of a job.
#[derive(Debug)]
pub struct Version {
    /// The fact that made it durable.
    pub fact: usize,
    /// What the clock of who decided on it showed.
    pub wall: Timestamp,
    /// The definition.
    pub spec: Arc<JobSpec>,
    /// Its schedule is not that of the version before.
    pub new_schedule: bool,
    /// It is the first of its job.
    pub creation: bool,
}

/// What the store was told of one run.
#[derive(Debug)]
pub struct Record<'e> {
    /// Which life of the job it belongs to.
    pub life: usize,
    /// Which version of that life was current when it was decided.
    pub version: usize,
    /// The writes, oldest first, each with its fact; there is at least one.
    pub writes: Vec<(usize, Timestamp, &'e Run)>,
}

/// What agents did with one run.
#[derive(Debug, Default)]
pub struct Deeds<'e> {
    /// Its launches: the fact, the term, the latest clock.
    pub launches: Vec<(usize, u64, Timestamp, &'e Task)>,
    /// When its command began.
    pub begins: Vec<usize>,
    /// When it ended and how; it need not have begun.
    pub ends: Vec<(usize, TaskState)>,
    /// When its end was asked for.
    pub kills: Vec<usize>,
}

impl<'e> Record<'e> {
    /// Returns the run as it was decided.
    pub fn first(&self) -> &'e Run {
        self.writes[0].2
    }

    /// Returns the run as it was last written.
    pub fn last(&self) -> &'e Run {
        self.writes[self.writes.len() - 1].2
    }

    /// Returns the fact that made it known.
    pub fn decided(&self) -> usize {
        self.writes[0].0
    }

    /// Whether it stands for a target of the schedule.
    pub fn is_scheduled(&self) -> bool {
        matches!(self.first().cause, RunCause::Schedule | RunCause::CatchUp)
    }
}

impl Life {
    /// Returns the version that was current at a fact.
    pub fn version_at(&self, fact: usize) -> &Version {
        let newer = self
            .versions
            .partition_point(|version| version.fact <= fact);
        &self.versions[newer.saturating_sub(1)]
    }

    /// Returns the spans of versions with one schedule: the indices of the first and after the last.
    pub fn eras(&self) -> Vec<(usize, usize)> {
        let mut starts: Vec<usize> = (0..self.versions.len())
            .filter(|&index| self.versions[index].new_schedule)
            .collect();
        starts.push(self.versions.len());
        starts.windows(2).map(|pair| (pair[0], pair[1])).collect()
    }
}

impl<'e> Ledger<'e> {
    /// Sorts the evidence.
    pub fn new(script: &'e Script, evidence: &'e Evidence) -> Self {
        let mut ledger = Self {
            script,
            evidence,
            jobs: BTreeMap::new(),
            runs: BTreeMap::new(),
            tasks: BTreeMap::new(),
            calendars: BTreeMap::new(),
            quiet: None,
        };
        let mut healed = Moment(0);
        for (index, (at, fact)) in evidence.facts.iter().enumerate() {
            match fact {
                Fact::Committed { wall, writes, .. } => {
                    for write in writes {
                        ledger.write(index, *wall, write);
                    }
                }
                Fact::Launched {
                    term,
                    wall_max,
                    task,
                } => ledger
                    .tasks
                    .entry(&task.key)
                    .or_default()
                    .launches
                    .push((index, *term, *wall_max, task)),
                Fact::Began(key) => ledger.tasks.entry(key).or_default().begins.push(index),
                Fact::Ended { key, how } => {
                    ledger
                        .tasks
                        .entry(key)
                        .or_default()
                        .ends
                        .push((index, *how));
                }
                Fact::KillAsked(key) => ledger.tasks.entry(key).or_default().kills.push(index),
                Fact::Healed => healed = *at,
                Fact::Closing { wall } => ledger.quiet = Some((healed, *at, *wall)),
                Fact::Act(_)
                | Fact::Elected { .. }
                | Fact::Gone { .. }
                | Fact::Paused(_)
                | Fact::Resumed(_)
                | Fact::Asked { .. }
                | Fact::Answered { .. }
                | Fact::Fenced(_)
                | Fact::Told(_)
                | Fact::Breach { .. } => {}
            }
        }
        ledger
    }

    fn write(&mut self, fact: usize, wall: Timestamp, write: &'e Write) {
        match write {
            Write::PutSpec { spec, .. } => self.put_spec(fact, wall, spec),
            Write::DeleteJob { job, .. } => {
                let life = self.jobs.get_mut(job).and_then(|lives| lives.last_mut());
                if let Some(life) = life.filter(|life| life.died.is_none()) {
                    life.died = Some((fact, wall));
                }
            }
            Write::PutRun(run) => self.put_run(fact, wall, run),
            Write::PutCalendar(calendar) => {
                let versions = self.calendars.entry(calendar.name()).or_default();
                versions.push(calendar);
            }
            Write::PutProgress { .. }
            | Write::DeleteCalendar(_)
            | Write::Forget { .. }
            | Write::PutFrameworkId(_) => {}
        }
    }

    fn put_spec(&mut self, fact: usize, wall: Timestamp, spec: &'e Arc<JobSpec>) {
        let lives = self.jobs.entry(&spec.name).or_default();
        let mut version = Version {
            fact,
            wall,
            spec: Arc::clone(spec),
            new_schedule: true,
            creation: false,
        };
        if let Some(life) = lives.last_mut().filter(|life| life.died.is_none()) {
            let before = life.versions.last();
            version.new_schedule =
                before.is_none_or(|before| before.spec.schedule() != spec.schedule());
            life.versions.push(version);
        } else {
            version.creation = true;
            lives.push(Life {
                versions: vec![version],
                died: None,
            });
        }
    }

    fn put_run(&mut self, fact: usize, wall: Timestamp, run: &'e Run) {
        let lives = self.jobs.get(&run.key.job).map_or(&[][..], Vec::as_slice);
        let life = lives.len().saturating_sub(1);
        let version = lives.last().map_or(0, |life| version_of(life, fact, run));
        let record = self.runs.entry(&run.key).or_insert_with(|| Record {
            life,
            version,
            writes: Vec::new(),
        });
        record.writes.push((fact, wall, run));
    }

    /// Whether a definition's calendars leave a target out: `None` when that depends on which version
    /// of a calendar is meant.
    pub fn leaves_out(&self, spec: &JobSpec, target: Timestamp) -> Option<bool> {
        let mut certain = false;
        let mut possible = false;
        for name in &spec.details.calendars {
            let versions = self.calendars.get(name).map_or(&[][..], Vec::as_slice);
            let out = |calendar: &&Calendar| calendar.excluded_until(target).is_some();
            certain |= !versions.is_empty() && versions.iter().all(out);
            possible |= versions.iter().any(out);
        }
        if certain {
            return Some(true);
        }
        (!possible).then_some(false)
    }

    /// Returns when a fact happened.
    pub fn at(&self, fact: usize) -> Moment {
        self.evidence
            .facts
            .get(fact)
            .map_or(Moment(0), |(at, _)| *at)
    }

    /// Returns the life of a job that a run belongs to.
    pub fn life_of(&self, key: &RunKey, record: &Record<'_>) -> Option<&Life> {
        self.jobs.get(&key.job)?.get(record.life)
    }

    /// Returns the records of the runs of one life of a job, oldest due time first.
    pub fn records_of<'l>(
        &'l self,
        job: &'l JobName,
        life: usize,
    ) -> impl Iterator<Item = (&'e RunKey, &'l Record<'e>)> + 'l {
        let from = RunKey {
            job: job.clone(),
            due: Timestamp::from_millis(i64::MIN),
            attempt: 0,
        };
        self.runs
            .range::<RunKey, _>((Bound::Included(&from), Bound::Unbounded))
            .take_while(move |(key, _)| key.job == *job)
            .filter(move |(_, record)| record.life == life)
            .map(|(&key, record)| (key, record))
    }

    /// Returns what operators asked for and were told was done, with both facts.
    pub fn acknowledged(&self) -> Vec<(usize, usize, &'e Command)> {
        let mut asked = BTreeMap::new();
        let mut done = Vec::new();
        for (index, (_, fact)) in self.evidence.facts.iter().enumerate() {
            if let Fact::Asked { request, command } = fact {
                asked.insert(*request, (index, command));
            }
            if let Fact::Answered {
                request,
                reply: Ok(_),
            } = fact
                && let Some((asked_at, command)) = asked.remove(request)
            {
                done.push((asked_at, index, command));
            }
        }
        done
    }
}

// A definition that is replaced takes what had come by it, and the store is told in the same breath.
fn version_of(life: &Life, fact: usize, run: &Run) -> usize {
    let newest = life.versions.len().saturating_sub(1);
    let version = &life.versions[newest];
    let Some(before) = newest.checked_sub(1) else {
        return newest;
    };
    let just_replaced = version.new_schedule && version.fact == fact;
    if !just_replaced || run.target > version.wall {
        return newest;
    }
    let is_target = |version: &Version| {
        let targets = version.spec.schedule()?.targets(version.wall).ok()?;
        // Only a new schedule that has nothing to come, or starts now, takes what has passed.
        let takes_passed =
            targets.after(version.wall).is_none() || version.starts_now() || !version.new_schedule;
        let found = targets.at_or_before(run.target)?;
        Some(found.at == run.target && takes_passed)
    };
    if is_target(version) != Some(true) {
        return before;
    }
    newest
}

impl Version {
    fn starts_now(&self) -> bool {
        let schedule = self.spec.schedule();
        schedule.is_some_and(chronos_model::JobSchedule::starts_at_anchor)
    }
}
