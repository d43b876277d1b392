//! One candidate, as a pure state machine.
//!
//! ```text
//!                    Created, CreateFailed              first in line
//!   Out ──────► Entering ─────────────► Assessing ─────────────────► Leading
//!    ▲ Connected            ▲ not there   │   ▲                        │
//!    │                      └─────────────┤   │ BeforeGone, OwnGone,   │
//!    │ Expired                            ▼   │ Connected again        │
//!    └──────────────────────────────── Following ◄─── not the first ───┘
//! ```
//!
//! A candidate is an ephemeral node with a number that the servers give; who has the lowest leads. Each
//! watches the one before it only, so that an end wakes one daemon and not all. Whatever is in doubt (an
//! answer that was lost, a connection that came back, a watch that fired) is settled by looking again:
//! is our node there, is it of this session, which is before it.
//!
//! Requests are numbered, and an answer to any but the newest is ignored: orders that were given before
//! something happened must not decide after it.

/// One candidate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Candidate {
    stage: Stage,
    /// The session that is used; `None` when there is none.
    session: Option<i64>,
    connected: bool,
    /// Whoever acts on this was told to lead and has not been told that it is over.
    leads: bool,
    /// It was told to stop until it is told to go on.
    suspended: bool,
    round: u64,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Stage {
    /// There is no session.
    Out,
    /// Our node is being made.
    Entering,
    /// It is being looked at.
    Assessing,
    /// Another one is before us.
    Following,
    /// We are the first.
    Leading,
    /// We do not want to lead any more.
    Resigned,
}

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// There is a connection, with a session of this number.
    Connected(i64),
    /// The connection is gone; the session may live on.
    Disconnected,
    /// The session is over, and our node with it.
    Expired,
    /// Answers [`Order::Create`]: the node is there.
    Created {
        /// The number of the order.
        round: u64,
    },
    /// Answers [`Order::Create`]: it is not there, or nobody knows.
    CreateFailed {
        /// The number of the order.
        round: u64,
    },
    /// Answers [`Order::Assess`].
    Assessed {
        /// The number of the order.
        round: u64,
        /// Our node.
        own: Option<Own>,
    },
    /// Answers [`Order::Assess`]: nobody knows.
    AssessFailed {
        /// The number of the order.
        round: u64,
    },
    /// The watch of [`Order::Watch`] fired.
    WatchFired {
        /// The number of the order.
        round: u64,
    },
    /// Whoever leads does not want to any more; it has stopped acting.
    Resign,
}

/// Our node, as it was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Own {
    /// Its name.
    pub node: String,
    /// The session that it belongs to.
    pub owner: i64,
    /// The node with the next lower number; `None` when ours has the lowest.
    pub before: Option<String>,
}

/// What is to be done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Order {
    /// Make our node, and the node above it where that is missing.
    Create {
        /// Comes back with the answer.
        round: u64,
    },
    /// Look for our node and for the one before it.
    Assess {
        /// Comes back with the answer.
        round: u64,
        /// An attempt before this one failed: wait a little.
        again: bool,
    },
    /// Tell when this node changes or goes; at once when it is not there.
    Watch {
        /// Comes back with the event.
        round: u64,
        /// The node.
        node: String,
    },
    /// Remove our node.
    Delete,
    /// Lead: begin a term.
    Lead,
    /// Stop acting at once, but keep what is known.
    Suspend,
    /// Go on: nobody else has led meanwhile.
    Resume,
    /// It is over: drop everything.
    StepDown,
}

impl Candidate {
    /// Makes a candidate without a session.
    pub const fn new() -> Self {
        Self {
            stage: Stage::Out,
            session: None,
            connected: false,
            leads: false,
            suspended: false,
            round: 0,
        }
    }

    /// Whether it leads and may act.
    pub const fn may_act(&self) -> bool {
        self.leads && !self.suspended
    }

    /// Takes an event; returns what to do, in order.
    pub fn handle(&mut self, event: Event) -> Vec<Order> {
        let mut orders = Vec::new();
        if self.stage == Stage::Resigned {
            return orders;
        }
        match event {
            Event::Connected(session) => self.connect(session, &mut orders),
            Event::Disconnected => {
                self.connected = false;
                self.suspend(&mut orders);
            }
            Event::Expired => self.leave(&mut orders),
            Event::Created { round } | Event::CreateFailed { round } => {
                if self.is_newest(round, &Stage::Entering) {
                    self.assess(false, &mut orders);
                }
            }
            Event::Assessed { round, own } => {
                if self.is_newest(round, &Stage::Assessing) {
                    self.decide(own, &mut orders);
                }
            }
            Event::AssessFailed { round } => {
                // Without a connection the next one will ask again.
                if self.is_newest(round, &Stage::Assessing) && self.connected {
                    self.assess(true, &mut orders);
                }
            }
            Event::WatchFired { round } => match self.stage {
                Stage::Following if round == self.round => self.assess(false, &mut orders),
                Stage::Leading if round == self.round => {
                    // Our own node changed: somebody removed it, or it never was ours.
                    self.suspend(&mut orders);
                    self.assess(false, &mut orders);
                }
                Stage::Out
                | Stage::Entering
                | Stage::Assessing
                | Stage::Following
                | Stage::Leading
                | Stage::Resigned => {}
            },
            Event::Resign => {
                self.step_down(&mut orders);
                if self.session.is_some() {
                    orders.push(Order::Delete);
                }
                self.stage = Stage::Resigned;
            }
        }
        orders
    }

