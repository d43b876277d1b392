//! Getting a subscription, and getting out of one.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Driver,
    answer::{Answer, ToSubscribe, to_subscribe},
    config,
    input::Subscription,
    jitter::doubled,
    leader::Leader,
    offers::Offers,
    output::{Cause, NotSent, Notice, Outcome, Output},
    queue::Calls,
    refusal::Refusal,
    state::{Session, State, Try},
    tasks::Tasks,
};
use crate::{Mono, call, recordio::Decoder};

impl Driver {
    pub(super) fn detect(&mut self, now: Mono) -> State {
        self.say(Output::Detect);
        State::Detecting {
            tell_at: now.after(config::NO_LEADER_TOLD),
        }
    }

    /// Goes to the master that was found. When it is another one than before, all schedulers of the cluster see it at
    /// once, and spread.
    pub(super) fn approach(&mut self, now: Mono, leader: Leader) -> State {
        let is_new = self
            .leader
            .as_ref()
            .is_some_and(|old| !old.is_same(&leader));
        if !is_new {
            return self.fence(now, leader, 0);
        }
        State::Backoff {
            until: now.after(self.jitter.up_to(config::NEW_LEADER_SPREAD)),
            leader: Some(leader),
        }
    }

    /// Asks whether we still lead.
    pub(super) fn fence(&mut self, now: Mono, leader: Leader, redirects: u32) -> State {
        self.subscription = Subscription(self.subscription.0 + 1);
        self.live = Some(self.subscription);
        self.leader = Some(leader.clone());
        self.say(Output::CheckFence {
            subscription: self.subscription,
        });
        State::Fencing {
            try_: Try {
                subscription: self.subscription,
                leader,
                redirects,
                until: now.after(config::FENCE_WAIT),
            },
        }
    }

    pub(super) fn subscribe(&mut self, now: Mono, mut try_: Try) -> State {
        let suppressed = self.demand.announce();
        let constraints = self.constraints.announce();
        let id = self.id.as_ref().map(|(id, _stored)| id);
        let info = &self.config.info;
        let body = call::body(&call::subscribe(id, info, suppressed, constraints));
        self.say(Output::Subscribe {
            subscription: try_.subscription,
            leader: try_.leader.clone(),
            body,
        });
        try_.until = now.after(config::SUBSCRIBE_WAIT);
        State::Connecting { try_ }
    }

    /// Reads the head of the answer to `SUBSCRIBE`.
    pub(super) fn head(&mut self, now: Mono, try_: Try, answer: &Answer) -> State {
        match to_subscribe(answer) {
            ToSubscribe::Stream(stream_id) => State::AwaitSubscribed {
                until: now.after(config::FIRST_EVENT_WAIT),
                session: Box::new(Session {
                    subscription: try_.subscription,
                    leader: try_.leader,
                    stream_id,
                    decoder: Decoder::new(),
                    heard_at: now,
                    cut_since: None,
                    silence: config::silence(None),
                    since: now,
                    calls: Calls::default(),
                    offers: Offers::default(),
                    newcomer: None,
                }),
            },
            ToSubscribe::Elsewhere(_) if try_.redirects >= config::REDIRECTS_MAX => {
                self.give_up(now, Cause::Redirects)
            }
            ToSubscribe::Elsewhere(authority) => {
                self.close();
                let leader = Leader {
                    authority,
                    id: None,
                };
                self.fence(now, leader, try_.redirects + 1)
            }
            ToSubscribe::Later => self.give_up(
                now,
                Cause::Answer {
                    status: answer.status,
                    text: answer.text(),
                },
            ),
            ToSubscribe::Forbidden => self.fatal(now, Refusal::Auth(what_was_said(answer))),
            ToSubscribe::Refused if self.constraints.give_up() => {
                self.without_constraints(now, what_was_said(answer))
            }
            ToSubscribe::Refused => self.fatal(now, Refusal::Config(what_was_said(answer))),
        }
    }

    /// Ends an attempt that came to nothing.
    pub(super) fn give_up(&mut self, now: Mono, cause: Cause) -> State {
        self.give_up_for(now, cause, Duration::ZERO)
    }

    /// The same, for a while at least.
    pub(super) fn give_up_for(&mut self, now: Mono, cause: Cause, at_least: Duration) -> State {
        self.close();
        let longest = doubled(config::BACKOFF_FIRST, self.attempt, config::BACKOFF_MAX);
        self.attempt = self.attempt.saturating_add(1);
        let until = now.after(self.jitter.up_to(longest).max(at_least));
        self.tell(Notice::Waiting { cause, until });
        State::Backoff {
            until,
            leader: None,
        }
    }

    /// Ends a subscription that broke, and tries again.
    pub(super) fn lose(&mut self, now: Mono, session: Box<Session>, cause: Cause) -> State {
        self.dissolve(now, session, cause.clone());
        self.give_up(now, cause)
    }

    /// Ends a subscription because a call may or may not have arrived, or is refused for being of an older one. A new
    /// subscription makes that certain, so there is no wait the first time.
    pub(super) fn renew(&mut self, now: Mono, session: Box<Session>, cause: Cause) -> State {
        let leader = session.leader.clone();
        self.dissolve(now, session, cause.clone());
        if self.attempt > 0 {
            return self.give_up(now, cause);
        }
        self.attempt = 1;
        self.close();
        self.fence(now, leader, 0)
    }

