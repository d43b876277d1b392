//! The subscription to a master as a state machine without sockets.
//!
//! The caller owns connections, clock and store. It feeds facts with [`Driver::handle`], carries out what
//! [`Driver::next_output`] says, in order, and comes back with [`Input::Tick`] at [`Driver::deadline`].
//!
//! ```text
//!                      facts (Input)                 instructions (Output)
//!   connection   Head, Data, Closed        ──►    Subscribe, Close
//!   calls        CallAnswered, CallLost    ──►    Send                     one at a time on each lane
//!   store        FenceHeld, IdStored       ──►    CheckFence, StoreId
//!   scheduler    Request, Recorded         ──►    Tell(Notice)
//! ```
//!
//! What it promises:
//!
//! * Before every `SUBSCRIBE` the caller is asked whether it still leads. A new subscription makes the master refuse all
//!   calls of the one before, so what an old leader sent too late comes to nothing.
//! * An `ACCEPT` is sent once. One that may have arrived is settled as ambiguous, after the subscription was renewed:
//!   then it either arrived or never will, and asking about its tasks gives an answer that stays true.
//! * An update is acknowledged when the caller says that it is on record, and only within its own subscription; the agent
//!   repeats it in the next one.
//! * A new id is stored before any event is handled, and is used for every attempt from then on.
//! * All that came with a subscription (offers, calls that wait, its answers) ends with it.

mod answer;
mod calls;
pub mod config;
mod connect;
mod constrain;
mod demand;
mod events;
mod input;
mod jitter;
mod leader;
mod offers;
mod output;
mod queue;
mod refusal;
mod requests;
mod state;
mod tasks;

use std::collections::VecDeque;

pub use answer::{Answer, BODY_LEN_MAX};
pub use config::{Config, Pace};
pub use input::{CallId, Input, InputKind, Receipt, Request, RequestId, Subscription, Written};
pub use leader::Leader;
pub use output::{Cause, Lane, NotSent, Notice, Outcome, Output, Update};
pub use refusal::Refusal;
pub use state::StateKind;

use crate::{Mono, proto::FrameworkId};
use constrain::Constraints;
use demand::Demand;
use jitter::Jitter;
use state::State;
use tasks::Tasks;

/// Subscribes, and stays subscribed.
#[derive(Debug)]
pub struct Driver {
    config: Config,
    /// The id we have, and whether it is stored.
    id: Option<(FrameworkId, bool)>,
    state: State,
    /// The last attempt.
    subscription: Subscription,
    /// The attempt whose facts count; none while there is no connection.
    live: Option<Subscription>,
    /// Attempts without a subscription that lasted.
    attempt: u32,
    /// Refusals in a row.
    refused: u32,
    /// Whom we tried last.
    leader: Option<Leader>,
    tasks: Tasks,
    demand: Demand,
    constraints: Constraints,
    jitter: Jitter,
    calls: u64,
    outputs: VecDeque<Output>,
}

