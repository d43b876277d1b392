//! One daemon: the real candidate and the real lease, and what a leader does by the protocol.

use std::{collections::VecDeque, time::Duration};

use chronos_zk::{Candidate, Event, Lease, Order, Own};

use crate::{
    master::Call,
    servers::{Fence, Record, Refusal, TARGETS},
    weakness::{Weak, Weakness},
};

/// What is sent to the servers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Request {
    Create {
        round: u64,
        name: u64,
    },
    Assess {
        round: u64,
        name: u64,
    },
    Watch {
        round: u64,
        node: u64,
    },
    Sync {
        sent_at: u64,
    },
    ReadTerm,
    Begin {
        guard: u64,
        seen: u64,
    },
    Load {
        fence: Fence,
    },
    Check {
        fence: Fence,
    },
    Write {
        fence: Fence,
        version: u64,
        record: Record,
        step: Step,
    },
}

/// Which step of a run a write is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    Intent { task: u64, target: usize },
    Result { task: u64 },
}

/// What the servers answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Done,
    Found(Option<(u64, i64, Option<u64>)>),
    Term(u64),
    Begun(Result<Fence, Refusal>),
    Loaded(Result<(Record, u64), Refusal>),
    Checked(Result<(), Refusal>),
    Written(Result<u64, Refusal>),
    /// It was lost on the way, or its answer was.
    Unknown,
}

/// What the daemon wants done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    Send(Request),
    Subscribe,
    Call(u64, Call),
}

/// How far a leader is.
#[derive(Clone, Debug, Default, PartialEq)]
enum Stage {
    #[default]
    Idle,
    Beginning,
    Loading,
    /// The servers' word is asked for before subscribing.
    Checking,
    Subscribing,
    Asking,
    Working,
    Writing,
    /// It is over, and only the candidate may begin again.
    Fenced,
}

#[derive(Debug)]
pub(crate) struct Daemon {
    weak: Weak,
    candidate: Candidate,
    pub(crate) lease: Lease,
    /// The session that the client has, and the one that the candidate was told of.
    pub(crate) session: Option<i64>,
    told_session: Option<i64>,
    pub(crate) connected: bool,
    name: u64,
    guard: u64,
    stage: Stage,
    fence: Fence,
    record: Record,
    version: u64,
    stream: Option<u64>,
    /// A launch whose intent is written, and that was not sent yet.
    unlaunched: Option<(u64, usize)>,
    acts: VecDeque<Act>,
    /// Names and tasks that nobody else gives; the world counts on.
    pub(crate) unique: u64,
}

impl Daemon {
    pub(crate) fn new(weak: Weak, timeout: u64, unique: u64) -> Self {
        Self {
            weak,
            candidate: Candidate::new(),
            lease: Lease::new(Duration::from_millis(timeout)),
            session: None,
            told_session: None,
            connected: false,
            name: 0,
            guard: 0,
            stage: Stage::Idle,
            fence: Fence::default(),
            record: Record::default(),
            version: 0,
            stream: None,
            unlaunched: None,
            acts: VecDeque::new(),
            unique,
        }
    }

    pub(crate) fn next_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// Whether it would launch something now, by its own clock.
    pub(crate) fn may_act(&self, now: Duration) -> bool {
        if self.weak.has(Weakness::ActsInDoubt) {
            return self.stage != Stage::Idle;
        }
        self.candidate.may_act() && self.lease.may_act(now)
    }

    pub(crate) fn connect(&mut self, session: i64) {
        self.connected = true;
        if self.session.replace(session) != Some(session) {
            let is_new = self.told_session.is_none();
            if is_new || !self.weak.has(Weakness::IgnoresSessionEnd) {
                self.unique += 1;
                self.name = self.unique;
                self.told_session = Some(session);
            }
        }
        self.handle(Event::Connected(self.told_session.unwrap_or(session)));
    }

    pub(crate) fn disconnect(&mut self) {
        self.connected = false;
        self.handle(Event::Disconnected);
    }

    pub(crate) fn expire(&mut self) {
        self.connected = false;
        self.session = None;
        if self.weak.has(Weakness::IgnoresSessionEnd) {
            return;
        }
        self.lease.end();
        self.handle(Event::Expired);
    }

    pub(crate) fn resign(&mut self) {
        self.handle(Event::Resign);
    }

    pub(crate) const fn name(&self) -> u64 {
        self.name
    }

    fn handle(&mut self, event: Event) {
        for order in self.candidate.handle(event) {
            match order {
                Order::Create { round } => {
                    let name = self.name;
                    self.send(Request::Create { round, name });
                }
                Order::Assess { round, .. } => {
                    let name = self.name;
                    self.send(Request::Assess { round, name });
                }
                Order::Watch { round, node } => {
                    let node = node.parse().unwrap_or_default();
                    self.send(Request::Watch { round, node });
                }
                Order::Lead => self.begin(),
                Order::StepDown => self.forget(),
                Order::Resume if self.stage == Stage::Working => {}
                // What was on its way when it was suspended may be lost.
                Order::Resume if self.stage != Stage::Fenced => self.reload(),
                Order::Resume | Order::Suspend | Order::Delete => {}
            }
        }
    }