    fn connect(&mut self, session: i64, orders: &mut Vec<Order>) {
        self.connected = true;
        if self.session == Some(session) {
            // What was on its way is lost, and a watch may have been.
            self.assess(false, orders);
            return;
        }
        self.leave(orders);
        self.connected = true;
        self.session = Some(session);
        self.create(orders);
    }

    fn leave(&mut self, orders: &mut Vec<Order>) {
        self.step_down(orders);
        self.stage = Stage::Out;
        self.session = None;
        self.connected = false;
        self.round += 1;
    }

    fn decide(&mut self, own: Option<Own>, orders: &mut Vec<Order>) {
        let Some(own) = own.filter(|own| Some(own.owner) == self.session) else {
            // Not there, or left over by a session that is over.
            self.step_down(orders);
            self.create(orders);
            return;
        };
        self.round += 1;
        if let Some(before) = own.before {
            self.step_down(orders);
            self.stage = Stage::Following;
            orders.push(Order::Watch {
                round: self.round,
                node: before,
            });
            return;
        }
        self.stage = Stage::Leading;
        orders.push(Order::Watch {
            round: self.round,
            node: own.node,
        });
        if !self.leads {
            self.leads = true;
            orders.push(Order::Lead);
        } else if self.suspended {
            orders.push(Order::Resume);
        }
        self.suspended = false;
    }

    fn create(&mut self, orders: &mut Vec<Order>) {
        self.round += 1;
        self.stage = Stage::Entering;
        orders.push(Order::Create { round: self.round });
    }

    fn assess(&mut self, again: bool, orders: &mut Vec<Order>) {
        self.round += 1;
        self.stage = Stage::Assessing;
        orders.push(Order::Assess {
            round: self.round,
            again,
        });
    }

    fn suspend(&mut self, orders: &mut Vec<Order>) {
        if self.leads && !self.suspended {
            self.suspended = true;
            orders.push(Order::Suspend);
        }
    }

    fn step_down(&mut self, orders: &mut Vec<Order>) {
        if self.leads {
            self.leads = false;
            self.suspended = false;
            orders.push(Order::StepDown);
        }
    }

    fn is_newest(&self, round: u64, stage: &Stage) -> bool {
        self.round == round && self.stage == *stage
    }
}

impl Default for Candidate {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: i64 = 7;

    fn own(owner: i64, before: Option<&str>) -> Own {
        Own {
            node: "mine".to_owned(),
            owner,
            before: before.map(str::to_owned),
        }
    }

    fn create(round: u64) -> Order {
        Order::Create { round }
    }

    fn assess(round: u64) -> Order {
        Order::Assess {
            round,
            again: false,
        }
    }

    fn watch(round: u64, node: &str) -> Order {
        Order::Watch {
            round,
            node: node.to_owned(),
        }
    }

    #[track_caller]
    fn check(candidate: &mut Candidate, event: Event, want: &[Order]) {
        let shown = format!("{candidate:?}, {event:?}");
        assert_eq!(candidate.handle(event), want, "{shown}");
    }

    // Candidates in each of the stages, with the round that they are in.
    fn entering() -> (Candidate, u64) {
        let mut candidate = Candidate::new();
        let connected = Event::Connected(SESSION);
        check(&mut candidate, connected, &[create(2)]);
        (candidate, 2)
    }

    fn assessing() -> (Candidate, u64) {
        let (mut candidate, round) = entering();
        check(&mut candidate, Event::Created { round }, &[assess(3)]);
        (candidate, 3)
    }

    fn following() -> (Candidate, u64) {
        let (mut candidate, round) = assessing();
        let own = Some(own(SESSION, Some("first")));
        let event = Event::Assessed { round, own };
        check(&mut candidate, event, &[watch(4, "first")]);
        (candidate, 4)
    }

    fn leading() -> (Candidate, u64) {
        let (mut candidate, round) = assessing();
        let own = Some(own(SESSION, None));
        let event = Event::Assessed { round, own };
        check(&mut candidate, event, &[watch(4, "mine"), Order::Lead]);
        assert!(candidate.may_act());
        (candidate, 4)
    }

    fn suspended() -> (Candidate, u64) {
        let (mut candidate, round) = leading();
        check(&mut candidate, Event::Disconnected, &[Order::Suspend]);
        assert!(!candidate.may_act());
        (candidate, round)
    }

