//! What the stream says.

use std::collections::VecDeque;

use super::{
    Driver, config,
    input::Receipt,
    output::{Cause, Notice, Output, Update},
    refusal::{self, Refusal},
    state::{Session, State},
    tasks,
};
use crate::{
    Mono,
    event::{Event, wants_acknowledgement},
    proto::{FrameworkId, MasterInfo, TaskStatus, scheduler::event::Failure},
};

impl Driver {
    /// Takes bytes of the stream, in a state that has one.
    pub(super) fn data(&mut self, now: Mono, mut state: State, bytes: &[u8]) -> State {
        if let Some(session) = session_of(&mut state) {
            session.heard_at = now;
            session.decoder.push(bytes);
        }
        loop {
            // An event may have ended the subscription, and all that came after it.
            let Some(session) = session_of(&mut state) else {
                return state;
            };
            let next = session.decoder.next_record();
            session.cut_since = match &next {
                Ok(None) if session.decoder.is_inside() => session.cut_since.or(Some(now)),
                Ok(_) | Err(_) => None,
            };
            match next {
                Ok(None) => return state,
                Ok(Some(record)) if record.is_empty() => {}
                Ok(Some(record)) => match Event::decode(&record) {
                    Ok(event) => state = self.event(now, state, event),
                    Err(error) => {
                        // The frame is whole, so the next one is, too. It may have been an update.
                        self.tasks.doubt(now, &mut self.jitter);
                        self.tell(Notice::Undecodable(error));
                    }
                },
                Err(error) => return self.broken(now, state, Cause::Framing(error)),
            }
        }
    }

    /// Handles one event, in a state that has a stream.
    pub(super) fn event(&mut self, now: Mono, state: State, event: Event) -> State {
        match state {
            State::AwaitSubscribed { session, .. } => self.first(now, session, event),
            State::Storing {
                session,
                mut held,
                master,
                until,
            } => {
                if held.len() >= config::HELD_EVENTS_MAX {
                    return self.give_up(now, Cause::Flood);
                }
                held.push_back(event);
                State::Storing {
                    session,
                    held,
                    master,
                    until,
                }
            }
            State::Subscribed { session } => self.apply(now, session, event),
            State::Draining { session, until } => self.apply_draining(now, session, until, event),
            // The subscription ended with an event before this one.
            state @ (State::Stopped
            | State::Detecting { .. }
            | State::Backoff { .. }
            | State::Fencing { .. }
            | State::Connecting { .. }
            | State::Fatal { .. }) => state,
        }
    }

    // The first event says whether we are subscribed.
    fn first(&mut self, now: Mono, mut session: Box<Session>, event: Event) -> State {
        match event {
            Event::Subscribed {
                framework,
                heartbeat,
                master,
            } => {
                session.silence = config::silence(heartbeat);
                session.since = now;
                if let Some(master) = &master {
                    session.leader.id = Some(master.id.clone());
                }
                self.named(now, session, framework, master)
            }
            Event::Error(text) => self.refused(now, text),
            Event::Offers(_)
            | Event::Rescind(_)
            | Event::Update(_)
            | Event::Message(_)
            | Event::Failure(_)
            | Event::Heartbeat
            | Event::InverseOffers(_)
            | Event::RescindInverseOffer(_)
            | Event::OperationStatus(_)
            | Event::Unknown(_) => self.give_up(now, Cause::Unexpected),
        }
    }

    // The master says who we are.
    fn named(
        &mut self,
        now: Mono,
        session: Box<Session>,
        framework: FrameworkId,
        master: Option<Box<MasterInfo>>,
    ) -> State {
        match &self.id {
            Some((id, _stored)) if *id != framework => {
                // The id that is stored is not given up for one that nobody asked for.
                let text = format!("subscribed as {} and became {}", id.value, framework.value);
                self.fatal(now, Refusal::Config(text))
            }
            Some((_, true)) => self.subscribed(now, session, master),
            Some((_, false)) | None => {
                // From now on in any case: without it, the next attempt would make a second framework.
                self.id = Some((framework.clone(), false));
                self.say(Output::StoreId {
                    subscription: session.subscription,
                    id: framework,
                });
                State::Storing {
                    session,
                    held: VecDeque::new(),
                    master,
                    until: now.after(config::STORE_WAIT),
                }
            }
        }
    }

    /// We are subscribed, under an id that is stored.
    pub(super) fn subscribed(
        &mut self,
        now: Mono,
        session: Box<Session>,
        master: Option<Box<MasterInfo>>,
    ) -> State {
        self.refused = 0;
        self.leader = Some(session.leader.clone());
        self.tasks.subscribed(now, &mut self.jitter);
        let version = master.as_ref().and_then(|master| master.version.as_deref());
        self.constraints.subscribed(version);
        if let Some((framework, _stored)) = self.id.clone() {
            self.tell(Notice::Subscribed { framework, master });
        }
        State::Subscribed { session }
    }