impl Driver {
    /// A driver that waits for [`Input::Start`].
    pub fn new(config: Config) -> Self {
        let id = config
            .id
            .clone()
            .filter(|id| !id.value.is_empty())
            .map(|id| (id, true));
        let config_pace = config.pace;
        Self {
            demand: Demand::new(config.roles(), config.pace.revive),
            constraints: Constraints::default(),
            jitter: Jitter::new(config.seed),
            config,
            id,
            state: State::Stopped,
            subscription: Subscription(0),
            live: None,
            attempt: 0,
            refused: 0,
            leader: None,
            tasks: Tasks::new(config_pace.reconcile),
            calls: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in one fact. Call [`Driver::next_output`] until it is empty before the next one.
    ///
    /// A fact that does not fit the state, or comes from a subscription that is over, changes nothing.
    pub fn handle(&mut self, now: Mono, input: Input) {
        if input.subscription().is_some() && input.subscription() != self.live {
            return;
        }
        let state = std::mem::replace(&mut self.state, State::Stopped);
        let state = self.step(now, state, input);
        self.state = self.pump(now, state);
    }

    /// Returns the next instruction, oldest first.
    pub fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when to come back with [`Input::Tick`], whatever happens until then.
    pub fn deadline(&self) -> Option<Mono> {
        let own = self.state.deadline();
        match self.state {
            State::Subscribed { .. } => [own, self.tasks.deadline(), self.demand.deadline()]
                .into_iter()
                .flatten()
                .min(),
            State::Stopped
            | State::Detecting { .. }
            | State::Backoff { .. }
            | State::Fencing { .. }
            | State::Connecting { .. }
            | State::AwaitSubscribed { .. }
            | State::Storing { .. }
            | State::Draining { .. }
            | State::Fatal { .. } => own,
        }
    }

    /// Returns where the driver stands.
    pub fn state(&self) -> StateKind {
        self.state.kind()
    }

    /// Returns the id of the framework, once there is one.
    pub fn framework(&self) -> Option<&FrameworkId> {
        self.id.as_ref().map(|(id, _stored)| id)
    }

    /// Returns why the master does not want us, if that is so.
    pub fn refusal(&self) -> Option<&Refusal> {
        if let State::Fatal { refusal, .. } = &self.state {
            return Some(refusal);
        }
        None
    }

    // The whole machine: which fact does what in which state. What is not listed is passed over, by name.
    fn step(&mut self, now: Mono, state: State, input: Input) -> State {
        match (state, input) {
            (State::Stopped, Input::Start) => self.detect(now),
            (state, Input::FenceLost) => self.depose(now, state),
            (state, Input::Stop) => self.stop(now, state),
            (state, Input::Request(request)) => self.request(now, state, request),
            (state, Input::Recorded(receipt)) => self.recorded(state, &receipt),

            (State::Detecting { .. }, Input::Leader(leader)) => self.approach(now, leader),
            (State::Fencing { try_ }, Input::FenceHeld { .. }) => self.subscribe(now, try_),
            (State::Connecting { try_ }, Input::Head { answer, .. }) => {
                self.head(now, try_, &answer)
            }
            (
                State::Connecting { .. } | State::AwaitSubscribed { .. } | State::Storing { .. },
                Input::Closed { why, .. },
            ) => self.give_up(now, Cause::Closed(why)),
            (
                state @ (State::AwaitSubscribed { .. }
                | State::Storing { .. }
                | State::Subscribed { .. }
                | State::Draining { .. }),
                Input::Data { bytes, .. },
            ) => self.data(now, state, &bytes),
            (state @ State::Storing { .. }, Input::IdStored { .. }) => self.stored(now, state),
            (State::Subscribed { session }, Input::Closed { why, .. }) => {
                self.lose(now, session, Cause::Closed(why))
            }
            (State::Subscribed { session }, Input::Leader(leader)) => {
                Self::newcomer(now, session, leader)
            }
            (State::Subscribed { session }, Input::NoLeader) => Self::no_newcomer(session),
            (
                state @ (State::Subscribed { .. } | State::Draining { .. }),
                Input::CallAnswered { call, answer, .. },
            ) => self.answered(now, state, call, &answer),
            (
                state @ (State::Subscribed { .. } | State::Draining { .. }),
                Input::CallLost { call, written, .. },
            ) => self.call_lost(now, state, call, written),
            (State::Draining { session, .. }, Input::Closed { .. }) => self.end(now, session),
            (
                State::Fatal {
                    refusal: Refusal::Removed,
                    erasing: true,
                    ..
                },
                Input::IdErased,
            ) => self.forgotten(now),
            (state, Input::Tick) => self.tick(now, state),

            (
                state,
                Input::Start
                | Input::Leader(_)
                | Input::NoLeader
                | Input::FenceHeld { .. }
                | Input::Head { .. }
                | Input::Data { .. }
                | Input::Closed { .. }
                | Input::CallAnswered { .. }
                | Input::CallLost { .. }
                | Input::IdStored { .. }
                | Input::IdErased,
            ) => state,
        }
    }

    // What time alone does.
    fn tick(&mut self, now: Mono, state: State) -> State {
        if state.deadline().is_none_or(|at| at > now) {
            return state;
        }
        match state {
            State::Detecting { .. } => {
                self.tell(Notice::NoLeader);
                State::Detecting {
                    tell_at: now.after(config::NO_LEADER_TOLD),
                }
            }
            State::Backoff {
                leader: Some(leader),
                ..
            } => self.fence(now, leader, 0),
            State::Backoff { leader: None, .. } | State::Fatal { .. } => self.detect(now),
            State::Fencing { .. } => self.give_up(now, Cause::Timeout("the check of the fence")),
            State::Connecting { .. } => self.give_up(now, Cause::Timeout("SUBSCRIBE")),
            State::AwaitSubscribed { .. } => self.give_up(now, Cause::Timeout("the first event")),
            State::Storing { .. } => self.give_up(now, Cause::Timeout("storing the id")),
            State::Subscribed { session } => self.session_tick(now, session),
            State::Draining { session, .. } => self.end(now, session),
            State::Stopped => State::Stopped,
        }
    }

    fn say(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    fn tell(&mut self, notice: Notice) {
        self.say(Output::Tell(notice));
    }
}
