//! What must be durable before it may show: the writes of one input, and what waits for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chronos_model::{
    Calendar, CalendarName, JobName, Revision, RunKey, RunState, Timestamp, Tomb, Write,
};

use crate::{
    ClusterCall, Effect, Launch, Mutant, Notice, OfferId, PersistId, Scheduler, Task, alarm::Alarm,
    jobs::JobNumber, pieces::split,
};

/// What one input changed, gathered so that each value is written once.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// In the order of the first change.
    jobs: Vec<JobChanges>,
    /// Where a job is in that list, by its number; what an earlier input left here names another job, or
    /// none. Never cleared: a tick may change thousands of jobs, and most inputs change one.
    places: Vec<u32>,
    /// The same for jobs that have no number any more.
    gone: BTreeMap<JobName, usize>,
    /// Runs, each with the place of its job.
    runs: Vec<(usize, Timestamp, u32)>,
    calendars: BTreeMap<CalendarName, Option<Arc<Calendar>>>,
    /// Runs that targets or parents decided on, when there are many.
    decided: BTreeSet<RunKey>,
    gate: Gate,
}

/// What changed of one job.
#[derive(Debug)]
pub(crate) struct JobChanges {
    job: JobName,
    number: Option<JobNumber>,
    deleted: Option<(Revision, Tomb)>,
    pub(crate) forgotten: bool,
    pub(crate) spec: bool,
    pub(crate) progress: bool,
}

/// What happens once the writes are durable.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    effects: Vec<Effect>,
    /// The offers of each launch with the end of its runs among all that start.
    launches: Vec<(Vec<OfferId>, usize)>,
    starts: Vec<RunKey>,
    ended: Vec<RunKey>,
}

impl JobChanges {
    fn new(job: JobName, number: Option<JobNumber>) -> Self {
        Self {
            job,
            number,
            deleted: None,
            forgotten: false,
            spec: false,
            progress: false,
        }
    }

    pub(crate) fn delete(&mut self, revision: Revision, tomb: Tomb) {
        self.deleted = Some((revision, tomb));
        self.spec = false;
        self.progress = false;
    }
}

impl Changes {
    /// Writes a calendar, or that it is gone.
    pub(crate) fn calendar(&mut self, name: CalendarName, calendar: Option<Arc<Calendar>>) {
        self.calendars.insert(name, calendar);
    }

    /// Keeps a run in one write with the progress of its job.
    pub(crate) fn decide(&mut self, key: RunKey) {
        self.decided.insert(key);
    }

    /// Holds an effect back until everything that this input changed is durable.
    pub(crate) fn then(&mut self, effect: Effect) {
        self.gate.effects.push(effect);
    }

    /// Holds a run back that the next launch is to start.
    pub(crate) fn then_start(&mut self, run: RunKey) {
        self.gate.starts.push(run);
    }

    /// Holds a launch back until its intent is durable.
    pub(crate) fn then_launch(&mut self, offers: Vec<OfferId>) {
        self.gate.launches.push((offers, self.gate.starts.len()));
    }

    fn of(&mut self, number: Option<JobNumber>, job: &JobName) -> &mut JobChanges {
        let place = self.place_of(number, job);
        self.jobs.get_mut(place).expect("a place is in the list")
    }

    fn run(&mut self, number: Option<JobNumber>, key: &RunKey) {
        let place = self.place_of(number, &key.job);
        self.runs.push((place, key.due, key.attempt));
    }

    fn place_of(&mut self, number: Option<JobNumber>, job: &JobName) -> usize {
        let next = self.jobs.len();
        let place = match number {
            Some(number) => self.numbered(number),
            None => *self.gone.entry(job.clone()).or_insert(next),
        };
        if place == next {
            self.jobs.push(JobChanges::new(job.clone(), number));
        }
        place
    }

    fn numbered(&mut self, number: JobNumber) -> usize {
        let next = self.jobs.len();
        let index = number.index();
        if index >= self.places.len() {
            self.places.resize(index.saturating_add(1), 0);
        }
        let Some(place) = self.places.get_mut(index) else {
            return next;
        };
        let known = usize::try_from(*place).unwrap_or(usize::MAX);
        if self
            .jobs
            .get(known)
            .is_some_and(|job| job.number == Some(number))
        {
            return known;
        }
        *place = u32::try_from(next).unwrap_or(u32::MAX);
        next
    }

    fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.calendars.is_empty() && self.gate.is_empty()
    }
}

impl Gate {
    const fn is_empty(&self) -> bool {
        self.effects.is_empty() && self.launches.is_empty() && self.ended.is_empty()
    }

    fn says_yes(&self) -> bool {
        let is_yes = |effect: &Effect| matches!(effect, Effect::Reply { reply: Ok(_), .. });
        self.effects.iter().any(is_yes)
    }
}