    #[test]
    fn enters_again_when_its_node_is_not_there() {
        let (mut candidate, round) = entering();
        let failed = Event::CreateFailed { round };
        check(&mut candidate, failed, &[assess(3)]);
        let event = Event::Assessed {
            round: 3,
            own: None,
        };
        check(&mut candidate, event, &[create(4)]);
        // One of a session before this one is as good as none: it will go.
        let (mut candidate, round) = assessing();
        let own = Some(own(SESSION - 1, None));
        check(&mut candidate, Event::Assessed { round, own }, &[create(4)]);
    }

    #[test]
    fn asks_again_while_there_is_a_connection() {
        let (mut candidate, round) = assessing();
        let again = Order::Assess {
            round: 4,
            again: true,
        };
        check(&mut candidate, Event::AssessFailed { round }, &[again]);
        let (mut candidate, round) = assessing();
        check(&mut candidate, Event::Disconnected, &[]);
        check(&mut candidate, Event::AssessFailed { round }, &[]);
        check(&mut candidate, Event::Connected(SESSION), &[assess(4)]);
    }

    #[test]
    fn follows_until_it_is_the_first() {
        let (mut candidate, round) = following();
        assert!(!candidate.may_act());
        check(&mut candidate, Event::WatchFired { round }, &[assess(5)]);
        let event = Event::Assessed {
            round: 5,
            own: Some(own(SESSION, Some("second"))),
        };
        check(&mut candidate, event, &[watch(6, "second")]);
        check(&mut candidate, Event::WatchFired { round: 6 }, &[assess(7)]);
        let event = Event::Assessed {
            round: 7,
            own: Some(own(SESSION, None)),
        };
        check(&mut candidate, event, &[watch(8, "mine"), Order::Lead]);
    }

    #[test]
    fn stops_at_once_and_goes_on_only_after_looking() {
        let (mut candidate, _) = suspended();
        check(&mut candidate, Event::Connected(SESSION), &[assess(5)]);
        assert!(!candidate.may_act());
        let event = Event::Assessed {
            round: 5,
            own: Some(own(SESSION, None)),
        };
        check(&mut candidate, event, &[watch(6, "mine"), Order::Resume]);
        assert!(candidate.may_act());
    }

    #[test]
    fn steps_down_when_its_node_or_session_is_gone() {
        let (mut candidate, round) = leading();
        let orders = [Order::Suspend, assess(5)];
        check(&mut candidate, Event::WatchFired { round }, &orders);
        let event = Event::Assessed {
            round: 5,
            own: None,
        };
        check(&mut candidate, event, &[Order::StepDown, create(6)]);
        // Somebody is before it: it was away for longer than it thought.
        let (mut candidate, _) = suspended();
        check(&mut candidate, Event::Connected(SESSION), &[assess(5)]);
        let event = Event::Assessed {
            round: 5,
            own: Some(own(SESSION, Some("other"))),
        };
        check(&mut candidate, event, &[Order::StepDown, watch(6, "other")]);
        for (mut candidate, _) in [leading(), suspended()] {
            check(&mut candidate, Event::Expired, &[Order::StepDown]);
            assert_eq!(candidate.stage, Stage::Out);
        }
        // Another session says the same, should the end of the old one not be told.
        let (mut candidate, _) = suspended();
        let event = Event::Connected(SESSION + 1);
        check(&mut candidate, event, &[Order::StepDown, create(6)]);
    }

    #[test]
    fn resigns_from_every_stage_for_good() {
        let stages = [entering(), assessing(), following(), leading(), suspended()];
        for (mut candidate, _) in stages {
            let led = candidate.leads;
            let mut want = vec![Order::Delete];
            if led {
                want.insert(0, Order::StepDown);
            }
            check(&mut candidate, Event::Resign, &want);
            for event in [Event::Connected(SESSION), Event::Expired, Event::Resign] {
                check(&mut candidate, event, &[]);
            }
        }
        check(&mut Candidate::new(), Event::Resign, &[]);
    }

    #[test]
    fn ignores_what_is_late_or_not_asked_for() {
        for (candidate, round) in [entering(), assessing(), following(), leading(), suspended()] {
            let late = [round - 1, round + 1].into_iter().flat_map(answers);
            let strange = match candidate.stage {
                Stage::Entering => answers(round).split_off(2),
                Stage::Assessing => answers(round).into_iter().take(2).collect(),
                Stage::Out | Stage::Following | Stage::Leading | Stage::Resigned => {
                    answers(round).into_iter().take(4).collect()
                }
            };
            for event in late.chain(strange) {
                let mut other = candidate.clone();
                if matches!(
                    (&candidate.stage, &event),
                    (Stage::Assessing, Event::WatchFired { .. })
                ) {
                    continue;
                }
                check(&mut other, event, &[]);
                assert_eq!(other, candidate);
            }
        }
    }

    fn answers(round: u64) -> Vec<Event> {
        vec![
            Event::Created { round },
            Event::CreateFailed { round },
            Event::Assessed {
                round,
                own: Some(own(SESSION, None)),
            },
            Event::AssessFailed { round },
            Event::WatchFired { round },
        ]
    }
}
