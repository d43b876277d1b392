//! Time, lines between the parts, and faults: everything that happens comes from one seed.

mod due;
mod faults;
mod stream;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use fastrand::Rng;

use self::due::{Due, Fault};
use crate::{
    daemon::{Act, Answer, Daemon, Request},
    master::Master,
    servers::{Servers, TARGETS},
    weakness::Weak,
};

const DAEMONS: usize = 3;

/// How long a session lasts without a sign of life, in milliseconds as all numbers here.
const TIMEOUT: u64 = 1000;

/// How often a leader looks whether something is due.
const TICK: u64 = 40;

/// How often the master repeats what nobody acknowledged.
const REPEAT: u64 = 150;

/// For how long things break, and for how long they may take to be well again after that.
const BROKEN: u64 = 8000;
const HEALED: u64 = 12_000;

/// How many faults there are in one history at most.
const FAULTS_MAX: u64 = 12;

struct Client {
    daemon: Daemon,
    life: u64,
    line: u64,
    /// A line to the servers can be had.
    reachable: bool,
    frozen: bool,
    alive: bool,
    /// What happened to it while it was frozen.
    stalled: VecDeque<Due>,
    /// Requests without an answer.
    open: BTreeMap<u64, Request>,
    /// When the next request may arrive at the earliest: a line keeps the order.
    arrives_at: u64,
    /// By how many thousandths its clock is fast.
    skew: i64,
}

pub(crate) struct World {
    weak: Weak,
    rng: Rng,
    now: u64,
    dues: BTreeMap<(u64, u64), Due>,
    count: u64,
    servers: Servers,
    master: Master,
    clients: Vec<Client>,
    due: [u64; TARGETS],
    unique: u64,
    /// Two daemons that would both have launched something at one instant.
    two_acted: bool,
}

/// What went wrong in one history.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Verdict {
    /// A target ran twice.
    pub(crate) double: bool,
    /// A target is past and never ran.
    pub(crate) lost: bool,
    /// Long after everything was well again, not all is done.
    pub(crate) stuck: bool,
    /// Two daemons would have launched something at the same instant.
    pub(crate) two_acted: bool,
    /// One end woke several that wait.
    pub(crate) herd: bool,
    /// A write of an older term was carried out.
    pub(crate) stale: bool,
}

/// Plays one history.
pub(crate) fn play(seed: u64, weak: Weak) -> Verdict {
    World::new(seed, weak).run()
}

impl World {
    fn new(seed: u64, weak: Weak) -> Self {
        let mut rng = Rng::with_seed(seed);
        let due = [(); TARGETS].map(|()| rng.u64(0..BROKEN));
        let mut due = due;
        due.sort_unstable();
        let mut world = Self {
            weak,
            rng,
            now: 0,
            dues: BTreeMap::new(),
            count: 0,
            servers: Servers::new(weak),
            master: Master::new(weak),
            clients: Vec::new(),
            due,
            unique: 0,
            two_acted: false,
        };
        for daemon in 0..DAEMONS {
            let skew = world.rng.i64(-100..=100);
            world.clients.push(Client {
                daemon: Daemon::new(weak, TIMEOUT, 0),
                life: 0,
                line: 0,
                reachable: true,
                frozen: false,
                alive: false,
                stalled: VecDeque::new(),
                open: BTreeMap::new(),
                arrives_at: 0,
                skew,
            });
            let at = world.rng.u64(0..200);
            world.at(at, Due::Starts(daemon));
        }
        for _ in 0..world.rng.u64(1..=FAULTS_MAX) {
            let at = world.rng.u64(0..BROKEN);
            let fault = world.fault();
            world.at(at, Due::Breaks(fault));
        }
        world.at(1, Due::ServersLook);
        world.at(REPEAT, Due::Repeats);
        world
    }

    fn at(&mut self, at: u64, due: Due) {
        self.count += 1;
        let key = (at.max(self.now), self.count);
        self.dues.insert(key, due);
    }