    fn send(&mut self, request: Request) {
        self.acts.push_back(Act::Send(request));
    }

    fn forget(&mut self) {
        self.stage = Stage::Idle;
        self.stream = None;
        self.unlaunched = None;
    }

    fn begin(&mut self) {
        self.forget();
        self.stage = Stage::Beginning;
        self.send(Request::ReadTerm);
    }

    fn reload(&mut self) {
        if self.fence.term == 0 || self.stage == Stage::Beginning {
            return self.begin();
        }
        self.stream = None;
        self.unlaunched = None;
        self.stage = Stage::Loading;
        let fence = self.fence;
        self.send(Request::Load { fence });
    }

    /// Takes the answer to a request.
    pub(crate) fn answer(&mut self, request: Request, answer: Answer, now: Duration) {
        match (request, answer) {
            (Request::Create { round, .. }, Answer::Done) => self.handle(Event::Created { round }),
            (Request::Create { round, .. }, _) => self.handle(Event::CreateFailed { round }),
            (Request::Assess { round, .. }, Answer::Found(found)) => self.assessed(round, found),
            (Request::Assess { round, .. }, _) => self.handle(Event::AssessFailed { round }),
            (Request::Sync { sent_at }, Answer::Done) => {
                self.lease.renew(Duration::from_millis(sent_at));
            }
            (Request::Sync { .. } | Request::Watch { .. }, _) => {}
            (Request::ReadTerm | Request::Begin { .. }, answer) => self.begun(&answer),
            (Request::Load { .. }, answer) => self.loaded(answer),
            (Request::Check { .. }, answer) => self.checked(&answer),
            (Request::Write { record, step, .. }, answer) => {
                self.written(record, step, &answer, now);
            }
        }
    }

    fn assessed(&mut self, round: u64, mut found: Option<(u64, i64, Option<u64>)>) {
        if self.weak.has(Weakness::IgnoresSessionEnd)
            && found.is_none()
            && self.stage != Stage::Idle
        {
            // What was ours still is, whatever became of the session that it was in.
            found = self.told_session.map(|session| (self.guard, session, None));
        }
        let own = found.map(|(node, owner, before)| Own {
            node: node.to_string(),
            owner,
            before: before.map(|before| before.to_string()),
        });
        if let Some((node, _, None)) = found {
            self.guard = node;
        }
        self.handle(Event::Assessed { round, own });
    }

    pub(crate) fn watch_fired(&mut self, round: u64) {
        self.handle(Event::WatchFired { round });
    }

    fn begun(&mut self, answer: &Answer) {
        if self.stage != Stage::Beginning {
            return;
        }
        match answer {
            &Answer::Begun(Ok(fence)) => {
                self.fence = fence;
                self.stage = Stage::Loading;
                self.send(Request::Load { fence });
            }
            &Answer::Term(seen) => {
                let guard = self.guard;
                self.send(Request::Begin { guard, seen });
            }
            Answer::Begun(Err(Refusal::Fenced)) => self.stage = Stage::Fenced,
            // Once more is harmless; without a connection the next one will.
            _ if self.connected => self.begin(),
            _ => {}
        }
    }

    fn loaded(&mut self, answer: Answer) {
        if self.stage != Stage::Loading {
            return;
        }
        match answer {
            Answer::Loaded(Ok((record, version))) => {
                self.record = record;
                self.version = version;
                if self.weak.has(Weakness::TakesStartedForDone)
                    && let Some((target, _)) = self.record.active.take()
                {
                    self.record.done.insert(target);
                }
                self.check();
            }
            Answer::Loaded(Err(_)) => self.stage = Stage::Fenced,
            _ if self.connected => self.reload(),
            _ => {}
        }
    }

    fn check(&mut self) {
        if self.weak.has(Weakness::SubscribesUnchecked) {
            self.stage = Stage::Subscribing;
            return self.acts.push_back(Act::Subscribe);
        }
        self.stage = Stage::Checking;
        let fence = self.fence;
        self.send(Request::Check { fence });
    }

    fn checked(&mut self, answer: &Answer) {
        if self.stage != Stage::Checking {
            return;
        }
        match answer {
            Answer::Checked(Ok(())) => {
                self.stage = Stage::Subscribing;
                self.acts.push_back(Act::Subscribe);
            }
            Answer::Checked(Err(_)) => self.stage = Stage::Fenced,
            _ if self.connected => self.check(),
            _ => {}
        }
    }

