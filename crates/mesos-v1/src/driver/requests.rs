//! What the scheduler wants.

use super::{
    Driver,
    input::{Receipt, Request, RequestId},
    output::{NotSent, Outcome, Output},
    queue::{Launch, Queued, What},
    refusal::Refusal,
    state::{Session, State},
};
use crate::{
    Mono, call,
    event::{is_terminal, task_state},
    proto::{AgentId, OfferId, TaskId, offer::Operation, scheduler::Call},
};

impl Driver {
    /// Carries out a request, or keeps it as a state until it can be.
    pub(super) fn request(&mut self, now: Mono, state: State, request: Request) -> State {
        match request {
            Request::Watch { task, agent } => self.tasks.watch(&task, agent),
            Request::Unwatch { task } => self.tasks.unwatch(&task),
            Request::Kill { task, policy } => self.tasks.kill(&task, policy, now),
            Request::Demand { roles } => self.demand.set(&roles),
            Request::Constrain { constraints } => {
                self.constraints.set(constraints, &self.config.roles());
            }
            Request::Refresh => self.demand.refresh(),
            Request::Reconcile => self.tasks.round(now, &mut self.jitter),
            Request::Retry => return self.retry(now, state),
            Request::ForgetFramework => return self.forget(state),
            Request::Launch {
                request,
                offers,
                operations,
                refuse_seconds,
            } => {
                let launch = Launch {
                    request,
                    tasks: tasks_of(&operations),
                    offers,
                    refuse_seconds,
                };
                return self.with_session(state, Some(request), |driver, session| {
                    driver.launch(session, launch, operations);
                });
            }
            Request::Decline {
                offers,
                refuse_seconds,
            } => {
                return self.with_session(state, None, |driver, session| {
                    driver.decline(session, offers, refuse_seconds);
                });
            }
            Request::AgreeToLeave { offers } => {
                return self.with_session(state, None, |driver, session| {
                    driver.queue_of(session, What::Other, |id| {
                        call::accept_inverse_offers(id, offers)
                    });
                });
            }
            Request::Teardown { request } => {
                return self.with_session(state, Some(request), |driver, session| {
                    driver.queue_of(session, What::Teardown(request), call::teardown);
                });
            }
            Request::UpdateFramework { request, info } => {
                self.config.info = *info;
                self.demand.set_roles(self.config.roles());
                self.constraints.set_roles(&self.config.roles());
                let (info, suppressed) = (self.config.info.clone(), self.demand.suppressed());
                let constraints = self.constraints.announce_again();
                return self.with_session(state, Some(request), |driver, session| {
                    driver.queue_of(session, What::UpdateFramework(request), |id| {
                        call::update_framework(id, &info, suppressed, constraints)
                    });
                });
            }
        }
        state
    }

    // Does it when we are subscribed, and says so when we are not.
    fn with_session(
        &mut self,
        mut state: State,
        request: Option<RequestId>,
        act: impl FnOnce(&mut Self, &mut Session),
    ) -> State {
        if let State::Subscribed { session } = &mut state {
            act(self, session);
        } else if let Some(request) = request {
            let why = if matches!(state, State::Draining { .. }) {
                NotSent::Stopping
            } else {
                NotSent::NotSubscribed
            };
            self.settle(request, Outcome::NotSent(why));
        }
        state
    }

    fn queue_of(
        &mut self,
        session: &mut Session,
        what: What,
        call: impl FnOnce(&crate::proto::FrameworkId) -> Call,
    ) {
        if let Some(id) = self.framework().cloned() {
            self.queue(session, Queued::new(what, &call(&id)));
        }
    }

    // One stale offer would make the master drop the whole call, so it is not sent; the others go back.
    fn launch(&mut self, session: &mut Session, launch: Launch, operations: Vec<Operation>) {
        let request = launch.request;
        if session.calls.is_full() {
            self.settle(request, Outcome::NotSent(NotSent::QueueFull));
            return;
        }
        let (ours, stale): (Vec<OfferId>, Vec<OfferId>) = launch
            .offers
            .iter()
            .cloned()
            .partition(|offer| session.offers.take(offer));
        if !stale.is_empty() || ours.is_empty() {
            self.settle(request, Outcome::NotSent(NotSent::StaleOffer));
            self.give_back(session, ours, launch.refuse_seconds);
            return;
        }
        let refuse_seconds = launch.refuse_seconds;
        self.queue_of(session, What::Launch(launch), |id| {
            call::accept(id, ours, operations, refuse_seconds)
        });
    }

    fn decline(&mut self, session: &mut Session, offers: Vec<OfferId>, refuse_seconds: f64) {
        let ours: Vec<OfferId> = offers
            .into_iter()
            .filter(|offer| session.offers.take(offer))
            .collect();
        self.give_back(session, ours, refuse_seconds);
    }

    fn give_back(&mut self, session: &mut Session, offers: Vec<OfferId>, refuse_seconds: f64) {
        if !offers.is_empty() {
            self.queue_of(session, What::Decline, |id| {
                call::decline(id, offers, refuse_seconds)
            });
        }
    }

    fn retry(&mut self, now: Mono, state: State) -> State {
        // An id that was removed stays removed.
        if let State::Fatal {
            refusal: Refusal::FailedOver | Refusal::Config(_) | Refusal::Auth(_),
            ..
        } = state
        {
            return self.detect(now);
        }
        state
    }

    fn forget(&mut self, mut state: State) -> State {
        if let State::Fatal {
            refusal: Refusal::Removed,
            erasing,
            ..
        } = &mut state
            && !*erasing
        {
            *erasing = true;
            self.say(Output::EraseId);
        }
        state
    }

    /// The effect of an update is durable.
    pub(super) fn recorded(&mut self, mut state: State, receipt: &Receipt) -> State {
        if receipt.ended {
            self.tasks.unwatch(&receipt.task);
        }
        let (State::Subscribed { session } | State::Draining { session, .. }) = &mut state else {
            return state;
        };
        // That of an earlier subscription comes again in this one.
        if session.subscription == receipt.subscription
            && let Some(status) = &receipt.acknowledgement
            && let Some(id) = self.framework()
            && let Some(call) = call::acknowledge(id, status)
        {
            let task = status.task_id.clone();
            let what = if task_state(status).is_ok_and(is_terminal) {
                What::AcknowledgeEnd(task)
            } else {
                What::Acknowledge(task)
            };
            self.queue(session, Queued::new(what, &call));
        }
        state
    }
}

fn tasks_of(operations: &[Operation]) -> Vec<(TaskId, AgentId)> {
    operations
        .iter()
        .flat_map(|operation| {
            let alone = operation
                .launch
                .iter()
                .flat_map(|launch| &launch.task_infos);
            let group = operation
                .launch_group
                .iter()
                .flat_map(|group| &group.task_group.tasks);
            alone.chain(group)
        })
        .map(|task| (task.task_id.clone(), task.agent_id.clone()))
        .collect()
}