    fn run(mut self) -> Verdict {
        while let Some(((at, _), due)) = self.dues.pop_first() {
            self.now = at;
            if self.now > BROKEN + HEALED || self.is_finished() {
                break;
            }
            self.happen(due);
            let acting = (0..DAEMONS).filter(|&daemon| self.acts(daemon)).count();
            self.two_acted |= acting > 1;
        }
        let runs = |target| self.master.runs.get(&target).copied().unwrap_or_default();
        let finished = self.is_finished();
        let record = &self.servers.record;
        Verdict {
            double: (0..TARGETS).any(|target| runs(target) > 1),
            // It has been passed over, or was begun and forgotten.
            lost: (0..TARGETS).any(|target| {
                let is_active = record.active.is_some_and(|(of, _)| of == target);
                target < record.cursor && !is_active && runs(target) == 0
            }),
            stuck: !finished,
            two_acted: self.two_acted,
            herd: self.servers.herd > 1,
            stale: self.servers.stale,
        }
    }

    fn is_finished(&self) -> bool {
        self.now > BROKEN && self.servers.record.done.len() == TARGETS
    }

    // Whether it would launch something if it went on at this instant.
    fn acts(&self, daemon: usize) -> bool {
        let client = &self.clients[daemon];
        client.alive && client.daemon.may_act(self.clock(daemon))
    }

    // A clock that counts while the process stands still, and is not quite right.
    fn clock(&self, daemon: usize) -> Duration {
        Duration::from_millis(self.local(daemon))
    }

    fn local(&self, daemon: usize) -> u64 {
        self.now.saturating_add_signed(
            i64::try_from(self.now).unwrap_or_default() * self.clients[daemon].skew / 1000,
        )
    }

    fn happen(&mut self, due: Due) {
        if let Some(daemon) = due.needs()
            && self.clients[daemon].frozen
        {
            return self.clients[daemon].stalled.push_back(due);
        }
        match due {
            Due::Arrives {
                daemon,
                life,
                line,
                session,
                id,
                request,
            } => {
                self.arrives(daemon, (life, line), session, id, request);
            }
            Due::Answered {
                daemon,
                life,
                line,
                id,
                answer,
            } => self.answered(daemon, (life, line), id, answer),
            Due::WatchFires {
                daemon,
                session,
                round,
            } => self.watch_fires(daemon, session, round),
            Due::SeesCut { daemon, life, line } => {
                if self.is_line(daemon, life, line) {
                    self.sees_cut(daemon);
                }
            }
            Due::Connects { daemon, life } => self.connects(daemon, life),
            Due::KeepsAlive { daemon, life } => self.keeps_alive(daemon, life),
            Due::Ticks { daemon, life } => {
                if self.is_life(daemon, life) {
                    let (now, wall, due) = (self.clock(daemon), self.now, self.due);
                    self.clients[daemon].daemon.tick(now, &due, wall);
                    self.carry_out(daemon);
                    self.at(self.now + TICK, Due::Ticks { daemon, life });
                }
            }
            due @ (Due::Called { .. }
            | Due::Subscribes { .. }
            | Due::Subscribed { .. }
            | Due::Reconciled { .. }
            | Due::Updated { .. }
            | Due::Repeats
            | Due::Ends { .. }
            | Due::ServersLook
            | Due::Breaks(_)
            | Due::Heals(_)
            | Due::Wakes(_)
            | Due::Starts(_)) => self.happen_elsewhere(&due),
        }
    }

    // At the master, at the servers, and to whole daemons.
    fn happen_elsewhere(&mut self, due: &Due) {
        match *due {
            Due::Called {
                daemon,
                stream,
                call,
            } => self.called(daemon, stream, call),
            Due::Subscribes { daemon, life } => self.subscribes(daemon, life),
            Due::Subscribed {
                daemon,
                life,
                stream,
            } => self.subscribed(daemon, life, stream),
            Due::Reconciled {
                daemon,
                life,
                stream,
                task,
                known,
            } => self.reconciled((daemon, life), stream, task, known),
            Due::Updated {
                daemon,
                stream,
                task,
            } => {
                if self.clients[daemon].alive && self.master.stream == Some((stream, daemon)) {
                    self.clients[daemon].daemon.ended(task);
                    self.carry_out(daemon);
                }
            }
            Due::Repeats => self.repeats(),
            Due::Ends { task } => self.master.end(task),
            Due::ServersLook => {
                let fired = self.servers.expire(self.now, TIMEOUT);
                self.fire(fired);
                self.at(self.now + 50, Due::ServersLook);
            }
            Due::Breaks(fault) => self.breaks(fault),
            Due::Heals(daemon) => self.clients[daemon].reachable = true,
            Due::Wakes(daemon) => {
                self.clients[daemon].frozen = false;
                for due in std::mem::take(&mut self.clients[daemon].stalled) {
                    self.at(self.now, due);
                }
            }
            Due::Starts(daemon) => self.starts(daemon),
            // Those of the lines to the servers.
            Due::Arrives { .. }
            | Due::Answered { .. }
            | Due::WatchFires { .. }
            | Due::SeesCut { .. }
            | Due::Connects { .. }
            | Due::KeepsAlive { .. }
            | Due::Ticks { .. } => {}
        }
    }

