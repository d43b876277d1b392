//! Sending calls, and what their answers mean.

use super::{
    Driver,
    answer::{Answer, ToCall, to_call},
    config,
    demand::Level,
    input::{CallId, RequestId, Written},
    output::{Cause, NotSent, Notice, Outcome, Output},
    queue::{Launch, Queued, What},
    refusal::Refusal,
    state::{Session, State},
    tasks::Ask,
};
use crate::{Mono, call, proto::FrameworkId};

impl Driver {
    /// Sends what can be sent; every input ends here.
    pub(super) fn pump(&mut self, now: Mono, state: State) -> State {
        match state {
            State::Subscribed { mut session } => {
                if let Some(id) = self.framework().cloned() {
                    self.queue_what_is_due(now, &mut session, &id);
                }
                self.start_what_can_go(now, &mut session);
                State::Subscribed { session }
            }
            State::Draining { mut session, until } => {
                self.start_what_can_go(now, &mut session);
                if session.calls.is_idle() {
                    return self.end(now, session);
                }
                State::Draining { session, until }
            }
            state @ (State::Stopped
            | State::Detecting { .. }
            | State::Backoff { .. }
            | State::Fencing { .. }
            | State::Connecting { .. }
            | State::AwaitSubscribed { .. }
            | State::Storing { .. }
            | State::Fatal { .. }) => state,
        }
    }

    // States of ours that the master is to be brought to.
    fn queue_what_is_due(&mut self, now: Mono, session: &mut Session, id: &FrameworkId) {
        for ask in self.tasks.due(now, &mut self.jitter) {
            let queued = match ask {
                Ask::About(tasks) => Queued::new(What::Reconcile, &call::reconcile(id, tasks)),
                Ask::Kill(task, policy) => Queued::new(What::Kill, &call::kill(id, task, policy)),
            };
            self.queue(session, queued);
        }
        if self.tasks.take_answered() {
            self.tell(Notice::Reconciled);
        }
        // First which agents, then that offers are wanted: those follow at once. What finds no room is due still.
        if self.constraints.is_due() && !session.calls.is_full() {
            let constraints = self.constraints.announce_again();
            let (info, told) = (&self.config.info, self.demand.told());
            let call = call::update_framework(id, info, told, constraints);
            self.queue(session, Queued::new(What::Constrain, &call));
        }
        while !session.calls.is_full()
            && let Some(level) = self.demand.next(now)
        {
            let call = match level {
                Level::Suppress(roles) => call::suppress(id, roles),
                Level::Revive(roles) => call::revive(id, roles),
            };
            self.queue(session, Queued::new(What::Other, &call));
        }
    }

    /// Puts a call into the queue; says so when there is no room.
    pub(super) fn queue(&mut self, session: &mut Session, call: Queued) {
        if !session.calls.push(call) {
            self.tell(Notice::QueueFull);
        }
    }

    fn start_what_can_go(&mut self, now: Mono, session: &mut Session) {
        loop {
            let call = CallId(self.calls + 1);
            let Some((lane, body)) = session.calls.start(call, now) else {
                return;
            };
            let body = body.to_vec();
            self.calls += 1;
            self.say(Output::Send {
                subscription: session.subscription,
                lane,
                call,
                stream_id: session.stream_id.clone(),
                body,
            });
        }
    }

    /// What time does to a subscription.
    pub(super) fn session_tick(&mut self, now: Mono, mut session: Box<Session>) -> State {
        if session.silent_at() <= now {
            return self.lose(now, session, Cause::Silence);
        }
        if session.cut_at().is_some_and(|at| at <= now) {
            return self.lose(now, session, Cause::Timeout("the rest of a record"));
        }
        if session.calls.until().is_some_and(|until| until <= now) {
            return self.renew(now, session, Cause::AmbiguousCall);
        }
        if let Some((leader, since)) = &session.newcomer
            && since.after(config::NEW_LEADER_HOLDS) <= now
        {
            let leader = leader.clone();
            self.dissolve(now, session, Cause::NewLeader);
            self.close();
            return State::Backoff {
                until: now.after(self.jitter.up_to(config::NEW_LEADER_SPREAD)),
                leader: Some(leader),
            };
        }
        let expired = session.offers.take_expired(now);
        if let Some(id) = self.framework().cloned()
            && !expired.is_empty()
        {
            let call = call::decline(&id, expired.clone(), config::OFFER_EXPIRED_REFUSE_SECONDS);
            self.queue(&mut session, Queued::new(What::Decline, &call));
            for offer in expired {
                self.tell(Notice::Rescinded(offer));
            }
        }
        State::Subscribed { session }
    }