    /// There is a stream; `None` when there is none any more.
    pub(crate) fn subscribed(&mut self, stream: Option<u64>) {
        match (stream, &self.stage) {
            (Some(stream), Stage::Subscribing) => {
                self.stream = Some(stream);
                self.unlaunched = None;
                let Some((target, task)) = self.record.active else {
                    self.stage = Stage::Working;
                    return;
                };
                if self.weak.has(Weakness::NeverAsks) {
                    self.stage = Stage::Working;
                    return self.launch_again(target);
                }
                self.stage = Stage::Asking;
                self.acts
                    .push_back(Act::Call(stream, Call::Reconcile { task }));
            }
            (None, Stage::Subscribing) => self.check(),
            (None, Stage::Asking | Stage::Working) => {
                self.stream = None;
                self.check();
            }
            // When the write is answered it will be seen that there is no stream.
            (None, Stage::Writing) => self.stream = None,
            _ => {}
        }
    }

    /// The master knows the task, or does not.
    pub(crate) fn reconciled(&mut self, task: u64, known: bool) {
        if self.stage != Stage::Asking || self.record.active.is_none_or(|(_, of)| of != task) {
            return;
        }
        self.stage = Stage::Working;
        if !known && let Some((target, _)) = self.record.active {
            self.launch_again(target);
        }
    }

    // Under a new number, which is written before.
    fn launch_again(&mut self, target: usize) {
        self.unique += 1;
        let task = self.unique;
        let mut record = self.record.clone();
        record.active = Some((target, task));
        self.write(record, Step::Intent { task, target });
    }

    fn write(&mut self, record: Record, step: Step) {
        self.stage = Stage::Writing;
        let (fence, version) = (self.fence, self.version);
        self.send(Request::Write {
            fence,
            version,
            record,
            step,
        });
    }

    fn written(&mut self, record: Record, step: Step, answer: &Answer, now: Duration) {
        if self.stage != Stage::Writing {
            return;
        }
        let as_yes = self.weak.has(Weakness::TakesUnknownForYes);
        match answer {
            &Answer::Written(Ok(version)) => self.wrote(record, version, step, now),
            Answer::Written(Err(Refusal::Fenced)) => self.stage = Stage::Fenced,
            Answer::Unknown if as_yes => self.wrote(record, self.version + 1, step, now),
            Answer::Unknown if self.weak.has(Weakness::TakesUnknownForNo) => {
                self.stage = Stage::Working;
            }
            _ if self.connected => self.reload(),
            // The next connection will.
            _ => {}
        }
    }

    fn wrote(&mut self, record: Record, version: u64, step: Step, now: Duration) {
        self.record = record;
        self.version = version;
        self.stage = Stage::Working;
        match step {
            Step::Intent { task, target } => {
                if !self.weak.has(Weakness::LaunchesFirst) {
                    self.unlaunched = Some((task, target));
                }
            }
            Step::Result { task } => {
                if let Some(stream) = self.stream {
                    self.acts
                        .push_back(Act::Call(stream, Call::Acknowledge { task }));
                }
            }
        }
        self.launch(now);
        if self.stream.is_none() && self.stage == Stage::Working {
            self.check();
        }
    }

    fn launch(&mut self, now: Duration) {
        if self.may_act(now)
            && let Some(stream) = self.stream
            && let Some((task, target)) = self.unlaunched.take()
        {
            self.acts
                .push_back(Act::Call(stream, Call::Launch { task, target }));
        }
    }

    /// A task has ended, says the master.
    pub(crate) fn ended(&mut self, task: u64) {
        if self.stage != Stage::Working {
            return;
        }
        match self.record.active {
            Some((target, of)) if of == task => {
                let mut record = self.record.clone();
                record.active = None;
                record.done.insert(target);
                self.write(record, Step::Result { task });
            }
            // It is on record already; what was said got lost.
            _ => {
                if let Some(stream) = self.stream {
                    self.acts
                        .push_back(Act::Call(stream, Call::Acknowledge { task }));
                }
            }
        }
    }

    /// Looks whether something is due.
    pub(crate) fn tick(&mut self, now: Duration, due: &[u64; TARGETS], wall: u64) {
        if self.stage != Stage::Working || !self.may_act(now) {
            return;
        }
        self.launch(now);
        let target = self.record.cursor;
        if self.record.active.is_some() || target >= TARGETS || due[target] > wall {
            return;
        }
        self.unique += 1;
        let task = self.unique;
        let mut record = self.record.clone();
        record.cursor += 1;
        record.active = Some((target, task));
        if self.weak.has(Weakness::LaunchesFirst)
            && let Some(stream) = self.stream
        {
            self.acts
                .push_back(Act::Call(stream, Call::Launch { task, target }));
        }
        self.write(record, Step::Intent { task, target });
    }
}