    // An event of a subscription that stands.
    fn apply(&mut self, now: Mono, mut session: Box<Session>, event: Event) -> State {
        match event {
            Event::Offers(offers) => {
                let offers = session.offers.add(offers, now);
                if !offers.is_empty() {
                    self.tell(Notice::Offers(offers));
                }
            }
            Event::Rescind(offer) => {
                session.offers.take(&offer);
                self.tell(Notice::Rescinded(offer));
            }
            Event::Update(status) => self.update(now, &session, *status),
            Event::Failure(failure) => self.failure(failure),
            Event::Error(text) => {
                self.dissolve(now, session, Cause::Error(text.clone()));
                return self.refused(now, text);
            }
            Event::Message(message) => self.tell(Notice::Message(message)),
            Event::InverseOffers(offers) => self.tell(Notice::InverseOffers(offers)),
            Event::RescindInverseOffer(offer) => self.tell(Notice::InverseRescinded(offer)),
            Event::OperationStatus(status) => self.tell(Notice::OperationStatus(status)),
            Event::Unknown(number) => self.tell(Notice::UnknownEvent(number)),
            // A second SUBSCRIBED says nothing new.
            Event::Heartbeat | Event::Subscribed { .. } => {}
        }
        State::Subscribed { session }
    }

    // Only news of tasks matter now: they can still be acknowledged.
    fn apply_draining(
        &mut self,
        now: Mono,
        session: Box<Session>,
        until: Mono,
        event: Event,
    ) -> State {
        match event {
            Event::Update(status) => self.update(now, &session, *status),
            Event::Error(_) => return self.end(now, session),
            Event::Subscribed { .. }
            | Event::Offers(_)
            | Event::Rescind(_)
            | Event::Message(_)
            | Event::Failure(_)
            | Event::Heartbeat
            | Event::InverseOffers(_)
            | Event::RescindInverseOffer(_)
            | Event::OperationStatus(_)
            | Event::Unknown(_) => {}
        }
        State::Draining { session, until }
    }

    fn update(&mut self, now: Mono, session: &Session, status: TaskStatus) {
        let doubtful = self.tasks.news(&status, now);
        let acknowledge = wants_acknowledgement(&status) && status.agent_id.is_some();
        let receipt = Receipt {
            subscription: session.subscription,
            task: status.task_id.clone(),
            ended: !doubtful && tasks::has_ended(&status),
            acknowledgement: acknowledge.then(|| {
                Box::new(TaskStatus {
                    task_id: status.task_id.clone(),
                    state: status.state,
                    agent_id: status.agent_id.clone(),
                    uuid: status.uuid.clone(),
                    ..TaskStatus::default()
                })
            }),
        };
        self.tell(Notice::Update(Box::new(Update {
            status,
            receipt,
            doubtful,
        })));
        if self.tasks.take_answered() {
            self.tell(Notice::Reconciled);
        }
    }

    // Without an executor it is the agent that is gone. Masters that never saw its tasks say no more than this.
    fn failure(&mut self, failure: Failure) {
        if let (Some(agent), None) = (&failure.agent_id, &failure.executor_id) {
            self.tasks.ask_agent(agent);
        }
        self.tell(Notice::Failure(failure));
    }

    // The master ended the stream, with these words.
    fn refused(&mut self, now: Mono, text: String) -> State {
        match refusal::of(&text) {
            Some(Refusal::Config(_)) | None if self.constraints.give_up() => {
                self.without_constraints(now, text)
            }
            Some(refusal) => self.fatal(now, refusal),
            None => self.give_up_for(now, Cause::Error(text), config::BACKOFF_UNKNOWN_ERROR),
        }
    }

    // The stream cannot be read any more.
    fn broken(&mut self, now: Mono, state: State, cause: Cause) -> State {
        match state {
            State::Subscribed { session } => self.lose(now, session, cause),
            State::Draining { session, .. } => self.end(now, session),
            State::Stopped
            | State::Detecting { .. }
            | State::Backoff { .. }
            | State::Fencing { .. }
            | State::Connecting { .. }
            | State::AwaitSubscribed { .. }
            | State::Storing { .. }
            | State::Fatal { .. } => self.give_up(now, cause),
        }
    }
}

fn session_of(state: &mut State) -> Option<&mut Session> {
    match state {
        State::AwaitSubscribed { session, .. }
        | State::Storing { session, .. }
        | State::Subscribed { session }
        | State::Draining { session, .. } => Some(session),
        State::Stopped
        | State::Detecting { .. }
        | State::Backoff { .. }
        | State::Fencing { .. }
        | State::Connecting { .. }
        | State::Fatal { .. } => None,
    }
}