impl Scheduler {
    /// Notes that something of a job is to be written at the end of this input.
    pub(crate) fn changes_of(&mut self, job: &JobName) -> &mut JobChanges {
        let number = self.jobs.number(job);
        self.changes.of(number, job)
    }

    /// Notes that a run is to be written at the end of this input.
    pub(crate) fn run_changed(&mut self, key: &RunKey) {
        let number = self.jobs.number(&key.job);
        self.changes.run(number, key);
    }

    /// Turns what this input changed into one write, and lets go what waits for nothing.
    pub(crate) fn flush(&mut self) {
        if self.changes.is_empty() {
            return;
        }
        let mut gate = std::mem::take(&mut self.changes.gate);
        let writes = self.collect(&mut gate);
        // A leader whose term is over may not know. What it says yes to must have gone by the store, even
        // when there is nothing to write: a commit without writes asks whether the term still holds.
        if writes.is_empty() && !gate.says_yes() {
            self.open(gate);
            return;
        }
        if self.has_bug(Mutant::LaunchesUnwritten) {
            self.launch_all(&mut gate);
        }
        let decided = std::mem::take(&mut self.changes.decided);
        let Some(pieces) = split(&writes, &decided) else {
            return self.persist(writes, gate);
        };
        let mut pieces = pieces.into_iter().peekable();
        while let Some(piece) = pieces.next() {
            let writes = piece.into_iter().cloned().collect();
            // Each is durable after those before it.
            let gate = match pieces.peek() {
                Some(_) => Gate::default(),
                None => std::mem::take(&mut gate),
            };
            self.persist(writes, gate);
        }
    }

    fn persist(&mut self, writes: Vec<Write>, gate: Gate) {
        self.persist_count = self.persist_count.wrapping_add(1);
        let request = PersistId(self.persist_count);
        self.gates.push_back((request, gate));
        self.outbox.push_back(Effect::Persist { request, writes });
    }

    fn collect(&mut self, gate: &mut Gate) -> Vec<Write> {
        // The lists keep their room for the next input.
        let mut jobs = std::mem::take(&mut self.changes.jobs);
        let mut runs = std::mem::take(&mut self.changes.runs);
        runs.sort_unstable();
        runs.dedup();
        self.changes.gone.clear();
        let mut writes = Vec::with_capacity(jobs.len().saturating_add(runs.len()));
        while let Some((name, calendar)) = self.changes.calendars.pop_first() {
            writes.push(match calendar {
                Some(calendar) => Write::PutCalendar(calendar),
                None => Write::DeleteCalendar(name),
            });
        }
        let mut rest = runs.as_slice();
        for (place, changes) in jobs.iter().enumerate() {
            let own = rest.partition_point(|&(of, ..)| of <= place);
            let (own, later) = rest.split_at(own);
            rest = later;
            self.collect_job(changes, &mut writes);
            self.collect_runs(&changes.job, own, &mut writes, gate);
        }
        jobs.clear();
        runs.clear();
        self.changes.jobs = jobs;
        self.changes.runs = runs;
        writes
    }

    fn collect_job(&mut self, changes: &JobChanges, writes: &mut Vec<Write>) {
        let name = &changes.job;
        self.jobs.turn_to_name(name);
        if let Some((expected, tomb)) = changes.deleted {
            writes.push(Write::DeleteJob {
                job: name.clone(),
                expected,
                tomb,
            });
        }
        if changes.forgotten {
            writes.push(Write::Forget { job: name.clone() });
        }
        if let Some(job) = self
            .jobs
            .get_mut(name)
            .filter(|_| changes.spec || changes.progress)
        {
            let job = Arc::make_mut(job);
            if changes.spec {
                writes.push(Write::PutSpec {
                    spec: Arc::clone(&job.spec),
                    expected: job.spec_revision,
                });
                job.spec_revision = job.spec_revision.wrapping_add(1);
            }
            if changes.progress {
                let expected = job.progress_revision;
                writes.push(Write::PutProgress {
                    job: name.clone(),
                    progress: Arc::clone(&job.progress),
                    expected,
                });
                job.progress_revision = job.progress_revision.wrapping_add(1);
            }
        }
    }

    fn collect_runs(
        &mut self,
        name: &JobName,
        runs: &[(usize, Timestamp, u32)],
        writes: &mut Vec<Write>,
        gate: &mut Gate,
    ) {
        for &(_, due, attempt) in runs {
            let Some(run) = self.find_run_of(name, (due, attempt)) else {
                continue;
            };
            let mut run = Arc::clone(run);
            match run.state {
                RunState::Ended => gate.ended.push(run.key.clone()),
                // That it runs is known from the agent, and not worth a write.
                RunState::Running => Arc::make_mut(&mut run).state = RunState::Starting,
                RunState::Queued | RunState::Starting => {}
            }
            writes.push(Write::PutRun(run));
        }
    }

