//! The scheduler: its state, and the way in and out.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use chronos_model::{Calendar, CalendarName, JobName, Quarantined, Run, RunKey, Timestamp, Tomb};
use job_graph::JobGraph;

use crate::{
    Effect, Input, Mono, Mutant, Notice, Now, Offer, OfferId, Settings, View,
    alarm::Alarm,
    audit::Audit,
    begun::Begun,
    job::Job,
    jobs::{JobNumber, Jobs},
    persist::{Changes, Gate},
    queue::Queue,
    run_list::{Place, Runs},
    supply::Supply,
};

/// The scheduler: facts and instants in, effects and deadlines out.
///
/// It reads no clock and touches nothing outside itself. Call [`handle`](Self::handle) with each fact
/// and carry out what [`next_effect`](Self::next_effect) returns until it is empty.
#[derive(Debug)]
pub struct Scheduler {
    pub(crate) settings: Settings,
    pub(crate) now: Now,
    pub(crate) jobs: Jobs,
    pub(crate) graph: JobGraph<JobName>,
    /// Runs of deleted jobs that have not ended yet.
    pub(crate) orphans: BTreeMap<JobName, Runs>,
    pub(crate) tombs: BTreeMap<JobName, Tomb>,
    pub(crate) quarantined: Arc<Vec<Quarantined>>,
    pub(crate) calendars: BTreeMap<CalendarName, Arc<Calendar>>,
    /// The jobs that name a calendar.
    pub(crate) calendar_users: BTreeMap<CalendarName, BTreeSet<JobName>>,
    /// When something is to be done about the next target of a job.
    pub(crate) timers: BTreeSet<(Timestamp, JobNumber)>,
    /// When deleted jobs may be forgotten.
    pub(crate) forgettable: BTreeSet<(Timestamp, JobName)>,
    /// What happens after a while.
    pub(crate) alarms: BTreeSet<(Mono, Alarm)>,
    /// Runs whose delay is not over.
    pub(crate) delays: BTreeMap<RunKey, Mono>,
    /// The limit of time of each run that has one: to start, and then to end.
    pub(crate) limits: BTreeMap<RunKey, (Mono, Alarm)>,
    /// Runs that are to be killed, each with an alarm to ask again.
    pub(crate) kills: BTreeSet<RunKey>,
    /// Waiting runs with an alarm for being late; without one, somebody was told.
    pub(crate) lates: BTreeMap<RunKey, Option<Mono>>,
    /// Runs that an earlier scheduler launched.
    pub(crate) inherited: BTreeSet<RunKey>,
    /// Runs that began a while ago.
    pub(crate) begun: Begun,
    /// Runs that were decided in this input.
    pub(crate) fresh: Vec<RunKey>,
    pub(crate) audit: Audit,
    pub(crate) queue: Queue,
    pub(crate) supply: Supply,
    /// Runs whose intent is on its way to the store; no agent has heard of them.
    pub(crate) unlaunched: BTreeSet<RunKey>,
    pub(crate) offers: BTreeMap<OfferId, Arc<Offer>>,
    pub(crate) changes: Changes,
    /// Jobs of which this input leaves targets that have come to the next one.
    pub(crate) unfinished: Vec<JobName>,
    /// While many runs are being changed: the jobs of which it is to be decided anew which runs could start.
    pub(crate) to_review: Option<BTreeSet<JobName>>,
    pub(crate) gates: VecDeque<(crate::PersistId, Gate)>,
    pub(crate) persist_count: u64,
    pub(crate) outbox: VecDeque<Effect>,
}

/// When time alone changes something, on either clock.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Deadline {
    /// On the wall clock, which may jump: compare the clock, do not trust the sleep.
    pub wall: Option<Timestamp>,
    /// On the clock that never goes back.
    pub mono: Option<Mono>,
}

impl Scheduler {
    /// Makes a scheduler that knows nothing, before [`recover`](Self::recover).
    pub(crate) fn empty(settings: Settings, now: Now) -> Self {
        Self {
            settings,
            now,
            jobs: Jobs::new(),
            graph: JobGraph::new(),
            orphans: BTreeMap::new(),
            tombs: BTreeMap::new(),
            quarantined: Arc::default(),
            calendars: BTreeMap::new(),
            calendar_users: BTreeMap::new(),
            timers: BTreeSet::new(),
            forgettable: BTreeSet::new(),
            alarms: BTreeSet::new(),
            delays: BTreeMap::new(),
            limits: BTreeMap::new(),
            kills: BTreeSet::new(),
            lates: BTreeMap::new(),
            inherited: BTreeSet::new(),
            begun: Begun::default(),
            fresh: Vec::new(),
            audit: Audit::default(),
            queue: Queue::default(),
            supply: Supply::default(),
            unlaunched: BTreeSet::new(),
            offers: BTreeMap::new(),
            changes: Changes::default(),
            unfinished: Vec::new(),
            to_review: None,
            gates: VecDeque::new(),
            persist_count: 0,
            outbox: VecDeque::new(),
        }
    }