    /// A call was answered.
    pub(super) fn answered(
        &mut self,
        now: Mono,
        mut state: State,
        id: CallId,
        answer: &Answer,
    ) -> State {
        let (State::Subscribed { session } | State::Draining { session, .. }) = &mut state else {
            return state;
        };
        let Some(ended) = session.calls.end(id) else {
            return state;
        };
        let updates = matches!(ended.what, What::UpdateFramework(_) | What::Constrain);
        let meaning = to_call(answer, updates);
        let constrains = matches!(ended.what, What::Constrain);
        let torn_down = matches!(ended.what, What::Teardown(_)) && meaning == ToCall::Done;
        let outcome = match meaning {
            ToCall::Done => Outcome::Received,
            ToCall::Refused => {
                let (status, text) = (answer.status, answer.text());
                self.tell(Notice::CallRefused {
                    status,
                    text: text.clone(),
                });
                Outcome::Refused { status, text }
            }
            // It was refused before anybody looked at it.
            ToCall::Unsubscribed | ToCall::Forbidden => Outcome::NotSent(NotSent::Disconnected),
            // A proxy in front may have lost the answer of the master behind it.
            ToCall::Moved => Outcome::Ambiguous,
        };
        self.conclude(now, ended, outcome);
        let cause = || Cause::Unsubscribed {
            status: answer.status,
            text: answer.text(),
        };
        match (state, meaning) {
            (State::Subscribed { session }, ToCall::Done) if torn_down => {
                self.dissolve(now, session, Cause::Refused);
                self.fatal(now, Refusal::Removed)
            }
            (State::Draining { session, .. }, ToCall::Done) if torn_down => self.end(now, session),
            // Nobody knows what the master makes of the ones before, so it is all said anew.
            (State::Subscribed { session }, ToCall::Refused) if constrains => {
                self.constraints.refuse();
                self.tell(Notice::ConstraintsRefused);
                self.renew(now, session, Cause::Refused)
            }
            (state, ToCall::Done | ToCall::Refused) => state,
            (State::Subscribed { session }, ToCall::Unsubscribed | ToCall::Forbidden) => {
                self.renew(now, session, cause())
            }
            (State::Subscribed { session }, ToCall::Moved) => self.lose(now, session, cause()),
            (State::Draining { session, .. }, _) => self.end(now, session),
            (state, _) => state,
        }
    }

    /// A call was not answered.
    pub(super) fn call_lost(
        &mut self,
        now: Mono,
        state: State,
        id: CallId,
        written: Written,
    ) -> State {
        match (state, written) {
            (State::Subscribed { session }, Written::Perhaps) if session.calls.is_under_way(id) => {
                self.renew(now, session, Cause::AmbiguousCall)
            }
            (State::Subscribed { mut session }, Written::Nothing) => {
                let Some(lost) = session.calls.end(id) else {
                    return State::Subscribed { session };
                };
                if let What::Launch(launch) = lost.what {
                    self.launch_not_written(&mut session, launch);
                    return State::Subscribed { session };
                }
                if lost.again {
                    self.conclude(now, lost, Outcome::NotSent(NotSent::NotWritten));
                    let cause = Cause::Closed("calls cannot be sent".to_owned());
                    return self.renew(now, session, cause);
                }
                session.calls.put_back(lost);
                State::Subscribed { session }
            }
            (State::Draining { session, .. }, _) if session.calls.is_under_way(id) => {
                self.end(now, session)
            }
            (state, _) => state,
        }
    }

    // An `ACCEPT` is never sent twice, not even one that certainly did not leave. The offers go back.
    fn launch_not_written(&mut self, session: &mut Session, launch: Launch) {
        self.settle(launch.request, Outcome::NotSent(NotSent::NotWritten));
        if let Some(id) = self.framework().cloned() {
            let call = call::decline(&id, launch.offers, launch.refuse_seconds);
            self.queue(session, Queued::new(What::Decline, &call));
        }
    }

    /// A call came to its end, one way or another. What a launch may have started is ours until an answer says
    /// otherwise; other calls are repeated by whoever wants them, or are void with the subscription.
    pub(super) fn conclude(&mut self, now: Mono, call: Queued, outcome: Outcome) {
        match call.what {
            What::Launch(launch) => {
                let may_run = !matches!(outcome, Outcome::NotSent(_));
                let ask_now = matches!(outcome, Outcome::Refused { .. });
                self.settle(launch.request, outcome);
                for (task, agent) in launch.tasks.into_iter().filter(|_task| may_run) {
                    self.tasks.launched(&task, agent, now);
                    if ask_now {
                        self.tasks.ask(task.value);
                    }
                }
            }
            What::Teardown(request) | What::UpdateFramework(request) => {
                self.settle(request, outcome);
            }
            What::AcknowledgeEnd(_)
            | What::Acknowledge(_)
            | What::Kill
            | What::Reconcile
            | What::Decline
            | What::Constrain
            | What::Other => {}
        }
    }

    /// The calls did not leave, and will not.
    pub(super) fn not_sent(&mut self, now: Mono, calls: Vec<Queued>, why: NotSent) {
        for call in calls {
            self.conclude(now, call, Outcome::NotSent(why));
        }
    }

    pub(super) fn settle(&mut self, request: RequestId, outcome: Outcome) {
        self.tell(Notice::Settled { request, outcome });
    }
}