    /// A write is durable: what waited for it may happen.
    pub(crate) fn persisted(&mut self, request: PersistId) {
        let gate = if self.gates.front().is_some_and(|&(name, _)| name == request) {
            self.gates.pop_front()
        } else {
            // Their names rise.
            let found = self.gates.binary_search_by_key(&request, |&(name, _)| name);
            found.ok().and_then(|place| self.gates.remove(place))
        };
        if let Some((_, gate)) = gate {
            self.open(gate);
        }
    }

    fn open(&mut self, mut gate: Gate) {
        for key in gate.ended.drain(..) {
            self.drop_ended(&key);
        }
        // Acknowledgements first: a run that was dropped may be launched again here, under the same key.
        self.outbox.extend(gate.effects.drain(..));
        self.launch_all(&mut gate);
        // Its lists have their room for the next input that has something to hold back.
        if self.changes.gate.is_empty() {
            self.changes.gate = gate;
        }
    }

    // The store has it; readers find it there from now on.
    fn drop_ended(&mut self, key: &RunKey) {
        self.jobs.turn_to_name(&key.job);
        let place = (key.due, key.attempt);
        if let Some(runs) = self.orphans.get_mut(&key.job) {
            if runs
                .get(place)
                .is_some_and(|run| run.state == RunState::Ended)
            {
                runs.remove(place);
            }
            if runs.is_empty() {
                self.orphans.remove(&key.job);
            }
        }
        if let Some(job) = self.jobs.get_mut(&key.job)
            && job
                .runs
                .get(place)
                .is_some_and(|run| run.state == RunState::Ended)
        {
            Arc::make_mut(job).runs.remove(place);
        }
    }

    fn launch_all(&mut self, gate: &mut Gate) {
        let mut starts = gate.starts.drain(..);
        let mut from = 0;
        for (offers, to) in gate.launches.drain(..) {
            let count = to.saturating_sub(from);
            self.launch(offers, starts.by_ref().take(count));
            from = to;
        }
    }

    // The intent is durable. A run that was killed meanwhile is not started any more.
    fn launch(&mut self, offers: Vec<OfferId>, runs: impl Iterator<Item = RunKey>) {
        let mut tasks = Vec::with_capacity(runs.size_hint().0);
        for key in runs {
            if !self.unlaunched.remove(&key) {
                continue;
            }
            self.jobs.turn_to_name(&key.job);
            let run = self.find_run(&key);
            let Some(run) = run.filter(|run| run.state == RunState::Starting) else {
                continue;
            };
            let Some(job) = self.jobs.get(&key.job).filter(|_| !run.kill_requested) else {
                self.end_killed_unlaunched(&key);
                continue;
            };
            let mut task = Task {
                launch: Launch(run.not_before),
                target: run.target,
                spec: Arc::clone(&job.spec),
                arguments: run.arguments.clone(),
                parent_runs: run
                    .parents
                    .as_ref()
                    .map_or_else(Vec::new, |parents| parents.runs.clone()),
                key,
            };
            let start = run.not_before.unwrap_or_else(|| job.start_of(run.target));
            self.tell_of_launch(&task.key, self.now.wall.millis_since(start));
            let start_timeout = task.spec.policies.start_timeout_secs;
            if start_timeout > 0 {
                let millis = i64::try_from(start_timeout).unwrap_or(i64::MAX);
                let alarm = Alarm::StartLimit(task.key.clone());
                self.set_limit(&task.key, millis.saturating_mul(1000), alarm);
            }
            if self.has_bug(Mutant::LaunchesAnother) {
                Arc::make_mut(&mut task.spec).command = Box::default();
            }
            tasks.push(task);
        }
        if tasks.is_empty() {
            let declines = offers.into_iter();
            let declines = declines.map(|offer| Effect::Cluster(ClusterCall::Decline { offer }));
            return self.outbox.extend(declines);
        }
        let call = ClusterCall::Launch { offers, tasks };
        self.outbox.push_back(Effect::Cluster(call));
    }

    fn tell_of_launch(&mut self, key: &RunKey, late_millis: i64) {
        self.notice(Notice::RunLaunched {
            key: key.clone(),
            late_millis,
        });
        // Once for each run: whoever waited too long has been told of already.
        let told = self.lates.get(key) == Some(&None) || key.attempt > 0;
        let limit = self.late_limit_millis(key);
        if !told && limit.is_some_and(|limit| late_millis > limit) {
            self.notice(Notice::TargetLate {
                key: key.clone(),
                late_millis,
                started: true,
            });
        }
        self.no_longer_late(key);
    }
}