    /// Takes in one fact. Carry out all effects before the next one.
    pub fn handle(&mut self, now: Now, input: Input) {
        // A monotonic clock that goes back is a broken promise of the caller; the wall clock may.
        self.now = Now {
            wall: now.wall,
            mono: now.mono.max(self.now.mono),
        };
        self.unfinished.clear();
        match input {
            Input::Tick => {}
            Input::Command { request, command } => self.command(request, command),
            Input::Cluster(event) => self.cluster_event(event),
            Input::Persisted(request) => self.persisted(request),
            Input::Audit { jobs } => self.audit_some(jobs),
        }
        self.fire_timers();
        self.fire_alarms();
        let matched = self.match_queue();
        self.watch_for_late();
        self.flush();
        self.settle_offers(matched);
        self.go_on_with_targets();
    }

    /// Returns the next thing to do, oldest first.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.outbox.pop_front()
    }

    /// Returns when time alone changes something; a tick too early does nothing.
    pub fn deadline(&self) -> Deadline {
        Deadline {
            wall: self
                .timers
                .first()
                .map(|&(at, _)| at)
                .into_iter()
                .chain(self.forgettable.first().map(|&(at, _)| at))
                .chain(self.offers_wanted_at())
                .min(),
            mono: self.alarms.first().map(|&(at, _)| at),
        }
    }

    /// Returns a picture for readers, at the cost of a few pointers.
    pub fn view(&self) -> View {
        View {
            at: self.now.wall,
            jobs: self.jobs.list(),
            waits: self.queue.waits(),
            queued: self.queue.len(),
            offers: self.offers.values().cloned().collect(),
            quarantined: Arc::clone(&self.quarantined),
            calendars: self.calendars.clone(),
            audit: self.audit.report(),
        }
    }

    /// Returns the reading of the monotonic clock at the last input.
    pub const fn mono(&self) -> Mono {
        self.now.mono
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        self.outbox.push_back(Effect::Notice(notice));
    }

    /// Changes a job. Nothing happens when there is none, so callers look first where it matters.
    pub(crate) fn change_job<T>(
        &mut self,
        name: &JobName,
        change: impl FnOnce(&mut Job) -> T,
    ) -> Option<T> {
        self.jobs
            .get_mut(name)
            .map(|job| change(Arc::make_mut(job)))
    }

    /// Changes the progress of a job, to be written at the end of this input.
    pub(crate) fn change_progress(
        &mut self,
        name: &JobName,
        change: impl FnOnce(&mut chronos_model::JobProgress),
    ) {
        if self
            .change_job(name, |job| change(job.progress_mut()))
            .is_some()
        {
            self.changes_of(name).progress = true;
        }
    }

    pub(crate) fn find_run(&self, key: &RunKey) -> Option<&Arc<Run>> {
        self.find_run_of(&key.job, (key.due, key.attempt))
    }

    /// Finds a run by its job and its place among the job's runs.
    pub(crate) fn find_run_of(&self, job: &JobName, place: Place) -> Option<&Arc<Run>> {
        let own = self.jobs.get(job).and_then(|job| job.runs.get(place));
        own.or_else(|| self.orphans.get(job).and_then(|runs| runs.get(place)))
    }

    /// Changes a run, wherever it is kept.
    pub(crate) fn change_run(&mut self, key: &RunKey, change: impl FnOnce(&mut Run)) {
        let place = (key.due, key.attempt);
        let own = self.jobs.get_mut(&key.job);
        let own = own.filter(|job| job.runs.get(place).is_some());
        let own = own.and_then(|job| Arc::make_mut(job).runs.get_mut(place));
        let run = own.or_else(|| self.orphans.get_mut(&key.job)?.get_mut(place));
        if let Some(run) = run {
            change(Arc::make_mut(run));
        }
    }

    /// Changes a run, to be written at the end of this input.
    pub(crate) fn write_run(&mut self, key: &RunKey, change: impl FnOnce(&mut Run)) {
        self.change_run(key, change);
        self.run_changed(key);
    }

    fn fire_timers(&mut self) {
        // Each timer that fires is set anew, if at all, for an instant after now; so this ends.
        while let Some(&(at, number)) = self.timers.first() {
            let early = i64::from(self.has_bug(Mutant::EarlyByASecond)).saturating_mul(1000);
            if at > self.now.wall.plus_millis(early) {
                break;
            }
            self.timers.pop_first();
            self.targets_due(number, at);
        }
        while let Some((at, _)) = self.forgettable.first() {
            if *at > self.now.wall {
                break;
            }
            if let Some((_, job)) = self.forgettable.pop_first() {
                self.forget(&job);
            }
        }
    }
}