    /// The master does not want us, perhaps because of the offer constraints: try without them.
    pub(super) fn without_constraints(&mut self, now: Mono, text: String) -> State {
        self.tell(Notice::ConstraintsRefused);
        self.give_up(now, Cause::Error(text))
    }

    /// The master does not want us.
    pub(super) fn fatal(&mut self, now: Mono, refusal: Refusal) -> State {
        self.close();
        let until = match refusal {
            Refusal::Removed | Refusal::FailedOver => None,
            Refusal::Config(_) | Refusal::Auth(_) => {
                let wait = doubled(config::REFUSED_FIRST, self.refused, config::REFUSED_MAX);
                self.refused = self.refused.saturating_add(1);
                Some(now.after(wait))
            }
        };
        self.tell(Notice::Refused {
            refusal: refusal.clone(),
            until,
        });
        State::Fatal {
            refusal,
            until,
            erasing: false,
        }
    }

    /// The id of a framework that was removed is erased: become a new one.
    pub(super) fn forgotten(&mut self, now: Mono) -> State {
        self.id = None;
        self.tasks = Tasks::new(self.config.pace.reconcile);
        self.detect(now)
    }

    /// Another master is said to lead. The stream stays until that was so for a while: who says it may be wrong.
    pub(super) fn newcomer(now: Mono, mut session: Box<Session>, leader: Leader) -> State {
        // Only a name says that it is another process; an address may be that of a master that redirects.
        let (Some(ours), Some(theirs)) = (&session.leader.id, &leader.id) else {
            return State::Subscribed { session };
        };
        if ours == theirs {
            session.newcomer = None;
        } else if session
            .newcomer
            .as_ref()
            .is_none_or(|(seen, _since)| *seen != leader)
        {
            session.newcomer = Some((leader, now));
        }
        State::Subscribed { session }
    }

    /// Nobody is said to lead. A stream that lives is that of somebody who does; the other one does not any more.
    pub(super) fn no_newcomer(mut session: Box<Session>) -> State {
        session.newcomer = None;
        State::Subscribed { session }
    }

    pub(super) fn stop(&mut self, now: Mono, state: State) -> State {
        match state {
            State::Stopped => State::Stopped,
            State::Subscribed { mut session } => {
                let dropped = session.calls.take_optional();
                self.not_sent(now, dropped, NotSent::Stopping);
                State::Draining {
                    session,
                    until: now.after(config::DRAIN_WAIT),
                }
            }
            state @ State::Draining { .. } => state,
            State::Detecting { .. }
            | State::Backoff { .. }
            | State::Fencing { .. }
            | State::Connecting { .. }
            | State::AwaitSubscribed { .. }
            | State::Storing { .. }
            | State::Fatal { .. } => {
                self.close();
                State::Stopped
            }
        }
    }

    /// What was owed went out, or never will.
    pub(super) fn end(&mut self, now: Mono, session: Box<Session>) -> State {
        self.dissolve(now, session, Cause::Stopped);
        self.close();
        State::Stopped
    }

    /// We do not lead any more. Whoever does has the store, and asks about all tasks itself.
    pub(super) fn depose(&mut self, now: Mono, state: State) -> State {
        if matches!(state, State::Stopped) {
            return state;
        }
        // Closed first: nothing more is to arrive.
        self.close();
        if let State::Subscribed { session } | State::Draining { session, .. } = state {
            self.dissolve(now, session, Cause::Stopped);
        }
        self.tasks = Tasks::new(self.config.pace.reconcile);
        self.demand.set(&BTreeSet::new());
        self.constraints.clear();
        self.tell(Notice::Deposed);
        State::Stopped
    }

    /// Closes the connections, if there are any, and voids what still comes from them.
    pub(super) fn close(&mut self) {
        if let Some(subscription) = self.live.take() {
            self.say(Output::Close { subscription });
        }
    }

    // Everything of the subscription ends: what waits was not sent, what is under way may have arrived.
    pub(super) fn dissolve(&mut self, now: Mono, session: Box<Session>, cause: Cause) {
        if now.since(session.since) >= config::STABLE_AFTER {
            self.attempt = 0;
        }
        self.tell(Notice::Disconnected(cause));
        let (waiting, under_way) = session.calls.dissolve();
        self.not_sent(now, waiting, NotSent::Disconnected);
        for call in under_way {
            self.conclude(now, call, Outcome::Ambiguous);
        }
    }

    // Events that came while the id was stored are handled now.
    pub(super) fn stored(&mut self, now: Mono, state: State) -> State {
        let State::Storing {
            session,
            held,
            master,
            ..
        } = state
        else {
            return state;
        };
        if let Some((_id, stored)) = &mut self.id {
            *stored = true;
        }
        let mut state = self.subscribed(now, session, master);
        for event in held {
            state = self.event(now, state, event);
        }
        state
    }
}

fn what_was_said(answer: &Answer) -> String {
    format!("{} {}", answer.status, answer.text())
}