    fn answered(&mut self, daemon: usize, (life, line): (u64, u64), id: u64, answer: Answer) {
        if self.is_line(daemon, life, line)
            && let Some(request) = self.clients[daemon].open.remove(&id)
        {
            let now = self.clock(daemon);
            self.clients[daemon].daemon.answer(request, answer, now);
            self.carry_out(daemon);
        }
    }

    fn watch_fires(&mut self, daemon: usize, session: i64, round: u64) {
        let client = &mut self.clients[daemon];
        // On another session, and without a line, nobody hears of it.
        if client.alive && client.daemon.connected && client.daemon.session == Some(session) {
            client.daemon.watch_fired(round);
            self.carry_out(daemon);
        }
    }

    fn is_life(&self, daemon: usize, life: u64) -> bool {
        self.clients[daemon].alive && self.clients[daemon].life == life
    }

    fn is_line(&self, daemon: usize, life: u64, line: u64) -> bool {
        self.is_life(daemon, life) && self.clients[daemon].line == line
    }

    fn starts(&mut self, daemon: usize) {
        let weak = self.weak;
        self.unique += 1_000_000;
        let unique = self.unique;
        let client = &mut self.clients[daemon];
        client.daemon = Daemon::new(weak, TIMEOUT, unique);
        client.alive = true;
        client.life += 1;
        client.open.clear();
        let life = client.life;
        for due in [
            Due::Connects { daemon, life },
            Due::KeepsAlive { daemon, life },
            Due::Ticks { daemon, life },
        ] {
            self.at(self.now, due);
        }
    }

    fn connects(&mut self, daemon: usize, life: u64) {
        if !self.is_life(daemon, life) || self.clients[daemon].daemon.connected {
            return;
        }
        if !self.clients[daemon].reachable {
            return self.at(self.now + 50, Due::Connects { daemon, life });
        }
        let known = self.clients[daemon].daemon.session;
        let lives = known.is_some_and(|session| self.servers.hear(session, self.now));
        if known.is_some() && !lives {
            self.clients[daemon].daemon.expire();
            self.carry_out(daemon);
        }
        let session = match known {
            Some(session) if lives => session,
            _ => self.servers.new_session(self.now),
        };
        let client = &mut self.clients[daemon];
        client.line += 1;
        client.daemon.connect(session);
        self.carry_out(daemon);
    }

    fn keeps_alive(&mut self, daemon: usize, life: u64) {
        if !self.is_life(daemon, life) {
            return;
        }
        let sent_at = self.local(daemon);
        if self.clients[daemon].daemon.connected {
            self.send(daemon, Request::Sync { sent_at });
        }
        let every = self.clients[daemon].daemon.lease.keepalive();
        let every = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        self.at(self.now + every, Due::KeepsAlive { daemon, life });
    }

    fn carry_out(&mut self, daemon: usize) {
        while let Some(act) = self.clients[daemon].daemon.next_act() {
            let life = self.clients[daemon].life;
            match act {
                Act::Send(request) => self.send(daemon, request),
                Act::Subscribe => {
                    let at = self.now + self.rng.u64(1..20);
                    self.at(at, Due::Subscribes { daemon, life });
                }
                // Some take their time, and arrive when others lead.
                Act::Call(stream, call) => {
                    let late = if self.rng.u8(..10) == 0 {
                        TIMEOUT * 3
                    } else {
                        10
                    };
                    let at = self.now + self.rng.u64(1..late);
                    self.at(
                        at,
                        Due::Called {
                            daemon,
                            stream,
                            call,
                        },
                    );
                }
            }
        }
    }

    fn send(&mut self, daemon: usize, request: Request) {
        self.count += 1;
        let id = self.count;
        let latency = self.rng.u64(1..8);
        let client = &mut self.clients[daemon];
        let (life, line, session) = (client.life, client.line, client.daemon.session);
        client.open.insert(id, request.clone());
        let at = (self.now + latency).max(client.arrives_at);
        client.arrives_at = at;
        if !client.daemon.connected {
            // Refused at once.
            client.open.remove(&id);
            let now = self.clock(daemon);
            self.clients[daemon]
                .daemon
                .answer(request, Answer::Unknown, now);
            return self.carry_out(daemon);
        }
        if !client.reachable {
            // It is in the line when that breaks: it may arrive whenever it likes, or never.
            self.drift(daemon, life, line, session, id, request);
            return;
        }
        self.at(
            at,
            Due::Arrives {
                daemon,
                life,
                line,
                session,
                id,
                request,
            },
        );
    }

    fn drift(
        &mut self,
        daemon: usize,
        life: u64,
        line: u64,
        session: Option<i64>,
        id: u64,
        request: Request,
    ) {
        if self.rng.bool() {
            let at = self.now + self.rng.u64(1..TIMEOUT * 2);
            // By a line that is gone: nobody hears the answer.
            self.at(
                at,
                Due::Arrives {
                    daemon,
                    life,
                    line: line.wrapping_sub(1),
                    session,
                    id,
                    request,
                },
            );
        }
    }

    fn arrives(
        &mut self,
        daemon: usize,
        (life, line): (u64, u64),
        session: Option<i64>,
        id: u64,
        request: Request,
    ) {
        let lives = session.is_some_and(|session| self.servers.hear(session, self.now));
        let session = session.unwrap_or_default();
        let answer = match request {
            // What is of the session goes with it; the store has one of its own.
            Request::Create { name, .. } if lives => {
                self.servers.create(session, name);
                Answer::Done
            }
            Request::Assess { name, .. } if lives => Answer::Found(self.servers.assess(name)),
            Request::Watch { round, node } if lives => {
                if !self.servers.watch(node, daemon, session, round) {
                    self.fire(vec![(daemon, session, round)]);
                }
                Answer::Done
            }
            Request::Sync { .. } if lives => Answer::Done,
            // A server that is told of a session that is over closes the line.
            Request::Create { .. }
            | Request::Assess { .. }
            | Request::Watch { .. }
            | Request::Sync { .. } => {
                return self.at(self.now + 1, Due::SeesCut { daemon, life, line });
            }
            Request::ReadTerm => Answer::Term(self.servers.term()),
            Request::Begin { guard, seen } => Answer::Begun(self.servers.begin(guard, seen)),
            Request::Load { fence } => Answer::Loaded(self.servers.load(fence)),
            Request::Check { fence } => Answer::Checked(self.servers.check(fence)),
            Request::Write {
                fence,
                version,
                record,
                ..
            } => Answer::Written(self.servers.write(fence, version, record)),
        };
        // An answer too may be lost, and its line with it.
        if self.rng.u8(..100) == 0 && self.now < BROKEN {
            return self.at(self.now + 1, Due::SeesCut { daemon, life, line });
        }
        if self.clients[daemon].reachable {
            let at = self.now + self.rng.u64(1..4);
            self.at(
                at,
                Due::Answered {
                    daemon,
                    life,
                    line,
                    id,
                    answer,
                },
            );
        }
    }

    fn fire(&mut self, fired: Vec<(usize, i64, u64)>) {
        for (daemon, session, round) in fired {
            let at = self.now + self.rng.u64(1..4);
            self.at(
                at,
                Due::WatchFires {
                    daemon,
                    session,
                    round,
                },
            );
        }
    }

    fn sees_cut(&mut self, daemon: usize) {
        if !self.clients[daemon].daemon.connected {
            return;
        }
        self.cut(daemon);
        let client = &mut self.clients[daemon];
        client.line += 1;
        client.daemon.disconnect();
        let open = std::mem::take(&mut client.open);
        for request in open.into_values() {
            let now = self.clock(daemon);
            self.clients[daemon]
                .daemon
                .answer(request, Answer::Unknown, now);
        }
        self.carry_out(daemon);
        let life = self.clients[daemon].life;
        let at = self.now + self.rng.u64(1..30);
        self.at(at, Due::Connects { daemon, life });
    }
}
